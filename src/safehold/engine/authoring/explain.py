"""A rule in words: what it reads, in which order its parts are looked at and what each costs, and what one event made of it.

`explain` is what `safehold policy explain` prints; with an event it evaluates every part on its own by the exact evaluator.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from statistics import median
from typing import Any

from safehold.engine.compile.exact import evaluate
from safehold.engine.compile.faults import Fault, Unknown
from safehold.engine.compile.ruleset import RuleSet
from safehold.engine.costs import clock, nanos_of
from safehold.engine.decide import Engine
from safehold.engine.event import Event, lift
from safehold.engine.examples import assumptions
from safehold.engine.language.problem import did_you_mean
from safehold.engine.language.tree import Call, Node, Path, Present, children, walk
from safehold.engine.language.unparse import unparse
from safehold.engine.language.values import to_json
from safehold.engine.policies.model import Bundle, Policy, Rule, Window
from safehold.engine.reading import Parts, Reading, shorten
from safehold.engine.signal import Signal

#: How often the rule is timed for each event.
_ROUNDS = 20
_WORDS = {"_&&_": "all of", "_||_": "one of", "!_": "not", "_?_:_": "the second if the first, otherwise the third, of"}


@dataclass(frozen=True, slots=True)
class Part:
    """A piece of the condition in the order in which it is looked at. `word` joins its `parts`; a test has none.

    `micros` is what looking at all of it may cost. `value` is what an event made of it: JSON, or a sentence in `unknown` where
    it has no value; both are None without an event.
    """

    text: str
    word: str
    micros: float
    parts: tuple["Part", ...] = ()
    value: Any = None
    unknown: str | None = None


@dataclass(frozen=True, slots=True)
class Read:
    """Something the rule reads: its path, its type, a sentence about it, and what it was in an event."""

    path: str
    type: str
    says: str
    value: Any = None
    unknown: str | None = None


@dataclass(frozen=True, slots=True)
class Explanation:
    """`does` is the action in words; `outcome` says what an event made of the rule, or is empty. `takes` is what the rule took
    alone on this machine, in microseconds, the median over the event or the policy's examples: None where there are none."""

    name: str
    title: str
    mode: str
    on: tuple[str, ...]
    does: str
    reason: str
    condition: Part
    reads: tuple[Read, ...]
    examples: tuple[str, ...]
    outcome: str = ""
    differs: tuple[str, ...] = field(default=())
    takes: float | None = None


def find_rule(bundle: Bundle, name: str) -> tuple[Policy, Rule]:
    """A rule by `policy/rule`, or by its id where only one policy has it. Raises KeyError with a sentence."""
    found = [
        (policy, rule)
        for policy in bundle.policies
        for rule in policy.rules
        if name in (f"{policy.key}/{rule.id}", rule.id)
    ]
    if not found:
        known = [f"{policy.key}/{rule.id}" for policy in bundle.policies for rule in policy.rules]
        near = did_you_mean(name, known) or did_you_mean(name, [rule.partition("/")[2] for rule in known])
        raise KeyError(f"there is no rule `{name}`; {near or 'write policy/rule'}")
    if len(found) > 1:
        raise KeyError(f"several policies have a rule `{name}`: {', '.join(policy.key for policy, _ in found)}")
    return found[0]


def explain(
    bundle: Bundle, policy: Policy, rule: Rule, signals: Iterable[Signal] | None = None, event: Event | None = None
) -> Explanation:
    """The rule for its first event type, or for the event's. Raises ValueError for an event whose type the rule does not have."""
    kinds = [kind for kind in rule.on if kind in rule.when]
    if event is not None and event.type not in kinds:
        raise ValueError(f"`{rule.id}` does not look at {event.type}, only at {', '.join(kinds)}")
    kind = event.type if event is not None else kinds[0]
    engine = Engine(bundle, signals)
    rules = engine.rule_sets[kind]
    reading = _reading(engine, event, policy) if event is not None else None
    condition = _condition(rule.when[kind], rules, reading)
    texts = {other: unparse(tree) for other, tree in rule.when.items()}
    return Explanation(
        name=f"{policy.key}/{rule.id}",
        title=rule.title,
        mode=rule.mode if rule.mode != "canary" else f"canary for {rule.share:.0%} of the actors",
        on=rule.on,
        does=_does(rule),
        reason=rule.then.reason,
        condition=condition,
        reads=tuple(_reads(rule.when[kind], policy, bundle, rules, reading)),
        examples=tuple(example.name for example in policy.examples if rule.id in example.expect),
        outcome=_outcome(rule, condition) if reading is not None else "",
        differs=tuple(other for other, text in texts.items() if text != texts[kind]),
        takes=_takes(engine, policy, rule, [(event, {})] if event is not None else _examples(policy, kind)),
    )


def _reading(engine: Engine, event: Event, policy: Policy, assumed: Mapping[Parts, Any] | None = None) -> Reading:
    """What the event reads on an engine that has seen nothing before."""
    fresh = engine.fresh()
    reading = fresh.read(event, assumed)
    if reading.feeds:
        reading.answers = next(fresh.windows.apply([(reading.micros, reading.feeds)]))
    reading.policy = policy.key
    return reading


def _takes(
    engine: Engine, policy: Policy, rule: Rule, events: Iterable[tuple[Event, Mapping[Parts, Any]]]
) -> float | None:
    """The median over events of one type, each with what an example assumes."""
    looking, found = clock(), []
    for event, assumed in events:
        rules = engine.rule_sets[event.type]
        position = next((at for at, (_, known) in enumerate(rules.rules) if known is rule), None)
        if position is None:  # a draft, or retired: no engine decides with it
            return None
        alone = rules.alone(position)
        rules.run(_reading(engine, event, policy, assumed))  # a signal's first run may load what it needs
        reading = _reading(engine, event, policy, assumed)
        rules.run(reading)
        micros = {run.signal: run.micros for run in reading.runs}
        found += [nanos_of(alone, reading, micros, looking) / 1_000 for _ in range(_ROUNDS)]
    return round(median(found), 2) if found else None


