"""One bundle over recorded events with the Python engine, in the order of the record: exact, for every rule.

`desk.history.recent` calls it for the last events while somebody types; the columnar backend calls it for what columns
cannot say.
"""

from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any

from safehold.engine.decide import Engine
from safehold.engine.labels import Labels
from safehold.engine.policies.bundle import installed_signals
from safehold.engine.policies.model import Bundle
from safehold.engine.signal import Signal
from safehold.engine.verdict import Verdict
from safehold.replay.recorded import Recorded, recorded_signals


class _LabelsOfTheRecord(Labels):
    """Nothing that is tried sets a label: every event sees those that the record says it saw."""

    def set(self, *_: Any, **__: Any) -> None:
        return


class Again:
    """Decides recorded events with a bundle, one engine a service, as the gateway has it.

    `as_live` tries every rule that is not retired as if it were live, drafts included; without it rules act as their
    modes say. Events have to come in the order of the record.
    """

    def __init__(self, bundle: Bundle, signals: Iterable[Signal] | None = None, *, as_live: bool = True) -> None:
        self.bundle = tried(bundle) if as_live else bundle
        self.signals = recorded_signals(installed_signals() if signals is None else signals)
        self._ready = Engine(self.bundle, self.signals)
        self._engines: dict[str, Engine] = {}

    def observe(self, recorded: Recorded) -> None:
        """Feed the windows with an event that is not to be decided."""
        if recorded.event.type in self.bundle.event_types:
            self._of(recorded).observe(recorded.event)

    def decide(self, recorded: Recorded, windows: Mapping[tuple[str, ...], Any] | None = None) -> Verdict | None:
        """The verdict of this bundle; None where it does not declare the event's type. `windows` are values that are
        known already, by `("windows", policy, name)`."""
        if recorded.event.type not in self.bundle.event_types:
            return None
        return self._of(recorded).decide(recorded.event, {**labels_as_recorded(recorded), **(windows or {})})

    def _of(self, recorded: Recorded) -> Engine:
        for signal in self.signals:
            signal.of = recorded
        engine = self._engines.get(recorded.service)
        if engine is None:
            engine = self._engines[recorded.service] = self._ready.fresh()
            engine.labels = _LabelsOfTheRecord()
        return engine


def labels_as_recorded(recorded: Recorded) -> dict[tuple[str, ...], Any]:
    """What a Reading is to assume of the labels."""
    return {("labels", who): list(names) for who, names in recorded.labels.items()}


def tried(bundle: Bundle) -> Bundle:
    """The bundle with every rule live that is not retired; its hash stays that of the bundle as it is written."""
    policies = tuple(
        replace(
            policy, rules=tuple(rule if rule.mode == "retired" else replace(rule, mode="live") for rule in policy.rules)
        )
        for policy in bundle.policies
    )
    return replace(bundle, policies=policies)


def longest_window(bundle: Bundle) -> int:
    """Seconds that the longest window of the bundle looks back."""
    return max((window.seconds for policy in bundle.policies for window in policy.windows), default=0)
