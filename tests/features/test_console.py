"""The console's pages: what a list finds, what a decision's page says and keeps back, policies with their history,
webhooks, the ledger checked while one watches, the audit trail, and what the palette finds.
"""

import itertools
import json
import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any

import pytest
from django.core.cache import cache
from django.db import connection
from django.test import Client
from django.urls import reverse
from django.utils import timezone
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from standardwebhooks import Webhook

from safehold.accounts.models import User
from safehold.accounts.roles import Role
from safehold.console import counting, decisions, overview, search
from safehold.desk.decisions.models import Decision, Delivery, Endpoint
from safehold.engine.verdict import ACTIONS
from safehold.record.models import AuditEvent, LedgerEntry
from safehold.record.recording import recording
from tests import console_rows, desk_rows

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def nothing_remembered() -> Iterator[None]:
    cache.clear()
    yield
    cache.clear()


@pytest.fixture
def made() -> console_rows.Made:
    return console_rows.make(960)


@pytest.fixture
def admin(client: Client, made: console_rows.Made) -> Client:
    return as_role(client, made, Role.ADMIN)


def as_role(client: Client, made: console_rows.Made, role: Role) -> Client:
    client.force_login(User.objects.get(pk=made.people[role].pk))
    return client


def found(client: Client, query: str) -> list[str]:
    """The ids of every decision that the list finds, page by page."""
    ids, after = [], ""
    while True:
        answer = client.get(reverse("decisions"), {"q": query} | ({"after": after} if after else {}))
        assert answer.status_code == 200, answer.context["problem"]
        page = answer.context["page"]
        ids += [decision.pk for decision in page]
        if not page.older:
            return ids
        after = page.older


QUERIES = {
    "": lambda each: True,
    "action:remove": lambda each: each.action == "remove",
    "rule:phishing.links/listed-link": lambda each: each.rule == "phishing.links/listed-link",
    "policy:spam.bulk": lambda each: bool(each.policy) and each.policy.key == "spam.bulk",
    "account:u3": lambda each: each.account_id == "u3",
    "u3": lambda each: each.account_id == "u3",
    "m8": lambda each: each.subject_id == "m8",
    "subject:message/m8": lambda each: each.subject_id == "m8",
    "by:people": lambda each: each.person is not None,
    "by:rules action:hold": lambda each: each.person is None and each.action == "hold",
    "by:moderator@plaza.example": lambda each: bool(each.person) and each.person.email == "moderator@plaza.example",
    "is:overridden": lambda each: hasattr(each, "overridden_by"),
    "is:override": lambda each: each.override_of_id is not None,
    "is:appeal": lambda each: each.on_appeal,
    "is:waiting": lambda each: each.queue != "",
    "after:2d": lambda each: each.decided_at >= search.day("after", "2d"),
    "before:3d": lambda each: each.decided_at < search.day_after("before", "3d"),
    "action:allow is:appeal": lambda each: each.action == "allow" and each.on_appeal,
}


@pytest.mark.parametrize("query", QUERIES)
def test_the_list_finds_what_was_asked_for_newest_first_and_nothing_else(admin: Client, query: str) -> None:
    everything = Decision.objects.select_related("policy", "person", "overridden_by").order_by("-decided_at", "-id")
    expected = [each.pk for each in everything if QUERIES[query](each)]
    assert expected
    assert found(admin, query) == expected


@pytest.mark.parametrize(
    ("query", "said"),
    [
        ("acton:remove", "did you mean action:?"),
        ("action:removed", "did you mean remove?"),
        ("action:", "needs a value"),
        ("action:hold action:warn", "given twice"),
        ("policy:nope", "no policy here"),
        ("by:nobody@example.org", "is nobody"),
        ("after:soon", "is no day"),
        ("subject:m1", "lacks its kind"),
        ('account:"u1', "not closed"),
    ],
)
def test_a_query_that_cannot_be_understood_says_why(admin: Client, query: str, said: str) -> None:
    answer = admin.get(reverse("decisions"), {"q": query})
    assert answer.status_code == 400
    assert said in answer.content.decode()


def test_the_id_of_a_decision_opens_it(admin: Client, made: console_rows.Made) -> None:
    answer = admin.get(reverse("decisions"), {"q": made.decisions[3]})
    assert answer["Location"] == reverse("decision", args=[made.decisions[3]])


def test_another_services_decisions_are_not_in_the_list(admin: Client, settings: Any) -> None:
    settings.SAFEHOLD_SERVICE = "another"
    assert found(admin, "") == []
    assert overview.live(-1)[0] == []


