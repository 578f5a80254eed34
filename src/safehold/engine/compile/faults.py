"""Why an expression has no value: an error, or something it needed was not known.

Both travel as exceptions. CEL's `&&`, `||`, `? :`, `all` and `exists` absorb them where the answer does not depend
on them; of two that remain, *unknown* wins over *error* (cel-spec, doc/langdef.md, "Logical Operators"; cel-cpp).
"""

from collections.abc import Mapping


class Fault(Exception):
    """An expression without a value."""


class EvalError(Fault):
    """The expression cannot be computed for these values: a division by zero, a key that is not there, an overflow."""


class Unknown(Fault):
    """A field was missing or a signal failed. `causes` are sentences that say which."""

    def __init__(self, *causes: str) -> None:
        self.causes = causes
        super().__init__("; ".join(causes))


class StoreAway(Unknown):
    """The store of these windows was away. `windows` maps their names to their `when_away`."""

    def __init__(self, windows: Mapping[str, str], store: str, *causes: str) -> None:
        self.windows, self.store = dict(windows), store
        super().__init__(*causes)


def worse(first: Fault | None, second: Fault) -> Fault:
    """The fault that an operator reports which has both."""
    if isinstance(first, StoreAway) and isinstance(second, StoreAway):
        return StoreAway(first.windows | second.windows, first.store, *dict.fromkeys(first.causes + second.causes))
    if isinstance(first, Unknown) and isinstance(second, Unknown):
        return Unknown(*dict.fromkeys(first.causes + second.causes))
    if first is None or (isinstance(second, Unknown) and not isinstance(first, Unknown)):
        return second
    return first
