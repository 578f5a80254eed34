"""The table of functions that completion, hover and the reference show says what is so."""

import pytest

from safehold.engine.compile.functions import FUNCTIONS as IMPLEMENTED
from safehold.engine.language import library
from safehold.engine.language.check import check
from safehold.engine.language.environment import Environment
from tests.language.evaluation import exact, generated
from tests.language.reference import NoValue, judged

ENVIRONMENT = Environment({})


@pytest.mark.parametrize("function", library.FUNCTIONS, ids=lambda function: function.signature)
def test_every_example_gives_what_it_says(function: library.Function) -> None:
    text = f"({function.example}) == ({function.gives})"
    tree = check(text, ENVIRONMENT, guards=False)
    assert exact(tree, {}) is True
    answered, fast = generated(tree, {})
    assert not answered or fast is True
    try:
        assert judged(text, ENVIRONMENT, {}) is True
    except NoValue as error:
        assert "mapInsert" in str(error)


def test_every_function_that_is_implemented_is_in_the_table() -> None:
    """What the checker makes of macros and operators is not written by anybody; `math.@max` is `math.greatest`."""
    written = {name for name in IMPLEMENTED if name[0].isalpha() and "@" not in name}
    assert written <= {function.name for function in library.NAMED}