def _examples(policy: Policy, kind: str) -> list[tuple[Event, Mapping[Parts, Any]]]:
    events = [(lift(example.event), assumptions(example, policy)) for example in policy.examples]
    return [(event, assumed) for event, assumed in events if event.type == kind]


def _condition(tree: Node, rules: RuleSet, reading: Reading | None) -> Part:
    """The operands of the outermost `&&` come in the order in which the engine looks at them: the cheap first."""
    operands = sorted(_operands(tree, "_&&_"), key=rules.cost)
    if len(operands) == 1:
        return _part(tree, rules, reading)
    parts = tuple(_part(operand, rules, reading) for operand in operands)
    return Part(unparse(tree), _WORDS["_&&_"], rules.cost(tree), parts, *_value(tree, reading))


def _part(node: Node, rules: RuleSet, reading: Reading | None) -> Part:
    inner: tuple[Part, ...] = ()
    word = ""
    if isinstance(node, Call) and node.function in _WORDS and node.type.name == "bool":
        word = _WORDS[node.function]
        operands = _operands(node, node.function) if node.function in ("_&&_", "_||_") else list(children(node))
        inner = tuple(_part(operand, rules, reading) for operand in operands)
    return Part(unparse(node), word, rules.cost(node), inner, *_value(node, reading))


def _operands(node: Node, function: str) -> list[Node]:
    if isinstance(node, Call) and node.function == function:
        return [part for argument in node.arguments for part in _operands(argument, function)]
    return [node]


def _value(node: Node, reading: Reading | None) -> tuple[Any, str | None]:
    if reading is None:
        return None, None
    try:
        return shorten(to_json(evaluate(node, reading))), None
    except Unknown as fault:
        return None, str(fault)
    except Fault as fault:
        return None, f"error: {fault}"


def _does(rule: Rule) -> str:
    then = rule.then
    parts = [then.action]
    if then.seconds:
        parts.append(f"for {_period(then.seconds)}")
    if then.queue:
        parts.append(f"to the queue {then.queue}")
    if then.strike:
        parts.append(f"{then.strike} strike{'s' if then.strike != 1 else ''}")
    if then.label is not None:
        ends = f" for {_period(then.label.seconds)}" if then.label.seconds else ""
        parts.append(f"the label {then.label.name} on the {then.label.on}{ends}")
    return ", ".join(parts)


def _period(seconds: int) -> str:
    for unit, size in (("day", 86400), ("hour", 3600), ("minute", 60)):
        if seconds % size == 0:
            return f"{seconds // size} {unit}{'s' if seconds // size != 1 else ''}"
    return f"{seconds} seconds"


def _reads(tree: Node, policy: Policy, bundle: Bundle, rules: RuleSet, reading: Reading | None) -> Iterable[Read]:
    found = [part for part in walk(tree) if isinstance(part, (Path, Present))]
    read = {part.parts: part for part in found if isinstance(part, Path)}
    for part in {part.parts: read.get(part.parts, part) for part in found}.values():
        says = _about(part.parts, policy, bundle, rules)
        if isinstance(part, Present):
            yield Read(part.text, "", f"only whether it is there. {says}".strip(), *_value(part, reading))
        elif part.parts[0] == "lists":
            yield Read(part.text, "list", says)
        else:
            yield Read(part.text, str(part.type), says, *_value(part, reading))


def _about(parts: tuple[str, ...], policy: Policy, bundle: Bundle, rules: RuleSet) -> str:
    if parts[0] == "windows":
        return _defined(
            next(window for window in policy.windows if window.name == parts[1]), rules.scope.event_type.name
        )
    if parts[0] == "signals":
        signal = rules.scope.signals[parts[1]]
        return f"signal {signal.name} {signal.version}, about {signal.cost:.0f} µs"
    if parts[0] == "lists":
        entries = bundle.lists[parts[1]]
        return f"{entries.title or parts[1]} ({entries.kind})"
    kind = rules.scope.variables.get(parts[0])
    about, absent = "", False
    for name in parts[1:]:
        found = kind.fields.get(name) if kind is not None else None
        if found is None:
            return about
        kind, about, absent = found.type, found.description, absent or not found.required
    return "; ".join(part for part in (about, "may be absent" if absent else "") if part)


def _defined(window: Window, kind: str) -> str:
    what = window.kind if kind not in window.value else f"{window.kind} of {unparse(window.value[kind])}"
    by = ", ".join(unparse(part) for part in window.by.get(kind, ()))
    where = f" where {unparse(window.where[kind])}" if kind in window.where else ""
    return f"{what} by {by} over {_period(window.seconds)}{where}"


def _outcome(rule: Rule, condition: Part) -> str:
    if condition.value is True:
        return f"`{rule.id}` matches"
    if condition.value is False:
        reason = _first(condition, False)
        return f"`{rule.id}` does not match: `{reason.text}` is false" if reason else f"`{rule.id}` does not match"
    return f"`{rule.id}` could not be decided: {condition.unknown}"


def _first(part: Part, value: bool) -> Part | None:
    """The innermost part of a conjunction that settled it."""
    if part.word != "all of":
        return part
    return next((_first(inner, value) for inner in part.parts if inner.value is value), None)
