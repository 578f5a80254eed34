"""Appealing by the link alone: once, in time, with the errors said at the field; and following it to its end."""

import re
from datetime import timedelta

import pytest
from django.core.cache import cache
from django.core.exceptions import ValidationError
from django.core.validators import validate_email
from django.test import Client

from safehold.accounts.roles import Role
from safehold.desk.appeals.filing import file_appeal, window_of
from safehold.desk.appeals.hearing import hear
from safehold.desk.appeals.models import Appeal
from safehold.desk.decisions.actions import LANGUAGES
from safehold.desk.decisions.actions.base import date_in
from safehold.desk.decisions.decide import decide
from safehold.desk.portal import limits
from safehold.desk.portal.words import WORDS
from safehold.desk.reports.links import notice_url
from safehold.desk.review import claims
from safehold.desk.transparency.statements import statement_url
from tests import desk_rows
from tests.desk_rows import flagged, person
from tests.features.test_portal_statement import flat, words_of

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def fresh_limits():
    cache.clear()


@pytest.fixture
def removed():
    """A post that a moderator removed."""
    rule, _ = flagged()
    return decide(person("Ada First"), over=rule, action="remove", policy=desk_rows.policy(), reason="Spam.")


def path_of(decision) -> str:
    return "/portal" + statement_url(decision.statement).partition("/portal")[2]


def send(client, path, grounds="It was a joke.", **more):
    return client.post(path, {"do": "appeal", "grounds": grounds, "contact": "", "written_in": "en"} | more)


def heard(decision, outcome, explanation="We misread it.", **more) -> Appeal:
    """The decision's appeal, heard by somebody else."""
    appeal, hearer = Appeal.objects.get(decision=decision), person("Noor", Role.SENIOR_MODERATOR)
    claim = claims.claim(hearer, appeal.task_id)
    return hear(
        hearer, appeal.pk, version=claim.task.version, over=decision, outcome=outcome, explanation=explanation, **more
    )


def test_anybody_with_the_link_appeals_without_an_account(client, removed):
    answer = send(client, path_of(removed), contact="u1@example.org", written_in="de")
    assert answer.status_code == 302 and answer["Location"] == f"{statement_url(removed.statement)}#appeal"
    appeal = Appeal.objects.get()
    assert (appeal.decision, appeal.role, appeal.grounds) == (removed, "affected", "It was a joke.")
    assert (appeal.contact, appeal.language, appeal.state) == ("u1@example.org", "de", "assigned")
    page = words_of(client.get(path_of(removed)))
    assert "We have your objection" in page and "It is waiting for its turn." in page and "It was a joke." in page


def test_the_form_refuses_what_was_not_sent_from_the_page(removed):
    strict = Client(enforce_csrf_checks=True)
    assert send(strict, path_of(removed)).status_code == 403
    page = strict.get(path_of(removed)).content.decode()
    token = re.search(r'name="csrfmiddlewaretoken" value="(\w+)"', page)[1]
    assert send(strict, path_of(removed), csrfmiddlewaretoken=token).status_code == 302
    assert Appeal.objects.count() == 1


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize(
    ("field", "value", "says"),
    [
        ("grounds", "   ", "no_grounds"),
        ("grounds", "x" * 10_001, "too_long"),
        ("contact", "me at home", "bad_contact"),
        ("written_in", "tlh", "choose"),
    ],
)
def test_what_is_wrong_is_said_at_its_field_and_nothing_is_lost(client, removed, field, value, says, language):
    sent = {"grounds": "It was a joke.", "contact": "u1@example.org"} | {field: value}
    answer = send(client, f"{path_of(removed)}?lang={language}", **sent)
    page = answer.content.decode()
    assert answer.status_code == 422 and not Appeal.objects.exists()
    assert flat(WORDS[language][says].format(most="10,000")) in words_of(answer)
    assert f'<a href="#id_{field}">' in page and f'aria-describedby="id_{field}_' in page and "aria-invalid" in page
    assert field == "grounds" or "It was a joke." in page


