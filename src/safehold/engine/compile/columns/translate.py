"""An expression of the typed tree as an Ibis column expression over one table.

`status` is what becomes of a rule: one small integer a row. Whatever has no exact form in columns becomes "ask", and only
rows where the rest of the condition leaves it open are asked about.
"""

import functools
import operator
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import ibis
import ibis.expr.operations as ops

from safehold.engine.compile.columns.calls import CALLS
from safehold.engine.compile.columns.cell import (
    Cell,
    Held,
    asking,
    column_type,
    decided,
    either,
    failing,
    is_false,
    is_true,
    only,
    where_all,
    without_value,
)
from safehold.engine.compile.columns.dialects import DIALECTS
from safehold.engine.compile.columns.macros import macro
from safehold.engine.compile.exact import evaluate
from safehold.engine.compile.faults import EvalError
from safehold.engine.language.tree import Bind, Call, ListOf, Literal, Local, Macro, Node, Path, Present, walk
from safehold.engine.language.types import BOOL, DURATION, TIMESTAMP, Type
from safehold.engine.language.values import INT_MAX, INT_MIN, Duration, Timestamp

#: What `status` says: the rule matches or not, or has no value, or the exact evaluator has to be asked.
FALSE, TRUE, UNKNOWN, ERROR, ASK = range(5)
Parts = tuple[str, ...]
#: Operations that one expression may have in a query. Databases plan long ones slowly; real conditions have a tenth.
MOST_OPERATIONS = 2_000


@dataclass(frozen=True)
class Found:
    """What a table has ready: `screens` the column that says of a path's text whether a (function, literal) can be in it;
    `lists` the column of 64 bits, and the bit, that say whether a path's value is in a list."""

    screens: dict[Parts, Mapping[tuple[str, str], str]] = field(default_factory=dict)
    lists: dict[tuple[Parts, str], tuple[str, int]] = field(default_factory=dict)