_words = st.text(
    st.characters(codec="utf-8", exclude_characters='":', exclude_categories=["Cc", "Z", "Cs"]), min_size=1
)


@given(st.dictionaries(st.sampled_from(decisions.FILTERS), _words), st.lists(_words, max_size=3))
@hypothesis_settings(max_examples=200)
def test_a_query_reads_back_as_it_was_written(filters: dict[str, str], words: list[str]) -> None:
    query = search.Query(filters, tuple(words))
    assert search.parse(str(query), decisions.FILTERS) == query


@given(st.text(max_size=40))
@hypothesis_settings(max_examples=200)
def test_no_text_breaks_the_search(text: str) -> None:
    try:
        search.parse(text, decisions.FILTERS)
    except search.BadQuery as error:
        assert str(error)


def test_what_streams_in_is_everything_once_and_newest_first(client: Client) -> None:
    desk_rows.service()
    client.force_login(desk_rows.person("Reader", Role.READ_ONLY))
    cursor, seen = client.get(reverse("overview")).context["cursor"], []
    for _ in range(4):
        new = [desk_rows.decision(desk_rows.post()[0], "remove", queue="").pk for _ in range(3)]
        with recording() as record:  # other things are recorded in between
            record.audit("event.read", "event", "evt_x")
        answer = client.get(reverse("live"), {"after": cursor})
        assert [line.pk for line in answer.context["lines"]] == new[::-1]
        assert answer.headers["X-Cursor"] != str(cursor)
        cursor = answer.headers["X-Cursor"]
        seen += new
    assert client.get(reverse("live"), {"after": cursor}).content.strip() == b""
    assert len(seen) == len(set(seen)) == 12


@pytest.mark.parametrize("cursor", ["", "-5", "x", "9" * 40])
def test_a_cursor_that_makes_no_sense_starts_anew(admin: Client, cursor: str) -> None:
    assert len(admin.get(reverse("live"), {"after": cursor}).context["lines"]) == overview.LINES


def test_a_decision_explains_itself(admin: Client, made: console_rows.Made) -> None:
    first = Decision.objects.get(pk=made.overridden)
    answer = admin.get(reverse("decision", args=[first.pk]))
    page, shown = answer.content.decode(), answer.context
    assert shown["explained"].live[0].wins and shown["explained"].live[0].name == first.rule
    assert [each.pk for each in shown["chain"]] == [first.pk, first.overridden_by.pk]
    assert "This decision no longer holds" in page
    assert shown["entry"] == LedgerEntry.objects.get(kind="decision", subject_id=first.pk)
    (action,) = shown["actions"]
    assert [step.to_state for step in action.steps] == ["dispatched", "acknowledged", "active"]
    assert action.deliveries[0].endpoint_id == made.endpoint


def test_rules_in_shadow_and_rules_that_could_not_decide_stand_apart(admin: Client, made: console_rows.Made) -> None:
    both = next(
        each for each in Decision.objects.filter(person=None).order_by("id") if each.verdict["undecided"] and each.rule
    )
    answer = admin.get(reverse("decision", args=[both.pk]))
    shown, page = answer.context["explained"], answer.content.decode()
    assert "The store of windows was away" in page and "was taken as not matched" in page
    assert [each.hit["rule"] for each in shown.shadow] == ["fresh-domain"]
    assert all(each.hit["mode"] != "shadow" for each in shown.live)
    assert shown.undecided[0]["cause"] == "unknown"


TEXT = "does anybody know when the market opens on sunday?"


def with_text() -> Decision:
    """A decision about TEXT whose winning rule read it."""
    about = Decision.objects.filter(person=None, event__body__contains="market opens").exclude(rule="")
    return about.order_by("-id")[0]


def test_what_people_wrote_is_shown_only_on_demand_and_the_record_says_who_read_it(
    admin: Client, made: console_rows.Made
) -> None:
    decision = with_text()
    address = reverse("decision", args=[decision.pk])
    assert TEXT not in admin.get(address).content.decode()
    assert not AuditEvent.objects.filter(verb="event.read", object_id=decision.event_id).exists()
    page = admin.get(address, {"reveal": "1"})
    assert TEXT in page.content.decode()
    read = AuditEvent.objects.get(verb="event.read", object_id=decision.event_id)
    assert (read.actor, read.detail) == (made.people[Role.ADMIN].pk, {"decision": decision.pk})
    assert read.request_id == page["X-Request-Id"]
    assert LedgerEntry.objects.filter(kind="audit", subject_id=read.pk).exists()


