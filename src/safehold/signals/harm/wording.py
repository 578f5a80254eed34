"""What the harm model reads of a text: its normalised wording, with pictures as words, cut into windows.

Both halves of the model (hashed n-grams and the student network) and their training read `wording(text)`, so that a
disguise undone for one is undone for the other.
"""

import re
import unicodedata
from functools import cache, lru_cache

from safehold.signals.lexicon.lists import shipped
from safehold.signals.text.normalise import Normal, bare, normalise

#: Characters that one window holds: as long as the texts that the model was trained on.
WINDOW = 200

_SKIN = {
    "\U0001f3fb": "light",
    "\U0001f3fc": "light",
    "\U0001f3fd": "medium",
    "\U0001f3fe": "dark",
    "\U0001f3ff": "dark",
}
_PICTURE = re.compile("[\U0001f1e6-\U0001f1ff\U0001f300-\U0001faff☀-➿⬅-⬇⬛⬜⭐⭕⌚⌛⏩-⏳]")
_LINK = re.compile(r"\b(?:https?|hxxps?)://(\S+)|\bwww\.(\S+)")
_MENTION = re.compile(r"(?<![\w@.])@[\w.-]{1,64}|\[user\]|&#?\w{2,8};|\brt\b(?= @)")
_UNDRAWN = re.compile("[\u200d\ufe0e\ufe0f]")
_WORD = re.compile(r"[a-z]{3,}")
_RUN = re.compile(r"(.)\1+")
_DOUBTFUL = re.compile(r"(?<![\w@./])(?=[\w@$!|*]*(?:[0-9@$!|]|([^\W\d_])\1))[\w@$!|]{4,20}(?![\w@/])")
_LONG_NUMBER = re.compile(r"\d{5,}")
_SENTENCE_END = re.compile(r"(?<=[.!?…。！？\n])\s+|\n+")


#: Words that no list of coarse words has, and that people disguise.
_ALSO = frozenset(
    "idiot idiots moron stupid dumb loser ugly hate kill killed murder shoot stab death suicide disgusting trash scum "
    "vermin filth pathetic worthless women woman black white muslim muslims jews jewish gays lesbian trans immigrants "
    "bitcoin crypto telegram whatsapp password account verify gift cards winner free click".split()
)


@lru_cache(maxsize=1024)
def wording(text: str) -> str:
    """`text` as the model reads it: without disguises, pictures by their Unicode names, mentions and long numbers as
    one sign each (whom a message names and which number it gives say nothing that carries over to another message).
    """
    plain = _unmasked(normalise(text))
    plain = _MENTION.sub(" @ ", plain)
    plain = _LINK.sub(lambda m: " link " + (m[1] or m[2])[:60].replace(".", " . ").replace("/", " / "), plain)
    plain = _LONG_NUMBER.sub(" 00000 ", plain)
    if not plain.isascii():
        plain = _PICTURE.sub(_name, _UNDRAWN.sub("", plain))
    return " ".join(plain.split())


def _unmasked(normal: Normal) -> str:
    """Words that the normaliser leaves in doubt (`1d10t`, `idioot` from a longer run) as the word of the lists they make."""
    words = _listed()

    def word(match: re.Match[str]) -> str:
        token = match[0]
        read = bare(token) if not token.isalpha() else token
        if read in words:
            return words[read]
        return words.get(_RUN.sub(r"\1", read), token) if normal.stretched else token

    slurs = _slurs()
    return _WORD.sub(lambda m: f"{m[0]} slur" if m[0] in slurs else m[0], _DOUBTFUL.sub(word, normal.text))


@cache
def _listed() -> dict[str, str]:
    """Listed words, and what they are without doubled letters."""
    words = {term.text for each in shipped() if each.language == "en" for term in each.terms if term.severity}
    plain = sorted(word for word in words | _ALSO if word.isalpha() and word.isascii() and len(word) >= 4)
    return {**{_RUN.sub(r"\1", word): word for word in plain}, **{word: word for word in plain}}


@cache
def _slurs() -> frozenset[str]:
    """The worst listed slurs: the word `slur` is read behind them, so that one never seen in training is known as one."""
    found = {
        term.text
        for each in shipped()
        if each.language == "en"
        for term in each.terms
        if term.category.startswith("slur-") and term.severity == 3 and term.text.isascii() and term.text.isalpha()
    }
    return frozenset(found | {f"{slur}s" for slur in found})


def windows(text: str) -> list[tuple[int, int]]:
    """Places [start, end) in `text` of the pieces that are scored one by one: whole sentences as long as they fit, a
    longer sentence cut at a blank. A short text is one window; blank text is one empty window.
    """
    if len(text) <= WINDOW:
        return [(0, len(text))]
    pieces: list[tuple[int, int]] = []
    start = 0
    while start < len(text):
        end = min(start + WINDOW, len(text))
        if end < len(text):
            ends = [m.start() for m in _SENTENCE_END.finditer(text, start + WINDOW // 4, end)]
            blank = text.rfind(" ", start + WINDOW // 2, end)
            end = ends[-1] if ends else blank if blank > 0 else end
        pieces.append((start, end))
        start = end
    return [(a, b) for a, b in pieces if text[a:b].strip()] or [(0, 0)]


def _name(match: re.Match[str]) -> str:
    """A picture's words: `pile of poo`; skin as `dark`, flags letter by letter."""
    sign = match[0]
    if sign in _SKIN:
        return f" {_SKIN[sign]} "
    if "\U0001f1e6" <= sign <= "\U0001f1ff":
        return " flag " + chr(ord(sign) - 0x1F1E6 + ord("a"))
    return f" {unicodedata.name(sign, 'picture').lower()} "
