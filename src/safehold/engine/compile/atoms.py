"""What a rule asks of single values: its condition taken apart into atoms that an index can answer for all rules at once.

An atom compares one value of the event (its *subject*) with constants: `data.country == "X"`, `data.text.contains("free")`,
`data.amount > 100`, `"new" in labels.actor`. A condition becomes clauses of atoms, of which one must hold altogether, and a rest
that must hold as well. CEL's three values are a distributive lattice under `&&` and `||`, so this keeps its meaning.
`compile.index` is the caller.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import product
from typing import Any
from typing import Literal as OneOf

from safehold.engine.compile.faults import EvalError
from safehold.engine.compile.functions import FUNCTIONS
from safehold.engine.compile.reads import ROOTS
from safehold.engine.language.tree import Call, ListOf, Literal, Local, Macro, Node, Path, Present, walk

Kind = OneOf["equal", "list", "order", "find", "match", "member", "present"]
#: Clauses that one condition may be taken apart into; what would need more stays whole.
MAX_CLAUSES = 8
#: Functions of a field that are subjects themselves when several rules ask them.
_DERIVED = {"lowerAscii", "upperAscii", "trim", "size"}
_NUMBERS = {"int", "double", "duration", "timestamp"}
_ORDERS = {"_<_": "_>_", "_<=_": "_>=_", "_>_": "_<_", "_>=_": "_<=_"}


@dataclass(frozen=True, slots=True)
class Atom:
    """One question to one subject, answered yes by any of `values`: constants for `equal` and `member`, names for `list`,
    (operator, number) for `order`, texts for `find`, patterns for `match`. `negated` turns the answer round. `node` is
    the part of the condition that it stands for."""

    subject: Node
    kind: Kind
    values: tuple[Any, ...]
    negated: bool
    node: Node


Clause = tuple[Atom, ...]


def take_apart(condition: Node) -> tuple[list[Clause], list[Node]]:
    """(clauses, rest): the condition holds where all atoms of one clause hold, and all of the rest.

    A condition without any atom has one clause, the empty one.
    """
    choices: list[list[Clause]] = []
    rest: list[Node] = []
    count = 1
    for part in operands(condition, "_&&_"):
        found = _alternatives(part)
        if found is None or count * len(found) > MAX_CLAUSES:
            rest.append(part)
            continue
        count *= len(found)
        choices.append(found)
    return [tuple(atom for clause in chosen for atom in clause) for chosen in product(*choices)], rest


def _alternatives(node: Node) -> list[Clause] | None:
    """Clauses of which one must hold, or None where the node is no such thing."""
    if (single := atom(node)) is not None:
        return [(single,)]
    parts = operands(node, "_||_")
    if len(parts) == 1:
        return None
    clauses: list[Clause] = []
    for part in parts:
        atoms = [atom(one) for one in operands(part, "_&&_")]
        if not all(atoms):
            return None
        clauses.append(tuple(one for one in atoms if one is not None))
    joined = _joined([clause[0] for clause in clauses], node) if all(len(clause) == 1 for clause in clauses) else None
    return [(joined,)] if joined is not None else clauses


def _joined(atoms: list[Atom], node: Node) -> Atom | None:
    """Alternatives that ask the same of one subject as one atom: `x == "a" || x == "b"`."""
    first = atoms[0]
    same = all(
        one.kind == first.kind and not one.negated and shape(one.subject) == shape(first.subject) for one in atoms
    )
    if not same or first.kind not in ("equal", "find", "match", "member"):
        return None
    return replace(first, values=tuple(value for one in atoms for value in one.values), node=node)


def operands(node: Node, function: str) -> list[Node]:
    """The operands of a chain of the same operator, in order."""
    if isinstance(node, Call) and node.function == function:
        return [part for argument in node.arguments for part in operands(argument, function)]
    return [node]


def atom(node: Node) -> Atom | None:
    """The node as an atom, or None."""
    match node:
        case Present(parts=(root, field)) if root in ROOTS and field != "age":
            return Atom(node, "present", (), False, node)
        case Path() if node.type.name == "bool" and is_subject(node):
            return Atom(node, "equal", (True,), False, node)
        case Call(function="!_", arguments=(operand,)):
            inner = atom(operand)
            return replace(inner, negated=not inner.negated, node=node) if inner is not None else None
        case Call(function="@in", arguments=(item, container)):
            return _membership(node, item, container)
        case Call(function="contains" | "matches", arguments=(subject, Literal(value=str(value)))):
            if not is_subject(subject) or subject.type.name != "string" or not value:
                return None
            return Atom(subject, "find" if node.function == "contains" else "match", (value,), False, node)
        case Call(function="_==_" | "_!=_" | "_<_" | "_<=_" | "_>_" | "_>=_", arguments=(left, right)):
            return _comparison(node, left, right)
    return None


def _comparison(node: Call, left: Node, right: Node) -> Atom | None:
    operator, subject, value = node.function, left, constant_of(right)
    if value is None:
        operator, subject, value = _ORDERS.get(operator, operator), right, constant_of(left)
    if value is None or left.type != right.type or not is_subject(subject):
        return None
    kind = subject.type.name
    if operator in ("_==_", "_!=_"):
        plain = kind in ("string", "bool", "int", "double")
        return Atom(subject, "equal", (value,), operator == "_!=_", node) if plain else None
    return Atom(subject, "order", ((operator, value),), False, node) if kind in _NUMBERS and value == value else None


def _membership(node: Node, item: Node, container: Node) -> Atom | None:
    if isinstance(container, Path) and container.parts[0] == "lists":
        plain = is_subject(item) and item.type.name == "string"
        return Atom(item, "list", (container.parts[1],), False, node) if plain else None
    if isinstance(container, ListOf) and is_subject(item) and item.type.name in ("string", "int"):
        values = [constant_of(part) for part in container.items if part.type == item.type]
        if len(values) != len(container.items) or any(value is None for value in values):
            return None
        return Atom(item, "equal", tuple(values), False, node)
    value = constant_of(item)
    strings = container.type.name == "list" and container.type.parameters[0].name == "string"
    if type(value) is str and strings and is_subject(container):
        return Atom(container, "member", (value,), False, node)
    return None


def is_subject(node: Node) -> bool:
    """Whether an index may read the node's value before it is known that any rule needs it: part of the event, or of
    the labels, or a cheap function of that. Signals and windows never are."""
    match node:
        case Path(parts=parts):
            return parts[0] in (*ROOTS, "event", "labels")
        case Call(function=function, arguments=(Path() as inner,)) if function in _DERIVED:
            return is_subject(inner) and inner.type.name == "string"
    return False


def constant_of(node: Node) -> Any:
    """The value of a literal, or of a call of literals (`duration("72h")`); None where there is none."""
    if isinstance(node, Literal):
        return node.value
    if isinstance(node, Call) and node.function in FUNCTIONS and all(isinstance(p, Literal) for p in node.arguments):
        try:
            return FUNCTIONS[node.function](*(part.value for part in node.arguments if isinstance(part, Literal)))
        except EvalError:  # such a call fails at each event, where it is explained
            return None
    return None


def shape(node: Node) -> tuple[Any, ...]:
    """What the node says, wherever it stands: equal for equal expressions."""
    return tuple(_shape(part) for part in walk(node))


def _shape(node: Node) -> tuple[Any, ...]:
    match node:
        case Literal(value=value):
            return ("literal", type(value).__name__, repr(value))
        case Path(parts=parts) | Present(parts=parts):
            return (type(node).__name__, parts)
        case Local(name=name):
            return ("local", name)
        case Call(function=function, arguments=arguments):
            return ("call", function, len(arguments))
        case ListOf(items=items):
            return ("list", len(items))
        case Macro(kind=kind, variable=variable, second=second, condition=condition, body=body):
            return ("macro", kind, variable, second, condition is not None, body is not None)
    return (type(node).__name__, *_details(node))


def _details(node: Node) -> Iterator[Any]:
    for detail in ("field", "test", "name"):
        if hasattr(node, detail):
            yield getattr(node, detail)
    yield len(getattr(node, "entries", ()))
