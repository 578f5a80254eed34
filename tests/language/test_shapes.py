"""Expressions that say the same are computed once; those that do not, never."""

import pytest

from safehold.engine.authoring.lint.reading import shape as lint_shape
from safehold.engine.compile.atoms import shape
from safehold.engine.language import types
from safehold.engine.language.check import check
from safehold.engine.language.environment import Environment

ENVIRONMENT = Environment(
    {"li": types.list_of(types.INT), "s": types.STRING, "m": types.map_of(types.STRING, types.INT)}
)


@pytest.mark.parametrize("shape_of", [shape, lint_shape])
@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("li.exists(i, i > 1)", "li.exists( i , i>1 )", True),
        ("li.exists(i, i > 1)", "li.exists(i, v, i > 1)", False),
        ("li.exists(i, v, i > 1)", "li.exists(i, v, v > 1)", False),
        ("m.transformMap(k, v, v)", "m.transformList(k, v, v)", False),
        ("li.all(i, i > 1)", "li.exists(i, i > 1)", False),
        ("has(m.a)", "m.a == 1", False),
        ("m.?a.orValue(1)", "m.?b.orValue(1)", False),
        ("s == '1'", "s == string(1)", False),
    ],
)
def test_a_shape_is_what_an_expression_says(shape_of: object, one: str, other: str, same: bool) -> None:
    first, second = (shape_of(check(text, ENVIRONMENT, guards=False)) for text in (one, other))  # type: ignore[operator]
    assert (first == second) is same
