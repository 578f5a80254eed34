"""CloudEvents 1.0 over HTTP: bytes and headers in, checked events out. JSON structured mode, binary mode, JSON batch, NDJSON.

Source: CloudEvents 1.0.2, its JSON event format and its HTTP protocol binding. Where Safehold asks for more than they
do (data is an object, bounded lengths and depth), docs/reference/api.md says so. Who calls: `routes`.
"""

import re
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import unquote

import msgspec

from safehold.gateway.problems import FieldError, Refusal, field_error, summary

#: Characters at most; the database's columns are as wide.
LENGTHS = {"id": 256, "source": 512, "type": 120, "subject": 512}
MAX_DEPTH = 32
MAX_EXTENSIONS = 64
#: How far a platform's clock may be ahead of ours.
MAX_AHEAD = timedelta(days=1)
EARLIEST = datetime(1970, 1, 1, tzinfo=UTC)

_ATTRIBUTES = frozenset(
    {"specversion", "id", "source", "type", "time", "subject", "datacontenttype", "dataschema", "data"}
)
_EXTENSION = re.compile(r"[a-z0-9]{1,64}")
_JSON_TYPE = re.compile(r"application/(?:json|[\w.+-]*\+json)\s*(?:;.*)?", re.IGNORECASE)
#: CloudEvents 1.0.2, "Type system": a String holds no control characters.
_CONTROL = re.compile("[\x00-\x1f\x7f-\x9f]")
#: Bytes as 1 for a digit and 0 for all others: a long number is a row of ones, found twenty times sooner than by a pattern.
_IS_DIGIT = bytes(48 <= byte < 58 for byte in range(256))
_LONG_NUMBER = b"\1" * 16
_SAFE_INTEGER = 2**53 - 1  # RFC 7493, section 2.2


class CloudEvent(msgspec.Struct, frozen=True, kw_only=True):
    """One CloudEvent whose envelope is right. `body` is its JSON text; `time` has an offset."""

    id: str
    source: str
    type: str
    time: datetime
    subject: str | None
    data: dict[str, Any]
    body: str


def read_json(raw: bytes) -> Any:
    """Decode JSON, or refuse it saying at which byte it goes wrong."""
    try:
        return msgspec.json.decode(raw)
    except UnicodeDecodeError as error:
        raise Refusal("malformed-json", f"byte {error.start} is not UTF-8; send UTF-8") from None
    except msgspec.DecodeError as error:
        raise Refusal("malformed-json", f"{error}; send one JSON document") from None
    except (ValueError, RecursionError):
        raise Refusal("malformed-json", "a number is too long or the nesting too deep; send less deep JSON") from None


def structured(raw: bytes, received_at: datetime) -> CloudEvent:
    """One CloudEvent in the JSON event format. Refuses it with every field that is wrong."""
    document = read_json(raw)
    if not isinstance(document, dict):
        raise Refusal("invalid-event", 'a CloudEvent is a JSON object: {"specversion": "1.0", "id": ...}')
    return _checked(document, raw, received_at)


def binary(headers: Mapping[bytes, bytes], raw: bytes, received_at: datetime) -> CloudEvent:
    """One CloudEvent in binary mode: attributes in `ce-` headers, data as the body.

    The event's `body` is the same in structured form.
    """
    document: dict[str, Any] = {}
    for name, value in headers.items():
        if name.startswith(b"ce-"):
            document[name[3:].decode("latin-1")] = _header_text(name, value)
    document["datacontenttype"] = headers[b"content-type"].decode("latin-1")
    data = read_json(raw)
    body = msgspec.json.encode(document | {"data": msgspec.Raw(raw)})
    document["data"] = data
    return _checked(document, body, received_at)


def batch_items(raw: bytes) -> list[bytes]:
    """The raw events of a JSON batch."""
    try:
        return [bytes(item) for item in msgspec.json.decode(raw, type=list[msgspec.Raw])]
    except msgspec.ValidationError:
        raise Refusal("malformed-batch", "a batch is a JSON array: [{...}, {...}]") from None
    except (msgspec.DecodeError, ValueError, RecursionError):
        read_json(raw)  # says what is wrong
        raise Refusal("malformed-batch", "a batch is a JSON array: [{...}, {...}]") from None


def ndjson_items(raw: bytes) -> list[bytes]:
    """The raw events of NDJSON: one a line, empty lines skipped."""
    return [line for line in raw.splitlines() if line.strip()]


def _header_text(name: bytes, value: bytes) -> str:
    """A header's text, percent-decoded (HTTP protocol binding 1.0.2, section 3.1.3.2)."""
    text = value.decode("latin-1").strip()
    if len(text) >= 2 and text[0] == text[-1] == '"':
        text = re.sub(r"\\(.)", r"\1", text[1:-1])
    try:
        return unquote(text, errors="strict")
    except UnicodeDecodeError:
        header = name.decode("latin-1")
        raise Refusal("malformed-json", f"the header {header} is not percent-encoded UTF-8") from None


