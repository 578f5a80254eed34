"""The engine: one event in, one verdict out.

    engine = Engine(load_bundle("policies"))
    verdict = engine.decide(event)

Nothing is done here: a verdict is data. What the engine keeps from one event to the next are the windows and the
labels, both of which the record can rebuild (`observe`, `labels.set`).
"""

import threading
from collections.abc import Iterable, Iterator, Mapping, Sequence
from copy import copy
from typing import Any

import msgspec

from safehold.engine.compile.exact import evaluate
from safehold.engine.compile.faults import Fault, StoreAway, Unknown
from safehold.engine.compile.ruleset import RuleSet
from safehold.engine.costs import Costs
from safehold.engine.event import Event
from safehold.engine.explain import Explanation, words
from safehold.engine.labels import Labels
from safehold.engine.language.values import SECOND, Timestamp
from safehold.engine.measured import COSTLY, Measured, Memory, Recent
from safehold.engine.policies.bundle import installed_signals
from safehold.engine.policies.model import Bundle, Policy, Rule
from safehold.engine.policies.scope import Scope
from safehold.engine.reading import Parts, Reading, entity_of
from safehold.engine.signal import Signal
from safehold.engine.verdict import Hit, StoreFailure, Undecided, Verdict
from safehold.engine.windows.memory import MemoryWindows
from safehold.engine.windows.store import Away, WindowStore

NOTHING_MATCHED = "No rule matched."
#: Entries of windows that each thread which foresees keeps: some 5 MB.
_FORESEEN_ENTRIES = 20_000


class UnknownEventType(ValueError):
    """The event's type is not one of the bundle's."""