def test_the_language_of_one_page_is_nobody_elses(client, removed):
    send(client, f"{path_of(removed)}?lang=de", contact="me at home")
    with pytest.raises(ValidationError, match="Enter a valid email address"):
        validate_email("me at home")


def test_after_the_window_the_page_says_until_when_it_was(client, removed, monkeypatch):
    ends = window_of(removed).ends_at
    monkeypatch.setattr("safehold.desk.appeals.filing.timezone.now", lambda: ends + timedelta(seconds=1))
    for language in LANGUAGES:
        page = client.get(path_of(removed), {"lang": language})
        said = flat(WORDS[language]["too_late"].format(date=date_in(language, ends)))
        assert said in re.sub(r" (?=[.,])", "", words_of(page)) and "<textarea" not in page.content.decode()
    answer = send(client, path_of(removed))
    assert answer.status_code == 409 and "You could object until" in words_of(answer)
    assert not Appeal.objects.exists()


def test_a_second_appeal_is_refused_and_the_first_stays(client, removed):
    send(client, path_of(removed))
    answer = send(client, path_of(removed), "Really!")
    assert answer.status_code == 409
    page = words_of(answer)
    assert "We have your objection" in page and "It was a joke." in page and "Really!" not in page
    assert Appeal.objects.count() == 1


def test_what_no_longer_holds_can_not_be_appealed(client, removed):
    path = path_of(removed)
    decide(person(), over=removed, action="allow")
    answer = send(client, path)
    assert answer.status_code == 409 and WORDS["en"]["superseded"] in words_of(answer)
    assert not Appeal.objects.exists()


def test_the_steps_follow_the_hearing(client, removed):
    send(client, path_of(removed))
    hearer = person("Noor", Role.SENIOR_MODERATOR)
    claims.claim(hearer, Appeal.objects.get().task_id)
    page = client.get(path_of(removed))
    assert "Somebody is reading it now." in words_of(page)
    assert re.search(r'<li class="is-now" aria-current="step"><div><strong>A person reads it', page.content.decode())
    assert "Noor" not in words_of(page)


@pytest.mark.parametrize(
    ("outcome", "more", "says"),
    [
        ("upheld", {}, "The decision stands"),
        ("overturned", {}, "You were right: we undid the decision"),
        ("modified", {"action": "warn"}, "We changed the decision"),
    ],
)
def test_the_outcome_is_on_the_same_page_with_its_explanation(client, removed, outcome, more, says):
    path = path_of(removed)
    send(client, path)
    if more:
        more = more | {"policy": desk_rows.policy()}
    appeal = heard(removed, outcome, "We read it <again>.", **more)
    page = words_of(client.get(path))
    assert says in page and "We read it &lt;again&gt;." in page
    assert f"Answered on {date_in('en', appeal.decided_at)}" in re.sub(r" (?=\.)", "", page)
    assert "Take the objection back" not in page
    if outcome == "overturned":
        assert page.index("We lifted this decision") < page.index("We read it")


def test_an_appeal_can_be_taken_back_while_nobody_has_decided(client, removed):
    send(client, path_of(removed))
    assert "Take the objection back" in words_of(client.get(path_of(removed)))
    assert client.post(path_of(removed), {"do": "withdraw"}).status_code == 302
    appeal = Appeal.objects.select_related("task").get()
    assert (appeal.state, appeal.task.state) == ("withdrawn", "closed")
    page = words_of(client.get(path_of(removed)))
    assert "You took your objection back" in page and "Take the objection back" not in page
    assert send(client, path_of(removed)).status_code == 409


def test_taking_it_back_too_late_shows_the_answer_instead(client, removed):
    path = path_of(removed)
    send(client, path)
    heard(removed, "upheld")
    assert client.post(path, {"do": "withdraw"}).status_code == 302
    assert "The decision stands" in words_of(client.get(path)) and Appeal.objects.get().state != "withdrawn"


