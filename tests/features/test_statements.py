"""What the affected person is told, and what the EU's database would get: complete, derived, without personal data."""

import json
import re
from datetime import timedelta

import pytest
from django.utils import timezone

from safehold.desk.decisions.actions import LANGUAGES
from safehold.desk.decisions.actions.base import date_in
from safehold.desk.decisions.decide import decide
from safehold.desk.decisions.endpoints import add_endpoint
from safehold.desk.decisions.models import Delivery
from safehold.desk.decisions.outbox import carry_on_once
from safehold.desk.entities.projection import entity_for
from safehold.desk.entities.subjects import Thing
from safehold.desk.reports.models import NoticeKind
from safehold.desk.reports.notices import file_notice
from safehold.desk.transparency import schema
from safehold.desk.transparency.dsa import source_type
from safehold.desk.transparency.models import StatementOfReasons
from safehold.desk.transparency.redaction import redacted
from safehold.desk.transparency.statements import appeal_deadline, statement_for, statement_url
from safehold.desk.transparency.texts import PARTS
from safehold.desk.transparency.words import WORDS
from safehold.record.recording import recording
from tests.world import happens, person, policy, report, service

pytestmark = pytest.mark.django_db


def statement_of(decision) -> StatementOfReasons:
    while carry_on_once():
        pass
    return StatementOfReasons.objects.get(decision=decision)


def test_every_part_the_law_asks_for_is_said_in_five_languages():
    statement = statement_of(happens("remove"))
    for language in LANGUAGES:
        assert all(statement.texts[language][part] for part in PARTS), language
    english = statement.texts["en"]
    assert english["what"] == "We removed your message."
    assert english["automation"].endswith("by automated means alone.")
    assert "21 strangers in an hour" in english["facts"]
    assert english["ground"] == "It goes against our rules: scams.outreach (Terms 4.2)."
    assert english["why"] == "We stop messages that go to many people you don't know."
    assert statement.texts["de"]["why"].startswith("Wir stoppen")
    assert statement.texts["fr"]["why"] == english["why"]  # the policy has no French


def test_the_sentences_of_all_languages_take_the_same_words():
    for language, words in WORDS.items():
        assert words.keys() == WORDS["en"].keys(), language
        for key, sentence in words.items():
            assert set(re.findall(r"{(\w+)}", sentence)) == set(re.findall(r"{(\w+)}", WORDS["en"][key])), (
                language,
                key,
            )


def test_how_long_it_lasts_is_a_date_people_can_read():
    at = timezone.now()
    statement = statement_of(happens("suspend", seconds=7 * 86_400, at=at))
    end = at + timedelta(days=7)
    assert statement.texts["en"]["duration"] == f"It lasts until {date_in('en', end)}."
    assert str(end.day) in statement.texts["de"]["what"] and str(end.year) in statement.texts["de"]["what"]
    assert statement.dsa["decision_account"] == "DECISION_ACCOUNT_SUSPENDED"
    assert statement.dsa["end_date_account_restriction"] == f"{end:%Y-%m-%d}"
    assert "Sie können bis" in statement.texts["de"]["appeal"]


@pytest.mark.parametrize("labels", [(), (("strong-language", "content", None),)])
def test_what_is_held_is_held_until_a_person_has_looked_labelled_or_not(labels):
    duration = statement_of(happens("hold", labels=labels)).texts["en"]["duration"]
    assert duration == WORDS["en"]["until_reviewed"]


@pytest.mark.parametrize("action", ["label", "limit", "hold", "remove", "suspend", "terminate"])
@pytest.mark.parametrize("kind", ["message", "account", "payment", "poll"])
def test_the_eus_database_would_take_it(action, kind):
    subject = Thing(kind, "u1" if kind == "account" else "x1", "u1")
    labels = (("graphic", "content", None),) if action == "label" else ()
    decision = happens(action, subject=subject, seconds=86_400 if action == "suspend" else None, labels=labels)
    if (action, kind) == ("label", "account"):
        while carry_on_once():
            pass
        assert not StatementOfReasons.objects.exists()  # a note for reviewers: nobody can notice it
        return
    statement = statement_of(decision)
    assert schema.problems(statement.dsa) == {}
    assert statement.state == "validated" and statement.dsa["puid"] == statement.pk
    assert statement.dsa["automated_decision"] == "AUTOMATED_DECISION_FULLY"
    assert statement.dsa["source_type"] == "SOURCE_VOLUNTARY" and statement.dsa["automated_detection"] == "Yes"


