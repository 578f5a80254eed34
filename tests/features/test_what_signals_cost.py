"""Which signals there are, what each one takes and how often it fails: measured at the gateways and on this machine, on the
console's pages and at the shell."""

import json
import re
import subprocess
import sys
from collections import Counter
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings
from django.test import Client
from django.utils import timezone
from typer.testing import CliRunner

from safehold.accounts.roles import Role
from safehold.cli.signals import app
from safehold.console import signals as pages
from safehold.desk.rules.costs import add_runs, live
from safehold.desk.rules.folder import open_policies
from safehold.desk.rules.in_force import bundle_of
from safehold.desk.rules.models import SignalCost
from safehold.engine import Engine, installed_signals, load_bundle
from safehold.engine.authoring.readers import readers
from safehold.engine.costs import Costs, bucket_of
from safehold.engine.signal import SignalFailed
from safehold.record.models import AuditEvent
from safehold.signals import bench
from tests import policy_folder as folders
from tests.gateway_server import policy_folder
from tests.world import person, service

RULES = ("odd | signals.moody.flag | hold", "even | data.text == 'now' && signals.moody.flag | warn")


class Moody:
    """Fails on every third text."""

    name, version, cost, fields, reads = "moody", "1.0.0", 10.0, {"flag": "bool"}, ("text",)

    def __init__(self) -> None:
        self.runs = 0

    def run(self, event: Any) -> dict[str, Any]:
        self.runs += 1
        if self.runs % 3 == 0:
            raise SignalFailed("it is in no mood")
        return {"flag": True}


def test_runs_and_failures_of_signals_are_noted_where_verdicts_are_measured(tmp_path: Path) -> None:
    where, moody, costs = folders.folder(tmp_path, folders.policy_of(*RULES)), Moody(), Costs(every=1)
    engine = Engine(load_bundle(where, [moody]), [moody])
    engine.measure(costs)
    while costs.prepare():
        pass
    for number in range(30):
        engine.decide(folders.message("now", after=number))
    found = {failed: sum(buckets.values()) for (_, _, failed), buckets in costs.take_runs().items()}
    assert found == {False: 20, True: 10}
    assert costs.take_runs() == {}


@pytest.mark.usefixtures("within_an_hour")
def test_what_gateways_noted_adds_up_over_seven_days_and_another_version_begins_anew(fresh_database) -> None:
    today = timezone.now().astimezone(UTC).date()
    bucket = bucket_of(50_000)
    for day, failed, timed in ((today, False, 30), (today, True, 10), (today - timedelta(days=6), False, 60)):
        add_runs({("moody", "1.0.0", failed): {bucket: timed}}, day)
    add_runs(
        {("moody", "1.0.0", False): {bucket: 500}, ("moody", "0.9.0", False): {bucket: 7}}, today - timedelta(days=7)
    )
    found = live({"moody": "1.0.0", "other": "1"})
    assert set(found) == {"moody"}
    moody = found["moody"]
    assert (moody.runs, moody.failed) == (100, 10)
    assert moody.cost.median == pytest.approx(50, rel=0.1)
    assert [day is None for day in moody.by_day] == [False, True, True, True, True, True, False]
    add_runs({("moody", "1.0.0", False): {bucket: 1}}, today + timedelta(days=40))
    assert SignalCost.objects.count() == 1  # older ones are not kept


def test_readers_are_the_rules_that_come_to_a_signal_also_through_a_window(tmp_path: Path) -> None:
    policy = folders.policy_of("direct | signals.text.length > 5 | hold", "counted | windows.same > 2 | warn").replace(
        "rules:", "windows:\n  same: {count: true, by: signals.fingerprint.exact, over: 1h}\nrules:", 1
    )
    found = readers(load_bundle(folders.folder(tmp_path, policy)))
    assert found == {"text": ["test.policy/direct"], "fingerprint": ["test.policy/counted"]}


