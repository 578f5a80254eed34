"""A dear signal is measured where a request was parsed, and what is decided and recorded is the same as if it were not."""

import asyncio
import csv
import threading
import time
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import msgspec
import pytest

from safehold.accounts.keys import create_key
from safehold.accounts.roles import Scope
from safehold.desk.decisions.models import Decision
from safehold.engine import Engine, Event, SignalFailed, Verdict, load_bundle
from safehold.engine.measured import MOST_BYTES, Measured, Recent, packed, unpacked
from safehold.gateway import frames
from safehold.gateway.ahead import MOST_WAITING, Ahead, Foresight, foresight
from safehold.gateway.cloudevents import structured
from safehold.gateway.declared import Declared
from safehold.gateway.metrics import Tally
from safehold.gateway.store import Incoming
from safehold.record.verification import verify_record
from safehold.signals.community import Community
from safehold.signals.community.seat import Live, Seat
from safehold.signals.harm import Harm
from tests import policy_folder as folders
from tests.gateway_server import message, policy_folder, serving
from tests.world import service

EVENT = {"Content-Type": "application/cloudevents+json"}
LONG = "long | signals.dear.length > 5 | {action: hold, reason: '{signals.dear.length} letters'}"


class Dear:
    """Measures a text's length, and counts how often. `goes_by` is its basis."""

    name, version, cost, reads = "dear", "1.0.0", 5_000.0, ("text", "context.locale")
    fields: Mapping[str, str] = {"length": "int", "runs": "int"}

    def __init__(self, goes_by: str | None = "", version: str = "1.0.0", fails: bool = False) -> None:
        self.basis, self.version, self.fails, self.runs = goes_by, version, fails, 0

    def run(self, event: Any) -> dict[str, Any]:
        self.runs += 1
        if self.fails:
            raise SignalFailed("the model is not there")
        return {"length": len(event.text), "runs": self.runs}


def engine(tmp_path: Path, dear: Dear, *rules: str, windows: str = "") -> Engine:
    return folders.engine(tmp_path, folders.policy_of(*(rules or [LONG]), windows=windows), [dear])


def bare(verdict: Verdict) -> Verdict:
    """Without what runs took."""
    runs = [msgspec.structs.replace(run, micros=0) for run in verdict.signals]
    return msgspec.structs.replace(verdict, signals=runs)


def test_the_starter_packs_decide_the_same_whether_signals_came_along_or_not() -> None:
    with (folders.PROJECT / "tests/data/pack-messages.tsv").open(encoding="utf-8", newline="") as file:
        texts = [row["text"] for row in csv.DictReader(file, delimiter="\t")][::8]
    now = datetime.now(UTC)
    kinds = ("message.sent", "content.created", "review.posted", "follow.created")
    events = [
        Event(
            id=f"e{n}", source="test", type=kinds[n % 8 % 4 if n % 3 else 0], time=now + timedelta(seconds=n),
            actor={"id": f"u{n % 5}", "created_at": (now - timedelta(days=n)).isoformat()},
            context={"locale": "de-DE"} if n % 2 else {},
            data={"message_id": f"m{n}", "content_id": f"c{n}", "review_id": f"r{n}", "recipient_id": "u9", "text": text},
        )
        for n, text in enumerate([*texts, "", "\ud800 lone", "buy pills " * 300])
    ]  # fmt: skip
    beside = Engine(load_bundle(folders.PROJECT / "policies"))
    plain, ahead = beside.fresh(), beside.fresh()
    ahead.recent = Recent()
    sent = [packed(beside.foresee(event)) for event in events]
    assert [bare(plain.decide(event)) for event in events] == [
        bare(ahead.decide(event, known=unpacked(known))) for event, known in zip(events, sent, strict=True)
    ]
    carried = {each.key[0] for known in sent for each in unpacked(known)}
    assert {"harm", "lexicon", "spam", "text"} <= carried
    assert not carried & {"hashes", "media", "fingerprint"}, (
        "what goes by more than the event is measured as of the decision"
    )


def test_what_came_along_counts_only_for_the_same_content_version_and_model(tmp_path: Path) -> None:
    event = folders.message("a whole text")
    there = engine(tmp_path, Dear())
    known = there.foresee(event)
    assert [found.values for found in known] == [{"length": 12, "runs": 1}]
    for other, dear, runs in (
        (event, Dear(), 0),
        (folders.message("a whole text", actor="u7", after=90), Dear(), 0),
        (folders.message("another text"), Dear(), 1),
        (msgspec.structs.replace(event, context={"locale": "de"}), Dear(), 1),
        (event, Dear("another model"), 1),
        (event, Dear(None), 1),
        (event, Dear(version="1.0.1"), 1),
    ):
        verdict = engine(tmp_path, dear).decide(other, known=known)
        assert (dear.runs, verdict.hits[0].values["signals.dear.length"]) == (runs, 12)


