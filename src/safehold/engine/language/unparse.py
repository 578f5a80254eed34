"""The typed tree as text again, for people: with the fewest brackets, macros as they are written.

For explanations and messages only. Nothing is ever compiled from it.
"""

from typing import Any

from safehold.engine.language.library import NAMESPACES
from safehold.engine.language.tree import Bind, Call, ListOf, Literal, Local, Macro, MapOf, Node, Path, Present, Select
from safehold.engine.language.values import TypeValue, Uint

_INFIX = {
    "_||_": ("||", 1), "_&&_": ("&&", 2), "_==_": ("==", 3), "_!=_": ("!=", 3), "_<_": ("<", 3), "_<=_": ("<=", 3),
    "_>_": (">", 3), "_>=_": (">=", 3), "@in": ("in", 3), "_+_": ("+", 4), "_-_": ("-", 4), "_*_": ("*", 5),
    "_/_": ("/", 5), "_%_": ("%", 5),
}  # fmt: skip
_PLAIN = {
    "int", "uint", "double", "string", "bytes", "bool", "timestamp", "duration", "type", "dyn",
}  # fmt: skip
_NAMES = {"exists_one": "exists_one", "map_values": "transformMap", "map_entries": "transformMapEntry"}


def unparse(node: Node) -> str:
    return _text(node, 0)


def _text(node: Node, outer: int) -> str:
    match node:
        case Literal(value=value):
            return literal(value)
        case Path() as path:
            return path.text
        case Present() as present:
            return f"has({present.text})"
        case Local(name=name):
            return name
        case Select(operand=operand, field=field, test=test):
            inner = f"{_text(operand, 7)}.{field}"
            return f"has({inner})" if test else inner
        case ListOf(items=items):
            return f"[{', '.join(map(unparse, items))}]"
        case MapOf(entries=entries):
            return "{" + ", ".join(f"{unparse(key)}: {unparse(value)}" for key, value in entries) + "}"
        case Bind(name=name, value=value, body=body):
            return f"cel.bind({name}, {unparse(value)}, {unparse(body)})"
        case Macro():
            return _macro(node)
        case Call():
            return _call(node, outer)
    raise TypeError(f"no node of the tree: {node!r}")


def _call(node: Call, outer: int) -> str:
    function, arguments = node.function, node.arguments
    if function in _INFIX and len(arguments) == 2:
        sign, level = _INFIX[function]
        text = f"{_text(arguments[0], level)} {sign} {_text(arguments[1], level + (level > 2))}"
        return f"({text})" if level < outer else text
    if function == "_?_:_":
        text = f"{_text(arguments[0], 1)} ? {_text(arguments[1], 1)} : {_text(arguments[2], 0)}"
        return f"({text})" if outer > 0 else text
    if function in ("!_", "-_"):
        return f"{function[0]}{_text(arguments[0], 6)}"
    if function in ("_[_]", "_[?_]"):
        return f"{_text(arguments[0], 7)}[{'?' if function == '_[?_]' else ''}{unparse(arguments[1])}]"
    if function == "_?._" and isinstance(arguments[1], Literal):
        return f"{_text(arguments[0], 7)}.?{arguments[1].value}"
    name = {"math.@max": "math.greatest", "math.@min": "math.least"}.get(function, function)
    if name in _PLAIN or name.partition(".")[0] in NAMESPACES or not arguments or name.startswith("@"):
        return f"{name.lstrip('@')}({', '.join(map(unparse, arguments))})"
    return f"{_text(arguments[0], 7)}.{name}({', '.join(map(unparse, arguments[1:]))})"


def _macro(node: Macro) -> str:
    name = _NAMES.get(node.kind, node.kind)
    if node.second is not None:
        name = {"map": "transformList", "exists_one": "existsOne"}.get(node.kind, name)
    names = [node.variable, *([node.second] if node.second else [])]
    parts = [unparse(part) for part in (node.condition, node.body) if part is not None]
    return f"{_text(node.over, 7)}.{name}({', '.join([*names, *parts])})"


def literal(value: Any) -> str:
    """A constant as CEL writes it."""
    if value is None or isinstance(value, bool):
        return {None: "null", True: "true", False: "false"}[value]
    if isinstance(value, Uint):
        return f"{int(value)}u"
    if isinstance(value, str):
        return '"' + value.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n") + '"'
    if isinstance(value, bytes):
        return (
            "b"
            + '"'
            + "".join(chr(byte) if 32 <= byte < 127 and byte not in b'"\\' else f"\\x{byte:02x}" for byte in value)
            + '"'
        )
    return value.name if isinstance(value, TypeValue) else repr(value)
