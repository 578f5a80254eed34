"""A rule's page: what it does, how often it matched, how right it was when people looked, what appeals said, what it costs,
its life so far; and the buttons that move it on. What moves is a change of its file, approved like every other.
"""

from collections import Counter
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from statistics import median
from typing import Any

from django.conf import settings
from django.contrib import messages
from django.db.models import Count, F, Q
from django.http import Http404, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET, require_POST

from safehold.accounts.access import SignedInRequest, require
from safehold.accounts.models import User
from safehold.accounts.roles import Permission
from safehold.console.policies import RuleLine, measured, micros_text, percent, rules_of
from safehold.desk.decisions.models import Decision, PolicyVersion, RuleHits
from safehold.desk.moves import MovedMeanwhile
from safehold.desk.rules.changes import ChangeRefused
from safehold.desk.rules.costs import Share
from safehold.desk.rules.models import PolicyChange, Rule
from safehold.desk.rules.promoting import return_to, set_mode
from safehold.desk.rules.states import NEXT_DOWN, NEXT_UP, OPEN_CHANGES
from safehold.engine import PolicyProblems
from safehold.record.models import Transition
from safehold.states import InvalidTransition

DAYS = 30
#: Decisions that are looked at for values and costs: a sample of the newest, whatever the history.
SAMPLE = 200
LATEST = 12
#: Decisions that are looked at for matches in shadow, which no index has.
LOOKED_AT = 2_000
#: Shown of the values that a rule saw.
MOST_VALUES = 6
_SHADOWS = ("shadow", "throttled", "suppressed")
_TONES = {"live": "good", "canary": "warn", "shadow": "hold", "throttled": "hot", "suppressed": "bad"}


@dataclass(frozen=True)
class Precision:
    """Of what people looked at again, how much they left at least as strong as the rule had it: with Wilson's 95 % interval."""

    looked: int
    agreed: int

    @property
    def share(self) -> str:
        return f"{100 * self.agreed / self.looked:.0f} %" if self.looked else "–"

    @property
    def interval(self) -> str:
        if not self.looked:
            return "nobody has looked at what it decided"
        low, high = wilson(self.agreed, self.looked)
        return f"{100 * low:.0f} to {100 * high:.0f} %, {self.agreed} of {self.looked} looked at"


def wilson(good: int, of: int, z: float = 1.96) -> tuple[float, float]:
    """The score interval of a proportion (E. B. Wilson, 1927)."""
    share, square = good / of, z * z
    middle = share + square / (2 * of)
    half = z * ((share * (1 - share) + square / (4 * of)) / of) ** 0.5
    return max(0.0, (middle - half) / (1 + square / of)), min(1.0, (middle + half) / (1 + square / of))


@require(Permission.READ_POLICIES)
@never_cache
@require_GET
def rule(request: SignedInRequest, key: str, rule_id: str) -> HttpResponse:
    name = f"{key}/{rule_id}"
    version, line = _line(key, rule_id)
    row = Rule.objects.filter(name=name).first()
    sample = list(_of_rule(name).select_related("event").order_by("-decided_at")[:SAMPLE])
    shadowed = _shadowed(name)
    steps = list(Transition.objects.filter(entity_kind="rule", entity_id=row.pk).order_by("-at", "-id")) if row else []
    people = {each.pk: each for each in User.objects.filter(pk__in={step.by for step in steps if step.by})}
    state = row.state if row else line.mode
    heard, overturned = _appeals(name)
    cost = measured().get(name) if version.effective_to is None else None
    context = {
        "name": name, "key": key, "version": version, "line": line, "row": row, "state": state,
        "chart": _chart(name, state), "precision": _precision(name), "overturned": overturned,
        "appeals_note": f"of {heard:,} heard",
        "cost": _cost_lines(cost), "cost_text": micros_text(cost.cost.median) if cost else "–",
        "cost_note": f"{percent(cost.share)} of all rules" if cost else "not measured yet",
        "reads": _reads(version, rule_id, sample),
        "values": _values(name, sample + shadowed), "latest": sample[:LATEST], "shadowed": shadowed,
        "steps": [(step, people.get(step.by)) for step in steps],
        "open_changes": PolicyChange.objects.filter(policy=key, state__in=OPEN_CHANGES).exclude(state="draft"),
        "may_write": request.user.may(Permission.WRITE_POLICIES), "may_revert": request.user.may(Permission.REVERT_DECISIONS),
        "up": line.mode if state == "throttled" else NEXT_UP.get(state), "down": NEXT_DOWN.get(state),
        "in_force": version.effective_to is None, "promote": "Release" if state == "throttled" else "Promote",
    }  # fmt: skip
    return render(request, "console/rule.html", context)


