"""A big record for the console's tests, made fast with raw SQL: decisions by the hundred thousand with their events,
ledger entries, actions, messages, tasks, reports and audit trail. Deterministic, and shaped like a real week: most is
allowed, a few rules do most of the rest, people override some, appeals overturn a few.
"""
# ruff: noqa: E501 (rows are read across)

import json
import random
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from hashlib import sha256
from typing import Any

from django.apps import apps
from django.db import connection, transaction
from django.utils import timezone

from safehold.accounts import people
from safehold.accounts.models import User
from safehold.accounts.roles import Role
from safehold.desk.decisions.models import Decision, Endpoint, PolicyVersion, RuleHits
from safehold.desk.decisions.sealing import seal
from safehold.desk.entities.models import Service
from safehold.desk.review.queues import ensure_queues
from safehold.desk.rules.models import Batch, BatchItem, PolicyChange, Rule
from safehold.ledger.tree import leaf_hash

#: key, title, severity, rules as (id, action, queue, mode, share of what is not allowed)
POLICIES = (
    ("scams.cold-outreach", "Cold outreach by new accounts", "high",
     (("mass-cold-message", "hold", "scams", "live", 14), ("same-text", "limit", "", "live", 9))),
    ("phishing.links", "Links that steal", "critical",
     (("listed-link", "remove", "", "live", 18), ("look-alike-host", "hold", "phishing", "live", 8),
      ("fresh-domain", "hold", "phishing", "shadow", 0))),
    ("spam.bulk", "Unwanted bulk content", "medium",
     (("repeated-text", "label", "", "live", 22), ("link-farm", "warn", "", "live", 12))),
    ("abuse.harassment", "Harassment", "high",
     (("slurs", "hold", "abuse", "live", 9), ("threats", "suspend", "abuse", "canary", 2))),
    ("privacy.leaks", "Leaked personal data and secrets", "high", (("card-number", "remove", "", "live", 5),)),
    ("accounts.new", "New-account abuse", "low", (("burst", "terminate", "", "live", 1),)),
)  # fmt: skip
CONDITION = 'actor.age < duration("168h") && windows.recipients_1h > 20\n  && signals.links.domains.exists(d, d in lists.phishing)'
TEXTS = (
    "hi dear, i can show you how to earn 500 a day from home, write me on telegram",
    "Your parcel could not be delivered. Confirm your address at plaza-post.example",
    "does anybody know when the market opens on sunday?",
)


@dataclass(frozen=True)
class Made:
    """What there is: ids to open pages with, and the people, one a role."""

    decisions: list[str]
    overridden: str
    people: dict[Role, User]
    endpoint: str
    delivery: str
    notice: str
    versions: dict[str, str]


def make(count: int, *, span: timedelta = timedelta(days=7), now: datetime | None = None) -> Made:
    """Fill the database. `count` is how many decisions rules made, over the time `span` up to `now`."""
    draw, now = random.Random(7), now or timezone.now()
    Service.objects.get_or_create(slug="plaza", defaults={"name": "Plaza"})
    ensure_queues()
    roles = {role: _person(role) for role in Role}
    versions = {key: _policy(key, title, severity, rules, now).pk for key, title, severity, rules in POLICIES}
    endpoint = Endpoint.objects.create(
        service_id="plaza",
        url="https://plaza.example/hooks/safehold",
        description="The forum",
        secret=seal("whsec_" + "A" * 44),
    )
    with transaction.atomic():
        return _Filler(draw, now, span, versions, roles, endpoint.pk).fill(count)


