"""The pages of the queues: what a moderator sees and does, by plain requests."""

import re

import pytest
from django.core.cache import cache
from django.urls import reverse

from safehold.accounts.roles import Role
from safehold.desk.decisions.models import Decision
from safehold.desk.review import claims
from safehold.desk.review.models import Claim, Queue, Task
from safehold.record.models import AuditEvent
from tests import desk_rows
from tests.desk_rows import flagged, person, report

pytestmark = pytest.mark.django_db


@pytest.fixture
def moderator(client):
    someone = person("Mira Moderator")
    client.force_login(someone)
    return someone


def start(client, slug: str = "spam"):
    return client.post(reverse("queue-start", args=[slug]), follow=True)


def form_of(response, **changes: object) -> dict[str, object]:
    """What the decide panel would send."""
    hidden = dict(re.findall(r'type="hidden" name="(version|over)" value="([^"]*)"', response.content.decode()))
    return hidden | changes


def test_the_list_says_what_waits_where(client, moderator):
    flagged(queue="spam")
    flagged(queue="scams")
    page = client.get(reverse("queues"))
    assert page.status_code == 200
    assert "Spam" in page.content.decode()
    assert page.context["waiting"] == 2


def test_start_gives_the_next_item_and_deciding_it_the_one_after(client, moderator):
    first, entity = flagged(text="Earn 500 a day")
    flagged(text="Earn 600 a day")
    page = start(client)
    assert "Earn 500 a day" in page.content.decode()
    task = Task.objects.get(entity=entity)
    sent = form_of(page, action="remove", policy="spam.links", reason="It is spam.")
    page = client.post(reverse("task-decide", args=[task.pk]), sent, follow=True)
    assert "Earn 600 a day" in page.content.decode()
    decision = Decision.objects.get(override_of=first)
    assert (decision.action, decision.person, decision.reason) == ("remove", moderator, "It is spam.")


def test_when_nothing_is_left_the_queue_says_so(client, moderator):
    flagged()
    page = start(client)
    task = Task.objects.get()
    page = client.post(reverse("task-decide", args=[task.pk]), form_of(page, action="allow"), follow=True)
    assert "All done" in page.content.decode()


def test_the_reason_begins_with_what_the_rule_found_beside_what_the_policy_tells_people(client, moderator):
    flagged()
    page = start(client)
    assert page.context["reason"] == "It links to earn.example"
    assert "We removed a post with links to a known scam." in page.content.decode()
    assert page.context["picked"] == "spam.links"
    assert page.context["chosen"] == ""  # what is to happen is for the person to say


def test_what_is_missing_is_said_and_what_was_written_is_kept(client, moderator):
    flagged()
    page = start(client)
    url = reverse("task-decide", args=[Task.objects.get().pk])
    refused = client.post(url, form_of(page, reason="My own words."))
    assert refused.status_code == 400
    assert "Choose what is to happen" in refused.content.decode()
    assert "My own words." in refused.content.decode()
    refused = client.post(url, form_of(page, action="remove", policy=""))
    assert "Say which policy was broken" in refused.content.decode()
    refused = client.post(url, form_of(page, action="suspend", policy="spam.links"))
    assert "Say how long it lasts" in refused.content.decode()
    assert Decision.objects.count() == 1


def test_a_stale_page_decides_nothing(client, moderator):
    flagged()
    page = start(client)
    sent = form_of(page, action="allow")
    task = Task.objects.get()
    claims.release(moderator, task.pk)
    refused = client.post(reverse("task-decide", args=[task.pk]), sent)
    assert refused.status_code == 409
    assert "no longer hold" in refused.content.decode()
    assert Decision.objects.count() == 1


def test_a_label_and_an_end_reach_the_decision(client, moderator):
    first, _ = flagged()
    page = start(client)
    sent = form_of(page, action="label", policy="spam.links", label="spammer", label_on="account", seconds="86400")
    client.post(reverse("task-decide", args=[Task.objects.get().pk]), sent)
    decision = Decision.objects.get(override_of=first)
    assert decision.params["labels"] == [{"name": "spammer", "on": "account", "seconds": 86_400}]


