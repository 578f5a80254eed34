"""The report of a backtest: plain data that the JSON file, the HTML file and the console's page are made of."""

import math
import random
from collections import Counter
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime

import msgspec

from safehold.engine.language.values import SECOND
from safehold.engine.policies.model import Bundle
from safehold.replay.outcomes import DayOutcome, HitRow, RuleCount, actions_of, strongest
from safehold.replay.segments import SEGMENTS

#: Accounts that are named, most events first, and events of the sample for each stratum.
NAMED_ACCOUNTS, SAMPLE_OF_STRATUM = 100, 5
#: 1.96: the 97.5th percentile of the normal distribution, for intervals of 95 %.
Z = 1.959963984540054


class Label(msgspec.Struct, frozen=True):
    """What people decided about an event in the end: the action, and the policies they found broken."""

    action: str
    policies: tuple[str, ...] = ()


class Truth(msgspec.Struct, frozen=True):
    """People's decisions and appeals, by the event's position."""

    labels: dict[int, Label] = {}


class Share(msgspec.Struct, frozen=True):
    """`of` cases of which `hit` are so, with the Wilson interval of 95 %."""

    hit: int
    of: int
    value: float | None
    low: float | None
    high: float | None


class RuleLine(msgspec.Struct, kw_only=True):
    """One rule on both sides. `micros` is what an event costs it; `asked` how many events needed the Python engine."""

    rule: str
    before: int = 0
    after: int = 0
    newly: int = 0
    no_longer: int = 0
    action: str = ""
    precision_before: Share | None = None
    precision_after: Share | None = None
    recall_before: Share | None = None
    recall_after: Share | None = None
    undecided_before: int = 0
    undecided_after: int = 0
    asked: int = 0
    micros: float | None = None


class SegmentLine(msgspec.Struct, frozen=True, kw_only=True):
    """One segment: events in it, hit before and after, newly and no longer hit."""

    name: str
    events: int
    before: int
    after: int
    newly: int
    no_longer: int


class AccountLine(msgspec.Struct, frozen=True, kw_only=True):
    """An account with events that would come out otherwise."""

    account: str
    service: str
    newly: int
    no_longer: int
    strongest: str


class DayLine(msgspec.Struct, frozen=True, kw_only=True):
    """A day: events received on it; and of those that happened on it (in UTC) how many were hit before and after."""

    day: str
    events: int = 0
    before: int = 0
    after: int = 0
    newly: int = 0
    no_longer: int = 0


class Sampled(msgspec.Struct, frozen=True, kw_only=True):
    """An event for blind review: `stratum` says why it was drawn, which the reviewer is not told."""

    position: int
    event: str
    decision: str
    service: str
    type: str
    account: str
    stratum: str
    before: tuple[str, ...]
    after: tuple[str, ...]


class Report(msgspec.Struct, kw_only=True):
    """What NEW would have done that LIVE does not, and the other way round. Counts are of events."""

    new: str
    live: str
    engine: str
    since: str
    until: str
    events: int = 0
    seconds: float = 0.0
    hit_before: int = 0
    hit_after: int = 0
    newly_hit: int = 0
    no_longer_hit: int = 0
    other_action: int = 0
    actions_before: dict[str, int] = {}
    actions_after: dict[str, int] = {}
    accounts_newly: int = 0
    accounts_no_longer: int = 0
    precision_before: Share | None = None
    precision_after: Share | None = None
    recall_before: Share | None = None
    recall_after: Share | None = None
    labelled: int = 0
    rules: list[RuleLine] = []
    segments: dict[str, list[SegmentLine]] = {}
    accounts: list[AccountLine] = []
    days: list[DayLine] = []
    sample: list[Sampled] = []
    asked: int = 0
    windows_by_python: list[str] = []
    signals_replayed: int = 0
    signals_run_again: int = 0


def wilson(hit: int, of: int) -> Share:
    """A share with its 95 % interval (Wilson 1927), which also holds for few cases and near 0 and 1."""
    if of == 0:
        return Share(0, 0, None, None, None)
    share = hit / of
    middle = (share + Z * Z / (2 * of)) / (1 + Z * Z / of)
    half = Z / (1 + Z * Z / of) * math.sqrt(share * (1 - share) / of + Z * Z / (4 * of * of))
    return Share(hit, of, round(share, 4), round(max(middle - half, 0.0), 4), round(min(middle + half, 1.0), 4))


