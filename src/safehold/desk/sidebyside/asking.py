"""Asks the other service: one POST to the address of `SAFEHOLD_PERSPECTIVE_UPSTREAM`, with our key there in a header, never in an
address that somebody might log. Who calls: `site.gateway`, `safehold perspective compare`.
"""

from urllib.parse import urlsplit

from django.conf import settings
from django.core.exceptions import ImproperlyConfigured

from safehold.gateway.perspective.upstream import Ask, Failed
from safehold.outgoing import TooSlow, Unreachable, post

#: Bytes of an answer that are read; the largest real ones have some kilobytes.
MOST_BYTES = 256 * 1024
_PATH = "/v1alpha1/comments:analyze"


def asker() -> Ask:
    """What sends a request's body there. Raises ImproperlyConfigured where the address can't be one."""
    base: str = settings.SAFEHOLD_PERSPECTIVE_UPSTREAM
    parts = urlsplit(base)
    if parts.scheme not in {"http", "https"} or not parts.hostname or parts.username or parts.query or parts.fragment:
        raise ImproperlyConfigured(
            "SAFEHOLD_PERSPECTIVE_UPSTREAM must be an address such as https://commentanalyzer.googleapis.com"
        )
    headers = {
        "content-type": "application/json",
        "accept": "application/json",
        "x-goog-api-key": settings.SAFEHOLD_PERSPECTIVE_UPSTREAM_KEY,
    }
    private = parts.hostname.lower() in settings.SAFEHOLD_WEBHOOK_PRIVATE_HOSTS
    seconds: float = settings.SAFEHOLD_PERSPECTIVE_UPSTREAM_SECONDS

    def ask(body: bytes) -> tuple[int, bytes]:
        try:
            answer = post(
                f"{base}{_PATH}", headers, body, private=private, seconds=seconds, most_bytes=MOST_BYTES,
                allowed_by="SAFEHOLD_WEBHOOK_PRIVATE_HOSTS",
            )  # fmt: skip
        except TooSlow:
            raise Failed("too slow") from None
        except Unreachable:
            raise Failed("unreachable") from None
        if answer.cut:
            raise Failed("answer too large")
        return answer.status, answer.body

    return ask