class Engine:
    """Decides events with one bundle. Not thread-safe: events are decided one after the other, which is their order.

    `signals` are those that the bundle was loaded with; by default the installed ones. `windows` and `labels` may be
    handed over from an engine with another bundle.
    """

    def __init__(
        self,
        bundle: Bundle,
        signals: Iterable[Signal] | None = None,
        *,
        windows: WindowStore | None = None,
        labels: Labels | None = None,
    ) -> None:
        self.bundle, self._hash = bundle, bundle.hash
        self.windows: WindowStore = windows if windows is not None else MemoryWindows()
        self.labels = labels if labels is not None else Labels()
        #: Runs of costly signals that were made lately. Whoever decides many events of many people fills it.
        self.recent: Recent | None = None
        #: What is held back: a rule's name (`policy/rule`) or an action -> why. Whoever counts what rules do fills it.
        self.held_back: Mapping[str, str] = {}
        self._costs: Costs | None = None
        self._guesses = _Guesses()
        signals = list(installed_signals() if signals is None else signals)
        versions = {signal.name: signal.version for signal in signals}
        if versions != bundle.signal_versions:
            raise ValueError(f"the bundle was loaded with the signals {bundle.signal_versions}, not {versions}")
        self.rule_sets = {
            name: RuleSet(Scope(kind, signals, bundle.lists), bundle.policies, bundle.lists)
            for name, kind in bundle.event_types.types.items()
        }
        self._explanations = {
            name: [Explanation(policy, rule, rules.scope) for policy, rule in rules.rules]
            for name, rules in self.rule_sets.items()
        }

    def measure(self, costs: Costs) -> None:
        """Have `costs` measure these rules from now on."""
        costs.follow(self.rule_sets.values())
        self._costs = costs

    def decide(
        self, event: Event, assumed: Mapping[Parts, Any] | None = None, known: Sequence[Measured] = ()
    ) -> Verdict:
        """Apply every rule of the event's type. `assumed` replaces what paths would read: a Reading says how. `known` are runs
        of signals that were made already; those that don't hold for this event are left.

        Raises UnknownEventType, and ValueError for a time without an offset. A rule or a signal that fails never raises:
        the verdict says so.
        """
        reading = self.read(event, assumed, known)
        if reading.feeds:
            reading.answers = next(self.windows.apply([(reading.micros, reading.feeds)]))
        return self.conclude(reading)

    def decide_many(self, events: Iterable[Event]) -> Iterator[Verdict]:
        """The verdicts on events in their order, the same as `decide` would give one by one; but the window store is asked
        once for all. To be drawn to its end. Raises what `decide` raises, before anything is counted."""
        readings = [self.read(event) for event in events]
        answers = self.windows.apply([(reading.micros, reading.feeds) for reading in readings])
        for reading, answered in zip(readings, answers, strict=True):
            reading.answers = answered
            yield self.conclude(reading)

    def read(self, event: Event, assumed: Mapping[Parts, Any] | None = None, known: Sequence[Measured] = ()) -> Reading:
        """The first half of `decide`: what the event feeds into the windows, which depends on nothing that came before.

        Raises what `decide` raises.
        """
        rules = self.rule_sets.get(event.type)
        if rules is None:
            raise UnknownEventType(f"`{event.type}` is not an event type of this bundle")
        if event.time.tzinfo is None:
            raise ValueError("the event's `time` needs a UTC offset")
        memory = Memory(known, self.recent) if known or self.recent is not None else None
        reading = Reading(rules, event, self.labels, assumed, memory)
        reading.feeds = rules.feeding.run(reading)
        return reading

    def conclude(self, reading: Reading) -> Verdict:
        """The second half: the rules, once the store has answered for this event. In the order of the events."""
        rules = reading.rules
        matched, retries = rules.run(reading)
        undecided: list[Undecided] = []
        if retries:
            matched, undecided = _retried(rules, matched, retries, reading)
        if not matched:
            return self._verdict(None, None, None, [], undecided, reading)
        explanations = self._explanations[reading.event.type]
        hits: list[Hit] = []
        winner: Explanation | None = None
        first: Hit | None = None  # the winner's
        queued: Explanation | None = None  # the strongest that asks for a person
        for position in sorted(set(matched)) if len(matched) > 1 else matched:
            explanation = explanations[position]
            hit = explanation.hit(reading)
            if self.held_back and hit.mode != "shadow":
                hit = self._held_back(explanation.name, hit)
            hits.append(hit)
            if hit.mode == "shadow":
                continue
            if winner is None or explanation.order < winner.order:
                winner, first = explanation, hit
            if explanation.queue and (queued is None or explanation.order < queued.order):
                queued = explanation
        self._set_labels(hits, reading)
        return self._verdict(winner, first, queued, hits, undecided, reading)

    def _verdict(
        self,
        winner: Explanation | None,
        first: Hit | None,
        queued: Explanation | None,
        hits: list[Hit],
        undecided: list[Undecided],
        reading: Reading,
    ) -> Verdict:
        if winner is None or first is None:
            action, name, why, queue = "allow", None, NOTHING_MATCHED, None
        else:
            action, name, why = first.action, winner.name, _why(winner, first)
            # What a removal has settled is looked at only if its own rule asks for it.
            queue = winner.queue if winner.settles or queued is None else queued.queue
        if undecided:
            why = f"{why} {len(undecided)} could not be decided."
        if (costs := self._costs) is not None:
            costs.left -= 1
            if costs.left <= 0:
                costs.sample(reading)
        return Verdict(
            action=action, winner=name, why=why, queue=queue, hits=hits, undecided=undecided, signals=reading.runs,
            bundle=self._hash, lists={held.name: held.version for held in reading.rules.managed},
            failures=[] if reading.away is None else [_failure(reading.away, reading.assumptions)],
        )  # fmt: skip

    def _held_back(self, name: str, hit: Hit) -> Hit:
        """The hit, in shadow if its rule is throttled or its action used up."""
        why = self.held_back.get(name) or self.held_back.get(hit.action)
        return hit if why is None else msgspec.structs.replace(hit, mode="shadow", suppressed=why)

    def foresees(self, kind: str) -> bool:
        """Whether `foresee` is worth its while for events of a type: a rule or a window of it can ask a costly signal."""
        rules = self.rule_sets.get(kind)
        if rules is None:
            return False
        asked = {parts[1] for _, parts in rules.lazies if parts[0] == "signals"}
        signals = (rules.scope.signals[name] for name in asked)
        return any(signal.cost >= COSTLY and hasattr(signal, "basis") for signal in signals)

    def foresee(self, event: Event, known: Sequence[Measured] = ()) -> list[Measured]:
        """Runs of the signals that the rules will ask of this event, as far as that can be told beside the one who decides: for
        `decide`'s `known`, with those of `known` that hold. From any thread. Raises what `decide` raises.

        Labels are taken to be none, windows to have what this thread has foreseen lately: which signals are run is a guess, and
        what they gave is not. What `decide` asks for besides, it runs.
        """
        rules = self.rule_sets.get(event.type)
        if rules is None:
            raise UnknownEventType(f"`{event.type}` is not an event type of this bundle")
        memory = Memory(known, self.recent, collecting=True)
        reading = Reading(rules, event, Labels(), None, memory)
        reading.feeds = rules.feeding.run(reading)
        if reading.feeds:
            reading.answers = next(self._guesses.windows.apply([(reading.micros, reading.feeds)]))
        matched, retries = rules.run(reading)
        if retries:
            _retried(rules, matched, retries, reading)
        return memory.found

    def observe(self, event: Event) -> None:
        """Feed the windows with an event that was decided before. Raises UnknownEventType."""
        reading = self.read(event)
        next(self.windows.apply([(reading.micros, reading.feeds)]))

    def fresh(self) -> "Engine":
        """An engine with the same bundle that has seen nothing: no windows, no labels."""
        other = copy(self)
        other.windows, other.labels, other._costs = self.windows.fresh(), Labels(), None
        return other

    def _set_labels(self, hits: list[Hit], reading: Reading) -> None:
        """After all rules, so that no rule sees what another one of the same event did."""
        for hit in hits:
            if hit.label is None or hit.mode == "shadow":
                continue
            entity = entity_of(hit.label.on, reading.event, reading.rules.scope.event_type)
            seconds = hit.label.seconds
            if entity is not None:
                ends = Timestamp(int(reading.now) + seconds * SECOND) if seconds is not None else None
                self.labels.set(*entity, hit.label.name, ends)


