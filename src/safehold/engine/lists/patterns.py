"""Many patterns over one text in one pass: RE2 sets, in linear time whatever the patterns are.

A pattern matches where it is found anywhere in the text, as CEL's `matches` does; `^` and `$` pin it, `(?i)` folds case.
"""

from collections.abc import Sequence

import re2

#: Patterns of one RE2 set: a larger one needs much more memory for its states than several that share the work.
_AT_ONCE = 500
#: Bytes one set may take for its states.
_MEMORY = 64 << 20


class Patterns:
    """The patterns in their order; positions are numbers of patterns."""

    __slots__ = ("_sets",)

    def __init__(self, patterns: Sequence[str]) -> None:
        self._sets: list[tuple[int, re2.Set]] = []
        options = re2.Options()
        options.max_mem = _MEMORY
        options.log_errors = False
        for first in range(0, len(patterns), _AT_ONCE):
            made = re2.Set.SearchSet(options)
            for pattern in patterns[first : first + _AT_ONCE]:
                made.Add(pattern)
            made.Compile()
            self._sets.append((first, made))

    def has(self, text: str) -> bool:
        data = text.encode("utf-8", "replace")
        return any(made.Match(data) for _, made in self._sets)

    def all(self, text: str) -> list[int]:
        """The numbers of all patterns that the text has."""
        data = text.encode("utf-8", "replace")
        return sorted(first + number for first, made in self._sets for number in made.Match(data) or ())