def make_report(
    new: Bundle,
    live: Bundle,
    outcomes: Iterable[DayOutcome],
    truth: Truth,
    *,
    engine: str,
    since: datetime,
    until: datetime,
    costs: Mapping[str, float],
    received: Mapping[str, int],
    by_python: Iterable[str] = (),
    replayed: tuple[int, int] = (0, 0),
) -> Report:
    report = Report(
        new=new.hash, live=live.hash, engine=engine, since=since.isoformat(), until=until.isoformat(),
        windows_by_python=list(by_python), signals_replayed=replayed[0], signals_run_again=replayed[1],
        labelled=len(truth.labels),
    )  # fmt: skip
    whole = DayOutcome(day="")
    actions = (actions_of(live), actions_of(new))
    for outcome in outcomes:
        whole.add(outcome)
    report.events, report.asked = whole.events, whole.asked
    report.days = _days(whole.hits, received)
    _count_events(report, whole.hits, actions)
    report.rules = _rules(whole, truth, actions, costs)
    report.segments = {name: _segment(name, whole) for name in SEGMENTS}
    report.accounts, report.accounts_newly, report.accounts_no_longer = _accounts(whole.hits, actions)
    report.sample = draw_sample(whole.hits)
    hits = {hit.position: hit for hit in whole.hits}
    for side in ("before", "after"):
        precision, recall = _quality(hits, truth, side)
        setattr(report, f"precision_{side}", precision)
        setattr(report, f"recall_{side}", recall)
    return report


