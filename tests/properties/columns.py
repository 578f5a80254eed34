"""A table of random events, and what each engine makes of an expression over it: for holding columns against the engine."""

from typing import Any

import ibis
import pyarrow as pa

from safehold.engine.compile.columns import ASK, ERROR, FALSE, TRUE, UNKNOWN, Columns, Held
from safehold.engine.compile.columns.cell import column_type
from safehold.engine.compile.faults import Unknown
from safehold.engine.language.tree import Node
from tests.language.evaluation import exact
from tests.properties.expressions import VARIABLES

_ARROW = {
    "boolean": pa.bool_(), "int64": pa.int64(), "float64": pa.float64(), "string": pa.string(),
    "array<int64>": pa.list_(pa.int64()), "array<string>": pa.list_(pa.string()),
}  # fmt: skip


def table(rows: list[dict[str, Any]]) -> pa.Table:
    """The rows' values as columns, in the way that history keeps them; `n` numbers the rows."""
    columns: dict[str, Any] = {"n": pa.array(range(len(rows)), pa.int64())}
    for name, kind in VARIABLES.items():
        held = column_type(kind)
        if held is not None:
            columns[name] = pa.array([_plain(row.get(name)) for row in rows], _ARROW[held])
    return pa.table(columns)


def _plain(value: Any) -> Any:
    return int(value) if isinstance(value, int) and not isinstance(value, bool) else value


class Engine:
    """One backend with one table; `outcomes` asks many expressions at once."""

    def __init__(self, backend: str, data: pa.Table) -> None:
        if backend == "duckdb":
            self.connection = ibis.duckdb.connect(threads=1)
            self.connection.con.register("events", data)
            self.table = self.connection.table("events")
        else:
            self.connection = ibis.polars.connect()
            self.table = self.connection.create_table("events", data)
        paths = {(name,): Held(name) for name in data.column_names}
        self.columns = Columns(self.table, paths, backend=backend)

    def outcomes(self, trees: list[Node]) -> list[list[tuple[int, Any]]]:
        """For each expression and row: what becomes of it, and its value where it has one."""
        wanted: dict[str, Any] = {"n": self.table.n}
        for at, tree in enumerate(trees):
            cell = self.columns.cell(tree, {})
            if cell.value is None:
                continue
            wanted[f"v{at}"] = cell.value
            wanted[f"a{at}"] = ibis.literal(False) if cell.ask is None else cell.ask
            wanted[f"u{at}"] = ibis.literal(False) if cell.unknown is None else cell.unknown
        found = self.connection.to_pyarrow(self.table.select(**wanted).order_by("n"))
        count = found.num_rows
        answers = []
        for at in range(len(trees)):
            if f"v{at}" not in wanted:
                answers.append([(ASK, None)] * count)
                continue
            value, ask, unknown = (found.column(f"{part}{at}").to_pylist() for part in "vau")
            answers.append([_outcome(*row) for row in zip(value, ask, unknown, strict=True)])
        return answers

    def left_out(self, trees: list[Node]) -> list[list[bool]]:
        """For each condition and row: whether a query leaves the row out before it asks the condition."""
        wanted = {f"m{at}": ~self.columns.may(tree) for at, tree in enumerate(trees)}
        found = self.connection.to_pyarrow(self.table.select(n=self.table.n, **wanted).order_by("n"))
        return [found.column(f"m{at}").to_pylist() for at in range(len(trees))]

    def statuses(self, trees: list[Node]) -> list[list[int]]:
        wanted = {f"s{at}": self.columns.status(tree) for at, tree in enumerate(trees)}
        found = self.connection.to_pyarrow(self.table.select(n=self.table.n, **wanted).order_by("n"))
        return [found.column(f"s{at}").to_pylist() for at in range(len(trees))]


def _outcome(value: Any, ask: bool, unknown: bool) -> tuple[int, Any]:
    if value is not None:
        return TRUE, value
    return (ASK if ask else UNKNOWN if unknown else ERROR), None


def expected(tree: Node, row: dict[str, Any]) -> tuple[int, Any]:
    """The exact evaluator's answer in the same form."""
    found = exact(tree, row)
    if isinstance(found, Exception):
        return (UNKNOWN if isinstance(found, Unknown) else ERROR), None
    return TRUE, found


__all__ = ["ASK", "ERROR", "FALSE", "TRUE", "UNKNOWN", "Engine", "expected", "table"]
