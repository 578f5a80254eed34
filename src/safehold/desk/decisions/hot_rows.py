"""A verdict as rows: what the gateway's writer adds to the record for one event. Pure: rows in lists, nothing written.

`intake` fills one `HotRows` a transaction and inserts it. The models say what the columns mean; a test holds the
columns here against them.
"""

import os
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from typing import Any

import msgspec

from safehold.desk.decisions.bulk import BulkCursor
from safehold.desk.decisions.models import Decision
from safehold.desk.entities.models import Event
from safehold.engine.verdict import Hit, Verdict
from safehold.gateway.store import Decided, Incoming, Written
from safehold.ids import new_id
from safehold.ledger.canonical import NotCanonical, canonical
from safehold.ledger.entry import entry_body
from safehold.record.append import Entry, append_entries
from safehold.record.registry import RECORDED

_EVENT = RECORDED["event"].spec
_DECISION = RECORDED["decision"].spec
EVENT_COLUMNS = (
    "id", "service_id", "source", "source_id", "type", "occurred_at", "received_at", "subject_kind", "subject_id",
    "account_id", "thread_id", "body", "salt",
)  # fmt: skip
DECISION_COLUMNS = (
    "id", "service_id", "event_id", "subject_kind", "subject_id", "account_id", "action", "policy_id", "rule",
    "policies", "reason", "note", "queue", "bundle", "person_id", "verdict", "detection_automated", "automation",
    "root", "override_of_id", "on_appeal", "strike_weight", "strike_expires_at", "params", "decided_at", "salt",
)  # fmt: skip
LABEL_COLUMNS = ("service_id", "kind", "external_id", "name", "expires_at", "voided", "decision_id")
OUTBOX_COLUMNS = ("topic", "reference", "created_at", "done_at", "attempts", "next_at", "error")
_EVENT_TABLE, _DECISION_TABLE = Event._meta.db_table, Decision._meta.db_table


class PolicyInForce(msgspec.Struct, frozen=True):
    """The version of a policy that decisions name, and how long its strikes last (None: for ever)."""

    id: str
    strikes_last: timedelta | None