class _Guesses(threading.local):
    """Windows for what is foreseen, small, and one a thread."""

    def __init__(self) -> None:
        self.windows = MemoryWindows(_FORESEEN_ENTRIES)


def _why(winner: Explanation, hit: Hit) -> str:
    seen = [f"{path} = {words(value)}" for path, value in hit.values.items()] if not hit.reason else []
    because = hit.reason or ", ".join(seen + [f"{match.entry} is in lists.{match.list}" for match in hit.matches])
    return f"{winner.title}: {because.rstrip('.')}." if because else f"{winner.title}."


def _retried(
    rules: RuleSet, matched: list[int], retries: list[int], reading: Reading
) -> tuple[list[int], list[Undecided]]:
    """What matched, with the rules that had to be asked exactly, and those that even so could not be decided."""
    found, undecided = set(matched), []
    for position in sorted(set(retries) - found):
        policy, rule = rules.rules[position]
        outcome = _ask_exactly(policy, rule, reading)
        if isinstance(outcome, StoreAway):
            outcome = _assume(policy, rule, outcome, reading.assumptions)
        if isinstance(outcome, Undecided):
            undecided.append(outcome)
        elif outcome:
            found.add(position)
    return list(found), undecided


def _assume(policy: Policy, rule: Rule, away: StoreAway, assumptions: dict[str, str]) -> bool | Undecided:
    """What the rule's windows say is to be done while their store is away; the strictest of them settles it."""
    wanted = set(away.windows.values())
    if "fail_closed" in wanted:
        assumptions[f"{policy.key}/{rule.id}"] = "matched"
        return True
    if "unknown" in wanted:
        return Undecided(policy=policy.key, rule=rule.id, cause="unknown", detail=str(away))
    assumptions[f"{policy.key}/{rule.id}"] = "not matched"
    return False


def _failure(away: Away, assumptions: dict[str, str]) -> StoreFailure:
    return StoreFailure(store=away.store, error=away.cause, assumed=assumptions)


def _ask_exactly(policy: Policy, rule: Rule, reading: Reading) -> bool | Undecided | StoreAway:
    """Whether a rule matches, by the exact evaluator; or why that cannot be said."""
    reading.policy = policy.key
    try:
        value = evaluate(rule.when[reading.event.type], reading)
    except StoreAway as away:
        return away
    except Unknown as fault:
        return Undecided(policy=policy.key, rule=rule.id, cause="unknown", detail=str(fault))
    except Exception as fault:  # one rule's failure, of whatever kind, must not silence the others
        detail = str(fault) if isinstance(fault, Fault) else f"{type(fault).__name__}: {fault}"
        return Undecided(policy=policy.key, rule=rule.id, cause="error", detail=detail)
    if type(value) is not bool:
        return Undecided(policy=policy.key, rule=rule.id, cause="error", detail="the condition is not a boolean")
    return value
