"""What each rule and each signal costs, measured: of one verdict in so many, a few rules are decided once more, each alone,
and timed; what the signals took that it ran is noted as it is, and whether they failed.

The engine answers most rules together, from an index, so no rule has a time of its own in there. Alone is what can be
compared: the compiled condition by itself, which stops at the first part that says no, and what the signals took that it
read. A signal that several rules read is counted for each of them.

A verdict that is measured waits for some microseconds; `prepare` compiles what that needs, on another thread. Samples are
kept as counts in logarithmic buckets, which add up over processes and days. Who calls: `Engine`, for each verdict, if
`follow` gave it a `Costs`; the gateway's follower takes what was found to the store.
"""

import math
import time
from collections import Counter, deque
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

from safehold.engine.compile.faults import Unknown
from safehold.engine.compile.ruleset import RuleSet
from safehold.engine.reading import Reading

#: One verdict in so many is measured, once there were many of an edition; of the first ones nearly each.
EVERY = 1024
#: Rules that are timed at a measured verdict of the event type that has most, in turn; of other types as large a share.
TURN = 4
#: So many verdicts of an edition are measured each; then ever fewer.
_EAGER = 64
#: Timings that wait to be taken; where nobody takes them the oldest go.
_MOST = 50_000
#: Buckets for each doubling of the time: neighbours differ by a fifth.
_BUCKETS = 4

#: A rule's name (`policy/rule`) and hash: one that was rewritten is another one.
Timed = tuple[str, str]
#: Timings: rule -> bucket -> how many.
Buckets = Mapping[Timed, Mapping[int, int]]
#: Runs of signals: (name, version, whether it failed) -> bucket -> how many.
Runs = Mapping[tuple[str, str, bool], Mapping[int, int]]


