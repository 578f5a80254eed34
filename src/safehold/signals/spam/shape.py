"""How advertisements look, whatever they say: capitals, links, pictures, punctuation, words crossed with digits."""

import re
from typing import NamedTuple

_WORD = re.compile(r"[^\W\d_]{3,}")
_RUN = re.compile(r"[!?$*#~=>.…-]{3,}")
_LINK = re.compile(r"(?:https?://|www\.)\S+|(?<![\w@.])[\w-]{1,63}(?:\.[\w-]{2,63})+(?:/\S*)?", re.IGNORECASE)
_CROSSED = re.compile(r"(?<!\w)(?=[^\W_]*\d)(?=[^\W_]*[^\W\d_])[^\W_]{3,40}(?!\w)")
_EMOJI = re.compile(
    "[\U0001f1e6-\U0001f1ff\U0001f300-\U0001f6ff\U0001f7e0-\U0001f7eb\U0001f900-\U0001faff☀-➿⬅-⬇⬛⬜⭐⭕]"
)


class Shape(NamedTuple):
    """Shares are from 0 to 1: `shouting` of words of three letters and more that are all capitals (0 if there are fewer
    than four), `link_share` of characters in links, `emoji_share` of characters that are pictures. `punctuation` counts
    runs of three signs and more, `crossed` words that mix letters and digits.
    """

    shouting: float
    link_share: float
    emoji_share: float
    emoji: int
    punctuation: int
    crossed: int


def shape(text: str) -> Shape:
    """Of a text as it was written."""
    linked = sum(len(match[0]) for match in _LINK.finditer(text))
    bare = _LINK.sub(" ", text) if linked else text
    words = _WORD.findall(bare)
    capital = sum(map(str.isupper, words))
    emoji = 0 if text.isascii() else sum(1 for _ in _EMOJI.finditer(text))
    drawn = len(text) - sum(map(str.isspace, text))
    return Shape(
        shouting=capital / len(words) if len(words) >= 4 else 0.0,
        link_share=min(1.0, linked / drawn) if drawn else 0.0,
        emoji_share=min(1.0, emoji / drawn) if drawn else 0.0,
        emoji=emoji,
        punctuation=sum(1 for _ in _RUN.finditer(bare)),
        crossed=sum(1 for _ in _CROSSED.finditer(bare)),
    )