def rule_life(made: Made) -> tuple[str, str]:
    """A change of a policy that waits for confirmation, a batch that waits for its count, a rule's hits: ids of the first two."""
    author, now = made.people[Role.POLICY_AUTHOR], timezone.now()
    text = "policy: spam.bulk\ntitle: Bulk\nrules:\n  - id: repeated-text\n    mode: shadow\n"
    change, _ = PolicyChange.objects.get_or_create(
        title="Demote repeated-text", policy="spam.bulk", author=author, base=1, state="unconfirmed",
        defaults={"files": [{"path": "x.yaml", "key": "spam.bulk", "base": "", "text": text}], "note": "Too many"},
    )  # fmt: skip
    batch, new = Batch.objects.get_or_create(
        kind="revert",
        what={"rule": "spam.bulk/repeated-text"},
        title="Revert it",
        person=author,
        state="counted",
        counted=3,
    )
    if new:
        for over in Decision.objects.filter(rule="spam.bulk/repeated-text")[:3]:
            BatchItem.objects.create(batch=batch, over=over)
        for back in range(40):
            hour = (now - timedelta(hours=7 * back)).replace(minute=0, second=0, microsecond=0)
            mode = ("live", "shadow", "throttled")[back % 3]
            name = "spam.bulk/repeated-text"
            RuleHits.objects.create(service_id="plaza", name=name, mode=mode, hour=hour, hits=back)
        Rule.objects.get_or_create(
            name="spam.bulk/repeated-text", defaults={"state": "throttled", "why": "It matched 900 times."}
        )
    return change.pk, batch.pk


def _person(role: Role) -> User:
    email = f"{role.value}@plaza.example"
    return User.objects.filter(email=email).first() or people.add_person(None, email, role.label, [role])


def _policy(key: str, title: str, severity: str, rules: Sequence[Any], now: datetime) -> PolicyVersion:
    spec = {
        "guidance": "Look at the last ten messages. Same text to strangers is outreach; a reply to somebody is not.\n\nWhen in doubt, ask a colleague.",
        "notice": {"en": "We stopped messages that went to many people you don't know.", "de": "Wir haben Nachrichten an viele Unbekannte gestoppt."},
        "dsa": {"category": "SCAMS_AND_FRAUD", "keywords": ["PHISHING"], "ground": "incompatible", "clause": "Terms 4.2", "url": "https://plaza.example/terms#4-2"},
        "appeal": {"seconds": 184 * 86_400},
        "strikes": {"seconds": 90 * 86_400},
        "actions": [], "on": ["message.sent"], "file": f"policies/{key}.yaml",
        "rules": [
            {"id": rule, "title": rule.replace("-", " ").capitalize(), "mode": mode, "share": 0.1, "when": CONDITION, "hash": "ab" * 32,
             "action": action, "queue": queue or None, "strike": 1, "seconds": None, "reason": "{windows.recipients_1h} strangers in an hour"}
            for rule, action, queue, mode, _ in rules
        ],
        "examples": [
            {"name": "a three day old account writes to thirty strangers",
             "event": {"type": "message.sent", "actor": {"id": "u1", "age": "72h"}, "data": {"text": "hi, earn 500 a day"}}, "expect": {rules[0][0]: rules[0][1]}},
            {"name": "somebody who answers friends", "event": {"type": "message.sent", "data": {"text": "see you at eight"}}, "expect": {}},
        ],
    }  # fmt: skip
    earlier = spec | {"guidance": "Look at the last ten messages."}
    # The starter pack's own version, where it is loaded, ends.
    PolicyVersion.objects.filter(key=key, effective_to=None).update(effective_to=now)
    PolicyVersion.objects.create(
        key=key, title=title, severity="medium", digest="a" * 64, spec=earlier,
        effective_from=now - timedelta(days=60), effective_to=now - timedelta(days=20),
    )  # fmt: skip
    return PolicyVersion.objects.create(
        key=key, title=title, severity=severity, digest="b" * 64, spec=spec, effective_from=now - timedelta(days=20)
    )


def tid(prefix: str, number: int, at: datetime) -> str:
    """An id that sorts by time, as the product's do, but the same at every run."""
    alphabet = "0123456789abcdefghjkmnpqrstvwxyz"
    value = (int(at.timestamp() * 1000) & (1 << 48) - 1) << 80 | number & (1 << 80) - 1
    return f"{prefix}_" + "".join(alphabet[value >> shift & 31] for shift in range(125, -1, -5))