def test_who_may_not_suspend_is_not_offered_it(client, moderator):
    flagged()
    page = start(client)
    assert 'value="suspend"' in page.content.decode()
    assert 'value="terminate"' not in page.content.decode()


def test_skip_escalate_move_and_put_back(client, moderator):
    for _ in range(4):
        flagged()
    start(client)
    for name, state in (("skip", "queued"), ("escalate", "queued")):
        task = claims.held_by(moderator).get().task
        client.post(reverse(f"task-{name}", args=[task.pk]), {"version": task.version})
        task.refresh_from_db()
        assert task.state == state
    assert Task.objects.filter(queue="escalations").count() == 1
    task = claims.held_by(moderator).get().task
    client.post(reverse("task-move", args=[task.pk]), {"version": task.version, "queue": "scams"})
    assert Task.objects.get(pk=task.pk).queue_id == "scams"
    task = claims.held_by(moderator).get().task
    page = client.post(reverse("task-release", args=[task.pk]), follow=True)
    assert page.request["PATH_INFO"] == reverse("queue", args=["spam"])
    assert not claims.held_by(moderator).exists()


def test_a_sign_of_life_renews_the_lease_and_says_when_it_is_gone(client, moderator):
    flagged()
    start(client)
    task = Task.objects.get()
    before = Claim.objects.get().lease_expires_at
    assert "data-until" in client.post(reverse("task-heartbeat", args=[task.pk])).content.decode()
    assert Claim.objects.get().lease_expires_at > before
    claims.release(moderator, task.pk)
    assert "data-lease-gone" in client.post(reverse("task-heartbeat", args=[task.pk])).content.decode()


def test_reading_what_somebody_wrote_is_logged(client, moderator):
    _, _entity = flagged()
    page = start(client)
    [read] = AuditEvent.objects.filter(verb="task.read")
    assert (read.actor, read.object_id) == (moderator.pk, Task.objects.get().pk)
    assert page.status_code == 200


def test_somebody_elses_item_can_be_seen_and_not_decided(client, moderator):
    flagged()
    other = person("Otto Other")
    claim = claims.claim_next(other, Queue.objects.get(pk="spam"))
    page = client.get(reverse("task", args=[claim.task_id])).content.decode()
    assert "Otto Other" in page
    assert "data-decide" not in page


@pytest.mark.parametrize(("role", "status"), [(Role.READ_ONLY, 403), (Role.POLICY_AUTHOR, 200), (Role.MODERATOR, 200)])
def test_an_item_is_for_who_may_read_content(client, role, status):
    flagged()
    client.force_login(person("Some One", role))
    assert client.get(reverse("task", args=[Task.objects.get().pk])).status_code == status


def test_the_item_shows_its_context(client, moderator):
    desk_rows.carried(desk_rows.decision(desk_rows.post("Hello all", author="u2")[0], "allow", queue=""))
    _, entity = flagged(text="Earn 500 a day")
    report(entity)
    page = start(client).content.decode()
    for words in ("Hello all", "signals.links.domains", "earn.example", "Look at the last ten posts.", "Please look."):
        assert words in page


def queries_of(client, django_assert_max_num_queries, url: str) -> int:
    cache.clear()
    with django_assert_max_num_queries(60) as seen:
        assert client.get(url).status_code == 200
    return len(seen.captured_queries)


def test_no_page_asks_more_of_the_database_when_there_is_more(client, moderator, django_assert_max_num_queries):
    _, entity = flagged()
    flagged()
    start(client)
    task = claims.held_by(moderator).get().task
    urls = [reverse("queues"), reverse("queue", args=["spam"]), reverse("task", args=[task.pk])]
    before = [queries_of(client, django_assert_max_num_queries, url) for url in urls]
    for number in range(6):
        flagged(text=f"Earn {number}")
        report(entity, by=f"u{number}")
        _decision, _ = flagged("remove", queue="", key=f"other.{number}")
    after = [queries_of(client, django_assert_max_num_queries, url) for url in urls]
    assert after == before
    assert after == [QUERIES["queues"], QUERIES["queue"], QUERIES["task"]]


#: How many queries each page takes, whatever there is: a change here is a decision.
QUERIES = {"queues": 9, "queue": 11, "task": 28}