def test_a_warning_is_told_but_is_no_restriction():
    statement = statement_of(happens("warn"))
    assert statement.dsa == {} and statement.texts["en"]["scope"] == "It restricts nothing."


def test_somebody_in_danger_is_told_of_help_and_of_no_broken_rule():
    care = {"dsa": {"category": "SELF_HARM", "keywords": ["SUICIDE"], "ground": "incompatible", "clause": "Terms 6.2"}}
    policy("care.self-harm", **care)
    labels = (("support-available", "content", None),)
    statement = statement_of(happens("label", key="care.self-harm", labels=labels))
    assert statement.texts["en"]["ground"].startswith("You have broken no rule.")
    assert statement.texts["de"]["ground"].startswith("Sie haben gegen keine Regel verstoßen.")
    assert statement.texts["en"]["duration"] == WORDS["en"]["no_restriction"]
    assert statement.dsa == {}
    held = statement_of(happens("hold", key="care.self-harm", by="u2"))
    assert held.texts["en"]["ground"] == "It goes against our rules: care.self-harm (Terms 6.2)."
    assert held.dsa["category"] == "STATEMENT_CATEGORY_SELF_HARM"


def test_nothing_is_stated_where_nothing_was_done():
    happens("allow")
    while carry_on_once():
        pass
    assert not StatementOfReasons.objects.exists()


def test_without_an_owner_nobody_can_be_told_and_the_record_says_so():
    decision = happens("remove", by="", subject=Thing("message", "m-nobody", ""))
    statement = statement_of(decision)
    assert statement.excluded_reason == "no_contact_details" and statement.state == "withheld"
    assert not Delivery.objects.filter(type="statement.issued").exists()


def test_after_a_notice_the_statement_says_so_and_hides_who_sent_it():
    sent = happens("allow", by="u2")
    reported = report(Thing("message", sent.subject_id, "u2"), by="reporter-77", kind="trusted_flagger")
    while carry_on_once():
        pass
    removed = decide(
        person(), over=reported, action="remove", policy=policy(), reason="reporter-77 was asked for money"
    )
    statement = statement_of(removed)
    assert "trusted flagger" in statement.texts["en"]["source"]
    assert statement.dsa["source_type"] == "SOURCE_TRUSTED_FLAGGER"
    assert statement.dsa["automated_detection"] == "No"
    assert "reporter-77" not in json.dumps(statement.dsa)
    assert statement.dsa["content_date"] == f"{sent.event.occurred_at:%Y-%m-%d}"


@pytest.mark.parametrize("kind", [None, *NoticeKind])
def test_every_kind_of_notice_has_a_source(kind):
    assert source_type(kind) in schema.SOURCES


def test_the_sources_are_the_ones_the_law_means():
    assert source_type(NoticeKind.ARTICLE_16) == "SOURCE_ARTICLE_16"
    assert source_type(NoticeKind.TRUSTED_FLAGGER) == "SOURCE_TRUSTED_FLAGGER"
    assert source_type(None) == source_type(NoticeKind.PROACTIVE) == "SOURCE_VOLUNTARY"
    assert {source_type(kind) for kind in (NoticeKind.USER_REPORT, NoticeKind.ORDER_ACT)} == {
        "SOURCE_TYPE_OTHER_NOTIFICATION"
    }


def test_the_databases_lists_are_complete():
    assert len(schema.CATEGORIES) == 16 and len(schema.KEYWORDS) == len(set(schema.KEYWORDS)) == 69
    assert len(schema.COUNTRIES) == 30 and len(schema.LANGUAGES) == 24
    assert len(schema.VISIBILITY) == 7 and len(schema.PROVISION) == 4


