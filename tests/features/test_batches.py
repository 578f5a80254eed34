"""All that a rule did is taken back at once, and afterwards it is as if it had never been; a rule is applied to the past, and
that is taken back too. Counted, confirmed by typing the count, stopped and resumed, each decision once.
"""

from datetime import timedelta
from pathlib import Path

import pytest
from django.conf import settings
from django.utils import timezone

from safehold.accounts.roles import Role
from safehold.desk.decisions.decide import decide
from safehold.desk.decisions.models import Action, Decision, Delivery, LabelChange, Strike
from safehold.desk.decisions.outbox import carry_on_once
from safehold.desk.decisions.standing import labels_after, standing_of
from safehold.desk.entities.subjects import Thing
from safehold.desk.rules import batches
from safehold.desk.rules.batches import BatchRefused, confirm, resume, retro, revert, step, stop
from safehold.desk.rules.folder import open_policies
from safehold.desk.rules.in_force import bundle_of
from safehold.desk.rules.looking import found
from safehold.desk.rules.models import Batch, BatchItem
from safehold.record.models import AuditEvent
from safehold.record.moves import check_moves
from safehold.states import InvalidTransition
from tests.gateway_server import policy_folder
from tests.world import happens, person, policy, service

RULE = "scams.outreach/r1"
LABELS = (("phishing", "actor", 86_400), ("seen", "content", None))


def carry_on() -> None:
    while carry_on_once():
        pass


def to_the_end(batch: Batch, limit: int = 3) -> Batch:
    while step(batch.pk, limit):
        pass
    batch.refresh_from_db()
    return batch


def history(slug: str, *, with_rule: bool) -> None:
    """Decisions of another rule and, perhaps, of the one that is taken back, all about the same people."""
    for number in range(6):
        thing = Thing("message", f"m{number}", f"u{number % 2}")
        happens("warn", about=thing, by=thing.owner, subject=thing, key="spam.bulk", strike=1, slug=slug)
        if with_rule:
            happens("remove", about=thing, by=thing.owner, subject=thing, labels=LABELS, strike=2, slug=slug)
            happens(
                "suspend", about=thing, by=thing.owner, subject=thing, seconds=3600, strike=3, slug=slug, queue="scams"
            )
    carry_on()


def what_holds(slug: str) -> dict[str, object]:
    holds: dict[str, object] = {}
    for kind, ids in (("message", [f"m{n}" for n in range(6)]), ("account", ["u0", "u1"])):
        for each in ids:
            standing = standing_of(slug, kind, each)
            feed = LabelChange.objects.filter(service_id=slug, kind=kind, external_id=each).order_by("position")
            assert labels_after(feed, timezone.now()) == standing.labels
            actions = sorted((action.type, str(action.params)) for action in standing.actions)
            holds[f"{kind} {each}"] = (actions, sorted(s.weight for s in standing.strikes), sorted(standing.labels))
    return holds


def test_after_a_revert_it_is_as_if_the_rule_had_never_been(fresh_database, monkeypatch):
    service("never")
    history("plaza", with_rule=True)
    history("never", with_rule=False)
    assert what_holds("plaza") != what_holds("never")
    boss = person(Role.ADMIN)
    batch = revert(boss, rule=RULE, reason="The rule was wrong.")
    assert (batch.state, batch.counted) == ("counted", 12)
    assert what_holds("plaza") != what_holds("never")  # nothing is done before somebody confirms
    with pytest.raises(BatchRefused, match="You typed 11, and these are 12"):
        confirm(boss, batch.pk, 11)
    confirm(boss, batch.pk, 12)
    assert step(batch.pk, 5) == 5
    stop(boss, batch.pk)
    assert step(batch.pk) == 0  # stopped is stopped
    resume(boss, batch.pk)
    batch = to_the_end(batch)
    assert (batch.state, batch.done, batch.left_alone, batch.failed) == ("done", 12, 0, 0)
    assert what_holds("plaza") == what_holds("never")
    over = Decision.objects.filter(override_of__rule=RULE)
    assert over.count() == 12 and {(each.action, each.person_id, each.reason) for each in over} == {
        ("allow", boss.pk, "The rule was wrong.")
    }
    assert not Strike.objects.filter(service_id="plaza", weight__gt=1, voided_by=None).exists()
    assert list(check_moves()) == []
    verbs = AuditEvent.objects.filter(object_id=batch.pk).order_by("id").values_list("verb", flat=True)
    assert list(verbs) == ["batch.counted", "batch.confirmed", "batch.stopped", "batch.resumed", "batch.finished"]
    again = revert(boss, rule=RULE, reason="Again")
    assert again.counted == 0
    with pytest.raises(BatchRefused, match="nothing to do"):
        confirm(boss, again.pk, 0)


