"""What the gateway writes when something happens on the platform, for tests of what follows: an event, a rule's
decision, its labels and its outbox row, in one transaction. Nothing is projected: `carry_on_once()` does that.
"""

import itertools
import json
from datetime import datetime, timedelta
from typing import Any

from django.utils import timezone

from safehold.accounts.models import RoleGrant, User
from safehold.accounts.roles import Role
from safehold.desk.decisions.models import Decision, LabelChange, Outbox, PolicyVersion
from safehold.desk.entities.models import Event, Service
from safehold.desk.entities.subjects import Thing
from safehold.record.recording import recording

SOURCE = "https://plaza.example/forum"
_numbers = itertools.count(1)


def person(*roles: Role, name: str = "") -> User:
    """Somebody who signs in: a senior moderator, unless roles are given."""
    number = next(_numbers)
    user = User.objects.create_user(f"p{number}@plaza.example", name=name or f"Person {number}")
    for role in roles or (Role.SENIOR_MODERATOR,):
        RoleGrant.objects.create(user=user, role=role)
    return user


def service(slug: str = "plaza") -> Service:
    return Service.objects.get_or_create(slug=slug, defaults={"name": slug.capitalize()})[0]


def policy(key: str = "scams.outreach", **spec: Any) -> PolicyVersion:
    """The version of a policy that is in force, made if there is none."""
    spec = {
        "guidance": "Look at the last ten messages.",
        "notice": {"en": "We stop messages that go to many people you don't know.",
                   "de": "Wir stoppen Nachrichten, die an viele Unbekannte gehen."},
        "dsa": {"category": "SCAMS_AND_FRAUD", "keywords": ["PHISHING"], "ground": "incompatible",
                "clause": "Terms 4.2", "url": "https://plaza.example/terms#4-2"},
        "appeal": {"window": "184d"},
    } | spec  # fmt: skip
    fields = {"title": key, "severity": "high", "digest": "0" * 64, "spec": spec}
    return PolicyVersion.objects.get_or_create(key=key, effective_to=None, defaults=fields)[0]


def happens(
    action: str = "allow",
    *,
    type: str = "message.sent",
    by: str = "u1",
    subject: Thing | None = None,
    about: Thing | None = None,
    data: dict[str, Any] | None = None,
    key: str = "scams.outreach",
    queue: str = "",
    strike: int = 0,
    seconds: int | None = None,
    labels: tuple[tuple[str, str, int | None], ...] = (),
    slug: str = "plaza",
    at: datetime | None = None,
    reason: str = "21 strangers in an hour",
) -> Decision:
    """An event by account `by` and a rule's decision: on its subject, or on what else it is `about`. `labels` are
    (name, on, seconds)."""
    number, at, place = next(_numbers), at or timezone.now(), service(slug)
    subject = subject or Thing("message", f"m{number}", by)
    about = about or Thing(subject.kind, subject.id, by)
    actor = {"id": by, "created_at": (at - timedelta(days=3)).isoformat()}
    told = {"message_id": subject.id, "recipient_id": "u9", "thread_id": "t1", "text": "hi, earn 500 a day"}
    cloud = {"specversion": "1.0", "id": f"e{number}", "source": SOURCE, "type": type, "time": at.isoformat(),
             "data": {"actor": actor} | (data or told)}  # fmt: skip
    with recording() as record:
        event = Event.objects.create(
            service=place, source=SOURCE, source_id=f"e{number}", type=type, occurred_at=at, received_at=at,
            subject_kind=subject.kind, subject_id=subject.id, account_id=by, thread_id="t1", body=json.dumps(cloud),
        )  # fmt: skip
        params: dict[str, Any] = {"seconds": seconds} if seconds else {}
        if labels:
            params["labels"] = [{"name": name, "on": on, "seconds": lasts} for name, on, lasts in labels]
        decision = Decision(
            service=place, event=event, subject_kind=about.kind, subject_id=about.id, account_id=about.owner, action=action,
            policy=policy(key) if action != "allow" else None, rule=f"{key}/r1" if action != "allow" else "",
            policies=[key] if action != "allow" else [], reason=reason if action != "allow" else "", queue=queue,
            bundle="b" * 64, detection_automated=type != "report.filed", automation="fully", strike_weight=strike,
            params=params, decided_at=at,
        )  # fmt: skip
        decision.root = decision.pk
        decision.save(force_insert=True)
        for name, on, lasts in labels:
            thing = Thing("account", by) if on == "actor" else about
            LabelChange.objects.create(
                service=place, kind=thing.kind, external_id=thing.id, name=name, decision=decision,
                expires_at=at + timedelta(seconds=lasts) if lasts else None,
            )  # fmt: skip
        Outbox.objects.create(topic="decision.made", reference=decision.pk)
        record.add(event, decision)
    return decision


def report(about: Thing, *, by: str = "u5", queue: str = "reports", slug: str = "plaza", **data: Any) -> Decision:
    """Somebody reports something, and a rule leaves it to a person."""
    number = next(_numbers)
    target = {"kind": about.kind, "id": about.id, "owner_id": about.owner, "text": "hi, earn 500 a day"}
    told = {"report_id": f"r{number}", "reason": "scam", "explanation": "Asks me for money", "target": target} | data
    return happens("allow", type="report.filed", by=by, subject=Thing("report", f"r{number}", by), about=about, data=told,
                   queue=queue, slug=slug)  # fmt: skip
