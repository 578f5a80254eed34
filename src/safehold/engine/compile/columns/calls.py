"""CEL's strict functions as columns, by name: `f(dialect, node, cells) -> Cell`, or None where columns have no exact form.

Every operand is made safe before it is used, because an engine may compute both sides of a condition: no overflow, no
division by zero, no cast of a NaN ever happens, wherever the row ends up.
"""

from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from math import copysign
from typing import Any

import ibis
import ibis.expr.operations as ops

from safehold.engine.compile.columns.cell import Cell, absent, either, strict, without_value
from safehold.engine.compile.columns.dialects import Dialect
from safehold.engine.language.tree import Call, Literal
from safehold.engine.language.values import SECOND

Translate = Callable[[Dialect, Call, list[Cell]], Cell | None]
_NUMBERS = ("int", "double")
_ALIKE = ("bool", "int", "double", "string", "timestamp", "duration")
_LEAST, _GREATEST = -(2.0**63), 2.0**63


def _kinds(node: Call) -> list[str]:
    return [argument.type.name for argument in node.arguments]


def _literal(node: Call, at: int) -> Any:
    found = node.arguments[at] if at < len(node.arguments) else None
    return found.value if isinstance(found, Literal) else None


# -- comparisons -------------------------------------------------------------------------------------------------------

_COMPARE: dict[str, Callable[[Any, Any], Any]] = {
    "_==_": lambda a, b: a == b, "_!=_": lambda a, b: a != b, "_<_": lambda a, b: a < b, "_<=_": lambda a, b: a <= b,
    "_>_": lambda a, b: a > b, "_>=_": lambda a, b: a >= b,
}  # fmt: skip


def _comparison(_: Dialect, node: Call, cells: list[Cell]) -> Cell | None:
    left, right = _kinds(node)
    one, other = cells
    if left != right:
        if left not in _NUMBERS or right not in _NUMBERS:
            return None
        one, other = (
            cell if kind == "double" else Cell(cell.value.cast("float64"), cell.unknown, cell.ask, cell.nullable, True)
            for cell, kind in ((one, left), (other, right))
        )
    elif left not in _ALIKE:
        return None
    if left == right == "bool" and node.function not in ("_==_", "_!=_"):
        one, other = (Cell(c.value.cast("int8"), c.unknown, c.ask, c.nullable) for c in (one, other))
    value = _COMPARE[node.function](one.value, other.value)
    # Databases order NaN above all numbers and equal to itself; IEEE 754, which CEL follows, leaves it out of any order.
    doubtful = either(cell.value.isnan() for cell, kind in ((one, left), (other, right))
                      if "double" in (left, right) and not cell.finite)  # fmt: skip
    if doubtful is not None:
        missing = absent((one, other))
        branches = [] if missing is None else [(missing, ibis.null("boolean"))]
        value = ibis.cases(*branches, (doubtful, ibis.literal(node.function == "_!=_")), else_=value)
    return strict(value, (one, other))


def _not(_: Dialect, node: Call, cells: list[Cell]) -> Cell | None:
    return strict(~cells[0].value, cells) if _kinds(node) == ["bool"] else None


# -- numbers -----------------------------------------------------------------------------------------------------------


def _safe(good: Any, cell: Cell, instead: Any = 0) -> Any:
    """The value where the row is good, something harmless elsewhere."""
    return ibis.cases((good.fill_null(False), cell.value), else_=ibis.literal(instead, cell.value.type()))


def _whole(dialect: Dialect, operator: str, cells: list[Cell], over: str = "error") -> Cell:
    """64-bit arithmetic. `over` says what an overflow is: an `error`, or to `ask`, where CEL's own range is wider."""
    value = dialect.whole(operator, cells[0].value, cells[1].value)
    asks = None
    if over == "ask":
        there = absent(cells)
        asks = value.isnull() if there is None else value.isnull() & ~there
    cell = strict(value, cells)
    return replace(cell, nullable=True, ask=either((cell.ask, asks)))


_TIMES = {
    ("timestamp", "duration"): "ask", ("duration", "timestamp"): "ask", ("duration", "duration"): "error",
    ("int", "int"): "error",
}  # fmt: skip


