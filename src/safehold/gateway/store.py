"""What the gateway asks of the database, and the shapes that pass between them. `safehold.desk.decisions.intake` answers.

Every method may block and is called from the gateway's own threads, never from the event loop.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any, Protocol

import msgspec

from safehold.engine.costs import Buckets, Runs
from safehold.engine.event import Event
from safehold.engine.measured import Measured
from safehold.engine.verdict import Verdict
from safehold.gateway.breaker import Tripped


class Key(msgspec.Struct, frozen=True, kw_only=True):
    """An API key that is not revoked. `digest` is the SHA-256 of its secret in hex; `service` is all it can touch."""

    id: str
    service: str
    digest: str
    scopes: frozenset[str]
    expires_at: datetime | None


class Incoming(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """One event that passed every check and waits to be decided.

    `body` is the CloudEvent as it came, JSON text. `subject_kind` and `subject_id` name the entity it is a snapshot of,
    `account_id` who did it, `thread_id` where; empty where the event has none. `about_kind`, `about_id` and
    `about_account` name what a decision on it is about: the same, but for a report what was reported.
    `detected_by_person` is true when a person, not a rule, drew attention to it (a report). `known` is what signals have
    measured of it already (`ahead`).
    """

    service: str
    event: Event
    body: str
    received_at: datetime
    subject_kind: str
    subject_id: str
    account_id: str
    thread_id: str
    about_kind: str
    about_id: str
    about_account: str
    detected_by_person: bool
    known: tuple[Measured, ...] = ()


class LabelSet(msgspec.Struct, frozen=True, kw_only=True):
    """A label that a verdict sets on an entity; `expires_at` None is for ever."""

    kind: str
    external_id: str
    name: str
    expires_at: datetime | None


class Decided(msgspec.Struct, frozen=True, kw_only=True):
    """What the engine said of an event, and the labels that it has set by that."""

    verdict: Verdict
    labels: list[LabelSet]


class Written(msgspec.Struct, frozen=True, kw_only=True):
    """An event's decision, committed. `duplicate`: the event had been taken before, and this is what was decided then."""

    decision: str
    event: str
    verdict: Verdict
    decided_at: datetime
    duplicate: bool


class Conflict(msgspec.Struct, frozen=True, kw_only=True):
    """The same source and id came before with another content. `decision` is what was decided on that one."""

    decision: str


class Failed(msgspec.Struct, frozen=True, kw_only=True):
    """This one event could not be decided or written, a fault of ours; nothing of it is in the record."""


Outcome = Written | Conflict | Failed


class ActionView(msgspec.Struct, frozen=True, kw_only=True):
    """One thing a decision does at the platform, and how far the platform has got with it."""

    action: str
    type: str
    target_kind: str
    target_id: str
    state: str
    starts_at: datetime
    ends_at: datetime | None


class DecisionView(msgspec.Struct, frozen=True, kw_only=True):
    """A decision as `GET /v1/decisions/{id}` answers it, made by rules (`verdict` says how) or by a person."""

    decision: str
    event: str
    source: str
    source_id: str
    type: str
    subject_kind: str
    subject_id: str
    account_id: str
    action: str
    rule: str
    policies: list[str]
    reason: str
    queue: str
    automation: str
    decided_at: datetime
    on_appeal: bool
    override_of: str | None
    overridden_by: str | None
    params: dict[str, Any]
    verdict: Verdict | None
    actions: list[ActionView]


class LabelSubmission(msgspec.Struct, frozen=True, kw_only=True):
    """A word on a text: that it is `attribute` to the degree `value`, 0 to 1, by `source` (`akismet`, `suggestscore`).

    `reference` is the client's own name for what it speaks of; the same source says a thing under one reference once. `key`
    is the id of the API key that brought it.
    """

    text: str
    attribute: str
    value: float
    source: str
    at: datetime
    reference: str = ""
    key: str = ""


class SiteActivity(msgspec.Struct, frozen=True, kw_only=True):
    """What one site had checked through Akismet's API, by how it was answered, and what its moderators submitted of that."""

    site: str
    spam: int = 0
    ham: int = 0
    missed_spam: int = 0
    false_positives: int = 0

    @property
    def checks(self) -> int:
        return self.spam + self.ham


class Unavailable(Exception):
    """The database can't be reached, or can't write now: no event is to blame."""


#: An event of the record: its position, its service, its body, and when it happened.
Recorded = tuple[int, str, str, datetime]
#: An event's service, source and id.
Name = tuple[str, str, str]


