"""One expression of the typed tree as an expression of Python's own syntax tree.

No source text is ever made: nodes of `ast` are built from typed nodes, and constants that Python's syntax cannot
express are bound by name. The result is exact whenever it does not raise: CEL's absorption of errors by `&&`, `||` and
the macros is the exact evaluator's work, which is asked for that rule then.

A node is only given a short form where its static types make Python's operator mean the same as CEL's; everything
else calls the function of `compile.functions`, which looks at the values.
"""

import ast
from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import Any

from safehold.engine.compile import arithmetic
from safehold.engine.compile.bounds import gathered, is_held, joined, spend, steps
from safehold.engine.compile.called import (
    certainly,
    elements,
    entries,
    get_key,
    has_key,
    mapped,
    no_function,
    optionally,
    truth,
)
from safehold.engine.compile.faults import EvalError
from safehold.engine.compile.functions import FUNCTIONS
from safehold.engine.compile.missing import MISSING, PENDING, fail
from safehold.engine.language.check import compile_pattern
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
    walk,
)
from safehold.engine.language.values import NONE

#: Types whose values Python compares with their like as CEL does.
_PLAIN = {"int", "uint", "double", "string", "bytes", "bool", "timestamp", "duration"}
#: Among the local names (CEL has none like it), the variable with the rounds left to the macros within a macro.
_LEFT = "#left"
#: Functions that would not notice MISSING: they pass their arguments on as they are.
_PASSING_ON = {"optional.of", "optional.ofNonZeroValue", "@asMap"}
_COMPARISONS: dict[str, type[ast.cmpop]] = {
    "_==_": ast.Eq, "_!=_": ast.NotEq, "_<_": ast.Lt, "_<=_": ast.LtE, "_>_": ast.Gt, "_>=_": ast.GtE,
}  # fmt: skip
_CHECKED = {
    ("_+_", "int"): lambda a, b: arithmetic.int64(a + b),
    ("_-_", "int"): lambda a, b: arithmetic.int64(a - b),
    ("_*_", "int"): lambda a, b: arithmetic.int64(a * b),
    ("_+_", "string"): joined,
}
_UNCHECKED: dict[tuple[str, str], type[ast.operator]] = {
    ("_+_", "double"): ast.Add, ("_-_", "double"): ast.Sub, ("_*_", "double"): ast.Mult,
}  # fmt: skip


def name(identifier: str) -> ast.expr:
    return ast.Name(identifier, ast.Load())


def call(function: ast.expr, *arguments: ast.expr) -> ast.expr:
    return ast.Call(function, list(arguments), [])


def constant(value: Any) -> ast.expr:
    return ast.Constant(value)


def compare(left: ast.expr, operator: ast.cmpop, right: ast.expr) -> ast.expr:
    return ast.Compare(left, [operator], [right])