def _add(dialect: Dialect, node: Call, cells: list[Cell]) -> Cell | None:
    left, right = _kinds(node)
    if over := _TIMES.get((left, right)):
        return _whole(dialect, "+", cells, over)
    if left == right == "double":
        one, other = cells
        value = (
            _beside_zero(other.value, _zero(one)) if _zero(one) is not None else _beside_zero(one.value, _zero(other))
        )
        return strict(one.value + other.value if value is None else value, cells)
    return strict(cells[0].value + cells[1].value, cells) if left == right == "string" else None


def _zero(cell: Cell) -> float | None:
    """The zero that is written down, with its sign; None for any other value."""
    operation = cell.value.op()
    literal = operation.arg if isinstance(operation, ops.Cast) else operation
    value = literal.value if isinstance(literal, ops.Literal) else None
    with suppress(TypeError, ValueError):
        return None if value is None or float(value) != 0 else float(value)
    return None


def _beside_zero(value: Any, zero: float | None) -> Any:
    """A double plus a zero, spelt out: engines take it for the double itself, also where the sum of -0.0 and 0.0 is 0.0."""
    if zero is None:
        return None
    if copysign(1.0, zero) < 0:
        return value
    return ibis.cases((value == 0, ibis.literal(0.0, "float64")), else_=value)


def _subtract(dialect: Dialect, node: Call, cells: list[Cell]) -> Cell | None:
    left, right = _kinds(node)
    if (left, right) in (("int", "int"), ("duration", "duration"), ("timestamp", "timestamp")):
        return _whole(dialect, "-", cells)
    if (left, right) == ("timestamp", "duration"):
        return _whole(dialect, "-", cells, "ask")
    if left != right or left != "double":
        return None
    one, other = cells
    if (zero := _zero(other)) is not None:
        return strict(_beside_zero(one.value, -zero), cells)
    value = _beside_zero(-other.value, _zero(one))
    return strict(one.value - other.value if value is None else value, cells)


def _age(dialect: Dialect, node: Call, cells: list[Cell]) -> Cell | None:
    """`actor.age` is not held to 64 bits by the engine."""
    return _whole(dialect, "-", cells, "ask")


def _multiply(dialect: Dialect, node: Call, cells: list[Cell]) -> Cell | None:
    left, right = _kinds(node)
    if left == right == "double":
        return strict(cells[0].value * cells[1].value, cells)
    return _whole(dialect, "*", cells) if left == right == "int" else None


def _divide(dialect: Dialect, node: Call, cells: list[Cell]) -> Cell | None:
    kinds = _kinds(node)
    if kinds == ["double", "double"]:
        return strict(dialect.ratio(cells[0].value, cells[1].value), cells)
    return _whole(dialect, "/", cells) if kinds == ["int", "int"] else None


def _modulo(dialect: Dialect, node: Call, cells: list[Cell]) -> Cell | None:
    if _kinds(node) != ["int", "int"]:
        return None
    divisor = cells[1].value.op()
    if isinstance(divisor, ops.Literal) and divisor.value == 0:  # Ibis would try it to find the result's type
        return without_value(node.type, cells)
    return _whole(dialect, "%", cells)


def _negate(dialect: Dialect, node: Call, cells: list[Cell]) -> Cell | None:
    if _kinds(node) == ["double"]:
        return strict(-cells[0].value, cells, finite=cells[0].finite)
    return _whole(dialect, "-", [Cell(ibis.literal(0, "int64")), cells[0]]) if _kinds(node) == ["int"] else None


# -- texts -------------------------------------------------------------------------------------------------------------


def _part_of(dialect: Dialect, node: Call, cells: list[Cell]) -> Cell | None:
    if _kinds(node) != ["string", "string"]:
        return None
    return strict(dialect.part_of(node.function, cells[0].value, cells[1].value), cells)


def _matches(dialect: Dialect, node: Call, cells: list[Cell]) -> Cell | None:
    pattern = _literal(node, 1)
    if not isinstance(pattern, str) or "\x00" in pattern:
        return None
    return strict(dialect.matches(cells[0].value, pattern), cells[:1])


def _size(dialect: Dialect, node: Call, cells: list[Cell]) -> Cell | None:
    kind = _kinds(node)[0]
    if kind == "string":
        return strict(dialect.size(cells[0].value), cells)
    return strict(cells[0].value.length().cast("int64"), cells) if kind == "list" else None


