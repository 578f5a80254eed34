"""One expression, one event, four evaluators: the judge (cel-expr-python's own), the Python backend, DuckDB and Polars.

Each example is a dozen expressions over a dozen events, so that the columns have something to be columns of. At night the
number of single answers that were held against the judge's is printed; columns that ask the engine do not count.
"""

import sys
from collections import Counter
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from safehold.engine.language.check import check
from safehold.engine.language.environment import Environment
from safehold.engine.language.problem import ExpressionProblems
from safehold.engine.language.tree import Node
from safehold.engine.language.values import Duration, Timestamp, converter
from tests.cases import CASES
from tests.language.evaluation import exact, generated, same
from tests.language.reference import NotPython, NoValue, judge
from tests.properties.columns import ASK, TRUE, Engine, table
from tests.properties.expressions import VARIABLES, activations, core_expressions, expressions
from tests.properties.test_columns import NO_SHRINKING

ENVIRONMENT = Environment(VARIABLES)
BACKENDS = ("duckdb", "polars")
compared: Counter[str] = Counter()


@pytest.fixture(autouse=True, scope="module")
def tally(request: pytest.FixtureRequest) -> Iterator[None]:
    yield
    if CASES > 1:
        counts = ", ".join(f"{name} {count:,}" for name, count in sorted(compared.items()))
        with request.config.pluginmanager.getplugin("capturemanager").global_and_fixture_disabled():
            print(f"\nanswers held against the judge's: {counts}", file=sys.stderr)
        assert CASES < 250 or compared["all four"] >= 100_000


def _checked(text: str) -> Node | None:
    try:
        return check(text, ENVIRONMENT, guards=False)
    except ExpressionProblems:  # `test_expressions` says which refusals there may be
        return None


@settings(max_examples=3 * CASES, phases=NO_SHRINKING)
@given(
    texts=st.lists(core_expressions(depth=4) | expressions(depth=3), min_size=8, max_size=16, unique=True),
    rows=st.lists(activations(), min_size=20, max_size=40),
)
def test_the_judge_python_duckdb_and_polars_give_one_answer(texts: list[str], rows: list[dict[str, Any]]) -> None:
    read = [
        {name: value if name == "x" else converter(VARIABLES[name])(value) for name, value in row.items()}
        for row in rows
    ]
    trees = [(text, tree) for text in texts if (tree := _checked(text)) is not None]
    columns = {name: Engine(name, table(read)).outcomes([tree for _, tree in trees]) for name in BACKENDS}
    for at, (text, tree) in enumerate(trees):
        ask = judge(text, ENVIRONMENT)
        for number, row in enumerate(rows):
            try:
                wanted, has_value = ask(row), True
            except NoValue:
                wanted, has_value = None, False
            except NotPython:  # an optional value, which the judge cannot hand over
                continue
            compared["cases"] += 1
            answers = {"exact": exact(tree, read[number])}
            answered, fast = generated(tree, read[number])
            if answered:
                answers["generated"] = fast
            for name in BACKENDS:
                status, value = columns[name][at][number]
                if status != ASK:
                    answers[name] = _typed(value, wanted) if status == TRUE else NoValue()
            for name, found in answers.items():
                failed = isinstance(found, Exception)
                agrees = not failed and _agrees(found, wanted) if has_value else failed
                assert agrees, (name, text, row, found, wanted if has_value else "no value")
                compared[name] += 1
            compared["all four"] += len(answers) == 4


def _typed(value: Any, wanted: Any) -> Any:
    """Columns keep times as integers."""
    return type(wanted)(value) if isinstance(wanted, (Timestamp, Duration)) and type(value) is int else value


def _agrees(found: Any, wanted: Any) -> bool:
    """The same value; of a time the judge's binding hands over microseconds only."""
    if isinstance(wanted, (Timestamp, Duration)):
        return type(found) is type(wanted) and abs(int(found) - int(wanted)) < 1000
    if isinstance(wanted, list) and isinstance(found, list):
        return len(found) == len(wanted) and all(map(_agrees, found, wanted))
    return same(found, wanted)
