"""ThreatExchange: descriptors and updates of Meta's API (`{"data": [{"type": "HASH_MD5", "indicator": ...}]}`), and the
exchanges of python-threatexchange (`{"signal_type": "url", "signal_str": ...}`, an array of them or by type).
"""

from collections.abc import Iterator
from typing import Any

from safehold.engine.lists.formats.rows import FormatError, Problem, Row, moment

_TYPES = {
    "domain": "domain", "domain_name": "domain", "uri": "url", "url": "url", "raw_text": "text", "text": "text",
    "trend_query": "text", "ip_address": "ip", "ip_subnet": "ip", "ipv4": "ip", "ipv6": "ip", "email_address": "email",
    "hash_md5": "md5", "md5": "md5", "video_md5": "md5", "photo_md5": "md5", "hash_video_md5": "md5", "hash_sha1": "sha1",
    "hash_sha256": "sha256", "sha256": "sha256", "debug_string": "text",
}  # fmt: skip
_SAFE = frozenset({"NON_MALICIOUS"})


def read(found: Any) -> Iterator[Row | Problem]:
    for place, item in enumerate(_items(found), 1):
        yield _row(place, item)


def _items(found: Any) -> Iterator[dict[str, Any]]:
    if isinstance(found, dict) and isinstance(found.get("data"), list):
        found = found["data"]
    if isinstance(found, dict) and ("indicator" in found or "signal_str" in found):
        found = [found]
    if isinstance(found, dict) and all(isinstance(part, list) for part in found.values()):
        found = [
            {"signal_type": kind, "signal_str": text} if isinstance(text, str) else text
            for kind, part in found.items()
            for text in part
        ]
    if not isinstance(found, list):
        raise FormatError(0, "this is no answer of ThreatExchange: there is no `data`, and no array of signals")
    for item in found:
        yield item if isinstance(item, dict) else {}


def _row(place: int, item: dict[str, Any]) -> Row | Problem:
    named = item.get("indicator")
    value = (
        item.get("signal_str")
        or item.get("raw_indicator")
        or (named.get("indicator") if isinstance(named, dict) else named)
    )
    kind = item.get("signal_type") or item.get("type") or (named.get("type") if isinstance(named, dict) else "")
    if not isinstance(value, str) or not isinstance(kind, str):
        return Problem(line=place, column="indicator", message="a signal has a `type` and an `indicator`")
    what = _TYPES.get(kind.lower())
    if item.get("should_delete") is True or item.get("status") in _SAFE:
        return Problem(line=place, column="status", message="deleted, or said to do no harm", skipped=True)
    if what is None:
        return Problem(line=place, column="type", message=f"a list can't hold `{kind[:40]}`", skipped=True)
    try:
        ends = moment(item.get("expired_on") or item.get("expire_time"))
    except ValueError as error:
        return Problem(line=place, column="expired_on", message=str(error))
    owner = item.get("owner")
    return Row(
        line=place, value=value, what=what, expires_at=ends, reference=str(item.get("id") or "")[:200],
        source=str(owner.get("name") or "")[:200] if isinstance(owner, dict) else "",
        note=str(item.get("description") or "")[:200],
    )  # fmt: skip
