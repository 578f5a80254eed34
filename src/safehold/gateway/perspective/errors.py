"""What goes wrong, in Google's words: clients of Perspective's API read `error.status`, `error.message` and the details.
A refusal of the gateway's own is turned into the one that Google's service would give. Values sent are not said again.
"""

from typing import Any, NamedTuple

import msgspec

from safehold.gateway.problems import Refusal
from safehold.gateway.requests import Headers, Reply

_encode = msgspec.json.Encoder().encode
SERVICE = "commentanalyzer.googleapis.com"
#: Browsers may ask: what they can't do with a key, `perspective` refuses.
CORS: Headers = (
    (b"access-control-allow-origin", b"*"),
    (b"access-control-expose-headers", b"ratelimit, ratelimit-policy, retry-after"),
)
_STATUSES = {
    400: "INVALID_ARGUMENT", 403: "PERMISSION_DENIED", 404: "NOT_FOUND", 429: "RESOURCE_EXHAUSTED", 500: "INTERNAL",
    503: "UNAVAILABLE",
}  # fmt: skip


class Violation(NamedTuple):
    """A field that is wrong, by its path in the request, and why."""

    field: str
    description: str


class ApiError(Refusal):
    """An answer of the API's own, ready to be sent. `kind` is the nearest of the gateway's problems, for the counters."""

    def __init__(self, kind: str, code: int, message: str, details: list[dict[str, Any]], *, status: str = "") -> None:
        super().__init__(kind, message)
        self.code, self.details, self.said = code, details, status or _STATUSES[code]


def _analyzer(kind: str, **more: Any) -> list[dict[str, Any]]:
    return [{"@type": "type.googleapis.com/google.commentanalyzer.v1alpha1.Error", "errorType": kind, **more}]


def _info(reason: str, **metadata: str) -> dict[str, Any]:
    return {
        "@type": "type.googleapis.com/google.rpc.ErrorInfo",
        "reason": reason,
        "domain": "googleapis.com",
        "metadata": {"service": SERVICE, **metadata},
    }


def wrong_request(message: str, kind: str = "INVALID_REQUEST", **more: Any) -> ApiError:
    """400 with the API's own kind of error: COMMENT_EMPTY, COMMENT_TOO_LONG, NO_REQUESTED_ATTRIBUTES, ..."""
    return ApiError("invalid-event", 400, message, _analyzer(kind, **more))


def language_not_supported(attribute: str, languages: list[str]) -> ApiError:
    """The attribute can't be scored in the text's language."""
    return wrong_request(
        f"Attribute {attribute} does not support request languages: {', '.join(languages)}",
        "LANGUAGE_NOT_SUPPORTED_BY_ATTRIBUTE",
        languageNotSupportedByAttributeError={"detectedLanguages": languages, "attribute": attribute},
    )


def unreadable(violations: list[Violation]) -> ApiError:
    """The body does not fit the message."""
    details = [
        {
            "@type": "type.googleapis.com/google.rpc.BadRequest",
            "fieldViolations": [
                {**({"field": one.field} if one.field else {}), "description": one.description} for one in violations
            ],
        }
    ]
    message = "\n".join(one.description for one in violations)
    return ApiError("malformed-json", 400, message, details)


def no_key() -> ApiError:
    """No key came at all."""
    message = (
        "Method doesn't allow unregistered callers (callers without established identity). Please use API Key or other "
        "form of API consumer identity to call this API."
    )
    return ApiError("forbidden", 403, message, [])


def not_for_browsers() -> ApiError:
    """A key that may do more than score was sent by a browser."""
    message = (
        "This API key may do more than have texts scored, and a browser shows it to everybody. Make a key with the scope "
        "text:score alone for pages."
    )
    return ApiError("forbidden", 403, message, [_info("API_KEY_HTTP_REFERRER_BLOCKED")])


def refuse(refusal: Refusal) -> Reply:
    """The answer to a request that was refused."""
    error = refusal if isinstance(refusal, ApiError) else _translated(refusal)
    body = {
        "code": error.code,
        "message": error.detail,
        "status": error.said,
        **({"details": error.details} if error.details else {}),
    }
    media_type = b"application/json; charset=UTF-8"
    return Reply(error.code, _encode({"error": body}), media_type, (*CORS, *refusal.headers))


def _translated(refusal: Refusal) -> ApiError:
    kind, said = refusal.kind, refusal.detail
    match kind:
        case "unauthorized":
            expired = "expired" in said
            message = (
                "API key expired. Please renew the API key."
                if expired
                else "API key not valid. Please pass a valid API key."
            )
            return ApiError(kind, 400, message, [_info("API_KEY_INVALID")])
        case "forbidden":
            return ApiError(kind, 403, f"Requests to this API are blocked: {said}.", [_info("API_KEY_SERVICE_BLOCKED")])
        case "rate-limited":
            message = f"Quota exceeded for quota metric 'Analysis requests (AnalyzeComment)': {said}"
            return ApiError(kind, 429, message, [_info("RATE_LIMIT_EXCEEDED"), *_retry(refusal)])
        case "too-large":
            return ApiError(kind, 400, f"Request payload size exceeds the limit: {said}.", [])
        case "invalid-event":
            return unreadable([Violation(one.field, f"{one.field} {one.detail}") for one in refusal.errors])
        case "unknown-event-type":
            message = (
                "Nothing was decided: the policies of this installation declare no event type content.checked. Copy "
                "events/content.checked.yaml from Safehold's own policies, or take events:write from the key."
            )
            return ApiError(kind, 400, message, [], status="FAILED_PRECONDITION")
        case "busy" | "not-ready" | "not-written":
            return ApiError(kind, 503, f"The service is currently unavailable: {said}.", _retry(refusal))
        case "internal":
            return ApiError(kind, 500, "Internal error encountered.", [])
    return ApiError(kind, 400, said, [])


def _retry(refusal: Refusal) -> list[dict[str, Any]]:
    """How long to wait, as Google's clients read it."""
    seconds = dict(refusal.headers).get(b"retry-after", b"1").decode()
    return [{"@type": "type.googleapis.com/google.rpc.RetryInfo", "retryDelay": f"{seconds}s"}]