def test_who_may_not_read_content_gets_none_of_it(client: Client, made: console_rows.Made) -> None:
    as_role(client, made, Role.READ_ONLY)
    decision = with_text()
    page = client.get(reverse("decision", args=[decision.pk]), {"reveal": "1"}).content.decode()
    assert TEXT not in page and "earn.example" not in page
    assert "windows.recipients_1h" in page  # a number says nothing that anybody wrote
    assert not AuditEvent.objects.filter(verb="event.read", object_id=decision.event_id).exists()


def test_an_erased_event_is_shown_as_erased(admin: Client) -> None:
    event, _ = desk_rows.post()
    decision = desk_rows.decision(event)
    with connection.cursor() as cursor:
        cursor.execute("DROP TRIGGER IF EXISTS entities_event_never_changes")
        cursor.execute("UPDATE entities_event SET body = '' WHERE id = %s", [event.pk and event.id])
    page = admin.get(reverse("decision", args=[decision.pk]), {"reveal": "1"})
    assert "was erased" in page.content.decode()


def test_a_policy_shows_its_rules_what_they_did_and_how_it_changed(admin: Client, made: console_rows.Made) -> None:
    line = next(
        line
        for _, lines in admin.get(reverse("policies")).context["packs"]
        for line in lines
        if line.version.key == "phishing.links"
    )
    assert line.modes == [("live", 2), ("shadow", 1)]
    week = Decision.objects.filter(rule__startswith="phishing.links/", decided_at__gte=counting.days()[0])
    assert line.week == week.count() > 0
    page = admin.get(reverse("policy", args=["phishing.links"]))
    rule = page.context["rules"][0]
    assert '<span class="k">actor.age</span>' in rule.condition
    appealed = Decision.objects.filter(on_appeal=True, override_of__rule=rule.name)
    assert (rule.heard, rule.overturned) == (appealed.count(), appealed.filter(action="allow").count())
    old, new = page.context["versions"][1], page.context["versions"][0]
    changed = admin.get(reverse("policy-diff", args=["phishing.links", old.pk, new.pk])).content.decode()
    assert "severity: critical" in changed and "severity: medium" in changed
    assert admin.get(reverse("policy", args=["phishing.links"]), {"version": old.pk}).context["version"] == old


def test_there_is_no_page_for_a_policy_nobody_wrote(admin: Client) -> None:
    assert admin.get(reverse("policy", args=["nope"])).status_code == 404


@pytest.mark.usefixtures("within_an_hour")
def test_charts_count_what_a_plain_count_finds_and_ask_once_for_what_is_past(
    made: console_rows.Made, django_assert_num_queries: Any
) -> None:
    edges = counting.hours()
    counted = counting.counts("action", ACTIONS, edges)
    for action in ACTIONS:
        plain = [
            Decision.objects.filter(action=action, decided_at__gte=start, decided_at__lt=end).count()
            for start, end in itertools.pairwise(edges)
        ]
        assert counted[action] == plain
    with django_assert_num_queries(1):
        assert counting.counts("action", ACTIONS, edges) == counted


@pytest.mark.usefixtures("within_an_hour")
def test_what_is_under_way_is_counted_anew(made: console_rows.Made) -> None:
    edges = counting.hours()
    before = counting.counts("action", ["remove"], edges)["remove"]
    desk_rows.decision(desk_rows.post()[0], "remove", decided_at=timezone.now())
    after = counting.counts("action", ["remove"], edges)["remove"]
    assert after[-1] == before[-1] + 1 and after[:-1] == before[:-1]


def test_the_overview_shows_what_waits_for_this_person(client: Client, made: console_rows.Made) -> None:
    as_role(client, made, Role.MODERATOR)
    shown = client.get(reverse("overview")).context
    waiting = {queue.slug: queue.waiting for queue in shown["queues"]}
    assert sum(waiting.values()) > 0 and set(waiting) <= {"scams", "phishing", "abuse"}
    assert shown["queues"][0].overdue > 0
    assert "webhooks" not in shown  # moderators don't manage the platform's endpoints
    as_role(client, made, Role.READ_ONLY)
    assert "queues" not in client.get(reverse("overview")).context


def test_the_overview_says_which_signals_failed(admin: Client) -> None:
    trouble = admin.get(reverse("overview")).context["trouble"]
    assert trouble.failed[0][0] == "links" and trouble.failed[0][1] > 0
    assert trouble.undecided[0][:2] == ("phishing.links/look-alike-host", "unknown")


class Platform(HTTPServer):
    """A platform that takes webhooks on a real port."""

    def __init__(self, status: int = 204) -> None:
        super().__init__(("127.0.0.1", 0), type("Handler", (_Handler,), {"status": status}))
        self.heard: list[tuple[dict[str, str], bytes]] = []
        threading.Thread(target=self.serve_forever, daemon=True).start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}/hooks"


