"""The short way to what a match has read, and the exact evaluator's walk: the same values, for random rules and events."""

import random

from hypothesis import given
from hypothesis import strategies as st

from safehold.engine.explain import Explanation
from safehold.engine.reading import Reading
from tests.cases import cases
from tests.properties.test_indexes import SCOPE, condition, event, labels, rule_set


@given(st.integers(0, 2**32))
@cases(12)
def test_a_match_is_explained_with_the_values_that_the_exact_evaluator_reads(seed: int) -> None:
    draw = random.Random(seed)
    rules, held = rule_set([condition(draw) for _ in range(40)]), labels()
    explanations = [Explanation(policy, rule, SCOPE) for policy, rule in rules.rules]
    for one in (event(draw) for _ in range(25)):
        hits, _ = rules.run(Reading(rules, one, held))
        for position in set(hits):
            short = explanations[position].hit(Reading(rules, one, held))
            # A value that is assumed, whichever it is, makes the explanation walk the condition.
            walked = explanations[position].hit(Reading(rules, one, held, {("windows", "p", "none"): 1}))
            assert short == walked, (rules.rules[position][1].text, one)
            assert list(short.values) == list(walked.values)
