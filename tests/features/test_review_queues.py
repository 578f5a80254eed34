"""What waits for a person: how tasks come to be, join, move, and end with their decision, all or nothing."""

import pytest
from django.utils import timezone

from safehold.accounts import people
from safehold.accounts.roles import Role
from safehold.desk.decisions.errors import AlreadyDecided, NotPermitted, PolicyNeeded
from safehold.desk.decisions.models import Action, Decision
from safehold.desk.reports.models import Notice
from safehold.desk.review import claims
from safehold.desk.review.deciding import decide_task
from safehold.desk.review.models import Claim, Queue, Task
from safehold.desk.review.moves import StaleTask
from safehold.desk.review.queues import STARTERS, ensure_queues, queues_for
from safehold.record.models import LedgerEntry, Transition
from tests import desk_rows
from tests.desk_rows import flagged, person, report

pytestmark = pytest.mark.django_db


def queue(slug: str) -> Queue:
    return Queue.objects.get(pk=slug)


def test_a_new_installation_has_its_queues_and_making_them_again_changes_nothing():
    Queue.objects.filter(pk="spam").update(title="Junk")
    ensure_queues()
    assert set(Queue.objects.values_list("slug", flat=True)) == {starter.slug for starter in STARTERS}
    assert queue("spam").title == "Junk"


def test_a_decision_that_wants_a_person_waits_in_its_queue_by_severity():
    decision, entity = flagged("hold", queue="scams", key="scams.offers")
    [task] = Task.objects.all()
    assert (task.queue_id, task.kind, task.entity, task.decision, task.state) == (
        "scams", "review", entity, decision, "queued",
    )  # fmt: skip
    assert task.priority == 20  # medium
    assert task.due_at > timezone.now()


def test_a_queue_that_is_not_there_drops_nothing():
    flagged(queue="no-such-queue")
    assert Task.objects.get().queue_id == "default"


def test_a_decision_that_wants_nobody_makes_no_task():
    flagged("remove", queue="")
    assert not Task.objects.exists()


def test_the_same_thing_twice_is_one_task_about_the_newer_decision():
    first, _entity = flagged()
    second = desk_rows.carried(desk_rows.decision(first.event, "remove"))
    [task] = Task.objects.all()
    assert task.decision == second
    assert task.priority == 40


def test_reports_join_what_is_open_and_make_it_more_urgent():
    _, entity = flagged()
    before = Task.objects.get().priority
    report(entity)
    report(entity, by="u10")
    [task] = Task.objects.all()
    assert task.priority == before + 10
    assert set(Notice.objects.values_list("state", flat=True)) == {"linked"}


def test_a_report_about_something_that_was_fine_opens_a_task_about_what_holds():
    decision, entity = flagged("allow", queue="")
    notice = report(entity)
    [task] = Task.objects.all()
    assert (task.kind, task.queue_id, task.decision, task.entity) == ("report", "reports", decision, entity)
    assert notice.state == "linked"


def test_a_report_about_something_never_seen_is_looked_at_all_the_same():
    unknown = desk_rows.Entity.objects.create(service=desk_rows.service(), kind="content", external_id="never-seen")
    notice = report(unknown)
    [task] = Task.objects.all()
    assert (task.entity, task.decision.event) == (unknown, notice.event)
    moderator = person()
    claims.claim_next(moderator, queue("reports"))
    task.refresh_from_db()
    decide_task(
        moderator, task.pk, version=task.version, over=task.decision, action="remove", policy=desk_rows.policy()
    )
    assert Action.objects.get().target_id == "never-seen"
    notice.refresh_from_db()
    assert notice.state == "actioned"


def test_the_most_urgent_comes_first_and_then_the_oldest():
    flagged(key="low.one")
    desk_rows.PolicyVersion.objects.filter(key="low.one")
    desk_rows.policy("high.one", severity="critical")
    _urgent, _ = flagged(key="high.one")
    report(flagged(key="low.one")[1], kind="trusted_flagger")
    moderator = person()
    order = []
    while claim := claims.claim_next(moderator, queue("spam")):
        order.append(claim.task.decision.rule)
        claims.skip(moderator, claim.task_id)
    assert order == ["low.one/listed-link", "high.one/listed-link", "low.one/listed-link"]


def test_deciding_ends_the_task_and_the_claim_and_answers_the_reports_in_one_transaction():
    rule, entity = flagged()
    notice = report(entity)
    moderator = person()
    claim = claims.claim_next(moderator, queue("spam"))
    task = Task.objects.get()
    outcome = decide_task(
        moderator, task.pk, version=task.version, over=rule, action="remove", policy=desk_rows.policy(),
        reason="It sells what nobody can sell.", note="Third time.",
    )  # fmt: skip
    task.refresh_from_db()
    claim.refresh_from_db()
    notice.refresh_from_db()
    assert (task.state, task.outcome) == ("closed", outcome)
    assert task.closed_at is not None
    assert (claim.outcome, outcome.override_of, outcome.person) == ("decided", rule, moderator)
    assert notice.state == "actioned"
    steps = Transition.objects.filter(entity_kind="task").order_by("id").values_list("activity", flat=True)
    assert sorted(steps) == ["claimed", "closed", "decided"]
    assert claims.held_by(moderator).count() == 0


