"""Appeals in the console, by plain requests: the list, the hearing, and who is kept out of it."""

import re

import pytest
from django.core.cache import cache
from django.urls import reverse

from safehold.accounts.roles import Role
from safehold.desk.appeals.filing import file_appeal
from safehold.desk.appeals.models import Appeal
from safehold.desk.decisions.decide import decide
from safehold.desk.review import claims
from safehold.record.models import AuditEvent
from tests import desk_rows
from tests.desk_rows import flagged, person, report

pytestmark = pytest.mark.django_db


@pytest.fixture
def hearer(client):
    someone = person("Ben Second")
    client.force_login(someone)
    return someone


def appealed(by=None, **more):
    """An appeal of a removal that `by` decided."""
    rule, _ = flagged(**more)
    decision = decide(by or person("Ada First"), over=rule, action="remove", policy=desk_rows.policy(), reason="Spam.")
    return file_appeal(decision, grounds="It was my grandmother's recipe.", contact="u1@example.org")


def start(client):
    return client.post(reverse("appeals-start"), follow=True)


def form_of(response, **changes):
    return dict(re.findall(r'type="hidden" name="(version|over)" value="([^"]*)"', response.content.decode())) | changes


def test_the_next_appeal_shows_what_the_person_says_beside_what_was_decided(client, hearer):
    appealed()
    page = start(client).content.decode()
    for words in ("grandmother&#x27;s recipe", "Spam.", "It goes against our rules", "Ada First", "Earn 500 a day"):
        assert words in page
    assert AuditEvent.objects.filter(verb="appeal.read", actor=hearer.pk).exists()


def test_uphold_overturn_and_change(client, hearer):
    for outcome, more, state in (
        ("upheld", {}, "notified"),
        ("overturned", {}, "overturned"),
        ("modified", {"action": "warn", "policy": "spam.links"}, "modified"),
    ):
        appeal = appealed()
        page = start(client)
        sent = form_of(page, outcome=outcome, explanation="We looked again.", **more)
        answer = client.post(reverse("appeal-hear", args=[appeal.pk]), sent)
        assert answer.status_code == 302, answer.content.decode()
        appeal.refresh_from_db()
        assert (appeal.state, appeal.reviewer, appeal.explanation) == (state, hearer, "We looked again.")
    assert claims.held_by(hearer).count() == 0


def test_what_is_missing_is_said(client, hearer):
    appeal = appealed()
    page = start(client)
    url = reverse("appeal-hear", args=[appeal.pk])
    for sent, words in (
        ({"explanation": "Yes."}, "Choose an outcome"),
        ({"outcome": "upheld"}, "Explain the outcome"),
        ({"outcome": "modified", "explanation": "Yes."}, "Choose what is to hold instead"),
        ({"outcome": "modified", "explanation": "Yes.", "action": "warn"}, "Say which policy was broken"),
    ):
        answer = client.post(url, form_of(page, **sent))
        assert answer.status_code == 400
        assert words in answer.content.decode()
    assert Appeal.objects.get().state == "in_review"


def test_who_took_part_sees_that_it_is_not_theirs(client):
    first = person("Ada First")
    client.force_login(first)
    appeal = appealed(by=first)
    page = client.get(reverse("appeal", args=[appeal.pk])).content.decode()
    assert "Not yours to hear" in page
    assert "data-decide" not in page
    client.post(reverse("appeal-claim", args=[appeal.pk]))
    assert claims.held_by(first).count() == 0
    assert "You took part" in client.get(reverse("appeals")).content.decode()


def test_a_task_that_is_an_appeal_leads_to_it(client, hearer):
    appeal = appealed()
    answer = client.get(reverse("task", args=[appeal.task_id]))
    assert answer.url == reverse("appeal", args=[appeal.pk])
    assert client.get(reverse("queue", args=["appeals"])).url == reverse("appeals")


def test_appeals_are_for_who_may_hear_them(client):
    client.force_login(person("Reader", Role.READ_ONLY))
    assert client.get(reverse("appeals")).status_code == 403


def test_decided_appeals_have_their_own_list(client, hearer):
    appeal = appealed()
    page = start(client)
    client.post(reverse("appeal-hear", args=[appeal.pk]), form_of(page, outcome="upheld", explanation="No."))
    assert appeal.pk not in client.get(reverse("appeals")).content.decode()
    assert appeal.pk in client.get(reverse("appeals"), {"view": "decided"}).content.decode()


#: How many queries each page takes, whatever there is: a change here is a decision.
QUERIES = {"appeals": 10, "appeal": 26}


def test_no_page_asks_more_of_the_database_when_there_is_more(client, hearer, django_assert_max_num_queries):
    def queries_of(url):
        cache.clear()
        with django_assert_max_num_queries(60) as seen:
            assert client.get(url).status_code == 200
        return len(seen.captured_queries)

    appealed()
    appealed()
    start(client)
    held = claims.held_by(hearer).get().task
    urls = [reverse("appeals"), reverse("appeal", args=[held.appeal.pk])]
    before = [queries_of(url) for url in urls]
    for number in range(6):
        appealed()
        report(held.entity, by=f"u{number}")
    assert [queries_of(url) for url in urls] == before == list(QUERIES.values())
