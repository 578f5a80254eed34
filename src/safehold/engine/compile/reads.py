"""How a generated function reads an event: plain fields once at its start, everything dear when it is first needed.

`compile.ruleset` and `compile.feeding` each make one for the function that they generate.
"""

import ast
from typing import Any

from safehold.engine.compile.emit import call, compare, constant, name
from safehold.engine.language.tree import Path, Present
from safehold.engine.language.values import INT_MAX, INT_MIN
from safehold.engine.policies.scope import Scope

Parts = tuple[str, ...]
#: What is read at the start of a function by `get`, and the Python type that needs no closer look.
ROOTS = ("actor", "target", "context", "data")
_DIRECT = {"string": "str", "int": "int", "double": "float", "bool": "bool"}
#: What generated functions call on the Reading.
_METHODS = ("load", "load_field", "present")
#: The names that a function with reads needs in its namespace.
NAMESPACE: dict[str, Any] = {
    "type": type, "Exception": Exception, "str": str, "int": int, "float": float, "bool": bool, "__builtins__": {},
}  # fmt: skip


class Reads:
    """The variables of one function. `lazies` numbers what is loaded when it is needed, over all functions of an event
    type: a Reading is asked by number. `policy` says whose windows are meant."""

    def __init__(self, scope: Scope, lazies: list[tuple[str, Parts]]) -> None:
        self.scope, self.lazies, self.policy = scope, lazies, ""
        self._direct: dict[Parts, str] = {}
        self._lazy: dict[str, None] = {}

    def path(self, node: Path) -> ast.expr:
        variable = self.variable(node.parts)
        if variable.startswith("v"):
            return name(variable)
        load = call(name("load"), constant(int(variable[1:])))
        return ast.IfExp(compare(name(variable), ast.IsNot(), name("PENDING")), name(variable), load)

    def present(self, node: Present) -> ast.expr:
        if len(node.parts) == 2 and node.parts[0] in ROOTS and node.parts[1] != "age":
            found = call(ast.Attribute(name(node.parts[0]), "get", ast.Load()), constant(node.parts[1]))
            return compare(found, ast.IsNot(), constant(None))
        return call(name("present"), ast.Tuple([constant(part) for part in node.parts], ast.Load()))

    def variable(self, parts: Parts) -> str:
        """`v3` for a field that is read at the start, `s3` for a value that is loaded when it is first needed."""
        if self.is_direct(parts):
            return self._direct.setdefault(parts, f"v{len(self._direct)}")
        lazy = (self.policy if parts[0] == "windows" else "", parts)
        if lazy not in self.lazies:
            self.lazies.append(lazy)
        variable = f"s{self.lazies.index(lazy)}"
        self._lazy[variable] = None
        return variable

    def is_direct(self, parts: Parts) -> bool:
        if len(parts) != 2 or parts[0] not in ROOTS:
            return False
        field = self.scope.variables[parts[0]].fields[parts[1]]
        return field.type.name in _DIRECT

    def load(self, variable: str) -> ast.stmt:
        """Load a lazy value into its variable, unless it is there."""
        found = assign(variable, call(name("load"), constant(int(variable[1:]))))
        return ast.If(compare(name(variable), ast.Is(), name("PENDING")), [found], [])

    def prologue(self) -> list[ast.stmt]:
        """The function's first lines; to be asked for when the rest has been emitted."""
        reading = name("reading")
        event = ast.Attribute(reading, "event", ast.Load())
        lines: list[ast.stmt] = [assign(root, ast.Attribute(event, root, ast.Load())) for root in ROOTS]
        lines += [assign(part, ast.Attribute(reading, part, ast.Load())) for part in _METHODS]
        for parts, variable in self._direct.items():
            lines += self._read_direct(parts, variable)
        return lines + [assign(variable, name("PENDING")) for variable in self._lazy]

    def _read_direct(self, parts: Parts, variable: str) -> list[ast.stmt]:
        """Read a field; whatever is not plainly of its type goes through the Reading, which may make it MISSING."""
        kind = _DIRECT[self.scope.variables[parts[0]].fields[parts[1]].type.name]
        found = call(ast.Attribute(name(parts[0]), "get", ast.Load()), constant(parts[1]))
        wrong = compare(call(name("type"), name(variable)), ast.IsNot(), name(kind))
        if kind == "int":
            inside = ast.Compare(constant(INT_MIN), [ast.LtE(), ast.LtE()], [name(variable), constant(INT_MAX)])
            wrong = ast.BoolOp(ast.Or(), [wrong, ast.UnaryOp(ast.Not(), inside)])
        slow = call(name("load_field"), ast.Tuple([constant(part) for part in parts], ast.Load()))
        absent = compare(name(variable), ast.Is(), constant(None))
        otherwise = assign(variable, ast.IfExp(absent, name("MISSING"), slow))
        return [assign(variable, found), ast.If(wrong, [otherwise], [])]


def assign(variable: str, value: ast.expr) -> ast.stmt:
    return ast.Assign([ast.Name(variable, ast.Store())], value)


def append(to: str, value: ast.expr) -> ast.stmt:
    return ast.Expr(call(ast.Attribute(name(to), "append", ast.Load()), value))


def guarded(body: list[ast.stmt], otherwise: ast.stmt) -> ast.stmt:
    """`body` in a try of its own; any exception leads to `otherwise`."""
    return ast.Try(body, [ast.ExceptHandler(name("Exception"), None, [otherwise])], [], [])
