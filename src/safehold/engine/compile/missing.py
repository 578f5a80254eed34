"""What stands in a generated function for a value that is not known.

Every operation on it raises, so that generated code needs no test around each read: whatever would have depended on the
value fails, and the exact evaluator says what that means.
"""

from typing import Any, NoReturn


class _Missing:
    __slots__ = ()

    def _fail(self, *_: Any) -> NoReturn:
        raise LookupError("a value that is not known was used")

    __eq__ = __ne__ = __lt__ = __le__ = __gt__ = __ge__ = __hash__ = __bool__ = _fail
    __add__ = __radd__ = __sub__ = __rsub__ = __mul__ = __rmul__ = __truediv__ = __rtruediv__ = __neg__ = _fail
    __contains__ = __iter__ = __len__ = __getitem__ = __index__ = __str__ = __call__ = _fail

    def __repr__(self) -> str:
        return "MISSING"


MISSING: Any = _Missing()


class _Pending:
    __slots__ = ()

    def __repr__(self) -> str:
        return "PENDING"


#: A lazy value that nothing has asked for yet.
PENDING: Any = _Pending()


def fail() -> NoReturn:
    """Raises what any use of MISSING raises."""
    raise LookupError("a value that is not known was used")
