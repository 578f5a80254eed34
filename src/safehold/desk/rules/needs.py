"""Who has to agree to a change, and what it changes: pure functions over two policies. Called by `changes` and by the page
that shows a change.
"""

from collections.abc import Iterable
from dataclasses import dataclass, replace

from safehold.desk.rules.states import ACTING
from safehold.engine.policies.model import Policy, Rule


@dataclass(frozen=True)
class Moved:
    """A rule that a change adds (`before` None), takes away (`after` None), rewrites or moves to another mode."""

    name: str
    before: Rule | None
    after: Rule | None

    @property
    def modes(self) -> tuple[str, str]:
        """Its mode before and after; `-` where there is none."""
        return (self.before.mode if self.before else "-", self.after.mode if self.after else "-")

    @property
    def arms(self) -> int:
        """1 where a rule that was there begins to act, -1 where it ceases to, 0 otherwise."""
        if self.before is None or self.after is None:
            return 0
        return (self.after.mode in ACTING) - (self.before.mode in ACTING)

    @property
    def rewritten(self) -> bool:
        return self.before is not None and self.after is not None and self.before.hash != self.after.hash


def moved(before: Policy | None, after: Policy | None) -> list[Moved]:
    """The rules that differ, in the order of the policy."""
    old = {rule.id: rule for rule in before.rules} if before else {}
    new = {rule.id: rule for rule in after.rules} if after else {}
    key = (after or before or _nobody()).key
    names = [*new, *(rule_id for rule_id in old if rule_id not in new)]
    found = [Moved(f"{key}/{name}", old.get(name), new.get(name)) for name in names]
    return [each for each in found if each.rewritten or _mode(each.before) != _mode(each.after)]


def needs_approval(before: Policy | None, after: Policy | None) -> bool:
    """True unless nobody can feel the change: it touches no rule that acts, before or after, nor what those rest on (the
    texts people read, the law, the action's terms)."""
    return _felt(before) != _felt(after)


def only_disarms(before: Policy | None, after: Policy | None) -> bool:
    """True if the change does nothing but take rules from acting to not acting, or to a smaller share."""
    if before is None:
        return False
    kept = {rule.id: rule for rule in after.rules} if after else {}
    softer = all(_strength(kept.get(rule.id)) <= _strength(rule) for rule in before.rules)
    same = all(rule.hash == kept[rule.id].hash for rule in before.rules if rule.id in kept and _strength(kept[rule.id]))
    added = any(_strength(rule) for rule_id, rule in kept.items() if rule_id not in {each.id for each in before.rules})
    if after is not None and any(_strength(rule) for rule in after.rules):
        same = same and _terms(before) == _terms(after)
    return softer and same and not added


def _felt(policy: Policy | None) -> object:
    if policy is None or not _acting(policy.rules):
        return None
    rules = [(rule.id, rule.hash, rule.mode, rule.share, rule.title) for rule in _acting(policy.rules)]
    return _terms(policy), rules


def _terms(policy: Policy) -> Policy:
    return replace(policy, rules=(), examples=(), windows=(), on=(), file="", hash="")


def _acting(rules: Iterable[Rule]) -> list[Rule]:
    return [rule for rule in rules if rule.mode in ACTING]


def _strength(rule: Rule | None) -> float:
    """The share of people that a rule acts on."""
    if rule is None or rule.mode not in ACTING:
        return 0.0
    return 1.0 if rule.mode == "live" else rule.share


def _mode(rule: Rule | None) -> tuple[str, float]:
    return (rule.mode, rule.share) if rule else ("-", 0.0)


def _nobody() -> Policy:
    raise ValueError("a change is about a policy that is there before or after it")