class WindowsState(msgspec.Struct, frozen=True, kw_only=True):
    """How the store of windows is: `state` is `ok`, or a sentence; memory says how much it holds and what it dropped."""

    store: str
    state: str = "ok"
    keys: int = 0
    entries: int = 0
    evicted: int = 0


class Minds(Protocol):
    """The engines' memory, as the store sees it: it is told what the record says and asked for verdicts.

    `labels_seen` is the position up to which labels are known; 0 means nothing yet; `label_gaps` are positions in between
    that were missed, each with when (the store's own business). `spoiled` is true when they were told something that did
    not become part of the record: they must not decide again. `edition` is the number of the policies that they decide
    with. `patience` is for how many seconds a batch may wait for them to be told more; None: until they know it all.
    """

    labels_seen: int
    label_gaps: dict[int, float]
    spoiled: bool
    edition: int
    patience: float | None

    def horizon(self, now: datetime) -> datetime:
        """Events received before this moment can't matter to any window."""

    def meet(self, last: int, after: Callable[[int, int], list[tuple[int, Name]]]) -> int:
        """The position after which they want to be told events, where the record ends at `last`; -1 for all that matter.

        `after(position, count)` names the next events of the record, for a memory that outlived who wrote to it.
        """

    def begin(self, position: int, horizon: datetime | None) -> None:
        """They will be told everything after this position; events received before `horizon` they will not hear of."""

    def observe(self, events: Sequence[Recorded], to: int) -> None:
        """What the record has up to the position `to`, decided elsewhere or before this process began."""

    def label(
        self, service: str, kind: str, external_id: str, name: str, expires_at: datetime | None, voided: bool
    ) -> None:
        """A label that was set or voided, in the order of the record."""

    def decide(self, batch: Sequence[Incoming]) -> Iterator[Decided | Exception]:
        """The verdicts on the next events of the record, in order; an exception for one that could not be decided. Applies
        each verdict's own labels."""

    def recount(self, hits: Mapping[str, int], done: Mapping[str, int], now: datetime) -> None:
        """Other processes have written too: how often each rule matched in the hour of `now`, and rules did each action on
        that day, in all of the installation."""

    def written(self, last: int) -> None:
        """What they decided is written, as far as the position `last`, and is about to be committed."""

    def rest(self) -> float | None:
        """Nothing waits. In how many seconds they should be told of the record again, if they are behind it."""

    def windows(self) -> WindowsState:
        """How their windows are. Called from other threads."""


class Store(Protocol):
    """The database behind the gateway."""

    def api_keys(self) -> list[Key]:
        """Every key that is not revoked, expired ones included."""

    def mark_used(self, used: Mapping[str, datetime]) -> None:
        """Note when keys (by id) were last used."""

    def edition(self) -> int:
        """The number of the edition of the policies that is in force."""

    def throttle(self, tripped: Tripped) -> None:
        """Throttle a rule for every process, record it and tell people; one that is throttled already stays so."""

    def add_costs(self, found: Buckets, ran: Runs) -> None:
        """Add what rules cost and what signals took, as this process measured it, to what is known of it."""

    def catch_up(self, minds: Minds, progress: Callable[[int, int], None] | None = None) -> int:
        """Tell `minds` what the record has that they have not seen, and return how many events that was.

        `progress` is called now and then with the positions that were told and that there are.
        """

    def write_batch(self, batch: Sequence[Incoming], minds: Minds) -> list[Outcome]:
        """Decide and write in one transaction, in order; one outcome an event, in the same order.

        Returns after the commit is on disk. Raises Unavailable when the database failed, and whatever else when it
        refused a row; either way nothing of the batch is in the record, as far as can be known (a connection can break
        during the commit), and `minds` have seen what never happened.
        """

    def decision(self, service: str, decision_id: str) -> DecisionView | None:
        """A decision of this service, or None."""

    def submit_labels(self, service: str, submissions: Sequence[LabelSubmission]) -> int:
        """Keep labels that a client brought, all or none; how many of them are new.

        Raises ValueError, which names the field and says what to do, for one that can't be a label; Unavailable.
        """

    def sites(self, service: str, begin: datetime, end: datetime) -> list[SiteActivity]:
        """What each site had checked through Akismet's API in a time. Raises Unavailable."""

    def close(self) -> None:
        """Close the calling thread's connection."""
