"""Undo what people do to a word so that a filter doesn't see it, and remember where everything was.

`normalise(text)` folds compatibility forms and case, drops characters that draw nothing, folds letters of other scripts
that only pretend (UTS #39), reads leet, joins s p a c e d letters and shortens looong runs. Every character of the
result knows the place in the original it came from. The text, lexicon and fingerprint signals call it; the last few
results are kept, so that three signals of one event pay once.
"""

import re
import unicodedata
from collections.abc import Callable
from functools import lru_cache
from typing import NamedTuple

from safehold.signals.text.characters import (
    HARMLESS_IGNORABLE,
    IGNORABLE,
    LEET,
    MAX_MARKS,
    is_latin,
    keeps_marks,
    latin_table,
    mixed_table,
    plain_table,
)

#: What was undone, by name. `styled`: letters from mathematical, circled or full-width alphabets.
TRICKS = ("invisible", "styled", "marks", "confusables", "spacing", "leet", "repeats")

Span = tuple[int, int]

_MARKS = "\u0300-\u036f\u0483-\u0489\u1ab0-\u1aff\u1dc0-\u1dff\u20d0-\u20f0\ufe20-\ufe2f"
_DRAWS_NOTHING = "".join(f"{chr(c)}" for c in sorted(IGNORABLE) if c < 0xE0000)
_CHUNK = re.compile(f"[\\w{_MARKS}{_DRAWS_NOTHING}]+|[^\\w{_MARKS}{_DRAWS_NOTHING}]+")
_SPACED = re.compile(r"(?<![^\W_])[^\W\d_]([\W_]{1,3})[^\W\d_](?:\1[^\W\d_])+(?![^\W_])")
_RUN = re.compile(r"([^\d\s])\1{2,}")
_BLANK = re.compile(r"\s{2,}|[^\S ]")
_LEET_INSIDE = re.compile(r"[^\W\d_][013457@$!|€]{1,2}(?=[^\W\d_])")
_LEET_TOKEN = re.compile(r"[\w@$!|€]+")
_LEET_TABLE = str.maketrans(LEET)


class Normal(NamedTuple):
    """A text without its disguises. `text` is at most as long as NFKC makes the original; `origins[i]` is where
    character i of it began in the original (None: everything is where it was). Spans in `joined` (letters that were
    spaced out) and `stretched` (runs that were shortened) are of the original, in characters (code points).
    """

    original: str
    text: str
    origins: list[int] | None
    tricks: frozenset[str]
    joined: tuple[Span, ...]
    stretched: tuple[Span, ...]

    def span(self, start: int, end: int) -> Span:
        """The place in the original, [start, end), of characters start to end of `text`."""
        if self.origins is None:
            return start, end
        first, last = self.origins[start], self.origins[end - 1]
        stop = self.origins[end] if end < len(self.origins) else len(self.original)
        return first, max(last + 1, first + len(self.original[first:stop].rstrip()))


@lru_cache(maxsize=16)
def normalise(text: str) -> Normal:
    """`text` as it would be read aloud. The caller bounds its length (`reading.LIMIT`); cost is linear in it."""
    tricks: set[str] = set()
    if text.isascii():
        folded, origins = text.lower(), None
    else:
        folded, origins = _fold(text, tricks)
    folded, origins, _ = _keep(_BLANK, folded, origins, lambda m: [m.start()])
    folded = _BLANK.sub(" ", folded)
    folded, origins, joined = _keep(_SPACED, folded, origins, _spaced_letters)
    folded, origins, stretched = _keep(_RUN, folded, origins, _two_of_a_run)
    if joined:
        tricks.add("spacing")
    if any(text[start].isalpha() for start, _ in stretched):
        tricks.add("repeats")
    read = _read_leet(folded)
    if read != folded:
        tricks.add("leet")
    return Normal(text, read, origins, frozenset(tricks), joined, stretched)


def bare(text: str) -> str:
    """A normalised text with every sign that could be a letter read as one and without accents, as long as before:
    for matching only. `bare("a$$hóle") == "asshole"`, and `bare("mp3") == "mpe"`.
    """
    if not text.isascii():
        text = "".join(c if c.isascii() or not is_latin(c) else unicodedata.normalize("NFD", c)[0] for c in text)
    return _LEET_TOKEN.sub(_read_all_leet, text)


def squashed(text: str) -> str:
    """The letters and digits of `bare(text)` and nothing else: finds a phrase however it was broken up."""
    return "".join(filter(str.isalnum, bare(text)))


def _keep(
    pattern: re.Pattern[str], text: str, origins: list[int] | None, choose: Callable[[re.Match[str]], list[int] | None]
) -> tuple[str, list[int] | None, tuple[Span, ...]]:
    """Keep of each match only the characters that `choose` names (None: leave the match as it is)."""
    kept: list[int] = []
    changed: list[Span] = []
    last = 0
    for match in pattern.finditer(text):
        chosen = choose(match)
        if chosen is None:
            continue
        kept.extend(range(last, match.start()))
        kept.extend(chosen)
        last = match.end()
        before = (match.start(), last - 1) if origins is None else (origins[match.start()], origins[last - 1])
        changed.append((before[0], before[1] + 1))
    if not changed:
        return text, origins, ()
    kept.extend(range(last, len(text)))
    return (
        "".join([text[i] for i in kept]),
        kept if origins is None else [origins[i] for i in kept],
        tuple(changed),
    )