class _Handler(BaseHTTPRequestHandler):
    status = 204
    server: Platform

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.server.heard.append((dict(self.headers), body))
        self.send_response(self.status)
        self.end_headers()

    def log_message(self, format: str, *args: object) -> None:
        """A test prints nothing."""


@pytest.fixture
def platform(settings: Any) -> Iterator[Platform]:
    settings.SAFEHOLD_WEBHOOK_PRIVATE_HOSTS = ["127.0.0.1"]
    with Platform() as running:
        yield running
        running.shutdown()


def test_an_endpoint_is_added_its_secret_shown_once_and_tested(admin: Client, platform: Platform) -> None:
    page = admin.post(reverse("endpoint-add"), {"url": platform.url, "description": "Forum"})
    secret, endpoint = page.context["secret"], page.context["endpoint"]
    assert secret.startswith("whsec_")
    answer = admin.post(reverse("endpoint-ping", args=[endpoint.pk]), follow=True)
    assert "It answered 204" in answer.content.decode()
    headers, body = platform.heard[0]
    assert Webhook(secret).verify(body, {name.lower(): value for name, value in headers.items()})["type"] == "ping"
    assert secret not in admin.get(reverse("endpoint", args=[endpoint.pk])).content.decode()
    rotated = admin.post(reverse("endpoint-rotate", args=[endpoint.pk])).context["secret"]
    assert rotated != secret
    admin.post(reverse("endpoint-ping", args=[endpoint.pk]))
    headers, body = platform.heard[1]
    for each in (secret, rotated):  # for a day both sign
        Webhook(each).verify(body, {name.lower(): value for name, value in headers.items()})
    verbs = AuditEvent.objects.filter(object_id=endpoint.pk).order_by("at").values_list("verb", flat=True)
    assert list(verbs) == ["webhook.added", "webhook.tested", "webhook.secret_rotated", "webhook.tested"]


def test_a_test_that_fails_says_why(admin: Client, made: console_rows.Made, settings: Any) -> None:
    settings.SAFEHOLD_WEBHOOK_PRIVATE_HOSTS = ["127.0.0.1"]
    with Platform(status=500) as broken:
        Endpoint.objects.filter(pk=made.endpoint).update(url=broken.url)
        answer = admin.post(reverse("endpoint-ping", args=[made.endpoint]), follow=True)
        assert "It answered 500" in answer.content.decode()
        broken.shutdown()
    settings.SAFEHOLD_WEBHOOK_PRIVATE_HOSTS = []
    answer = admin.post(reverse("endpoint-ping", args=[made.endpoint]), follow=True)
    assert "could not be reached" in answer.content.decode()


@pytest.mark.parametrize("url", ["", "ftp://example.org/", "https://user:word@example.org/", "javascript:alert(1)"])
def test_what_is_no_webhook_url_is_refused(admin: Client, url: str) -> None:
    before = Endpoint.objects.count()
    assert admin.post(reverse("endpoint-add"), {"url": url}).status_code == 422
    assert Endpoint.objects.count() == before


def test_an_endpoint_is_switched_off_and_on(admin: Client, made: console_rows.Made) -> None:
    for active in (False, True):
        admin.post(reverse("endpoint-switch", args=[made.endpoint]), {"active": str(int(active))})
        assert Endpoint.objects.get(pk=made.endpoint).active is active


def test_dead_letters_go_out_again_one_or_all(admin: Client) -> None:
    dead = Delivery.objects.filter(state="dead_letter")
    for _ in range(2):  # one more than the seed has
        extra = Delivery.objects.order_by("id").first()
        extra.pk = desk_rows_id()
        extra.state, extra.attempts = "dead_letter", 12
        extra.save(force_insert=True)
    assert dead.count() == 3
    first = dead.order_by("created_at").first()
    admin.post(reverse("delivery-retry", args=[first.pk]))
    first.refresh_from_db()
    assert (first.state, first.attempts) == ("pending", 0)
    admin.post(reverse("dead-letters-retry"))
    assert not dead.exists()
    assert AuditEvent.objects.filter(verb="delivery.retried").count() == 3


def desk_rows_id() -> str:
    from safehold.ids import new_id

    return new_id("msg")


def test_a_message_is_read_only_on_demand(admin: Client, made: console_rows.Made) -> None:
    address = reverse("delivery", args=[made.delivery])
    assert "action_id" not in admin.get(address).content.decode()
    assert "action_id" in admin.get(address, {"reveal": "1"}).content.decode()
    assert AuditEvent.objects.filter(verb="delivery.read", object_id=made.delivery).count() == 1


