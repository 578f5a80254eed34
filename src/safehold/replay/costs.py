"""What each rule costs the engine: measured, one rule at a time, on events of the past."""

import time
from collections.abc import Iterable

from safehold.engine.policies.model import Bundle
from safehold.engine.reading import Parts
from safehold.engine.signal import Signal
from safehold.replay.outcomes import rules_of
from safehold.replay.recorded import Recorded
from safehold.replay.rows import Asked


def rule_costs(bundle: Bundle, events: Iterable[Recorded], signals: Iterable[Signal]) -> dict[str, float]:
    """Microseconds of CPU time that one event of its types costs each rule, its signals included, by `policy/rule`.

    Windows are not measured: the gateway feeds them once for all rules.
    """
    plain = Asked(bundle, list(signals))
    for signal in plain.signals:
        signal.always_run = True
    spent: dict[str, tuple[float, int]] = {}
    events = [recorded for recorded in events if recorded.event.type in plain.engine.rule_sets]
    for policy, rule in rules_of(bundle):
        windows: dict[Parts, None] = {("windows", policy.key, window.name): None for window in policy.windows}
        taken, count = 0, 0
        for recorded in events:
            if recorded.event.type not in rule.when:
                continue
            reading = plain.reading(recorded, windows)
            begun = time.thread_time_ns()
            plain.status(reading, policy.key, rule.id)
            taken += time.thread_time_ns() - begun
            count += 1
        spent[f"{policy.key}/{rule.id}"] = (taken / 1000, count)
    return {name: round(micros / count, 2) for name, (micros, count) in spent.items() if count}
