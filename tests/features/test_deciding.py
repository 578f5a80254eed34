"""What people's decisions do: they take the place of what holds, once, with everything that follows."""

import pytest

from safehold.accounts.roles import Role
from safehold.desk.decisions.decide import decide
from safehold.desk.decisions.endpoints import add_endpoint
from safehold.desk.decisions.errors import AlreadyDecided, BadParams, NotIndependent, NotPermitted, PolicyNeeded
from safehold.desk.decisions.models import Action, Decision, Delivery, Outbox
from safehold.desk.decisions.outbox import carry_on_once
from safehold.desk.decisions.standing import standing_of
from safehold.desk.entities.subjects import Thing
from safehold.desk.reports.models import Notice
from safehold.record.recording import recording
from tests.world import happens, person, policy, report, service

pytestmark = pytest.mark.django_db


def carry_on() -> None:
    while carry_on_once():
        pass
    assert not Outbox.objects.filter(done_at=None).exists(), Outbox.objects.filter(done_at=None).values("error")


def endpoint() -> None:
    with recording() as record:
        add_endpoint(record, service().pk, "https://plaza.example/hooks")


def holds(kind: str, external_id: str) -> list[str]:
    return [action.type for action in standing_of("plaza", kind, external_id).actions]


def test_a_rules_decision_becomes_actions_and_webhooks_once():
    endpoint()
    held = happens("hold", queue="scams", labels=(("phishing", "actor", 86_400),))
    carry_on()
    carry_on()
    assert holds("message", held.subject_id) == ["hold"]
    assert standing_of("plaza", "account", "u1").labels.keys() == {"phishing"}
    applied = Delivery.objects.filter(type="action.apply")
    assert sorted(applied.values_list("action__type", flat=True)) == ["hold", "label"]


def test_removing_what_was_held_takes_the_hold_back_and_tells_the_platform():
    endpoint()
    held = happens("hold", queue="scams")
    carry_on()
    removed = decide(person(), over=held, action="remove", policy=policy(), reason="Same text to 30 strangers")
    assert holds("message", held.subject_id) == ["remove"]
    assert Action.objects.get(type="hold").state == "reversal_pending"
    assert Delivery.objects.filter(type="action.apply", action__type="hold").get().state == "cancelled"
    reverse = Delivery.objects.get(type="action.reverse")
    assert removed.pk in reverse.payload and '"in_force":[{"action_id"' in reverse.payload
    assert removed.automation == "not_automated" and removed.detection_automated


def test_confirming_what_rules_did_changes_nothing_at_the_platform():
    endpoint()
    suspended = happens("suspend", seconds=86_400)
    carry_on()
    before = Action.objects.get()
    confirmed = decide(
        person(), over=suspended, action="suspend", policy=policy(), params={"seconds": 86_400}, on_appeal=True
    )
    assert Action.objects.get() == before and Action.objects.get().ends_at == before.ends_at
    assert Delivery.objects.filter(type="action.reverse").count() == 0
    assert confirmed.automation == "partially"


def test_only_one_of_two_moderators_decides():
    held = happens("hold", queue="scams")
    carry_on()
    first = decide(person(), over=held, action="allow")
    with pytest.raises(AlreadyDecided) as refused:
        decide(person(), over=held, action="remove", policy=policy())
    assert refused.value.by == first


def test_nothing_is_written_when_a_decision_is_refused():
    held = happens("hold", queue="scams")
    carry_on()
    moderator, reader = person(Role.MODERATOR), person(Role.READ_ONLY)
    with pytest.raises(NotPermitted, match=r"actions\.terminate"):
        decide(moderator, over=held, action="terminate", policy=policy())
    with pytest.raises(NotPermitted, match=r"tasks\.review"):
        decide(reader, over=held, action="allow")
    with pytest.raises(PolicyNeeded, match="Say which policy"):
        decide(moderator, over=held, action="remove")
    with pytest.raises(BadParams, match="needs an end"):
        decide(moderator, over=held, action="suspend", policy=policy())
    with pytest.raises(BadParams, match="takes no colour"):
        decide(moderator, over=held, action="remove", policy=policy(), params={"colour": "red"})
    assert Decision.objects.count() == 1


def test_who_took_part_cannot_hear_the_appeal():
    held = happens("hold", queue="scams")
    carry_on()
    first = person()
    removed = decide(first, over=held, action="remove", policy=policy())
    with pytest.raises(NotIndependent):
        decide(first, over=removed, action="allow", on_appeal=True)
    decide(person(), over=removed, action="allow", on_appeal=True)
    assert holds("message", held.subject_id) == []


def test_a_strike_counts_until_its_decision_is_overturned():
    struck = happens("remove", strike=2)
    carry_on()
    assert standing_of("plaza", "account", "u1").weight == 2
    confirmed = decide(person(), over=struck, action="remove", policy=policy())
    assert standing_of("plaza", "account", "u1").weight == 2
    decide(person(), over=confirmed, action="allow", on_appeal=True)
    assert standing_of("plaza", "account", "u1").weight == 0