def _spaced_letters(match: re.Match[str]) -> list[int] | None:
    """The letters of `f u c k` or `s.e.x`. Three letters are left if spaces or several signs stand between them: that
    is how people write ("how r u a", "k..k..i'm").
    """
    separator = match[1]
    letters = list(range(match.start(), match.end(), 1 + len(separator)))
    return letters if len(letters) > 3 or (len(separator) == 1 and separator in ".-_*~+/|") else None


def _two_of_a_run(match: re.Match[str]) -> list[int] | None:
    return None if match[0] == "www" else [match.start(), match.start() + 1]


def _read_leet(text: str) -> str:
    """Digits and signs between letters of one word become letters: "h3llo". What merely ends in a digit, holds a year,
    or is a piece of a link or an address stays ("mp3", "sale2024x", "a@b.com").
    """
    if not _LEET_INSIDE.search(text):
        return text

    def word(match: re.Match[str]) -> str:
        token = match[0]
        before, after = text[match.start() - 1 : match.start()], text[match.end() : match.end() + 1]
        digits = sum(not c.isalpha() for c in token)
        address = ("@" in token[1:] and after == ".") or before in _LINKED or after in _LINKED
        if address or digits * 2 > len(token) or not _LEET_INSIDE.search(token):
            return token
        stripped = token.rstrip("!|")
        return stripped.translate(_LEET_TABLE) + token[len(stripped) :]

    return _LEET_TOKEN.sub(word, text)


_LINKED = frozenset("/=&%")


def _read_all_leet(match: re.Match[str]) -> str:
    token = match[0]
    if token.isalpha() or not any(map(str.isalpha, token)):
        return token
    stripped = token.rstrip("!|")
    return stripped.translate(_LEET_TABLE) + token[len(stripped) :]


def _fold(text: str, tricks: set[str]) -> tuple[str, list[int]]:
    """NFKC, case, invisible characters, marks and look-alikes of a text that isn't ASCII, chunk by chunk."""
    out: list[str] = []
    origins: list[int] = []
    latin_text = _mostly_latin(text)
    for match in _CHUNK.finditer(text):
        chunk, start = match[0], match.start()
        if chunk.isascii():
            out.append(chunk.lower())
            origins.extend(range(start, match.end()))
            continue
        for i, piece in _chunk(chunk, latin_text, tricks):
            out.append(piece)
            origins.extend([start + i] * len(piece))
    return "".join(out), origins


def _chunk(chunk: str, latin_text: bool, tricks: set[str]) -> list[tuple[int, str]]:
    """What each character of a word (or of what stands between words) becomes, with its place in the chunk."""
    plain = plain_table()
    table = _table(chunk.translate(plain), latin_text)
    if table is not plain:
        tricks.add("confusables")
    pieces: list[tuple[int, str]] = []
    for i, character in enumerate(chunk):
        piece = table.get(ord(character), character) if character > "\x7f" else character.lower()
        if piece == "":
            if 0 < i < len(chunk) - 1 and ord(character) not in HARMLESS_IGNORABLE:
                tricks.add("invisible")
            continue
        if character > "\x7f" and piece.isascii() and piece.isalpha() and not character.isascii():
            name = unicodedata.name(character, "")
            if not name.startswith(("LATIN", "CYRILLIC", "GREEK")) and table is plain:
                tricks.add("styled")
        pieces.append((i, piece))
    return _marks(pieces, tricks) if any(unicodedata.category(p[-1])[0] == "M" for _, p in pieces) else pieces


def _marks(pieces: list[tuple[int, str]], tricks: set[str]) -> list[tuple[int, str]]:
    """Compose letters with marks (NFKC); drop towers, and marks that don't compose where they carry no meaning."""
    composed: list[tuple[int, str]] = []
    dropped = 0
    marks = 0
    for i, piece in pieces:
        if not composed or unicodedata.category(piece[0])[0] != "M":
            composed.append((i, piece))
            marks = 0
            continue
        marks += 1
        if marks > MAX_MARKS:
            dropped += 1
            continue
        place, letter = composed[-1]
        joined = unicodedata.normalize("NFKC", letter + piece)
        if len(joined) > len(letter) and not keeps_marks(letter[0]):
            dropped += 1
            continue
        composed[-1] = (place, joined)
    if dropped >= 3:
        tricks.add("marks")
    return composed


def _table(word: str, latin_text: bool) -> dict[int, str]:
    """How to read a word's foreign letters: as Latin ones if they look it and the word mixes scripts, or if all its
    letters look Latin and the text around it is Latin. Words of a real other script are left alone.
    """
    foreign = [c for c in word if c.isalpha() and not is_latin(c)]
    if not foreign:
        return latin_table() if any(c in _SMALL for c in word) else plain_table()
    if len(foreign) < sum(map(str.isalpha, word)):
        return mixed_table() if any(ord(c) in mixed_table() for c in foreign) else plain_table()
    look_latin = all(latin_table().get(ord(c), c).isascii() for c in foreign)
    return latin_table() if latin_text and look_latin else plain_table()


_SMALL = frozenset("ᴀʙᴄᴅᴇꜰɢʜɪᴊᴋʟᴍɴᴏᴘʀꜱᴛᴜᴠᴡʏᴢɑɡı")


def _mostly_latin(text: str) -> bool:
    """Whether there are at least as many Latin letters as letters that nobody could take for Latin ones."""
    table = latin_table()
    balance = 0
    for character in text:
        if character.isalpha():
            if is_latin(character):
                balance += 1
            elif not table.get(ord(character), character).isascii():
                balance -= 1
    return balance >= 0