def _checked(document: dict[str, Any], raw: bytes, received_at: datetime) -> CloudEvent:
    errors: list[FieldError] = []
    if document.get("specversion") != "1.0":
        errors.append(field_error(("specversion",), 'must be "1.0"'))
    event_id = _text(document, "id", errors)
    source = _text(document, "source", errors)
    event_type = _text(document, "type", errors)
    subject = _text(document, "subject", errors) if document.get("subject") is not None else None
    time = _time(document.get("time"), received_at, errors)
    content_type = document.get("datacontenttype")
    if content_type is not None and not (isinstance(content_type, str) and _JSON_TYPE.fullmatch(content_type)):
        errors.append(field_error(("datacontenttype",), "must be application/json, or left out"))
    if len(document) > 4 and not document.keys() <= _ATTRIBUTES:
        errors += _extension_errors(document)
    data = document.get("data")
    if not isinstance(data, dict):
        errors.append(field_error(("data",), "must be a JSON object; the event type's schema says what is in it"))
        data = {}
    if _looks_hard(raw):
        errors += _hard_errors(document, (), 1)
    if errors:
        raise Refusal("invalid-event", summary(errors), errors)
    return CloudEvent(
        id=event_id, source=source, type=event_type, time=time, subject=subject, data=data, body=raw.decode()
    )


def _text(document: dict[str, Any], name: str, errors: list[FieldError]) -> str:
    value = document.get(name)
    if value is None:
        errors.append(field_error((name,), "is required by CloudEvents 1.0; add it as a string"))
    elif not isinstance(value, str) or not value:
        errors.append(field_error((name,), "must be a string that is not empty"))
    elif len(value) > LENGTHS[name]:
        errors.append(field_error((name,), f"has {len(value)} characters; {LENGTHS[name]} is the most"))
    elif _CONTROL.search(value):
        errors.append(field_error((name,), "has a control character, which CloudEvents forbids; remove it"))
    else:
        return value
    return ""


def _time(value: Any, received_at: datetime, errors: list[FieldError]) -> datetime:
    """The event's time; when it has none, the moment it came in."""
    if value is None:
        return received_at
    detail = "must be RFC 3339 with an offset, as 2026-02-01T09:30:00Z"
    if isinstance(value, str):
        try:
            time = msgspec.convert(value, datetime)
        except msgspec.ValidationError:
            pass
        else:
            if time.tzinfo is not None:
                if time < EARLIEST:
                    detail = (
                        "is before 1970; is it a date that was never set? Leave it out and the time of receipt counts"
                    )
                elif time > received_at + MAX_AHEAD:
                    detail = "is more than a day ahead of this server's clock; check the clock and the time zone"
                else:
                    return time
    errors.append(field_error(("time",), detail))
    return received_at


def _extension_errors(document: dict[str, Any]) -> list[FieldError]:
    errors = []
    names = document.keys() - _ATTRIBUTES
    if len(names) > MAX_EXTENSIONS:
        errors.append(field_error((), f"has {len(names)} extension attributes; {MAX_EXTENSIONS} is the most"))
    for name in sorted(names)[:MAX_EXTENSIONS]:
        value = document[name]
        if name == "data_base64":
            errors.append(field_error((name,), "is not taken: data is a JSON object here; send it as data"))
        elif name in {"actor", "target", "context"}:
            errors.append(
                field_error((name,), f"belongs into data: CloudEvents has no object beside it; send data.{name}")
            )
        elif name.lower() in _ATTRIBUTES:
            errors.append(field_error((name,), f"did you mean {name.lower()}? CloudEvents names are lower case"))
        elif not _EXTENSION.fullmatch(name):
            # The name is the sender's: it may be anything, so it is not said again.
            errors.append(field_error((), "has an extension attribute whose name is not of a-z and 0-9; rename it"))
        elif not (value is None or isinstance(value, str | bool | int)):
            errors.append(
                field_error((name,), "an extension attribute is a string, an integer or a boolean; move it into data")
            )
    return errors


def _looks_hard(raw: bytes) -> bool:
    """Whether the JSON may hold what `_hard_errors` refuses. Never misses it; a text that looks like it costs time only."""
    return (
        raw.count(b"{") + raw.count(b"[") > MAX_DEPTH or b"\\u0000" in raw or _LONG_NUMBER in raw.translate(_IS_DIGIT)
    )


def _hard_errors(value: Any, path: tuple[str | int, ...], depth: int) -> list[FieldError]:
    """Where JSON holds what can't be kept unharmed: deep nesting, NUL (PostgreSQL has none), integers beyond 2**53."""
    if isinstance(value, str):
        return [field_error(path, "has the character U+0000, which can't be kept; remove it")] if "\0" in value else []
    if isinstance(value, bool):
        return []
    if isinstance(value, int):
        exact = -_SAFE_INTEGER <= value <= _SAFE_INTEGER
        return [] if exact else [field_error(path, "is beyond 2**53, where JSON numbers are not exact; send a string")]
    if not isinstance(value, dict | list):
        return []
    if depth > MAX_DEPTH:
        return [field_error(path, f"is nested deeper than {MAX_DEPTH} levels; flatten it")]
    errors: list[FieldError] = []
    if isinstance(value, dict):
        for key, member in value.items():
            if "\0" in key:
                errors.append(field_error(path, "has a name with the character U+0000, which can't be kept; rename it"))
            else:
                errors += _hard_errors(member, (*path, key), depth + 1)
    else:
        for index, member in enumerate(value):
            errors += _hard_errors(member, (*path, index), depth + 1)
    return errors[:20]
