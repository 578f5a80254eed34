"""What the same operation is called on different engines, where Ibis's own form is missing or not exact.

Arrow's own functions (its regular expressions are RE2 too) serve everywhere; DuckDB has native ones, which are quicker.
"""

import functools
from collections.abc import Callable
from contextlib import suppress
from typing import Any, Protocol

import ibis
import ibis.expr.operations as ops
import pyarrow as pa
import pyarrow.compute as pc

from safehold.engine.compile import arithmetic
from safehold.engine.compile.faults import EvalError
from safehold.engine.language.values import INT_MIN


class Dialect(Protocol):
    """`lambdas`: whether lists can be filtered by an expression; `semi_joins`: whether `isin` takes a table's column;
    `over_arrow`: whether functions are Arrow's."""

    lambdas: bool
    semi_joins: bool
    over_arrow: bool

    def matches(self, text: Any, pattern: str) -> Any: ...
    def part_of(self, how: str, text: Any, part: Any) -> Any:
        """`contains`, `startsWith` or `endsWith`; `part` may be a column."""

    def size(self, text: Any) -> Any: ...
    def whole(self, operator: str, a: Any, b: Any) -> Any:
        """`+ - * / %` of 64-bit integers, `/` cut towards zero: NULL for an overflow and a division by zero."""

    def double(self, value: float) -> Any:
        """A literal, to the last bit and the sign of zero."""

    def ratio(self, a: Any, b: Any) -> Any:
        """Division of doubles as IEEE 754 has it, infinities and the last bit included."""

    def lower(self, text: Any) -> Any: ...
    def upper(self, text: Any) -> Any: ...


@ibis.udf.scalar.builtin(name="divide")
def _duckdb_divide(a: int, b: int) -> int:  # type: ignore[empty-body]
    """DuckDB's `//`."""


@ibis.udf.scalar.builtin(name="TRY", signature=(("int64",), "int64"))
def _duckdb_try(value):  # type: ignore[no-untyped-def]
    """DuckDB's own expression: NULL where computing the value is an error."""


_LETTERS = ("ABCDEFGHIJKLMNOPQRSTUVWXYZ", "abcdefghijklmnopqrstuvwxyz")


class DuckDb:
    lambdas = semi_joins = True
    over_arrow = False

    def matches(self, text: Any, pattern: str) -> Any:
        return text.re_search(pattern)

    def part_of(self, how: str, text: Any, part: Any) -> Any:
        return getattr(text, how.lower())(part)

    def size(self, text: Any) -> Any:
        return text.length()

    def whole(self, operator: str, a: Any, b: Any) -> Any:
        match operator:
            case "+":
                return _duckdb_try(a + b)
            case "-":
                return _duckdb_try(a - b)
            case "*":
                return _duckdb_try(a * b)
            case "/":
                return _duckdb_try(_duckdb_divide(a, b))
        if isinstance(b.op(), ops.Literal) and b.op().value not in (0, -1):
            return a % b
        # The rest of the least integer by -1 is 0 here, and an overflow in CEL.
        return ibis.cases(
            ((a == ibis.literal(INT_MIN, "int64")) & (b == -1), ibis.null("int64")), else_=_duckdb_try(a % b)
        )

    def double(self, value: float) -> Any:
        # A number that is written down is a decimal there, which has no -0 and is rounded twice on its way to a double.
        return ibis.literal(repr(value)).cast("float64")

    def ratio(self, a: Any, b: Any) -> Any:
        return a / b

    def lower(self, text: Any) -> Any:
        return text.translate(*_LETTERS)

    def upper(self, text: Any) -> Any:
        return text.translate(*reversed(_LETTERS))


_HELD = {str: pa.string(), int: pa.int64(), float: pa.float64()}


def _over_arrow(function: Callable[..., Any]) -> Callable[..., Any]:
    """For engines that hand over one value after the other instead (Spark)."""
    kinds = [_HELD[kind] for name, kind in function.__annotations__.items() if name != "return"]

    @functools.wraps(function)
    def over(*columns: Any) -> Any:
        if isinstance(columns[0], pa.Array | pa.ChunkedArray):
            return function(*columns)
        found = function(*(pa.array([value], kind) for value, kind in zip(columns, kinds, strict=True)))
        return found[0].as_py()

    return over


def _first(pattern: Any) -> str | None:
    return pattern[0].as_py() if len(pattern) else None


@ibis.udf.scalar.pyarrow
@_over_arrow
def _arrow_matches(text: str, pattern: str) -> bool:
    found = _first(pattern)
    return pc.match_substring_regex(text, found) if found is not None else pa.nulls(len(text), pa.bool_())


