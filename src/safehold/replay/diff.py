"""Two bundles over the same events: which rules hit more, which less, whose events come out otherwise.

Who calls: the rule editor (the last events, while somebody types) and the tests of the columnar backend.
"""

import time
from collections.abc import Iterable

import msgspec

from safehold.engine.verdict import Verdict
from safehold.replay.again import Again
from safehold.replay.recorded import Recorded

#: Changed events that are kept one by one; beyond that they are only counted.
KEPT_CHANGES = 500


class RuleDiff(msgspec.Struct, kw_only=True):
    """Events that a rule (`policy/rule`) hit before and after, those it gained and lost, and those it could not decide."""

    before: int = 0
    after: int = 0
    gained: int = 0
    lost: int = 0
    undecided_before: int = 0
    undecided_after: int = 0


class Change(msgspec.Struct, frozen=True, kw_only=True):
    """An event that comes out otherwise: another action, or other rules. Names the decision that the record has."""

    position: int
    event: str
    decision: str
    type: str
    account: str
    occurred_at: str
    before: str
    after: str
    gained: tuple[str, ...]
    lost: tuple[str, ...]


class Diff(msgspec.Struct, kw_only=True):
    """What NEW does otherwise than LIVE. `accounts` counts accounts with an event of another action;
    `windows_whole` is false where the record was read from too late for the longest window to be full at the first
    event; `undeclared` events are of a type that one of the bundles does not know. `changes` is at most KEPT_CHANGES of
    the `changed` events, in the order of the record."""

    new: str
    live: str
    events: int = 0
    undeclared: int = 0
    changed: int = 0
    newly_hit: int = 0
    no_longer_hit: int = 0
    accounts: int = 0
    seconds: float = 0.0
    windows_whole: bool = True
    first_at: str = ""
    last_at: str = ""
    actions_before: dict[str, int] = {}
    actions_after: dict[str, int] = {}
    rules: dict[str, RuleDiff] = {}
    changes: list[Change] = []


def compare(
    new: Again, live: Again, events: Iterable[Recorded], *, lead: Iterable[Recorded] = (), windows_whole: bool = True
) -> Diff:
    """Decide each event with both bundles, in order. `lead` are the events before them, which only fill the windows."""
    begun = time.perf_counter()
    for recorded in lead:
        new.observe(recorded)
        live.observe(recorded)
    diff = Diff(new=new.bundle.hash, live=live.bundle.hash, windows_whole=windows_whole)
    affected: set[tuple[str, str]] = set()
    for recorded in events:
        after, before = new.decide(recorded), live.decide(recorded)
        if diff.events == 0:
            diff.first_at = recorded.event.time.isoformat()
        diff.last_at = recorded.event.time.isoformat()
        diff.events += 1
        if after is None or before is None:
            diff.undeclared += 1
            if after is None and before is None:
                continue
        _add(diff, recorded, before, after, affected)
    diff.accounts = len(affected)
    diff.seconds = round(time.perf_counter() - begun, 3)
    return diff


def _add(
    diff: Diff, recorded: Recorded, before: Verdict | None, after: Verdict | None, affected: set[tuple[str, str]]
) -> None:
    action_before, action_after = (verdict.action if verdict else "allow" for verdict in (before, after))
    _count(diff.actions_before, action_before)
    _count(diff.actions_after, action_after)
    hit_before, hit_after = hit_rules(before), hit_rules(after)
    for name in hit_before | hit_after:
        rule = diff.rules.setdefault(name, RuleDiff())
        rule.before += name in hit_before
        rule.after += name in hit_after
        rule.gained += name not in hit_before
        rule.lost += name not in hit_after
    for name in undecided_rules(before):
        diff.rules.setdefault(name, RuleDiff()).undecided_before += 1
    for name in undecided_rules(after):
        diff.rules.setdefault(name, RuleDiff()).undecided_after += 1
    if hit_before == hit_after and action_before == action_after:
        return
    diff.changed += 1
    diff.newly_hit += not hit_before and bool(hit_after)
    diff.no_longer_hit += bool(hit_before) and not hit_after
    if action_before != action_after and recorded.account_id:
        affected.add((recorded.service, recorded.account_id))
    if len(diff.changes) < KEPT_CHANGES:
        diff.changes.append(
            Change(
                position=recorded.position,
                event=recorded.id,
                decision=recorded.decision,
                type=recorded.event.type,
                account=recorded.account_id,
                occurred_at=recorded.event.time.isoformat(),
                before=action_before,
                after=action_after,
                gained=tuple(sorted(hit_after - hit_before)),
                lost=tuple(sorted(hit_before - hit_after)),
            )
        )


def hit_rules(verdict: Verdict | None) -> set[str]:
    """The rules that hit, as `policy/rule`, whatever their mode."""
    return {f"{hit.policy}/{hit.rule}" for hit in verdict.hits} if verdict else set()


def undecided_rules(verdict: Verdict | None) -> set[str]:
    return {f"{each.policy}/{each.rule}" for each in verdict.undecided} if verdict else set()


def _count(counts: dict[str, int], name: str) -> None:
    counts[name] = counts.get(name, 0) + 1
