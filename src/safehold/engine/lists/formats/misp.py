"""MISP: an event with its attributes (also inside objects), the answer of a search, or an array of attributes.

Attributes that are for correlation only (`to_ids` false) and deleted ones are left out.
"""

from collections.abc import Iterator
from typing import Any

from safehold.engine.lists.formats.rows import FormatError, Problem, Row

_TYPES = {
    "domain": "domain", "hostname": "domain", "url": "url", "uri": "url", "link": "url", "ip": "ip",
    "ip-src": "ip", "ip-dst": "ip",
    "email": "email", "email-src": "email", "email-dst": "email", "md5": "md5", "sha1": "sha1", "sha256": "sha256",
    "pattern-in-traffic": "text", "text": "text", "phone-number": "text", "btc": "text", "iban": "text",
}  # fmt: skip


def read(found: Any) -> Iterator[Row | Problem]:
    for place, (attribute, event) in enumerate(_attributes(found), 1):
        yield from _rows(place, attribute, event)


def _attributes(found: Any) -> Iterator[tuple[dict[str, Any], str]]:
    """(attribute, what its event is called). Raises FormatError."""
    if isinstance(found, dict) and "response" in found:
        found = found["response"]
    if isinstance(found, dict) and "Attribute" in found and "Event" not in found:
        found = {"Event": {**found}}
    events = found if isinstance(found, list) else [found]
    for item in events:
        event = item.get("Event", item) if isinstance(item, dict) else None
        if not isinstance(event, dict):
            raise FormatError(0, "this is no MISP event: it has neither `Event` nor `Attribute`")
        name = str(event.get("info") or event.get("uuid") or "")
        if "type" in event and "value" in event:
            yield event, ""
            continue
        groups = [event.get("Attribute")]
        groups += [part.get("Attribute") for part in event.get("Object") or [] if isinstance(part, dict)]
        if all(group is None for group in groups):
            raise FormatError(0, "this is no MISP event: it has neither `Event` nor `Attribute`")
        for group in groups:
            yield from ((part, name) for part in group or [] if isinstance(part, dict))


def _rows(place: int, attribute: dict[str, Any], event: str) -> Iterator[Row | Problem]:
    kind, value = str(attribute.get("type") or ""), attribute.get("value")
    if attribute.get("deleted") is True or attribute.get("to_ids") is False:
        yield Problem(line=place, column="to_ids", message="deleted, or not meant for detection", skipped=True)
        return
    if not isinstance(value, str):
        yield Problem(line=place, column="value", message="the value must be a text")
        return
    parts = list(zip(kind.split("|"), value.split("|"), strict=False))
    known = [(_TYPES[name], text) for name, text in parts if name in _TYPES]
    if not known:
        yield Problem(line=place, column="type", message=f"a list can't hold `{kind[:40]}`", skipped=True)
    for what, text in known:
        yield Row(
            line=place, value=text, what=what, reference=str(attribute.get("uuid") or "")[:200],
            note=str(attribute.get("comment") or event)[:200],
        )  # fmt: skip
