"""Reporting something without an account: what the law asks of a notice, a receipt, a link that shows what came of it."""

import json
import re

import pytest
from django.core import mail
from django.core.cache import cache
from django.test import Client

from safehold.accounts.roles import Role
from safehold.desk.decisions.actions import LANGUAGES
from safehold.desk.decisions.decide import decide
from safehold.desk.decisions.lookup import decision_view
from safehold.desk.decisions.models import Decision, Delivery
from safehold.desk.entities.models import Event
from safehold.desk.entities.subjects import Thing
from safehold.desk.portal import limits
from safehold.desk.portal.filing import REASONS, Unlocatable, find
from safehold.desk.portal.letters import write_letters
from safehold.desk.portal.words import WORDS
from safehold.desk.reports.links import notice_url
from safehold.desk.reports.models import Notice
from safehold.desk.review import claims
from safehold.desk.review.deciding import decide_task
from safehold.desk.review.models import Task
from safehold.desk.transparency.words import WORDS as STATEMENT_WORDS
from safehold.engine import load_bundle
from safehold.gateway.cloudevents import structured
from safehold.gateway.declared import Declared
from safehold.record.verification import verify_record
from tests import desk_rows
from tests.desk_rows import flagged, person, post
from tests.features.test_portal_statement import flat, words_of

pytestmark = pytest.mark.django_db
FORM = {
    "where": "https://plaza.example/p/17", "reason": "scam", "explanation": "They ask for money and send nothing.",
    "name": "Carla Bruni", "email": "carla@example.org", "good_faith": "on",
}  # fmt: skip


@pytest.fixture(autouse=True)
def plaza():
    cache.clear()
    return desk_rows.service()


def send(client, language="en", **more):
    sent = {name: value for name, value in (FORM | more).items() if value is not None}
    return client.post(f"/portal/report/?lang={language}", sent)


def path_of(notice) -> str:
    return "/portal" + notice_url(notice).partition("/portal")[2]


def decided(action, **more) -> Decision:
    """The report's task, decided by somebody."""
    moderator, task = person(), Task.objects.get(kind="report", closed_at=None)
    claim = claims.claim(moderator, task.pk)
    policy = desk_rows.policy() if action != "allow" else None
    return decide_task(
        moderator, task.pk, version=claim.task.version, over=task.decision, action=action, policy=policy, **more
    )


def test_a_report_becomes_a_notice_an_event_and_a_task(client):
    answer = send(client, "de")
    notice = Notice.objects.get()
    assert answer.status_code == 302 and answer["Location"] == f"{notice_url(notice)}?new=1&lang=de"
    assert (notice.kind, notice.reason, notice.explanation) == ("art16_notice", "scam", FORM["explanation"])
    assert notice.locators == [FORM["where"]] and notice.good_faith and notice.state == "linked"
    assert (notice.notifier_contact, notice.language) == ("carla@example.org", "de")
    assert (notice.entity.kind, notice.entity.external_id) == ("content", FORM["where"])
    task = Task.objects.get()
    assert (task.entity, task.queue_id, task.kind, task.state) == (notice.entity, "reports", "report", "queued")
    told = json.loads(notice.event.body)
    assert told["type"] == "report.filed" and told["data"]["notifier"] == {"name": "Carla Bruni"}
    assert told["data"]["target"] == {"kind": "content", "id": FORM["where"], "url": FORM["where"], "text": ""}


def test_the_event_is_one_that_the_gateway_would_take(client, settings):
    _, entity = post("Earn 500 a day", author="u7")
    send(client, where=entity.external_id)
    event, decision = Event.objects.latest("position"), Decision.objects.latest("decided_at")
    told = json.loads(event.body)
    # All that it lacks: whoever has no account there is no actor there.
    told["data"]["actor"] = {"id": "u5", "created_at": told["time"]}
    taken = Declared(load_bundle(settings.SAFEHOLD_POLICIES).event_types).prepare(
        "plaza", structured(json.dumps(told).encode(), event.received_at), event.received_at
    )
    assert (taken.about_kind, taken.about_id, taken.about_account) == ("content", entity.external_id, "u7")
    assert (decision.subject_kind, decision.subject_id, decision.account_id) == ("content", entity.external_id, "u7")
    assert (event.subject_kind, event.subject_id, event.account_id) == ("report", taken.subject_id, "")
    assert decision_view("plaza", decision.pk).queue == "reports"


def test_a_known_thing_is_found_by_its_number_with_its_owner_and_its_words(client):
    _, entity = post("Earn 500 a day", author="u7")
    send(client, where=entity.external_id)
    notice = Notice.objects.select_related("event", "entity").get()
    assert notice.entity == entity
    target = json.loads(notice.event.body)["data"]["target"]
    assert target["owner_id"] == "u7"
    removed = decided("remove", reason="Fraud.")
    assert (removed.subject_kind, removed.subject_id, removed.account_id) == ("content", entity.external_id, "u7")
    assert removed.statement.texts["en"]["source"].startswith("Somebody sent us a notice of illegal content")


