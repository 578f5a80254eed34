"""Fields that may be absent have to be asked for first: `has(data.link) && data.link.contains("x")`.

An unguarded read would leave the rule undecided for every event without the field, silently. The analysis follows
`&&`, `||`, `!` and `? :` from left to right, as a reader does.
"""

from collections.abc import Mapping

from safehold.engine.language.problem import Problem
from safehold.engine.language.tree import Call, Local, Node, Path, Present, Select, children
from safehold.engine.language.types import Type

Known = frozenset[tuple[str, ...]]


def unguarded(node: Node, variables: Mapping[str, Type]) -> list[Problem]:
    """A problem for each read of an optional field that no `has()` before it vouches for."""
    found: list[Problem] = []
    _visit(node, frozenset(), variables, found)
    return found


def _visit(node: Node, known: Known, variables: Mapping[str, Type], found: list[Problem]) -> None:
    match node:
        case Path(parts=parts):
            missing = next((prefix for prefix in optional_steps(parts, variables) if not _vouched(prefix, known)), None)
            if missing:
                name = ".".join(missing)
                message = f"`{name}` may be absent from this event"
                found.append(
                    Problem(node.line, node.column, message, f"ask first: has({name}) && ...", "unguarded-field")
                )
        case Call(function="_&&_", arguments=(left, right)):
            _visit(left, known, variables, found)
            _visit(right, known | when(left, True), variables, found)
        case Call(function="_||_", arguments=(left, right)):
            _visit(left, known, variables, found)
            _visit(right, known | when(left, False), variables, found)
        case Call(function="_?_:_", arguments=(condition, then, otherwise)):
            _visit(condition, known, variables, found)
            _visit(then, known | when(condition, True), variables, found)
            _visit(otherwise, known | when(condition, False), variables, found)
        case Select(operand=operand, test=False) if operand.type.name == "object" and not _required(
            operand.type, node.field
        ):
            message = f"`{node.field}` may be absent from `{operand.type.path}`"
            if not _vouched((_key(operand), node.field), known):
                found.append(Problem(node.line, node.column, message, "ask first with has()", "unguarded-field"))
            _visit(operand, known, variables, found)
        case _:
            for child in children(node):
                _visit(child, known, variables, found)


def when(node: Node, outcome: bool) -> Known:
    """The paths that are certainly there once `node` came out as `outcome`."""
    match node:
        case Present(parts=parts) if outcome:
            return frozenset({parts})
        case Select(operand=operand, field=field, test=True) if outcome:
            return frozenset({(_key(operand), field)})
        case Call(function="!_", arguments=(inner,)):
            return when(inner, not outcome)
        case Call(function="_&&_", arguments=(left, right)):
            return when(left, True) | when(right, True) if outcome else when(left, False) & when(right, False)
        case Call(function="_||_", arguments=(left, right)):
            return when(left, True) & when(right, True) if outcome else when(left, False) | when(right, False)
    return frozenset()


def optional_steps(parts: tuple[str, ...], variables: Mapping[str, Type]) -> list[tuple[str, ...]]:
    """The prefixes of a path at which something may be absent, outermost first."""
    kind, found = variables[parts[0]], []
    for depth, part in enumerate(parts[1:], start=2):
        field = kind.fields.get(part)
        if field is None:
            break
        if not field.required:
            found.append(parts[:depth])
        kind = field.type
    return found


def _vouched(prefix: tuple[str, ...], known: Known) -> bool:
    return any(path[: len(prefix)] == prefix for path in known)


def _required(kind: Type, field: str) -> bool:
    return field in kind.fields and kind.fields[field].required


def _key(node: Node) -> str:
    """A name for a value inside a macro, the same wherever it is written: `d` in `has(d.price) && d.price > 3`."""
    match node:
        case Local(name=name):
            return f"local {name}"
        case Select(operand=operand, field=field):
            return f"{_key(operand)}.{field}"
        case Path(parts=parts):
            return ".".join(parts)
    return repr(node)