def _pairs(test: Callable[[str, str], bool], text: Any, part: Any) -> Any:
    pairs = zip(text.to_pylist(), part.to_pylist(), strict=True)
    return pa.array([None if one is None or other is None else test(one, other) for one, other in pairs], pa.bool_())


@ibis.udf.scalar.pyarrow
@_over_arrow
def _arrow_contains(text: str, part: str) -> bool:
    return _pairs(lambda one, other: other in one, text, part)


@ibis.udf.scalar.pyarrow
@_over_arrow
def _arrow_starts(text: str, part: str) -> bool:
    return _pairs(str.startswith, text, part)


@ibis.udf.scalar.pyarrow
@_over_arrow
def _arrow_ends(text: str, part: str) -> bool:
    return _pairs(str.endswith, text, part)


_PARTS = {"contains": _arrow_contains, "startsWith": _arrow_starts, "endsWith": _arrow_ends}


@ibis.udf.scalar.pyarrow
@_over_arrow
def _arrow_size(text: str) -> int:
    return pc.cast(pc.utf8_length(text), pa.int64())


def _whole(operation: Callable[[int, int], int], a: Any, b: Any) -> Any:
    """Integer arithmetic by Python's own integers, which know no overflow: exact, and for engines without such a form."""
    found = []
    for one, other in zip(a.to_pylist(), b.to_pylist(), strict=True):
        value = None
        if one is not None and other is not None:
            with suppress(EvalError):
                value = operation(one, other)
        found.append(value)
    return pa.array(found, pa.int64())


@ibis.udf.scalar.pyarrow
@_over_arrow
def _arrow_add(a: int, b: int) -> int:
    return _whole(arithmetic.add, a, b)


@ibis.udf.scalar.pyarrow
@_over_arrow
def _arrow_subtract(a: int, b: int) -> int:
    return _whole(arithmetic.subtract, a, b)


@ibis.udf.scalar.pyarrow
@_over_arrow
def _arrow_multiply(a: int, b: int) -> int:
    return _whole(arithmetic.multiply, a, b)


@ibis.udf.scalar.pyarrow
@_over_arrow
def _arrow_divide(a: int, b: int) -> int:
    return _whole(arithmetic.divide, a, b)


@ibis.udf.scalar.pyarrow
@_over_arrow
def _arrow_modulo(a: int, b: int) -> int:
    return _whole(arithmetic.modulo, a, b)


_WHOLE = {"+": _arrow_add, "-": _arrow_subtract, "*": _arrow_multiply, "/": _arrow_divide, "%": _arrow_modulo}


@ibis.udf.scalar.pyarrow
@_over_arrow
def _arrow_ratio(a: float, b: float) -> float:
    return pc.divide(a, b)


@ibis.udf.scalar.pyarrow
@_over_arrow
def _arrow_lower(text: str) -> str:
    return pc.cast(pc.ascii_lower(text), pa.string())


@ibis.udf.scalar.pyarrow
@_over_arrow
def _arrow_upper(text: str) -> str:
    return pc.cast(pc.ascii_upper(text), pa.string())


class Arrow:
    """Any engine that runs functions over Arrow arrays."""

    lambdas = False
    semi_joins = over_arrow = True

    def matches(self, text: Any, pattern: str) -> Any:
        return _arrow_matches(text, ibis.literal(pattern))

    def part_of(self, how: str, text: Any, part: Any) -> Any:
        if isinstance(part.op(), ops.Literal):
            return getattr(text, how.lower())(part)
        return _PARTS[how](text, part)

    def size(self, text: Any) -> Any:
        return _arrow_size(text)

    def whole(self, operator: str, a: Any, b: Any) -> Any:
        return _WHOLE[operator](a, b)

    def double(self, value: float) -> Any:
        return ibis.literal(value, "float64")

    def ratio(self, a: Any, b: Any) -> Any:
        return _arrow_ratio(a, b)

    def lower(self, text: Any) -> Any:
        return _arrow_lower(text)

    def upper(self, text: Any) -> Any:
        return _arrow_upper(text)


class Spark(Arrow):
    """Spark's `length` counts code points, so that Arrow is not needed for it."""

    semi_joins = False

    def size(self, text: Any) -> Any:
        return text.length().cast("int64")


DIALECTS: dict[str, Dialect] = {"duckdb": DuckDb(), "polars": Arrow(), "pyspark": Spark()}
