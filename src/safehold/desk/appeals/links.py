"""The addresses at which people without an account follow what concerns them. The token in them is the permission."""

from django.conf import settings
from django.utils.crypto import constant_time_compare, salted_hmac

from safehold.desk.appeals.models import Appeal
from safehold.desk.reports.models import Notice
from safehold.desk.transparency.statements import statement_url


def notice_token(notice_id: str) -> str:
    """128 bits of HMAC-SHA-256 over the notice's id, in hex: nobody guesses it, and nothing has to be stored."""
    return salted_hmac("safehold.portal.notice", notice_id, algorithm="sha256").hexdigest()[:32]


def is_notice_token(notice_id: str, token: str) -> bool:
    """Compared in constant time."""
    return constant_time_compare(notice_token(notice_id), token)


def notice_url(notice: Notice) -> str:
    """Where the notifier follows the notice, as a whole address."""
    return f"{settings.PUBLIC_URL}/portal/reports/{notice.pk}/{notice_token(notice.pk)}"


def page_of(appeal: Appeal) -> str:
    """Where the person who appealed follows it; '' if they never got a page."""
    if appeal.notice:
        return notice_url(appeal.notice)
    statement = getattr(appeal.decision, "statement", None)
    return statement_url(statement) if statement else ""
