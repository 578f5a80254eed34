"""What every action promises: words in every language, fields the EU's database takes, and a way back."""

from datetime import UTC, datetime

import pytest

from safehold.desk.decisions.actions import ACTION_TYPES, LANGUAGES, ActionType, InvalidParams, Target
from safehold.desk.transparency import schema
from safehold.engine.verdict import ACTIONS

KINDS = ("account", "message", "content", "payment", "poll")
END = datetime(2026, 3, 14, tzinfo=UTC)


def target(action: ActionType, kind: str) -> Target:
    params = {"label": "graphic"} if action.name == "label" else {}
    return Target(kind, params, END if action.must_end else None)


def kinds_of(action: ActionType) -> tuple[str, ...]:
    return ("account",) if action.on == "account" else KINDS


@pytest.fixture(params=ACTIONS)
def action(request) -> ActionType:
    return ACTION_TYPES[request.param]


def test_the_registry_has_the_engines_actions_in_their_order(action):
    assert list(ACTION_TYPES) == list(ACTIONS)
    assert ACTIONS[action.severity] == action.name


def test_it_says_what_was_done_in_every_language(action):
    for kind in kinds_of(action):
        said = {action.describe_for_user(language, target(action, kind)) for language in LANGUAGES}
        assert len(said) == len(LANGUAGES)
        assert all(sentence.endswith(".") and "{" not in sentence for sentence in said)
    if action.must_end:
        assert "2026" in action.describe_for_user("fr", target(action, "account"))
    with pytest.raises(KeyError):
        action.describe_for_user("tlh", target(action, "message"))


def test_what_it_does_can_be_taken_back(action):
    for kind in kinds_of(action):
        apply, reverse = action.apply(target(action, kind)), action.reverse(target(action, kind))
        assert apply != reverse or action.name == "allow"
        assert bool(apply) == bool(reverse) == (action.name != "allow")


def test_it_fills_fields_that_the_eus_database_knows(action):
    for kind in kinds_of(action):
        fields = action.dsa_mapping(target(action, kind))
        for name, value in fields.items():
            assert schema.FIELDS[name](value) is None, (name, value)
        if fields:
            assert any(name.startswith("decision_") for name in fields) and action.told_to_user(target(action, kind))
        if action.must_end:
            assert "2026-03-14" in fields.values()


def test_bad_parameters_are_named(action):
    good = {"label": "graphic"} if action.name == "label" else {}
    good |= {"seconds": 60} if action.must_end else {}
    assert action.validated(good) == good
    with pytest.raises(InvalidParams, match="colour"):
        action.validated(good | {"colour": "red"})
    for bad in (0, -5, "60", True, 1.5):
        with pytest.raises(InvalidParams, match="seconds"):
            action.validated(good | {"seconds": bad})
    if not action.can_end:
        with pytest.raises(InvalidParams, match="has no end"):
            action.validated(good | {"seconds": 60})
    if action.must_end:
        with pytest.raises(InvalidParams, match="needs an end"):
            action.validated({})
