"""The gateway's store on Django's connection: the only place where events and the rules' decisions are written.

One transaction a group of events: take the pen, learn what others wrote, find the events that came before, have the
engine decide on the new ones in order, insert everything, append to the ledger, commit. Raw SQL through the driver's
cursor, because this is the one path that runs thousands of times a second. Who calls: `safehold.gateway`'s threads.
"""

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any

import msgspec
import structlog
from django.db import (
    DatabaseError,
    DataError,
    IntegrityError,
    InterfaceError,
    OperationalError,
    connection,
    transaction,
)

from safehold.accounts.models import ApiKey
from safehold.desk.decisions.bulk import BulkCursor
from safehold.desk.decisions.elsewhere import Elsewhere
from safehold.desk.decisions.hot_rows import HotRows, PolicyInForce
from safehold.desk.decisions.lookup import decision_view
from safehold.desk.entities.models import Service
from safehold.engine.costs import Buckets, Runs
from safehold.engine.verdict import Verdict
from safehold.gateway.breaker import Tripped
from safehold.gateway.faults import described
from safehold.gateway.store import (
    Conflict,
    Decided,
    DecisionView,
    Failed,
    Incoming,
    Key,
    LabelSubmission,
    Minds,
    Name,
    Outcome,
    SiteActivity,
    Unavailable,
    Written,
)

log = structlog.get_logger("safehold.intake")

#: PostgreSQL's advisory lock of whoever writes events: the first eight bytes of SHA-256("safehold intake"), signed.
#: It makes the order of positions the order of commits. SQLite's BEGIN IMMEDIATE is the same lock.
PEN = 8004734999346861320
#: Rows read at a time when the record is replayed.
PAGE = 2_000
#: How long a gap in the positions of labels may still be filled by a transaction that is under way (PostgreSQL).
GAP_SECONDS = 60.0

_verdict = msgspec.json.Decoder(Verdict)
_LABELS = """SELECT position, service_id, kind, external_id, name, expires_at, voided
FROM decisions_labelchange WHERE position > %s{again} ORDER BY position"""
_FIND = """WITH wanted (service_id, source, source_id) AS (VALUES {values})
SELECT e.service_id, e.source, e.source_id, e.id, e.body, d.id, d.verdict, d.decided_at
FROM wanted w
JOIN entities_event e ON e.service_id = w.service_id AND e.source = w.source AND e.source_id = w.source_id
JOIN decisions_decision d ON d.event_id = e.id AND d.automation = 'fully' AND d.root = d.id"""


