"""The linter calls nothing impossible that happens: its proofs are held against random events."""

from collections.abc import Iterator
from itertools import product
from math import prod
from typing import Any

from hypothesis import example, given
from hypothesis import strategies as st

from safehold.engine.authoring.lint.satisfy import Facts, cases, consistent, implies, possible
from safehold.engine.language.check import check
from safehold.engine.language.environment import Environment
from safehold.engine.language.problem import ExpressionProblems
from safehold.engine.language.tree import Node, Path, walk
from safehold.engine.language.types import Field
from safehold.engine.language.values import converter
from tests.cases import cases as cases_of
from tests.language.evaluation import exact
from tests.properties.expressions import VARIABLES, activations, expressions

ENVIRONMENT = Environment(VARIABLES)
NUMBER = st.sampled_from(["0", "1", "2", "3"])
ORDER = st.sampled_from(["<", "<=", ">", ">=", "==", "!="])
TEXT = st.sampled_from(['"a"', '"b"', '"ab"', '"A"', '""'])
PARTS = st.sampled_from(['"a"', '"b"', '"ab"', '"ba"', '"aba"', '""'])
#: Tests of few variables against few constants: they contradict each other often.
ATOMS = st.one_of(
    st.builds("i {} {}".format, ORDER, NUMBER),
    st.builds("{1} {0} i".format, ORDER, NUMBER),
    st.builds("d {} {}.5".format, ORDER, NUMBER),
    st.builds("i {} {}".format, ORDER, st.sampled_from(["i", "j"])),
    st.builds("d {} {}".format, ORDER, st.sampled_from(["d", "e", "0.0 / 0.0"])),
    st.builds("{} {} {}".format, st.sampled_from(["j", "i"]), ORDER, st.sampled_from(["i", "j", "i + 1"])),
    st.builds("e {} d".format, ORDER),
    st.builds("{} {} {}".format, st.sampled_from(["s", "t"]), ORDER, st.sampled_from(["s", "t"])),
    st.builds("w.getDayOfWeek() {} {}".format, ORDER, st.sampled_from(["-1", "0", "6", "7"])),
    st.builds("s.indexOf({}) {} {}".format, TEXT, ORDER, st.sampled_from(["-1", "0", "1"])),
    st.builds("{} in li".format, NUMBER),
    st.builds("s {} {}".format, ORDER, TEXT),
    st.builds("s.{}({})".format, st.sampled_from(["contains", "startsWith", "endsWith", "matches"]), TEXT),
    st.builds("s.{}({})".format, st.sampled_from(["contains", "startsWith", "endsWith"]), PARTS),
    st.builds("s.lowerAscii() {} {}".format, ORDER, TEXT),
    st.builds("s.upperAscii().contains({})".format, TEXT),
    st.builds("s in [{}, {}]".format, TEXT, TEXT),
    st.builds("i in [{}, {}]".format, NUMBER, NUMBER),
    st.builds("v {} duration({})".format, ORDER, st.sampled_from(['"1s"', '"2s"'])),
    st.builds("w {} timestamp({})".format, ORDER, NUMBER),
    st.builds("x {} {}".format, ORDER, st.one_of(NUMBER, TEXT.map("dyn({})".format))),
    st.builds("size({}) {} {}".format, st.sampled_from(["s", "li"]), ORDER, NUMBER),
    st.builds("li.{}(n, n {} {} && n {} {})".format, st.sampled_from(["all", "exists"]), ORDER, NUMBER, ORDER, NUMBER),
    st.sampled_from(
        ["b", "c", "b == true", "c != false", "true", "1 / 0 == 1", "s in []", "i == dyn(1.0)", "i in [dyn(true)]"]
    ),
)
CONDITIONS = st.recursive(
    ATOMS,
    lambda inner: st.one_of(
        st.builds("({} && {})".format, inner, inner),
        st.builds("({} || {})".format, inner, inner),
        st.builds("!({})".format, inner),
        st.builds("({} ? {} : {})".format, inner, inner, inner),
    ),
    max_leaves=6,
)
SMALL: dict[str, st.SearchStrategy[Any]] = {
    "b": st.booleans(), "c": st.booleans(), "i": st.integers(-1, 4), "j": st.integers(0, 3),
    "d": st.sampled_from([0.0, 0.5, 1.0, 1.5, 2.0, float("nan")]), "e": st.sampled_from([0.5, float("nan")]),
    "s": st.sampled_from(["", "a", "b", "ab", "A", "ba"]),
    "t": st.sampled_from(["", "a", "ab"]), "v": st.sampled_from(["1s", "1.5s", "2s"]),
    "w": st.sampled_from(["1970-01-01T00:00:01Z", "1970-01-01T00:00:02Z"]), "x": st.sampled_from([0.0, 1.0, "a", True]),
    "li": st.lists(st.integers(0, 3), max_size=3),
}  # fmt: skip


@st.composite
def small_values(draw: st.DrawFn) -> dict[str, Any]:
    missing = draw(st.sets(st.sampled_from(sorted(SMALL)), max_size=2))
    return {name: draw(values) for name, values in SMALL.items() if name not in missing}


def tree_of(text: str) -> Node | None:
    try:
        return check(text, ENVIRONMENT, guards=False)
    except ExpressionProblems:
        return None


