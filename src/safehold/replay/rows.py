"""A backtest's events decided one after the other by the Python engine: what columns are held to, and who answers where
they cannot.
"""

import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from safehold.engine.compile.exact import evaluate
from safehold.engine.compile.faults import Unknown
from safehold.engine.decide import Engine
from safehold.engine.labels import Labels
from safehold.engine.language.values import timestamp_from_datetime
from safehold.engine.policies.bundle import installed_signals
from safehold.engine.policies.model import Bundle
from safehold.engine.reading import Parts, Reading
from safehold.engine.signal import Signal
from safehold.engine.windows.store import Feed
from safehold.replay.again import Again, labels_as_recorded, tried
from safehold.replay.outcomes import DayOutcome, HitRow, RuleCount
from safehold.replay.recorded import Recorded, recorded_signals
from safehold.replay.segments import segments_of

FALSE, TRUE, UNKNOWN, ERROR = range(4)


def decide_rows(day: str, events: Iterable[Recorded], before: Again, after: Again) -> DayOutcome:
    """The day's events with both bundles. In the order of the record, after whatever fills the windows."""
    outcome, begun = DayOutcome(day=day), time.process_time()
    for recorded in events:
        values = {"type": recorded.event.type, **segments_of(recorded)}
        outcome.count(values)
        hits: list[tuple[str, ...]] = []
        for again, counts in ((before, outcome.before), (after, outcome.after)):
            verdict = again.decide(recorded)
            hits.append(tuple(sorted(f"{hit.policy}/{hit.rule}" for hit in verdict.hits)) if verdict else ())
            for each in verdict.undecided if verdict else ():
                count = counts.setdefault(f"{each.policy}/{each.rule}", RuleCount())
                count.unknown += each.cause == "unknown"
                count.error += each.cause == "error"
        if any(hits):
            outcome.hits.append(hit_row(recorded, values, *hits))
    outcome.seconds = time.process_time() - begun
    return outcome


def hit_row(recorded: Recorded, values: Mapping[str, str], before: tuple[str, ...], after: tuple[str, ...]) -> HitRow:
    return HitRow(
        position=recorded.position,
        event=recorded.id,
        decision=recorded.decision,
        service=recorded.service,
        account=recorded.account_id,
        subject_kind=recorded.subject_kind,
        subject_id=recorded.subject_id,
        type=recorded.event.type,
        age_band=values["age_band"],
        locale=values["locale"],
        language=values["language"],
        at=int(timestamp_from_datetime(recorded.event.time)),
        before=before,
        after=after,
    )


class Asked:
    """The exact evaluator for single rules of recorded events: for what columns leave open."""

    def __init__(self, bundle: Bundle, signals: Iterable[Signal] | None = None) -> None:
        self.signals = recorded_signals(installed_signals() if signals is None else signals)
        self.engine = Engine(tried(bundle), self.signals)

    def reading(self, recorded: Recorded, windows: Mapping[Parts, Any]) -> Reading:
        """What rules read of this event; `windows` are their values, None for one that is not known."""
        for signal in self.signals:
            signal.of = recorded
        rules = self.engine.rule_sets[recorded.event.type]
        return Reading(rules, recorded.event, Labels(), {**labels_as_recorded(recorded), **windows})

    def status(self, reading: Reading, policy: str, rule: str) -> int:
        """FALSE, TRUE, UNKNOWN or ERROR."""
        reading.policy = policy
        tree = self._tree(reading, policy, rule)
        try:
            value = evaluate(tree, reading)
        except Unknown:
            return UNKNOWN
        except Exception:  # as in the engine: one rule's failure, of whatever kind, is that rule's
            return ERROR
        return ERROR if type(value) is not bool else TRUE if value else FALSE

    def _tree(self, reading: Reading, policy: str, rule: str) -> Any:
        found = self._trees.get((policy, rule, reading.event.type))
        if found is None:
            found = self.engine.bundle.rule(f"{policy}/{rule}").when[reading.event.type]
            self._trees[policy, rule, reading.event.type] = found
        return found

    @property
    def _trees(self) -> dict[tuple[str, str, str], Any]:
        return self.__dict__.setdefault("_known", {})

    def feeds(self, events: Iterable[Recorded]) -> Iterator[tuple[Recorded, Sequence[Feed]]]:
        """What each event puts into its windows, by the engine itself."""
        for recorded in events:
            if recorded.event.type not in self.engine.rule_sets:
                continue
            for signal in self.signals:
                signal.of = recorded
            yield recorded, self.engine.read(recorded.event, labels_as_recorded(recorded)).feeds