class Intake:
    """The `Store` of the gateway. `newest` says which edition of the policies is in force now, `throttle` disarms a rule,
    `add_costs` keeps what rules and signals cost, `submit_labels` what clients say of texts, `sites` counts what they had
    checked: they are rooms' above this one.
    `elsewhere` counts for the breaker, if there is one.
    """

    def __init__(
        self,
        newest: Callable[[], int],
        throttle: Callable[[str, str], None],
        add_costs: Callable[[Buckets, Runs], None],
        elsewhere: Elsewhere | None = None,
        submit_labels: Callable[[str, Sequence[LabelSubmission]], int] | None = None,
        sites: Callable[[str, datetime, datetime], list[SiteActivity]] | None = None,
    ) -> None:
        self._submit_labels, self._sites = submit_labels, sites
        self._newest, self._throttle, self._add_costs, self._elsewhere = newest, throttle, add_costs, elsewhere
        self._wrote_until = -1  # where the record ended when this process last wrote
        self._policies: dict[int, Mapping[str, PolicyInForce]] = {}
        self._unknown_services: set[str] = set()

    # Policies

    def edition(self) -> int:
        """The number of the edition of the policies that is in force."""
        return self._newest()

    def throttle(self, tripped: Tripped) -> None:
        """Throttle a rule for every process, record it and tell people; one that is throttled already stays so."""
        self._throttle(tripped.rule, tripped.why)

    def add_costs(self, found: Buckets, ran: Runs) -> None:
        """Add what rules cost and what signals took to what is known of it."""
        self._add_costs(found, ran)

    def submit_labels(self, service: str, submissions: Sequence[LabelSubmission]) -> int:
        """Keep labels that a client brought, all or none; how many are new. See `safehold.gateway.store.Store`."""
        if self._submit_labels is None:
            raise Unavailable("this process keeps no labels")
        with _reported():
            return self._submit_labels(service, submissions)

    def sites(self, service: str, begin: datetime, end: datetime) -> list[SiteActivity]:
        """What each site had checked through Akismet's API in a time. See `safehold.gateway.store.Store`."""
        if self._sites is None:
            raise Unavailable("this process counts no sites")
        with _reported():
            return self._sites(service, begin, end)

    def know(self, edition: int, policies: Mapping[str, PolicyInForce]) -> None:
        """Before any engine decides with an edition: the versions of its policies, by key, which decisions name."""
        self._policies = {
            **{number: self._policies[number] for number in sorted(self._policies)[-3:]},
            edition: policies,
        }

    # Keys

    def api_keys(self) -> list[Key]:
        """Every key that is not revoked and whose service exists."""
        services = set(Service.objects.values_list("slug", flat=True))
        rows = ApiKey.objects.filter(revoked_at=None).values_list("id", "service", "digest", "scopes", "expires_at")
        keys = []
        for key_id, service, digest, scopes, expires_at in rows:
            if service in services:
                scope_set = frozenset(scopes)
                keys.append(Key(id=key_id, service=service, digest=digest, scopes=scope_set, expires_at=expires_at))
            elif service not in self._unknown_services:
                self._unknown_services.add(service)
                log.warning("key_without_service", key=key_id, service=service)
        return keys

    def mark_used(self, used: Mapping[str, datetime]) -> None:
        """Note when keys were last used."""
        with transaction.atomic():
            for key_id, at in sorted(used.items()):
                ApiKey.objects.filter(pk=key_id).update(last_used_at=at)

    # Reading

    def decision(self, service: str, decision_id: str) -> DecisionView | None:
        """A decision of this service, or None."""
        try:
            return decision_view(service, decision_id)
        except (OperationalError, InterfaceError):
            connection.close()  # it may have been idle for too long; a second failure is a real one
            return decision_view(service, decision_id)

    def close(self) -> None:
        """Close this thread's connection."""
        connection.close()

    def catch_up(self, minds: Minds, progress: Callable[[int, int], None] | None = None) -> int:
        """Tell `minds` what the record has that they have not seen; how many events that was."""
        with _reported():
            return self._catch_up(BulkCursor(connection), minds, progress=progress)[0]

    def _catch_up(
        self,
        cursor: BulkCursor,
        minds: Minds,
        patience: float | None = None,
        progress: Callable[[int, int], None] | None = None,
    ) -> tuple[int, int]:
        """(how many events were told, where the record ends). `patience` is for how many seconds events are told at most;
        labels always are, all of them."""
        started = time.monotonic()
        last = _last_position(cursor)
        seen = minds.meet(last, lambda position, count: _names_after(cursor, position, count))
        if seen < 0:
            horizon = minds.horizon(datetime.now(UTC))
            seen = _position_before(cursor, horizon)
            minds.begin(seen, horizon if seen else None)
        events = 0
        while seen < last and (patience is None or time.monotonic() - started < patience):
            cursor.execute(
                "SELECT position, service_id, body, occurred_at FROM entities_event "
                "WHERE position > %s ORDER BY position LIMIT %s",
                (seen, PAGE),
            )
            page = [(position, service, body, _moment(at)) for position, service, body, at in cursor.fetchall()]
            if not page:
                break
            seen = page[-1][0]
            minds.observe(page, seen)
            events += len(page)
            if progress is not None:
                progress(seen, last)
        self._follow_labels(cursor, minds)
        return events, last

    def _follow_labels(self, cursor: BulkCursor, minds: Minds) -> None:
        """Labels since the last time. On PostgreSQL positions are given before commits, so gaps are asked for again."""
        now = time.monotonic()
        gaps = {position: since for position, since in minds.label_gaps.items() if now - since < GAP_SECONDS}
        again = f" OR position IN ({', '.join(['%s'] * len(gaps))})" if gaps else ""
        cursor.execute(_LABELS.format(again=again), (minds.labels_seen, *gaps))
        started = minds.labels_seen
        for position, service, kind, external_id, name, expires_at, voided in cursor.fetchall():
            minds.label(service, kind, external_id, name, _moment(expires_at) if expires_at else None, bool(voided))
            if connection.vendor == "postgresql" and started and position > minds.labels_seen + 1:
                gaps |= dict.fromkeys(range(minds.labels_seen + 1, position), now)
            gaps.pop(position, None)
            minds.labels_seen = max(minds.labels_seen, position)
        minds.label_gaps = gaps

    # Writing

    def write_batch(self, batch: Sequence[Incoming], minds: Minds) -> list[Outcome]:
        """Decide and write in one transaction; see `safehold.gateway.store.Store`."""
        with _reported(), transaction.atomic(durable=True):
            cursor = BulkCursor(connection)
            if connection.vendor == "postgresql":
                cursor.execute("SELECT pg_advisory_xact_lock(%s)", (PEN,))
            _, last = self._catch_up(cursor, minds, minds.patience)
            if self._elsewhere is not None and last != self._wrote_until:
                now = batch[0].received_at
                minds.recount(self._elsewhere.hits(cursor, now), self._elsewhere.done(cursor, last, now), now)
            taken = _find(cursor, batch)
            rows = HotRows(
                self._policies[minds.edition], datetime.now(UTC), len(batch), texts=connection.vendor == "sqlite"
            )
            verdicts = minds.decide(list(_new(batch, taken).values()))
            outcomes = [self._outcome(incoming, taken, verdicts, minds, rows) for incoming in batch]
            rows.insert(cursor, connection.vendor)
            end = _last_position(cursor)
            minds.written(end)
        self._wrote_until = end
        return outcomes

    def _outcome(
        self,
        incoming: Incoming,
        taken: dict[Name, tuple[str, Written] | None],
        verdicts: Iterator[Decided | Exception],
        minds: Minds,
        rows: HotRows,
    ) -> Outcome:
        """`taken` has what came before, in the record and in this batch; None for what could not be decided."""
        event, name = incoming.event, _name(incoming)
        if name in taken:
            if (before := taken[name]) is None:
                return Failed()
            body, written = before
            if body == incoming.body or msgspec.json.decode(body) == msgspec.json.decode(incoming.body):
                return written
            return Conflict(decision=written.decision)
        try:
            decided = next(verdicts)
            if isinstance(decided, Exception):
                raise decided
            written = rows.add(incoming, decided)
        except Exception as error:
            # The engine isolates its rules, so this is a fault of ours: one event pays for it, not the batch.
            minds.spoiled, taken[name] = True, None
            log.error("event_not_decided", type=event.type, **described(error))
            return Failed()
        taken[name] = (
            incoming.body,
            Written(
                decision=written.decision,
                event=written.event,
                verdict=written.verdict,
                decided_at=written.decided_at,
                duplicate=True,
            ),
        )
        return written


