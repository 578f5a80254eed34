"""A made-up past on disk: the messages of `_mixed` as history files, by the million, without deciding each one first."""

import json
import random
from datetime import UTC, datetime, timedelta
from pathlib import Path

import msgspec
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from benchmarks import _mixed
from safehold.engine import Bundle
from safehold.engine.event import lift
from safehold.engine.language.values import timestamp_from_datetime
from safehold.replay.fields import columns_of
from safehold.replay.files import STANDARD, History, Manifest

BEGIN = datetime(2026, 3, 1, tzinfo=UTC)
KIND = "bench.message"
_TEXTS, _A_FILE = 20_000, 250_000


def write_past(history: History, bundle: Bundle, events: int) -> None:
    """`events` messages, five a second, of which a few percent match some rule."""
    draw = random.Random(10)
    made = [_mixed.one_event(draw, number)["data"] for number in range(_TEXTS)]
    pools = {name: pa.array([each[name] for each in made]) for name in ("text", "recipient_id", "thread_id")}
    labels = _mixed.labelled()
    held = pa.array([labels.get(f"a{number}", []) for number in range(500)], pa.list_(pa.string()))
    actors = pa.array([f"a{number}" for number in range(500)])
    dice = np.random.default_rng(10)
    step = 200_000
    begin = int(timestamp_from_datetime(BEGIN))
    manifest = Manifest()
    with history.writing():
        for first in range(0, events, _A_FILE):
            count = min(_A_FILE, events - first)
            at = begin + (first + np.arange(count)) * step * 1000
            actor = dice.integers(0, 500, count)
            chosen = {name: pool.take(pa.array(dice.integers(0, _TEXTS, count))) for name, pool in pools.items()}
            columns = {
                "position": pa.array(np.arange(first + 1, first + count + 1)),
                "id": _numbered("evt_", first, count),
                "decision": _numbered("dec_", first, count),
                "time_ns": pa.array(at),
                "received_at": pa.array(at // 1000, pa.int64()).cast(pa.timestamp("us", "UTC")),
                "account_id": actors.take(pa.array(actor)),
                "labels.actor": held.take(pa.array(actor)),
                "data.text:string": _told_apart(chosen["text"], first),
                "data.recipient_id:string": chosen["recipient_id"],
                "data.thread_id:string": chosen["thread_id"],
                "data.score:int": pa.array(dice.integers(0, 1001, count)),
                "actor.posts:int": pa.array(dice.integers(0, 201, count)),
                "actor.id:string": actors.take(pa.array(actor)),
                "odd": pa.array(np.zeros(count, dtype=bool)),
            }
            day = (BEGIN + timedelta(microseconds=step * first)).date().isoformat()
            manifest.files.append(history._write(day, KIND, _whole(columns, bundle, count)))
        manifest.position = events
        history._save(manifest)


def _told_apart(texts: pa.Array, first: int) -> pa.Array:
    """Every text different, as in life: none is answered out of a dictionary."""
    numbers = pa.array(np.arange(first, first + len(texts))).cast(pa.string())
    return pc.binary_join_element_wise(texts, numbers, " ")


def _numbered(prefix: str, first: int, count: int) -> pa.Array:
    return pa.array([f"{prefix}{number:022d}" for number in range(first, first + count)])


def _whole(columns: dict[str, pa.Array], bundle: Bundle, count: int) -> pa.Table:
    """The table with every column that a file has; those that no rule reads are constant."""
    constants: dict[str, object] = {
        "type": KIND,
        "labels.target": [],
        "labels.content": [],
        "signals": b"[]",
        "event": msgspec.json.encode(lift(_mixed.one_event(random.Random(1), 0))),
    }
    table = dict(columns)
    for field in STANDARD:
        if field.name not in table:
            value = constants.get(field.name, "")
            table[field.name] = pa.array([value], field.type).take(pa.array(np.zeros(count, dtype=np.int64)))
    for column in columns_of(bundle.event_types[KIND]):
        table.setdefault(column.name, pa.nulls(count, column.arrow))
    return pa.table({name: table[name] for name in [*STANDARD.names, *(n for n in table if n not in STANDARD.names)]})


def policy(folder: Path, rules: list[tuple[str, str]], windows: dict[str, dict[str, object]]) -> None:
    """A policy of these rules, with windows."""
    found = [{"id": rule, "when": condition, "then": {"action": "hold"}} for rule, condition in rules]
    content = {"policy": "bench.windows", "title": "Windows", "on": [KIND], "windows": windows, "rules": found}
    (folder / "windows.yaml").write_text(json.dumps(content), encoding="utf-8")
