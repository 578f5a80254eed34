"""Three evaluators, one answer: cel-expr-python's own (the judge), the exact evaluator and the generated code.

Random expressions over random events, missing values, errors, Unicode and the edges of numbers included.
"""

from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from safehold.engine.compile.faults import EvalError, Fault, Unknown
from safehold.engine.language.check import check
from safehold.engine.language.environment import Environment
from safehold.engine.language.problem import ExpressionProblems
from safehold.engine.language.values import Duration, Optional, Timestamp, converter
from tests.cases import cases
from tests.language.evaluation import exact, generated, same
from tests.language.reference import NotPython, NoValue, judged
from tests.properties.expressions import VARIABLES, activations, expressions

ENVIRONMENT = Environment(VARIABLES)
NO_VALUE = object()


def _as_read(values: dict[str, Any]) -> dict[str, Any]:
    """The values as the engine would have read them; dynamic integers stay integers here, as they do for the judge."""
    return {name: value if name == "x" else converter(VARIABLES[name])(value) for name, value in values.items()}


def _cut(value: Any) -> Any:
    """Timestamps and durations to the microsecond, which is all that the judge's answers have."""
    if isinstance(value, (Timestamp, Duration)):
        return type(value)(int(value) // 1000 * 1000)
    return [_cut(part) for part in value] if isinstance(value, list) else value


@cases(400)
@given(expressions(), activations())
@example("dyn(9007199254740993) == 9007199254740992.0", {})
@example("false && i / 0 == 1 || true", {})
@example("s in []", {})
@example("[1, 0].exists(n, 1 / n == 1)", {})
@example("li.map(n, n)", {"li": [-(1 << 63)]})
def test_the_evaluators_agree(text: str, values: dict[str, Any]) -> None:
    try:
        tree = check(text, ENVIRONMENT, guards=False)
    except ExpressionProblems as refused:
        messages = " ".join(problem.message for problem in refused.problems)
        # The checker copies what optMap stands on and loses the second variable of a macro inside it.
        lost = ("optMap" in text or "optFlatMap" in text) and "unknown name `q`" in messages
        assert lost or "bad pattern" in messages, (text, refused)
        return
    read = _as_read(values)
    found = exact(tree, read)
    try:
        expected = judged(text, ENVIRONMENT, values)
    except NoValue:
        expected = NO_VALUE
    except NotPython:  # an optional value: both of ours have to have said so
        assert isinstance(found, Optional), (text, values, found)
        return
    answered, fast = generated(tree, read)
    if answered:
        assert same(fast, found), (text, values, fast, found)
    if expected is NO_VALUE:
        assert isinstance(found, Fault), (text, values, found)
    else:
        assert not isinstance(found, Fault), (text, values, expected, found)
        assert same(_cut(found), expected), (text, values, expected, found)


_OUTCOMES = {"true": True, "false": False, "unknown": Unknown, "error": EvalError}
_TEXTS = {"true": "true", "false": "false", "unknown": "b", "error": "1 / 0 == 1"}


@pytest.mark.parametrize("right", _OUTCOMES)
@pytest.mark.parametrize("left", _OUTCOMES)
@pytest.mark.parametrize("operator", ["&&", "||"])
def test_three_values_and_errors_combine_as_cel_says(operator: str, left: str, right: str) -> None:
    """A decisive operand settles it; otherwise unknown, otherwise error, otherwise the plain answer."""
    tree = check(f"({_TEXTS[left]}) {operator} ({_TEXTS[right]})", ENVIRONMENT, guards=False)
    decisive = "true" if operator == "||" else "false"
    if decisive in (left, right):
        expected = decisive
    elif "unknown" in (left, right):
        expected = "unknown"
    elif "error" in (left, right):
        expected = "error"
    else:
        expected = "false" if operator == "||" else "true"
    found = exact(tree, {})
    assert found is _OUTCOMES[expected] if isinstance(found, bool) else isinstance(found, _OUTCOMES[expected])
    answered, fast = generated(tree, {})
    assert not answered or fast is found


@given(st.lists(st.sampled_from(["true", "false", "unknown", "error"]), min_size=1, max_size=5), st.booleans())
def test_macros_absorb_as_a_chain_of_operators_would(outcomes: list[str], universal: bool) -> None:
    texts = [_TEXTS[outcome] for outcome in outcomes]
    chain = (" && " if universal else " || ").join(f"({text})" for text in texts)
    cases = " || ".join(f"(n == {at} && ({text}))" for at, text in enumerate(texts))
    macro = f"{list(range(len(texts)))}.{'all' if universal else 'exists'}(n, {cases})"
    one, other = (exact(check(text, ENVIRONMENT, guards=False), {}) for text in (chain, macro))
    assert type(one) is type(other) and (isinstance(one, Fault) or one == other)