def _name(incoming: Incoming) -> Name:
    return incoming.service, incoming.event.source, incoming.event.id


def _new(batch: Sequence[Incoming], taken: Mapping[Name, object]) -> dict[Name, Incoming]:
    """Those of the batch that nobody sent before, in order; of several with one name the first."""
    found: dict[Name, Incoming] = {}
    for incoming in batch:
        if (name := _name(incoming)) not in taken:
            found.setdefault(name, incoming)
    return found


def _last_position(cursor: BulkCursor) -> int:
    cursor.execute("SELECT COALESCE(MAX(position), 0) FROM entities_event")
    last: int = cursor.fetchone()[0]
    return last


def _names_after(cursor: BulkCursor, position: int, count: int) -> list[tuple[int, Name]]:
    """The names of the record's next events, each with its position."""
    cursor.execute(
        "SELECT position, service_id, source, source_id FROM entities_event WHERE position > %s ORDER BY position LIMIT %s",
        (position, count),
    )
    return [(at, (service, source, source_id)) for at, service, source, source_id in cursor.fetchall()]


def _find(cursor: BulkCursor, batch: Sequence[Incoming]) -> dict[Name, tuple[str, Written] | None]:
    """Those of the batch that the record has: (service, source, id) -> its body, and what was decided then."""
    names = [_name(incoming) for incoming in batch]
    # Filled up to a power of two, so that there are few texts of the statement for the driver to keep prepared.
    names += [names[-1]] * ((1 << (len(names) - 1).bit_length()) - len(names))
    values = ", ".join(["(%s, %s, %s)"] * len(names))
    cursor.execute(_FIND.format(values=values), [part for name in names for part in name])
    return {
        (service, source, source_id): (
            body,
            Written(
                decision=decision,
                event=event,
                verdict=_stored_verdict(verdict),
                decided_at=_moment(decided_at),
                duplicate=True,
            ),
        )
        for service, source, source_id, event, body, decision, verdict, decided_at in cursor.fetchall()
    }


def _position_before(cursor: BulkCursor, horizon: datetime) -> int:
    """The last position that no window looks at."""
    cursor.execute(
        "SELECT MIN(position) FROM entities_event WHERE received_at >= %s",
        (connection.ops.adapt_datetimefield_value(horizon),),
    )
    first: int | None = cursor.fetchone()[0]
    if first is not None:
        return first - 1
    return _last_position(cursor)


def _moment(stored: datetime | str) -> datetime:
    """A time as the driver gives it: aware from PostgreSQL, in UTC without saying so from SQLite."""
    moment = datetime.fromisoformat(stored) if isinstance(stored, str) else stored
    return moment if moment.tzinfo is not None else moment.replace(tzinfo=UTC)


def _stored_verdict(stored: Any) -> Verdict:
    """The verdict column as the driver gives it: text, or decoded already."""
    return _verdict.decode(stored) if isinstance(stored, str | bytes) else msgspec.convert(stored, Verdict)


@contextmanager
def _reported() -> Iterator[None]:
    """Tell failures of the database from its refusal of a row; after either the connection is made anew."""
    try:
        with connection.wrap_database_errors:
            yield
    except (IntegrityError, DataError):
        connection.close()
        raise
    except (DatabaseError, InterfaceError) as error:
        connection.close()
        raise Unavailable from error
