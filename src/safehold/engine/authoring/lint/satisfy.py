"""Whether an expression can ever be true, or false: by cases, and by what each case says about the same value.

A condition is true only if all of some set of tests (a case) come out as asked: `a && (b || !c)` is true in the cases
{a, b} and {a, not c}. That holds for CEL's three values too, because what is unknown or an error is never true and never
false. A case is impossible if its tests contradict each other: `x > 5` and `x < 3`, `x == "a"` and `x.contains("b")`,
`x == "a"` where the schema has other values. Whatever is not understood counts as possible.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any

from safehold.engine.authoring.lint.pairs import pairs_agree
from safehold.engine.authoring.lint.reading import (
    FLIPPED,
    ORDERED,
    PYTHON,
    Case,
    comparison,
    constant,
    shape,
    subject,
)
from safehold.engine.authoring.lint.texts import least_length, texts_agree
from safehold.engine.compile.exact import evaluate
from safehold.engine.compile.faults import Fault, Unknown
from safehold.engine.language.tree import Bind, Call, Literal, Macro, Node, Path, Present, children, walk
from safehold.engine.language.types import Field

#: More cases than this are not looked at: the expression counts as possible.
MAX_CASES = 200


@dataclass(frozen=True)
class Facts:
    """What is known before any event comes. `field` gives what the schema says about a path; `never_read` are paths that
    are unknown for every event (a window that is not kept for the event type)."""

    field: Callable[[tuple[str, ...]], Field | None] = lambda parts: None
    never_read: frozenset[tuple[str, ...]] = frozenset()


def possible(node: Node, outcome: bool, facts: Facts) -> bool:
    """Whether some event might make the condition come out so. False is certain, true is not."""
    found = cases(node, outcome)
    return found is None or any(consistent(case, facts) for case in found)


def cases(node: Node, outcome: bool) -> list[Case] | None:
    """Every way in which the condition comes out so, as the tests that have to; None where there are too many."""
    match node:
        case Call(function="!_", arguments=(inner,)):
            return cases(inner, not outcome)
        case Call(function="_&&_" | "_||_" as function, arguments=(left, right)):
            both = (function == "_&&_") == outcome
            return _joined(cases(left, outcome), cases(right, outcome), both)
        case Call(function="_?_:_", arguments=(condition, then, otherwise)) if node.type.name == "bool":
            chosen = _joined(cases(condition, True), cases(then, outcome), True)
            return _joined(chosen, _joined(cases(condition, False), cases(otherwise, outcome), True), False)
    return [((node, outcome),)]


def _joined(one: list[Case] | None, other: list[Case] | None, both: bool) -> list[Case] | None:
    if one is None or other is None:
        return None
    if (len(one) * len(other) if both else len(one) + len(other)) > MAX_CASES:
        return None
    return [first + second for first in one for second in other] if both else one + other


def certain_reads(node: Node) -> Iterable[tuple[str, ...]]:
    """The paths without whose values the node has none."""
    match node:
        case Path(parts=parts):
            yield parts
        case Call(function="_&&_" | "_||_" | "_?_:_" | "or" | "orValue", arguments=(first, *_)):
            yield from certain_reads(first) if node.function in ("_?_:_", "or", "orValue") else ()
        case Macro(over=over):
            yield from certain_reads(over)
        case Bind():
            return
        case _:
            for child in children(node):
                yield from certain_reads(child)


@dataclass
class _Domain:
    """What a case says about one value: its limits (value, whether it is excluded), what it is not, what it may be."""

    node: Node
    low: tuple[Any, bool] | None = None
    high: tuple[Any, bool] | None = None
    others: list[Any] = field(default_factory=list)
    choices: list[Any] | None = None

    def limit(self, sign: str, value: Any) -> None:
        if sign in ("_>_", "_>=_") and (self.low is None or (value, sign == "_>_") > self.low):
            self.low = (value, sign == "_>_")
        if sign in ("_<_", "_<=_") and (self.high is None or (-value, sign == "_<_") > (-self.high[0], self.high[1])):
            self.high = (value, sign == "_<_")
        if sign == "_!=_":
            self.others.append(value)
        if sign == "_==_":
            self.choose([value])

    def choose(self, values: list[Any]) -> None:
        self.choices = values if self.choices is None else [value for value in self.choices if value in values]

    def allows(self, value: Any) -> bool:
        above = self.low is None or value > self.low[0] or (value == self.low[0] and not self.low[1])
        below = self.high is None or value < self.high[0] or (value == self.high[0] and not self.high[1])
        return above and below and value not in self.others and _cased(self.node, value)

    def empty(self) -> bool:
        if self.choices is not None:
            return not any(map(self.allows, self.choices))
        if self.low is None or self.high is None:
            return False
        step = 1 if self.node.type.name in ("int", "uint", "duration", "timestamp") else 0
        low = self.low[0] + (step if self.low[1] else 0)
        high = self.high[0] - (step if self.high[1] else 0)
        return bool(low > high or (not step and low == high and (self.low[1] or self.high[1])))


def consistent(case: Case, facts: Facts) -> bool:
    """False where the tests of a case cannot all come out as asked."""
    asked: dict[Any, bool] = {}
    domains: dict[Any, _Domain] = {}
    numbers = _numbers(case)
    absent = [test.parts for test, outcome in case if isinstance(test, Present) and not outcome]
    for test, outcome in case:
        if asked.setdefault(shape(test), outcome) is not outcome or not _open(test, outcome, facts):
            return False
        for parts in certain_reads(test):
            if parts in facts.never_read or any(parts[: len(prefix)] == prefix for prefix in absent):
                return False
        _note(test, outcome, domains, facts, numbers)
    if not texts_agree(case) or not pairs_agree(case):
        return False
    for domain in domains.values():
        _fill(domain, case)
    return not any(_exhausted(domain, case) for domain in domains.values())


def _numbers(case: Case) -> set[Any]:
    """The shapes of what compares with a constant, so that it is not NaN."""
    found = (comparison(test, True) for test, outcome in case if outcome)
    return {shape(one[0]) for one in found if one is not None and one[1] != "_!=_"}


def _fill(domain: _Domain, case: Case) -> None:
    """The size of what has something in it, and of a text that has a part, has a least value."""
    if isinstance(domain.node, Call) and domain.node.function == "size":
        domain.limit("_>=_", least_length(domain.node.arguments[0], case))


def _open(test: Node, outcome: bool, facts: Facts) -> bool:
    """Whether a test by itself can come out so."""
    known, value = constant(test)
    if known:
        return value is outcome
    match test:
        case Call(function=function, arguments=(left, right)) if function in FLIPPED and shape(left) == shape(right):
            if left.type.name in PYTHON and left.type.name != "double":
                return (function in ("_==_", "_<=_", "_>=_")) is outcome
        case Call(function="contains" | "startsWith" | "endsWith", arguments=(text, part)) if outcome:
            known, value = constant(part)
            return not known or not isinstance(value, str) or _cased(text, value)
        case Call(function="@in", arguments=(item, Path(parts=parts))) if outcome:
            about = facts.field(parts)
            known, value = constant(item)
            return not known or about is None or not about.values or value in about.values
        case Macro(kind="exists" | "exists_one", condition=Node() as condition) if outcome:
            return possible(condition, True, facts)
        case Macro(kind="all", condition=Node() as condition) if not outcome:
            return possible(condition, False, facts)
    return True


def _cased(node: Node, value: Any) -> bool:
    """`x.lowerAscii()` has no capital letters, `x.upperAscii()` no small ones."""
    if not isinstance(node, Call) or not isinstance(value, str):
        return True
    if node.function == "lowerAscii":
        return not any("A" <= letter <= "Z" for letter in value)
    return node.function != "upperAscii" or not any("a" <= letter <= "z" for letter in value)


def _note(test: Node, outcome: bool, domains: dict[Any, _Domain], facts: Facts, numbers: set[Any]) -> None:
    found = comparison(test, outcome)
    if found is None and isinstance(test, Call) and test.arguments and test.arguments[0].type.name == "string":
        _domain(test.arguments[0], domains, facts)  # what the schema names is tried in the tests of texts
    if found is None and (positive := comparison(test, True)) is not None and shape(positive[0]) in numbers:
        found = comparison(test, outcome, is_number=True)
    if found is None:
        if test.type.name == "bool" and not isinstance(test, (Literal, Present)):
            _domain(test, domains, facts).choose([outcome])
        return
    subject, sign, value = found
    domain = _domain(subject, domains, facts)
    if sign == "@in":
        domain.choose(list(value))
    elif sign == "not in":
        domain.others += value
    elif subject.type.name in ORDERED or sign in ("_==_", "_!=_"):
        domain.limit(sign, value)


def _domain(node: Node, domains: dict[Any, _Domain], facts: Facts) -> _Domain:
    key = shape(node)
    if key not in domains:
        domain = domains[key] = _Domain(node)
        about = facts.field(node.parts) if isinstance(node, Path) else None
        if about is not None and about.values and node.type.name == "string":
            domain.choices = list(about.values)
        if node.type.name in ("int", "double") and about is not None:
            if about.least is not None:
                domain.low = (about.least, False)
            if about.most is not None:
                domain.high = (about.most, False)
        if isinstance(node, Call):
            least, most = _limits(node)
            domain.low = domain.low if least is None else (least, False)
            domain.high = domain.high if most is None else (most, False)
    return domains[key]


#: What a part of a time can be.
_CLOCK = {
    "getMonth": (0, 11), "getDate": (1, 31), "getDayOfMonth": (0, 30), "getDayOfWeek": (0, 6), "getDayOfYear": (0, 365),
    "getHours": (0, 23), "getMinutes": (0, 59), "getSeconds": (0, 59), "getMilliseconds": (0, 999),
}  # fmt: skip


def _limits(call: Call) -> tuple[int | None, int | None]:
    """The least and the greatest value that a function can have."""
    if call.function == "size":
        return 0, None
    if call.function in ("indexOf", "lastIndexOf"):
        return -1, None
    if call.function in _CLOCK and call.arguments[0].type.name == "timestamp":
        return _CLOCK[call.function]
    return None, None


def _exhausted(domain: _Domain, case: Case) -> bool:
    """Whether no value is left; values that can be listed are put into the tests that look at nothing else."""
    if domain.empty():
        return True
    if domain.choices is None or not isinstance(domain.node, Path):
        return False
    parts = domain.node.parts
    about = [test for test in case if _only_about(test[0], parts)]
    return not any(
        domain.allows(value) and all(_comes_out(*test, parts, value) for test in about) for value in domain.choices
    )


def _only_about(test: Node, parts: tuple[str, ...]) -> bool:
    read = {part.parts for part in walk(test) if isinstance(part, (Path, Present))}
    return read == {parts} and not any(isinstance(part, Present) for part in walk(test))


def _comes_out(test: Node, outcome: bool, parts: tuple[str, ...], value: Any) -> bool:
    try:
        return evaluate(test, _One(parts, value)) is outcome
    except Fault:
        return False


@dataclass(frozen=True)
class _One:
    """Reads one path as one value."""

    parts: tuple[str, ...]
    value: Any

    def read(self, parts: tuple[str, ...]) -> Any:
        if parts == self.parts:
            return self.value
        raise Unknown(".".join(parts))

    def present(self, parts: tuple[str, ...]) -> bool:
        raise Unknown(".".join(parts))


def implies(case: Case, node: Node, outcome: bool, facts: Facts) -> bool:
    """Whether the condition is certain to come out so in a case. True is certain, false is not."""
    match node:
        case Call(function="!_", arguments=(inner,)):
            return implies(case, inner, not outcome, facts)
        case Call(function="_&&_" | "_||_" as function, arguments=arguments):
            every = all if (function == "_&&_") == outcome else any
            return every(implies(case, part, outcome, facts) for part in arguments)
    known, value = constant(node)
    if known:
        return value is outcome
    if any(shape(test) == shape(node) and asked is outcome for test, asked in case):
        return True
    about = subject(node)
    # The same value is looked at for certain in this case, so that this test has an answer too.
    looked_at = about is not None and any(subject(test) == about for test, _ in case)
    return looked_at and not consistent((*case, (node, not outcome)), facts)
