"""Answers in part: whatever a mask is made of, what comes back is the part of the whole that its paths lead to, as a second
reading finds it that goes path by path; and what is no mask is refused in Google's words.
"""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from safehold.gateway.perspective.errors import ApiError
from safehold.gateway.perspective.masks import chosen, read_mask

SCORE = {"value": 0.25, "type": "PROBABILITY"}
PART = {
    "spanScores": [{"begin": 0, "end": 5, "score": SCORE}, {"begin": 5, "end": 9, "score": SCORE}],
    "summaryScore": SCORE,
}
ANSWER = {
    "attributeScores": {"TOXICITY": PART, "INSULT": PART},
    "languages": ["en"],
    "detectedLanguages": ["en", "de"],
    "clientToken": "c-1",
}
#: Every path that there is.
PATHS = [
    "languages", "detectedLanguages", "clientToken", "*", "attributeScores", "attributeScores/*",
    *(
        f"attributeScores/{name}{below}"
        for name in ("TOXICITY", "INSULT", "THREAT", "*")
        for below in (
            "", "/summaryScore", "/summaryScore/value", "/summary_score/type", "/spanScores", "/spanScores/begin",
            "/spanScores/score/value", "/*", "/spanScores/*",
        )
    ),
]  # fmt: skip


def _leaves(value, path=()):
    """Every value that is not a table or a list of tables, by the names that lead to it."""
    if isinstance(value, dict):
        return {leaf for name, one in value.items() for leaf in _leaves(one, (*path, name))}
    if isinstance(value, list) and value and isinstance(value[0], dict):
        return {leaf for place, one in enumerate(value) for leaf in _leaves(one, (*path, place))}
    return {(path, str(value))}


def _leads_to(path, leaf):
    names = [name.replace("summary_score", "summaryScore") for name in path.split("/")]
    there = [name for name in leaf if isinstance(name, str)]
    return len(names) <= len(there) and all(a in (b, "*") for a, b in zip(names, there, strict=False))


@settings(max_examples=200, deadline=None)
@given(st.lists(st.sampled_from(PATHS), min_size=1, max_size=5))
def test_a_mask_chooses_what_its_paths_lead_to(paths):
    found = chosen(ANSWER, read_mask(", ".join(paths), "AnalyzeCommentResponse"))
    wanted = {leaf for leaf in _leaves(ANSWER) if any(_leads_to(path, leaf[0]) for path in paths)}
    assert {(_names(at), value) for at, value in _leaves(found)} == {(_names(at), value) for at, value in wanted}


def _names(at):
    return tuple(name for name in at if isinstance(name, str))


def test_parentheses_are_short_for_several_paths():
    short = read_mask(
        "attributeScores(TOXICITY(summaryScore/value,spanScores(begin,end)),INSULT),languages", "AnalyzeCommentResponse"
    )
    assert chosen(ANSWER, short) == {
        "attributeScores": {
            "TOXICITY": {"spanScores": [{"begin": 0, "end": 5}, {"begin": 5, "end": 9}], "summaryScore": {"value": 0.25}},
            "INSULT": PART,
        },
        "languages": ["en"],
    }  # fmt: skip


@pytest.mark.parametrize(
    "mask",
    [
        "nothing", "languages/en", "attributeScores/TOXICITY/value", "attributeScores/TOXICITY/spanScores/score/value/x", ",",
        "attributeScores(", "attributeScores(TOXICITY", "languages)", "a;b", "attributeScores//x", "languages,",
        "languages " * 300, "attributeScores/" * 40 + "x", "(" * 500, "é",
    ],
)  # fmt: skip
def test_what_the_answer_does_not_have_is_refused(mask):
    with pytest.raises(ApiError) as refused:
        read_mask(mask, "AnalyzeCommentResponse")
    assert refused.value.detail.startswith("Error expanding 'fields' parameter.")


@settings(max_examples=300, deadline=None)
@given(st.text(alphabet="ac*,/() xS", max_size=40))
def test_anything_else_is_read_or_refused(mask):
    try:
        read = read_mask(mask, "AnalyzeCommentResponse")
    except ApiError:
        return
    assert read is None or set(chosen(ANSWER, read)) <= set(ANSWER)
