"""Images that are to be moderated: fetched, or taken from the request, and opened by the media workers. Runs on threads of its
own, since an image may take seconds. Who calls: `moderations`.

An address is somebody else's choice: it is fetched by `safehold.outgoing`, which reaches public addresses only and follows no
redirect. What an image is, its bytes say; who opens it has no network and few means (ADR of the media workers).
"""

import base64
import binascii
from collections.abc import Collection
from urllib.parse import unquote_to_bytes, urlsplit

from safehold import outgoing
from safehold.signals.media.kinds import kind_of
from safehold.signals.media.workers import ask

#: Bytes of an image at most, and seconds to fetch one.
MOST_BYTES = 10 * 1_048_576
SECONDS = 10.0
#: The attribute that an image's score is of.
NUDITY = "nudity"
_SETTING = "SAFEHOLD_IMAGE_PRIVATE_HOSTS"


class NoImage(Exception):
    """There is no image at that address, or none that can be opened: whoever asked can do something about it."""


def score_image(address: str, private_hosts: Collection[str]) -> dict[str, float]:
    """What an image's scores are. `address` is an https address or a data: URL; `private_hosts` may be on private networks.

    Raises NoImage, also where images are not measured on this installation, and ask.Unavailable where no worker is free: what
    nobody looked at must not be answered as a 0.
    """
    data = _inline(address) if address[:5].lower() == "data:" else _fetched(address, private_hosts)
    kind = kind_of(data)
    if kind.medium != "image":
        raise NoImage("what is there is no PNG, JPEG, GIF, WebP, AVIF or BMP image")
    try:
        return {NUDITY: ask.nudity(kind, data).score}
    except ask.Unreadable as error:
        raise NoImage(str(error)) from None
    except ask.NotInstalled as error:
        raise NoImage(f"images are not measured on this installation: {error}") from None


def _inline(address: str) -> bytes:
    head, comma, body = address.partition(",")
    if not comma:
        raise NoImage("a data: URL has a comma before its data")
    try:
        data = base64.b64decode(body, validate=True) if head.lower().endswith(";base64") else unquote_to_bytes(body)
    except (binascii.Error, ValueError):
        raise NoImage("the data of the data: URL is not base64") from None
    if len(data) > MOST_BYTES:
        raise NoImage(f"the image has more than {MOST_BYTES:,} bytes")
    return data


def _fetched(address: str, private_hosts: Collection[str]) -> bytes:
    try:
        host = (urlsplit(address).hostname or "").lower()
        answer = outgoing.get(
            address, private=host in private_hosts, seconds=SECONDS, most_bytes=MOST_BYTES, allowed_by=_SETTING
        )
    except outgoing.Refused:
        # Not why: what our name service says of a host, and what is on our networks, is nobody's business.
        raise NoImage("images are fetched by https from public addresses only") from None
    except (outgoing.Unreachable, ValueError):
        raise NoImage("the image could not be fetched") from None
    if answer.status != 200:
        raise NoImage(f"the image could not be fetched: its server answered {answer.status}")
    if answer.cut:
        raise NoImage(f"the image has more than {MOST_BYTES:,} bytes")
    return answer.body
