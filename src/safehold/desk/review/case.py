"""A case: all that a person needs to decide about one thing, read in a fixed number of queries. The task's page and the
hearing of an appeal show it.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.utils.dateparse import parse_datetime

from safehold.desk.decisions.effects import affected
from safehold.desk.decisions.measured import Score, scores_of
from safehold.desk.decisions.models import Decision, PolicyVersion
from safehold.desk.decisions.standing import Standing, standing_of
from safehold.desk.entities.context import thread_around
from safehold.desk.entities.models import Entity, EntityVersion, Event
from safehold.desk.entities.subjects import Thing, lifted, reported_by, text_of
from safehold.desk.reports.models import Notice

#: How many of each the page shows; what is beyond has its own pages.
REPORTS, HISTORY, VERSIONS = 20, 8, 4


@dataclass(frozen=True)
class Said:
    """Something in the thread. `here` marks what the case is about."""

    event: Event
    text: str
    here: bool


@dataclass(frozen=True)
class Author:
    """The account that the thing belongs to. `joined_at` is what the platform said of it."""

    account_id: str
    name: str
    joined_at: datetime | None
    entity: Entity | None
    standing: Standing
    history: list[Decision]


@dataclass(frozen=True)
class Hit:
    """A rule that matched, with the values that it saw."""

    rule: str
    action: str
    mode: str
    reason: str
    values: Mapping[str, Any]
    wins: bool


@dataclass(frozen=True)
class Rules:
    """What the rules said: those that matched, those that could not tell, what signals measured, and signals that failed.
    `of_text`: they were asked about the text that the page shows.
    """

    hits: list[Hit]
    undecided: list[Mapping[str, Any]]
    failed: list[Mapping[str, Any]]
    scores: list[Score]
    of_text: bool


@dataclass(frozen=True)
class Case:
    """`over` is the decision that holds, which a new one would take the place of; `asked` the one that asks for a person."""

    entity: Entity
    asked: Decision
    over: Decision
    chain: list[Decision]
    text: str
    language: str
    facts: Mapping[str, Any]
    seen_at: datetime
    earlier_text: str | None
    standing: Standing
    author: Author | None
    thread: list[Said]
    notices: list[Notice]
    rules: Rules | None
    policies: list[PolicyVersion]


def read_case(entity: Entity, asked: Decision) -> Case:
    """Everything about `entity` in the light of `asked`, a decision about it (or about a report of it)."""
    chain = list(
        Decision.objects.filter(root=asked.root)
        .select_related("person", "policy")
        .defer("verdict")
        .order_by("decided_at")
    )
    versions = list(entity.versions.select_related("event").order_by("-captured_at", "-id")[:VERSIONS])
    about = affected(asked)
    # What is decided about is what the event of the decision said; of a report, what was known of the thing reported.
    seen = [version.event for version in versions if reported_by(version.event) is None]
    event = seen[0] if reported_by(asked.event) and seen else asked.event
    text, facts = _content(event, versions)
    before = [
        version for version in versions if version.event_id != event.id and version.captured_at < event.occurred_at
    ]
    notices = Notice.objects.filter(entity=entity).select_related("event").order_by("-received_at")
    return Case(
        entity=entity,
        asked=asked,
        over=chain[-1],
        chain=chain,
        text=text,
        language=str(facts.get("language") or ""),
        facts=facts,
        seen_at=event.occurred_at,
        earlier_text=str(before[0].snapshot.get("text") or "") if before else None,
        standing=standing_of(entity.service_id, entity.kind, entity.external_id),
        author=_author(entity.service_id, about, event, asked),
        thread=_thread(event),
        notices=list(notices[:REPORTS]),
        rules=_rules(asked, text),
        policies=_policies(asked),
    )


def _content(event: Event, versions: list[EntityVersion]) -> tuple[str, dict[str, Any]]:
    """(what was written, what else the platform said of it)."""
    cloud = lifted(event)
    if reported_by(event):
        seen = versions[0].snapshot if versions else {"text": cloud["target"].get("text"), "data": cloud["target"]}
        return str(seen.get("text") or ""), dict(seen.get("data") or {})
    return text_of(event), dict(cloud["data"])


def _thread(event: Event) -> list[Said]:
    around = thread_around(event) if not reported_by(event) else []
    if len(around) < 2:
        return []
    return [Said(each, text_of(each), each.pk == event.pk) for each in around]


def _author(service_id: str, about: Thing, event: Event, asked: Decision) -> Author | None:
    account_id = about.owner or (about.id if about.kind == "account" else "")
    if not account_id:
        return None
    actor = lifted(event)["actor"] if event.account_id == account_id else {}
    joined = actor.get("created_at")
    history = Decision.objects.filter(service_id=service_id, account_id=account_id, overridden_by=None)
    history = history.exclude(root=asked.root).exclude(action="allow", person=None)
    return Author(
        account_id=account_id,
        name=str(actor.get("name") or account_id),
        joined_at=parse_datetime(joined) if isinstance(joined, str) else None,
        entity=Entity.objects.filter(service_id=service_id, kind="account", external_id=account_id).first(),
        standing=standing_of(service_id, "account", account_id),
        history=list(
            history.select_related("person", "policy").defer("verdict").order_by("-decided_at", "-id")[:HISTORY]
        ),
    )


def _rules(asked: Decision, text: str) -> Rules | None:
    verdict = asked.verdict
    if not verdict:
        return None
    hits = [
        Hit(
            rule=f"{hit['policy']}/{hit['rule']}",
            action=hit["action"],
            mode=hit["mode"],
            reason=hit.get("reason", ""),
            values=hit.get("values", {}),
            wins=f"{hit['policy']}/{hit['rule']}" == verdict.get("winner"),
        )
        for hit in verdict.get("hits", ())
    ]
    hits.sort(key=lambda hit: (not hit.wins, hit.mode == "shadow"))
    failed = [run for run in verdict.get("signals", ()) if run.get("error")]
    return Rules(
        hits=hits,
        undecided=list(verdict.get("undecided", ())),
        failed=failed,
        scores=scores_of(verdict),
        of_text=bool(text) and text == text_of(asked.event),
    )


def _policies(asked: Decision) -> list[PolicyVersion]:
    """Every policy in force, those that were broken first, then those of their packs: the number keys pick them in this
    order."""
    broken = {key: place for place, key in enumerate(asked.policies)}
    packs = {key.partition(".")[0] for key in broken}
    return sorted(
        PolicyVersion.objects.filter(effective_to=None),
        key=lambda version: (
            broken.get(version.key, len(broken)),
            version.key.partition(".")[0] not in packs,
            version.key,
        ),
    )
