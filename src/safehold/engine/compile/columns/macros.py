"""Macros as column expressions: a list that is written down is spelt out, one that the table holds is filtered. Called by
`translate`.
"""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import ibis

from safehold.engine.compile.columns.cell import (
    Cell,
    absent,
    asking,
    column_type,
    either,
    is_false,
    is_true,
    only,
    where_all,
    without_value,
)
from safehold.engine.language.tree import ListOf, Macro
from safehold.engine.language.types import BOOL

if TYPE_CHECKING:
    from safehold.engine.compile.columns.translate import Columns

#: A macro over a list that is written down is spelt out up to this many items.
_SPELT_OUT = 40


def macro(columns: "Columns", node: Macro, local: Mapping[str, Cell]) -> Cell:
    if node.kind not in ("all", "exists", "exists_one") or node.condition is None or node.second is not None:
        return asking(node.type)
    if isinstance(node.over, ListOf) and len(node.over.items) <= _SPELT_OUT:
        return _spelt_out(columns, node, [columns.cell(item, local) for item in node.over.items], local)
    over = columns.cell(node.over, local) if node.over.type.name == "list" else None
    if over is None or over.value is None or over.empty or not columns.dialect.lambdas or node.kind == "exists_one":
        return asking(node.type)
    return _over_column(columns, node, over, local)


def _spelt_out(columns: "Columns", node: Macro, items: list[Cell], local: Mapping[str, Cell]) -> Cell:
    """As the chain of `&&` or `||` that the macro is, over a list whose items all have to have values."""
    if any(item.value is None for item in items):
        return asking(node.type)
    if not items:
        return Cell(ibis.literal(node.kind == "all"))
    condition = node.condition
    bodies = [columns.condition(condition, {**local, node.variable: item}) for item in items] if condition else []
    if node.kind == "exists_one":
        if any(body.empty for body in bodies):
            return without_value(BOOL, [*items, *bodies])
        hits = bodies[0].value.cast("int64")
        for body in bodies[1:]:
            hits = hits + body.value.cast("int64")
        return where_all(hits == 1, [*items, *bodies])
    found = columns.junction("_&&_" if node.kind == "all" else "_||_", bodies)
    missing = absent(items)
    if missing is None:
        return found
    value = ibis.cases((missing, ibis.null("boolean")), else_=found.value)
    return Cell(
        value,
        either((*(item.unknown for item in items), only(~missing, found.unknown))),
        either((*(item.ask for item in items), only(~missing, found.ask))),
        nullable=True,
    )


def _over_column(columns: "Columns", node: Macro, over: Cell, local: Mapping[str, Cell]) -> Cell:
    """Over a list that the table holds: how many of its items decide it, and how many leave it open."""
    item = node.over.type.parameters[0]
    if column_type(item) is None or node.condition is None:
        return asking(node.type)
    condition = node.condition

    def body(value: Any) -> Cell:
        outside, columns.in_macro = columns.in_macro, True
        try:
            return columns.condition(condition, {**local, node.variable: Cell(value)})
        finally:
            columns.in_macro = outside

    example = body(ibis.null(column_type(item)))
    decisive = node.kind == "exists"

    def count(test: Any) -> Any:
        return over.value.filter(test).length() > 0

    settled = count(lambda value: is_true(body(value)) if decisive else is_false(body(value)))
    branches = [(settled, ibis.literal(decisive))]
    if over.nullable:
        branches.insert(0, (over.value.isnull(), ibis.null("boolean")))
    nullable = over.nullable or example.nullable
    if example.nullable:
        branches.append((count(lambda value: body(value).value.isnull()), ibis.null("boolean")))
    value = ibis.cases(*branches, else_=ibis.literal(not decisive))
    unknown = None if example.unknown is None else count(lambda value: body(value).unknown).fill_null(False)
    ask = None if example.ask is None else count(lambda value: body(value).ask).fill_null(False)
    open_ = value.isnull()
    return Cell(
        value,
        either((over.unknown, only(open_, unknown))),
        either((over.ask, only(open_, ask))),
        nullable=nullable,
    )
