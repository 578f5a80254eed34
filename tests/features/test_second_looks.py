"""A second look by a large model: the event is answered and recorded at once, whatever the judge does; what the judge says is an
event of its own, decided like every other, recorded like every other, and never asked for again."""

import json
import re
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from django.core.exceptions import ImproperlyConfigured
from django.utils import timezone
from typer.testing import CliRunner

from safehold.accounts.keys import create_key
from safehold.accounts.roles import Scope
from safehold.cli.looks import app
from safehold.desk.decisions.models import Action, Decision
from safehold.desk.entities.models import Event
from safehold.desk.looks import taking
from safehold.desk.looks.claiming import rooms
from safehold.desk.looks.forgetting import forget
from safehold.desk.looks.models import Look
from safehold.desk.looks.norms import norm_of
from safehold.desk.looks.setup import current, read
from safehold.desk.looks.taking import Asker, take
from safehold.desk.looks.wanting import wants
from safehold.desk.rules.in_force import bundle_of
from safehold.engine import Engine, load_bundle
from safehold.engine.event import lift
from safehold.record.verification import verify_record
from safehold.signals.remote.kept import Kept
from tests.gateway_server import database_of_its_own, free_port, message, policy_folder, serving
from tests.judge_server import Model, send
from tests.judge_server import serving as modelling
from tests.receiver import Receiver
from tests.world import service

GOBLINS = """
policy: hate.goblins
title: Hate against goblins
severity: high
guidance: Calls for the death of goblins are not allowed. To speak of them is.
on: [message.sent, message.judged]
rules:
  - {id: spoken-of, mode: shadow, on: [message.sent], when: 'data.text.contains("goblin")', then: {action: hold}}
  - id: judged
    on: [message.judged]
    when: signals.judge.violation && signals.judge.confidence > 0.8
    then: {action: remove, reason: It calls for somebody's death}
  - id: two-minds
    on: [message.judged]
    when: signals.judge.disagrees
    then: {action: hold, queue: abuse}
examples:
  - name: a call
    event: {type: message.judged, data: {text: goblins should die}}
    signals: {judge.violation: true, judge.confidence: 0.9, judge.disagrees: false}
    expect: {judged: remove}
  - name: a fact
    event: {type: message.judged, data: {text: goblins live in caves}}
    signals: {judge.violation: false, judge.confidence: 0.9, judge.disagrees: false}
    expect: none
"""
TROLLS = """
policy: hate.trolls
title: Hate against trolls
severity: high
guidance: The same for trolls.
on: [message.sent, message.judged]
rules:
  - {id: spoken-of, mode: shadow, on: [message.sent], when: 'data.text.contains("troll")', then: {action: hold}}
  - id: judged
    on: [message.judged]
    when: signals.judge.violation
    then: {action: remove}
  - id: toxic
    on: [message.judged]
    when: signals.remote.google_highest > 0.9
    then: {action: hold, queue: abuse}
"""