class HotRows:
    """The rows of one transaction. `adapt` turns a datetime into what the driver stores."""

    def __init__(
        self, policies: Mapping[str, PolicyInForce], now: datetime, adapt: Callable[[datetime | None], Any]
    ) -> None:
        self._policies, self._now, self._adapt = policies, now, adapt
        self._now_stored = adapt(now)
        self._events: list[tuple[Any, ...]] = []
        self._decisions: list[tuple[Any, ...]] = []
        self._labels: list[tuple[Any, ...]] = []
        self._outbox: list[tuple[Any, ...]] = []
        self._entries: list[Entry] = []

    def add(self, incoming: Incoming, decided: Decided) -> Written:
        """Queue all rows of one event, or none if one of them has no faithful form. Returns what it will be answered."""
        verdict, verdict_text = storable(decided.verdict)
        event = self._event(incoming)
        decision = self._decision(incoming, event["id"], verdict, verdict_text)
        entries = [
            ("event", event["id"], event["received_at"], entry_body(_EVENT, event, event["salt"])),
            ("decision", decision["id"], self._now, entry_body(_DECISION, decision, decision["salt"])),
        ]
        labels = [
            (
                incoming.service, label.kind, label.external_id, label.name, self._adapt(label.expires_at), False,
                decision["id"],
            )
            for label in decided.labels
        ]  # fmt: skip
        self._events.append(self._stored(event, EVENT_COLUMNS))
        self._decisions.append(self._stored(decision, DECISION_COLUMNS))
        self._labels += labels
        self._outbox.append(("decision.made", decision["id"], self._now_stored, None, 0, None, ""))
        self._entries += entries
        return Written(
            decision=decision["id"],
            event=event["id"],
            verdict=verdict,
            decided_at=self._now,
            duplicate=False,
        )

    def insert(self, cursor: BulkCursor, vendor: Any) -> None:
        """Write them. The ledger's entries come last, as `append_entries` asks."""
        cursor.insert(_EVENT_TABLE, EVENT_COLUMNS, self._events)
        cursor.insert(_DECISION_TABLE, DECISION_COLUMNS, self._decisions)
        cursor.insert("decisions_labelchange", LABEL_COLUMNS, self._labels)
        cursor.insert("decisions_outbox", OUTBOX_COLUMNS, self._outbox)
        if self._entries:
            append_entries(cursor, self._entries, vendor=vendor)

    def _event(self, incoming: Incoming) -> dict[str, Any]:
        event = incoming.event
        return {
            "id": new_id("evt"),
            "service_id": incoming.service,
            "source": event.source,
            "source_id": event.id,
            "type": event.type,
            "occurred_at": event.time,
            "received_at": incoming.received_at,
            "subject_kind": incoming.subject_kind,
            "subject_id": incoming.subject_id,
            "account_id": incoming.account_id,
            "thread_id": incoming.thread_id,
            "body": incoming.body,
            "salt": os.urandom(32).hex(),
        }

    def _decision(self, incoming: Incoming, event_id: str, verdict: Verdict, verdict_text: bytes) -> dict[str, Any]:
        live = [hit for hit in verdict.hits if hit.mode != "shadow"]
        winner = _winner(verdict, live)
        in_force = self._policies[winner.policy] if winner else None
        weight = winner.strike if winner else 0
        decision_id = new_id("dec")
        return {
            "id": decision_id,
            "service_id": incoming.service,
            "event_id": event_id,
            "subject_kind": incoming.about_kind,
            "subject_id": incoming.about_id,
            "account_id": incoming.about_account,
            "action": verdict.action,
            "policy_id": in_force.id if in_force else None,
            "rule": verdict.winner or "",
            "policies": msgspec.Raw(canonical(_broken(winner, live))),
            "reason": winner.reason if winner else "",
            "note": verdict.why,
            "queue": verdict.queue or "",
            "bundle": verdict.bundle,
            "person_id": None,
            "verdict": msgspec.Raw(verdict_text),
            "detection_automated": not incoming.detected_by_person,
            "automation": "fully",
            "root": decision_id,
            "override_of_id": None,
            "on_appeal": False,
            "strike_weight": weight,
            "strike_expires_at": (
                self._now + in_force.strikes_last if weight and in_force and in_force.strikes_last else None
            ),
            "params": msgspec.Raw(canonical(_params(winner, live))),
            "decided_at": self._now,
            "salt": os.urandom(32).hex(),
        }

    def _stored(self, row: Mapping[str, Any], columns: tuple[str, ...]) -> tuple[Any, ...]:
        return tuple([self._plain(row[column]) for column in columns])

    def _plain(self, value: Any) -> Any:
        if isinstance(value, datetime):
            return self._now_stored if value is self._now else self._adapt(value)
        if isinstance(value, msgspec.Raw):
            return bytes(value).decode()
        return value


def storable(verdict: Verdict) -> tuple[Verdict, bytes]:
    """The verdict and its canonical JSON. What a signal or a window computed may be more than JSON in a database can
    keep: an integer beyond 2**53 becomes its digits as a string, U+0000 becomes U+FFFD, in the answer as in the record."""
    try:
        text = canonical(verdict)
        if b"\\u0000" not in text:
            return verdict, text
    except NotCanonical:
        pass
    kept = msgspec.convert(_kept(msgspec.to_builtins(verdict)), Verdict)
    return kept, canonical(kept)


def _kept(value: Any) -> Any:
    match value:
        case str():
            return value.replace("\0", "\ufffd")
        case int() if not isinstance(value, bool) and abs(value) >= 2**53:
            return str(value)
        case list():
            return [_kept(item) for item in value]
        case dict():
            return {_kept(key): _kept(item) for key, item in value.items()}
    return value


def _winner(verdict: Verdict, live: list[Hit]) -> Hit | None:
    """The hit that `verdict.winner` names."""
    if verdict.winner is None:
        return None
    return next(hit for hit in live if f"{hit.policy}/{hit.rule}" == verdict.winner)


def _broken(winner: Hit | None, live: list[Hit]) -> list[str]:
    """The keys of the policies that live rules found broken, the winner's first, each once."""
    hits = [winner, *live] if winner else live
    return list(dict.fromkeys(hit.policy for hit in hits if hit.action != "allow"))


def _params(winner: Hit | None, live: list[Hit]) -> dict[str, Any]:
    """How the action is to be done: for how many seconds, and which labels all live hits set."""
    params: dict[str, Any] = {}
    if winner and winner.seconds is not None:
        params["seconds"] = winner.seconds
    if labels := [msgspec.to_builtins(hit.label) for hit in live if hit.label is not None]:
        params["labels"] = labels
    return params
