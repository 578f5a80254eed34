"""Policies as they are in force and as they were: what reviewers and people read, the rules with their conditions, how
often each one wins and how often an appeal overturns it. Read from the versions that decisions name.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any

import yaml
from django.conf import settings
from django.db.models import Count, F, QuerySet
from django.http import Http404, HttpResponse
from django.shortcuts import get_object_or_404, render
from django.utils.safestring import SafeString
from django.views.decorators.http import require_GET

from safehold.accounts.access import SignedInRequest, require
from safehold.accounts.roles import Permission
from safehold.console.counting import counts, days, remembered
from safehold.console.git import failing
from safehold.console.highlight import cel_html
from safehold.desk.decisions.models import Decision, PolicyVersion
from safehold.desk.decisions.policies import terms_of
from safehold.desk.rules.costs import Share, shares
from safehold.desk.rules.in_force import file_of
from safehold.desk.rules.models import PolicyChange, PolicyFile, Rule
from safehold.desk.rules.states import ACTING, OPEN_CHANGES

WEEK = 7
#: Versions shown in a policy's history; each older one is still at its own address.
HISTORY = 50


@dataclass
class RuleLine:
    """One rule of a version, with what happened to what it decided."""

    name: str
    id: str
    title: str
    mode: str
    share: float | None
    on: list[str]
    condition: SafeString
    action: str
    queue: str
    strike: int
    seconds: int | None
    reason: str
    label: dict[str, Any] | None
    hash: str
    hits: list[int] = field(default_factory=list)
    heard: int = 0
    overturned: int = 0
    state: str = ""  # its mode, or `throttled`
    cost: Share | None = None

    @property
    def week(self) -> int:
        return sum(self.hits)

    @property
    def cost_text(self) -> str:
        return f"{micros_text(self.cost.cost.median)}, {percent(self.cost.share)} of all rules" if self.cost else ""

    @property
    def share_text(self) -> str:
        return f"{100 * (self.share or 0):g} % of people"


@dataclass
class PolicyLine:
    """One policy in force, as the list shows it."""

    version: PolicyVersion
    rules: list[RuleLine]

    @property
    def hits(self) -> list[int]:
        return [sum(day) for day in zip(*(rule.hits for rule in self.rules), strict=True)] or [0] * WEEK

    @property
    def week(self) -> int:
        return sum(self.hits)

    @property
    def modes(self) -> list[tuple[str, int]]:
        """How many rules are in each mode, those that act first."""
        modes = [rule.mode for rule in self.rules]
        return [(mode, modes.count(mode)) for mode in ("live", "canary", "shadow", "draft", "retired") if mode in modes]

    @property
    def overturned(self) -> int:
        return sum(rule.overturned for rule in self.rules)

    @property
    def heard(self) -> int:
        return sum(rule.heard for rule in self.rules)


def rules_of(version: PolicyVersion) -> list[RuleLine]:
    """The rules as the version has them."""
    return [
        RuleLine(
            name=f"{version.key}/{rule['id']}",
            id=rule["id"],
            title=rule.get("title", ""),
            mode=rule.get("mode", "live"),
            share=rule.get("share") if rule.get("mode") == "canary" else None,
            on=rule.get("on") or version.spec.get("on", []),
            condition=cel_html(rule.get("when", "")),
            action=rule["action"],
            queue=rule.get("queue") or "",
            strike=rule.get("strike") or 0,
            seconds=rule.get("seconds"),
            reason=rule.get("reason", ""),
            label=rule.get("label"),
            hash=rule.get("hash", ""),
        )
        for rule in version.spec.get("rules", [])
    ]


def in_force() -> QuerySet[PolicyVersion]:
    return PolicyVersion.objects.filter(effective_to=None).order_by("key")


def known_rules() -> list[str]:
    """The names (policy/rule) of every rule of the policies in force."""

    def read() -> list[str]:
        return [
            f"{key}/{rule['id']}"
            for key, spec in in_force().values_list("key", "spec")
            for rule in spec.get("rules", [])
        ]

    return remembered("known-rules", 60, read)


def measured() -> dict[str, Share]:
    """What the rules in force cost, by name, as far as they were measured."""

    def read() -> dict[str, Share]:
        return shares(
            (f"{key}/{rule['id']}", rule.get("hash", ""))
            for key, spec in in_force().values_list("key", "spec")
            for rule in spec.get("rules", [])
        )

    return remembered("rule-costs", 60, read)


def micros_text(micros: float) -> str:
    """A time as people read it: two digits say what a measurement can."""
    for size, unit in ((1_000_000, "s"), (1_000, "ms")):
        if micros >= size:
            return f"{float(f'{micros / size:.2g}'):g} {unit}"
    return f"{micros:.0f} µs" if micros >= 10 else f"{micros:.2g} µs"


def percent(share: float) -> str:
    return "under 0.1 %" if share < 0.001 else f"{100 * share:.1f} %"


def fill(rules: Iterable[RuleLine], *, costs: bool = False) -> None:
    """Put a week's hits and the outcomes of appeals on each rule, and what it costs: at most five queries."""
    rules = list(rules)
    hits = counts("rule", [rule.name for rule in rules], days(WEEK))
    heard, overturned = remembered("appeals-by-rule", 60, _appeals)
    for rule in rules:
        rule.hits = hits[rule.name]
        rule.heard, rule.overturned = heard.get(rule.name, 0), overturned.get(rule.name, 0)
    if costs:
        throttled = set(Rule.objects.filter(state="throttled").values_list("name", flat=True))
        for rule in rules:
            rule.cost = measured().get(rule.name)
            rule.state = "throttled" if rule.name in throttled and rule.mode in ACTING else rule.mode