def read(values: dict[str, Any]) -> dict[str, Any]:
    return {name: converter(VARIABLES[name])(value) for name, value in values.items()}


#: All the values that a variable is tried with: enough to tell any two of the tests above apart.
ALL: dict[str, list[Any]] = {
    "b": [False, True], "c": [False, True], "i": list(range(-1, 5)), "j": list(range(-1, 5)),
    "d": [-1.0, 0.0, 0.5, 1.0, 1.5, 2.0, 2.5, 3.0, 3.5, 4.0, float("nan")], "e": [0.0, 0.5, 1.0, float("nan")],
    "s": ["".join(letters) for size in range(4) for letters in product("abA", repeat=size)],
    "t": ["", "a", "b", "ab"], "v": ["0s", "1s", "1.5s", "2s", "3s"],
    "w": [f"1970-01-{day:02}T00:00:0{second}Z" for day in range(1, 8) for second in range(4)],
    "x": [0.0, 1.0, 2.0, "a", "b", True], "li": [list(items) for size in range(3) for items in product(range(4), repeat=size)],
}  # fmt: skip
MOST_EVENTS = 20_000


def every(*trees: Node) -> Iterator[dict[str, Any]]:
    """Every event there is of the variables that the conditions read, or a part of them where there are too many."""
    names = sorted({part.parts[0] for tree in trees for part in walk(tree) if isinstance(part, Path)})
    count = prod(len(ALL[name]) for name in names)
    for number in range(0, count, -(-count // MOST_EVENTS)):
        values, left = {}, number
        for name in names:
            left, at = divmod(left, len(ALL[name]))
            values[name] = converter(VARIABLES[name])(ALL[name][at])
        yield values


@cases_of(40)
@given(CONDITIONS, CONDITIONS)
@example('s.startsWith("ab") && size(s) < 2', "true")
@example("!(d <= 1.5) && d < 1.5", "d > 0.5")
@example("d > 1.5", "d > 0.5 && !(d <= 0.5)")
@example("i < j && j <= i", "i != j")
@example("2 in li && size(li) == 0", "size(li) > 0")
@example('s.contains("ab") && !s.contains("b")', 's.contains("a")')
def test_no_value_at_all_disproves_a_warning(one: str, other: str) -> None:
    """All values that there are in a small world: never, always and shadowed are never wrong about any of them."""
    tree, implied = tree_of(one), tree_of(other)
    if tree is None or implied is None:
        return
    for outcome in (True, False):
        if not possible(tree, outcome, Facts()):
            assert all(exact(tree, values) is not outcome for values in every(tree)), (one, outcome)
    found = [case for case in cases(tree, True) or [] if consistent(case, Facts())]
    if found and all(implies(case, implied, True, Facts()) for case in found):
        for values in every(tree, implied):
            assert exact(tree, values) is not True or exact(implied, values) is True, (one, other, values)


def holds(text: str, events: list[dict[str, Any]]) -> None:
    tree = tree_of(text)
    if tree is None or tree.type.name != "bool":
        return
    for outcome in (True, False):
        if not possible(tree, outcome, Facts()):
            for values in events:
                assert exact(tree, read(values)) is not outcome, (text, outcome, values)


@given(CONDITIONS, st.lists(small_values(), min_size=3, max_size=8))
@example("(d < 1.5 ? false : d >= 1.5)", [{"d": 2.0}])
@example("!(d < 1.5) && !(d > 0.5)", [{"d": float("nan")}])
@example("i == 1 && !(i in [dyn(true)])", [{"i": 1}])
def test_what_the_linter_calls_impossible_never_happens(text: str, events: list[dict[str, Any]]) -> None:
    holds(text, events)


@given(expressions(), st.lists(activations(), min_size=1, max_size=3))
def test_also_of_expressions_of_any_kind(text: str, events: list[dict[str, Any]]) -> None:
    holds(text, events)


@given(CONDITIONS, CONDITIONS, st.lists(small_values(), min_size=3, max_size=8))
def test_a_rule_that_is_called_shadowed_never_matches_alone(one: str, other: str, events: list[dict[str, Any]]) -> None:
    """Wherever the first is true, the second is certain to be true, not only not false."""
    tree, implied = tree_of(one), tree_of(other)
    if tree is None or implied is None:
        return
    found = [case for case in cases(tree, True) or [] if consistent(case, Facts())]
    if found and all(implies(case, implied, True, Facts()) for case in found):
        for values in events:
            if exact(tree, read(values)) is True:
                assert exact(implied, read(values)) is True, (one, other, values)


@given(CONDITIONS, st.lists(small_values(), min_size=3, max_size=8))
def test_what_the_schema_rules_out_is_used_as_it_is(text: str, events: list[dict[str, Any]]) -> None:
    known = {("i",): Field(VARIABLES["i"], least=0, most=3), ("s",): Field(VARIABLES["s"], values=("a", "b"))}
    tree = tree_of(text)
    if tree is None:
        return
    fitting = [values for values in events if 0 <= values.get("i", 0) <= 3 and values.get("s", "a") in ("a", "b")]
    for outcome in (True, False):
        if not possible(tree, outcome, Facts(known.get)):
            for values in fitting:
                assert exact(tree, read(values)) is not outcome, (text, outcome, values)