@require(Permission.WRITE_POLICIES)
@require_POST
def rule_mode(request: SignedInRequest, key: str, rule_id: str) -> HttpResponse:
    """Ask for another mode."""
    share = request.POST.get("share", "10").rstrip("% ")
    try:
        wanted = float(share) / 100 if request.POST.get("mode") == "canary" else 1.0
        change = set_mode(
            request.user, f"{key}/{rule_id}", request.POST.get("mode", ""), share=wanted,
            note=request.POST.get("note", ""), first="first" in request.POST,
        )  # fmt: skip
    except (ChangeRefused, PolicyProblems, InvalidTransition, MovedMeanwhile, ValueError, Rule.DoesNotExist) as refused:
        messages.error(request, str(refused))
        return redirect("rule", key, rule_id)
    return redirect("policy-change", change.pk)


@require(Permission.WRITE_POLICIES)
@require_POST
def policy_return(request: SignedInRequest, key: str, version_id: str) -> HttpResponse:
    """Ask for an earlier version."""
    version = get_object_or_404(PolicyVersion, pk=version_id, key=key)
    try:
        change = return_to(request.user, key, version, note=request.POST.get("note", ""), first="first" in request.POST)
    except (ChangeRefused, PolicyProblems) as refused:
        messages.error(request, str(refused))
        return redirect("policy", key)
    return redirect("policy-change", change.pk)


def _line(key: str, rule_id: str) -> tuple[PolicyVersion, RuleLine]:
    """The rule in the newest version that has it. Raises Http404."""
    for version in PolicyVersion.objects.filter(key=key).order_by("-effective_from", "-pk")[:20]:
        for line in rules_of(version):
            if line.id == rule_id:
                return version, line
    raise Http404(f"There is no rule {key}/{rule_id}.")


def _of_rule(name: str) -> Any:
    return Decision.objects.filter(service_id=settings.SAFEHOLD_SERVICE, rule=name, person=None)


def _shadowed(name: str) -> list[Decision]:
    """The newest decisions that it would have had a part in, had it not been in shadow: of the newest hour with any, among the
    newest that were made in it."""
    ours = RuleHits.objects.filter(service_id=settings.SAFEHOLD_SERVICE, name=name, mode__in=_SHADOWS)
    hour = ours.order_by("-hour").values_list("hour", flat=True).first()
    if hour is None:
        return []
    made = Decision.objects.filter(service_id=settings.SAFEHOLD_SERVICE, person=None, decided_at__gte=hour)
    found: list[Decision] = []
    for decision in made.order_by("-decided_at").exclude(verdict=None)[:LOOKED_AT].iterator(200):
        hits = (decision.verdict or {}).get("hits", ())
        if any(f"{hit['policy']}/{hit['rule']}" == name and hit["mode"] == "shadow" for hit in hits):
            found.append(decision)
            if len(found) == LATEST:
                break
    return found


