"""The engine: one event in, one verdict out.

    engine = Engine(load_bundle("policies"))
    verdict = engine.decide(event)

Nothing is done here: a verdict is data. What the engine keeps from one event to the next are the windows and the
labels, both of which the record can rebuild (`observe`, `labels.set`).
"""

import hashlib
from collections.abc import Iterable, Iterator, Mapping
from copy import copy
from typing import Any

import msgspec

from safehold.engine.compile.exact import evaluate
from safehold.engine.compile.faults import Fault, Unknown
from safehold.engine.compile.ruleset import RuleSet
from safehold.engine.event import Event
from safehold.engine.labels import Labels
from safehold.engine.language.tree import Node
from safehold.engine.language.values import SECOND, Timestamp, to_json
from safehold.engine.policies.actions import fill, template_paths
from safehold.engine.policies.bundle import installed_signals
from safehold.engine.policies.model import SEVERITIES, Bundle, Policy, Rule
from safehold.engine.policies.scope import Scope
from safehold.engine.reading import Parts, Reading, entity_of, shorten
from safehold.engine.signal import Signal
from safehold.engine.verdict import ACTIONS, Hit, LabelEffect, Undecided, Verdict
from safehold.engine.windows.memory import MemoryWindows
from safehold.engine.windows.store import WindowStore


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
        self.bundle = bundle
        self._policies = {policy.key: policy for policy in bundle.policies}
        self.windows: WindowStore = windows if windows is not None else MemoryWindows()
        self.labels = labels if labels is not None else Labels()
        signals = list(installed_signals() if signals is None else signals)
        versions = {signal.name: signal.version for signal in signals}
        if versions != bundle.signal_versions:
            raise ValueError(f"the bundle was loaded with the signals {bundle.signal_versions}, not {versions}")
        self.rule_sets = {
            name: RuleSet(Scope(kind, signals, bundle.lists), bundle.policies, bundle.lists)
            for name, kind in bundle.event_types.types.items()
        }

    def decide(self, event: Event, assumed: Mapping[Parts, Any] | None = None) -> Verdict:
        """Apply every rule of the event's type. `assumed` replaces what paths would read: a Reading says how.

        Raises UnknownEventType, and ValueError for a time without an offset. A rule or a signal that fails never raises:
        the verdict says so.
        """
        reading = self.read(event, assumed)
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

    def read(self, event: Event, assumed: Mapping[Parts, Any] | None = None) -> Reading:
        """The first half of `decide`: what the event feeds into the windows, which depends on nothing that came before.

        Raises what `decide` raises.
        """
        rules = self.rule_sets.get(event.type)
        if rules is None:
            raise UnknownEventType(f"`{event.type}` is not an event type of this bundle")
        if event.time.tzinfo is None:
            raise ValueError("the event's `time` needs a UTC offset")
        if event.text is None and (text := rules.scope.event_type.text(event)) is not None:
            event = msgspec.structs.replace(event, text=text)
        reading = Reading(rules, event, self.labels, assumed)
        reading.feeds = rules.feeding.run(reading)
        return reading

    def conclude(self, reading: Reading) -> Verdict:
        """The second half: the rules, once the store has answered for this event. In the order of the events."""
        rules = reading.rules
        hits, retries = rules.run(reading)
        fired = set(hits)
        undecided = []
        for position in retries:
            policy, rule = rules.rules[position]
            outcome = _ask_exactly(policy, rule, reading)
            if isinstance(outcome, Undecided):
                undecided.append(outcome)
            elif outcome:
                fired.add(position)
        found = [self._hit(*rules.rules[position], reading) for position in sorted(fired)]
        self._set_labels(found, reading)
        return self._verdict(found, undecided, reading)

    def observe(self, event: Event) -> None:
        """Feed the windows with an event that was decided before. Raises UnknownEventType."""
        reading = self.read(event)
        next(self.windows.apply([(reading.micros, reading.feeds)]))

    def fresh(self) -> "Engine":
        """An engine with the same bundle that has seen nothing: no windows, no labels."""
        other = copy(self)
        other.windows, other.labels = self.windows.fresh(), Labels()
        return other

    def _hit(self, policy: Policy, rule: Rule, reading: Reading) -> Hit:
        """Walk a rule that matched again, to say what it saw."""
        seen = _Watch(reading, policy.key)
        _ask(rule.when[reading.event.type], seen)
        for path, _ in template_paths(rule.then.reason):
            _ask_path(path, seen)
        values = {".".join(parts): shorten(to_json(value)) for parts, value in seen.values.items()}
        then = rule.then
        label = then.label
        return Hit(
            policy=policy.key,
            rule=rule.id,
            rule_hash=rule.hash,
            mode=_mode(policy, rule, reading.event),
            action=then.action,
            reason=fill(then.reason, {path: _words(value) for path, value in values.items()}),
            queue=then.queue,
            strike=then.strike,
            seconds=then.seconds,
            label=LabelEffect(name=label.name, on=label.on, seconds=label.seconds) if label else None,
            values=values,
        )

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

    def _verdict(self, hits: list[Hit], undecided: list[Undecided], reading: Reading) -> Verdict:
        active = [hit for hit in hits if hit.mode != "shadow"]
        ranked = sorted(active, key=self._rank)
        winner = ranked[0] if ranked else None
        return Verdict(
            action=winner.action if winner else "allow",
            winner=f"{winner.policy}/{winner.rule}" if winner else None,
            why=self._why(winner, undecided),
            queue=_queue(ranked),
            hits=hits,
            undecided=undecided,
            signals=reading.runs,
            bundle=self.bundle.hash,
        )

    def _rank(self, hit: Hit) -> tuple[int, int]:
        """Strongest action first, then the gravest policy; the order of files and rules settles the rest."""
        severity = self._policies[hit.policy].severity
        return -ACTIONS.index(hit.action), -SEVERITIES.index(severity)

    def _why(self, winner: Hit | None, undecided: list[Undecided]) -> str:
        open_rules = f" {len(undecided)} could not be decided." if undecided else ""
        if winner is None:
            return f"No rule matched.{open_rules}"
        title = self._policies[winner.policy].title
        because = winner.reason or ", ".join(f"{path} = {_words(value)}" for path, value in winner.values.items())
        return f"{title}: {because.rstrip('.')}.{open_rules}" if because else f"{title}.{open_rules}"


