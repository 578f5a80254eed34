"""Find the terms of many lists in a text that may hide them, and say where they stand in the original.

Text and terms go through the same normaliser and are compared word by word, so that `class` holds no `ass`. Beyond
that: words with signs for letters (`a$$`), stretched (`fuuuck`), spaced out (`f u c k y o u`) and starred (`f**k`).
One Aho-Corasick pass finds all terms at once (Aho, Corasick 1975). The lexicon signal calls it.
"""

import re
from bisect import bisect_left, bisect_right
from collections import defaultdict
from collections.abc import Iterable, Iterator
from itertools import groupby
from typing import NamedTuple

import ahocorasick_rs

from safehold.signals.lexicon.lists import Term, WordList
from safehold.signals.text.normalise import Normal, Span, bare, normalise

_WORD = re.compile(r"[^\W_]+(?:['’][^\W_]+)*")
_STARRED = re.compile(r"(?<![\w*])[^\W\d_]+\*{1,4}[^\W\d_*]*(?<=[^\W_])(?![\w*])")
#: Words shorter than this aren't looked for inside a run of spaced-out letters, where nothing tells words apart.
_SHORTEST_INSIDE = 4
#: Different starred words of one text that are looked up: each is compared with some hundred terms.
_MOST_STARRED = 100


class Entry(NamedTuple):
    """A term, as one list has it."""

    word_list: str
    language: str
    term: Term


class Match(NamedTuple):
    """A term at [start, end) of the original, in code points."""

    start: int
    end: int
    entry: Entry


class Matcher:
    """All terms of some lists, ready to be looked for."""

    def __init__(self, lists: Iterable[WordList]) -> None:
        entries: dict[str, list[Entry]] = defaultdict(list)
        for word_list in lists:
            for term in word_list.terms:
                for shape in {_shape(normalise(term.text).text), _shape(bare(normalise(term.text).text))}:
                    if any(map(str.isalpha, shape)):
                        entries[shape].append(Entry(word_list.name, word_list.language, term))
        for shape, found in entries.items():
            found.sort(key=lambda entry: entry.term.text != shape)  # told as it is written, if a list has it so
        self._entries = list(entries.values())
        self._shapes = list(entries)
        self._in_words = ahocorasick_rs.AhoCorasick([f" {shape} " for shape in self._shapes])
        inside = [i for i, shape in enumerate(self._shapes) if " " not in shape and len(shape) >= _SHORTEST_INSIDE]
        self._inside_ids = inside
        self._inside = ahocorasick_rs.AhoCorasick([self._shapes[i] for i in inside])
        self._by_squeezed: dict[str, list[int]] = defaultdict(list)
        self._by_first: dict[str, list[int]] = defaultdict(list)
        for i, shape in enumerate(self._shapes):
            if " " not in shape:
                self._by_squeezed[_squeezed(shape)].append(i)
                self._by_first[shape[0]].append(i)

    def find(self, normal: Normal) -> list[Match]:
        """Every term, in order of place; of two lists' entries for one place and category, the more severe."""
        best: dict[tuple[int, int, str], Match] = {}
        for start, end, i in self._places(normal):
            for entry in self._entries[i]:
                key = (start, end, entry.term.category)
                if key not in best or best[key].entry.term.severity < entry.term.severity:
                    best[key] = Match(start, end, entry)
        return sorted(best.values())

    def _places(self, normal: Normal) -> Iterator[tuple[int, int, int]]:
        """(start, end, number of the shape), repeats included."""
        yield from self._words(normal, normal.text)
        read = bare(normal.text)
        if read != normal.text:
            yield from self._words(normal, read)
        if normal.joined or normal.stretched:
            yield from self._undone(normal, read)
        if normal.stretched:
            yield from self._words(normal, read, squeeze=True)
        if "*" in normal.text:
            yield from self._starred(normal)

    def _words(self, normal: Normal, text: str, squeeze: bool = False) -> Iterator[tuple[int, int, int]]:
        """Terms word by word; with `squeeze`, a stretched word is tried with single letters: "kill yourselffff"."""
        words = list(_WORD.finditer(text))
        shapes = [_plain(word[0]) for word in words]
        if squeeze:
            for i, word in enumerate(words):
                if _touches(normal.stretched, *normal.span(word.start(), word.end())):
                    shapes[i] = _squeezed(shapes[i])
        shape = " ".join(shapes)
        starts = [0]
        for word_shape in shapes[:-1]:
            starts.append(starts[-1] + len(word_shape) + 1)
        for i, first, last in self._in_words.find_matches_as_indexes(f" {shape} ", overlapping=True):
            # `first` counts the blank put in front of the text; the match's own blanks are at first and last - 1
            begin, end = bisect_right(starts, first) - 1, bisect_right(starts, last - 3) - 1
            yield (*normal.span(words[begin].start(), words[end].end()), i)

    def _undone(self, normal: Normal, text: str) -> Iterator[tuple[int, int, int]]:
        """Terms in words that were spaced out (anywhere in them) or stretched (with no run shorter than the term's)."""
        for word in _WORD.finditer(text):
            start, end = normal.span(word.start(), word.end())
            if _touches(normal.joined, start, end):
                for i, first, last in self._inside.find_matches_as_indexes(word[0], overlapping=True):
                    place = normal.span(word.start() + first, word.start() + last)
                    yield (*place, self._inside_ids[i])
            if _touches(normal.stretched, start, end):
                shape = _plain(word[0])
                for i in self._by_squeezed.get(_squeezed(shape), ()):
                    if _covers(shape, self._shapes[i]):
                        yield start, end, i

    def _starred(self, normal: Normal) -> Iterator[tuple[int, int, int]]:
        """Terms with one to four letters starred out. The first _MOST_STARRED different spellings are looked up."""
        known: dict[str, list[int]] = {}
        for match in _STARRED.finditer(normal.text):
            word = match[0]
            if word not in known and len(known) < _MOST_STARRED:
                pattern = re.compile(re.sub(r"\*+", "[a-z]{1,4}", word))
                known[word] = [i for i in self._by_first.get(word[0], ()) if pattern.fullmatch(self._shapes[i])]
            for i in known.get(word, ()):
                yield (*normal.span(match.start(), match.end()), i)


def _touches(spans: tuple[Span, ...], start: int, end: int) -> bool:
    """Whether one of some spans, in order and apart, overlaps [start, end)."""
    i = bisect_left(spans, (end, end)) - 1
    return i >= 0 and spans[i][1] > start


def _shape(text: str) -> str:
    """The words of a normalised text with one blank between them, apostrophes gone: "i'll" and "ill" are one."""
    return " ".join(_plain(word) for word in _WORD.findall(text))


def _plain(word: str) -> str:
    return word.replace("'", "").replace("’", "")


def _runs(word: str) -> list[tuple[str, int]]:
    return [(letter, len(list(run))) for letter, run in groupby(word)]


def _squeezed(word: str) -> str:
    return "".join(letter for letter, _ in groupby(word))


def _covers(stretched: str, term: str) -> bool:
    """Whether no run of a word is shorter than the term's: `coool` may be `cool` and `col`, `niger` is not longer."""
    return all(run[1] >= own[1] for run, own in zip(_runs(stretched), _runs(term), strict=True))
