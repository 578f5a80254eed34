"""What a backtest asks of every event: each rule of both bundles, once where they have the same."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from safehold.engine.language.tree import Node, paths, walk
from safehold.engine.language.tree import Path as Read
from safehold.engine.policies.model import Bundle, Policy, Rule
from safehold.replay.outcomes import rules_of


@dataclass
class Question:
    """A rule to be computed once: `names` are the sides (0 before, 1 after) and rules it stands for."""

    side: int
    policy: Policy
    rule: Rule
    tree: Node
    names: list[tuple[int, str]] = field(default_factory=list)


def questions_of(bundles: Sequence[Bundle], kind: str, lists: Sequence[Mapping[str, object]]) -> list[Question]:
    """Every rule of the bundles for this event type; one that is the same in both is there once. `lists` are what tells
    the lists of each bundle apart (`list_marks`)."""
    found: dict[object, Question] = {}
    for side, bundle in enumerate(bundles):
        for policy, rule in rules_of(bundle):
            tree = rule.when.get(kind)
            if tree is not None:
                identity = _identity(lists[side], policy, rule, tree)
                question = found.setdefault(identity, Question(side, policy, rule, tree))
                question.names.append((side, f"{policy.key}/{rule.id}"))
    return list(found.values())


def list_marks(bundle: Bundle) -> dict[str, object]:
    """By a list's name, what makes it the same as another. It reads every entry of every list."""
    return {name: (held.digest(), held.version) for name, held in bundle.lists.items()}


def _identity(lists: Mapping[str, object], policy: Policy, rule: Rule, tree: Node) -> object:
    """What makes two rules give the same answers on every event."""
    windows = {window.name: window.hash for window in policy.windows}
    read = paths(tree)
    asked = sorted({parts[1] for parts in read if parts[0] == "lists"})
    return (
        policy.key,
        rule.id,
        rule.hash,
        tuple((parts[1], windows.get(parts[1])) for parts in read if parts[0] == "windows"),
        tuple((name, lists[name]) for name in asked),
        tuple(sorted((parts, str(part.type)) for part in _reads(tree) for parts in (part.parts,))),
    )


def _reads(tree: Node) -> list[Read]:
    return [part for part in walk(tree) if isinstance(part, Read)]
