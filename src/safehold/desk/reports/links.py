"""The address at which somebody who reported something follows it, and objects to the answer. The token in it is the key:
the portal, the webhooks and letters all make it here.
"""

from django.conf import settings
from django.utils.crypto import constant_time_compare, salted_hmac

from safehold.desk.reports.models import Notice


def notice_token(notice_id: str, secret: str | bytes | None = None) -> str:
    """128 bits of HMAC-SHA-256 over the notice's id, in hex: nobody guesses it, and nothing has to be stored."""
    return salted_hmac("safehold.portal.notice", notice_id, secret=secret, algorithm="sha256").hexdigest()[:32]


def is_notice_token(notice_id: str, token: str) -> bool:
    """Compared in constant time; one made before the secret was changed is good as long as the old one is kept."""
    fits = [
        constant_time_compare(notice_token(notice_id, one), token) for one in (None, *settings.SECRET_KEY_FALLBACKS)
    ]
    return any(fits)


def notice_url(notice: Notice) -> str:
    """Where the notifier follows the notice, as a whole address."""
    return f"{settings.PUBLIC_URL}/portal/reports/{notice.pk}/{notice_token(notice.pk)}"