class Costs:
    """One process's measurements. `left` is how many verdicts are left until the next one that is measured."""

    def __init__(self, every: int = EVERY) -> None:
        self.left = 1
        self._every, self._verdicts = every, 0
        self._ready: dict[int, _Rules] = {}
        self._waiting: deque[tuple[_Rules, int]] = deque()
        self._found: deque[tuple[Timed, int]] = deque(maxlen=_MOST)
        self._ran: deque[tuple[str, str, bool, int]] = deque(maxlen=_MOST)
        self._share = 1.0
        self._clock = clock()

    def follow(self, rule_sets: Iterable[RuleSet]) -> None:
        """Measure these from now on, in place of those before. Nothing is compiled yet."""
        made = {id(rules): _Rules(rules) for rules in rule_sets}
        self._waiting = deque((each, position) for each in made.values() for position in range(len(each.rules.rules)))
        # As large a share of the rules of each type, or their totals could not be compared.
        self._share = TURN / max([TURN, *(len(each.rules.rules) for each in made.values())])
        self._ready, self._verdicts, self.left = made, 0, 1

    def prepare(self, most: int = 20) -> bool:
        """Compile up to so many rules that wait for it, on any one thread but the one that decides. False: none waits."""
        for _ in range(min(most, len(self._waiting))):
            rules, position = self._waiting.popleft()
            rules.add(position)
        return bool(self._waiting)

    def sample(self, reading: Reading) -> None:
        """Time the next rules of this event's type on what it read. Called when `left` is used up, after the rules ran."""
        if self._waiting:  # what is compiled already would be measured more often than the rest
            self.left = 16
            return
        self.left = min(self._every, 1 + self._verdicts // _EAGER)
        self._verdicts += self.left
        rules = self._ready.get(id(reading.rules))
        if rules is None or reading.assumed:
            return
        for run in reading.runs:
            self._ran.append((run.signal, run.version, run.error is not None, 1_000 * run.micros))
        micros = {run.signal: run.micros for run in reading.runs}
        for timed, alone in rules.next(self._share):
            self._found.append((timed, nanos_of(alone, reading, micros, self._clock)))

    def take(self) -> Buckets:
        """What was found since the last time. From any one thread."""
        found: dict[Timed, Counter[int]] = {}
        for _ in range(len(self._found)):
            timed, nanos = self._found.popleft()
            found.setdefault(timed, Counter())[bucket_of(nanos)] += 1
        return found

    def take_runs(self) -> Runs:
        """The runs of signals since the last time, at the same verdicts. From any one thread."""
        found: dict[tuple[str, str, bool], Counter[int]] = {}
        for _ in range(len(self._ran)):
            name, version, failed, nanos = self._ran.popleft()
            found.setdefault((name, version, failed), Counter())[bucket_of(max(500, nanos))] += 1
        return found


class Again(Reading):
    """An event read once more by one rule: what its signals gave is known, and none of them runs. `asked` are those that
    the rule came to."""

    __slots__ = ("asked",)

    def __init__(self, before: Reading) -> None:
        super().__init__(before.rules, before.event, before.labels, before.assumed)
        self.feeds, self.answers, self._measured = before.feeds, before.answers, before._measured
        self.asked: set[str] = set()

    def _signal(self, name: str) -> Mapping[str, Any]:
        self.asked.add(name)
        if name not in self._measured:
            raise Unknown(f"the signal `{name}` was not needed for this event")
        return super()._signal(name)


class _Rules:
    """The rules of one event type that are compiled, in turn."""

    def __init__(self, rules: RuleSet) -> None:
        self.rules = rules
        self._compiled: list[tuple[Timed, Callable[[Any], bool]]] = []
        self._at, self._owed = 0, 0.0

    def add(self, position: int) -> None:
        policy, rule = self.rules.rules[position]
        self._compiled.append(((f"{policy.key}/{rule.id}", rule.hash), self.rules.alone(position)))

    def next(self, share: float) -> list[tuple[Timed, Callable[[Any], bool]]]:
        """So large a share of them, on average."""
        there = len(self._compiled)
        self._owed += share * there
        most = int(self._owed)
        self._owed -= most
        chosen = [self._compiled[(self._at + n) % there] for n in range(most)]
        self._at = (self._at + most) % there if there else 0
        return chosen


def clock() -> int:
    """Nanoseconds that looking at the clock takes."""
    looks = [time.perf_counter_ns() for _ in range(50)]
    return min(after - before for before, after in pairwise(looks))


def nanos_of(alone: Callable[[Any], bool], reading: Reading, micros: Mapping[str, int], clock: int) -> int:
    """Nanoseconds of one rule alone on what an event has read. `micros`: what its signals took."""
    again = Again(reading)
    with suppress(Exception):  # what it means was said by the verdict; what it took counts all the same
        begun = time.perf_counter_ns()
        try:
            alone(again)
        finally:
            taken = time.perf_counter_ns() - begun - clock
    return max(1, taken) + 1_000 * sum(micros.get(signal, 0) for signal in again.asked)


def bucket_of(nanos: int) -> int:
    """The bucket of a time."""
    return round(_BUCKETS * math.log2(nanos))


def micros_of(bucket: int) -> float:
    """The time in the middle of a bucket, in microseconds."""
    return float(2 ** (bucket / _BUCKETS)) / 1_000


@dataclass(frozen=True)
class Cost:
    """What a rule costs alone, or a signal, in microseconds, to within a tenth: half of all events cost no more than `median`,
    95 of 100 no more than `p95`, 99 of 100 no more than `p99`. `total` is what was measured in `timed` timings without the
    longest hundredth, at least one: there it shows when the thread was kept from running, which is nobody's cost."""

    timed: int
    median: float
    p95: float
    p99: float
    total: float


def cost_of(buckets: Mapping[int, int]) -> Cost:
    """The figures of counts by bucket, at least one of which is not 0."""
    timed = sum(buckets.values())
    left, total = timed - (math.ceil(timed / 100) if timed > 1 else 0), 0.0
    for bucket in sorted(buckets):
        total += micros_of(bucket) * min(left, buckets[bucket])
        left -= min(left, buckets[bucket])
    median, p95, p99 = (_quantile(buckets, timed, part) for part in (0.5, 0.95, 0.99))
    return Cost(timed, median, p95, p99, total)


def _quantile(buckets: Mapping[int, int], timed: int, part: float) -> float:
    """The smallest time that so large a part of the timings does not exceed."""
    seen, wanted = 0, math.ceil(part * timed)
    for bucket in sorted(buckets):
        seen += buckets[bucket]
        if seen >= wanted:
            return micros_of(bucket)
    raise ValueError("no timing at all")
