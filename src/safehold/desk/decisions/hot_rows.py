"""A verdict as rows: what the gateway's writer adds to the record for one event. Pure: rows in lists, nothing written.

`intake` fills one `HotRows` a transaction and inserts it. The models say what the columns mean; a test holds the
columns here against them.
"""

import os
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Any

import msgspec

from safehold.desk.decisions.bulk import BulkCursor
from safehold.desk.decisions.models import Decision
from safehold.desk.entities.models import Event
from safehold.engine.verdict import Hit, Verdict
from safehold.gateway.store import Decided, Incoming, Written
from safehold.ids import new_id
from safehold.ledger.canonical import NotCanonical, canonical
from safehold.ledger.entry import EntryMaker, timestamp
from safehold.record.append import Entry, append_entries
from safehold.record.registry import RECORDED

_event_entry = EntryMaker(RECORDED["event"].spec)
_decision_entry = EntryMaker(RECORDED["decision"].spec)
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
#: Why a hit did nothing -> how it is counted; others by their mode.
_COUNTED_AS = {"breaker": "throttled", "quota": "suppressed"}
_COUNT_HITS = (
    "INSERT INTO decisions_rulehits (service_id, name, mode, hour, hits) VALUES (%s, %s, %s, %s, %s) "
    "ON CONFLICT (service_id, name, mode, hour) DO UPDATE SET hits = decisions_rulehits.hits + excluded.hits"
)
#: Random bytes that an event needs: an identifier and two salts.
_RANDOM = 10 + 32 + 32
_EVENT_TABLE, _DECISION_TABLE = Event._meta.db_table, Decision._meta.db_table


#: A time as (the driver stores it, the ledger writes it).
_Times = Callable[[datetime | None], tuple[str | datetime | None, str | None]]


class PolicyInForce(msgspec.Struct, frozen=True):
    """The version of a policy that decisions name, and how long its strikes last (None: for ever)."""

    id: str
    strikes_last: timedelta | None


class HotRows:
    """The rows of at most `count` events, of one transaction. `texts`: the driver stores times as text (SQLite), not as
    they are (PostgreSQL).

    Each row is made twice, as the driver's tuple and for the ledger in the order of its names, side by side: this is the
    hottest code there is outside the engine. `safehold ledger verify` reads the first and must find the second's commitment.
    """

    def __init__(self, policies: Mapping[str, PolicyInForce], now: datetime, count: int, *, texts: bool) -> None:
        self._policies, self._now = policies, now
        # Drawn at once: each call would give up Python's lock, which the event loop beside us is waiting for.
        self._random = os.urandom(count * _RANDOM)
        self._times: _Times = _as_texts if texts else _as_they_are
        self._now_stored: str | datetime | None
        self._now_text: str | None
        self._now_stored, self._now_text = self._times(now)
        self._events: list[tuple[Any, ...]] = []
        self._decisions: list[tuple[Any, ...]] = []
        self._labels: list[tuple[Any, ...]] = []
        self._outbox: list[tuple[Any, ...]] = []
        self._entries: list[Entry] = []
        self._hits: dict[tuple[str, str, str], int] = {}

    def add(self, incoming: Incoming, decided: Decided) -> Written:
        """Queue all rows of one event, or none if one of them has no faithful form. Returns what it will be answered."""
        verdict, verdict_text = storable(decided.verdict)
        start = len(self._events) * _RANDOM
        random = self._random[start : start + _RANDOM]
        salts = random[10:].hex()
        event_id = new_id("evt", random[:10])
        decision_id = f"dec{event_id[3:]}"  # what rules decide first on an event has its name
        event, event_entry = self._event(incoming, event_id, random[10:42], salts[:64])
        decision, decision_entry = self._decision(
            incoming, decision_id, event_id, verdict, verdict_text, random[42:], salts[64:]
        )
        labels = [
            (incoming.service, label.kind, label.external_id, label.name, self._times(label.expires_at)[0], False,
             decision_id)
            for label in decided.labels
        ]  # fmt: skip
        for hit in verdict.hits:
            counted = (incoming.service, f"{hit.policy}/{hit.rule}", _COUNTED_AS.get(hit.suppressed, hit.mode))
            self._hits[counted] = self._hits.get(counted, 0) + 1
        self._events.append(event)
        self._decisions.append(decision)
        self._labels += labels
        self._outbox.append(("decision.made", decision_id, self._now_stored, None, 0, None, ""))
        self._entries += (
            ("event", event_id, incoming.received_at, event_entry),
            ("decision", decision_id, self._now, decision_entry),
        )
        return Written(
            decision=decision_id, event=event_id, verdict=verdict, decided_at=self._now, duplicate=False
        )  # fmt: skip

    def insert(self, cursor: BulkCursor, vendor: str) -> None:
        """Write them. The ledger's entries come last, as `append_entries` asks."""
        cursor.insert(_EVENT_TABLE, EVENT_COLUMNS, self._events)
        cursor.insert(_DECISION_TABLE, DECISION_COLUMNS, self._decisions)
        cursor.insert("decisions_labelchange", LABEL_COLUMNS, self._labels)
        cursor.insert("decisions_outbox", OUTBOX_COLUMNS, self._outbox)
        if self._hits:
            hour, _ = self._times(self._now.replace(minute=0, second=0, microsecond=0))
            for counted, hits in sorted(self._hits.items()):  # one row a rule that matched: few
                cursor.execute(_COUNT_HITS, (*counted, hour, hits))
        if self._entries:
            append_entries(cursor, self._entries, vendor=vendor)

    def _event(self, incoming: Incoming, event_id: str, raw_salt: bytes, salt: str) -> tuple[tuple[Any, ...], bytes]:
        """The row in the order of EVENT_COLUMNS, and its ledger entry."""
        event, service, body = incoming.event, incoming.service, incoming.body
        source, source_id, event_type = event.source, event.id, event.type
        occurred, occurred_text = self._times(event.time)
        received, received_text = self._times(incoming.received_at)
        row = (
            event_id, service, source, source_id, event_type, occurred, received,
            incoming.subject_kind, incoming.subject_id, incoming.account_id, incoming.thread_id, body, salt,
        )  # fmt: skip
        entry = _event_entry(
            raw_salt, body, event_id, occurred_text, received_text, service, source, source_id, event_type
        )  # fmt: skip
        return row, entry

    def _decision(
        self, incoming: Incoming, decision_id: str, event_id: str, verdict: Verdict, verdict_text: bytes,
        raw_salt: bytes, salt: str,
    ) -> tuple[tuple[Any, ...], bytes]:  # fmt: skip
        """The row in the order of DECISION_COLUMNS, and its ledger entry."""
        policy_id: str | None = None
        rule = reason = ""
        policies, params, weight, ends = b"[]", b"{}", 0, None
        if verdict.hits and (live := [hit for hit in verdict.hits if hit.mode != "shadow"]):
            params = canonical(_params(winner := _winner(verdict, live), live))
            if winner is not None:
                in_force = self._policies[winner.policy]
                policy_id, rule, reason, weight = in_force.id, verdict.winner or "", winner.reason, winner.strike
                policies = canonical(_broken(winner, live))
                if weight and in_force.strikes_last:
                    ends = self._now + in_force.strikes_last
        ends_stored, ends_text = self._times(ends)
        service, account, queue = incoming.service, incoming.about_account, verdict.queue or ""
        kind, subject, by_rules = incoming.about_kind, incoming.about_id, not incoming.detected_by_person
        row = (
            decision_id, service, event_id, kind, subject, account, verdict.action, policy_id, rule, policies.decode(),
            reason, verdict.why, queue, verdict.bundle, None, verdict_text.decode(), by_rules, "fully", decision_id,
            None, False, weight, ends_stored, params.decode(), self._now_stored, salt,
        )  # fmt: skip
        entry = _decision_entry(
            raw_salt, account, verdict.action, "fully", verdict.bundle, self._now_text, by_rules, event_id, decision_id,
            verdict.why, False, None, msgspec.Raw(params), None, msgspec.Raw(policies), policy_id, queue, reason,
            decision_id, rule, service, ends_text, weight, subject, kind, msgspec.Raw(verdict_text),
        )  # fmt: skip
        return row, entry