@pytest.mark.usefixtures("within_an_hour")
def test_a_link_is_patient_with_people_and_not_with_scripts(client, removed, monkeypatch):
    for _ in range(limits.OF_A_LINK):
        assert send(client, path_of(removed), "").status_code == 422
    answer = send(client, path_of(removed))
    assert answer.status_code == 429 and 0 < int(answer["Retry-After"]) <= 3_600
    assert "Please try again in" in words_of(answer) and not Appeal.objects.exists()
    assert "It was a joke." in answer.content.decode()  # what they wrote is still there
    assert client.get(path_of(removed)).status_code == 200  # reading goes on
    later = limits.time.time() + limits.WINDOW_SECONDS
    monkeypatch.setattr("safehold.desk.portal.limits.time.time", lambda: later)
    assert send(client, path_of(removed)).status_code == 302


@pytest.mark.usefixtures("within_an_hour")
def test_an_address_is_counted_over_all_its_links(client, removed, settings, monkeypatch):
    monkeypatch.setattr(limits, "OF_AN_ADDRESS", 2)
    other, _ = flagged("remove", queue="", author="u2")
    send(client, path_of(removed), "")
    send(client, path_of(other), "")
    assert send(client, path_of(other)).status_code == 429
    elsewhere = Client(REMOTE_ADDR="192.0.2.7")
    assert send(elsewhere, path_of(other)).status_code == 302


@pytest.mark.parametrize(
    ("proxies", "forwarded", "remote", "counts_as"),
    [
        (0, "203.0.113.9", "192.0.2.7", "192.0.2.7"),  # nobody may choose their own address
        (1, "203.0.113.9, 198.51.100.4", "10.0.0.1", "198.51.100.4"),
        (1, "", "10.0.0.1", "10.0.0.1"),
        (0, "", "2001:db8:1:2:3::4", "2001:db8:1:2::/64"),
    ],
)
def test_whose_address_counts(rf, settings, proxies, forwarded, remote, counts_as):
    settings.ALLAUTH_TRUSTED_PROXY_COUNT = proxies
    headers = {"X-Forwarded-For": forwarded} if forwarded else {}
    assert limits.sender(rf.post("/", headers=headers, REMOTE_ADDR=remote)) == counts_as


def test_who_reported_it_appeals_what_was_left_standing(client):
    rule, entity = flagged("allow", queue="")
    notice = desk_rows.report(entity)
    path = "/portal" + notice_url(notice).partition("/portal")[2]
    assert send(client, path).status_code == 409 and not Appeal.objects.exists()  # not answered yet
    left = decide(person(), over=rule, action="allow")
    page = words_of(client.get(path))
    assert "We left it as it is" in page and "You can object until" in page and "A person decided this." in page
    assert send(client, path).status_code == 302
    appeal = Appeal.objects.get()
    assert (appeal.decision, appeal.role, appeal.notice) == (left, "notifier", notice)
    assert "We have your objection" in words_of(client.get(path))
    hearer = person("Noor", Role.SENIOR_MODERATOR)
    claim = claims.claim(hearer, appeal.task_id)
    hear(
        hearer, appeal.pk, version=claim.task.version, over=left, outcome="overturned", explanation="You saw it right.",
        action="remove", policy=desk_rows.policy(),
    )  # fmt: skip
    page = words_of(client.get(path))
    assert "We acted on it" in page and "It was removed." in page and "You saw it right." in page
    assert page.index("We acted on it") < page.index("We changed the decision")


def test_the_page_asks_the_database_as_often_with_an_appeal(client, removed, django_assert_max_num_queries):
    file_appeal(removed, grounds="It was a joke.")
    with django_assert_max_num_queries(8):
        client.get(path_of(removed))
