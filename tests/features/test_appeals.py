"""Appealing: in time, once a side, and heard by somebody who had no part in what is appealed."""

from datetime import timedelta

import pytest
from django.core import mail
from django.db import DatabaseError, transaction
from django.utils import timezone

from safehold.accounts.roles import Role
from safehold.desk.appeals.filing import AppealRefused, file_appeal, window_of, withdraw
from safehold.desk.appeals.hearing import HearingRefused, hear
from safehold.desk.appeals.letters import write_letters
from safehold.desk.appeals.models import Appeal
from safehold.desk.decisions.decide import decide
from safehold.desk.decisions.models import Decision, Delivery
from safehold.desk.review import claims
from safehold.desk.review.models import Claim, Queue, Task
from safehold.desk.review.queues import ensure_queues
from safehold.record.recording import recording
from safehold.states import InvalidTransition
from tests import desk_rows
from tests.desk_rows import flagged, person, report


@pytest.fixture
def removed(db):
    """A post that a moderator removed: (decision, moderator, entity)."""
    rule, entity = flagged()
    moderator = person("Ada First")
    return decide(moderator, over=rule, action="remove", policy=desk_rows.policy(), reason="Spam."), moderator, entity


def appeals_queue() -> Queue:
    return Queue.objects.get(pk="appeals")


def take(hearer, appeal: Appeal) -> Appeal:
    claims.claim(hearer, appeal.task_id)
    appeal.refresh_from_db()
    return appeal


def test_an_appeal_waits_for_somebody_who_had_no_part_in_it(removed):
    decision, moderator, _ = removed
    appeal = file_appeal(decision, grounds="It was a joke.", contact="u1@example.org")
    assert appeal.state == "assigned"
    assert appeal.task.queue == appeals_queue()
    assert list(appeal.task.excluded.all()) == [moderator]
    assert claims.claim_next(moderator, appeals_queue()) is None
    with pytest.raises(claims.MayNot, match="took part"):
        claims.claim(moderator, appeal.task_id)
    hearer = person()
    assert claims.claim_next(hearer, appeals_queue()).task == appeal.task
    appeal.refresh_from_db()
    assert (appeal.state, appeal.reviewer) == ("in_review", hearer)


def test_letting_go_of_an_appeal_leaves_it_to_somebody_else(removed):
    appeal = file_appeal(removed[0], grounds="It was a joke.")
    hearer = person()
    take(hearer, appeal)
    claims.skip(hearer, appeal.task_id)
    appeal.refresh_from_db()
    assert (appeal.state, appeal.reviewer) == ("assigned", None)
    take(person(), appeal)
    claims.expire(timezone.now() + timedelta(days=1))
    appeal.refresh_from_db()
    assert appeal.state == "assigned"


def test_after_the_window_an_appeal_is_refused_with_the_day(removed, monkeypatch):
    ends = window_of(removed[0]).ends_at
    assert ends - window_of(removed[0]).told_at == timedelta(days=184)
    monkeypatch.setattr("safehold.desk.appeals.filing.timezone.now", lambda: ends + timedelta(seconds=1))
    with pytest.raises(AppealRefused, match="could be appealed until") as refused:
        file_appeal(removed[0], grounds="Too late.")
    assert refused.value.reason == "too_late"
    assert not Appeal.objects.exists()


@pytest.mark.parametrize(("grounds", "reason"), [("  ", "no_grounds"), ("x" * 10_001, "too_long")])
def test_grounds_are_needed_and_have_a_length(removed, grounds, reason):
    with pytest.raises(AppealRefused) as refused:
        file_appeal(removed[0], grounds=grounds)
    assert refused.value.reason == reason


def test_each_side_appeals_once(removed):
    decision, _, _entity = removed
    file_appeal(decision, grounds="It was a joke.")
    with pytest.raises(AppealRefused, match="already"):
        file_appeal(decision, grounds="Really.")
    assert Appeal.objects.count() == Task.objects.filter(kind="appeal").count() == 1


def test_the_notifier_appeals_what_was_left_standing(db):
    rule, entity = flagged("allow", queue="")
    notice = report(entity)
    with pytest.raises(AppealRefused) as refused:
        file_appeal(rule, grounds="Look again.", notice=notice)
    assert refused.value.reason == "not_answered"
    kept = decide(person(), over=rule, action="allow")
    notice.refresh_from_db()
    assert notice.state == "no_action"
    with pytest.raises(AppealRefused) as refused:
        file_appeal(kept, grounds="Nothing happened to me.")
    assert refused.value.reason == "nothing_restricted"

    appeal = file_appeal(kept, grounds="Look again.", notice=notice)
    hearer = person()
    take(hearer, appeal)
    asked = {"version": Task.objects.get(pk=appeal.task_id).version, "over": kept, "explanation": "You are right."}
    with pytest.raises(HearingRefused, match="Choose what"):
        hear(hearer, appeal.pk, outcome="overturned", **asked)
    hear(hearer, appeal.pk, outcome="overturned", action="remove", policy=desk_rows.policy(), **asked)
    notice.refresh_from_db()
    assert notice.state == "actioned"