@pytest.fixture(scope="module")
def place(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[SimpleNamespace]:
    """A server that decides and carries on; a judge, a service and a dead judge that it asks; all real, on this machine."""
    folder = tmp_path_factory.mktemp("looks")
    policies = policy_folder(folder / "policies")
    (policies / "goblins.yaml").write_text(GOBLINS)
    (policies / "trolls.yaml").write_text(TROLLS)
    model, scores = Model(), {"moderationCategories": [{"name": "Toxic", "confidence": 0.95}]}
    google = Receiver(answer=lambda handler, body: send(handler, 200, json.dumps(scores).encode()))
    with database_of_its_own("sqlite", request, folder) as url, modelling(model) as judge, google:
        service("plaza")
        _, secret = create_key(None, "looks", [Scope.WRITE_EVENTS], service="plaza")
        _, sender = create_key(None, "platform", list(Scope), service="plaza")
        key, file = folder / "looks-key", folder / "looks.yaml"
        key.write_text(secret)
        file.write_text(json.dumps(setup(key, judge.url, google.url)))
        with serving(url, policies, folder, workers=1, looks=file, rate=0) as server:
            yield SimpleNamespace(
                server=server, client=server.client(sender), model=model, policies=policies, file=file, folder=folder
            )


def setup(key: Path, judge: str, google: str) -> dict[str, Any]:
    limits = {"tries": 1, "timeout": 30.0}
    small = {"signal": "lexicon", "field": "severity", "at": 1}
    return {
        "gateway": {"key": f"file:{key}"},
        "patience": 0.0,
        "services": {
            "model": {"kind": "judge", "url": judge.replace("/hooks", "/v1"), "model": "m", "private": True, "limits": limits},
            "dead": {"kind": "judge", "url": f"http://127.0.0.1:{free_port()}/v1", "model": "m", "private": True,
                     "limits": limits},
            "google": {"kind": "google", "url": google.replace("/hooks", ""), "key": f"file:{key}", "private": True},
        },
        "looks": [
            {"policy": "hate.goblins", "ask": ["model"], "on": ["message.sent"], "rules": ["hate.goblins/spoken-of"],
             "small": small, "categories": ["hate"]},
            {"policy": "hate.trolls", "ask": ["dead", "google"], "on": ["message.sent"], "rules": ["hate.trolls/spoken-of"]},
        ],
    }  # fmt: skip


def says(place: SimpleNamespace, number: object, text: str) -> dict[str, Any]:
    answer = place.client.post(
        "/v1/events", json=message(number, text), headers={"Content-Type": "application/cloudevents+json"}
    )
    assert answer.status_code == 200, answer.text
    decision: dict[str, Any] = answer.json()
    return decision


def judged(number: object, seconds: float = 60) -> Decision:
    """The decision on what the judge said of a message, once there is one."""
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        found = Decision.objects.filter(subject_id=f"m-{number}", event__type="message.judged").select_related("event")
        if (decision := found.first()) is not None and not Look.objects.filter(
            decision__subject_id=f"m-{number}", finished_at=None
        ).exists():
            return decision
        time.sleep(0.05)
    raise AssertionError(f"nobody judged m-{number}: {list(Look.objects.values())}")


def test_what_the_judge_says_is_an_event_that_rules_decide_on(place: SimpleNamespace) -> None:
    first = says(place, "death", "goblins should die")
    assert first["action"] == "allow" and place.model.seen == []
    decision = judged("death")
    assert (decision.action, decision.rule) == ("remove", "hate.goblins/judged"), decision.verdict
    assert (decision.subject_kind, decision.account_id) == ("message", "u1")
    [run] = [run for run in decision.verdict["signals"] if run["signal"] == "judge"]
    assert run["values"]["violation"] is True and run["values"]["rationale"] == "It calls for somebody's death."
    assert run["values"]["disagrees"] is True and run["values"]["small"] == 0.0  # the lexicon finds nothing in it
    said = json.loads(decision.event.body)["data"]
    assert said["of"]["decision"] == first["decision"] and said["judge"]["policy"] == "hate.goblins"
    asked = json.dumps(place.model.seen[0])
    assert "Calls for the death of goblins are not allowed" in asked and "goblins live in caves" in asked
    look = Look.objects.get(decision_id=first["decision"])
    assert (look.outcome, look.why) == ("answered", "")
    until = time.monotonic() + 60
    while not Action.objects.filter(decision=decision, type="remove", target_id="m-death").exists():
        assert time.monotonic() < until
        time.sleep(0.05)


def test_events_are_answered_while_the_judge_thinks_and_nothing_is_asked_of_others(place: SimpleNamespace) -> None:
    before = len(place.model.seen)
    thought = threading.Event()
    place.model.fault = lambda handler: not thought.wait(60)
    try:
        for number in range(12):  # more than there are threads that ask
            says(place, f"slow-{number}", f"goblins should die, number {number}")
        until = time.monotonic() + 30
        while len(place.model.seen) - before < 4 and time.monotonic() < until:
            time.sleep(0.02)
        for number in range(40):
            assert says(place, f"meanwhile-{number}", "See you at eight?")["action"] in ("allow", "limit")
        # A service that hangs keeps nobody from those who ask others.
        says(place, "troll-meanwhile", "trolls should go")
        assert judged("troll-meanwhile").rule == "hate.trolls/toxic"
        assert len(place.model.seen) - before == 4, "as many at once as the service takes"
        assert Decision.objects.filter(subject_id__startswith="m-slow", event__type="message.judged").count() == 0
    finally:
        thought.set()
        place.model.fault = None
    assert {judged(f"slow-{number}").action for number in range(12)} == {"remove"}
    assert not Look.objects.filter(decision__subject_id__startswith="m-meanwhile").exists()


def test_a_dead_judge_is_unknown_with_its_reason_and_others_still_answer(place: SimpleNamespace) -> None:
    says(place, "troll", "trolls should go")
    decision = judged("troll")
    assert (decision.action, decision.rule) == ("hold", "hate.trolls/toxic"), decision.verdict
    [undecided] = [
        each for each in decision.verdict["undecided"] if (each["policy"], each["rule"]) == ("hate.trolls", "judged")
    ]
    assert undecided["cause"] == "unknown" and "dead" in undecided["detail"]
    assert Look.objects.get(decision__subject_id="m-troll").outcome == "answered"


def test_a_look_that_is_taken_again_after_a_crash_is_recorded_once(
    place: SimpleNamespace, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    says(place, "crash", "goblins should die, he said")
    judged("crash")
    look = asked_again(Look.objects.get(decision__subject_id="m-crash"))
    monkeypatch.setattr(taking.settings, "PUBLIC_URL", place.server.url)
    monkeypatch.setattr(taking.settings, "SAFEHOLD_POLICIES", place.policies)
    bundle_of.cache_clear()
    kept = Kept(tmp_path / "kept")
    take(Asker(read(place.file), kept), look.pk)
    assert Look.objects.get(pk=look.pk).outcome == "answered"
    assert Event.objects.filter(source_id=look.event_id).count() == 1
    # One that has ended is not taken again, by whoever had it before; one of a policy that nobody asks by any more is needless.
    seen = len(place.model.seen)
    take(Asker(read(place.file), kept), look.pk)
    assert (Look.objects.get(pk=look.pk).outcome, len(place.model.seen)) == ("answered", seen)
    look = asked_again(look, policy="hate.nobody")
    take(Asker(read(place.file), kept), look.pk)
    assert Look.objects.get(pk=look.pk).outcome == "skipped"
    kept.close()


def asked_again(look: Look, **changed: Any) -> Look:
    """The row as it was before it was taken, as a restored database has it."""
    look.delete()
    return Look.objects.create(decision_id=look.decision_id, **{"policy": look.policy, **changed})


def test_each_policy_has_as_many_looks_at_a_time_as_the_services_it_asks_take(place: SimpleNamespace) -> None:
    document = json.loads(place.file.read_text())
    document["services"]["google"]["limits"] = {"at_once": 2}
    document["services"]["model"]["limits"] = {"at_once": 100}
    (file := place.folder / "rooms.yaml").write_text(json.dumps(document))
    assert rooms(read(file)) == {"hate.goblins": 21, "hate.trolls": 2, "": 1}


def test_the_past_is_decided_again_without_asking_anybody(place: SimpleNamespace) -> None:
    decision = judged("death")
    asked = len(place.model.seen)
    verdict = Engine(load_bundle(place.policies)).decide(lift(json.loads(decision.event.body)))
    assert (verdict.action, verdict.winner) == ("remove", "hate.goblins/judged")
    values = [{run.signal: run.values for run in verdict.signals}["judge"]]
    assert values == [run["values"] for run in decision.verdict["signals"] if run["signal"] == "judge"]
    assert len(place.model.seen) == asked
    # Checkpoints are signed with the server's own key, which this process doesn't have.
    assert [each for each in verify_record().findings if not each.subject.startswith("checkpoint")] == []


def test_policies_speak_for_themselves_and_examples_that_rest_on_counts_stay_away(place: SimpleNamespace) -> None:
    bundle = load_bundle(place.policies)
    wanted = read(place.file).looks[0]
    norm = norm_of(bundle.policy("hate.goblins"), bundle.event_types, wanted)
    assert 'Breaks the policy: "goblins should die"' in norm.text and norm.planted == "goblins should die"
    assert 'Does not break it: "goblins live in caves"' in norm.text and norm.categories == ("hate",)
    pills = norm_of(bundle.policy("spam.pills"), bundle.event_types, wanted)
    assert pills.categories == ("hate",) and "buy pills" not in pills.text  # its example needs a window


def test_looks_are_wanted_where_a_rule_matched_or_the_small_model_is_unsure(place: SimpleNamespace) -> None:
    wanted = read(place.file).looks[0]
    assert wants(wanted, {"hits": [{"policy": "hate.goblins", "rule": "spoken-of", "mode": "shadow"}]})
    assert not wants(wanted, {"hits": [{"policy": "hate.goblins", "rule": "judged"}]}) and not wants(wanted, None)
    band = {"signal": "harm", "field": "toxicity", "low": 0.4, "high": 0.8}
    setup = json.loads(place.file.read_text())
    setup["looks"][0] |= {"unsure": band, "rules": []}
    (other := place.folder / "other.yaml").write_text(json.dumps(setup))
    unsure = read(other).looks[0]
    scores = {0.3: False, 0.4: True, 0.8: True, 0.81: False}
    for score, wanted_at in scores.items():
        run = {"signal": "harm", "version": "1", "micros": 1, "values": {"toxicity": score}}
        assert wants(unsure, {"signals": [run]}) is wanted_at
        assert not wants(unsure, {"signals": [run | {"error": "no model"}]})  # unknown is not unsure


def test_looks_are_checked_asked_and_counted_at_the_shell(
    place: SimpleNamespace, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(taking.settings, "SAFEHOLD_POLICIES", place.policies)
    monkeypatch.setattr(taking.settings, "VAR", tmp_path)
    shell, file = CliRunner(), ["--file", str(place.file)]
    assert "ok  3 services, 2 looks" in shell.invoke(app, ["check", *file]).stdout
    document = json.loads(place.file.read_text())
    document["looks"][0] |= {"rules": ["hate.goblins/nothing"], "on": ["post.made"]}
    document["services"]["google"]["key"] = "env:NO_SUCH_KEY"
    document["looks"][1] |= {"small": {"field": "taste"}}
    (wrong := tmp_path / "wrong.yaml").write_text(json.dumps(document))
    said = shell.invoke(app, ["check", "--file", str(wrong)])
    assert said.exit_code == 1
    for words in ("no rule hate.goblins/nothing", "no event type post.made", "env:NO_SUCH_KEY", "measures harm.taste"):
        assert words in said.stderr
    asked = shell.invoke(app, ["ask", "hate.goblins", "goblins should die", *file])
    assert asked.exit_code == 0 and "hate, 90 % sure" in asked.stdout and "somebody's death" in asked.stdout
    asked = shell.invoke(app, ["ask", "hate.trolls", "-", "--json", *file], input="trolls should go")
    dead, google = json.loads(asked.stdout)
    assert asked.exit_code == 1 and "dead" in dead["reason"] and google["answer"]["scores"] == {"Toxic": 0.95}
    # In a process of its own, where Django is not set up yet.
    elves = [sys.executable, "-m", "safehold.cli", "looks", "ask", "hate.elves", "x", *file]
    assert "no look by hate.elves" in subprocess.run(elves, capture_output=True, text=True).stderr
    status = shell.invoke(app, ["status", *file]).stdout
    assert "0 wait" in status and re.search(r"^model +1 +no limit +340 ", status, re.MULTILINE)


@pytest.mark.parametrize(
    ("path", "value", "why"),
    [
        (("services", "model", "model"), "", r"`services\.model` needs a `url`"),
        (("services", "google", "key"), "sk-123", r"`services\.google`\.key must name where the key is"),
        (("services", "google", "kind"), "yahoo", "yahoo"),
        (("services", "model", "limits"), {"timeout": -1}, "timeout"),
        (("services", "model", "colour"), "red", "unknown field `colour`"),
        (("looks", 0, "ask"), ["nobody"], "there is no service `nobody`"),
        (("looks", 0, "ask"), ["model", "dead"], "one service of a kind"),
        (("looks", 0, "on"), ["message.judged"], "what comes of a second look"),
        (("looks", 0, "policy"), 7, r"\$\.looks\[0\]\.policy"),
        (("gateway", "key"), "abc", r"`gateway\.key` must name"),
    ],
)
def test_a_file_that_is_wrong_is_refused_and_says_where(
    place: SimpleNamespace, tmp_path: Path, path: tuple[Any, ...], value: Any, why: str
) -> None:
    document = json.loads(place.file.read_text())
    inner = document
    for part in path[:-1]:
        inner = inner[part]
    inner[path[-1]] = value
    (file := tmp_path / "looks.yaml").write_text(json.dumps(document))
    with pytest.raises(ImproperlyConfigured, match=why) as error:
        read(file)
    assert "sk-123" not in str(error.value) and str(file) in str(error.value)


def test_looks_that_ended_long_ago_are_let_go_of_and_what_waits_stays(place: SimpleNamespace) -> None:
    for number in range(3):
        says(place, f"old-{number}", f"goblins should die, long ago, {number}")
        judged(f"old-{number}")
    long_ago, soon = timezone.now() - timedelta(days=91), timezone.now() + timedelta(days=1)
    kinds = ({"created_at": long_ago, "finished_at": long_ago, "outcome": "answered"},
             {"created_at": long_ago, "next_at": soon}, {"finished_at": timezone.now(), "outcome": "answered"})  # fmt: skip
    olds = list(Look.objects.filter(decision__subject_id__startswith="m-old").order_by("position"))
    first, second, third = (asked_again(look, **kind) for look, kind in zip(olds, kinds, strict=True))
    before = Look.objects.count()
    assert forget(92) == 0
    assert forget(90) == 1 and Look.objects.count() == before - 1
    assert set(Look.objects.filter(pk__in=[first.pk, second.pk, third.pk])) == {second, third}
    Look.objects.filter(pk=second.pk).delete()


def test_without_a_file_nobody_is_asked(settings: Any) -> None:
    settings.SAFEHOLD_LOOKS = ""
    current.cache_clear()
    assert current() is None
