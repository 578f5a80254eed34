"""After the hearing: everybody concerned is told, and the appeal goes on to `implemented` when the platform has done what
was decided, then to `notified` when it has the message for the person. Called by `hearing` and when a webhook got through.
"""

from collections.abc import Iterator

from django.db.models import QuerySet

from safehold.desk.appeals.links import page_of
from safehold.desk.appeals.models import Appeal
from safehold.desk.appeals.states import APPEAL
from safehold.desk.decisions.deliveries import stamp, tell_platform
from safehold.desk.decisions.models import Action, Delivery
from safehold.desk.moves import move
from safehold.desk.reports.models import Notice
from safehold.desk.topics import on
from safehold.record.recording import Record

#: What the platform can show as it is: (is it to who appealed?, outcome) -> one sentence.
SUMMARY = {
    (True, "upheld"): "We looked at the decision again. It stands.",
    (True, "overturned"): "You were right: the decision was wrong, and we have undone it.",
    (True, "modified"): "We looked at the decision again and changed it.",
    (False, "overturned"): "Somebody appealed against a decision that concerns you. It was changed.",
    (False, "modified"): "Somebody appealed against a decision that concerns you. It was changed.",
}
DECIDED = ("upheld", "overturned", "modified")
#: States of an action in which the platform still has something to do.
UNDONE = ("pending", "dispatched", "acknowledged", "failed", "dead_letter", "reversal_pending")


def tell_outcome(appeal: Appeal, outcome: str) -> None:
    """One message to the platform for each person concerned: who appealed, and, if something changed, the other side."""
    decision = appeal.decision
    for recipient, account_id in _concerned(appeal, outcome):
        tell_platform(
            decision.service_id,
            "appeal.decided",
            appeal.pk,
            {
                "appeal_id": appeal.pk,
                "decision_id": decision.pk,
                "outcome": outcome,
                "new_decision_id": appeal.outcome_id,
                "role": appeal.role,
                "recipient": recipient,
                "account_id": account_id,
                "summary": SUMMARY[recipient == appeal.role, outcome],
                "explanation": appeal.explanation if recipient == appeal.role else "",
                "decided_at": stamp(appeal.decided_at),
                "statement_url": page_of(appeal) if recipient == appeal.role else "",
            },
        )


def _concerned(appeal: Appeal, outcome: str) -> Iterator[tuple[str, str]]:
    decision = appeal.decision
    changed = outcome != "upheld"
    if appeal.role == "affected" or changed:
        yield "affected", decision.account_id
    if appeal.notice is not None:
        yield "notifier", appeal.notice.notifier_account_id
    if changed:
        led_to_it = Notice.objects.filter(decision_links__decision__root=decision.root).exclude(pk=appeal.notice_id)
        for account_id in led_to_it.order_by("received_at").values_list("notifier_account_id", flat=True).distinct():
            yield "notifier", account_id


def advance(record: Record, appeal: Appeal) -> None:
    """Take a decided appeal as far as the facts allow: implemented, then notified. Upheld, there is nothing to carry out."""
    if appeal.state == "upheld" or (
        appeal.state in DECIDED and not _of_chain(appeal).filter(state__in=UNDONE).exists()
    ):
        move(record, appeal, APPEAL, "implemented")
    messages = Delivery.objects.filter(about=appeal.pk, type="appeal.decided")
    if appeal.state == "implemented" and not messages.exclude(state__in=("delivered", "cancelled")).exists():
        move(record, appeal, APPEAL, "notified")


def _of_chain(appeal: Appeal) -> QuerySet[Action]:
    return Action.objects.filter(decision__root=appeal.decision.root)


@on("delivery.delivered")
def advance_after(delivery: Delivery, record: Record) -> None:
    """The platform has acknowledged something: appeals that waited for it go on."""
    waiting = Appeal.objects.select_for_update(of=("self",)).select_related("decision", "notice")
    waiting = waiting.filter(state__in=(*DECIDED, "implemented"))
    if delivery.type == "appeal.decided":
        waiting = waiting.filter(pk=delivery.about)
    elif delivery.action is not None:
        waiting = waiting.filter(decision__root=delivery.action.decision.root)
    else:
        return
    for appeal in waiting:
        advance(record, appeal)
