"""The fingerprint signal: two short keys by which windows count the same text, and the same text with changes.

`exact` is the text without its disguises: homoglyphs, leet, spacing, case and punctuation change nothing in it. `near`
also survives other numbers, links, names, greetings and most changes of single words, because it holds only the three
longest words. Measured against MinHash on short messages: see docs/reference/signals.md.
"""

import hashlib
import re
from collections.abc import Mapping
from typing import ClassVar

from safehold.engine.event import Event
from safehold.signals.reading import read
from safehold.signals.text.normalise import bare, normalise

LINK_OR_MENTION = re.compile(r"(?:https?://|www\.)\S+|(?<![\w-])[\w-]{1,63}(?:\.[\w-]{1,63})+(?:/\S*)?|@\w+")
_WORD = re.compile(r"[^\W\d_]+")
#: Three of the longest words tell messages apart (1 in 3,000 unrelated ones collide) and outlast most edits.
_WORDS_KEPT = 3


class Fingerprint:
    """`signals.fingerprint`. Keys are 16 hexadecimal digits. A text without words has its `exact` key as `near` too;
    one that says nothing at all has a key of its own, so that empty messages don't count as copies of each other.
    """

    name = "fingerprint"
    title = "The same text again"
    version = "1.0.0"
    cost = 80.0
    reads = ("text",)
    fields: ClassVar[Mapping[str, str]] = {"exact": "string", "near": "string", "words": "int", "truncated": "bool"}

    def run(self, event: Event) -> Mapping[str, object]:
        """`words` is the number of different words that `near` could choose from: one or two words make a weak key."""
        text, truncated = read(event)
        plain = normalise(text).text
        signs = "".join(filter(str.isalnum, bare(plain))) or plain.replace(" ", "")
        words = distinctive(plain)
        exact = _key(signs or f"\0{event.source}\0{event.id}")
        near = _key(" ".join(sorted(words[:_WORDS_KEPT]))) if words else exact
        return {"exact": exact, "near": near, "words": len(words), "truncated": truncated}


def distinctive(normalised: str) -> list[str]:
    """The different words of a normalised text without links, mentions and numbers, longest first."""
    return sorted(set(_WORD.findall(bare(LINK_OR_MENTION.sub(" ", normalised)))), key=lambda word: (-len(word), word))


def _key(text: str) -> str:
    return hashlib.blake2b(text.encode(), digest_size=8).hexdigest()
