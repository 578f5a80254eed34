"""The eight kinds of windows and what type each has. `windows.memory` computes them, policies name them.

One semantics (docs/reference/policy-language.md): the value at event e is taken over all events e' of the listed types
with the same key and `where` true, `e'.order <= e.order` and `e'.time > e.time - over`; e itself is included.
"""

from safehold.engine.language import types
from safehold.engine.language.types import Type

KINDS = ("count", "sum", "distinct", "min", "max", "first", "last", "rate")
#: These measure an expression; `count` and `rate` count events and are written `count: true`.
MEASURING = ("sum", "distinct", "min", "max", "first", "last")
MIN_SECONDS, MAX_SECONDS = 1, 30 * 86400
#: What a window can be whose key is a list: that an event comes under several items changes none of these. What is measured
#: has a few bytes, because each item keeps it.
SPREAD = ("distinct", "min", "max")
SPREAD_VALUES = ("int", "double", "timestamp", "duration")
#: What `sum` can add, and what `min` and `max` can order.
NUMBERS = ("int", "double")
ORDERED = ("int", "double", "string", "timestamp", "duration")


def type_of_window(kind: str, measured: Type | None) -> Type:
    """`count` and `distinct` are ints, `rate` is events a second (double), the others have their expression's type."""
    if kind in ("count", "distinct"):
        return types.INT
    return types.DOUBLE if kind == "rate" or measured is None else measured