def _days(hits: list[HitRow], received: Mapping[str, int]) -> list[DayLine]:
    counts: dict[str, Counter[str]] = {day: Counter() for day in received}
    for hit in hits:
        count = counts.setdefault(datetime.fromtimestamp(hit.at // SECOND, UTC).date().isoformat(), Counter())
        before, after = bool(hit.before), bool(hit.after)
        # Added one by one: Counter.update would keep the truth values of a day's first event, and "true" is no count to read.
        count["before"] += before
        count["after"] += after
        count["newly"] += after > before
        count["no_longer"] += before > after
    return [DayLine(day=day, events=received.get(day, 0), **counts[day]) for day in sorted(counts)]


def _count_events(report: Report, hits: list[HitRow], actions: tuple[dict[str, str], dict[str, str]]) -> None:
    before, after = Counter[str](), Counter[str]()
    for hit in hits:
        one, other = strongest(hit.before, actions[0]), strongest(hit.after, actions[1])
        before[one] += 1
        after[other] += 1
        report.other_action += one != other
        report.hit_before += bool(hit.before)
        report.hit_after += bool(hit.after)
        report.newly_hit += not hit.before
        report.no_longer_hit += not hit.after
    untouched = report.events - len(hits)
    before["allow"] += untouched
    after["allow"] += untouched
    report.actions_before, report.actions_after = dict(before), dict(after)


def _rules(
    whole: DayOutcome, truth: Truth, actions: tuple[dict[str, str], dict[str, str]], costs: Mapping[str, float]
) -> list[RuleLine]:
    lines = {
        name: RuleLine(rule=name, action=actions[1].get(name) or actions[0][name])
        for name in (*actions[0], *actions[1])
    }
    reviewed: dict[str, list[int]] = {name: [0, 0, 0, 0] for name in lines}  # hit and wrong before, the same after
    for hit in whole.hits:
        before, after = set(hit.before), set(hit.after)
        label = truth.labels.get(hit.position)
        for name in before | after:
            line = lines[name]
            line.before += name in before
            line.after += name in after
            line.newly += name not in before
            line.no_longer += name not in after
            if label is not None:
                right = _violates(label, name)
                counts = reviewed[name]
                counts[0] += name in before and right
                counts[1] += name in before and not right
                counts[2] += name in after and right
                counts[3] += name in after and not right
    violations = Counter(policy for label in truth.labels.values() for policy in _policies(label))
    for name, line in lines.items():
        good_before, bad_before, good_after, bad_after = reviewed[name]
        line.precision_before, line.precision_after = (
            wilson(good_before, good_before + bad_before),
            wilson(good_after, good_after + bad_after),
        )
        total = violations[name.rpartition("/")[0]]
        line.recall_before, line.recall_after = wilson(good_before, total), wilson(good_after, total)
        none = RuleCount()
        one, other = whole.before.get(name, none), whole.after.get(name, none)
        line.undecided_before, line.undecided_after = one.unknown + one.error, other.unknown + other.error
        line.asked = max(one.asked, other.asked)
        line.micros = costs.get(name)
    return sorted(lines.values(), key=lambda line: (-(line.newly + line.no_longer), -line.after, line.rule))


def _policies(label: Label) -> tuple[str, ...]:
    return label.policies if label.action != "allow" else ()


def _violates(label: Label, rule: str) -> bool:
    """Whether people found what the rule's policy is against. Where they named no policy, any action counts."""
    return label.action != "allow" and (not label.policies or rule.rpartition("/")[0] in label.policies)


def _quality(hits: Mapping[int, HitRow], truth: Truth, side: str) -> tuple[Share, Share]:
    """Precision and recall over the events that people decided: whether any rule hit, whether they acted."""
    right = wrong = missed = 0
    for position, label in truth.labels.items():
        hit = hits.get(position)
        found = bool(hit and getattr(hit, side))
        right += found and label.action != "allow"
        wrong += found and label.action == "allow"
        missed += not found and label.action != "allow"
    return wilson(right, right + wrong), wilson(right, right + missed)


def _segment(name: str, whole: DayOutcome) -> list[SegmentLine]:
    counts: dict[str, list[int]] = {value: [0, 0, 0, 0] for value in whole.segments.get(name, {})}
    for hit in whole.hits:
        line = counts.setdefault(getattr(hit, name), [0, 0, 0, 0])
        line[0] += bool(hit.before)
        line[1] += bool(hit.after)
        line[2] += not hit.before
        line[3] += not hit.after
    lines = [
        SegmentLine(
            name=value, events=whole.segments.get(name, {}).get(value, 0), before=before, after=after, newly=newly,
            no_longer=gone,
        )
        for value, (before, after, newly, gone) in counts.items()
    ]  # fmt: skip
    return sorted(lines, key=lambda line: (-line.events, line.name))


def _accounts(hits: list[HitRow], actions: tuple[dict[str, str], dict[str, str]]) -> tuple[list[AccountLine], int, int]:
    newly, gone = Counter[tuple[str, str]](), Counter[tuple[str, str]]()
    rules: dict[tuple[str, str], set[str]] = {}
    for hit in hits:
        who = (hit.service, hit.account)
        if not hit.account or bool(hit.before) == bool(hit.after):
            continue
        if hit.after:
            newly[who] += 1
            rules.setdefault(who, set()).update(hit.after)
        else:
            gone[who] += 1
    everyone = sorted({*newly, *gone}, key=lambda who: (-newly[who], -gone[who], who))
    lines = [
        AccountLine(
            account=who[1], service=who[0], newly=newly[who], no_longer=gone[who],
            strongest=strongest(rules.get(who, ()), actions[1]),
        )
        for who in everyone[:NAMED_ACCOUNTS]
    ]  # fmt: skip
    return lines, len(newly), len(gone)


def draw_sample(hits: list[HitRow], of_stratum: int = SAMPLE_OF_STRATUM) -> list[Sampled]:
    """Changed events for people to look at: up to so many of each rule, direction and event type, drawn by lot (seeded by
    what there is, so that the same backtest draws the same)."""
    strata: dict[str, list[HitRow]] = {}
    for hit in hits:
        for word, rules in (
            ("newly", set(hit.after) - set(hit.before)),
            ("no longer", set(hit.before) - set(hit.after)),
        ):
            for rule in rules:
                strata.setdefault(f"{rule}, {word} hit, {hit.type}", []).append(hit)
    drawn: dict[int, Sampled] = {}
    for stratum, members in sorted(strata.items()):
        lot = random.Random(f"{stratum}:{len(members)}")  # noqa: S311 - a sample, not a secret
        for hit in lot.sample(members, min(of_stratum, len(members))):
            drawn.setdefault(
                hit.position,
                Sampled(
                    position=hit.position, event=hit.event, decision=hit.decision, service=hit.service, type=hit.type,
                    account=hit.account, stratum=stratum, before=hit.before, after=hit.after,
                ),
            )  # fmt: skip
    return [drawn[position] for position in sorted(drawn)]