def _as_texts(moment: datetime | None) -> tuple[str | None, str | None]:
    """(as Django's SQLite backend stores a time, as the ledger writes it)."""
    if moment is None:
        return None, None
    utc = (moment if moment.tzinfo is UTC else moment.astimezone(UTC)).isoformat(timespec="microseconds")
    stored = f"{utc[:10]} {utc[11:26]}" if moment.microsecond else f"{utc[:10]} {utc[11:19]}"
    return stored, f"{utc[:26]}Z"


def _as_they_are(moment: datetime | None) -> tuple[datetime | None, str | None]:
    """(the time itself, as the ledger writes it)."""
    return moment, None if moment is None else timestamp(moment)


def storable(verdict: Verdict) -> tuple[Verdict, bytes]:
    """The verdict and its canonical JSON. A signal may have computed text that a database can't keep: U+0000 and halves
    of surrogate pairs become U+FFFD, in the answer as in the record."""
    if not (verdict.hits or verdict.signals or verdict.undecided or verdict.lists or verdict.failures):
        return verdict, _nothing_found(verdict.action, verdict.why, verdict.bundle)
    try:
        numbers = bool(verdict.hits or verdict.signals)  # the only parts of a verdict that have any
        text = canonical(verdict, finite=True, numbers=numbers)  # the engine reports NaN and infinities as text
        if b"\\u0000" not in text:
            return verdict, text
    except NotCanonical:
        pass
    kept = msgspec.convert(_kept(msgspec.to_builtins(verdict)), Verdict)
    return kept, canonical(kept)


@lru_cache(maxsize=8)
def _nothing_found(action: str, why: str, bundle: str) -> bytes:
    """The canonical JSON of most verdicts: no rule matched, or had anything to say."""
    return canonical(
        Verdict(
            action=action, winner=None, why=why, queue=None, hits=[], undecided=[], signals=[], bundle=bundle
        )
    )  # fmt: skip


def _kept(value: Any) -> Any:
    match value:
        case str():
            return value.replace("\0", "\ufffd").encode("utf-16", "surrogatepass").decode("utf-16", "replace")
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