class Columns:
    """Translates for one table. `paths` says which column holds a path's value, `presence` which one says whether an
    object is there; `lists` are the policies' lists, and `long_list` makes a list that is too long for a query into a
    column of a table beside it. `found` is what the table has ready. `backend` is Ibis's name: `duckdb`, `polars`,
    `pyspark`."""

    def __init__(
        self,
        table: Any,
        paths: Mapping[Parts, Held],
        *,
        presence: Mapping[Parts, Held] | None = None,
        lists: Mapping[str, Any] | None = None,
        backend: str = "duckdb",
        long_list: Callable[[str, frozenset[str]], Any] | None = None,
        found: Found | None = None,
    ) -> None:
        self.table, self.paths, self.presence, self.lists = table, paths, presence or {}, lists or {}
        self.dialect = DIALECTS[backend]
        self.long_list, self.found = long_list, found or Found()
        self._policy = ""
        self.in_macro = False
        self._lengths: dict[Any, int] = {}

    def status(self, tree: Node, policy: str = "") -> Any:
        """FALSE, TRUE, UNKNOWN, ERROR or ASK (int8) for each row. `policy` is whose windows `windows.x` means."""
        self._policy = policy
        if tree.type.name != "bool":
            return ibis.literal(ASK, "int8")
        cell = self.cell(tree, {})
        known = cell.value.cast("int8")
        if not cell.nullable:
            return known
        branches = [(cell.value.notnull(), known)]
        if cell.ask is not None:
            branches.append((cell.ask, ibis.literal(ASK, "int8")))
        if cell.unknown is not None:
            branches.append((cell.unknown, ibis.literal(UNKNOWN, "int8")))
        return ibis.cases(*branches, else_=ibis.literal(ERROR, "int8"))

    def may(self, tree: Node, policy: str = "") -> Any:
        """A condition, never NULL, that is true wherever `status` is not FALSE; elsewhere it may be true as well."""
        self._policy = policy
        match tree:
            case Call(function="_&&_" | "_||_" as function, arguments=parts):
                found = [self.may(part, policy) for part in parts]
                return functools.reduce(operator.and_ if function == "_&&_" else operator.or_, found)
            case Call(arguments=(Path() as text, _)) if (screen := self._screen(tree)) is not None:
                held = self.paths[text.parts]
                return self.table[screen].fill_null(True) if held.nullable else self.table[screen]
        cell = self.cell(tree, {})
        if cell.value is None or cell.empty or tree.type.name != "bool":
            return ibis.literal(True)
        return cell.value.fill_null(True) if cell.nullable else cell.value

    def cell(self, node: Node, local: Mapping[str, Cell]) -> Cell:
        """The node's columns; an expression that would be too long for a query is left to the exact evaluator."""
        found = self._cell(node, local)
        parts = (found.value, found.unknown, found.ask)
        if sum(self._length(part.op()) for part in parts if part is not None) > MOST_OPERATIONS:
            return asking(node.type)
        return found

    def _length(self, operation: Any) -> int:
        """Operations of an expression as it is written out; what is used twice is written twice."""
        known = self._lengths.get(operation)
        if known is None:
            if isinstance(operation, ops.Relation):
                return 0
            known = self._lengths[operation] = 1 + sum(self._length(part) for part in operation.__children__)
        return known

    def _cell(self, node: Node, local: Mapping[str, Cell]) -> Cell:
        if isinstance(node, Call) and _constant(node):
            try:
                return self._literal(node.type, evaluate(node, NOTHING))
            except EvalError:
                return failing(node.type)
        match node:
            case Literal(value=value):
                return self._literal(node.type, value)
            case Path(parts=parts):
                return self._path(node.type, parts)
            case Present(parts=parts):
                return self._present(node.type, parts)
            case Local(name=name):
                return local[name]
            case Bind(name=name, value=value, body=body):
                return self.cell(body, {**local, name: self.cell(value, local)})
            case Macro():
                return macro(self, node, local)
            case Call():
                return self._call(node, local)
        return asking(node.type)

    def _literal(self, kind: Type, value: Any) -> Cell:
        name = column_type(kind)
        if name is None or (isinstance(value, str) and not _storable(value)):
            return asking(kind)
        if isinstance(value, (Timestamp, Duration)):
            value = int(value)
        if type(value) is int and not INT_MIN <= value <= INT_MAX:
            return asking(kind)
        if type(value) is float:
            return Cell(self.dialect.double(value), finite=value - value == 0)
        return Cell(ibis.literal(value, name))

    def _path(self, kind: Type, parts: Parts) -> Cell:
        held = self._held(parts)
        if held is None or column_type(kind) is None:
            if parts[1:] == ("age",) and ("now",) in self.paths and (parts[0], "created_at") in self.paths:
                ago = Call(
                    DURATION,
                    1,
                    1,
                    "age",
                    (Path(TIMESTAMP, 1, 1, ("now",)), Path(TIMESTAMP, 1, 1, (parts[0], "created_at"))),
                )
                return self.cell(ago, {})
            return asking(kind)
        value = self.table[held.name]
        return Cell(
            value,
            value.isnull() if held.nullable else None,
            nullable=held.nullable,
            finite=held.finite,
        )

    def _held(self, parts: Parts) -> Held | None:
        return self.paths.get(("windows", self._policy, parts[1]) if parts[0] == "windows" else parts)

    def _present(self, kind: Type, parts: Parts) -> Cell:
        if parts[0] in ("windows", "labels", "lists") or parts == ("now",):
            return Cell(ibis.literal(True))
        if parts[1:] == ("age",):
            parts = (parts[0], "created_at")
        held = self.presence.get(parts)
        if held is not None:
            return Cell(self.table[held.name])
        held = self.paths.get(parts)
        if held is None or parts[0] == "signals":
            return asking(kind)
        return Cell(self.table[held.name].notnull() if held.nullable else ibis.literal(True))

    def _call(self, node: Call, local: Mapping[str, Cell]) -> Cell:
        function, arguments = node.function, node.arguments
        if function in ("_&&_", "_||_"):
            return self.junction(function, [self.condition(part, local) for part in arguments])
        if function == "_?_:_":
            return self._choice(node, local)
        if function == "@in":
            return self._membership(node, local)
        translate = CALLS.get(function)
        cells = [self.cell(part, local) for part in arguments]
        if translate is None or any(cell.value is None for cell in cells):
            return asking(node.type)
        if any(cell.empty for cell in cells):
            return without_value(node.type, cells)
        if self.dialect.over_arrow and cells and not any(cell.value.op().relations for cell in cells):
            cells[0] = replace(cells[0], value=self._at_every_row(cells[0].value))
        found = translate(self.dialect, node, cells)
        return asking(node.type) if found is None else self._screened(node, found)

    def _at_every_row(self, value: Any) -> Any:
        """What does not depend on the row (a literal that a name is bound to), as a column all the same: functions over
        Arrow would answer it once instead of at every row."""
        column = self.table[self.table.columns[0]]
        return ibis.cases((column.isnull(), value), else_=value)

    def _screened(self, node: Call, cell: Cell) -> Cell:
        """The search of a text, done only where the screen has found something."""
        screen = self._screen(node)
        if screen is None:
            return cell
        return replace(cell, value=ibis.cases((~self.table[screen], ibis.literal(False)), else_=cell.value))

    def _screen(self, node: Call) -> str | None:
        """The column that says of a search whether it can find anything."""
        match node:
            case Call(function=function, arguments=(Path(parts=parts), Literal(value=sought))):
                return self.found.screens.get(parts, {}).get((function, sought))
        return None

    def condition(self, node: Node, local: Mapping[str, Cell]) -> Cell:
        cell = self.cell(node, local)
        return cell if node.type.name == "bool" else asking(BOOL)

    def junction(self, function: str, cells: list[Cell]) -> Cell:
        value = cells[0].value
        for cell in cells[1:]:
            value = value & cell.value if function == "_&&_" else value | cell.value
        return decided(value, cells, nullable=any(cell.nullable for cell in cells))

    def _choice(self, node: Call, local: Mapping[str, Cell]) -> Cell:
        condition = self.condition(node.arguments[0], local)
        then, otherwise = (self.cell(part, local) for part in node.arguments[1:])
        if then.value is None or node.arguments[1].type != node.arguments[2].type:
            return asking(node.type)
        yes, no = is_true(condition), is_false(condition)
        value = ibis.cases((yes, then.value), (no, otherwise.value), else_=ibis.null(then.value.type()))
        return Cell(
            value,
            either((condition.unknown, only(yes, then.unknown), only(no, otherwise.unknown))),
            either((condition.ask, only(yes, then.ask), only(no, otherwise.ask))),
            nullable=condition.nullable or then.nullable or otherwise.nullable,
            finite=then.finite and otherwise.finite,
        )

    def _membership(self, node: Call, local: Mapping[str, Cell]) -> Cell:
        item, container = node.arguments
        cell = self.cell(item, local)
        if isinstance(container, Path) and container.parts[0] == "lists":
            ready = self.found.lists.get((item.parts, container.parts[1])) if isinstance(item, Path) else None
            if ready is not None:
                bits = self.table[ready[0]].fill_null(0)
                return where_all((bits & ibis.literal(ready[1], "int64")) != 0, [cell])
            return self._listed(node, cell, item.type, self.lists.get(container.parts[1]))
        if container.type.name != "list" or item.type != container.type.parameters[0] or cell.value is None:
            return asking(node.type)
        if item.type.name not in ("string", "int", "bool", "timestamp", "duration"):
            return asking(node.type)
        if isinstance(container, ListOf):
            return self._one_of(cell, [self.cell(part, local) for part in container.items])
        held = self.cell(container, local)
        if held.value is None:
            return asking(node.type)
        cells = [cell, held]
        if cell.empty or held.empty:
            return without_value(node.type, cells)
        return where_all(held.value.contains(cell.value), cells)

    def _one_of(self, cell: Cell, items: list[Cell]) -> Cell:
        """`x in [a, b]`: every item is needed, as CEL makes the list before it looks into it."""
        cells = [cell, *items]
        if any(each.value is None for each in cells):
            return asking(BOOL)
        if any(each.empty for each in cells):
            return without_value(BOOL, cells)
        found = ibis.literal(False)
        if items:
            found = cell.value.isin([each.value for each in items])
        return where_all(found, cells)

    def _listed(self, node: Call, cell: Cell, kind: Type, held: Any) -> Cell:
        """`x in lists.y`: exact lists are in the query, or beside it as a table where they are long."""
        entries = exact_entries(held)
        if entries is None or kind.name != "string" or cell.value is None or not all(map(_storable, entries)):
            return asking(node.type)
        if cell.empty:
            return without_value(node.type, [cell])
        if len(entries) <= (IN_A_MACRO if self.in_macro else IN_THE_QUERY):
            found = cell.value.isin(sorted(entries)) if entries else ibis.literal(False)
        elif self.dialect.semi_joins and self.long_list is not None and not self.in_macro:
            found = cell.value.isin(self.long_list(held.name, entries))
        else:
            return asking(node.type)
        return where_all(found, [cell])


#: Entries of a list that are written into the query itself; inside a macro there is no other way.
IN_THE_QUERY, IN_A_MACRO = 50, 2_000


class _Nothing:
    """What a constant reads."""

    def read(self, parts: Parts) -> Any:
        raise LookupError(parts)

    def present(self, parts: Parts) -> bool:
        raise LookupError(parts)


NOTHING = _Nothing()


def _constant(node: Node) -> bool:
    """Calls of literals, lists of them, and of each other."""
    return all(isinstance(part, (Literal, Call, ListOf)) for part in walk(node))


def exact_entries(held: Any) -> frozenset[str] | None:
    """The entries of a list that is asked by equality alone, at any time; None for any other."""
    if getattr(held, "kind", None) != "exact" or held.fold or not held.contents.timeless:
        return None
    entries: frozenset[str] = held.entries
    return entries


def _storable(text: str) -> bool:
    """Whether a text can be a literal of SQL on every engine: no NUL, no half of a surrogate pair."""
    return "\x00" not in text and not any("\ud800" <= letter <= "\udfff" for letter in text)
