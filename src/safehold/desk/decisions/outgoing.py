"""One webhook message to an address that somebody else chose, by `safehold.outgoing`; of the answer only its status and a hash
are kept. Called by `sending`.
"""

import hashlib
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from urllib.parse import urlsplit

from safehold import outgoing
from safehold.outgoing import Refused, Unreachable, addresses_of, is_public

__all__ = ["MOST_BYTES", "SECONDS", "Answer", "Refused", "Unreachable", "addresses_of", "is_public", "post"]

#: Seconds for everything together: name, connection, request, answer.
SECONDS = 15.0
#: Of an answer's body no more is read; nothing of it is kept but the hash.
MOST_BYTES = 64 * 1024


@dataclass(frozen=True)
class Answer:
    """What the endpoint said: its status, and the SHA-256 of (the beginning of) its body in hex."""

    status: int
    digest: str


def post(
    url: str, headers: Mapping[str, str], body: bytes, *, private_hosts: Collection[str], seconds: float = SECONDS
) -> Answer:
    """Send `body`; return the answer, whatever its status. `private_hosts` may be on this machine or a private network,
    and may go without TLS. Raises `Unreachable`, and `Refused` for an address that is not public.
    """
    host = (urlsplit(url).hostname or "").lower()
    answer = outgoing.post(
        url, headers, body, private=host in private_hosts, seconds=seconds, most_bytes=MOST_BYTES,
        allowed_by="SAFEHOLD_WEBHOOK_PRIVATE_HOSTS",
    )  # fmt: skip
    return Answer(answer.status, hashlib.sha256(answer.body).hexdigest())