def test_what_people_decided_stays_and_a_failure_keeps_nothing_up(fresh_sqlite, monkeypatch):
    made = [happens("remove", by=f"u{number}") for number in range(4)]
    carry_on()
    boss, moderator = person(Role.ADMIN), person()
    batch = revert(boss, rule=RULE, reason="Wrong")
    decide(moderator, over=made[0], action="warn", policy=policy(), reason="It is a breach")
    real = batches.take_back

    def take_back(record, who, decision_id, **more):
        if decision_id == made[1].pk:
            raise RuntimeError("disk on fire")
        return real(record, who, decision_id, **more)

    monkeypatch.setattr(batches, "take_back", take_back)
    confirm(boss, batch.pk, 4)
    batch = to_the_end(batch)
    assert (batch.done, batch.left_alone, batch.failed, batch.to_do) == (2, 1, 1, 0)
    why = dict(BatchItem.objects.filter(batch=batch).exclude(why="").values_list("over_id", "why"))
    assert why == {made[0].pk: "another decision has taken its place", made[1].pk: "RuntimeError: disk on fire"}
    assert Action.objects.get(decision=made[1]).state == "pending"


def test_one_version_or_one_period_is_taken_back_and_no_other(fresh_sqlite):
    old, new = timezone.now() - timedelta(days=3), timezone.now() - timedelta(hours=1)
    first = happens("remove", at=old)
    happens("remove", at=new)
    carry_on()
    boss = person(Role.POLICY_AUTHOR)
    assert revert(boss, rule=RULE, reason="x", until=timezone.now() - timedelta(days=1)).counted == 1
    assert revert(boss, version=first.policy_id, reason="x").counted == 2
    for wrong in ({}, {"rule": RULE, "version": first.policy_id}, {"version": "pol_nothing"}):
        with pytest.raises(BatchRefused):
            revert(boss, reason="x", **wrong)
    with pytest.raises(BatchRefused, match="Say why"):
        revert(boss, rule=RULE, reason=" ")
    with pytest.raises(BatchRefused, match="roles"):
        revert(person(), rule=RULE, reason="x")


