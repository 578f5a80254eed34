"""Two engines for history, one answer: Ibis on DuckDB and on Polars against the exact evaluator, row by row.

Unknown values, errors, NaN, infinities, Unicode, the edges of 64 bits, times. Many expressions over one table at once, as
history does it. What columns have no exact form for has to say so (`ASK`) and never anything wrong.
"""

from typing import Any

import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from safehold.engine.language.check import check
from safehold.engine.language.environment import Environment
from safehold.engine.language.problem import ExpressionProblems
from safehold.engine.language.tree import Node
from safehold.engine.language.values import Duration, Timestamp, converter
from tests.cases import CASES
from tests.language.evaluation import same
from tests.properties.columns import ASK, TRUE, Engine, expected, table
from tests.properties.expressions import VARIABLES, activations, core_expressions, expressions

ENVIRONMENT = Environment(VARIABLES)
#: A failure names its expression and its row, so that there is nothing to shrink among hundreds of them.
NO_SHRINKING = (Phase.explicit, Phase.reuse, Phase.generate)


def _checked(texts: list[str]) -> list[tuple[str, Node]]:
    trees = []
    for text in texts:
        try:
            trees.append((text, check(text, ENVIRONMENT, guards=False)))
        except ExpressionProblems as refused:
            assert any("bad pattern" in problem.message for problem in refused.problems), (text, refused)
    return trees


def _as_read(values: dict[str, Any]) -> dict[str, Any]:
    return {name: value if name == "x" else converter(VARIABLES[name])(value) for name, value in values.items()}


def _agree(backend: str, trees: list[tuple[str, Node]], rows: list[dict[str, Any]]) -> set[str]:
    """The expressions that had ASK among their answers."""
    engine = Engine(backend, table(rows))
    asked = set()
    outcomes = engine.outcomes([tree for _, tree in trees])
    for (text, tree), answers in zip(trees, outcomes, strict=True):
        for row, (status, value) in zip(rows, answers, strict=True):
            if status == ASK:
                asked.add(text)
                continue
            wanted, result = expected(tree, row)
            assert status == wanted, (backend, text, row, status, wanted, result)
            assert same(_as(value, result), result), (backend, text, row, value, result)
    return asked


@settings(max_examples=10 * CASES, phases=NO_SHRINKING)
@given(
    texts=st.lists(expressions(depth=4), min_size=12, max_size=20),
    rows=st.lists(activations(), min_size=8, max_size=16),
)
def test_a_row_that_is_left_out_would_have_been_false(texts: list[str], rows: list[dict[str, Any]]) -> None:
    rows = [_as_read(row) for row in rows]
    trees = [tree for _, tree in _checked(texts) if tree.type.name == "bool"]
    for tree, out in zip(trees, Engine("duckdb", table(rows)).left_out(trees) if trees else [], strict=True):
        for row, left_out in zip(rows, out, strict=True):
            assert left_out is False or expected(tree, row) == (TRUE, False), (tree, row)


def _as(value: Any, result: Any) -> Any:
    """Columns keep times as integers."""
    return type(result)(value) if isinstance(result, (Timestamp, Duration)) and type(value) is int else value


@pytest.mark.parametrize("backend", ["duckdb", "polars"])
@settings(max_examples=10 * CASES, phases=NO_SHRINKING)
@given(
    texts=st.lists(expressions(depth=3), min_size=12, max_size=20),
    rows=st.lists(activations(), min_size=8, max_size=16),
)
def test_columns_say_what_the_engine_says_or_ask_it(backend: str, texts: list[str], rows: list[dict[str, Any]]) -> None:
    _agree(backend, _checked(texts), [_as_read(row) for row in rows])


@pytest.mark.parametrize("backend", ["duckdb", "polars"])
@settings(max_examples=10 * CASES, phases=NO_SHRINKING)
@given(
    texts=st.lists(core_expressions(depth=4), min_size=12, max_size=20),
    rows=st.lists(activations(), min_size=8, max_size=16),
)
def test_the_scalar_core_is_answered_by_columns_alone(
    backend: str, texts: list[str], rows: list[dict[str, Any]]
) -> None:
    asked = _agree(backend, _checked(texts), [_as_read(row) for row in rows])
    assert not asked


@pytest.mark.parametrize("backend", ["duckdb", "polars"])
def test_what_is_made_of_bound_constants_is_there_at_every_row(backend: str) -> None:
    texts = ['cel.bind(z, "true", z.lowerAscii())', 'cel.bind(z, "true", size(z))', "cel.bind(z, 7, z * z)"]
    texts += ['cel.bind(z, "a", z.matches("a"))', "[2, 3].all(n, n * n > 3)", "cel.bind(z, 2.5, z / 2.0)"]
    rows = [_as_read({"b": True, "s": "x"})] * 3
    for text, tree in _checked(texts):
        assert not _agree(backend, [(text, tree)], rows)
        assert Engine(backend, table(rows)).outcomes([tree])[0] == [expected(tree, rows[0])] * 3


@pytest.mark.parametrize("backend", ["duckdb", "polars"])
def test_the_rest_of_a_division_by_a_zero_that_is_written_down_is_an_error_at_every_row(backend: str) -> None:
    texts = ["i % 0", "cel.bind(z, 0, i % z)", "cel.bind(z, 0, 7 % z)", "[0, 1].all(n, i % n == 0)", "i / 0"]
    rows = [_as_read({"i": 7}), _as_read({"i": 0}), {}]
    assert not _agree(backend, _checked(texts), rows)


@pytest.mark.parametrize("backend", ["duckdb", "polars"])
def test_a_zero_that_is_written_down_keeps_its_sign(backend: str) -> None:
    texts = ["1.0 / (e + 0.0)", "1.0 / (e - (-0.0))", "1.0 / (0.0 - e)", "1.0 / (-0.0 - e)", "1.0 / (e + (0.0 - 0.0))"]
    assert not _agree(backend, _checked(texts), [_as_read({"e": value}) for value in (0.0, -0.0, 2.5)])
