"""When an appeal is won, everything that the decision did is undone: at the platform, in the strikes, the labels, the
statement, and everybody concerned is told. In the end, all that is derived is as if the decision had never been.
"""

import json

import pytest

from safehold.desk.appeals.filing import file_appeal
from safehold.desk.appeals.hearing import hear
from safehold.desk.appeals.models import Appeal
from safehold.desk.decisions.decide import decide
from safehold.desk.decisions.models import Action, Delivery, Strike
from safehold.desk.decisions.standing import standing_of
from safehold.desk.review import claims
from safehold.desk.review.models import Task
from safehold.desk.review.queues import ensure_queues
from safehold.desk.transparency.models import StatementOfReasons
from safehold.record.models import LedgerEntry, Transition
from tests import desk_rows
from tests.desk_rows import flagged, person, report


def derived(entity) -> dict[str, object]:
    """All that follows from decisions about a post and its author."""
    held = {
        kind: standing_of("plaza", kind, external_id)
        for kind, external_id in (("content", entity.external_id), ("account", "u1"))
    }
    return {
        "actions": [(each.type, each.target_id) for standing in held.values() for each in standing.actions],
        "strikes": [strike.decision_id for strike in held["account"].strikes],
        "labels": {kind: standing.labels for kind, standing in held.items()},
        "restricted": StatementOfReasons.objects.filter(ended_at=None).exclude(decision__action="allow").count(),
    }


@pytest.fixture
def won(fresh_database):
    """A post, reported, removed with a strike and a label, appealed and overturned: (appeal, before, entity, notice)."""
    ensure_queues()
    desk_rows.webhook()
    desk_rows.policy(strikes={"seconds": 86_400}, rules=[{"id": "listed-link", "strike": 2}])
    rule, entity = flagged("allow", queue="", key="quiet.rule")
    notice = report(entity)
    desk_rows.platform_does_everything()
    before = derived(entity)
    decision = decide(
        person("Ada First"), over=rule, action="remove", policy=desk_rows.policy(), reason="It is spam.",
        params={"labels": [{"name": "spammer", "on": "account"}]},
    )  # fmt: skip
    desk_rows.platform_does_everything()
    during = derived(entity)
    assert {kind for kind, _ in during["actions"]} == {"remove", "label"}
    assert during["strikes"] == [decision.pk]
    assert during["labels"]["account"] == {"spammer": None}
    assert during["restricted"] == 1

    appeal = file_appeal(decision, grounds="It was my grandmother's recipe.", contact="u1@example.org")
    hearer = person("Ben Second")
    claims.claim(hearer, appeal.task_id)
    version = Task.objects.get(pk=appeal.task_id).version
    hear(hearer, appeal.pk, version=version, over=decision, outcome="overturned", explanation="It is a recipe. Sorry.")
    return appeal, before, entity, notice


def test_the_platform_is_told_to_undo_it_and_until_it_has_the_appeal_is_not_called_done(won):
    appeal, _, _, _ = won
    appeal.refresh_from_db()
    assert appeal.state == "overturned"
    assert set(Action.objects.values_list("state", flat=True)) == {"reversal_pending"}
    assert Delivery.objects.filter(type="action.reverse", state="pending").count() == 2
    desk_rows.platform_does_everything()
    appeal.refresh_from_db()
    assert appeal.state == "notified"
    assert set(Action.objects.values_list("state", flat=True)) == {"reversed"}
    steps = Transition.objects.filter(entity_kind="appeal").order_by("at", "id").values_list("activity", flat=True)
    assert list(steps) == ["assigned", "opened", "overturned", "implemented", "notified"]


def test_what_is_derived_is_as_if_the_decision_had_never_been(won):
    _, before, entity, _ = won
    assert derived(entity) == before


def test_the_strike_is_void_and_says_by_what(won):
    appeal, *_ = won
    [strike] = Strike.objects.all()
    assert strike.voided_by_id == Appeal.objects.get(pk=appeal.pk).outcome_id


def test_the_statement_has_ended_and_says_so(won):
    appeal, *_ = won
    statement = StatementOfReasons.objects.get(decision=appeal.decision)
    assert statement.ended_at is not None
    assert statement.state == "corrected_locally"


def test_everybody_concerned_is_told(won):
    _appeal, _, _, notice = won
    told = [json.loads(each.payload)["data"] for each in Delivery.objects.filter(type="appeal.decided").order_by("id")]
    assert [(each["recipient"], each["account_id"]) for each in told] == [("affected", "u1"), ("notifier", "u9")]
    affected, notifier = told
    assert affected["explanation"] == "It is a recipe. Sorry."
    assert "/portal/statements/" in affected["statement_url"]
    assert "recipe" not in json.dumps(notifier)  # the notifier learns the outcome, not what was said to the other
    notice.refresh_from_db()
    assert notice.state == "no_action"


def test_the_chain_keeps_who_decided_what(won):
    appeal, *_ = won
    appeal.refresh_from_db()
    outcome = appeal.outcome
    assert (outcome.action, outcome.on_appeal, outcome.override_of) == ("allow", True, appeal.decision)
    assert str(outcome.person) == "Ben Second"
    assert appeal.reviewer == outcome.person
    assert outcome.automation == "not_automated"
    assert (
        LedgerEntry.objects.filter(kind__in=("appeal", "decision"), subject_id__in=(appeal.pk, outcome.pk)).count() == 2
    )


def test_the_task_is_closed_with_its_outcome(won):
    appeal, *_ = won
    appeal.refresh_from_db()
    task = Task.objects.get(pk=appeal.task_id)
    assert (task.state, task.outcome) == ("closed", appeal.outcome)
    assert not task.claims.filter(released_at=None).exists()
