"""How often the public forms may be sent: a little patience for each link and for each network address, counted in the
cache, an hour at a time. Generous for people, who mistype; tight for scripts.
"""

import ipaddress
import math
import time

from django.conf import settings
from django.core.cache import cache
from django.http import HttpRequest, HttpResponse

WINDOW_SECONDS = 3_600
#: Tries in an hour.
OF_A_LINK = 12
OF_AN_ADDRESS = 40
REPORTS_OF_AN_ADDRESS = 15


def wait_for(request: HttpRequest, form: str, *, link: str = "") -> int:
    """Count one try of `form` for the sender's address and, if given, the link. 0, or how many seconds to wait."""
    most = OF_AN_ADDRESS if link else REPORTS_OF_AN_ADDRESS
    waits = [_count(f"{form}:address:{sender(request)}", most)]
    if link:
        waits.append(_count(f"{form}:link:{link}", OF_A_LINK))
    return max(waits)


def _count(name: str, most: int) -> int:
    now = time.time()
    window = int(now // WINDOW_SECONDS)
    key = f"portal:{window}:{name}"
    cache.add(key, 0, WINDOW_SECONDS)
    try:
        tries = cache.incr(key)
    except ValueError:  # it was evicted between the two calls: the count begins again
        tries = 1
    return math.ceil((window + 1) * WINDOW_SECONDS - now) if tries > most else 0


def sender(request: HttpRequest) -> str:
    """The sender's network address: the proxy's word where one is trusted; of IPv6 the /64 that one household has."""
    address = request.META.get("REMOTE_ADDR", "")
    if proxies := settings.ALLAUTH_TRUSTED_PROXY_COUNT:
        given = request.headers.get("X-Forwarded-For", "").split(",")
        forwarded = [part.strip() for part in given if part.strip()]
        address = forwarded[-proxies] if len(forwarded) >= proxies else address
    try:
        known = ipaddress.ip_address(address)
    except ValueError:
        return address[:64]
    return str(ipaddress.ip_network((known, 64), strict=False)) if known.version == 6 else str(known)


def patiently(response: HttpResponse, seconds: int) -> HttpResponse:
    """The answer to a try too many (RFC 6585: 429), where `seconds` is not 0."""
    if seconds:
        response.status_code = 429
        response["Retry-After"] = str(seconds)
    return response
