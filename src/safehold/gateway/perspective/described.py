"""Perspective's API in `/v1/openapi.json`, made of the table that reads its requests, as its discovery document is."""

from safehold.gateway.described import Content, Described, Schema, many, parameter, record, ref, table
from safehold.gateway.perspective.messages import MESSAGES, Field

TAG = "Perspective"
_PREFIX = "Perspective"
_KINDS: dict[str, Schema] = {
    "string": {"type": "string"},
    "boolean": {"type": "boolean"},
    "number": {"type": "number"},
    "integer": {"type": "integer"},
}


def _schema(field: Field) -> Schema:
    said = {"description": field.says} if field.says else {}
    match field.kind:
        case "message":
            return ref(f"{_PREFIX}{field.of}")
        case "list":
            return {**many(_schema(field.of)), **said}
        case "map":
            return {**table(_schema(field.of)), **said}
        case "enum":
            return {"type": "string", "enum": list(field.of), **said}
    return {**_KINDS[field.kind], **said}


SCHEMAS: dict[str, Schema] = {
    **{
        f"{_PREFIX}{name}": {**record(**{key: _schema(field) for key, field in fields.items()}), "additionalProperties": False}
        for name, fields in MESSAGES.items()
    },
    f"{_PREFIX}Error": record(
        ("error",),
        error=record(
            ("code", "message", "status"),
            code={"type": "integer"},
            message={"type": "string"},
            status={"type": "string"},
            details=many({"type": "object"}),
        ),
    ),
}  # fmt: skip
_JSON = "application/json"
_ERROR = Content(ref(f"{_PREFIX}Error"), _JSON)
_ERRORS = {
    400: "A field, an attribute, a language or the key is wrong: `details` says which.",
    403: "No key, one without the scope, or a page's key that may do more.",
    413: "The body is too large.",
    429: "Too many requests for this key: RetryInfo, Retry-After.",
    500: "A fault of ours.",
    503: "Starting, full, or the record can't be written.",
}
_SECURITY: tuple[dict[str, list[str]], ...] = ({"key": []}, {"googKey": []}, {"queryKey": []})


_PARAMETERS = (
    parameter(
        "fields",
        "The parts of the answer that are wanted, such as `attributeScores/*/summaryScore`; all without it",
    ),
    parameter("prettyPrint", "Answer with indentation", {"type": "boolean"}),
)


def _method(message: str) -> Described:
    return Described(
        tag=TAG,
        parameters=_PARAMETERS,
        body=(Content(ref(f"{_PREFIX}{message}Request")),),
        answers={200: Content(ref(f"{_PREFIX}{message}Response"))},
        error=_ERROR,
        errors=_ERRORS,
        security=_SECURITY,
    )


ANALYZED, SUGGESTED = _method("AnalyzeComment"), _method("SuggestCommentScore")
PREFLIGHT = Described(tag=TAG, answers={204: Content({}, "")}, error=_ERROR, errors={})
DISCOVERY = Described(
    tag=TAG,
    parameters=(parameter("version", "v1alpha1, or left out", {"type": "string", "enum": ["v1alpha1"]}),),
    answers={200: Content({"type": "object"})},
    error=_ERROR,
    errors={404: "Another version."},
)
