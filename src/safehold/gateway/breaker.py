"""The breaker: a rule that suddenly matches far more than its history says is throttled, and an action whose share of the day
is used up is done no more that day. Decided here, at once, from this process's own counts and, where other processes have
written too, from the record's, which has everything that was decided before; the store is told (`Follower`), throttles the
rule for every process, and tells people.

A rule's limit for an hour is `factor` times the busiest hour of its last seven days, but at least `at_least` and
mean + 6 * sqrt(mean) of its hours, which a Poisson process at that mean exceeds less than once in a billion hours. A rule
that nobody has known for a day is held to `factor * at_least`. Every match counts, in shadow too, so that a rule that is
promoted brings its history along. Who calls: `engines`, on the writer's thread; `renew` by whoever loads an edition.
"""

import math
from collections import deque
from collections.abc import Mapping
from datetime import UTC, datetime

import msgspec

from safehold.engine.policies.model import Bundle
from safehold.engine.verdict import Verdict

HOUR = 3_600
DAY = 86_400


class History(msgspec.Struct, frozen=True, kw_only=True):
    """What the record says of a rule's matches: per hour in the last seven days (`mean`, `busiest`), in the hour that runs
    (`now`), and for how many hours it has been known."""

    mean: float = 0.0
    busiest: int = 0
    now: int = 0
    known_hours: int = 0


class Tripped(msgspec.Struct, frozen=True, kw_only=True):
    """A rule that was throttled, and why in a sentence."""

    rule: str
    why: str


class Counts(msgspec.Struct, frozen=True, kw_only=True):
    """What the store knows when an edition is loaded: matches by rule, rules' actions of the day by action, what is throttled,
    and matches of this hour from before somebody released a rule."""

    history: Mapping[str, History]
    today: Mapping[str, int]
    throttled: frozenset[str]
    forgiven: Mapping[str, int] = {}


def limit_of(factor: int, at_least: int, history: History) -> int:
    """The most matches in an hour that are not too much."""
    if history.known_hours < 24:
        return factor * at_least
    poisson = history.mean + 6 * math.sqrt(history.mean)
    return max(at_least, factor * history.busiest, math.ceil(poisson))


class Breaker:
    """One process's. `quotas`: action -> the most of it in a day (UTC). `held_back` is what the engines look at."""

    def __init__(self, quotas: Mapping[str, int], *, on: bool = True) -> None:
        self.held_back: dict[str, str] = {}
        self._quotas, self._on = quotas, on
        self._limits: dict[str, int] = {}
        self._hits: dict[str, int] = {}
        self._done: dict[str, int] = {}
        self._hour = self._day = 0
        self._tripped: deque[Tripped] = deque()
        self._forgiven: dict[str, int] = {}  # matches of this hour from before a person released the rule

    def renew(self, bundle: Bundle, counts: Counts, now: datetime) -> None:
        """Another edition, or the same with new counts: limits, what is throttled, and what was counted elsewhere."""
        limits: dict[str, int] = {}
        for policy in bundle.policies:
            for rule in policy.rules:
                if self._on and not rule.breaker.off and rule.mode in ("live", "canary"):
                    name = f"{policy.key}/{rule.id}"
                    history = counts.history.get(name, History())
                    limits[name] = limit_of(rule.breaker.factor, rule.breaker.at_least, history)
        self._turn(now)
        waiting = {each.rule for each in self._tripped}
        for name, number in counts.forgiven.items():
            if self._forgiven.get(name) != number:
                self._forgiven[name] = number
                self._hits.pop(name, None)  # what this process counted was before that
        self._hits = {
            name: max(self._hits.get(name, 0), each.now - self._forgiven.get(name, 0))
            for name, each in counts.history.items()
        }
        self._done = {name: max(self._done.get(name, 0), number) for name, number in counts.today.items()}
        self._limits = limits
        held = dict.fromkeys(counts.throttled | waiting, "breaker")
        held |= {action: "quota" for action in self._quotas if self._used_up(action)}
        # The writer's thread reads it meanwhile: what stays held back is so at every moment.
        self.held_back.update(held)
        for name in [name for name in self.held_back if name not in held]:
            self.held_back.pop(name, None)

    def count(self, verdict: Verdict, now: datetime) -> None:
        """What was just decided. From the match on that is too much, the rule is held back."""
        self._turn(now)
        for hit in verdict.hits:
            name = f"{hit.policy}/{hit.rule}"
            self._hits[name] = self._hits.get(name, 0) + 1
            self._look_at(name)
        if verdict.action in self._quotas:
            self._done[verdict.action] = self._done.get(verdict.action, 0) + 1
            if self._used_up(verdict.action):
                self.held_back[verdict.action] = "quota"

    def recount(self, hits: Mapping[str, int], done: Mapping[str, int], now: datetime) -> None:
        """What all processes together counted in the hour and on the day of `now`: a rule or an action whose share others have
        used up is held back here before it acts once more."""
        self._turn(now)
        for name, number in hits.items():
            self._hits[name] = max(self._hits.get(name, 0), number - self._forgiven.get(name, 0))
            self._look_at(name)
        for action, number in done.items():
            self._done[action] = max(self._done.get(action, 0), number)
            if self._used_up(action):
                self.held_back[action] = "quota"

    def _look_at(self, name: str) -> None:
        hits, limit = self._hits[name], self._limits.get(name)
        if limit is None or hits < limit or name in self.held_back:
            return
        self.held_back[name] = "breaker"
        why = f"It matched {hits:,} times within an hour; {limit:,} is the most that its history explains."
        self._tripped.append(Tripped(rule=name, why=why))

    def tripped(self) -> Tripped | None:
        """The oldest that nobody has been told of, or None. It stays until `told`."""
        return self._tripped[0] if self._tripped else None

    def told(self) -> None:
        """The oldest is known to the store."""
        self._tripped.popleft()

    def _turn(self, now: datetime) -> None:
        """A new hour, a new day (UTC): counting begins again. What is throttled stays so until a person releases it."""
        seconds = int(now.astimezone(UTC).timestamp())
        if seconds // HOUR != self._hour:
            self._hour, self._hits, self._forgiven = seconds // HOUR, {}, {}
        if seconds // DAY != self._day:
            self._day, self._done = seconds // DAY, {}
            for action in self._quotas:
                self.held_back.pop(action, None)

    def _used_up(self, action: str) -> bool:
        return self._done.get(action, 0) >= self._quotas[action]