def test_what_was_replaced_is_not_appealed(removed):
    decision, _, _ = removed
    decide(person(), over=decision, action="allow")
    with pytest.raises(AppealRefused, match="newer one") as refused:
        file_appeal(decision, grounds="It was a joke.")
    assert refused.value.reason == "replaced"


def test_two_sides_are_heard_each_on_its_own(db):
    rule, entity = flagged("allow", queue="")
    notice = report(entity)
    warned = decide(person(), over=rule, action="warn", policy=desk_rows.policy())
    by_author = file_appeal(warned, grounds="I did nothing.")
    notice.refresh_from_db()
    by_notifier = file_appeal(warned, grounds="A warning is too little.", notice=notice)
    assert by_author.task != by_notifier.task
    first, second = person(), person()
    take(first, by_author)
    take(second, by_notifier)
    version = Task.objects.get(pk=by_author.task_id).version
    hear(first, by_author.pk, version=version, over=warned, outcome="upheld", explanation="It stands.")
    assert Appeal.objects.get(pk=by_notifier.pk).state == "in_review"


def test_taken_back_it_bothers_nobody(removed):
    appeal = file_appeal(removed[0], grounds="It was a joke.")
    hearer = person()
    take(hearer, appeal)
    withdraw(appeal)
    appeal.refresh_from_db()
    assert appeal.state == "withdrawn"
    assert Task.objects.get(pk=appeal.task_id).state == "closed"
    assert claims.claim_next(hearer, appeals_queue()) is None
    with pytest.raises(InvalidTransition):
        withdraw(appeal)


def test_upheld_changes_nothing_but_tells_the_person(removed):
    desk_rows.webhook()
    decision = removed[0]
    appeal = file_appeal(decision, grounds="It was a joke.")
    hearer = person()
    take(hearer, appeal)
    version = Task.objects.get(pk=appeal.task_id).version
    with pytest.raises(HearingRefused, match="Explain"):
        hear(hearer, appeal.pk, version=version, over=decision, outcome="upheld", explanation=" ")
    hear(
        hearer, appeal.pk, version=version, over=decision, outcome="upheld", explanation="We read it again. It is spam."
    )
    assert not Decision.objects.filter(override_of=decision).exists()
    [message] = Delivery.objects.filter(type="appeal.decided")
    assert "It stands" in message.payload
    desk_rows.platform_does_everything()
    appeal.refresh_from_db()
    assert appeal.state == "notified"


def test_letters_go_to_who_left_an_address_each_once(removed):
    appeal = file_appeal(removed[0], grounds="It was a joke.", contact="u1@example.org")
    assert write_letters() == 1
    assert write_letters() == 0
    hearer = person()
    take(hearer, appeal)
    version = Task.objects.get(pk=appeal.task_id).version
    hear(hearer, appeal.pk, version=version, over=removed[0], outcome="upheld", explanation="It stays.")
    assert write_letters() == 1
    assert write_letters() == 0
    receipt, outcome = mail.outbox
    assert receipt.to == ["u1@example.org"]
    assert "It stays." in outcome.body


def test_an_outcome_needs_the_claim(removed):
    appeal = file_appeal(removed[0], grounds="It was a joke.")
    with pytest.raises(claims.NotHeld):
        hear(person(), appeal.pk, version=0, over=removed[0], outcome="upheld", explanation="No.")


# The same, where code is not asked: the database refuses it, on both.


@pytest.fixture
def appealed(fresh_database):
    ensure_queues()
    rule, _ = flagged()
    moderator = person("Ada First")
    decision = decide(moderator, over=rule, action="remove", policy=desk_rows.policy(), reason="Spam.")
    return file_appeal(decision, grounds="It was a joke."), moderator


def test_the_database_refuses_a_claim_by_who_took_part(appealed):
    appeal, moderator = appealed
    with pytest.raises(DatabaseError, match="cannot hear its appeal"), transaction.atomic():
        Claim.objects.create(task=appeal.task, reviewer=moderator, lease_expires_at=timezone.now())


def test_the_database_refuses_a_reviewer_who_took_part(appealed):
    appeal, moderator = appealed
    with pytest.raises(DatabaseError, match="cannot hear its appeal"), transaction.atomic():
        Appeal.objects.filter(pk=appeal.pk).update(reviewer=moderator)


def test_the_database_refuses_a_decision_on_appeal_by_who_took_part(appealed):
    appeal, moderator = appealed
    with pytest.raises(DatabaseError, match="cannot decide its appeal"), recording():
        Decision.objects.create(
            service=appeal.decision.service, event=appeal.decision.event, subject_kind="content", subject_id="c",
            action="allow", person=moderator, detection_automated=True, automation="not_automated",
            root=appeal.decision.root, override_of=appeal.decision, on_appeal=True,
        )  # fmt: skip


def test_the_database_keeps_what_was_appealed_and_why(appealed):
    with pytest.raises(DatabaseError, match="keeps what it says"), transaction.atomic():
        Appeal.objects.update(grounds="I take the blame.")


def test_who_joins_the_chain_later_cannot_hear_it_either(appealed):
    appeal, _ = appealed
    late = person("Late Lee", Role.SENIOR_MODERATOR)
    decide(late, over=appeal.decision, action="suspend", policy=desk_rows.policy(), params={"seconds": 86_400})
    assert claims.claim_next(late, appeals_queue()) is None
