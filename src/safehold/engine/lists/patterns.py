"""Many patterns over one text in one pass: RE2 sets, in linear time whatever the patterns are.

A pattern matches where it is found anywhere in the text, as CEL's `matches` does; `^` and `$` pin it, `(?i)` folds case.
"""

from collections.abc import Sequence

import re2

#: Patterns of one RE2 set at most. One large set is quicker to ask and takes less memory than several small ones; one whose
#: patterns are too much for its memory is halved.
_AT_ONCE = 10_000
#: Bytes one set may take for its states.
_MEMORY = 64 << 20
#: Matches at the end of every text: a set that does not report it could not decide the text within its memory.
_SENTINEL = r"\z"

_Set = tuple[
    int, int, re2.Set
]  # the number of the first pattern, how many there are, and the set of them and the sentinel


class Patterns:
    """The patterns in their order; positions are numbers of patterns."""

    __slots__ = ("_patterns", "_sets")

    def __init__(self, patterns: Sequence[str]) -> None:
        self._patterns = patterns
        self._sets: list[_Set] = []
        for first in range(0, len(patterns), _AT_ONCE):
            self._sets += _sets(patterns, first, min(first + _AT_ONCE, len(patterns)))

    def has(self, text: str, _: object = None) -> bool:
        if type(text) is not str:
            return False
        try:
            data = text.encode()  # with the name of an error handler it takes twice as long
        except UnicodeEncodeError:
            data = text.encode("utf-8", "replace")
        for first, count, made in self._sets:
            found = made.Match(data)
            if len(found) > 1 if found is not None else self._alone(data, first, count):
                return True
        return False

    def all(self, text: str) -> list[int]:
        """The numbers of all patterns that the text has."""
        data = text.encode("utf-8", "replace")
        numbers: list[int] = []
        for first, count, made in self._sets:
            found = made.Match(data)
            if found is None:
                numbers += self._alone(data, first, count)
            else:
                numbers += [first + number for number in found if number < count]
        return sorted(numbers)

    def _alone(self, data: bytes, first: int, count: int) -> list[int]:
        """The numbers of the patterns found, each searched by itself."""
        return [at for at in range(first, first + count) if re2.search(self._patterns[at].encode(), data, _options())]


def _sets(patterns: Sequence[str], first: int, last: int) -> list[_Set]:
    """Patterns from one number up to another as sets, as few as their memory allows."""
    made = re2.Set.SearchSet(_options())
    try:
        for pattern in [*patterns[first:last], _SENTINEL]:
            made.Add(pattern)
        made.Compile()
    except re2.error:
        if last - first == 1:
            raise
        half = (first + last) // 2
        return _sets(patterns, first, half) + _sets(patterns, half, last)
    return [(first, last - first, made)]


def _options() -> re2.Options:
    options = re2.Options()
    options.max_mem = _MEMORY
    options.log_errors = False
    return options