def test_a_signal_that_failed_ahead_is_run_again_and_recorded_as_failed_once(tmp_path: Path) -> None:
    dear = Dear(fails=True)
    deciding = engine(tmp_path, dear)
    deciding.recent = Recent()
    assert deciding.foresee(folders.message("a whole text")) == []
    [run] = deciding.decide(folders.message("a whole text")).signals
    assert (run.error, dear.runs) == ("the model is not there", 2)
    assert len(deciding.recent) == 0


def test_a_text_that_many_post_is_measured_once_and_what_is_kept_is_bounded(tmp_path: Path) -> None:
    dear = Dear()
    deciding = engine(tmp_path, dear)
    deciding.recent = Recent(most=3)
    verdicts = [deciding.decide(folders.message("buy pills", actor=f"u{n}", after=n)) for n in range(20)]
    assert dear.runs == 1
    assert {verdict.action for verdict in verdicts} == {"hold"}
    assert len({verdict.signals[0].micros for verdict in verdicts}) == 1, "what the run took, whoever uses it"
    for number in range(5):
        deciding.decide(folders.message(f"text {number}"))
    assert (dear.runs, len(deciding.recent)) == (6, 3)
    deciding.recent.keep(Measured(("dear", "1", "", b"x"), 1, {"text": "x" * MOST_BYTES}))
    assert len(deciding.recent) == 3


def test_only_types_whose_rules_or_windows_ask_a_dear_signal_are_measured_ahead(tmp_path: Path) -> None:
    assert foresight(engine(tmp_path, Dear())).types == {"message.sent"}
    assert not foresight(engine(tmp_path, Dear(), "cheap | data.text == 'x' | hold")).types
    keyed = engine(tmp_path, Dear(), "often | windows.same > 2 | hold", windows=(
        "same: {count: true, by: signals.dear.length, over: 1h}"
    ))  # fmt: skip
    assert foresight(keyed).types == {"message.sent"}
    assert len(keyed.foresee(folders.message("hello there"))) == 1
    guarded = engine(tmp_path, dear := Dear(), "rare | data.recipient_id == 'u5' && signals.dear.length > 5 | hold")
    assert guarded.foresee(folders.message("hello there")) == [] and dear.runs == 0, "a cheap condition said no"


def test_a_model_that_changes_while_it_measures_leaves_nothing_behind(tmp_path: Path) -> None:
    class Changing(Dear):
        def run(self, event: Any) -> dict[str, Any]:
            self.basis = "the next"
            return super().run(event)

    deciding = engine(tmp_path, Changing("the first"))
    deciding.recent = Recent()
    assert deciding.foresee(folders.message("hello there")) == [] and len(deciding.recent) == 0
    seat = Seat()
    assert Community(seat).basis is None
    seat.live = Live("3-spam", None)  # type: ignore[arg-type]
    assert Community(seat).basis == "3-spam"


def incoming(engine: Engine, number: int = 1, text: str = "hello there") -> Incoming:
    now, raw = datetime.now(UTC), msgspec.json.encode(message(number, text))
    return Declared(engine.bundle.event_types).prepare("plaza", structured(raw, now), now)


def test_values_go_to_the_process_that_decides_and_a_frame_without_them_is_taken_too(tmp_path: Path) -> None:
    there = engine(tmp_path, Dear())
    event = incoming(there)
    with_values = msgspec.structs.replace(event, known=tuple(there.foresee(event.event)))
    hand = frames.Hand([(1, [frames.parcel(with_values), frames.parcel(event)])])
    encoded = frames.framed(hand)[4:]
    got = frames.to_decider(encoded)
    assert isinstance(got, frames.Hand)
    assert [frames.unpacked(parcel) for parcel in got.requests[0][1]] == [with_values, event]
    tag, requests = msgspec.msgpack.decode(encoded)
    requests[0][1][0] = requests[0][1][0][:12]  # as it was before there were any
    requests[0][1][1][12] = b"\xc1 not ours"
    older = frames.to_decider(msgspec.msgpack.encode([tag, requests]))
    assert isinstance(older, frames.Hand)
    assert [frames.unpacked(parcel) for parcel in older.requests[0][1]] == [event, event]


def counted(tally: Tally) -> dict[str, int]:
    return tally.drain().ahead