@pytest.fixture
def console(fresh_sqlite: Any, client: Client, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Client:
    bundle_of.cache_clear()
    monkeypatch.setattr(settings, "SAFEHOLD_POLICIES", policy_folder(tmp_path / "policies"))
    monkeypatch.setattr(settings, "VAR", tmp_path / "var")
    monkeypatch.setattr(pages, "remembered", lambda key, seconds, read: read())
    service()
    open_policies()
    client.force_login(person(Role.READ_ONLY))
    return client


def test_the_page_says_what_each_signal_takes_and_tells_where_that_is_far_from_what_it_declares(
    console: Client,
) -> None:
    versions = {signal.name: signal.version for signal in installed_signals()}
    empty = console.get("/signals/").content.decode()
    assert all(f'href="/signals/{name}/"' in empty for name in versions) and "safehold signals bench" in empty
    assert all(signal.title and signal.title in empty for signal in installed_signals())
    text = versions["text"]
    add_runs({("text", text, False): {bucket_of(2_000_000): 80}, ("text", text, True): {bucket_of(2_000_000): 20}})
    listed = console.get("/signals/").content.decode()
    assert "2.1 ms" in listed and "20.0 %" in listed and "Cost is off" in listed
    page = console.get("/signals/text/").content.decode()
    assert "times the declared cost" in page and "20 of 100 looked at" in page and "normalised" in page
    assert console.get("/signals/nothing/").status_code == 404
    assert Client().get("/signals/").status_code == 302


def test_a_text_is_tried_shown_with_its_places_and_kept_nowhere(console: Client) -> None:
    secret = "you are an idiot, mail jo.secret@example.org"
    said = console.post("/signals/lexicon/try/", {"text": secret}).content.decode()
    assert '<mark title="personal-attack">you are an idiot</mark>' in said and "severity" in said
    assert '<mark title="email">' in console.post("/signals/personal/try/", {"text": secret}).content.decode()
    explained = console.post("/signals/harm/try/", {"text": "Thank you. You are such an idiot"}).content.decode()
    assert re.search(r'<mark title="[^"]*insult[^"]*">idiot</mark>', explained) and ">Thank</mark>" not in explained
    assert "model-card.md" in explained
    for text, problem in (("  ", "Write a text"), ("x" * 20_001, "20,000 is the most")):
        refused = console.post("/signals/text/try/", {"text": text})
        assert refused.status_code == 422 and problem in refused.content.decode()
    assert "&lt;b&gt;" in console.post("/signals/text/try/", {"text": "<b>hello</b>"}).content.decode()
    assert console.get("/signals/text/try/").status_code == 405
    assert not AuditEvent.objects.filter(verb__contains="signal").exists()
    strict = Client(enforce_csrf_checks=True)
    strict.force_login(person(Role.READ_ONLY))
    assert strict.post("/signals/text/try/", {"text": "hello"}).status_code == 403


def test_signals_are_listed_shown_and_measured_at_the_shell(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SAFEHOLD_VAR", str(tmp_path))
    shell = CliRunner()
    assert "Example:" in shell.invoke(app, ["bench", "--help"]).output
    wrong = shell.invoke(app, ["bench", "lynx"])
    assert wrong.exit_code == 1 and "there are" in wrong.stderr
    done = shell.invoke(app, ["bench", "fingerprint", "--json"])
    assert done.exit_code == 0, done.output
    [measured] = json.loads(done.stdout)
    assert measured["name"] == "fingerprint" and 0 < measured["short"]["p50"] <= measured["short"]["p99"]
    assert measured["long"]["p50"] > measured["short"]["p50"] and measured["load_ms"] > 0
    rows = json.loads(shell.invoke(app, ["list", "--json"]).stdout)
    by_name = {row["name"]: row for row in rows}
    assert by_name["fingerprint"]["measured"]["short"] == measured["short"] and by_name["links"]["measured"] is None
    assert "phishing.links/look-alike" in by_name["links"]["rules"]
    shown = shell.invoke(app, ["show", "links"]).stdout
    assert "lookalikes" in shown and "list(map(string, string))" in shown
    assert shell.invoke(app, ["show", "lynx"]).exit_code == 1


def test_a_cost_far_from_the_declared_one_is_told_and_new_figures_replace_only_their_own() -> None:
    at = datetime(2026, 3, 1, tzinfo=UTC)

    def measured(name: str, p50: float) -> bench.Measured:
        times = bench.Times(p50=p50, p99=p50, runs=9)
        return bench.Measured(name=name, version="1", declared=60.0, load_ms=1.0, memory=0, short=times, long=None)

    far = {p50: measured("a", p50).far_off for p50 in (10.0, 25.0, 100.0, 300.0)}
    assert far == {10.0: "1/6 of the declared cost", 25.0: "", 100.0: "", 300.0: "5 times the declared cost"}
    first = bench.merged(None, [measured("a", 1.0), measured("b", 2.0)], at)
    second = bench.merged(first, [measured("a", 3.0)], at)
    assert Counter({each.name: each.short.p50 for each in second.signals}) == {"a": 3.0, "b": 2.0}


def test_commands_that_measure_no_text_import_no_library_of_a_model() -> None:
    code = """
import sys
from typer.testing import CliRunner
from safehold.cli import app
commands = ("", "policy fmt", "policy check", "signals bench", "looks", "ledger verify", "serve", "lists")
for words in map(str.split, commands):
    done = CliRunner().invoke(app, [*words, "--help"])
    assert done.exit_code == 0, (words, done.output)
from safehold.signals.community import Community
from safehold.signals.language import Language
Community(), Language()
heavy = {"numpy", "py3langid", "PIL", "onnxruntime", "tokenizers", "sklearn", "faiss", "pdqhash", "django"}
print(sorted(heavy & set(sys.modules)))
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout.strip()) == (0, "[]"), done.stderr
