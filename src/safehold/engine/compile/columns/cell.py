"""A CEL value as columns: the value, and why there is none where it is NULL."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import ibis

from safehold.engine.language.types import Type

#: How values of CEL's types are kept in columns. Timestamps and durations are nanoseconds, since 1970 and as such.
KEPT_AS = {
    "bool": "boolean", "int": "int64", "double": "float64", "string": "string", "timestamp": "int64", "duration": "int64",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Held:
    """A column of the table. `nullable`: some rows have no value; `finite`: no NaN and no infinity in it (doubles)."""

    name: str
    nullable: bool = True
    finite: bool = False


@dataclass(frozen=True, slots=True)
class Cell:
    """`value` is NULL where there is none; None where columns have no form for the type at all.

    `unknown` and `ask` are conditions that are never NULL, or None for never: the value is unknown (otherwise it is an
    error), and columns cannot tell. `nullable` and `finite` say what is known of the whole column; `empty` that it is
    NULL at every row (Ibis reads a comparison with a literal NULL as `IS NULL`, so that none may be made).
    """

    value: Any
    unknown: Any = None
    ask: Any = None
    nullable: bool = False
    finite: bool = False
    empty: bool = False


def column_type(kind: Type) -> str | None:
    """Ibis's type for a CEL type; None where columns have none."""
    if kind.name == "list":
        item = KEPT_AS.get(kind.parameters[0].name)
        return f"array<{item}>" if item is not None else None
    return KEPT_AS.get(kind.name)


def asking(kind: Type) -> Cell:
    """What columns cannot say."""
    name = column_type(kind)
    return Cell(ibis.null(name) if name else None, None, ibis.literal(True), nullable=True, empty=True)


def failing(kind: Type) -> Cell:
    """An error at every row."""
    name = column_type(kind)
    return Cell(ibis.null(name) if name else None, nullable=True, empty=True)


def without_value(kind: Type, cells: Iterable[Cell]) -> Cell:
    """The cell of a strict function of which an argument never has a value."""
    cells = list(cells)
    name = column_type(kind)
    return Cell(
        ibis.null(name) if name else None,
        either(cell.unknown for cell in cells),
        either(cell.ask for cell in cells),
        nullable=True,
        empty=True,
    )


def either(conditions: Iterable[Any]) -> Any:
    """One condition or the other, None for never."""
    found = None
    for condition in conditions:
        if condition is not None:
            found = condition if found is None else found | condition
    return found


def both(first: Any, second: Any) -> Any:
    return None if first is None or second is None else first & second


def is_true(cell: Cell) -> Any:
    """Whether a boolean cell is true: never NULL."""
    return cell.value.fill_null(False) if cell.nullable else cell.value


def is_false(cell: Cell) -> Any:
    return (~cell.value).fill_null(False) if cell.nullable else ~cell.value


def absent(cells: Iterable[Cell]) -> Any:
    """Whether one of the values is NULL; None for never."""
    return either(cell.value.isnull() for cell in cells if cell.nullable)


def strict(value: Any, cells: Iterable[Cell], *, fails: Any = None, asks: Any = None, finite: bool = False) -> Cell:
    """The cell of a function that needs all its arguments: `value` is NULL where one of them is.

    `fails` and `asks` are conditions, over rows whose arguments are all there, that it is an error, or not for columns.
    """
    cells = list(cells)
    wrong = either((fails, asks))
    if wrong is not None:
        value = ibis.cases((wrong.fill_null(False), ibis.null(value.type())), else_=value)
    return Cell(
        value,
        either(cell.unknown for cell in cells),
        either((*(cell.ask for cell in cells), None if asks is None else asks.fill_null(False))),
        nullable=wrong is not None or any(cell.nullable for cell in cells),
        finite=finite,
    )


def decided(value: Any, cells: Iterable[Cell], *, nullable: bool) -> Cell:
    """The cell of `&&`, `||` and what is made of them: a fault only where the value is NULL."""
    cells = list(cells)
    open_ = value.isnull() if nullable else None
    return Cell(
        value,
        both(open_, either(cell.unknown for cell in cells)),
        both(open_, either(cell.ask for cell in cells)),
        nullable=nullable,
    )


def where_all(value: Any, cells: list[Cell]) -> Cell:
    """`value`, NULL where one of the cells is."""
    missing = absent(cells)
    if missing is not None:
        value = ibis.cases((missing, ibis.null("boolean")), else_=value)
    return Cell(
        value,
        either(cell.unknown for cell in cells),
        either(cell.ask for cell in cells),
        nullable=missing is not None,
    )


def only(where: Any, condition: Any) -> Any:
    """The condition where the other one holds; None for none."""
    return None if condition is None else where & condition