def test_the_audit_trail_is_filtered_by_who_what_and_to_whom(admin: Client, made: console_rows.Made) -> None:
    moderator = made.people[Role.MODERATOR]
    for query, check in (
        ("person:moderator@plaza.example", lambda event: event.actor == moderator.pk),
        ("person:system", lambda event: event.actor == ""),
        ("verb:role.granted", lambda event: event.verb == "role.granted"),
        ("kind:person", lambda event: event.object_kind == "person"),
        (f"object:{moderator.pk}", lambda event: event.object_id == moderator.pk),
        (moderator.pk, lambda event: moderator.pk in {event.object_id, event.actor}),
    ):
        page = admin.get(reverse("audit"), {"q": query}).context["page"]
        assert len(page) and all(check(event) for event in page), query
    assert admin.get(reverse("audit"), {"q": "person:nobody@example.org"}).status_code == 400


def test_reports_are_listed_by_state_and_reading_one_is_recorded(admin: Client, made: console_rows.Made) -> None:
    shown = admin.get(reverse("reports")).context["page"]
    assert len(shown) and all(notice.state in {"received", "acknowledged", "linked"} for notice in shown)
    everyone = admin.get(reverse("reports"), {"view": "all", "q": "kind:trusted_flagger"}).context["page"]
    assert len(everyone) and all(notice.kind == "trusted_flagger" for notice in everyone)
    page = admin.get(reverse("report", args=[made.notice])).content.decode()
    assert "They wrote to all my friends." in page
    assert AuditEvent.objects.filter(verb="notice.read", object_id=made.notice).count() == 1


def test_the_palette_finds_ids_accounts_policies_rules_and_people(admin: Client, made: console_rows.Made) -> None:
    def find(text: str) -> list[tuple[str, str]]:
        return [(each["label"], each["url"]) for each in admin.get("/ui/palette/", {"q": text}).json()["found"]]

    assert find(made.decisions[0])[0][1] == reverse("decision", args=[made.decisions[0]])
    assert find("0")[0][1] == reverse("ledger-entry", args=[0])
    assert find("u3") == [("u3", "/decisions/?q=account%3Au3")]
    assert ("Links that steal", reverse("policy", args=["phishing.links"])) in find("links steal")
    assert ("Listed link", reverse("policy", args=["phishing.links"]) + "#rule-listed-link") in find("listed-link")
    assert ("Moderator", reverse("person", args=[made.people[Role.MODERATOR].pk])) in find("moderator@")
    assert ("Add a webhook endpoint", reverse("endpoint-add")) in find("endpoint")
    assert find("nothing like this") == []


def test_the_palette_keeps_to_what_one_may_see(client: Client, made: console_rows.Made) -> None:
    as_role(client, made, Role.READ_ONLY)
    for text in ("moderator@", "endpoint", made.people[Role.ADMIN].pk):
        labels = [each["label"] for each in client.get("/ui/palette/", {"q": text}).json()["found"]]
        assert labels in ([], [made.people[Role.ADMIN].pk]), text


def test_entries_of_the_ledger_are_found_and_proved(client: Client) -> None:
    desk_rows.service()
    client.force_login(desk_rows.person("Auditor", Role.AUDITOR))
    decision = desk_rows.decision(desk_rows.post()[0])
    index = LedgerEntry.objects.get(kind="decision", subject_id=decision.pk).index
    assert client.get(reverse("ledger-entry-proof", args=[index])).status_code == 404  # no checkpoint yet
    assert client.get("/checkpoint").status_code == 200  # the first look signs one
    proof = client.get(reverse("ledger-entry-proof", args=[index]))
    assert proof["Content-Disposition"].endswith(f'decision-{decision.pk}.tlog-proof"')
    assert proof.content.startswith(b"c2sp.org/tlog-proof")
    page = client.get(reverse("ledger-entry", args=[index]))
    assert page.context["covered"] and json.loads(page.context["entry"].body)["id"] == decision.pk
    listed = client.get(reverse("ledger-entries"), {"q": decision.pk}).context["page"]
    assert [entry.index for entry in listed] == [index]
    assert client.get(reverse("ledger-entries"), {"q": str(index)})["Location"] == reverse("ledger-entry", args=[index])


@pytest.mark.parametrize("value", ["2026-11-01", "today", "yesterday", "0d", "30d"])
def test_days_are_written_in_several_ways(value: str) -> None:
    start = search.day("after", value)
    assert start.tzinfo is UTC and start.time() == datetime.min.time()
    assert search.day_after("before", value) - start == timedelta(days=1)