def test_a_report_joins_the_task_there_is_about_the_same(client):
    _, entity = flagged()
    send(client, where=entity.external_id)
    assert Task.objects.count() == 1 and Notice.objects.get().state == "linked"


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize(
    ("field", "value", "says"),
    [
        ("where", " ", "where_missing"),
        ("where", "the post by Anna", "where_unknown"),
        ("where", "javascript:alert(1)", "where_unknown"),
        ("where", "https://[", "where_unknown"),
        ("where", "https://x.example/" + "x" * 2_000, "where_long"),
        ("reason", "", "reason_missing"),
        ("reason", "ugly", "reason_missing"),
        ("explanation", "", "explanation_missing"),
        ("name", "", "name_missing"),
        ("name", "x" * 201, "name_long"),
        ("email", "", "email_missing"),
        ("email", "carla", "email_bad"),
        ("good_faith", None, "good_faith_missing"),
    ],
)
def test_what_the_law_asks_for_is_asked_at_its_field(client, field, value, says, language):
    answer = send(client, language, **{field: value})
    assert answer.status_code == 422 and not Notice.objects.exists() and not Event.objects.exists()
    assert flat(WORDS[language][says].format(most="2,000")) in words_of(answer)
    assert f'<a href="#id_{field}">' in answer.content.decode()
    assert field == "explanation" or FORM["explanation"] in words_of(answer)


def test_nobody_has_to_give_a_name_to_report_the_abuse_of_children(client):
    assert send(client, reason="child_abuse", name="", email="").status_code == 302
    notice = Notice.objects.get()
    assert notice.notifier_contact == "" and notice.reason == "child_abuse"


def test_the_platform_can_link_to_the_form_with_the_place_filled_in(client):
    page = client.get("/portal/report/", {"where": "c17", "reason": "hate"}).content.decode()
    assert 'value="c17"' in page and '<option value="hate" selected>' in page
    assert all(f'<option value="{reason}"' in page for reason in REASONS)


def test_the_receipt_gives_the_link_that_leads_back(client):
    answer = client.get(send(client)["Location"])
    page = words_of(answer)
    assert "Thank you. We have your report" in page and "It waits for a person" in page
    assert f'data-copy="{notice_url(Notice.objects.get())}"' in answer.content.decode()
    assert FORM["explanation"] in page and FORM["where"] in page
    assert "carla@example.org" not in page and "Carla" not in page  # a link may be passed on; who sent it stays out
    assert answer["Cache-Control"] == "private, no-store" and answer["Referrer-Policy"] == "same-origin"


def test_another_reports_link_opens_nothing(client):
    send(client)
    send(client, where="https://plaza.example/p/18")
    one, other = Notice.objects.order_by("received_at")
    token = path_of(one).rpartition("/")[2]
    assert client.get(f"/portal/reports/{other.pk}/{token}").status_code == 404
    assert client.get(f"/portal/reports/{one.pk}/{token[:-1]}").status_code == 404
    assert client.get(path_of(one)).status_code == 200


def test_a_link_outlives_a_change_of_keys(client, settings):
    send(client)
    path = path_of(Notice.objects.get())
    settings.SECRET_KEY_FALLBACKS, settings.SECRET_KEY = [settings.SECRET_KEY], "a new one"
    assert client.get(path).status_code == 200
    settings.SECRET_KEY_FALLBACKS = []
    assert client.get(path).status_code == 404


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize(
    ("action", "title", "done"),
    [("remove", "actioned", "done_remove"), ("allow", "no_action", "done_allow"), ("warn", "actioned", "done_warn")],
)
def test_the_answer_says_what_was_done_how_and_what_one_can_do(client, action, title, done, language):
    _, entity = post("Earn 500 a day", author="u7")
    send(client, where=entity.external_id)
    decided(action, reason="Fraud by u7.")
    words = {name: flat(text) for name, text in WORDS[language].items()}
    page = words_of(client.get(path_of(Notice.objects.get()), {"lang": language}))
    assert words[title] in page and words[done] in page
    assert words["by_not_automated"] in page  # DSA Art. 16(6)
    assert words["appeal"] in page and words["dispute_text"] in page  # Art. 16(5)
    assert flat(STATEMENT_WORDS[language]["dispute"]) in page and flat(STATEMENT_WORDS[language]["court"]) in page
    assert "Fraud by u7." not in page  # what the affected person is told is theirs


