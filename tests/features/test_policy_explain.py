"""`safehold policy explain`: a rule in words, and why an event did or did not match it."""

import json
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from safehold.cli import app
from tests.policy_folder import cloudevent, folder, policy_of

POLICY = policy_of(
    'cold | signals.links.count > 0 && windows.many > 1 && (has(data.thread_id) || data.text.contains("x")) | '
    "{action: hold, queue: scams, for: 12h, strike: 1, reason: '{windows.many} messages'}",
    "listed | data.text in lists.words | {action: warn, label: {name: seen, on: content, for: 3d}} | shadow",
    windows="many: {distinct: data.recipient_id, by: actor.id, over: 1h, where: data.text != ''}",
    tail="""
examples:
  - name: somebody sends a link
    event: {type: message.sent, data: {text: "x https://a.example"}}
    windows: {many: 3}
    expect: {cold: hold}
""",
)
WORDS = "list: words\nkind: exact\ntitle: Words we watch\nentries: [spam]\n"


def explain(where: Path, *arguments: str) -> Any:
    return CliRunner().invoke(app, ["policy", "explain", arguments[0], str(where), *arguments[1:]])


def test_a_rule_is_told_in_words_cheap_parts_first(tmp_path: Path) -> None:
    where = folder(tmp_path, POLICY, words=WORDS)
    result = explain(where, "cold")
    assert result.exit_code == 0, result.output
    lines = [line.strip() for line in result.stdout.splitlines()]
    assert lines[0] == "test.policy/cold  Cold" and lines[1] == "live, on message.sent"
    parts = [line.partition("  ")[0] for line in lines[lines.index("When") + 1 : lines.index("Then") - 1]]
    assert parts == [
        "all of", "one of", "has(data.thread_id)", 'data.text.contains("x")', "windows.many > 1", "signals.links.count > 0",
    ]  # fmt: skip
    assert " µs alone on the policy's examples" in lines[lines.index("Takes") + 1]
    assert "hold, for 12 hours, to the queue scams, 1 strike" in lines
    assert "{windows.many} messages" in lines and "somebody sends a link" in lines
    assert 'windows.many  int distinct of data.recipient_id by actor.id over 1 hour where data.text != ""' in lines
    assert any(line.startswith("signals.links.count  int signal links") for line in lines)
    assert any(line.startswith("data.thread_id  only whether it is there") for line in lines)
    listed = explain(where, "test.policy/listed").stdout
    assert "shadow" in listed and "the label seen on the content for 3 days" in listed
    assert "lists.words  list Words we watch (exact)" in listed and "  none" in listed


def test_an_event_shows_what_each_part_was(tmp_path: Path) -> None:
    where = folder(tmp_path, POLICY, words=WORDS)
    event = tmp_path / "event.json"
    event.write_text(json.dumps(cloudevent("see https://a.example")))
    result = explain(where, "cold", "--event", str(event))
    assert "`cold` does not match" in result.stdout and "windows.many > 1 false" in result.stdout
    assert "signals.links.count 1  int" in result.stdout
    found = json.loads(explain(where, "cold", "--event", str(event), "--json").stdout)
    assert found["condition"]["value"] is False and found["takes"] > 0
    assert {read["path"]: read["value"] for read in found["reads"]}["windows.many"] == 1


def test_what_cannot_be_explained_says_why(tmp_path: Path) -> None:
    where = folder(tmp_path, POLICY, words=WORDS)
    assert "there is no rule `nothing`" in explain(where, "nothing").output.replace("\n", " ")
    assert "did you mean `cold`?" in " ".join(explain(where, "clod").output.replace("│", " ").split())
    event = tmp_path / "event.json"
    event.write_text('{"type": "message.sent"}')
    result = explain(where, "cold", "--event", str(event))
    assert result.exit_code == 2 and "/id" in result.output
    created = {**cloudevent(), "type": "account.created", "data": {"actor": cloudevent()["data"]["actor"]}}
    event.write_text(json.dumps(created))
    assert "not look at account.created" in " ".join(explain(where, "cold", "--event", str(event)).output.split())


@pytest.mark.parametrize("text", ["{", "[1]"])
def test_a_file_that_is_no_event_is_refused(tmp_path: Path, text: str) -> None:
    where = folder(tmp_path, POLICY, words=WORDS)
    (tmp_path / "event.json").write_text(text)
    assert explain(where, "cold", "--event", str(tmp_path / "event.json")).exit_code == 2
