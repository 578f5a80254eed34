"""What a rule that matched saw, as a `Hit`. All of it that no event changes is made once, when the engine is.

For most conditions it is plain which values a match has read: all of them. Others (`||`, `? :`, macros) are walked again by
the exact evaluator, which notes what it reads on the way. Who calls: `Engine.conclude`, for rules that matched only.
"""

import hashlib
from collections.abc import Iterator
from contextlib import suppress
from operator import attrgetter
from typing import Any

from safehold.engine.compile.atoms import operands
from safehold.engine.compile.exact import evaluate
from safehold.engine.compile.faults import Fault, StoreAway
from safehold.engine.compile.reads import ROOTS
from safehold.engine.event import Event
from safehold.engine.language.tree import Bind, Call, Macro, Node, Path, walk
from safehold.engine.language.values import to_json
from safehold.engine.lists.entry import Match
from safehold.engine.policies.actions import fill, template_paths
from safehold.engine.policies.model import SEVERITIES, Policy, Rule
from safehold.engine.policies.scope import Scope
from safehold.engine.reading import SHOWN_CHARACTERS, Parts, Reading, shorten
from safehold.engine.verdict import ACTIONS, Hit, LabelEffect

#: Types of fields whose JSON is what a hit shows, unless it is long.
_SHOWN_AS_IT_IS: dict[str, type] = {"string": str, "int": int, "bool": bool}


class Explanation:
    """One rule's. `name` is `policy/rule`; `order` ranks it: the strongest action first, then the gravest policy. An action
    that `settles` the matter (a removal or more) needs no person, unless the rule has a `queue`."""

    def __init__(self, policy: Policy, rule: Rule, scope: Scope) -> None:
        then, label = rule.then, rule.then.label
        self.name, self.title, self.mode = f"{policy.key}/{rule.id}", policy.title, rule.mode
        self.order = (-ACTIONS.index(then.action), -SEVERITIES.index(policy.severity))
        self.queue, self.settles = then.queue, ACTIONS.index(then.action) >= ACTIONS.index("remove")
        self._policy, self._rule = policy, rule
        self._tree = rule.when[scope.event_type.name]
        self._label = LabelEffect(name=label.name, on=label.on, seconds=label.seconds) if label else None
        paths = _read_for_certain(self._tree)
        self._fields = [_Field(parts, scope) for parts in paths] if paths is not None else None
        self._memberships = list(_memberships(self._tree))
        self._asked = [tuple(path.split(".")) for path, _ in template_paths(then.reason)]

    def hit(self, reading: Reading) -> Hit:
        """The match, for an event for which the rule holds."""
        matches: list[Match] = []
        values, then, rule = self._values(reading, matches), self._rule.then, self._rule
        reason = then.reason
        if self._asked:
            reason = fill(reason, {path: words(value) for path, value in values.items()})
        return Hit(
            policy=self._policy.key,
            rule=rule.id,
            rule_hash=rule.hash,
            mode=self.mode if self.mode != "canary" else _canary(self.name, rule.share, reading.event),
            action=then.action,
            reason=reason,
            queue=then.queue,
            strike=then.strike,
            seconds=then.seconds,
            label=self._label,
            values=values,
            matches=matches,
        )

    def _values(self, reading: Reading, matches: list[Match]) -> dict[str, Any]:
        reading.policy = self._policy.key
        if self._fields is None or reading.assumed or reading.away is not None:
            watch = _Watch(reading, matches)
            with suppress(StoreAway):  # that it matches is known, or assumed
                evaluate(self._tree, watch)
            values = {".".join(parts): shorten(to_json(value)) for parts, value in watch.values.items()}
        else:
            values = {field.text: field.shown(reading) for field in self._fields}
            for item, name in self._memberships:
                match = reading.rules.lists[name].match(evaluate(item, reading), reading.now)
                if match is not None:
                    matches.append(match)
        for parts in self._asked:
            if ".".join(parts) not in values and parts[0] != "lists":
                try:
                    values[".".join(parts)] = shorten(to_json(reading.read(parts)))
                except Fault:
                    continue  # shown as `unknown`: the match does not depend on it
        return values


class _Field:
    """A path that a rule reads whenever it matches, and the short way to its value."""

    __slots__ = ("_kind", "_name", "_parts", "_root", "text")

    def __init__(self, parts: Parts, scope: Scope) -> None:
        self._parts, self.text = parts, ".".join(parts)
        kind = scope.variables[parts[0]].fields[parts[1]].type.name if len(parts) == 2 and parts[0] in ROOTS else ""
        self._kind = _SHOWN_AS_IT_IS.get(kind)
        self._root, self._name = attrgetter(parts[0]), parts[-1]

    def shown(self, reading: Reading) -> Any:
        if self._kind is not None:
            value: Any = self._root(reading.event).get(self._name)
            found: type = type(value)
            if found is self._kind and (found is not str or len(value) <= SHOWN_CHARACTERS):
                return value
        return shorten(to_json(reading.read(self._parts)))


class _Watch:
    """Reads through a Reading and remembers what was seen; of lists, the entries that matched go to `matches`."""

    def __init__(self, reading: Reading, matches: list[Match]) -> None:
        self.reading, self.matches = reading, matches
        self.values: dict[Parts, Any] = {}

    def read(self, parts: Parts) -> Any:
        value = self.reading.read(parts)
        if parts[0] == "lists":
            return value.noting(self.matches)
        self.values[parts] = value
        return value

    def present(self, parts: Parts) -> bool:
        return self.reading.present(parts)


def _read_for_certain(tree: Node) -> list[Parts] | None:
    """The paths that are read whenever the condition holds, in order; None where that depends on the values."""
    found: dict[Parts, None] = {}
    for part in operands(tree, "_&&_"):
        for node in walk(part):
            if isinstance(node, (Macro, Bind)) or (
                isinstance(node, Call) and node.function in ("_&&_", "_||_", "_?_:_")
            ):
                return None
            if isinstance(node, Path) and node.parts[0] != "lists":
                found[node.parts] = None
    return list(found)


def _memberships(tree: Node) -> Iterator[tuple[Node, str]]:
    """What is looked up in which list."""
    for node in walk(tree):
        if isinstance(node, Call) and node.function == "@in" and isinstance(node.arguments[1], Path):
            parts = node.arguments[1].parts
            if parts[0] == "lists":
                yield node.arguments[0], parts[1]


def _canary(name: str, share: float, event: Event) -> str:
    """`canary`, or `shadow` for actors outside the rule's share: the same ones every time."""
    seed = f"{name}:{event.actor.get('id', '')}".encode("utf-8", "surrogatepass")
    drawn = int.from_bytes(hashlib.sha256(seed).digest()[:8], "big") / 2**64
    return "canary" if drawn < share else "shadow"


def words(value: Any) -> str:
    """A value of a hit as people read it."""
    if isinstance(value, list):
        return ", ".join(map(words, value))
    return {True: "true", False: "false"}.get(value, str(value)) if isinstance(value, bool) else str(value)