@pytest.mark.parametrize("why", ["full", "late", "failed"])
def test_an_event_that_could_not_be_measured_in_time_goes_on_as_it_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, why: str
) -> None:
    monkeypatch.setattr("safehold.gateway.ahead.SECONDS", 0.2 if why == "late" else 20.0)
    release = threading.Event()

    def foresee(event: Event, known: Sequence[Measured]) -> list[Measured]:
        if why == "failed":
            raise ValueError("a fault of ours")
        release.wait(20)
        return [Measured(("dear", "1.0.0", "", b"x"), 1, {})]

    event, tally = incoming(engine(tmp_path, Dear())), Tally()

    async def send() -> list[Incoming]:
        ahead = Ahead(tally, threads=1)
        ahead.turn(Foresight(types=frozenset(["message.sent"]), foresee=foresee))
        try:
            if why != "full":
                return [await ahead.known(event)]
            waiting = [asyncio.create_task(ahead.known(event)) for _ in range(MOST_WAITING)]
            await asyncio.sleep(0)
            found = await ahead.known(event)
            release.set()
            assert all(each.known for each in await asyncio.gather(*waiting))
            return [found]
        finally:
            release.set()
            ahead.stop()

    assert asyncio.run(send()) == [event]
    assert counted(tally) == ({"full": 1, "measured": MOST_WAITING} if why == "full" else {why: 1})


@pytest.mark.parametrize(("threads", "ahead"), [(1, [False, True]), (2, [True, True])])
def test_where_there_is_one_thread_a_decider_that_rests_measures_itself(
    tmp_path: Path, threads: int, ahead: list[bool]
) -> None:
    deciding, tally, rests = engine(tmp_path, Dear()), Tally(), [True]

    async def send() -> list[bool]:
        measuring = Ahead(tally, threads=threads, idle=lambda: rests[0])
        measuring.turn(foresight(deciding))
        found = [await measuring.known(incoming(deciding))]
        rests[0] = False
        found.append(await measuring.known(incoming(deciding)))
        measuring.stop()
        return [bool(each.known) for each in found]

    assert asyncio.run(send()) == ahead
    assert counted(tally) == ({"idle": 1, "measured": 1} if threads == 1 else {"measured": 2})


def test_a_batch_keeps_its_order_and_takes_no_more_than_its_share_of_threads(tmp_path: Path) -> None:
    deciding, tally, most, running = engine(tmp_path, Dear()), Tally(), [0], [0]
    batch = [incoming(deciding, n, f"text number {n}") for n in range(40)]

    def foresee(event: Event, known: Sequence[Measured]) -> list[Measured]:
        running[0] += 1
        most[0] = max(most[0], running[0])
        time.sleep(0.001)
        running[0] -= 1
        return deciding.foresee(event, known)

    async def send() -> list[Incoming]:
        ahead = Ahead(tally, threads=2)
        untouched = await ahead.all_known(batch)
        assert untouched == batch, "the policies are not loaded here yet"
        ahead.turn(Foresight(types=frozenset(["message.sent"]), foresee=foresee))
        found = await ahead.all_known(batch)
        ahead.stop()
        assert await ahead.all_known(batch) == batch
        return found

    found = asyncio.run(send())
    assert [each.event.id for each in found] == [each.event.id for each in batch]
    assert all(len(each.known) == 1 for each in found)
    assert most[0] <= 2 and counted(tally) == {"measured": 40}


POLICY = """
policy: abuse.model
title: A model's word
on: [message.sent]
rules:
  - id: coarse
    mode: live
    when: signals.harm.insult >= 0.5
    then: {action: hold, queue: abuse, reason: "{signals.harm.insult}"}
"""


@pytest.mark.parametrize("processes", [1, 2])
def test_a_server_measures_ahead_and_records_what_the_model_says(
    fresh_sqlite: SimpleNamespace, tmp_path: Path, processes: int
) -> None:
    service()
    _, secret = create_key(None, "plaza", list(Scope), service="plaza")
    policies = policy_folder(tmp_path / "policies")
    (policies / "model.yaml").write_text(POLICY)
    texts = ["You are such an idiot, go away", "See you at eight", "You are such an idiot, go away"]
    with serving(fresh_sqlite.url, policies, tmp_path, processes=processes, ahead=2) as server:
        client = server.client(secret)
        deadline, number = time.monotonic() + 60, 0
        while not server.metric('safehold_signals_ahead_total{outcome="measured"}'):
            assert time.monotonic() < deadline, "nothing was ever measured ahead"
            number += 1
            client.post("/v1/events", json=message(f"w{number}", "Hello there, how are you?"), headers=EVENT)
        answers = [client.post("/v1/events", json=message(n, text), headers=EVENT) for n, text in enumerate(texts)]
        batch = [message(f"b{n}", text) for n, text in enumerate(texts)]
        taken = client.post("/v1/events:batch", json=batch, headers={"Content-Type": "application/json"}).json()
        names = [answer.json()["decision"] for answer in answers]
        names += [result["answer"]["decision"] for result in taken["results"]]
    verdicts = Decision.objects.in_bulk(names)
    for name, text in zip(names, [*texts, *texts], strict=True):
        [run] = [run for run in verdicts[name].verdict["signals"] if run["signal"] == "harm"]
        assert run["values"] == Harm().run(
            Event(id="e", source="s", type="message.sent", time=datetime.now(UTC), text=text)
        )
        assert (verdicts[name].action == "hold") is ("idiot" in text)
    assert verify_record().whole