def test_after_a_successful_appeal_the_notifier_reads_what_holds_now(client):
    _, entity = post("Earn 500 a day", author="u7")
    send(client, where=entity.external_id)
    removed = decided("remove", reason="Fraud.")
    decide(person("Noor", Role.SENIOR_MODERATOR), over=removed, action="allow", on_appeal=True)
    page = words_of(client.get(path_of(Notice.objects.get())))
    assert "We left it as it is" in page and "After an objection we looked at it again." in page


@pytest.mark.usefixtures("within_an_hour")
def test_scripts_are_slowed_down(client, monkeypatch):
    for _ in range(limits.REPORTS_OF_AN_ADDRESS):
        assert send(client, explanation="").status_code == 422
    answer = send(client)
    assert answer.status_code == 429 and not Notice.objects.exists()
    assert FORM["explanation"] in words_of(answer) and "Please try again in" in words_of(answer)
    assert send(Client(REMOTE_ADDR="192.0.2.7")).status_code == 302


def test_the_form_refuses_what_was_not_sent_from_the_page():
    strict = Client(enforce_csrf_checks=True)
    assert send(strict).status_code == 403
    token = re.search(r'name="csrfmiddlewaretoken" value="(\w+)"', strict.get("/portal/report/").content.decode())[1]
    assert send(strict, csrfmiddlewaretoken=token).status_code == 302


def test_letters_confirm_the_report_and_bring_the_answer(client):
    desk_rows.webhook()
    send(client, "de")
    assert write_letters() == 1 and write_letters() == 0
    notice = Notice.objects.get()
    (receipt,) = mail.outbox
    assert receipt.to == ["carla@example.org"] and receipt.subject == "Wir haben Ihre Meldung"
    assert notice_url(notice) in receipt.body and receipt.extra_headers["Auto-Submitted"] == "auto-generated"
    assert notice.receipt_sent_at and notice.state == "linked"
    decided("remove", reason="Fraud.")
    assert write_letters() == 1 and write_letters() == 0
    notice.refresh_from_db()
    assert notice.state == "notified" and notice.decision_notified_at
    assert "Wir haben etwas unternommen" in mail.outbox[1].body and notice_url(notice) in mail.outbox[1].body
    assert not Delivery.objects.filter(type__startswith="report.").exists()  # the platform does not know this person


def test_an_answer_that_overtakes_the_receipt_is_one_letter(client):
    send(client)
    decided("allow")
    assert write_letters() == 1 and "We left it as it is" in mail.outbox[0].body
    assert Notice.objects.get().state == "notified"


def test_a_changed_answer_is_written_again(client):
    send(client)
    removed = decided("remove", reason="Fraud.")
    write_letters()
    decide(person("Noor", Role.SENIOR_MODERATOR), over=removed, action="allow", on_appeal=True)
    assert write_letters() == 1 and "We left it as it is" in mail.outbox[-1].body


def test_a_letter_that_the_server_refuses_is_tried_again(client, monkeypatch):
    send(client)
    with monkeypatch.context() as broken:
        broken.setattr("django.core.mail.EmailMessage.send", lambda self: (_ for _ in ()).throw(OSError("down")))
        assert write_letters() == 0
    assert Notice.objects.get().receipt_sent_at is None
    assert write_letters() == 1


def test_who_reports_on_the_platform_hears_of_it_there(client):
    desk_rows.webhook()
    _, entity = flagged()
    desk_rows.report(entity)
    (receipt,) = Delivery.objects.filter(type="report.received")
    url = json.loads(receipt.payload)["data"]["report_url"]
    assert "It waits for a person" in words_of(client.get("/portal" + url.partition("/portal")[2]))
    assert write_letters() == 0


def test_the_record_of_it_all_is_whole(client):
    send(client)
    decided("remove", reason="Fraud.")
    write_letters()
    assert verify_record().findings == []


@pytest.mark.parametrize("where", ["http://a.example/x y", "ftp://a.example/x", "//a.example", "https://", "m17"])
def test_what_leads_nowhere_is_refused(plaza, where):
    with pytest.raises(Unlocatable):
        find(plaza.pk, where)


def test_a_very_long_address_is_one_thing_all_the_same(plaza):
    long = "https://plaza.example/" + "x" * 500
    assert find(plaza.pk, long) == find(plaza.pk, long) != find(plaza.pk, long + "y")
    assert len(find(plaza.pk, long).id) <= 256
    assert find(plaza.pk, FORM["where"]) == Thing("content", FORM["where"])


def test_the_page_asks_the_database_as_often_after_a_long_history(client, django_assert_max_num_queries):
    _, entity = post("Earn 500 a day", author="u7")
    send(client, where=entity.external_id)
    decided("allow")
    with django_assert_max_num_queries(4):
        client.get(path_of(Notice.objects.get()))
