"""Folders of policies for tests: the project's own event types and whatever policy the test is about."""

import shutil
from datetime import UTC, datetime, timedelta
from pathlib import Path
from textwrap import dedent
from typing import Any

from safehold.engine import Bundle, Engine, Event, load_bundle

PROJECT = Path(__file__).parent.parent
NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)


def folder(tmp_path: Path, policy: str, **lists: str) -> Path:
    """A folder with this policy in `policy.yaml`, a list declaration for each keyword, and the project's event types."""
    where = tmp_path / "policies"
    shutil.copytree(PROJECT / "policies/events", where / "events", dirs_exist_ok=True)
    (where / "lists").mkdir(exist_ok=True)
    (where / "policy.yaml").write_text(dedent(policy).lstrip("\n"), encoding="utf-8")
    for name, text in lists.items():
        (where / "lists" / f"{name}.yaml").write_text(dedent(text), encoding="utf-8")
    return where


def policy_of(*rules: str, windows: str = "", head: str = "", tail: str = "") -> str:
    """A whole policy around rules written as `id | condition | then`."""
    lines = ["policy: test.policy", "title: Test policy", "on: [message.sent]", *dedent(head).strip().splitlines()]
    lines += ["windows:", *(f"  {line}" for line in dedent(windows).strip().splitlines())] if windows else []
    lines += ["rules:"]
    for rule in rules:
        rule_id, condition, then, *mode = (part.strip() for part in rule.split(" | "))
        lines += [
            f"  - id: {rule_id}",
            *(f"    mode: {part}" for part in mode),
            "    when: |",
            f"      {condition}",
            f"    then: {then}",
        ]
    return "\n".join([*lines, *dedent(tail).strip().splitlines()]) + "\n"


def engine(tmp_path: Path, policy: str, signals: list[Any] | None = None, **lists: str) -> Engine:
    signals = signals or []
    return Engine(load_bundle(folder(tmp_path, policy, **lists), signals), signals)


def bundle(tmp_path: Path, policy: str) -> Bundle:
    return load_bundle(folder(tmp_path, policy), [])


def message(text: str = "hello", *, actor: str = "u1", to: str = "u2", after: float = 0, **data: Any) -> Event:
    """A message.sent from an account that is ten days old, `after` seconds after noon."""
    time = NOON + timedelta(seconds=after)
    return Event(
        id=f"{actor}-{after}-{text[:8]}",
        source="test",
        type="message.sent",
        time=time,
        actor={"id": actor, "created_at": (NOON - timedelta(days=10)).isoformat()},
        data={"message_id": f"m{after}", "recipient_id": to, "text": text, **data},
    )


def cloudevent(text: str = "hello", **data: Any) -> dict[str, Any]:
    """The same as it arrives."""
    actor = {"id": "u1", "created_at": "2026-02-19T12:00:00Z"}
    return {
        "specversion": "1.0", "id": "e1", "source": "test", "type": "message.sent", "time": "2026-03-01T12:00:00Z",
        "data": {"actor": actor, "message_id": "m1", "recipient_id": "u2", "text": text, **data},
    }  # fmt: skip