@pytest.fixture
def rules(fresh_sqlite, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    bundle_of.cache_clear()
    monkeypatch.setattr(settings, "SAFEHOLD_POLICIES", policy_folder(tmp_path / "policies"))
    monkeypatch.setattr(settings, "VAR", tmp_path / "var")
    open_policies()
    return tmp_path / "policies"


def test_a_rule_is_applied_to_the_past_and_that_is_taken_back_whole(rules):
    texts = ["hello", "buy pills now", "buy pills, cheap", "see you", "buy pills"]
    data = [{"message_id": f"r{n}", "recipient_id": "u9", "text": text} for n, text in enumerate(texts)]
    past = [
        happens("allow", by=f"u{n}", subject=Thing("message", f"r{n}", f"u{n}"), data=each)
        for n, each in enumerate(data)
    ]
    carry_on()
    decide(person(), over=past[4], action="allow", reason="A person has looked")
    boss = person(Role.ADMIN)
    now = timezone.now()
    batch = retro(boss, rule="spam.pills/pills", since=now - timedelta(days=1), until=now + timedelta(minutes=1))
    assert batch.state == "looking"
    batches.fill(batch, list(found(batch)))
    batch.refresh_from_db()
    assert (batch.state, batch.counted) == ("counted", 2)
    assert not Decision.objects.filter(action="remove").exists()
    confirm(boss, batch.pk, 2)
    batch = to_the_end(batch)
    assert (batch.state, batch.done) == ("done", 2)
    made = Decision.objects.filter(rule="spam.pills/pills").order_by("decided_at")
    assert [each.override_of_id for each in made] == [past[1].pk, past[2].pk]
    for each in made:
        assert (each.action, each.automation, each.person, each.params["batch"]) == ("remove", "fully", None, batch.pk)
        assert each.bundle == bundle_of(1).hash and each.policy.key == "spam.pills" and each.strike_weight == 2
        assert each.reason == "It advertises pills" and batch.pk in each.note
    assert set(standing_of("plaza", "account", "u1").labels) == {"pill-seller"}
    back = revert(boss, batch=batch.pk, reason="We tried it on too much")
    assert back.counted == 2
    confirm(boss, back.pk, 2)
    to_the_end(back)
    for n in (1, 2):
        standing = standing_of("plaza", "account", f"u{n}")
        assert (standing.labels, standing.weight, standing.actions) == ({}, 0, ())
        assert standing_of("plaza", "message", f"r{n}").actions == ()
    assert list(check_moves()) == []
    with pytest.raises(InvalidTransition):
        confirm(boss, back.pk, 2)
    assert Delivery.objects.count() == 0


def test_labels_go_where_the_gateway_would_put_them_and_come_off_with_the_batch(rules):
    text = (rules / "spam.yaml").read_text()
    victim = """  - id: lure
    mode: live
    when: data.text.contains("your parcel")
    then: {action: allow, label: {name: targeted, on: target, for: 30d}}
"""
    (rules / "spam.yaml").write_text(text.replace("rules:\n", f"rules:\n{victim}"))
    open_policies()
    data = {"message_id": "r1", "recipient_id": "v1", "text": "pay for your parcel", "target": {"id": "v1"}}
    for number, (words, target) in enumerate(
        [("your parcel", {"id": "v1"}), ("your parcel", {}), ("hello", {"id": "v2"})]
    ):
        told = data | {"text": words, "target": target, "message_id": f"r{number}"}
        happens("allow", by="u1", subject=Thing("message", f"r{number}", "u1"), data=told)
    carry_on()
    boss, now = person(Role.ADMIN), timezone.now()
    batch = retro(boss, rule="spam.pills/lure", since=now - timedelta(days=1), until=now + timedelta(minutes=1))
    batches.fill(batch, list(found(batch)))
    batch.refresh_from_db()
    assert batch.counted == 2
    confirm(boss, batch.pk, 2)
    batch = to_the_end(batch)
    assert (batch.done, batch.left_alone) == (2, 0)
    assert set(standing_of("plaza", "account", "v1").labels) == {"targeted"}
    for other in ("u1", "v2", "u9"):
        assert standing_of("plaza", "account", other).labels == {}
    again = retro(boss, rule="spam.pills/lure", since=now - timedelta(days=1), until=now + timedelta(minutes=1))
    assert list(found(again)) == []  # what is labelled is not labelled again
    back = revert(boss, batch=batch.pk, reason="Not a lure")
    confirm(boss, back.pk, back.counted)
    assert to_the_end(back).done == 2
    assert standing_of("plaza", "account", "v1").labels == {}
    feed = LabelChange.objects.filter(service_id="plaza", external_id="v1").order_by("position")
    assert [change.voided for change in feed] == [False, True]
    assert list(check_moves()) == []


def test_looking_runs_in_a_process_of_its_own(rules, monkeypatch, fresh_sqlite):
    monkeypatch.setenv("SAFEHOLD_DATABASE_URL", fresh_sqlite.url)
    monkeypatch.setenv("SAFEHOLD_POLICIES", str(rules))
    happens(
        "allow",
        data={"message_id": "p1", "recipient_id": "u9", "text": "buy pills"},
        subject=Thing("message", "p1", "u1"),
    )
    carry_on()
    now = timezone.now()
    batch = retro(
        person(Role.ADMIN), rule="spam.pills/pills", since=now - timedelta(days=1), until=now + timedelta(minutes=1)
    )
    batches.look(batch)
    batch.refresh_from_db()
    assert (batch.state, batch.counted) == ("counted", 1)
    monkeypatch.setenv("SAFEHOLD_POLICIES", str(rules / "nowhere"))
    lost = retro(batch.person, rule="spam.pills/pills", since=now - timedelta(days=1), until=now)
    batches.look(lost)
    lost.refresh_from_db()
    assert lost.state == "failed" and "no such folder" in lost.reason


def test_the_pages_ask_for_the_count_and_show_how_far_it_is(fresh_sqlite, client):
    for number in range(3):
        happens("remove", by=f"u{number}")
    carry_on()
    client.force_login(person(Role.ADMIN))
    page = client.get(f"/policies/batches/new/?kind=revert&rule={RULE}").content.decode()
    assert RULE in page
    asked = {"kind": "revert", "rule": RULE, "reason": ""}
    assert client.post("/policies/batches/new/", asked).status_code == 422
    there = client.post("/policies/batches/new/", asked | {"reason": "Wrong"})["Location"]
    page = client.get(there).content.decode()
    assert "Type how many decisions these are to do it: 3" in page and "Nothing has been done yet" in page
    assert "You typed 2" in client.post(f"{there}confirm/", {"count": "2"}, follow=True).content.decode()
    client.post(f"{there}confirm/", {"count": "3"})
    running = client.get(there, headers={"HX-Request": "true"}).content.decode()
    assert "<html" not in running and "hx-get" in running
    to_the_end(Batch.objects.get())
    assert client.get(there, headers={"HX-Request": "true"})["HX-Refresh"] == "true"  # its buttons are others now
    done = client.get(there).content.decode()
    assert "hx-get" not in done and "Revert this batch" in done
    assert "Revert scams.outreach/r1" in client.get("/policies/batches/").content.decode()
    retro_page = client.post("/policies/batches/new/", {"kind": "retro", "rule": RULE, "reason": "x"})
    assert "needs both ends" in retro_page.content.decode()
