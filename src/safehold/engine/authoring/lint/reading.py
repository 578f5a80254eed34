"""A test of a condition as what it says about one value: `3 < x` about x, `a < b` about a and b, `s.contains("x")` about s.

`satisfy` asks it of each test of a case; what it does not know says nothing.
"""

from typing import Any

from safehold.engine.compile.exact import evaluate
from safehold.engine.compile.faults import Fault, Unknown
from safehold.engine.language.tree import Call, Literal, Local, Node, Path, Present, children, walk
from safehold.engine.language.values import Duration, Timestamp, Uint

FLIPPED = {"_<_": "_>_", "_>_": "_<_", "_<=_": "_>=_", "_>=_": "_<=_", "_==_": "_==_", "_!=_": "_!=_"}
OPPOSITE = {"_<_": "_>=_", "_>_": "_<=_", "_<=_": "_>_", "_>=_": "_<_", "_==_": "_!=_", "_!=_": "_==_"}
ORDERED = {"int", "uint", "double", "duration", "timestamp"}
PYTHON: dict[str, type] = {
    "int": int, "uint": Uint, "double": float, "string": str, "bool": bool, "duration": Duration, "timestamp": Timestamp,
}  # fmt: skip

Test = tuple[Node, bool]
Case = tuple[Test, ...]


def shape(node: Node) -> Any:
    """The expression without its place in the text: equal for two that say the same."""
    match node:
        case Literal(value=value):
            return ("literal", type(value).__name__, repr(value))
        case Path(parts=parts):
            return ("path", parts)
        case Present(parts=parts):
            return ("present", parts)
    names = tuple(
        str(getattr(node, name, "")) for name in ("function", "kind", "name", "variable", "second", "field", "test")
    )
    return (type(node).__name__, names, tuple(map(shape, children(node))))


def constant(node: Node) -> tuple[bool, Any]:
    """(whether the expression is the same for every event, its value; None where it always fails)."""
    if any(isinstance(part, (Path, Present, Local)) for part in walk(node)):
        return False, None
    try:
        return True, evaluate(node, _Nothing())
    except Fault:
        return True, None


class _Nothing:
    def read(self, parts: tuple[str, ...]) -> Any:
        raise Unknown(".".join(parts))

    def present(self, parts: tuple[str, ...]) -> bool:
        raise Unknown(".".join(parts))


def comparison(test: Node, outcome: bool, *, is_number: bool = False) -> tuple[Node, str, Any] | None:
    """A test as (what is looked at, how, a constant): `3 < x` as (x, >, 3), `x in ["a"]` as (x, @in, ["a"]).

    `is_number` says that a double is not NaN, which is neither less nor not less than anything.
    """
    if not isinstance(test, Call) or len(test.arguments) != 2:
        return None
    left, right = test.arguments
    sign = test.function
    if sign == "@in":
        known, values = constant(right)
        if not known or not isinstance(values, list) or not all(_is_plain(value, left) for value in values):
            return None
        return left, "@in" if outcome else "not in", values
    if sign not in FLIPPED:
        return None
    known, value = constant(right)
    if not known:
        known, value = constant(left)
        left, sign = right, FLIPPED[sign]
    if not known or not _is_plain(value, left) or constant(left)[0]:
        return None
    if outcome:
        return left, sign, value
    if left.type.name == "double" and not is_number and sign not in ("_==_", "_!=_"):
        return None
    return left, OPPOSITE[sign], value


def _is_plain(value: Any, like: Node) -> bool:
    """Whether a constant is of the very type that the other side has, so that Python compares them as CEL does."""
    return type(value) is PYTHON.get(like.type.name) and value == value


def subject(test: Node) -> Any:
    """The shape of the one value that a test looks at, or of the two that it compares; None for any other test.

    Two tests with the same subject both have an answer, or neither has one: that value is all that they can fail for.
    """
    found = comparison(test, True)
    if found is not None:
        return shape(found[0])
    if text_test(test) is not None and isinstance(test, Call):
        return shape(test.arguments[0])
    found_pair = pair(test)
    return frozenset(found_pair[:2]) if found_pair is not None else None


def text_test(test: Node) -> tuple[str, str] | None:
    """`s.contains("x")` as (contains, x); likewise startsWith and endsWith."""
    if not isinstance(test, Call) or test.function not in ("contains", "startsWith", "endsWith"):
        return None
    text, part = test.arguments
    known, value = constant(part)
    return (test.function, value) if known and isinstance(value, str) and text.type.name == "string" else None


def pair(test: Node) -> tuple[Any, Any, str] | None:
    """A comparison of two values of one type that both depend on the event, as (shape, shape, sign)."""
    if not isinstance(test, Call) or test.function not in FLIPPED:
        return None
    left, right = test.arguments
    if left.type.name not in PYTHON or left.type.name != right.type.name:
        return None
    if constant(left)[0] or constant(right)[0]:
        return None
    return shape(left), shape(right), test.function
