"""CEL's checked form (`cel.expr.CheckedExpr`) read into the typed tree.

The checker has already expanded the macros into comprehensions; the five shapes it makes of them are recognised again
(cel-spec, doc/langdef.md, "Macros"), because each has a faster and clearer form than a general fold.
"""

from typing import Any

from cel.expr import checked_pb2, syntax_pb2
from google.protobuf import any_pb2

from safehold.engine.language import types
from safehold.engine.language.environment import Environment
from safehold.engine.language.problem import ExpressionProblems, Problem
from safehold.engine.language.tree import (
    Bind,
    Call,
    ListOf,
    Literal,
    Local,
    Macro,
    MapOf,
    Node,
    Path,
    Present,
    Select,
)
from safehold.engine.language.types import Type
from safehold.engine.language.values import TypeValue, Uint

_PRIMITIVES = {1: types.BOOL, 2: types.INT, 3: types.UINT, 4: types.DOUBLE, 5: types.STRING, 6: types.BYTES}
_WELL_KNOWN = {1: types.DYN, 2: types.TIMESTAMP, 3: types.DURATION}
#: Deeper or larger expressions are refused: they bound the work of every later pass and the stack it needs.
MAX_DEPTH, MAX_NODES = 120, 5_000


def read_checked(serialized: bytes, text: str, environment: Environment) -> Node:
    """The tree of an expression that `Environment.checker` compiled. Raises ExpressionProblems where it is too large."""
    wrapped, checked = any_pb2.Any.FromString(serialized), checked_pb2.CheckedExpr()
    wrapped.Unpack(checked)
    return _Reader(checked, text, environment).node(checked.expr, frozenset(), 0)


