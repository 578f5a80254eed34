"""Both of the engine's evaluators behind one function, for tests that give a variable's name, type and value.

The generated code is made exactly as for a rule; where it raises, the exact evaluator answers, as in the engine.
"""

import ast
from collections.abc import Mapping
from typing import Any

from safehold.engine.compile.emit import Emitter, call, name
from safehold.engine.compile.exact import evaluate
from safehold.engine.compile.faults import Fault, Unknown
from safehold.engine.compile.missing import MISSING
from safehold.engine.language.tree import Node, Path, Present
from safehold.engine.language.values import NONE, Optional


class Variables:
    """A reader over plain variables; one that is not there is unknown."""

    def __init__(self, values: Mapping[str, Any]) -> None:
        self.values = values

    def read(self, parts: tuple[str, ...]) -> Any:
        try:
            return self.values[parts[0]]
        except KeyError:
            raise Unknown(f"`{parts[0]}` is missing") from None

    def present(self, parts: tuple[str, ...]) -> bool:
        raise AssertionError("tests of plain variables have no objects")


def exact(tree: Node, values: Mapping[str, Any]) -> Any:
    """The exact evaluator's value or Fault."""
    try:
        return evaluate(tree, Variables(values))
    except Fault as fault:
        return fault


def generated(tree: Node, values: Mapping[str, Any]) -> tuple[bool, Any]:
    """(whether the generated code answered without raising, its value)."""
    emitter = Emitter(_path, _present, {})
    body = emitter.certain(tree, {})
    expression = ast.fix_missing_locations(ast.Expression(body))
    namespace = {**emitter.namespace, "read": lambda variable: values.get(variable, MISSING), "__builtins__": {}}
    try:
        return True, eval(compile(expression, "<test>", "eval"), namespace)  # noqa: S307 - a tree of our own making
    except RecursionError:
        raise
    except Exception:
        return False, None


def _path(node: Path) -> ast.expr:
    return call(name("read"), ast.Constant(node.parts[0]))


def _present(node: Present) -> ast.expr:
    raise AssertionError("tests of plain variables have no objects")


def same(one: Any, other: Any) -> bool:
    """Whether two CEL values are the same value of the same type; NaN is the same as NaN."""
    if type(one) is not type(other):
        return False
    if isinstance(one, list):
        return len(one) == len(other) and all(map(same, one, other))
    if isinstance(one, dict):
        return one.keys() == other.keys() and all(same(one[key], other[key]) for key in one)
    if isinstance(one, Optional):
        return one is other or (one is not NONE and other is not NONE and same(one.value, other.value))
    return bool(one == other) or (one != one and other != other)
