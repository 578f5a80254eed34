"""The queues that an installation begins with, and where a task goes whose queue is not there. Called when the
database is set up, and by whoever opens or moves tasks.
"""

from typing import NamedTuple

from safehold.accounts.models import User
from safehold.accounts.roles import Permission
from safehold.desk.review.models import Queue

DEFAULT = "default"
REPORTS = "reports"
APPEALS = "appeals"
ESCALATIONS = "escalations"

_HOUR = 3_600
_DAY = 86_400


class Starter(NamedTuple):
    """One queue of a new installation. Changing a row in the database is enough to change it; this never overwrites."""

    slug: str
    title: str
    description: str
    max_wait_seconds: int
    permission: Permission = Permission.REVIEW
    escalates_to: str | None = ESCALATIONS
    appeals_only: bool = False


STARTERS = (
    Starter(
        ESCALATIONS, "Escalations", "What a moderator wants somebody more senior to decide.", _DAY,
        Permission.MANAGE_TASKS, None,
    ),
    Starter("care", "Care", "People who may be in danger from themselves. Nobody here has done anything wrong.", _HOUR // 4),
    Starter("threats", "Threats", "Somebody may be in danger from others. Minutes count.", _HOUR // 2),
    Starter("minors", "Minors", "A child may be at risk. Only for people who were trained for it.", _HOUR // 2),
    Starter("phishing", "Phishing", "Links that steal accounts or money. Minutes count.", _HOUR),
    Starter("accounts", "Taken-over accounts", "Somebody may be using an account that isn't theirs.", _HOUR),
    Starter("payments", "Payments", "Money that may be moved by somebody who shouldn't.", 2 * _HOUR),
    Starter("scams", "Scams", "Fraud against people here: false offers, false friends.", 4 * _HOUR),
    Starter("abuse", "Abuse", "Harassment, threats, hate.", 4 * _HOUR),
    Starter("privacy", "Privacy", "Somebody's personal data, or a secret that leaked.", 4 * _HOUR),
    Starter("goods", "Goods", "Listings of things that may not be sold here.", 12 * _HOUR),
    Starter("integrity", "Integrity", "Bought reviews, bought popularity, accounts that act as one.", _DAY),
    Starter("spam", "Spam", "Unwanted bulk content.", _DAY),
    Starter("new-accounts", "New accounts", "Accounts that begin in a suspicious way.", _DAY),
    Starter(REPORTS, "Reports", "What people told us about.", _DAY),
    Starter(
        APPEALS, "Appeals", "Complaints against decisions, heard by somebody who had no part in them.", 3 * _DAY,
        Permission.HEAR_APPEALS, ESCALATIONS, True,
    ),
    Starter(DEFAULT, "Everything else", "Where tasks go whose queue is not there.", _DAY),
)  # fmt: skip


def ensure_queues() -> None:
    """Make the starter queues that are missing. Says nothing about those that are there."""
    for order, starter in enumerate(STARTERS, start=1):
        fields = starter._asdict() | {"permission": starter.permission.value, "order": order * 10}
        fields["escalates_to_id"] = fields.pop("escalates_to")
        Queue.objects.get_or_create(slug=fields.pop("slug"), defaults=fields)


def queue_for(slug: str) -> Queue:
    """The queue of that name; `default` if there is none, so that nothing is dropped."""
    found = Queue.objects.in_bulk([slug, DEFAULT])
    if DEFAULT not in found:
        ensure_queues()
        return queue_for(slug)
    return found.get(slug, found[DEFAULT])


def may_work(person: User, queue: Queue) -> bool:
    """True if this person may take tasks from the queue."""
    return person.may(queue.permission)


def queues_for(person: User) -> list[Queue]:
    """The queues that this person may work, in their order."""
    return [queue for queue in Queue.objects.order_by("order", "slug") if may_work(person, queue)]
