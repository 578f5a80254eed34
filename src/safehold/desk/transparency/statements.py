"""Statements of reasons: issued with the decision, in its transaction; ended when another decision overrides it; read by
whoever holds the address. Listens to `decision.explain` and `delivery.delivered`.
"""

from datetime import datetime

import structlog
from django.conf import settings
from django.utils import timezone
from django.utils.crypto import constant_time_compare, salted_hmac

from safehold.desk.decisions.deliveries import stamp, tell_platform
from safehold.desk.decisions.models import Decision, Delivery
from safehold.desk.decisions.policies import terms_of
from safehold.desk.moves import move
from safehold.desk.reports.models import NoticeKind
from safehold.desk.topics import on
from safehold.desk.transparency.basis import Basis, basis_of
from safehold.desk.transparency.dsa import payload
from safehold.desk.transparency.models import StatementOfReasons, new_statement_id
from safehold.desk.transparency.schema import problems
from safehold.desk.transparency.states import STATEMENT
from safehold.desk.transparency.texts import texts_of
from safehold.record.recording import Record

log = structlog.get_logger("safehold.statements")


@on("decision.explain")
def explain(decision: Decision, record: Record) -> str | None:
    """End the statement of what the decision overrides, and issue its own. Returns its address, None if there is none.

    No statement: nothing holds that anybody could notice (allowed, or only notes for reviewers). A statement that is
    withheld, with the reason in `excluded_reason`: the law asks for none.
    """
    _end(decision, record)
    basis = basis_of(decision)
    if basis is None:
        return None
    statement = _write(basis, record)
    if statement.excluded_reason:
        move(record, statement, STATEMENT, "withheld")
        return None
    if found := problems(statement.dsa) if statement.dsa else {}:
        # The person is told all the same; what the EU's database would refuse stays a draft, for us to look into.
        log.error("statement_invalid", statement=statement.pk, problems=found)
    else:
        move(record, statement, STATEMENT, "validated")
    url = statement_url(statement)
    tell_platform(
        decision.service_id,
        "statement.issued",
        statement.pk,
        {
            "statement_id": statement.pk,
            "decision_id": decision.pk,
            "account_id": basis.about.owner,
            "target": {"kind": basis.about.kind, "id": basis.about.id},
            "statement_url": url,
            "summary": statement.texts["en"]["what"],
            "texts": statement.texts,
            "appeal_until": stamp(appeal_deadline(statement)),
        },
    )
    return url


def _write(basis: Basis, record: Record) -> StatementOfReasons:
    issued_at, pk = timezone.now(), new_statement_id()
    statement = StatementOfReasons(
        pk=pk,
        decision=basis.decision,
        texts=texts_of(basis, issued_at + basis.terms.appeal_window),
        dsa=payload(basis, puid=pk),
        excluded_reason=excluded_reason(basis),
        issued_at=issued_at,
    )
    statement.save(force_insert=True)
    record.add(statement)
    return statement


def excluded_reason(basis: Basis) -> str:
    """Why the law asks for no statement, '' where it does."""
    if NoticeKind.ORDER_ACT in basis.notices:
        return "order_of_an_authority"  # DSA Art. 17(5)
    if not basis.about.owner:
        return "no_contact_details"  # DSA Art. 17(2)
    return ""


def _end(decision: Decision, record: Record) -> None:
    """What was said of the overridden decision no longer holds."""
    if decision.override_of_id is None:
        return
    statement = StatementOfReasons.objects.select_for_update().filter(decision_id=decision.override_of_id).first()
    if statement is None:
        return
    statement.ended_at = decision.decided_at
    statement.save(update_fields=["ended_at"])
    if "corrected" in STATEMENT.possible(statement.state):
        move(record, statement, STATEMENT, "corrected", by=decision.person_id or "")


@on("delivery.delivered")
def note_delivery(delivery: Delivery, record: Record) -> None:
    """The platform has the statement for the person."""
    if delivery.type != "statement.issued":
        return
    statement = StatementOfReasons.objects.select_for_update().get(pk=delivery.about)
    if "user_notified" in STATEMENT.possible(statement.state):
        move(record, statement, STATEMENT, "user_notified")


def appeal_deadline(statement: StatementOfReasons) -> datetime:
    """Until when the statement's decision can be appealed: the policy's window, from when the statement was issued."""
    policy = statement.decision.policy
    if policy is None:
        raise ValueError(f"statement {statement.pk} is of a decision without a policy; none such is ever issued")
    return statement.issued_at + terms_of(policy).appeal_window


# The address


def statement_url(statement: StatementOfReasons) -> str:
    """The statement's address. Whoever has it may read the statement and appeal: it is the person's key to it."""
    return f"{settings.PUBLIC_URL}/portal/statements/{statement.pk}/{token_of(statement.pk)}"


def token_of(statement_id: str, secret: str | None = None) -> str:
    """128 bits of HMAC-SHA256 over the id, in hex: nobody can guess it, and nobody needs to store it."""
    mac = salted_hmac("safehold.statement", statement_id, secret=secret, algorithm="sha256")
    return mac.hexdigest()[:32]


def statement_for(statement_id: str, token: str) -> StatementOfReasons | None:
    """The statement, if the token is its own; None for anything else, after the same work."""
    known = [None, *map(str, settings.SECRET_KEY_FALLBACKS)]
    fits = [constant_time_compare(token_of(statement_id, secret), token) for secret in known]
    if not any(fits):
        return None
    return (
        StatementOfReasons.objects.select_related("decision__policy", "decision__event")
        .exclude(state="withheld")
        .filter(pk=statement_id)
        .first()
    )
