"""What a day of a backtest comes to, whichever engine decided it: small enough to keep, and enough for the whole report."""

from collections.abc import Iterable, Mapping

import msgspec

from safehold.engine.policies.model import Bundle, Policy, Rule
from safehold.engine.verdict import ACTIONS
from safehold.replay.segments import SEGMENTS


class HitRow(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """An event that some rule of either side hit. `before` and `after` are rules as `policy/rule`."""

    position: int
    event: str
    decision: str
    service: str
    account: str
    subject_kind: str
    subject_id: str
    type: str
    age_band: str
    locale: str
    language: str
    at: int
    before: tuple[str, ...]
    after: tuple[str, ...]


class RuleCount(msgspec.Struct, kw_only=True):
    """How often one side could not decide a rule, and how many events were asked of the Python engine."""

    unknown: int = 0
    error: int = 0
    asked: int = 0


class DayOutcome(msgspec.Struct, kw_only=True):
    """One day: events, how many of each segment, every event that was hit, and the rules that could not decide.

    `segments` maps `type`, `age_band`, `locale` and `language` to counts; `rules` is by `before`/`after` and rule.
    """

    day: str
    events: int = 0
    seconds: float = 0.0
    segments: dict[str, dict[str, int]] = {}
    hits: list[HitRow] = []
    before: dict[str, RuleCount] = {}
    after: dict[str, RuleCount] = {}
    asked: int = 0

    def count(self, values: Mapping[str, str], events: int = 1) -> None:
        """Count events of these segments."""
        self.events += events
        for name in SEGMENTS:
            counts = self.segments.setdefault(name, {})
            counts[values[name]] = counts.get(values[name], 0) + events

    def add(self, other: "DayOutcome") -> None:
        """Take in another part of the same day."""
        self.events += other.events
        self.asked += other.asked
        self.seconds += other.seconds
        self.hits += other.hits
        for name, counts in other.segments.items():
            held = self.segments.setdefault(name, {})
            for value, events in counts.items():
                held[value] = held.get(value, 0) + events
        for mine, theirs in ((self.before, other.before), (self.after, other.after)):
            for rule, count in theirs.items():
                held_count = mine.setdefault(rule, RuleCount())
                held_count.unknown += count.unknown
                held_count.error += count.error
                held_count.asked += count.asked


def rules_of(bundle: Bundle) -> Iterable[tuple[Policy, Rule]]:
    """Every rule that a backtest tries: all that are not retired."""
    return ((policy, rule) for policy in bundle.policies for rule in policy.rules if rule.mode != "retired")


def actions_of(bundle: Bundle) -> dict[str, str]:
    """What each rule does, by `policy/rule`."""
    return {f"{policy.key}/{rule.id}": rule.then.action for policy, rule in rules_of(bundle)}


def strongest(rules: Iterable[str], actions: Mapping[str, str]) -> str:
    """The action that wins among these rules."""
    return max((actions[rule] for rule in rules), key=ACTIONS.index, default="allow")
