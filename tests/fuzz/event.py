"""Bytes that come in as an event: the gateway refuses them with a problem, or the starter policies give a verdict."""

import json
from datetime import UTC, datetime
from pathlib import Path

from safehold.engine import Engine, load_bundle
from safehold.engine.policies.model import Example
from safehold.gateway.cloudevents import structured
from safehold.gateway.declared import Declared
from safehold.gateway.problems import Refusal

ENGINE = Engine(load_bundle(Path(__file__).parents[2] / "policies"))
DECLARED = Declared(ENGINE.bundle.event_types)
NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)


def _sent(example: Example) -> bytes:
    """An example's event as a platform would send it."""
    event = example.event
    data = {**event.get("data", {}), **{part: event[part] for part in ("actor", "target", "context") if part in event}}
    for part in ("actor", "target"):
        if "age" in data.get(part, {}):
            data[part] = {**data[part], "created_at": "2026-02-01T00:00:00Z"}
            del data[part]["age"]
    sent = {"specversion": "1.0", "id": "e1", "source": "plaza", "type": event["type"], "time": "2026-03-01T12:00:00Z"}
    return json.dumps({**sent, "data": data}).encode()


#: What mutations start from: the events of the starter policies' examples, two of each policy.
SEEDS = [_sent(example) for policy in ENGINE.bundle.policies for example in policy.examples[:2]]


def one_input(data: bytes) -> None:
    try:
        event = DECLARED.prepare("plaza", structured(data, NOW), NOW).event
    except Refusal:
        return
    verdict = ENGINE.fresh().decide(event)
    assert all("Error:" not in rule.detail for rule in verdict.undecided), verdict.undecided
