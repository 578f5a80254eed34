"""What the two benchmarks of windows share: ten windows of five kinds, a rule for each, and a stream of payments."""

import json
import random
import tempfile
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from safehold.engine import Bundle, Event, load_bundle

START = datetime(2026, 3, 1, 12, tzinfo=UTC)
#: name -> (kind, measured, seconds, from what value on its rule matches)
WINDOWS: dict[str, tuple[str, str, int, float]] = {
    "count_10m": ("count", "", 600, 12),
    "count_1h": ("count", "", 3600, 14),
    "sum_10m": ("sum", "data.cents", 600, 60_000),
    "sum_1h": ("sum", "data.cents", 3600, 70_000),
    "distinct_10m": ("distinct", "data.recipient_id", 600, 12),
    "distinct_1h": ("distinct", "data.recipient_id", 3600, 14),
    "max_10m": ("max", "data.cents", 600, 9_990),
    "max_1h": ("max", "data.cents", 3600, 9_995),
    "last_10m": ("last", "data.cents", 600, 9_950),
    "last_1h": ("last", "data.cents", 3600, 9_960),
}


def bundle() -> Bundle:
    windows = {
        name: {kind: measured or True, "by": "actor.id", "over": f"{seconds}s"}
        for name, (kind, measured, seconds, _) in WINDOWS.items()
    }
    rules = [
        {"id": name.replace("_", "-"), "when": f"windows.{name} >= {limit:.0f}", "then": "hold"}
        for name, (*_, limit) in WINDOWS.items()
    ]
    policy = {
        "policy": "bench.windows",
        "title": "Windows",
        "on": ["bench.payment"],
        "windows": windows,
        "rules": rules,
    }
    fields = {"payment_id": {"type": "string"}, "recipient_id": {"type": "string"}, "cents": {"type": "integer"}}
    event = {
        "event": "bench.payment",
        "subject": {"kind": "payment", "id": "data.payment_id"},
        "schema": {"required": list(fields), "properties": fields},
    }
    with tempfile.TemporaryDirectory() as name:
        for path, content in {"events/payment.yaml": event, "policy.yaml": policy}.items():
            (Path(name) / path).parent.mkdir(exist_ok=True)
            (Path(name) / path).write_text(json.dumps(content), encoding="utf-8")  # JSON is YAML
        return load_bundle(name, [])


def stream(seed: int, keys: int, each: float = 0.01, begin: float = 0.0) -> Iterator[Event]:
    """Payments for ever, one each hundredth of a second, a few of them late, by accounts drawn from `keys`; one in a
    hundred is by one of ten busy accounts."""
    draw = random.Random(seed)
    number = 0
    while True:
        account = f"account-{draw.randrange(10 if draw.random() < 0.01 else keys):07}"
        late = draw.random() * 60 if draw.random() < 0.05 else 0.0
        time = START + timedelta(seconds=begin + number * each - late)
        yield payment(f"{seed}-{number}", account, time, draw.randrange(10_000), f"r{draw.randrange(5000)}")
        number += 1


def payment(name: str, account: str, time: datetime, cents: int, recipient: str) -> Event:
    data: dict[str, Any] = {"payment_id": name, "recipient_id": recipient, "cents": cents}
    return Event(id=name, source="bench", type="bench.payment", time=time, actor={"id": account}, data=data)
