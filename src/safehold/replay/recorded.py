"""An event of the record with what was known of it when it was decided: the input of everything in this room.

Signals are not run again where the record has what they said: a `RecordedSignal` stands for each installed one and
answers from the event's own runs, if they are of the same version and whole.
"""

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

import msgspec

from safehold.engine.event import Event
from safehold.engine.language.types import parse_type
from safehold.engine.language.values import converter
from safehold.engine.reading import SHOWN_CHARACTERS, SHOWN_ITEMS
from safehold.engine.signal import Signal, SignalFailed
from safehold.engine.verdict import SignalRun


def no_labels() -> dict[str, tuple[str, ...]]:
    """The labels of an event that has none."""
    return {"actor": (), "target": (), "content": ()}


class Recorded(msgspec.Struct, frozen=True, kw_only=True):
    """`position` is the event's place in the record; `labels` are those of its actor, target and content as they were
    when it was decided; `signals` what the signals said then; `action` and `rule` the verdict's outcome."""

    position: int
    id: str
    service: str
    event: Event
    received_at: datetime
    subject_kind: str = ""
    subject_id: str = ""
    account_id: str = ""
    decision: str = ""
    action: str = "allow"
    rule: str = ""
    bundle: str = ""
    signals: tuple[SignalRun, ...] = ()
    labels: Mapping[str, tuple[str, ...]] = msgspec.field(default_factory=no_labels)


class RecordedSignal:
    """A signal whose answers come from the record. `of` is the event that is being decided; `replayed` and `run_again`
    count how its values were had; `always_run` asks the signal itself, to measure it."""

    def __init__(self, signal: Signal) -> None:
        self._signal = signal
        self.name, self.version, self.cost = signal.name, signal.version, signal.cost
        self.fields, self.reads = signal.fields, signal.reads
        self._read = {name: converter(parse_type(kind)) for name, kind in signal.fields.items()}
        self.of: Recorded | None = None
        self.replayed = self.run_again = 0
        self.always_run = False

    def run(self, event: Event) -> Mapping[str, object]:
        found = self._recorded()
        if found is None:
            self.run_again += 1
            return self._signal.run(event)
        self.replayed += 1
        if found.error is not None:
            raise SignalFailed(found.error)
        return found.values

    def _recorded(self) -> SignalRun | None:
        """The event's own run, unless it is another version's or was cut short for the verdict."""
        if self.of is None or self.always_run:
            return None
        for run in self.of.signals:
            if run.signal == self.name:
                return run if run.version == self.version and self._whole(run.values) else None
        return None

    def _whole(self, values: Mapping[str, Any]) -> bool:
        for name, value in values.items():
            if name not in self._read or is_cut(value):
                return False
            try:
                self._read[name](value)
            except ValueError:
                return False
        return True


def is_cut(value: Any) -> bool:
    """Whether `engine.reading.shorten` may have cut this value for the verdict."""
    if isinstance(value, str):
        return len(value) >= SHOWN_CHARACTERS and value.endswith("…")
    if isinstance(value, list):
        return len(value) >= SHOWN_ITEMS or any(map(is_cut, value))
    if isinstance(value, dict):
        return len(value) >= SHOWN_ITEMS or any(map(is_cut, value.values()))
    return False


def recorded_signals(signals: Iterable[Signal]) -> list[RecordedSignal]:
    return [RecordedSignal(signal) for signal in signals]