class _Watch:
    """Reads through a Reading and remembers what was seen. Lists are left out: their entries are not the event's."""

    def __init__(self, reading: Reading, policy: str) -> None:
        self.reading, self.policy = reading, policy
        self.values: dict[Parts, Any] = {}

    def read(self, parts: Parts) -> Any:
        if parts[0] == "lists":
            return self.reading.read(parts)
        self.reading.policy = self.policy
        value = self.values[parts] = self.reading.read(parts)
        return value

    def present(self, parts: Parts) -> bool:
        return self.reading.present(parts)


def _ask(tree: Node, watch: _Watch) -> None:
    """The values that led to a match are in `watch` afterwards; that it matches is known."""
    evaluate(tree, watch)


def _ask_path(path: str, watch: _Watch) -> None:
    """A path of the reason that has no value is shown as `unknown`; the match does not depend on it."""
    try:
        watch.read(tuple(path.split(".")))
    except Fault:
        return


def _queue(ranked: list[Hit]) -> str | None:
    """Where a person should look. What a removal or more has settled is looked at only if its own rule asks for it."""
    if ranked and ACTIONS.index(ranked[0].action) >= ACTIONS.index("remove"):
        return ranked[0].queue
    return next((hit.queue for hit in ranked if hit.queue), None)


def _ask_exactly(policy: Policy, rule: Rule, reading: Reading) -> bool | Undecided:
    """Whether a rule matches, by the exact evaluator; or why that cannot be said."""
    reading.policy = policy.key
    try:
        value = evaluate(rule.when[reading.event.type], reading)
    except Unknown as fault:
        return Undecided(policy=policy.key, rule=rule.id, cause="unknown", detail=str(fault))
    except Exception as fault:  # one rule's failure, of whatever kind, must not silence the others
        detail = str(fault) if isinstance(fault, Fault) else f"{type(fault).__name__}: {fault}"
        return Undecided(policy=policy.key, rule=rule.id, cause="error", detail=detail)
    if type(value) is not bool:
        return Undecided(policy=policy.key, rule=rule.id, cause="error", detail="the condition is not a boolean")
    return value


def _mode(policy: Policy, rule: Rule, event: Event) -> str:
    """`live`, `shadow`, or `canary`; a canary is `shadow` for actors outside its share, the same ones every time."""
    if rule.mode != "canary":
        return rule.mode
    seed = f"{policy.key}/{rule.id}:{event.actor.get('id', '')}".encode("utf-8", "surrogatepass")
    drawn = int.from_bytes(hashlib.sha256(seed).digest()[:8], "big") / 2**64
    return "canary" if drawn < rule.share else "shadow"


def _words(value: Any) -> str:
    if isinstance(value, list):
        return ", ".join(map(_words, value))
    return {True: "true", False: "false"}.get(value, str(value)) if isinstance(value, bool) else str(value)