def test_a_refused_decision_leaves_everything_as_it_was():
    rule, _ = flagged()
    moderator = person()
    claims.claim_next(moderator, queue("spam"))
    task = Task.objects.get()
    entries = LedgerEntry.objects.count()
    with pytest.raises(PolicyNeeded):
        decide_task(moderator, task.pk, version=task.version, over=rule, action="remove")
    with pytest.raises(NotPermitted):
        decide_task(moderator, task.pk, version=task.version, over=rule, action="terminate", policy=desk_rows.policy())
    assert claims.held_by(moderator).get().task == task
    assert LedgerEntry.objects.count() == entries
    assert Decision.objects.count() == 1


def test_a_page_that_is_out_of_date_gets_a_clear_message():
    rule, _ = flagged()
    moderator = person()
    claims.claim_next(moderator, queue("spam"))
    seen = Task.objects.get().version
    claims.release(moderator, Task.objects.get().pk)
    with pytest.raises(claims.NotHeld, match="no longer hold"):
        decide_task(moderator, Task.objects.get().pk, version=seen, over=rule, action="allow")
    claims.claim_next(moderator, queue("spam"))
    with pytest.raises(StaleTask, match="has changed since you opened it"):
        decide_task(moderator, Task.objects.get().pk, version=seen, over=rule, action="allow")


def test_somebody_elses_item_cannot_be_decided():
    rule, _ = flagged()
    first, second = person("Ada"), person()
    claims.claim_next(first, queue("spam"))
    task = Task.objects.get()
    with pytest.raises(claims.NotHeld, match="Ada holds this item now"):
        decide_task(second, task.pk, version=task.version, over=rule, action="allow")


def test_what_was_decided_meanwhile_is_not_decided_over_unseen():
    rule, _entity = flagged()
    moderator, quicker = person(), person()
    claims.claim_next(moderator, queue("spam"))
    from safehold.desk.decisions.decide import decide

    newer = decide(quicker, over=rule, action="allow")
    task = Task.objects.get()
    with pytest.raises(AlreadyDecided):
        decide_task(moderator, task.pk, version=task.version, over=rule, action="remove", policy=desk_rows.policy())
    decide_task(moderator, task.pk, version=task.version, over=newer, action="remove", policy=desk_rows.policy())


def test_what_one_queue_settled_does_not_wait_in_another():
    rule, _entity = flagged(queue="spam")
    desk_rows.carried(desk_rows.decision(rule.event, "allow", queue="privacy"))
    assert Task.objects.filter(state="queued").count() == 2
    moderator = person()
    claims.claim_next(moderator, queue("spam"))
    task = Task.objects.get(queue="spam")
    decide_task(moderator, task.pk, version=task.version, over=rule, action="allow")
    assert Task.objects.get(queue="privacy").state == "queued"  # another question: somebody else's to answer


def test_moving_to_a_queue_where_the_same_waits_joins_it():
    rule, _entity = flagged(queue="spam")
    desk_rows.carried(desk_rows.decision(rule.event, "hold", queue="scams"))
    moderator = person()
    task = claims.claim_next(moderator, queue("spam")).task
    there = claims.move_to(moderator, task.pk, queue("scams"))
    task.refresh_from_db()
    assert there.queue_id == "scams"
    assert (task.state, there.priority) == ("closed", 40)
    with pytest.raises(claims.NotHeld):
        claims.move_to(moderator, task.pk, queue("abuse"))


def test_an_ordinary_task_does_not_go_among_appeals():
    flagged()
    moderator = person()
    task = claims.claim_next(moderator, queue("spam")).task
    with pytest.raises(claims.MayNot, match="don't belong"):
        claims.move_to(moderator, task.pk, queue("appeals"))


def test_only_who_manages_tasks_takes_one_from_somebody_else():
    flagged()
    moderator, senior = person(), person("Sam", Role.SENIOR_MODERATOR)
    task = claims.claim_next(moderator, queue("spam")).task
    with pytest.raises(claims.MayNot):
        claims.take_back(person(), task.pk)
    claims.take_back(senior, task.pk)
    assert Task.objects.get().state == "queued"


def test_who_leaves_holds_nothing():
    flagged()
    admin, moderator = person("Root", Role.ADMIN), person()
    claims.claim_next(moderator, queue("spam"))
    people.deactivate(admin, moderator)
    assert Task.objects.get().state == "queued"
    assert Claim.objects.get().outcome == "released"


def test_people_see_the_queues_that_they_may_work():
    slugs = {each.slug for each in queues_for(person())}
    assert "spam" in slugs
    assert "escalations" not in slugs
    assert not queues_for(person("Reader", Role.READ_ONLY))
    with pytest.raises(claims.MayNot):
        claims.claim_next(person("Reader", Role.READ_ONLY), queue("spam"))
