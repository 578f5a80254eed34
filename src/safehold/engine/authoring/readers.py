"""Which rules read which signals, directly or through a window of their policy: for the console's signals page and
`safehold signals`."""

from collections.abc import Iterable, Iterator

from safehold.engine.language.tree import Node, paths
from safehold.engine.policies.actions import template_paths
from safehold.engine.policies.model import Bundle, Policy, Rule, Window


def readers(bundle: Bundle) -> dict[str, list[str]]:
    """Signal -> the rules (`policy/rule`) that read it, in the order of policies. Retired rules are left out."""
    found: dict[str, list[str]] = {}
    for policy in bundle.policies:
        windows = {window.name: window for window in policy.windows}
        for rule in policy.rules:
            if rule.mode != "retired":
                for name in sorted(_signals(policy, rule, windows)):
                    found.setdefault(name, []).append(f"{policy.key}/{rule.id}")
    return found


def _signals(policy: Policy, rule: Rule, windows: dict[str, Window]) -> set[str]:
    named: set[str] = set()
    waiting = [*_paths(rule.when.values()), *(tuple(path.split(".")) for path, _ in template_paths(rule.then.reason))]
    seen: set[str] = set()
    while waiting:
        parts = waiting.pop()
        if parts[0] == "signals":
            named.add(parts[1])
        elif parts[0] == "windows" and parts[1] in windows and parts[1] not in seen:
            seen.add(parts[1])
            window = windows[parts[1]]
            trees = [
                *window.value.values(),
                *window.where.values(),
                *(each for by in window.by.values() for each in by),
            ]
            waiting += _paths(trees)
    return named


def _paths(trees: Iterable[Node]) -> Iterator[tuple[str, ...]]:
    for tree in trees:
        yield from paths(tree)
