"""A record with a past: events decided and written exactly as the gateway does it, through its store, without a server."""

import json
import random
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import msgspec

from safehold.engine import Bundle, Engine, load_bundle
from safehold.gateway.cloudevents import CloudEvent
from safehold.gateway.declared import Declared
from safehold.gateway.engines import Engines
from tests.world import service

#: The first event of a stream, unless it says otherwise.
BEGIN = datetime(2026, 2, 1, 9, tzinfo=UTC)
_TEXTS = ("see you at eight", "buy pills now, cheap", "a watched word here", "hello", "grüße 👋🏽", "EARN 500 a day")


def stream(
    count: int, *, seed: int = 1, accounts: int = 12, every: float = 120, begin: datetime = BEGIN
) -> list[dict[str, Any]]:
    """Messages of a few accounts, every so many seconds, some of them late."""
    draw = random.Random(seed)
    events = []
    for number in range(count):
        at = begin + timedelta(seconds=number * every - (draw.random() < 0.1) * 600)
        actor = {
            "id": f"u{draw.randrange(accounts)}",
            "created_at": (begin - timedelta(days=draw.randrange(1, 40))).isoformat(),
        }
        if draw.random() < 0.7:
            actor["name"] = draw.choice(("Ann", "Bob", "Ärger"))
        data = {"message_id": f"m{number}", "recipient_id": f"u{draw.randrange(99)}", "text": draw.choice(_TEXTS)}
        if draw.random() < 0.5:
            data["thread_id"] = f"t{draw.randrange(5)}"
        events.append({"id": f"e{number}", "source": "https://plaza.example/chat", "type": "message.sent",
                       "specversion": "1.0", "time": at.isoformat(), "data": {"actor": actor, **data}})  # fmt: skip
    return events


def write(folder: Path | Bundle, events: Sequence[dict[str, Any]], *, batch: int = 40) -> Bundle:
    """Decide the events with the folder's policies and write everything; received when they happened, at the latest so far."""
    from safehold.desk.decisions import intake
    from safehold.desk.decisions.hot_rows import PolicyInForce
    from safehold.desk.decisions.policies import enact, terms_of
    from safehold.record.recording import recording

    service("plaza")
    bundle = folder if isinstance(folder, Bundle) else load_bundle(folder)
    declared, minds = Declared(bundle.event_types), Engines(Engine(bundle), 1)
    store = intake.Intake(lambda: 1, lambda rule, why: None, lambda found: None)
    with recording() as record:
        versions = enact(record, bundle.policies)
    store.know(1, {key: PolicyInForce(version.pk, terms_of(version).strikes_last) for key, version in versions.items()})
    newest = datetime(1, 1, 1, tzinfo=UTC)
    for part in _parts(events, batch):
        prepared = []
        for event in part:
            moment = datetime.fromisoformat(event["time"])
            newest = max(newest, moment)
            cloudevent = msgspec.convert({"subject": None, "body": json.dumps(event)} | event, CloudEvent)
            prepared.append(declared.prepare("plaza", cloudevent, newest))
        store.write_batch(prepared, minds)
    return bundle


def _parts(events: Sequence[dict[str, Any]], size: int) -> Iterable[Sequence[dict[str, Any]]]:
    return (events[at : at + size] for at in range(0, len(events), size))
