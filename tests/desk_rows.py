"""Rows for the tests of the desk, made as the product makes them: an event, its entity and a rule's decision, recorded."""

import itertools
import json
from collections.abc import Sequence
from datetime import timedelta
from typing import Any

from django.utils import timezone

from safehold.accounts.models import RoleGrant, User
from safehold.accounts.roles import Role
from safehold.desk.decisions.deliveries import acknowledged, sent
from safehold.desk.decisions.endpoints import add_endpoint
from safehold.desk.decisions.models import Decision, Delivery, PolicyVersion
from safehold.desk.decisions.outbox import decision_made
from safehold.desk.entities.models import Entity, EntityVersion, Event, Service
from safehold.desk.reports.models import Notice
from safehold.record.recording import recording

_numbers = itertools.count(1)


def person(name: str = "", *roles: Role) -> User:
    """Somebody who can sign in, a moderator unless roles are given."""
    number = next(_numbers)
    name = name or f"Moderator {number}"
    user = User.objects.create_user(f"{name.split()[0].lower()}{number}@plaza.example", name=name)
    for role in roles or (Role.MODERATOR,):
        RoleGrant.objects.create(user=user, role=role)
    return user


def service() -> Service:
    return Service.objects.get_or_create(slug="plaza", defaults={"name": "Plaza"})[0]


def account(external_id: str = "u1") -> Entity:
    return Entity.objects.get_or_create(service=service(), kind="account", external_id=external_id)[0]


def policy(key: str = "spam.links", severity: str = "medium", **spec: Any) -> PolicyVersion:
    """The version in force of a policy, made if it is not there."""
    spec = {
        "guidance": "Look at the last ten posts.",
        "notice": {"en": "We removed a post with links to a known scam."},
        "dsa": {"category": "SCAMS_AND_FRAUD", "ground": "incompatible", "clause": "Terms 4.2",
                "url": "https://plaza.example/terms#4-2"},
        "appeal": {"window": "184d"},
    } | spec  # fmt: skip
    return PolicyVersion.objects.get_or_create(
        key=key,
        effective_to=None,
        defaults={"title": key.replace(".", " ").capitalize(), "severity": severity, "digest": "0" * 64, "spec": spec},
    )[0]


def post(text: str = "Earn 500 a day", *, author: str = "u1", thread: str = "t1", kind: str = "content", **more: Any):
    """A post by `author`: the recorded event and the entity that it tells of."""
    number = next(_numbers)
    now = timezone.now()
    actor = {"id": author, "name": author, "created_at": (now - timedelta(days=3)).isoformat()}
    data = {"actor": actor, "content_id": f"c{number}", "thread_id": thread, "text": text} | more
    with recording() as record:
        event = Event.objects.create(
            service=service(), source="https://plaza.example/forum", source_id=f"e{number}", type="content.created",
            occurred_at=now, received_at=now, subject_kind=kind, subject_id=f"c{number}", account_id=author,
            thread_id=thread,
            body=json.dumps({"specversion": "1.0", "id": f"e{number}", "source": "https://plaza.example/forum",
                             "type": "content.created", "time": now.isoformat(), "data": data}),
        )  # fmt: skip
        record.add(event)
        entity = Entity.objects.create(
            service=service(), kind=kind, external_id=f"c{number}", owner=account(author), first_seen_at=now
        )
        EntityVersion.objects.create(entity=entity, event=event, snapshot=data, captured_at=now)
    return event, entity


def verdict(action: str = "hold", policy_key: str = "spam.links", **more: Any) -> dict[str, Any]:
    return {
        "action": action, "winner": f"{policy_key}/listed-link", "why": "a listed link", "queue": "spam",
        "hits": [{"policy": policy_key, "rule": "listed-link", "rule_hash": "ab" * 32, "mode": "live", "action": action,
                  "reason": "It links to earn.example", "values": {"signals.links.domains": ["earn.example"]}}],
        "undecided": [], "signals": [], "bundle": "b" * 64,
    } | more  # fmt: skip


def decision(
    event: Event, action: str = "hold", *, queue: str = "spam", key: str = "spam.links",
    signals: Sequence[dict[str, Any]] = (), **more: Any,
) -> Decision:  # fmt: skip
    """What a rule decided about the event's subject; `signals` are the runs that its verdict names."""
    made = Decision(
        service=event.service, event=event, subject_kind=event.subject_kind, subject_id=event.subject_id,
        account_id=event.account_id, action=action, policy=policy(key), rule=f"{key}/listed-link", policies=[key],
        reason="It links to earn.example", queue=queue, bundle="b" * 64, verdict=verdict(action, key, signals=list(signals)),
        detection_automated=True, automation="fully", **more,
    )  # fmt: skip
    made.root = made.pk
    with recording() as record:
        made.save()
        record.add(made)
    return made


def carried(made: Decision) -> Decision:
    """The rule's decision with all that follows from it, as the outbox does it."""
    with recording() as record:
        decision_made(record, made.pk)
    return made


def flagged(
    action: str = "hold", *, queue: str = "spam", text: str = "Earn 500 a day", author: str = "u1", **more: Any
):
    """A post that a rule left to a person, carried through: (the rule's decision, the post's entity)."""
    event, entity = post(text, author=author)
    return carried(decision(event, action, queue=queue, **more)), entity


def report(
    entity: Entity, *, kind: str = "user_report", by: str = "u9", reason: str = "spam", queue: str = ""
) -> Notice:
    """A report on the platform about the entity, carried through like any other event."""
    number = next(_numbers)
    now = timezone.now()
    data = {
        "actor": {"id": by, "name": by}, "report_id": f"r{number}", "reason": reason, "explanation": "Please look.",
        "kind": kind, "target": {"kind": entity.kind, "id": entity.external_id},
    }  # fmt: skip
    with recording() as record:
        event = Event.objects.create(
            service=service(), source="https://plaza.example/forum", source_id=f"e{number}", type="report.filed",
            occurred_at=now, received_at=now, subject_kind="report", subject_id=f"r{number}", account_id=by,
            body=json.dumps({"specversion": "1.0", "id": f"e{number}", "source": "https://plaza.example/forum",
                             "type": "report.filed", "time": now.isoformat(), "data": data}),
        )  # fmt: skip
        record.add(event)
    made = Decision(
        service=event.service, event=event, subject_kind=entity.kind, subject_id=entity.external_id,
        account_id=entity.owner.external_id if entity.owner else "",
        action="allow", queue=queue, rule="reports/route" if queue else "", bundle="b" * 64,
        verdict=verdict("allow", winner=None, hits=[], queue=queue or None), detection_automated=False,
        automation="fully",
    )  # fmt: skip
    made.root = made.pk
    with recording() as record:
        made.save()
        record.add(made)
    carried(made)
    return event.notice


def platform_does_everything() -> int:
    """The platform acknowledges every webhook that waits, in order; how many that were."""
    done = 0
    while waiting := Delivery.objects.filter(state__in=("pending", "retrying")).order_by("created_at", "id").first():
        with recording() as record:
            sent(record, waiting)
            acknowledged(record, waiting)
        done += 1
    return done


def webhook() -> None:
    """An endpoint of the platform."""
    with recording() as record:
        add_endpoint(record, service().pk, "https://plaza.example/hooks")