def _chart(name: str, state: str) -> dict[str, Any]:
    today = timezone.now().astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    days = [today - timedelta(days=back) for back in range(DAYS - 1, -1, -1)]
    found: dict[tuple[str, datetime], int] = Counter()
    rows = RuleHits.objects.filter(service_id=settings.SAFEHOLD_SERVICE, name=name, hour__gte=days[0])
    for mode, hour, hits in rows.values_list("mode", "hour", "hits"):
        found[mode, hour.astimezone(UTC).replace(hour=0)] += hits
    modes = [mode for mode in _TONES if any(key[0] == mode for key in found)] or [state if state in _TONES else "live"]
    series = [(mode.capitalize(), _TONES[mode], [found[mode, day] for day in days]) for mode in modes]
    return {"labels": [f"{day:%-d %b}" for day in days], "series": series, "total": sum(found.values())}


def _precision(name: str) -> Precision:
    """Decisions of people over the rule's own, in the first place (not on appeal): agreed where the action stayed. Taken back
    in a batch is not looked at."""
    looked = Decision.objects.filter(override_of__rule=name, override_of__person=None, on_appeal=False).exclude(
        person=None
    )
    looked = looked.filter(service_id=settings.SAFEHOLD_SERVICE, batch_item=None)
    lifted = Q(action="allow") & ~Q(override_of__action="allow")
    counted = looked.aggregate(all=Count("pk"), lifted=Count("pk", filter=lifted))
    return Precision(counted["all"], counted["all"] - counted["lifted"])


def _appeals(name: str) -> tuple[int, int]:
    heard = Decision.objects.filter(on_appeal=True, root__in=_of_rule(name).values("pk"))
    return heard.count(), heard.exclude(action=F("override_of__action")).count()


def _cost_lines(share: Share | None) -> list[tuple[str, str]]:
    """What gateways measured, in words; nothing where they have not measured it yet."""
    if share is None:
        return []
    cost = share.cost
    return [
        ("Half of all events", f"at most {micros_text(cost.median)}"),
        ("95 of 100 events", f"at most {micros_text(cost.p95)}"),
        ("Of all rules", percent(share.share)),
        ("Measured", f"{cost.timed:,} time{'s' if cost.timed != 1 else ''}"),
    ]


def _reads(version: PolicyVersion, rule_id: str, sample: list[Decision]) -> dict[str, Any]:
    """What it has the engine compute: its windows, and the signals it reads with their median time in the newest decisions."""
    written: dict[str, Any] = next((each for each in version.spec.get("rules", []) if each["id"] == rule_id), {})
    text = written.get("when", "")
    runs: dict[str, list[int]] = {}
    for decision in sample:
        for run in (decision.verdict or {}).get("signals", []):
            runs.setdefault(run["signal"], []).append(run["micros"])
    signals = [(name, micros_text(median(times))) for name, times in sorted(runs.items()) if f"signals.{name}." in text]
    windows = [each["name"] for each in version.spec.get("windows", []) if f"windows.{each['name']}" in text]
    return {"signals": signals, "windows": windows}


def _values(name: str, sample: list[Decision]) -> list[tuple[str, str]]:
    """Path -> what it saw, for numbers and yes and no; texts may be somebody's words and are not shown here."""
    seen: dict[str, list[Any]] = {}
    for decision in sample:
        for hit in (decision.verdict or {}).get("hits", []):
            if f"{hit['policy']}/{hit['rule']}" == name:
                for path, value in hit.get("values", {}).items():
                    seen.setdefault(path, []).append(value)
    found = []
    for path, values in sorted(seen.items()):
        numbers = sorted(value for value in values if isinstance(value, int | float) and not isinstance(value, bool))
        if numbers:
            found.append((path, f"{numbers[0]:g} to {numbers[-1]:g}, mostly {median(numbers):g}"))
        elif all(isinstance(value, bool) for value in values):
            found.append((path, ", ".join(f"{str(value).lower()} {n}×" for value, n in Counter(values).most_common())))
        else:
            found.append((path, f"{len(values)} times, not shown: it may be somebody's words"))
    return found[:MOST_VALUES]
