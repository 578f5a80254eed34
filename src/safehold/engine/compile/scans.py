"""What an index calls at run time: one pass over a text for all texts and patterns that rules look for in it, one over a
list for all the items.

Each answers with a mask: a bit for every clause that the value does not rule out. `compile.index` makes them.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import re2
from ahocorasick_rs import AhoCorasick

from safehold.engine.language.check import PATTERN_MEMORY, compile_pattern

#: What a find does to the mask: (clauses it speaks for, clauses it rules out).
Effect = tuple[int, int]
#: Fewer texts than these are found sooner one by one.
_FEW = 4
#: In longer texts than this many characters each text is looked for by itself: the matches of an automaton are a list
#: that grows with the text.
_LONG = 20_000
#: A text shorter than this many characters can be in a text very often, with the same effect on that list.
_SHORT = 3
#: Matches at the end of every text. A set that does not report it ran out of memory.
_SENTINEL = r"\z"
#: Bytes that a set's states may take: so many at least, so many for each pattern, so many at most.
_MEMORY_LEAST, _MEMORY_EACH, _MEMORY_MOST = 8 << 20, PATTERN_MEMORY >> 2, 64 << 20


class TextScan:
    """`scan(text)`: the clauses in `base`, with the effects of each text and each pattern that is found.

    Raises for a text that is no UTF-8, or when RE2 ran out of memory: the exact evaluator is asked then.
    """

    __slots__ = ("_alone", "_base", "_effects", "_find", "_patterns", "_sets", "_texts")

    def __init__(self, base: int, texts: Mapping[str, Effect], patterns: Mapping[str, Effect]) -> None:
        self._base = base
        self._texts = list(texts.items())
        long = [(text, effect) for text, effect in self._texts if len(text) >= _SHORT]
        self._alone = [(text, effect) for text, effect in self._texts if len(text) < _SHORT]
        self._effects = [effect for _, effect in long]
        self._find: Callable[..., list[tuple[int, int, int]]] | None = None
        if len(long) < _FEW:
            self._alone = self._texts
        else:
            self._find = AhoCorasick([text for text, _ in long]).find_matches_as_indexes
        self._sets, self._patterns = _sets(list(patterns.items()))

    def __call__(self, text: str) -> int:
        keep, drop = self._base, 0
        find = self._find
        if find is None or len(text) > _LONG:
            for part, (more, less) in self._texts:
                if part in text:
                    keep |= more
                    drop |= less
        else:
            for number, _, _ in find(text, True):
                more, less = self._effects[number]
                keep |= more
                drop |= less
            for part, (more, less) in self._alone:
                if part in text:
                    keep |= more
                    drop |= less
        for match, effects in self._sets:
            found = match(text.encode())
            if len(found) > 1:
                for number in found:
                    more, less = effects[number]
                    keep |= more
                    drop |= less
        for search, (more, less) in self._patterns:
            if search(text) is not None:
                keep |= more
                drop |= less
        return keep & ~drop


def _sets(
    patterns: Sequence[tuple[str, Effect]],
) -> tuple[list[tuple[Callable[[bytes], list[int]], list[Effect]]], list[tuple[Callable[[str], Any], Effect]]]:
    """(sets, patterns that are searched alone). What does not fit into one set is put into two."""
    if not patterns:
        return [], []
    if len(patterns) == 1:
        text, effect = patterns[0]
        return [], [(compile_pattern(text).search, effect)]
    options = re2.Options()
    options.log_errors = False
    options.max_mem = min(_MEMORY_MOST, max(_MEMORY_LEAST, _MEMORY_EACH * len(patterns)))
    made = re2.Set.SearchSet(options)
    try:
        for text, _ in [*patterns, (_SENTINEL, None)]:
            made.Add(text)
        made.Compile()
    except re2.error:
        half = len(patterns) // 2
        first, second = _sets(patterns[:half]), _sets(patterns[half:])
        return first[0] + second[0], first[1] + second[1]
    # The wrapper answers None where nothing is found, which the sentinel makes impossible: `len` raises then.
    return [(made.Match, [*(effect for _, effect in patterns), (0, 0)])], []


def member_scan(base: int, effects: Mapping[str, Effect]) -> Callable[[list[str]], int]:
    """`scan(items)`: the clauses in `base`, with the effects of each item that a rule asks for."""
    get = effects.get

    def scan(items: list[str]) -> int:
        keep, drop = base, 0
        for item in items:
            effect = get(item)
            if effect is not None:
                keep |= effect[0]
                drop |= effect[1]
        return keep & ~drop

    return scan
