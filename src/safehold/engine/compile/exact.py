"""The exact evaluator: walks the typed tree and keeps every rule of CEL, absorption of errors and unknowns included.

The generated code (`compile.emit`) answers almost every event; this answers where that one met something unusual, and
explains the rules that matched by walking them again. It is also what generated code is tested against.
"""

from functools import lru_cache
from typing import Any, Protocol

from safehold.engine.compile.arithmetic import from_map_key, map_key, no_overload
from safehold.engine.compile.bounds import gathered, is_held, spend, steps
from safehold.engine.compile.faults import EvalError, Fault, Unknown, worse
from safehold.engine.compile.functions import FUNCTIONS
from safehold.engine.compile.optionals import merged
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
from safehold.engine.language.values import NONE, Optional, Uint, converter

_convert = lru_cache(maxsize=256)(converter)


class Reader(Protocol):
    """Where paths get their values. Both raise Unknown when the value cannot be known."""

    def read(self, parts: tuple[str, ...]) -> Any: ...
    def present(self, parts: tuple[str, ...]) -> bool: ...


Locals = dict[str, Any]
#: Among the local names (CEL has none like it), the rounds left to the macros within a macro.
_LEFT = "#left"


def evaluate(node: Node, reader: Reader, local: Locals | None = None) -> Any:
    """The value of the expression. Raises EvalError or Unknown where it has none."""
    local = local if local is not None else {}
    match node:
        case Literal(value=value):
            return value
        case Path(parts=parts):
            return reader.read(parts)
        case Present(parts=parts):
            return reader.present(parts)
        case Local(name=name):
            return _local(local[name])
        case Call(function="_&&_", arguments=arguments):
            return _absorbing(False, arguments, reader, local)
        case Call(function="_||_", arguments=arguments):
            return _absorbing(True, arguments, reader, local)
        case Call(function="_?_:_", arguments=(condition, then, otherwise)):
            chosen = _boolean(evaluate(condition, reader, local))
            return evaluate(then if chosen else otherwise, reader, local)
        case Call(function="or" | "orValue" as function, arguments=(optional, otherwise)):
            found = evaluate(optional, reader, local)
            if type(found) is not Optional:
                raise no_overload(function, found)
            if found is NONE:
                return evaluate(otherwise, reader, local)
            return found if function == "or" else found.value
        case Call(function=function, arguments=arguments):
            return _function(function)(*_strict(arguments, reader, local))
        case Select():
            return select(node, evaluate(node.operand, reader, local))
        case ListOf(items=items):
            return _gathered(items, _strict(items, reader, local))
        case MapOf(entries=entries):
            pairs = tuple(part for entry in entries for part in entry)
            return _map(_gathered(pairs, _strict(pairs, reader, local)))
        case Macro():
            return _macro(node, reader, local)
        case Bind(name=name, value=value, body=body):
            return evaluate(body, reader, {**local, name: _or_fault(value, reader, local)})
    raise TypeError(f"no node of the tree: {node!r}")


def _or_fault(node: Node, reader: Reader, local: Locals) -> Any:
    """`cel.bind` keeps a fault until the name is used."""
    try:
        return evaluate(node, reader, local)
    except Fault as fault:
        return fault


def _local(value: Any) -> Any:
    if isinstance(value, Fault):
        raise value
    return value


def _function(name: str) -> Any:
    try:
        return FUNCTIONS[name]
    except KeyError:
        raise EvalError(f"there is no function `{name}`") from None


def _boolean(value: Any) -> bool:
    if type(value) is bool:
        return value
    raise no_overload("a condition", value)


def _strict(nodes: tuple[Node, ...], reader: Reader, local: Locals) -> list[Any]:
    """All the values; otherwise the worst of the faults, whatever the order."""
    values, fault = [], None
    for node in nodes:
        try:
            values.append(evaluate(node, reader, local))
        except Fault as caught:
            fault = worse(fault, caught)
    if fault is not None:
        raise fault
    return values


def _absorbing(decisive: bool, nodes: tuple[Node, ...], reader: Reader, local: Locals) -> bool:
    """`||` where `decisive` is true, `&&` where it is false: one decisive operand settles it, faults or no faults."""
    fault: Fault | None = None
    for node in nodes:
        try:
            if _boolean(evaluate(node, reader, local)) is decisive:
                return decisive
        except Fault as caught:
            fault = worse(fault, caught)
    if fault is not None:
        raise fault
    return not decisive


def select(node: Select, value: Any) -> Any:
    if type(value) is not dict:
        raise no_overload(f".{node.field}", value)
    kind = node.operand.type
    if kind.name == "object":
        found = value.get(node.field)
        if node.test:
            return found is not None
        return read_field(kind.fields[node.field].type, found, f"{kind.path}.{node.field}")
    if node.test:
        return map_key(node.field) in value
    if node.field not in value:
        raise EvalError(f"no such key: {node.field}")
    return value[node.field]


def read_field(kind: Any, value: Any, name: str) -> Any:
    """A field's JSON as a CEL value. Raises Unknown, naming the field, where it is absent or of another type."""
    if value is None:
        raise Unknown(f"`{name}` is missing")
    try:
        return _convert(kind)(value)
    except ValueError as error:
        raise Unknown(f"`{name}` is not {kind} ({error})") from None


def _gathered(nodes: tuple[Node, ...], values: list[Any]) -> list[Any]:
    return values if all(map(is_held, nodes)) else gathered(values)


def _map(parts: list[Any]) -> dict[Any, Any]:
    result: dict[Any, Any] = {}
    for key, value in zip(parts[::2], parts[1::2], strict=True):
        if type(key) not in (str, bool, int, Uint):
            raise no_overload("a map's key", key)
        if map_key(key) in result:
            raise EvalError(f"the key {key!r} is there twice")
        result[map_key(key)] = value
    return result


def _macro(node: Macro, reader: Reader, local: Locals) -> Any:
    over = evaluate(node.over, reader, local)
    if type(over) not in (dict, list):
        raise no_overload(node.kind, over)
    left = local.get(_LEFT)
    local = {**local, _LEFT: steps()} if left is None else local
    if left is not None:
        spend(left, over)
    if node.second is not None:
        entries = over.items() if type(over) is dict else enumerate(over)
        scopes = [{**local, node.variable: from_map_key(key), node.second: item} for key, item in entries]
    else:
        items = [from_map_key(key) for key in over] if type(over) is dict else over
        scopes = [{**local, node.variable: item} for item in items]
    if node.kind in ("all", "exists"):
        return _fold(node.kind == "exists", node.condition, reader, scopes)
    kept = scopes
    if node.condition is not None:
        kept = [scope for scope in scopes if _boolean(evaluate(node.condition, reader, scope))]
    if node.kind == "exists_one":
        return len(kept) == 1
    if node.body is None:
        return [scope[node.variable] for scope in kept]
    made = (evaluate(node.body, reader, scope) for scope in kept)
    values = list(made) if is_held(node.body) else gathered(made)
    if node.kind == "map_values":
        return {map_key(scope[node.variable]): value for scope, value in zip(kept, values, strict=True)}
    return merged(*values) if node.kind == "map_entries" else values


def _fold(decisive: bool, condition: Node | None, reader: Reader, scopes: list[Locals]) -> bool:
    fault: Fault | None = None
    for scope in scopes:
        try:
            if condition is not None and _boolean(evaluate(condition, reader, scope)) is decisive:
                return decisive
        except Fault as caught:
            fault = worse(fault, caught)
    if fault is not None:
        raise fault
    return not decisive
