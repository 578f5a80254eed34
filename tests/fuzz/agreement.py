"""Well-typed expressions and values, from the same strategies as the property test: its judge and both evaluators agree."""

from tests.properties.test_expressions import test_the_evaluators_agree

one_input = test_the_evaluators_agree.hypothesis.fuzz_one_input
