"""The text signal: how a text is written, and what it says once its disguises are undone."""

import re
import unicodedata
from collections.abc import Mapping
from typing import ClassVar

from safehold.engine.event import Event
from safehold.signals.reading import read
from safehold.signals.text.normalise import TRICKS, normalise, squashed

_WORD = re.compile(r"[^\W_]+(?:['’-][^\W_]+)*")
_MENTION = re.compile(r"(?<![\w@.])@[\w.-]{1,64}")
_HASHTAG = re.compile(r"(?<![\w#&/])#[^\W\d_]\w{0,99}")
_LETTER_RUN = re.compile(r"(\S)\1{3,}")

#: Pictures: the blocks that hold Unicode's Extended_Pictographic characters, and flags as pairs of regional indicators.
#: What follows a picture (skin, presentation, a joined second picture) belongs to it.
_EMOJI = re.compile(
    "(?:[\U0001f1e6-\U0001f1ff]{2}|[\U0001f300-\U0001f6ff\U0001f7e0-\U0001f7eb\U0001f900-\U0001faff"
    "☀-➿⬅-⬇⬛⬜⭐⭕⌚⌛⏩-⏳])"
    "[\U0001f3fb-\U0001f3ff️]*(?:‍[\U0001f300-\U0001faff☀-➿][\U0001f3fb-\U0001f3ff️]*)*"
)


class Text:
    """`signals.text`. Counts are of the text as it came (at most 20,000 characters); `normalised` and `squashed` are
    what the lexicon reads.
    """

    name = "text"
    title = "How a text is written"
    version = f"1.0.1+unicode.{unicodedata.unidata_version}"
    cost = 80.0
    basis = ""
    reads = ("text",)
    fields: ClassVar[Mapping[str, str]] = {
        "normalised": "string",
        "squashed": "string",
        "changed": "bool",
        "tricks": "list(string)",
        "length": "int",
        "words": "int",
        "caps_ratio": "double",
        "digits_ratio": "double",
        "emoji": "int",
        "mentions": "int",
        "hashtags": "int",
        "longest_run": "int",
        "truncated": "bool",
    }
    limits: ClassVar[Mapping[str, tuple[float | None, float | None]]] = {
        "caps_ratio": (0.0, 1.0),
        "digits_ratio": (0.0, 1.0),
        **dict.fromkeys(("length", "words", "emoji", "mentions", "hashtags", "longest_run"), (0, None)),
    }

    def run(self, event: Event) -> Mapping[str, object]:
        """Measure the text; an event without text measures as an empty one."""
        text, truncated = read(event)
        normal = normalise(text)
        letters = sum(map(str.isalpha, text))
        capitals = sum(letter.isalpha() and letter.isupper() for letter in text)
        drawn = sum(not c.isspace() for c in text)
        return {
            "normalised": normal.text,
            "squashed": squashed(normal.text),
            "changed": bool(normal.tricks),
            "tricks": [trick for trick in TRICKS if trick in normal.tricks],
            "length": len(text),
            "words": sum(1 for _ in _WORD.finditer(text)),
            "caps_ratio": capitals / letters if letters else 0.0,
            "digits_ratio": sum(map(str.isdigit, text)) / drawn if drawn else 0.0,
            "emoji": sum(1 for _ in _EMOJI.finditer(text)),
            "mentions": sum(1 for _ in _MENTION.finditer(text)),
            "hashtags": sum(1 for _ in _HASHTAG.finditer(text)),
            "longest_run": max((m.end() - m.start() for m in _LETTER_RUN.finditer(text)), default=0),
            "truncated": truncated,
        }
