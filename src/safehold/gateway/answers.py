"""What the gateway answers, as structs: the wire format and the API's description are made from these."""

from datetime import datetime
from typing import Any

import msgspec

from safehold.engine.verdict import Hit, Undecided
from safehold.gateway.problems import Problem
from safehold.gateway.store import Conflict, Failed, Outcome, Written

_encode = msgspec.json.Encoder().encode


class FailedSignal(msgspec.Struct, frozen=True, kw_only=True):
    """A signal that was asked and failed: rules that needed it are in `undecided`."""

    signal: str
    error: str


class Answer(msgspec.Struct, frozen=True, kw_only=True):
    """The verdict on one event, written down before it was answered.

    `action` is what to do, `winner` the rule it came from (`policy/rule`, null when no live rule matched), `why` the
    reason in words, `queue` where a person will look at it, if anybody will. `hits` are all rules that matched with the
    values they saw; those with `mode` `shadow` did nothing. `duplicate`: this event had been taken before.
    """

    decision: str
    event: str
    duplicate: bool
    action: str
    winner: str | None
    why: str
    queue: str | None
    hits: list[Hit]
    undecided: list[Undecided]
    failed_signals: list[FailedSignal]
    bundle: str
    decided_at: datetime


class Sealed(msgspec.Struct, frozen=True, gc=False):
    """An `Answer` as JSON, as it is sent."""

    body: bytes
    duplicate: bool


class BatchItem(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What became of one event of a batch: `answer` if `status` is 200, else `problem`. `index` counts from 0."""

    index: int
    status: int
    answer: Answer | None = None
    problem: Problem | None = None


class SealedItem(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A `BatchItem` whose answer is JSON already."""

    index: int
    status: int
    answer: msgspec.Raw | None = None
    problem: Problem | None = None


class BatchAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """One result an event, in the batch's order. `taken` are in the record now, `duplicates` of them were before."""

    taken: int
    duplicates: int
    refused: int
    results: list[BatchItem]


class SealedBatch(msgspec.Struct, frozen=True, kw_only=True):
    """A `BatchAnswer` whose answers are JSON already."""

    taken: int
    duplicates: int
    refused: int
    results: list[SealedItem]


class EventTypeView(msgspec.Struct, frozen=True, kw_only=True):
    """An event type: `schema` is the JSON Schema (2020-12) of a CloudEvent's `data`, `subject` the paths of what it is about."""

    type: str
    title: str
    description: str
    subject: dict[str, Any]
    schema: dict[str, Any]


class EventTypesAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """Every event type that this installation declares."""

    event_types: list[EventTypeView]


class Health(msgspec.Struct, frozen=True, kw_only=True):
    """`status` is `ok`, or `unavailable` with the checks that say why."""

    status: str
    checks: dict[str, str]


class ProblemKind(msgspec.Struct, frozen=True, kw_only=True):
    """The explanation of a kind of problem."""

    type: str
    title: str
    status: int
    about: str


def answer(written: Written) -> Answer:
    """The answer to an event that is in the record."""
    verdict = written.verdict
    return Answer(
        decision=written.decision,
        event=written.event,
        duplicate=written.duplicate,
        action=verdict.action,
        winner=verdict.winner,
        why=verdict.why,
        queue=verdict.queue,
        hits=verdict.hits,
        undecided=verdict.undecided,
        failed_signals=[
            FailedSignal(signal=run.signal, error=run.error) for run in verdict.signals if run.error is not None
        ],
        bundle=verdict.bundle,
        decided_at=written.decided_at,
    )


def sealed(outcome: Outcome) -> Sealed | Conflict | Failed:
    """An outcome as it is handed on to whoever answers the request."""
    if isinstance(outcome, Written):
        return Sealed(_encode(answer(outcome)), outcome.duplicate)
    return outcome