class Emitter:
    """Emits expressions that share one namespace of constants.

    `path` and `present` say how a path is read in the function that is being made; `lists` are the policies' lists.
    """

    def __init__(
        self,
        path: Callable[[Path], ast.expr],
        present: Callable[[Present], ast.expr],
        lists: Mapping[str, Any],
    ) -> None:
        self.path, self.present, self.lists = path, present, lists
        self.namespace: dict[str, Any] = {
            "MISSING": MISSING, "PENDING": PENDING, "fail": fail, "truth": truth, "elements": elements,
            "entries": entries, "get_key": get_key, "has_key": has_key, "len": len, "all": all, "any": any, "sum": sum,
            "steps": steps, "spend": spend, "gathered": gathered,
        }  # fmt: skip
        self._bound: dict[tuple[str, Any], str] = {}
        self._locals = 0
        #: Puts a node's value into a variable of the function, if other rules need it too: `compile.sharing`.
        self.share: Callable[[Node, Callable[[], ast.expr]], ast.expr] | None = None

    def bind(self, kind: str, identity: Any, value: Any) -> ast.expr:
        """A name for a constant; the same constant gets the same name."""
        known = self._bound.get((kind, identity))
        if known is None:
            known = self._bound[kind, identity] = f"k{len(self._bound)}"
            self.namespace[known] = value
        return name(known)

    def emit(self, node: Node, local: Mapping[str, str]) -> ast.expr:
        """The node's value; MISSING may come out where it is only passed on."""
        share = self.share
        if local or share is None:
            return self._emit(node, local)
        if not isinstance(node, Macro):
            return share(node, lambda: self._emit(node, local))
        self.share = None  # within a macro's loop no variable of the function can be assigned
        made = self._emit(node, local)
        self.share = share
        return share(node, lambda: made)

    def _emit(self, node: Node, local: Mapping[str, str]) -> ast.expr:
        match node:
            case Literal(value=value):
                return self._literal(value)
            case Path():
                return self.path(node)
            case Present():
                return self.present(node)
            case Local(name=local_name):
                return name(local[local_name])
            case Select(operand=operand, field=field, test=test) if operand.type.name != "object":
                return call(name("has_key" if test else "get_key"), self.emit(operand, local), constant(field))
            case Select():
                return self._object_field(node, local)
            case Call():
                return self._call(node, local)
            case ListOf(items=items):
                made = ast.List([self.certain(item, local) for item in items], ast.Load())
                return made if all(map(is_held, items)) else call(name("gathered"), made)
            case MapOf(entries=()):
                return ast.Dict([], [])
            case MapOf():
                return call(name("fail"))
            case Macro():
                return self._macro(node, local)
            case Bind(name=bound, value=value, body=body):
                inner = self._fresh()
                parameters = ast.arguments([], [ast.arg(inner)], None, [], [], None, [])
                function = ast.Lambda(parameters, self.emit(body, {**local, bound: inner}))
                return call(function, self.emit(value, local))
        raise TypeError(f"no node of the tree: {node!r}")

    def certain(self, node: Node, local: Mapping[str, str]) -> ast.expr:
        """The node's value where nothing would notice MISSING: it raises instead."""
        value = self.emit(node, local)
        match node:
            case Path() | Local():
                return ast.IfExp(compare(value, ast.IsNot(), name("MISSING")), value, call(name("fail")))
            case Call(function="_&&_" | "_||_"):
                return call(name("truth"), value)
            case Call(function="_?_:_", arguments=(condition, then, otherwise)):
                return ast.IfExp(
                    self.condition(condition, local), self.certain(then, local), self.certain(otherwise, local)
                )
            case Bind() | Select() | Call(function="or" | "orValue"):
                checked = self.bind("function", "certainly", certainly)
                return call(checked, value)
        return value

    def condition(self, node: Node, local: Mapping[str, str]) -> ast.expr:
        """For a place that asks for truth: a dynamic value is made sure to be a boolean."""
        value = self.emit(node, local)
        return value if node.type.name == "bool" else call(name("truth"), value)

    def _fresh(self) -> str:
        self._locals += 1
        return f"x{self._locals}"

    def _literal(self, value: Any) -> ast.expr:
        if type(value) in (str, bool, int, type(None)) or (type(value) is float and value - value == 0):
            return constant(value)
        return self.bind(type(value).__name__, repr(value), value)

    def _object_field(self, node: Select, local: Mapping[str, str]) -> ast.expr:
        """A field of an object inside a list: read by the exact evaluator's own reader."""
        from safehold.engine.compile.exact import select  # the two modules need each other's vocabulary

        reader = self.bind("select", node, lambda value: select(node, value))
        return call(reader, self.emit(node.operand, local))

    def _call(self, node: Call, local: Mapping[str, str]) -> ast.expr:
        function, arguments = node.function, node.arguments
        if function in ("_&&_", "_||_"):
            operands = [self.condition(part, local) for part in _flat(node, function)]
            return ast.BoolOp(ast.And() if function == "_&&_" else ast.Or(), operands)
        if function == "_?_:_":
            condition, then, otherwise = arguments
            return ast.IfExp(self.condition(condition, local), self.emit(then, local), self.emit(otherwise, local))
        if function == "dyn":
            return self.certain(arguments[0], local)
        if function in FUNCTIONS and all(isinstance(part, Literal) for part in arguments):
            with suppress(EvalError):  # a call that fails for its literals fails at each event, where it is explained
                return self._literal(
                    FUNCTIONS[function](*(part.value for part in arguments if isinstance(part, Literal)))
                )
        short = self._short_form(node, local)
        if short is not None:
            return short
        if function in ("or", "orValue"):
            return self._otherwise(node, local)
        if function in _PASSING_ON:
            bound = self.bind("function", function, FUNCTIONS[function])
            return call(bound, *(self.certain(part, local) for part in arguments))
        bound = self.bind("function", function, FUNCTIONS.get(function) or no_function(function))
        return call(bound, *(self.emit(part, local) for part in arguments))

    def _otherwise(self, node: Call, local: Mapping[str, str]) -> ast.expr:
        """`a.orValue(b)`: `(lambda x: b if x is NONE else x.value)(a)`, where anything but an optional value raises."""
        optional, otherwise = node.arguments
        found = self._fresh()
        nothing = compare(name(found), ast.Is(), self.bind("none", "", NONE))
        value = name(found) if node.function == "or" else ast.Attribute(name(found), "value", ast.Load())
        parameters = ast.arguments([], [ast.arg(found)], None, [], [], None, [])
        chosen = ast.Lambda(parameters, ast.IfExp(nothing, self.emit(otherwise, local), value))
        checked = self.bind("function", "an optional value", optionally)
        return call(chosen, call(checked, self.emit(optional, local)))

    def _short_form(self, node: Call, local: Mapping[str, str]) -> ast.expr | None:
        kinds = [argument.type.name for argument in node.arguments]
        function, arguments = node.function, node.arguments
        if function in _COMPARISONS and _comparable(kinds, function, node):
            one, other = (self.emit(part, local) for part in arguments)
            return compare(one, _COMPARISONS[function](), other)
        if function == "!_" and kinds == ["bool"]:
            return ast.UnaryOp(ast.Not(), self.emit(arguments[0], local))
        if function == "@in":
            return self._membership(arguments[0], arguments[1], local)
        if len(set(kinds)) == 1 and len(kinds) == 2:
            left, right = arguments
            if operator := _UNCHECKED.get((function, kinds[0])):
                return ast.BinOp(self.emit(left, local), operator(), self.emit(right, local))
            if checked := _CHECKED.get((function, kinds[0])):
                bound = self.bind("function", (function, kinds[0]), checked)
                return call(bound, self.emit(left, local), self.emit(right, local))
        if function == "size" and kinds[0] in ("string", "bytes", "list", "map"):
            return call(name("len"), self.emit(arguments[0], local))
        return self._text_form(node, kinds, local)

    def _text_form(self, node: Call, kinds: list[str], local: Mapping[str, str]) -> ast.expr | None:
        if kinds != ["string", "string"]:
            return None
        text, part = node.arguments
        if node.function == "contains":
            return compare(self.emit(part, local), ast.In(), self.emit(text, local))
        if node.function in ("startsWith", "endsWith"):
            method = ast.Attribute(self.emit(text, local), node.function.lower(), ast.Load())
            return call(method, self.emit(part, local))
        if node.function == "matches" and isinstance(part, Literal):
            search = self.bind("pattern", part.value, compile_pattern(part.value).search)
            return compare(call(search, self.emit(text, local)), ast.IsNot(), constant(None))
        return None

    def _membership(self, item: Node, container: Node, local: Mapping[str, str]) -> ast.expr | None:
        """`in` as Python's, for lists of policies and where item and elements are texts or integers alike."""
        if isinstance(container, Path) and container.parts[0] == "lists" and item.type.name == "string":
            held = self.lists[container.parts[1]]
            if held.plain is not None:
                return compare(self.certain(item, local), ast.In(), self.bind("list", held.name, held.plain))
            holds = ast.Attribute(
                self.bind("list", held.name, held), "holds", ast.Load()
            )  # another one with each version
            return call(holds, self.certain(item, local), name("reading"))
        if container.type.name != "list" or item.type != container.type.parameters[0]:
            return None
        if item.type.name not in ("string", "int", "bytes"):
            return None
        if isinstance(container, ListOf) and all(isinstance(part, Literal) for part in container.items):
            values = frozenset(part.value for part in container.items if isinstance(part, Literal))
            return compare(self.certain(item, local), ast.In(), self.bind("set", (item.type.name, values), values))
        return compare(self.certain(item, local), ast.In(), self.emit(container, local))

    def _macro(self, node: Macro, local: Mapping[str, str]) -> ast.expr:
        """A macro within another one takes its rounds from the outermost's counter, as in the exact evaluator."""
        over = self.emit(node.over, local)
        if node.second is not None:
            over = call(name("entries"), over)
        elif node.over.type.name != "list":
            over = call(name("elements"), over)
        if _LEFT in local:
            return self._rounds(node, call(name("spend"), name(local[_LEFT]), over), local)
        if not any(isinstance(part, Macro) for part in walk(node) if part is not node):
            return self._rounds(node, over, local)
        left = self._fresh()
        parameters = ast.arguments([], [ast.arg(left)], None, [], [], None, [])
        rounds = self._rounds(node, over, {**local, _LEFT: left})
        return call(ast.Lambda(parameters, rounds), call(name("steps")))

    def _rounds(self, node: Macro, over: ast.expr, local: Mapping[str, str]) -> ast.expr:
        variable = self._fresh()
        target: ast.expr = ast.Name(variable, ast.Store())
        inner = {**local, node.variable: variable}
        if node.second is not None:
            inner[node.second] = second = self._fresh()
            target = ast.Tuple([target, ast.Name(second, ast.Store())], ast.Store())
        conditions = [self.condition(node.condition, inner)] if node.condition is not None else []
        if node.kind in ("all", "exists"):
            loop = ast.comprehension(target, over, [], 0)
            return call(name("all" if node.kind == "all" else "any"), ast.GeneratorExp(conditions[0], [loop]))
        loop = ast.comprehension(target, over, conditions, 0)
        if node.kind == "exists_one":
            return compare(call(name("sum"), ast.GeneratorExp(constant(1), [loop])), ast.Eq(), constant(1))
        values = ast.GeneratorExp(self._entry(node, inner, variable), [loop])
        if node.kind == "map_values":
            return call(self.bind("function", "mapped", mapped), values)
        made = values if node.body is not None and not is_held(node.body) else None
        listed = call(name("gathered"), made) if made is not None else ast.ListComp(values.elt, [loop])
        if node.kind == "map_entries":
            return ast.Call(
                self.bind("function", "@merged", FUNCTIONS["@merged"]), [ast.Starred(listed, ast.Load())], []
            )
        return listed

    def _entry(self, node: Macro, inner: Mapping[str, str], variable: str) -> ast.expr:
        """What one round adds: the item itself, the body's value, or for `map_values` the pair of key and value."""
        value = name(variable) if node.body is None else self.certain(node.body, inner)
        return ast.Tuple([name(variable), value], ast.Load()) if node.kind == "map_values" else value


def _flat(node: Node, function: str) -> list[Node]:
    """The operands of a chain of the same operator, in order."""
    if isinstance(node, Call) and node.function == function:
        return [part for argument in node.arguments for part in _flat(argument, function)]
    return [node]


def _comparable(kinds: list[str], function: str, node: Call) -> bool:
    left, right = kinds
    if left == right and left in _PLAIN:
        return True
    same = node.arguments[0].type == node.arguments[1].type
    simple_list = left == "list" and node.arguments[0].type.parameters[0].name in ("string", "int", "bytes")
    return function in ("_==_", "_!=_") and same and simple_list