def _appeals() -> tuple[dict[str, int], dict[str, int]]:
    """rule -> how many of its decisions an appeal was heard about; and how many of those were not left as they were."""
    appeals = Decision.objects.filter(on_appeal=True)
    changed = appeals.exclude(action=F("override_of__action"))
    return _by_rule(appeals), _by_rule(changed)


def _by_rule(appeals: QuerySet[Decision]) -> dict[str, int]:
    first = Decision.objects.filter(pk__in=appeals.values("root")).exclude(rule="").order_by()
    return dict(first.values_list("rule").annotate(Count("pk")))


@require(Permission.READ_POLICIES)
@require_GET
def policy_list(request: SignedInRequest) -> HttpResponse:
    lines = [PolicyLine(version, rules_of(version)) for version in in_force()]
    fill(rule for line in lines for rule in line.rules)
    packs: dict[str, list[PolicyLine]] = {}
    for line in lines:
        packs.setdefault(pack_of(line.version), []).append(line)
    return render(
        request,
        "console/policies.html",
        {
            "packs": sorted(packs.items()),
            "any": bool(lines),
            "grouped": len(packs) < len(lines),
            "may_write": request.user.may(Permission.WRITE_POLICIES),
            "git": bool(settings.SAFEHOLD_GIT_REMOTE),
            "git_fails": failing(),
            "throttled": Rule.objects.filter(state="throttled").order_by("-since"),
        },
    )


def pack_of(version: PolicyVersion) -> str:
    """The pack a policy belongs to: the first part of its key (`scams.cold-outreach` is of `scams`)."""
    return version.key.partition(".")[0].replace("-", " ").capitalize()


@require(Permission.READ_POLICIES)
@require_GET
def policy(request: SignedInRequest, key: str) -> HttpResponse:
    versions = list(PolicyVersion.objects.filter(key=key).order_by("-effective_from", "-pk").defer("spec")[:HISTORY])
    if not versions:
        raise Http404(f"There is no policy {key}.")
    chosen = request.GET.get("version") or versions[0].pk
    version = get_object_or_404(PolicyVersion, key=key, pk=chosen)
    for newer, older in pairwise(versions):
        newer.older = older.pk  # type: ignore[attr-defined]
    led = _led_to(key)
    for each in versions:
        each.led = led.get(each.pk)  # type: ignore[attr-defined]
    rules = rules_of(version)
    fill(rules, costs=version.effective_to is None)
    spec = version.spec
    context = {
        "version": version,
        "versions": versions,
        "rules": rules,
        "spec": spec,
        "terms": terms_of(version),
        # YAML's lines are broken for an editor; what is a paragraph is said by an empty line.
        "guidance": [" ".join(part.split()) for part in re.split(r"\n\s*\n", spec.get("guidance", "").strip())],
        "notice": sorted((spec.get("notice") or {}).items()),
        "examples": spec.get("examples") or [],
        "windows": spec.get("windows") or [],
        "line": PolicyLine(version, rules),
        "pack": pack_of(version),
        "may_write": request.user.may(Permission.WRITE_POLICIES),
        "may_revert": request.user.may(Permission.REVERT_DECISIONS),
        "returnable": set(
            PolicyFile.objects.filter(key=key, version__isnull=False).values_list("version_id", flat=True)
        ),
        "has_file": file_of(version.key) is not None,
        "open_changes": PolicyChange.objects.filter(policy=key, state__in=OPEN_CHANGES).exclude(state="draft"),
    }
    return render(request, "console/policy.html", context)


@require(Permission.READ_POLICIES)
@require_GET
def policy_diff(request: SignedInRequest, key: str, before: str, after: str) -> HttpResponse:
    """What changed from one version of a policy to another."""
    old, new = (get_object_or_404(PolicyVersion, key=key, pk=each) for each in (before, after))
    written = _written([old, new])
    if not {old.pk, new.pk} <= set(written):  # two forms can't be compared line by line
        written = {each.pk: _text(each) for each in (old, new)}
    context = {"key": key, "old": old, "new": new, "led": _led_to(key).get(new.pk)}
    context |= {"before": written[old.pk], "after": written[new.pk]}
    return render(request, "console/policy_diff.html", context)


def _written(versions: Iterable[PolicyVersion]) -> dict[str, str]:
    """The texts of versions as people wrote them, where they were kept."""
    rows = PolicyFile.objects.filter(version__in=list(versions)).order_by("edition_id")
    return {row.version_id: row.text for row in rows if row.version_id and row.text is not None}


def _led_to(key: str) -> dict[str, PolicyChange]:
    """Version -> the change that brought it, the first where an older text was put in force again."""
    rows = PolicyFile.objects.filter(key=key, version__isnull=False, edition__change__isnull=False)
    rows = rows.select_related("edition__change__author", "edition__change__approver").order_by("-edition_id")
    return {row.version_id: row.edition.change for row in rows if row.version_id and row.edition.change}


def _text(version: PolicyVersion) -> str:
    """A version as YAML, so that two can be compared line by line where what people wrote was not kept."""
    whole = {"policy": version.key, "title": version.title, "severity": version.severity, **version.spec}
    return yaml.dump(whole, Dumper=_Readable, sort_keys=False, allow_unicode=True, width=110)


class _Readable(yaml.SafeDumper):
    """YAML as people write it: a text of several lines as a block."""


def _as_block(dumper: yaml.SafeDumper, text: str) -> yaml.ScalarNode:
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style="|" if "\n" in text else None)


_Readable.add_representer(str, _as_block)