def test_what_the_database_would_refuse_is_named():
    good = statement_of(happens("remove")).dsa
    for change, field in [
        ({"category": "STATEMENT_CATEGORY_SPAM"}, "category"),
        ({"puid": "a b"}, "puid"),
        ({"content_date": "1999-12-31"}, "content_date"),
        ({"decision_visibility": []}, "decision_visibility"),
        ({"decision_visibility": ["DECISION_VISIBILITY_OTHER"]}, "decision_visibility_other"),
        ({"content_type": ["CONTENT_TYPE_OTHER"]}, "content_type_other"),
        ({"illegal_content_legal_ground": "§ 1"}, "illegal_content_legal_ground"),
        ({"automated_detection": True}, "automated_detection"),
        ({"decision_facts": "x" * 5001}, "decision_facts"),
        ({"source_identity": "me"}, "source_identity"),
        ({"colour": "red"}, "colour"),
    ]:
        assert field in schema.problems(good | change), change
    assert "category" in schema.problems({name: value for name, value in good.items() if name != "category"})


def test_nobody_can_be_recognised_in_the_facts():
    text = "Call @carla.b at carla@example.org or +49 30 901820, see https://x.example/u/carla, account u-991"
    clean = redacted(text, ["u-991"])
    for personal in ("carla", "901820", "u-991"):
        assert personal not in clean
    assert "[email]" in clean and "[phone]" in clean and "[link]" in clean and "[id]" in clean


def test_the_address_opens_its_own_statement_only(settings):
    one, other = statement_of(happens("remove")), statement_of(happens("remove"))
    _, _, token = statement_url(one).rpartition("/")
    assert len(token) == 32 and statement_url(one).startswith(f"{settings.PUBLIC_URL}/portal/statements/{one.pk}/")
    assert statement_for(one.pk, token) == one
    assert statement_for(other.pk, token) is None
    assert statement_for(one.pk, token[:-1] + ("0" if token[-1] != "0" else "1")) is None
    assert statement_for("sor_nothing", token) is None
    settings.SECRET_KEY_FALLBACKS, settings.SECRET_KEY = [settings.SECRET_KEY], "a new one"
    assert statement_for(one.pk, token) == one  # links that were sent out outlive a change of keys


def test_overturned_the_statement_has_ended():
    removed = happens("remove", strike=1)
    statement = statement_of(removed)
    allowed = decide(person(), over=removed, action="allow", on_appeal=True)
    statement.refresh_from_db()
    assert statement.ended_at == allowed.decided_at and statement.state == "corrected_locally"
    assert not hasattr(allowed, "statement")


def test_upheld_with_another_reason_the_new_statement_takes_its_place():
    removed = happens("remove")
    old = statement_of(removed)
    upheld = decide(person(), over=removed, action="remove", policy=policy("spam.links"), on_appeal=True)
    new = StatementOfReasons.objects.get(decision=upheld)
    old.refresh_from_db()
    assert old.ended_at and new.ended_at is None
    assert new.texts["en"]["automation"].endswith("a person made it.")


def test_the_window_for_an_appeal_is_the_policys():
    statement = statement_of(happens("remove", key="short.window"))
    assert appeal_deadline(statement) - statement.issued_at == timedelta(days=184)
    policy("long.window", appeal={"seconds": 400 * 86_400})
    statement = statement_of(happens("remove", key="long.window"))
    assert appeal_deadline(statement) - statement.issued_at == timedelta(days=400)


def test_the_platform_gets_the_address_with_the_action():
    with recording() as record:
        add_endpoint(record, service().pk, "https://plaza.example/hooks")
    statement = statement_of(happens("remove"))
    applied = json.loads(Delivery.objects.get(type="action.apply").payload)["data"]
    issued = json.loads(Delivery.objects.get(type="statement.issued").payload)["data"]
    assert applied["statement_url"] == issued["statement_url"] == statement_url(statement)
    assert issued["account_id"] == "u1" and issued["summary"] == "We removed your message."


def test_an_order_of_an_authority_needs_no_statement():
    sent = happens("remove", queue="scams")
    while carry_on_once():
        pass
    with recording() as record:
        entity = entity_for("plaza", Thing("message", sent.subject_id, "u1"))
        file_notice(record, entity=entity, kind="order_art9", reason="order")
    decided = decide(person(), over=sent, action="remove", policy=policy())
    assert StatementOfReasons.objects.get(decision=decided).excluded_reason == "order_of_an_authority"