def test_a_label_that_another_decision_set_too_outlives_the_first():
    first = happens("label", labels=(("spammer", "actor", None),))
    second = happens("label", labels=(("spammer", "actor", 3_600),))
    carry_on()
    decide(person(), over=first, action="allow")
    assert standing_of("plaza", "account", "u1").labels["spammer"] == Action.objects.get(decision=second).ends_at
    decide(person(), over=second, action="allow")
    assert standing_of("plaza", "account", "u1").labels == {}


def test_a_person_keeps_the_labels_of_rules_unless_told_otherwise():
    held = happens("hold", queue="scams", labels=(("phishing", "actor", 3_600),))
    carry_on()
    removed = decide(person(), over=held, action="remove", policy=policy())
    assert removed.params["labels"] == [{"name": "phishing", "on": "account"}]
    assert "phishing" in standing_of("plaza", "account", "u1").labels
    decide(person(), over=removed, action="remove", policy=policy(), params={"labels": []})
    assert standing_of("plaza", "account", "u1").labels == {}


def test_a_report_is_about_what_was_reported_and_its_reporter_is_answered():
    endpoint()
    sent = happens("allow", by="u2")
    carry_on()
    reported = report(Thing("message", sent.subject_id, "u2"), by="u5")
    carry_on()
    notice = Notice.objects.get()
    assert (notice.entity.kind, notice.entity.external_id) == ("message", sent.subject_id)
    assert Delivery.objects.get(type="report.received").about == notice.pk
    suspended = decide(person(), over=reported, action="suspend", policy=policy(), params={"seconds": 3600})
    assert (suspended.subject_id, suspended.account_id) == (sent.subject_id, "u2")
    assert holds("account", "u2") == ["suspend"] and holds("account", "u5") == []
    notice.refresh_from_db()
    assert notice.state == "actioned"
    assert '"outcome":"actioned"' in Delivery.objects.get(type="report.decided").payload
    decide(person(), over=suspended, action="allow", on_appeal=True)
    notice.refresh_from_db()
    assert notice.state == "no_action"
    assert Delivery.objects.filter(type="report.decided").count() == 2


def test_two_reports_of_one_message_in_one_queue_are_answered_together():
    sent = happens("allow", by="u2")
    reports = [report(Thing("message", sent.subject_id, "u2"), by=by) for by in ("u5", "u6")]
    carry_on()
    decide(person(), over=reports[1], action="remove", policy=policy())
    assert {notice.state for notice in Notice.objects.all()} == {"actioned"}
    with pytest.raises(AlreadyDecided):
        decide(person(), over=reports[0], action="allow")
    assert holds("message", sent.subject_id) == ["remove"]


def test_a_failing_row_waits_with_its_error_and_holds_nothing_up():
    broken = happens("suspend")  # a suspension without an end
    fine = happens("hold")
    assert sum(iter(carry_on_once, 0)) == 2  # one slice of time, or two on a busy machine
    rows = {row.reference: row for row in Outbox.objects.all()}
    assert "suspend needs an end" in rows[broken.pk].error and rows[broken.pk].done_at is None
    assert rows[broken.pk].next_at is not None and rows[broken.pk].attempts == 1
    assert rows[fine.pk].done_at and holds("message", fine.subject_id) == ["hold"]
    assert carry_on_once() == 0


def test_a_person_may_decide_before_the_outbox_came_to_it():
    held = happens("hold", queue="scams", labels=(("phishing", "actor", None),))
    decide(person(), over=held, action="allow")
    carry_on()
    assert holds("message", held.subject_id) == [] and standing_of("plaza", "account", "u1").labels == {}
    assert Action.objects.filter(state="reversal_pending").count() == 2


def test_a_person_can_put_right_what_a_rule_asked_for_in_vain():
    broken = happens("suspend", labels=(("phishing", "actor", None),))  # without an end
    carry_on_once()
    decide(person(), over=broken, action="suspend", policy=policy(), params={"seconds": 60, "labels": []})
    assert holds("account", "u1") == ["suspend"] and standing_of("plaza", "account", "u1").labels == {}
    assert "needs an end" in Outbox.objects.get().error and Outbox.objects.get().done_at


def test_one_answer_ends_every_hold_that_asked_the_same_queue():
    subject = Thing("content", "c7", "u1")
    first, second = (happens("hold", subject=subject, queue="scams") for _ in range(2))
    other = happens("limit", subject=subject, queue="harassment")
    carry_on()
    allowed = decide(person(), over=first, action="allow")
    assert holds("content", "c7") == ["limit"]  # another queue is another question
    settled = Decision.objects.get(override_of=second)
    assert settled.params == {"settled_by": allowed.pk} and settled.strike_weight == 0
    assert not Decision.objects.filter(override_of=other).exists()
