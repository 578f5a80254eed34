"""A file of events in, a file of verdicts out; and the same from a script of six lines."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner

from safehold.cli import app
from tests.policy_folder import cloudevent, folder, policy_of


@pytest.fixture
def policies(tmp_path: Path) -> Path:
    rules = ("free-money | data.text.matches('(?i)free money') | {action: remove, queue: scams}",)
    return folder(tmp_path, policy_of(*rules))


def test_every_line_gives_one_verdict_in_order(policies: Path) -> None:
    lines = [json.dumps({**cloudevent(text), "id": f"e{at}"}) for at, text in enumerate(["hi", "FREE money", "bye"])]
    result = CliRunner().invoke(app, ["decide", "--policies", str(policies)], input="\n".join(lines) + "\n")
    assert result.exit_code == 0, result.output
    verdicts = [json.loads(line) for line in result.stdout.splitlines()]
    assert [verdict["event"]["id"] for verdict in verdicts] == ["e0", "e1", "e2"]
    assert [verdict["action"] for verdict in verdicts] == ["allow", "remove", "allow"]
    assert verdicts[1]["winner"] == "test.policy/free-money"
    assert verdicts[1]["queue"] == "scams"
    assert verdicts[1]["hits"][0]["values"] == {"data.text": "FREE money"}
    assert len({verdict["bundle"] for verdict in verdicts}) == 1


def test_lines_that_do_not_fit_are_refused_by_number_and_the_others_decided(policies: Path, tmp_path: Path) -> None:
    wrong = cloudevent()
    del wrong["data"]["recipient_id"]
    file = tmp_path / "events.ndjson"
    file.write_text(
        "\n".join([json.dumps(wrong), "not json", "", json.dumps(cloudevent("free money"))]), encoding="utf-8"
    )
    result = CliRunner().invoke(app, ["decide", "--policies", str(policies), str(file)])
    assert result.exit_code == 1
    first, second, third = (json.loads(line) for line in result.stdout.splitlines())
    assert first["line"] == 1 and first["violations"][0]["pointer"] == "/data/recipient_id"
    assert second["line"] == 2 and "not JSON" in second["error"]
    assert third["action"] == "remove"
    assert "2 lines refused" in result.stderr


HOSTILE = {
    b"[" * 200_000 + b"]" * 200_000: "nested too deeply",
    b'{"data": {"x": ' + b'{"a": ' * 5000 + b"1" + b"}" * 5000 + b"}}": "nested too deeply",
    b'{"data": NaN}': "not JSON",
    b'{"data": 1e999}': "not JSON",
    b'{"data": ' + b"9" * 6000 + b"}": "not JSON",
    b'{"data": "\\ud800"}': "not JSON",
    b'{"data": "\xff\xfe"}': "not JSON",
    b"null": "an event must be a JSON object",
    b"7": "an event must be a JSON object",
    b"{}": "the CloudEvent attribute `id` must be a non-empty string",
    json.dumps(cloudevent("a" * 10_000_000)).encode(): "longer than",
    json.dumps({**cloudevent(), "time": "0001-01-01T00:00:00+12:00"}).encode(): "`time` must be an RFC 3339 time",
    json.dumps({**cloudevent(), "time": "9999-12-31T23:59:59-12:00"}).encode(): "`time` must be an RFC 3339 time",
}


def test_a_line_made_to_hurt_is_refused_and_the_next_one_decided(policies: Path) -> None:
    after = json.dumps(cloudevent("free money")).encode()
    lines = b"\n".join(line for hostile in HOSTILE for line in (hostile, after))
    result = CliRunner().invoke(app, ["decide", "--policies", str(policies)], input=lines)
    answers = [json.loads(line) for line in result.stdout.splitlines()]
    assert [answer["action"] for answer in answers[1::2]] == ["remove"] * len(HOSTILE)
    for said, answer in zip(HOSTILE.values(), answers[::2], strict=True):
        assert said in answer["error"]


def test_a_plain_script_needs_no_django_and_no_server(policies: Path) -> None:
    script = f"""
import sys
from safehold.engine import Engine, lift, load_bundle
engine = Engine(load_bundle({str(policies)!r}))
verdict = engine.decide(lift({cloudevent("Free money!")!r}))
assert "django" not in sys.modules and "uvicorn" not in sys.modules
print(verdict.action, verdict.winner)
"""
    result = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)
    assert result.stdout.strip() == "remove test.policy/free-money", result.stderr