def _lower(dialect: Dialect, node: Call, cells: list[Cell]) -> Cell | None:
    return strict(dialect.lower(cells[0].value), cells)


def _upper(dialect: Dialect, node: Call, cells: list[Cell]) -> Cell | None:
    return strict(dialect.upper(cells[0].value), cells)


# -- conversions -------------------------------------------------------------------------------------------------------


def _int(dialect: Dialect, node: Call, cells: list[Cell]) -> Cell | None:
    kind, cell = _kinds(node)[0], cells[0]
    if kind == "int":
        return cell
    if kind == "timestamp":
        return strict(_floor_divide(dialect, cell.value, SECOND), cells)
    if kind != "double":
        return None
    good = ~cell.value.isnan() & (cell.value > _LEAST) & (cell.value < _GREATEST)
    safe = _safe(good, cell, 0.0)
    whole = ibis.cases((safe >= 0, safe.floor()), else_=safe.ceil()).cast("int64")
    missing = absent(cells)
    if missing is not None:
        whole = ibis.cases((missing, ibis.null("int64")), else_=whole)
    return strict(whole, cells, fails=~good)


def _double(_: Dialect, node: Call, cells: list[Cell]) -> Cell | None:
    kind = _kinds(node)[0]
    if kind == "int":
        return strict(cells[0].value.cast("float64"), cells, finite=True)
    return cells[0] if kind == "double" else None


def _string(_: Dialect, node: Call, cells: list[Cell]) -> Cell | None:
    kind, cell = _kinds(node)[0], cells[0]
    if kind == "int":
        return strict(cell.value.cast("string"), cells)
    if kind == "bool":
        branches = [(cell.value, "true"), (~cell.value, "false")]
        return strict(ibis.cases(*branches, else_=ibis.null("string")), cells)
    return cell if kind == "string" else None


def _same(kind: str) -> Translate:
    def translate(_: Dialect, node: Call, cells: list[Cell]) -> Cell | None:
        return cells[0] if _kinds(node)[0] == kind else None

    return translate


# -- times -------------------------------------------------------------------------------------------------------------


def _floor_divide(dialect: Dialect, value: Any, by: int) -> Any:
    divisor = ibis.literal(by, "int64")
    return dialect.whole("/", value, divisor) - (dialect.whole("%", value, divisor) < 0).cast("int64")


def _clock(unit: int, cycle: int, shift: int = 0) -> Translate:
    """The part of the day in UTC, or for a duration the whole of it in that unit."""

    def translate(dialect: Dialect, node: Call, cells: list[Cell]) -> Cell | None:
        zone = _literal(node, 1) if len(node.arguments) > 1 else "UTC"
        kind, value = _kinds(node)[0], cells[0].value
        if zone != "UTC":
            return None
        if kind == "duration" and len(node.arguments) == 1 and not shift and unit >= SECOND:
            return strict(dialect.whole("/", value, ibis.literal(unit, "int64")), cells[:1])
        if kind != "timestamp":
            return None
        units = _floor_divide(dialect, value, unit) + shift
        rest = dialect.whole("%", units, ibis.literal(cycle, "int64"))
        return strict(dialect.whole("%", rest + cycle, ibis.literal(cycle, "int64")), cells[:1])

    return translate


CALLS: dict[str, Translate] = {
    **dict.fromkeys(_COMPARE, _comparison),
    "!_": _not,
    "_+_": _add,
    "_-_": _subtract,
    "_*_": _multiply,
    "_/_": _divide,
    "_%_": _modulo,
    "-_": _negate,
    "age": _age,
    **dict.fromkeys(("contains", "startsWith", "endsWith"), _part_of),
    "matches": _matches,
    "size": _size,
    "lowerAscii": _lower,
    "upperAscii": _upper,
    "int": _int,
    "double": _double,
    "string": _string,
    "bool": _same("bool"),
    "timestamp": _same("timestamp"),
    "duration": _same("duration"),
    "getHours": _clock(3600 * SECOND, 24),
    "getMinutes": _clock(60 * SECOND, 60),
    "getSeconds": _clock(SECOND, 60),
    "getMilliseconds": _clock(1_000_000, 1000),
    "getDayOfWeek": _clock(86400 * SECOND, 7, shift=4),
}