class _Filler:
    """Builds the rows in memory and inserts them table by table."""

    def __init__(
        self,
        draw: random.Random,
        now: datetime,
        span: timedelta,
        versions: dict[str, str],
        roles: dict[Role, User],
        endpoint: str,
    ) -> None:
        self.draw, self.now, self.span, self.versions, self.roles, self.endpoint = (
            draw,
            now,
            span,
            versions,
            roles,
            endpoint,
        )
        self.rows: dict[str, list[tuple[Any, ...]]] = {}
        self.rules = [
            (key, rule, action, queue, share)
            for key, _, _, rules in POLICIES
            for rule, action, queue, mode, share in rules
            if share
        ]
        self.index = 0
        self.overridden = ""

    def fill(self, count: int) -> Made:
        with connection.cursor() as cursor:
            cursor.execute("SELECT COALESCE(MAX(idx) + 1, 0) FROM ledger_entry")
            self.index = cursor.fetchone()[0]
        ids = [self.decide(number, count) for number in range(count)]
        self.accounts()
        self.tasks(ids)
        self.notices()
        self.audit()
        for table, rows in self.rows.items():
            _insert(table, rows)
        delivery = self.rows["decisions_delivery"][-1][0]
        return Made(
            ids, self.overridden, self.roles, self.endpoint, delivery, self.rows["reports_notice"][-1][0], self.versions
        )

    def add(self, table: str, *row: Any) -> None:
        self.rows.setdefault(table, []).append(row)

    def entry(self, kind: str, row_id: str, at: datetime) -> None:
        body = f'{{"at":"{at.isoformat()}","commitment":"{sha256(row_id.encode()).hexdigest()}","id":"{row_id}","kind":"{kind}"}}'
        self.add("ledger_entry", self.index, kind, row_id, at, body, leaf_hash(body.encode()))
        self.index += 1

    def decide(self, number: int, count: int) -> str:
        """One event and what rules decided about it; now and then a person overrides it."""
        draw = self.draw
        at = self.now - self.span * ((count - number) / count)
        event, decision = tid("evt", number, at), tid("dec", number, at)
        account, subject = f"u{draw.randrange(max(count // 20, 2))}", f"m{number}"
        body = json.dumps({"specversion": "1.0", "id": subject, "source": "https://plaza.example", "type": "message.sent",
                           "time": at.isoformat(), "data": {"actor": {"id": account}, "message_id": subject, "text": TEXTS[number % 3]}})  # fmt: skip
        self.add("entities_event", event, "plaza", "https://plaza.example", subject, "message.sent", at, at, "message", subject,
                 account, f"t{number % 997}", body, "0" * 64)  # fmt: skip
        self.entry("event", event, at)
        allowed = number % 8 != 0
        key, rule, action, queue, _ = draw.choices(self.rules, [each[4] for each in self.rules])[0]
        if allowed:
            key, rule, action, queue = "", "", "allow", ""
        name = f"{key}/{rule}" if rule else ""
        self.decision(decision, event, subject, account, at, action=action, policy=self.versions.get(key), rule=name, queue=queue or "",
                      verdict=_verdict(number, name, action, queue))  # fmt: skip
        if not allowed:
            self.act(number, decision, account, subject, action, at)
        if not allowed and number % 160 == 0:
            self.override(number, decision, event, subject, account, at, action, on_appeal=number % 480 == 0)
        return decision

    def decision(self, row_id: str, event: str, subject: str, account: str, at: datetime, **more: Any) -> None:
        person, verdict = more.get("person"), more.get("verdict")
        self.add(
            "decisions_decision", row_id, "plaza", event, "message", subject, account, more["action"], more.get("policy"), more.get("rule", ""),
            json.dumps([more["rule"].partition("/")[0]] if more.get("rule") else []), more.get("reason", "31 strangers in an hour" if more.get("rule") else ""),
            "", more.get("queue", ""), "" if person else "b" * 64, person, json.dumps(verdict) if verdict else None, True,
            "partially" if person else "fully", more.get("root", row_id), more.get("override_of"), more.get("on_appeal", False),
            0, None, "{}", at, "0" * 64,
        )  # fmt: skip
        self.entry("decision", row_id, at)

    def override(
        self,
        number: int,
        first: str,
        event: str,
        subject: str,
        account: str,
        at: datetime,
        was: str,
        *,
        on_appeal: bool,
    ) -> None:
        later = min(at + timedelta(minutes=20), self.now)
        row_id = tid("dec", 10_000_000 + number, later)
        who = self.roles[Role.SENIOR_MODERATOR if on_appeal else Role.MODERATOR]
        self.decision(row_id, event, subject, account, later, action="allow" if number % 320 == 0 else was, rule="", root=first,
                      override_of=first, person=who.pk, on_appeal=on_appeal, reason="It was a reply to somebody they know.")  # fmt: skip
        self.overridden = first

    def act(self, number: int, decision: str, account: str, subject: str, action: str, at: datetime) -> None:
        row_id, message = tid("act", number, at), tid("msg", number, at)
        state = "dead_letter" if number % 1000 == 0 else "active"
        ends = at + timedelta(days=7) if action == "suspend" else None
        self.add("decisions_action", row_id, decision, action, "message", subject, "{}", at, ends, "[]", state)
        for step, (before, after, activity) in enumerate(
            (
                ("pending", "dispatched", "dispatched"),
                ("dispatched", "acknowledged", "acknowledged"),
                ("acknowledged", "active", "activated"),
            )
        ):
            self.add(
                "transition",
                tid("trn", number * 4 + step, at),
                at + timedelta(seconds=step),
                "action",
                row_id,
                before,
                after,
                activity,
                "",
                "0" * 64,
            )
        dead = state == "dead_letter"
        self.add("decisions_delivery", message, self.endpoint, "action.apply", row_id, row_id, json.dumps({"type": "action.apply", "data": {"action_id": row_id}}),
                 "dead_letter" if dead else "delivered", 12 if dead else 1, at, None, at, None if dead else at)  # fmt: skip
        self.add("decisions_deliveryattempt", message, at, 503 if dead else 204, "", "", 84)

    def accounts(self) -> None:
        seen = sorted({row[9] for row in self.rows["entities_event"]})
        for number, account in enumerate(seen):
            self.add("entities_entity", tid("ent", number, self.now), "plaza", "account", account, None, self.now)

    def tasks(self, ids: list[str]) -> None:
        """Open tasks: as many as a busy desk has, not as many as there are decisions."""
        queued = [row for row in self.rows["decisions_decision"] if row[12]][-400:]
        for number, row in enumerate(queued):
            entity = tid("ent", 5_000_000 + number, self.now)
            self.add("entities_entity", entity, "plaza", "message", row[4], None, row[24])
            due = self.now + timedelta(hours=number % 30 - 4)
            self.add("review_task", tid("tsk", number, self.now), "plaza", "review", row[12], entity, row[0], None, None, number % 60,
                     row[24], due, None, "queued", 0)  # fmt: skip

    def notices(self) -> None:
        about = [row[0] for row in self.rows["entities_entity"]][:2000]
        for number, entity in enumerate(about):
            at = self.now - timedelta(minutes=7 * number)
            state = ("received", "linked", "actioned", "notified")[number % 4] if number < 200 else "notified"
            kind = ("user_report", "trusted_flagger", "art16_notice")[number % 3]
            self.add("reports_notice", tid("ntc", number, at), "plaza", kind, None, entity, "scam", "They wrote to all my friends.", "[]",
                     f"u{number}", "", True, "en", state, at, None, None, "0" * 64)  # fmt: skip

    def audit(self) -> None:
        who = [self.roles[role].pk for role in (Role.MODERATOR, Role.SENIOR_MODERATOR, Role.ADMIN)]
        for number in range(len(self.rows["entities_event"]) // 5):
            at = self.now - timedelta(seconds=11 * number)
            event = self.rows["entities_event"][number][0]
            self.add(
                "audit_event",
                tid("aud", number, at),
                at,
                who[number % 3],
                "event.read",
                "event",
                event,
                "{}",
                "",
                "0" * 64,
            )


def _verdict(number: int, rule: str, action: str, queue: str) -> dict[str, Any]:
    policy, _, rule_id = rule.partition("/")
    hits = [
        {"policy": policy, "rule": rule_id, "rule_hash": "ab" * 32, "mode": "live", "action": action, "reason": "31 strangers in an hour",
         "strike": 1, "values": {"windows.recipients_1h": 31, "actor.age": 259200, "data.text": TEXTS[number % 3], "signals.links.domains": ["earn.example"]}}
    ] if rule else []  # fmt: skip
    if number % 40 == 0:
        hits.append({"policy": "phishing.links", "rule": "fresh-domain", "rule_hash": "cd" * 32, "mode": "shadow", "action": "hold",
                     "values": {"signals.links.age_days": 2}})  # fmt: skip
    undecided = (
        [
            {
                "policy": "phishing.links",
                "rule": "look-alike-host",
                "cause": "unknown",
                "detail": "signals.links failed: timed out",
            }
        ]
        if number % 200 == 0
        else []
    )
    signals = [
        {
            "signal": "links",
            "version": "1",
            "micros": 41,
            **({"error": "timed out"} if undecided else {"values": {"domains": ["earn.example"]}}),
        }
    ]
    away = {
        "store": "valkey",
        "error": "timed out",
        "assumed": {"scams.cold-outreach/mass-cold-message": "not matched"},
    }
    return {"action": action, "winner": rule or None, "why": "", "queue": queue or None, "hits": hits, "undecided": undecided,
            "signals": signals, "bundle": "b" * 64, "failures": [away] if undecided else []}  # fmt: skip


COLUMNS = {
    "entities_event": "id service_id source source_id type occurred_at received_at subject_kind subject_id account_id thread_id body salt",
    "ledger_entry": "idx kind subject_id at body leaf_hash",
    "decisions_decision": "id service_id event_id subject_kind subject_id account_id action policy_id rule policies reason note queue bundle person_id "
    "verdict detection_automated automation root override_of_id on_appeal strike_weight strike_expires_at params decided_at salt",
    "decisions_action": "id decision_id type target_kind target_id params starts_at ends_at territorial_scope state",
    "transition": "id at entity_kind entity_id from_state to_state activity by salt",
    "decisions_delivery": "id endpoint_id type action_id about payload state attempts next_at leased_until created_at delivered_at",
    "decisions_deliveryattempt": "delivery_id at status error response_digest milliseconds",
    "entities_entity": "id service_id kind external_id owner_id first_seen_at",
    "review_task": "id service_id kind queue_id entity_id decision_id outcome_id parent_id priority created_at due_at closed_at state version",
    "reports_notice": "id service_id kind event_id entity_id reason explanation locators notifier_account_id notifier_contact good_faith language "
    "state received_at receipt_sent_at decision_notified_at salt",
    "audit_event": "id at actor verb object_kind object_id detail request_id salt",
}


def _insert(table: str, rows: Iterable[tuple[Any, ...]]) -> None:
    names = COLUMNS[table].split()
    model = next(model for model in apps.get_models() if model._meta.db_table == table)
    # Columns that say nothing here get what the model gives them.
    more = [
        field
        for field in model._meta.concrete_fields
        if field.column not in names and not field.primary_key and not field.null
    ]
    names += [field.column for field in more]
    rest = tuple(field.get_db_prep_save(field.get_default(), connection) for field in more)
    adapt = connection.ops.adapt_datetimefield_value
    values = [(*(adapt(cell) if isinstance(cell, datetime) else cell for cell in row), *rest) for row in rows]
    quoted = ", ".join(f'"{name}"' for name in names)
    with connection.cursor() as cursor:
        if connection.vendor == "postgresql":
            with cursor.copy(f"COPY {table} ({quoted}) FROM STDIN") as copy:
                for value in values:
                    copy.write_row(value)
        else:
            cursor.executemany(f"INSERT INTO {table} ({quoted}) VALUES ({', '.join(['%s'] * len(names))})", values)