class _Reader:
    def __init__(self, checked: checked_pb2.CheckedExpr, text: str, environment: Environment) -> None:
        self.checked, self.environment = checked, environment
        self.starts = [0] + [at + 1 for at, letter in enumerate(text) if letter == "\n"]
        self.positions = dict(checked.source_info.positions)
        self.count = 0

    def place(self, identifier: int) -> tuple[int, int]:
        offset = self.positions.get(identifier, 0)
        line = sum(1 for start in self.starts if start <= offset)
        return line, offset - self.starts[line - 1] + 1

    def type_of(self, expression: Any) -> Type:
        return self._type(self.checked.type_map[expression.id]) if expression.id in self.checked.type_map else types.DYN

    def _type(self, kind: Any) -> Type:
        match kind.WhichOneof("type_kind"):
            case "primitive":
                return _PRIMITIVES[kind.primitive]
            case "well_known":
                return _WELL_KNOWN[kind.well_known]
            case "null":
                return types.NULL
            case "list_type":
                return types.list_of(self._type(kind.list_type.elem_type))
            case "map_type":
                return types.map_of(self._type(kind.map_type.key_type), self._type(kind.map_type.value_type))
            case "message_type":
                return self.environment.object_named(kind.message_type) or types.DYN
            case "type":
                return types.TYPE
            case "abstract_type" if kind.abstract_type.name == "optional_type":
                return types.optional_of(self._type(kind.abstract_type.parameter_types[0]))
        return types.DYN

    def refuse(self, expression: Any, message: str, hint: str = "", code: str = "unknown-name") -> ExpressionProblems:
        return ExpressionProblems([Problem(*self.place(expression.id), message, hint, code)])

    def node(self, expression: Any, scope: frozenset[str], depth: int) -> Node:
        self.count += 1
        if depth > MAX_DEPTH or self.count > MAX_NODES:
            raise self.refuse(expression, "the expression is too large", "split it into several rules", "too-large")
        where = (self.type_of(expression), *self.place(expression.id))
        match expression.WhichOneof("expr_kind"):
            case "const_expr":
                return Literal(*where, _constant(expression.const_expr))
            case "ident_expr":
                return self._name(expression, where, scope)
            case "select_expr":
                return self._select(expression.select_expr, where, scope, depth)
            case "call_expr":
                call = expression.call_expr
                arguments = ([call.target] if call.HasField("target") else []) + list(call.args)
                # `math.greatest(...)` and friends arrive as calls of one long name.
                parts = tuple(self.node(part, scope, depth + 1) for part in arguments)
                function = call.function
                if function == "_[_]" and parts[0].type.name == "optional":
                    function = "_[?_]"
                return _optional_path(where, parts) or Call(*where, function, parts)
            case "list_expr":
                return self._list(expression.list_expr, where, scope, depth)
            case "struct_expr" if not expression.struct_expr.message_name:
                return self._map(expression.struct_expr, where, scope, depth)
            case "struct_expr":
                raise self.refuse(expression, "messages cannot be made in a policy", "use timestamp() or duration()")
            case "comprehension_expr":
                return self._macro(expression, where, scope, depth)
        raise self.refuse(expression, "this cannot be used in a policy")

    def _list(self, made: Any, where: tuple[Type, int, int], scope: frozenset[str], depth: int) -> Node:
        """`[a, ?b]` becomes a list of what is certain, joined with lists of one item or none."""
        items = tuple(self.node(item, scope, depth + 1) for item in made.elements)
        if not made.optional_indices:
            return ListOf(*where, items)
        optional = set(made.optional_indices)
        parts = (
            Call(*where, "@asList", (item,)) if at in optional else ListOf(*where, (item,))
            for at, item in enumerate(items)
        )
        return Call(*where, "@joined", tuple(parts))

    def _map(self, made: Any, where: tuple[Type, int, int], scope: frozenset[str], depth: int) -> Node:
        """`{a: 1, ?b: x}` becomes a map of what is certain, merged with maps of one entry or none."""
        pairs = [
            (self.node(entry.map_key, scope, depth + 1), self.node(entry.value, scope, depth + 1))
            for entry in made.entries
        ]
        if not any(entry.optional_entry for entry in made.entries):
            return MapOf(*where, tuple(pairs))
        parts = (
            Call(*where, "@asMap", pair) if entry.optional_entry else MapOf(*where, (pair,))
            for entry, pair in zip(made.entries, pairs, strict=True)
        )
        return Call(*where, "@merged", tuple(parts))

    def _name(self, expression: Any, where: tuple[Type, int, int], scope: frozenset[str]) -> Node:
        name = expression.ident_expr.name
        if name in scope:
            return Local(*where, name)
        resolved = (
            self.checked.reference_map[expression.id].name if expression.id in self.checked.reference_map else name
        )
        resolved = (resolved or name).removeprefix(".")
        if resolved in self.environment.variables:
            return Path(*where, (resolved,))
        if where[0].name == "type" and resolved != "dyn":
            return Literal(*where, TypeValue(resolved))
        raise self.refuse(expression, f"unknown name `{name}`")

    def _select(self, select: Any, where: tuple[Type, int, int], scope: frozenset[str], depth: int) -> Node:
        operand = self.node(select.operand, scope, depth + 1)
        if operand.type.name == "optional":
            key = Literal(types.STRING, operand.line, operand.column, select.field)
            return Call(*where, "@hasField" if select.test_only else "_?._", (operand, key))
        if isinstance(operand, Path) and operand.type.name == "object":
            kind = Present if select.test_only else Path
            return kind(where[0], operand.line, operand.column, (*operand.parts, select.field))
        return Select(*where, operand, select.field, select.test_only)

    def _macro(self, expression: Any, where: tuple[Type, int, int], scope: frozenset[str], depth: int) -> Node:
        fold = expression.comprehension_expr
        over = self.node(fold.iter_range, scope, depth + 1)

        second = fold.iter_var2 or None

        def read(part: Any, *names: str) -> Node:
            return self.node(part, scope | set(names), depth + 1)

        step, call = fold.loop_step, fold.loop_step.call_expr
        if fold.iter_var == "#unused":
            return Bind(
                *where, fold.accu_var, self.node(fold.accu_init, scope, depth + 1), read(fold.result, fold.accu_var)
            )
        name = fold.iter_var
        names = (name, second) if second else (name,)
        if call.function == "_&&_":
            return Macro(*where, "all", over, name, read(call.args[1], *names), None, second)
        if call.function == "_||_":
            return Macro(*where, "exists", over, name, read(call.args[1], *names), None, second)
        if fold.accu_init.WhichOneof("expr_kind") == "const_expr":
            return Macro(*where, "exists_one", over, name, read(call.args[0], *names), None, second)
        condition = None
        if call.function == "_?_:_":
            condition, step = read(call.args[0], *names), call.args[1]
        if step.call_expr.function == "cel.@mapInsert":
            entry = step.call_expr.args[1:]
            body = read(entry[-1], *names)
            if len(entry) == 2:
                return Macro(*where, "map_values", over, name, condition, body, second)
            return Macro(*where, "map_entries", over, name, condition, body, second)
        appended = step.call_expr.args[1].list_expr.elements[0]
        is_filter = condition is not None and second is None and appended.ident_expr.name == name
        if is_filter and where[0] == over.type:
            return Macro(*where, "filter", over, name, condition, None)
        return Macro(*where, "map", over, name, condition, read(appended, *names), second)


def _optional_path(where: tuple[Type, int, int], parts: tuple[Node, ...]) -> Node | None:
    """`data.?link` of an object whose fields are known asks as `has()` does: has(data.link) ? optional.of(...) : none."""
    if len(parts) != 2 or where[0].name != "optional":
        return None
    owner, field = parts
    if not isinstance(owner, Path) or owner.type.name != "object" or not isinstance(field, Literal):
        return None
    names = (*owner.parts, field.value)
    place = (owner.line, owner.column)
    found = Path(where[0].parameters[0], *place, names)
    some, none = Call(*where, "optional.of", (found,)), Call(*where, "optional.none", ())
    return Call(*where, "_?_:_", (Present(types.BOOL, *place, names), some, none))


def _constant(constant: syntax_pb2.Constant) -> Any:
    kind = constant.WhichOneof("constant_kind")
    if kind == "null_value":
        return None
    value = getattr(constant, str(kind))
    return Uint(value) if kind == "uint64_value" else value
