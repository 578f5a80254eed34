"""What a reviewer sees beside an item, at a cost that doesn't grow with the history."""

from datetime import timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from safehold.desk.decisions.context import MOST_QUERIES, context_of, decisions_of_account
from safehold.desk.decisions.decide import decide
from safehold.desk.decisions.models import Decision
from safehold.desk.decisions.outbox import carry_on_once
from safehold.desk.entities.context import events_of_account, events_of_thread, versions_of
from safehold.desk.entities.models import Entity, EntityVersion
from safehold.desk.entities.subjects import Thing
from tests.world import happens, person, policy, report

pytestmark = pytest.mark.django_db


def carry_on() -> None:
    while carry_on_once():
        pass


def test_the_author_their_history_the_thread_and_the_reports_are_there():
    earlier = happens("remove", by="u2", strike=1)
    happens("allow", by="u3")
    item = happens("hold", by="u2", queue="scams")
    after = happens("allow", by="u3")
    report(Thing("message", item.subject_id, "u2"))
    carry_on()
    context = context_of(Decision.objects.get(pk=item.pk))
    assert context.author and context.author.external_id == "u2"
    assert context.author_standing and context.author_standing.weight == 1
    assert [each.type for each in context.standing.actions] == ["hold"]
    assert [each.pk for each in context.history] == [earlier.pk]
    thread = [each.id for each in context.thread]
    assert thread.index(earlier.event_id) < thread.index(item.event_id) < thread.index(after.event_id)
    assert {each.id for each in context.events} == {earlier.event_id, item.event_id}
    assert [notice.reason for notice in context.notices] == ["scam"]


def test_a_report_shows_what_was_reported():
    sent = happens("allow", by="u2")
    reported = report(Thing("message", sent.subject_id, "u2"), by="u5")
    carry_on()
    context = context_of(Decision.objects.get(pk=reported.pk))
    assert context.about == Thing("message", sent.subject_id, "u2")
    assert sent.event_id in {event.id for event in context.thread}
    assert context.author and context.author.external_id == "u2"


def test_it_costs_the_same_with_a_long_history():
    def queries(decision: Decision) -> int:
        decision = Decision.objects.select_related("event").get(pk=decision.pk)
        with CaptureQueriesContext(connection) as captured:
            context_of(decision)
        return len(captured)

    first = happens("hold", by="u2")
    carry_on()
    few = queries(first)
    for _ in range(40):
        happens("remove", by="u2", strike=1)
    carry_on()
    assert queries(first) == few <= MOST_QUERIES


def test_history_is_read_page_by_page_without_gaps_or_repeats():
    same_moment = timezone.now()
    for number in range(25):
        happens("remove", by="u2", at=same_moment - timedelta(seconds=number // 5))
    carry_on()
    seen, before = [], None
    while page := decisions_of_account("plaza", "u2", before=before, limit=4):
        seen += page
        before = (page[-1].decided_at, page[-1].pk)
    assert len(seen) == len({each.pk for each in seen}) == 25
    events, place = [], None
    while page := events_of_account("plaza", "u2", before=place, limit=7):
        events += page
        place = page[-1].position
    assert len(events) == 25 and len(events_of_thread("plaza", "t1", limit=100)) == 25


def test_an_overturned_decision_is_no_history():
    removed = happens("remove", by="u2")
    carry_on()
    decide(person(), over=removed, action="allow", on_appeal=True)
    assert decisions_of_account("plaza", "u2") == []


def test_a_snapshot_is_taken_of_every_event_and_none_ever_changes():
    subject = Thing("content", "c1", "u2")
    texts = ("first words", "other words")
    for text in texts:
        data = {"content_id": "c1", "thread_id": "t1", "text": text}
        happens("allow", type="content.created", by="u2", subject=subject, data=data)
    carry_on()
    entity = Entity.objects.get(kind="content")
    assert entity.owner and entity.owner.external_id == "u2"
    assert {version.snapshot["text"] for version in versions_of(entity)} == set(texts)
    with pytest.raises(Exception, match="append-only"):
        EntityVersion.objects.update(snapshot={})


def test_what_was_decided_by_policy_versions_stays_readable():
    held = happens("hold", key="spam.links", queue="scams")
    carry_on()
    decided = decide(person(), over=held, action="remove", policy=policy("spam.links"))
    assert decided.policy and decided.policy.title == "spam.links"
