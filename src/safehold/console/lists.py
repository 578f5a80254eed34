"""Lists: what there is, each list's entries with where they come from, and its history. Reading only; `list_changes` changes."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db.models import Count, Q, QuerySet
from django.http import Http404, HttpResponse
from django.shortcuts import get_object_or_404, render
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET

from safehold.accounts.access import SignedInRequest, require
from safehold.accounts.roles import Permission
from safehold.console import search
from safehold.console.counting import counts, days, remembered
from safehold.console.decisions import chips, menus
from safehold.console.policies import WEEK, in_force
from safehold.desk.lists.declared import NoSuchList, all_lists, declared
from safehold.desk.lists.exporting import about, rows
from safehold.desk.lists.models import KNOWN, Change, Entry, Head, Revision, Staged
from safehold.desk.lists.states import ENTRY
from safehold.engine.lists import BadEntry, PolicyList, normal
from safehold.engine.lists.formats import WRITTEN, FormatError, write
from safehold.record.recording import recording
from safehold.web.keyset import keyset_page
from safehold.web.words import word_for

FILTERS = ("state", "source", "after", "before")
#: Rows of a preview.
SHOWN = 25
KIND_WORDS = {
    "exact": "Exact texts", "domain_suffix": "Domains", "cidr": "IP addresses", "regex_set": "Patterns", "hash": "Digests",
}  # fmt: skip


@dataclass
class ListLine:
    """A list as the overview shows it."""

    held: PolicyList
    active: int
    waiting: int
    changed_at: datetime | None
    hits: list[int]

    @property
    def kind(self) -> str:
        return KIND_WORDS[self.held.kind]

    @property
    def entries(self) -> int:
        return self.active + len(self.held.seeds)

    @property
    def week(self) -> int:
        return sum(self.hits)


def rules_by_list() -> dict[str, list[str]]:
    """list -> the rules in force that ask it, as policy/rule."""
    found: dict[str, list[str]] = {}
    for key, spec in in_force().values_list("key", "spec"):
        for rule in spec.get("rules", []):
            for name in all_lists():
                if f"lists.{name}" in rule.get("when", ""):
                    found.setdefault(name, []).append(f"{key}/{rule['id']}")
    return found


@require(Permission.READ_POLICIES)
@require_GET
def overview(request: SignedInRequest) -> HttpResponse:
    lists = all_lists()
    states = remembered("list-states", 10, _states)
    waiting = dict(
        Revision.objects.filter(state="staged").order_by().values_list("list").annotate(Count("pk")).iterator()
    )
    asked = rules_by_list()
    hits = counts("rule", [rule for rules in asked.values() for rule in rules], days(WEEK))
    lines = []
    for name, held in sorted(lists.items(), key=lambda pair: (not pair[1].managed, pair[1].title or pair[0])):
        last = Revision.objects.filter(list=name, state="applied").order_by("-number").first() if held.managed else None
        by_day = [sum(day) for day in zip(*(hits[rule] for rule in asked.get(name, [])), strict=True)] or [0] * WEEK
        lines.append(
            ListLine(
                held, states.get((name, "active"), 0), states.get((name, "proposed"), 0) + waiting.get(name, 0),
                last.applied_at if last else None, by_day,
            )
        )  # fmt: skip
    return render(request, "console/lists.html", {"lines": lines})


def _states() -> dict[tuple[str, str], int]:
    found = Entry.objects.order_by().values_list("list", "state").annotate(Count("pk"))
    return {(name, state): count for name, state, count in found}


def found_list(name: str) -> PolicyList:
    """A list by name, or 404."""
    try:
        return declared(name)
    except NoSuchList as error:
        raise Http404(str(error)) from error


def frame(request: SignedInRequest, held: PolicyList) -> dict[str, Any]:
    """What every page of a list shows around its own."""
    head = Head.objects.filter(list=held.name).first()
    return {
        "held": held,
        "title": held.title or held.name,
        "kind": KIND_WORDS[held.kind],
        "seeds": len(held.seeds),
        "version": head.version if head else "",
        "may_propose": held.managed and request.user.may(Permission.PROPOSE_LISTS),
        "may_approve": held.managed and request.user.may(Permission.APPROVE_LISTS),
        "formats": WRITTEN,
        "waiting": Revision.objects.filter(list=held.name, state__in=["staged", "applying"]).count(),
    }


def narrow(found: QuerySet[Entry], query: search.Query, held: PolicyList) -> QuerySet[Entry]:
    """The entries that fit: a word is the value itself, in any of its spellings, or a part of it. Raises `BadQuery`."""
    for name, value in query.filters.items():
        found = found.filter(_NARROW[name](value))
    for word in query.words:
        try:
            whole = normal(held.kind, word, held.fold)
        except BadEntry:
            whole = word
        found = found.filter(Q(value=whole) | Q(value__contains=word))
    return found


_NARROW = {
    "state": lambda value: Q(state=search.one_of("state", value, ENTRY.states)),
    "source": lambda value: Q(source=value),
    "after": lambda value: Q(added_at__gte=search.day("after", value)),
    "before": lambda value: Q(added_at__lt=search.day_after("before", value)),
}


@require(Permission.READ_POLICIES)
@require_GET
def entries(request: SignedInRequest, name: str) -> HttpResponse:
    held = found_list(name)
    text = request.GET.get("q", "").strip()
    address = reverse("list", args=[name])
    options = {"state": [(state, word_for("list_entry", state).text) for state in ENTRY.states]}
    context = {**frame(request, held), "text": text, "matched": None}
    try:
        query = search.parse(text, FILTERS)
        page = keyset_page(narrow(Entry.objects.filter(list=name), query, held).select_related("added_by"), request)
    except search.BadQuery as error:
        bad = {"page": [], "problem": str(error), "menus": menus(search.Query(), options, address)}
        return render(request, "console/list.html", context | bad, status=400)
    if len(query.words) == 1:
        context["matched"] = held.match(query.words[0], None)  # by an entry of the files
    context |= {"page": page, "chips": chips(query, address), "menus": menus(query, options, address)}
    return render(request, "console/list.html", context)


@require(Permission.READ_POLICIES)
@never_cache
@require_GET
def entry(request: SignedInRequest, name: str, entry_id: int) -> HttpResponse:
    """One entry: where it comes from, what may be done with it, and all that was done."""
    held = found_list(name)
    found = get_object_or_404(Entry.objects.select_related("added_by", "approved_by"), list=name, pk=entry_id)
    changes = Change.objects.filter(entry=found).select_related("revision__by", "revision__approved_by").order_by("-id")
    moves = {
        "approved": ("Approve", "check", "primary"), "reinstated": ("Reinstate", "check", ""),
        "disputed": ("Dispute", "circle-question-mark", ""), "retired": ("Retire", "archive", ""),
    }  # fmt: skip
    context = frame(request, held)
    allowed = {"disputed"} if context["may_propose"] else set()
    if context["may_approve"]:
        allowed |= {"approved", "reinstated", "retired"}
    own = found.added_by_id == request.user.pk
    context |= {
        "entry": found,
        "changes": changes[:100],
        "own": own and found.state == "proposed",
        "moves": [
            (activity, *moves[activity])
            for activity in moves
            if activity in ENTRY.possible(found.state)
            and (activity in allowed or (own and activity == "retired" and found.state == "proposed"))
            and not (activity == "approved" and own)
        ],
        "expired": found.expires_at is not None and found.expires_at <= timezone.now(),
    }
    return render(request, "console/list_entry.html", context)


@require(Permission.READ_POLICIES)
@require_GET
def history(request: SignedInRequest, name: str) -> HttpResponse:
    held = found_list(name)
    found = Revision.objects.filter(list=name).select_related("by", "approved_by")
    context = frame(request, held) | {"page": keyset_page(found, request, ("-at", "-id"))}
    return render(request, "console/list_history.html", context)


@require(Permission.READ_POLICIES)
@never_cache
@require_GET
def revision(request: SignedInRequest, name: str, revision_id: str) -> HttpResponse:
    """One revision: before it is applied what it would do, afterwards what it did."""
    held = found_list(name)
    found = get_object_or_404(
        Revision.objects.select_related("by", "approved_by", "reverts"), list=name, pk=revision_id
    )
    context = frame(request, held)
    mine = found.by_id == request.user.pk
    context |= {
        "revision": found,
        "figures": [(word, found.counts[word]) for word in _FIGURES if found.counts.get(word)],
        "may_apply": found.state == "staged" and not found.unread and context["may_approve"] and not mine,
        "may_discard": found.state == "staged" and (context["may_approve"] or (mine and context["may_propose"])),
        "may_revert": found.state == "applied" and context["may_approve"],
        "mine": mine and found.state == "staged" and not found.unread,
        "changes": Change.objects.filter(revision=found).select_related("entry").order_by("id")[:SHOWN],
        "staged": _staged(found) if found.state == "staged" and not found.unread else [],
        "shown": SHOWN,
    }
    return render(request, "console/list_revision.html", context)


_FIGURES = ("rows", "added", "changed", "retired", "unchanged", "disputed", "twice", "skipped", "bad", "kept")


def _staged(found: Revision) -> list[dict[str, Any]]:
    """The first staged rows, with what they would do."""
    staged = list(Staged.objects.filter(revision=found).order_by("id")[:SHOWN])
    known = {
        entry.value: entry for entry in Entry.objects.filter(list=found.list, value__in=[row.value for row in staged])
    }
    shown = []
    for row in staged:
        before = known.get(row.value)
        different = [name for name in KNOWN if before is not None and getattr(before, name) != getattr(row, name)]
        act = "added" if before is None else "stays disputed" if before.state == "disputed" else "unchanged"
        if before is not None and before.state != "disputed" and (different or before.state != "active"):
            act = "changed"
        shown.append({"row": row, "act": act, "different": different})
    return shown


@require(Permission.READ_POLICIES)
@never_cache
@require_GET
def progress(request: SignedInRequest, name: str, revision_id: str) -> HttpResponse:
    found = get_object_or_404(Revision, list=name, pk=revision_id)
    response = render(
        request,
        "console/parts/list_progress.html",
        {"revision": found, "held": {"name": name}},
    )
    if found.state != "applying" and not found.unread:
        response["HX-Refresh"] = "true"
    return response


@require(Permission.READ_POLICIES)
@require_GET
def export(request: SignedInRequest, name: str) -> HttpResponse:
    """The entries in effect as a file. That somebody took them is recorded first."""
    held = found_list(name)
    chosen = request.GET.get("format", "csv")
    try:
        pieces = write(chosen, about(held), rows(held))
    except FormatError as error:
        raise Http404(str(error)) from error
    with recording() as record:
        record.audit("list.exported", "list", name, actor=request.user.pk, detail={"format": chosen})
    ending = {"plain": "txt", "json": "ndjson", "hosts": "hosts", "stix": "stix.json"}.get(chosen, chosen)
    content_type = "application/json" if chosen in ("json", "stix") else "text/plain; charset=utf-8"
    headers = {"Content-Disposition": f'attachment; filename="{name}.{ending}"'}
    return HttpResponse("".join(pieces), content_type=content_type, headers=headers)
