"""What the rules of one event read: fields of the event, and signals, windows and labels when they are first asked for.

`Engine.decide` makes one Reading for each event. The exact evaluator reads by path and gets faults; generated code asks
`load` and gets MISSING.
"""

from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import Any

import msgspec

from safehold.engine.compile.exact import read_field
from safehold.engine.compile.faults import EvalError, Fault, StoreAway, Unknown
from safehold.engine.compile.missing import MISSING
from safehold.engine.compile.ruleset import RuleSet
from safehold.engine.event import Event
from safehold.engine.labels import Labels
from safehold.engine.language import types
from safehold.engine.language.types import Type
from safehold.engine.language.values import INT_MAX, INT_MIN, Duration, Timestamp, timestamp_from_datetime, to_json
from safehold.engine.measured import Memory
from safehold.engine.policies.events import EventType
from safehold.engine.signal import Signal
from safehold.engine.verdict import SignalRun
from safehold.engine.windows.kinds import type_of_window
from safehold.engine.windows.store import EMPTY, LATE, Answers, Away, Feed
from safehold.engine.windows.streams import Partial

Parts = tuple[str, ...]

_NOTHING_KNOWN = Memory()


class Reading:
    """The values of one event. `policy` says whose windows `windows.x` means. `assumed` overrides paths
    (`("windows", policy, name)` for windows): examples are run with it. `feeds` is what the event puts into its windows,
    and `answers` what the store says of them; who made the Reading sets both before rules run. `memory` is what is known
    of the event's signals already."""

    __slots__ = (
        "_answered",
        "_cache",
        "_measured",
        "_now",
        "_windows",
        "answers",
        "assumed",
        "assumptions",
        "away",
        "event",
        "feeds",
        "labels",
        "memory",
        "policy",
        "rules",
        "runs",
    )  # fmt: skip

    def __init__(
        self,
        rules: RuleSet,
        event: Event,
        labels: Labels,
        assumed: Mapping[Parts, Any] | None = None,
        memory: Memory | None = None,
    ) -> None:
        self.rules, self.event, self.labels = rules, event, labels
        self.memory = memory if memory is not None else _NOTHING_KNOWN
        self.assumed = assumed or {}
        self.policy = ""
        self.feeds: list[Feed] = []
        self.answers: Answers | None = None
        self.away: Away | None = None  # that a rule came upon
        self.assumptions: dict[str, str] = {}  # what was made of it, by rule
        self.runs: list[SignalRun] = []
        self._windows: dict[int, list[Any]] = {}
        self._answered: dict[int, Sequence[Any]] = {}
        self._measured: dict[str, Mapping[str, Any] | Fault] = {}
        self._cache: dict[tuple[str, Parts], Any] = {}
        self._now: Timestamp | None = None

    @property
    def now(self) -> Timestamp:
        if self._now is None:
            self._now = timestamp_from_datetime(self.event.time)
        return self._now

    @property
    def micros(self) -> int:
        """The event's time as window stores take it: microseconds since 1970."""
        return int(self.now) // 1000

    def load(self, index: int) -> Any:
        """For generated code: the lazy value of that number, or MISSING. Never raises."""
        if (where := self.rules.window_places.get(index)) is not None and not self.assumed:
            number, place = where
            known = self._windows.get(number)
            return (self._values(number) if known is None else known)[place]
        policy, parts = self.rules.lazies[index]
        if parts[0] == "labels" and not self.assumed:
            return self._labels(parts[1])
        try:
            return self._cached(policy, parts)
        except Fault:
            return MISSING

    def load_field(self, parts: Parts) -> Any:
        """For generated code: a field of the event that is not plainly of its type, or MISSING. Never raises."""
        try:
            return self._cached("", parts)
        except Fault:
            return MISSING

    def read(self, parts: Parts) -> Any:
        """For the exact evaluator. Raises Unknown."""
        return self._cached(self.policy if parts[0] == "windows" else "", parts)

    def _cached(self, policy: str, parts: Parts) -> Any:
        found = self._cache.get((policy, parts), MISSING)
        if found is MISSING:
            try:
                found = self._find(policy, parts)
            except Fault as fault:
                found = fault
            self._cache[policy, parts] = found
        if isinstance(found, Fault):
            raise found
        return found

    def present(self, parts: Parts) -> bool:
        """Whether the path is there. Raises Unknown for a signal that failed."""
        if parts in self.assumed:
            return self.assumed[parts] is not None
        if parts[0] in ("windows", "labels", "lists"):
            return True
        if parts[0] == "signals":
            return len(parts) == 2 or self._signal(parts[1]).get(parts[2]) is not None
        if parts[1:] == ("age",) and parts[0] in ("actor", "target"):
            parts = (parts[0], "created_at")
        return self._raw(parts) is not None

    def _find(self, policy: str, parts: Parts) -> Any:
        kind = self._type(policy, parts)
        asked = ("windows", policy, parts[1]) if parts[0] == "windows" else parts
        if asked in self.assumed:
            return read_field(kind, self.assumed[asked], ".".join(parts))
        match parts[0]:
            case "now":
                return self.now
            case "lists":
                return self.rules.lists[parts[1]].at(self.now)
            case "signals":
                return read_field(kind, self._signal(parts[1]).get(parts[2]), ".".join(parts))
            case "windows":
                return self._window(policy, parts[1])
            case "labels":
                return self._labels(parts[1])
            case "actor" | "target" if parts[1:] == ("age",):
                return self._age(parts[0])
        return read_field(kind, self._raw(parts), ".".join(parts))

    def _type(self, policy: str, parts: Parts) -> Type:
        if parts[0] == "labels":
            return types.list_of(types.STRING)
        if parts[0] == "windows":
            window = self.rules.feeding.windows.get((policy, parts[1]))
            value = next(iter(window.value.values())).type if window is not None and window.value else None
            return type_of_window(window.kind, value) if window is not None else types.DYN
        kind = self.rules.scope.variables[parts[0]]
        for part in parts[1:]:
            kind = kind.fields[part].type
        return kind

    def _raw(self, parts: Parts) -> Any:
        """The JSON at a path of the event; None where anything on the way is absent."""
        value: Any = self.event if parts[0] == "event" else getattr(self.event, parts[0])
        if parts[0] == "event":
            return self.rules.scope.event_type.text(self.event) if parts[1] == "text" else getattr(self.event, parts[1])
        for part in parts[1:]:
            if not isinstance(value, dict):
                return None
            value = value.get(part)
        return value

    def _age(self, who: str) -> Duration:
        created = self._cached("", (who, "created_at"))
        return Duration(int(self.now) - int(created))

    def _signal(self, name: str) -> Mapping[str, Any]:
        found = self._measured.get(name)
        if found is None:
            found = self._measured[name] = self._run(self.rules.scope.signals[name])
        if isinstance(found, Fault):
            raise found
        return found

    def _run(self, signal: Signal) -> Mapping[str, Any] | Fault:
        """Run a signal once, or take what is known of it, and note how it went."""
        micros, values, error = self.memory.run(signal, self._with_text())
        shown = {field: shorten(to_json(value)) for field, value in values.items()}
        self.runs.append(
            SignalRun(signal=signal.name, version=signal.version, micros=micros, error=error, values=shown)
        )
        return Unknown(f"the signal `{signal.name}` failed: {error}") if error is not None else values

    def _with_text(self) -> Event:
        """The event as signals see it, its subject's text filled in."""
        if self.event.text is None and (text := self.rules.scope.event_type.text(self.event)) is not None:
            self.event = msgspec.structs.replace(self.event, text=text)
        return self.event

    def _window(self, policy: str, name: str) -> Any:
        where = self.rules.feeding.index.get((policy, name))
        if where is None or self.answers is None:
            raise Unknown(f"`windows.{name}` is not kept for {self.event.type}")
        number, place = where
        if (fault := self._fault(number, place)) is not None:
            raise Unknown(f"`windows.{name}` cannot count this event: {fault}")
        try:
            value = self._said(number)[place]
        except Away as away:
            self.away = away
            window = self.rules.feeding.windows[policy, name]
            raise StoreAway({name: window.when_away}, away.store, f"`windows.{name}` is away ({away})") from None
        if value is EMPTY:
            raise Unknown(f"`windows.{name}` is empty")
        if value is LATE:
            raise Unknown(f"this event came too late for `windows.{name}`")
        if type(value) is int and not INT_MIN <= value <= INT_MAX:
            raise EvalError("integer overflow")
        return value

    def _fault(self, number: int, place: int) -> Fault | None:
        """Why a window can neither count nor answer this event; None where it can."""
        stream, key, row = self.feeds[number]
        if isinstance(key, Fault):
            return key
        column = stream.places[place]
        value = row[column] if isinstance(row, Partial) and column >= 0 else None
        return value if isinstance(value, Fault) else None

    def _values(self, number: int) -> list[Any]:
        """A stream's windows for generated code: what is not plainly a value is MISSING, and asked for again exactly."""
        stream, key, row = self.feeds[number]
        found: list[Any] = [MISSING] * len(stream.windows)
        if self.answers is not None and not isinstance(key, Fault):
            with suppress(Away):  # `_window` says what that means for whom
                found = [
                    MISSING
                    if value is EMPTY or value is LATE or (type(value) is int and not INT_MIN <= value <= INT_MAX)
                    else value
                    for value in self._said(number)
                ]
        if type(row) is Partial:
            found = [value if self._fault(number, place) is None else MISSING for place, value in enumerate(found)]
        self._windows[number] = found
        return found

    def _said(self, number: int) -> Sequence[Any]:
        """What the store says of a stream's windows, asked once. Raises Away."""
        found = self._answered.get(number)
        if found is None:
            found = self._answered[number] = () if self.answers is None else self._asked(self.answers, number)
        return found

    def _asked(self, answers: Answers, number: int) -> Sequence[Any]:
        stream = self.feeds[number][0]
        if not stream.spread:
            return answers.values(number)
        # Further keys stand behind the feeds that all streams have.
        own = len(self.rules.feeding.streams)
        return answers.together([number, *(at for at in range(own, len(self.feeds)) if self.feeds[at][0] is stream)])

    def _labels(self, on: str) -> list[str]:
        entity = entity_of(on, self.event, self.rules.scope.event_type)
        if entity is None or entity not in self.labels:  # nearly always: the event's time is not even looked at
            return []
        return self.labels.names(*entity, int(self.now))


def entity_of(on: str, event: Event, event_type: EventType) -> tuple[str, str] | None:
    """(kind, id) of the `actor`, the `target` or the `content` of an event; None where the event does not name it.

    The actor is always an `account`; a target says its kind, and is an `account` where it does not.
    """
    if on == "content":
        return event_type.entity(event)
    entity = event.actor if on == "actor" else event.target
    found = entity.get("id")
    if found is None:
        return None
    return ("account" if on == "actor" else str(entity.get("kind") or "account"), str(found))


#: Texts of the event are repeated in a verdict up to this length, lists up to so many items.
SHOWN_CHARACTERS, SHOWN_ITEMS = 300, 50


def shorten(value: Any) -> Any:
    """A JSON value short enough to be kept with a verdict: what explains a match, not a copy of the event."""
    if isinstance(value, str) and len(value) > SHOWN_CHARACTERS:
        return value[: SHOWN_CHARACTERS - 1] + "…"
    if isinstance(value, list):
        return [shorten(part) for part in value[:SHOWN_ITEMS]]
    if isinstance(value, dict):
        return {key: shorten(part) for key, part in list(value.items())[:SHOWN_ITEMS]}
    return value
