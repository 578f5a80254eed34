"""What can be wrong with a request, as problem documents (RFC 9457). One table: the answers, the API's description and
`GET /v1/problems/{name}` all come from it. A problem names fields and rules, never the values that were sent.
"""

from typing import NoReturn

import msgspec

MEDIA_TYPE = b"application/problem+json"


class FieldError(msgspec.Struct, frozen=True, kw_only=True):
    """One field that is wrong: a JSON pointer (RFC 6901) into the event, the same as a dotted path, and what to do."""

    pointer: str
    field: str
    detail: str


class Problem(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A problem document. `type` leads to its explanation; `decision` is there when an event was decided before."""

    type: str
    title: str
    status: int
    detail: str
    errors: list[FieldError] = []
    decision: str | None = None


class Kind(msgspec.Struct, frozen=True):
    """A kind of problem: status, title, and what a person who meets it should know."""

    status: int
    title: str
    about: str


KINDS: dict[str, Kind] = {
    "malformed-json": Kind(
        400, "The body is not JSON", "The body, or this line of it, could not be read as JSON (RFC 8259) in UTF-8."
    ),
    "malformed-batch": Kind(
        400, "The body is not a batch", "A batch is a JSON array of CloudEvents, or one CloudEvent a line as NDJSON."
    ),
    "invalid-media": Kind(
        400, "This is no media", "The body is the file's bytes as they are; `keep` says for how long they are kept."
    ),
    "incomplete-body": Kind(400, "The body ended early", "The connection closed before the whole body had come."),
    "unauthorized": Kind(
        401,
        "No valid API key",
        "Send `Authorization: Bearer sh_...` with a key that exists, has not expired and is not revoked. "
        "Keys are made in the console under People and keys, or with `safehold keys create`.",
    ),
    "forbidden": Kind(403, "The key may not do this", "The key lacks the scope that this address needs."),
    "not-found": Kind(404, "Nothing is here", "There is no such address, or no such decision in this key's service."),
    "method-not-allowed": Kind(405, "This method is not offered here", "The Allow header names those that are."),
    "event-conflict": Kind(
        409,
        "This id was used for another event",
        "An event with the same source and id came before with another content. CloudEvents says that source and id "
        "name one event; `decision` is what was decided on the first. Give the new event an id of its own.",
    ),
    "too-large": Kind(413, "The body is too large", "Send less at once: the detail names the limit."),
    "unsupported-media-type": Kind(
        415,
        "This media type is not taken here",
        "One event is application/cloudevents+json, or application/json with ce- headers (binary mode); a batch is "
        "application/cloudevents-batch+json or application/x-ndjson. UTF-8, not compressed.",
    ),
    "invalid-event": Kind(
        422,
        "The event does not fit",
        "`errors` names each field that breaks CloudEvents 1.0 or the event type's schema.",
    ),
    "unknown-event-type": Kind(
        422, "No such event type", "`GET /v1/event-types` lists the event types that this installation declares."
    ),
    "invalid-hash": Kind(422, "The hash or file does not fit", "The detail says which parameter, and what it takes."),
    "rate-limited": Kind(
        429, "Too many events for this key", "Wait as long as Retry-After says. RateLimit headers show what is left."
    ),
    "internal": Kind(
        500,
        "A fault of ours",
        "The event was not taken: nothing of it is in the record. Sending it again is safe. "
        "The log has the fault under the X-Request-Id of the answer.",
    ),
    "no-room": Kind(
        507,
        "The folder of media is full",
        "The file was measured, and not kept. Whoever runs this installation may raise SAFEHOLD_MEDIA_GB; `keep=none` keeps no "
        "bytes, and what was measured of them for a week.",
    ),
    "busy": Kind(503, "Too many events are waiting", "Nothing was taken. Send again after Retry-After; that is safe."),
    "not-ready": Kind(
        503, "Starting or stopping", "The engine's memory is being rebuilt from the record, or the process is closing."
    ),
    "not-written": Kind(
        503,
        "The record could not be written",
        "Nothing was answered as taken. Send the same events again after Retry-After: an event that was taken after "
        "all gives the decision it got.",
    ),
}


class Refusal(Exception):
    """Raised anywhere in a request's way; becomes its answer."""

    def __init__(
        self,
        kind: str,
        detail: str,
        errors: list[FieldError] | None = None,
        *,
        headers: tuple[tuple[bytes, bytes], ...] = (),
        decision: str | None = None,
    ) -> None:
        super().__init__(kind)  # not the detail: an exception's text may end in a log
        self.kind = kind
        self.detail = detail
        self.errors = errors or []
        self.headers = headers
        self.decision = decision

    @property
    def status(self) -> int:
        return KINDS[self.kind].status

    def problem(self, base_url: str) -> Problem:
        """The document, its `type` under `base_url`, where this installation explains it."""
        kind = KINDS[self.kind]
        return Problem(
            type=type_uri(base_url, self.kind),
            title=kind.title,
            status=kind.status,
            detail=self.detail,
            errors=self.errors,
            decision=self.decision,
        )


def type_uri(base_url: str, kind: str) -> str:
    """Where a kind of problem is explained."""
    return f"{base_url}/v1/problems/{kind}"


def field_error(path: tuple[str | int, ...], detail: str) -> FieldError:
    """A wrong field by its path: `("data", "links", 0)` is `/data/links/0` and `data.links[0]`."""
    pointer = "".join("/" + str(part).replace("~", "~0").replace("/", "~1") for part in path)
    field = ""
    for part in path:
        field += f"[{part}]" if isinstance(part, int) else f".{part}" if field else part
    return FieldError(pointer=pointer, field=field, detail=detail)


def refuse_field(path: tuple[str | int, ...], detail: str) -> NoReturn:
    """Refuse an event for one field."""
    error = field_error(path, detail)
    raise Refusal("invalid-event", summary([error]), [error])


def summary(errors: list[FieldError]) -> str:
    """The first of several errors in a sentence, and how many more there are."""
    first = errors[0]
    more = f" (and {len(errors) - 1} more)" if len(errors) > 1 else ""
    return f"{first.field or 'the event'} {first.detail}{more}"
