"""The record as events that can be decided again: each with its verdict, its signals, and the labels that it saw.

Labels are folded from the feed of changes in the order in which decisions were made; a rule's label is seen by the
events after its own. Who calls: `recent` and the export of the history files.
"""

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import msgspec
from django.db import connection

from safehold.engine.event import Event, lift
from safehold.engine.labels import Labels
from safehold.engine.language.values import timestamp_from_datetime
from safehold.engine.verdict import SignalRun
from safehold.replay.recorded import Recorded, no_labels

#: Rows read at a time.
PAGE = 2_000

_EVENTS = """SELECT e.position, e.id, e.service_id, e.occurred_at, e.received_at, e.subject_kind, e.subject_id,
  e.account_id, e.body, d.id, d.action, d.rule, d.bundle, d.verdict, d.decided_at
FROM entities_event e
LEFT JOIN decisions_decision d ON d.event_id = e.id AND d.automation = 'fully' AND d.root = d.id
WHERE e.position > %s AND e.position <= %s ORDER BY e.position LIMIT %s"""
_LABELS = """SELECT d.decided_at, CASE WHEN d.person_id IS NULL THEN e.position ELSE 0 END AS made_by, l.service_id,
  l.kind, l.external_id, l.name, l.expires_at, l.voided
FROM decisions_labelchange l
JOIN decisions_decision d ON d.id = l.decision_id
JOIN entities_event e ON e.id = d.event_id
WHERE d.decided_at <= %s
ORDER BY d.decided_at, made_by, l.position"""


class _Runs(msgspec.Struct):
    """What is wanted of a stored verdict."""

    signals: tuple[SignalRun, ...] = ()


_runs = msgspec.json.Decoder(_Runs)


def recorded(after: int, upto: int) -> Iterator[Recorded]:
    """The events at positions greater than `after` up to `upto`, in order. An event that was erased is left out."""
    labels: _LabelFold | None = None
    while after < upto:
        with connection.cursor() as cursor:
            cursor.execute(_EVENTS, (after, upto, PAGE))
            page = cursor.fetchall()
        if not page:
            return
        if labels is None:
            labels = _LabelFold(until=_last_moment(upto))
        for row in page:
            after = row[0]
            event = _event(row[8], moment(row[3]))
            if event is not None:
                yield _recorded(row, event, labels)


def last_position() -> int:
    """The position of the newest event; 0 where there is none."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT COALESCE(MAX(position), 0) FROM entities_event")
        return int(cursor.fetchone()[0])


def position_before(at: datetime) -> int:
    """The position of the newest event that was received before `at`, and 0 where there is none."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT COALESCE(MAX(position), 0) FROM entities_event WHERE received_at < %s",
            (connection.ops.adapt_datetimefield_value(at),),
        )
        return int(cursor.fetchone()[0])


def moment(stored: datetime | str) -> datetime:
    """A time as the driver gives it: aware from PostgreSQL, in UTC without saying so from SQLite."""
    found = datetime.fromisoformat(stored) if isinstance(stored, str) else stored
    return found if found.tzinfo is not None else found.replace(tzinfo=UTC)


def _last_moment(upto: int) -> datetime | str:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT MAX(d.decided_at) FROM decisions_decision d JOIN entities_event e ON e.id = d.event_id "
            "WHERE e.position <= %s AND d.automation = 'fully' AND d.root = d.id",
            (upto,),
        )
        found: datetime | str | None = cursor.fetchone()[0]
    return found if found is not None else moment("1970-01-01")


def _event(body: str, occurred_at: datetime) -> Event | None:
    """The event as the engine saw it, with the time that the record settled on; None where its body was erased."""
    if not body:
        return None
    try:
        return lift(msgspec.json.decode(body) | {"time": occurred_at})
    except (msgspec.DecodeError, ValueError, TypeError):
        return None


def _recorded(row: tuple[Any, ...], event: Event, labels: "_LabelFold") -> Recorded:
    position, event_id, service, _, received_at, kind, subject, account = row[:8]
    decision, action, rule, bundle, verdict, decided_at = row[9:]
    if decided_at is not None:
        labels.advance(moment(decided_at), position)
    return Recorded(
        position=position,
        id=event_id,
        service=service,
        event=event,
        received_at=moment(received_at),
        subject_kind=kind,
        subject_id=subject,
        account_id=account,
        decision=decision or "",
        action=action or "allow",
        rule=rule or "",
        bundle=bundle or "",
        signals=_signals(verdict),
        labels=labels.of(service, event, (kind, subject)),
    )


def _signals(verdict: Any) -> tuple[SignalRun, ...]:
    if verdict is None:
        return ()
    found = _runs.decode(verdict) if isinstance(verdict, str | bytes) else msgspec.convert(verdict, _Runs)
    return found.signals


class _LabelFold:
    """The labels as they stood at each event, one after the other."""

    def __init__(self, until: datetime | str) -> None:
        with connection.cursor() as cursor:
            cursor.execute(_LABELS, (until,))
            self._changes = [(moment(row[0]), *row[1:]) for row in cursor.fetchall()]
        self._next = 0
        self._held: dict[str, Labels] = {}

    def advance(self, decided_at: datetime, position: int) -> None:
        """Apply what was decided before the event at `position`."""
        while self._next < len(self._changes):
            at, made_by, service, kind, external_id, name, expires_at, voided = self._changes[self._next]
            if (at, made_by) >= (decided_at, position):
                return
            self._next += 1
            held = self._held.setdefault(service, Labels())
            if voided:
                held.void(kind, external_id, name)
            else:
                held.set(kind, external_id, name, moment(expires_at) if expires_at else None)

    def of(self, service: str, event: Event, content: tuple[str, str]) -> dict[str, tuple[str, ...]]:
        held, at = self._held.get(service), int(timestamp_from_datetime(event.time))
        if held is None:
            return no_labels()
        target = (str(event.target.get("kind") or "account"), str(event.target.get("id")))
        return {
            "actor": tuple(held.names("account", str(event.actor.get("id")), at)),
            "target": tuple(held.names(*target, at)) if event.target.get("id") is not None else (),
            "content": tuple(held.names(*content, at)),
        }
