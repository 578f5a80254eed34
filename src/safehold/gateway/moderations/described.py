"""OpenAI's moderation API in `/v1/openapi.json`, with the categories of the one table."""

from safehold.gateway.described import FLAG, SHARE, TEXT, Content, Described, Schema, many, parameter, record, ref
from safehold.gateway.moderations.categories import CATEGORIES, NAMES
from safehold.gateway.moderations.input import MOST_CHARACTERS, MOST_PARTS, MOST_TEXTS

_OLDER = tuple(category.name for category in CATEGORIES if not category.omni)
_INPUT: Schema = TEXT | {"maxLength": MOST_CHARACTERS}
_PART: Schema = {
    "oneOf": [
        record(("type", "text"), type={"const": "text"}, text=_INPUT),
        record(
            ("type", "image_url"),
            type={"const": "image_url"},
            image_url=record(("url",), url=TEXT | {"pattern": "^(https://|http://|data:image/)"}),
        ),
    ]
}
_RESULT = record(
    ("flagged", "categories", "category_scores"),
    flagged=FLAG,
    categories=record(_OLDER, **dict.fromkeys(NAMES, FLAG)),
    category_scores=record(_OLDER, **dict.fromkeys(NAMES, SHARE)),
    category_applied_input_types=record(
        _OLDER, **dict.fromkeys(NAMES, many({"type": "string", "enum": ["text", "image"]}))
    ),
    safehold=record(
        truncated=FLAG,
        texts_not_measured={"type": "integer"},
        decisions=many(record(("decision", "action"), decision=TEXT, action=TEXT, queue={"type": ["string", "null"]})),
    ),
)
SCHEMAS: dict[str, Schema] = {
    "ModerationRequest": record(
        ("input",),
        input={
            "oneOf": [
                _INPUT,
                many(_INPUT, minItems=1, maxItems=MOST_TEXTS),
                many(_PART, minItems=1, maxItems=MOST_PARTS),
            ]
        },
        model={"type": "string", "pattern": r"^(omni|text)-moderation-[\w.-]+$"},
        user=TEXT | {"maxLength": 256},
        safety_identifier=TEXT | {"maxLength": 256},
        metadata={"type": "object", "additionalProperties": TEXT},
    ),
    "Moderation": record(
        ("id", "model", "results"),
        id=TEXT,
        model=TEXT,
        results=many(_RESULT),
        safehold=record(("not_measured",), not_measured=many({"type": "string", "enum": list(NAMES)})),
    ),
    "ModerationError": record(
        ("error",),
        error=record(
            ("message", "type", "param", "code"),
            message=TEXT,
            type=TEXT,
            param={"type": ["string", "null"]},
            code={"type": ["string", "null"]},
        ),
    ),
}
MODERATED = Described(
    tag="OpenAI moderation",
    body=(Content(ref("ModerationRequest")),),
    parameters=(parameter("Safehold-Record", "`no`: keep nothing of this request", where="header"),),
    answers={200: Content(ref("Moderation"))},
    error=Content(ref("ModerationError")),
    errors={
        400: "`param` names the field.",
        401: "No key, or an unknown, revoked or expired one.",
        403: "The key lacks `text:score`.",
        413: "The body is too large, or has more inputs than the key may send at once.",
        415: "The body is not application/json.",
        429: "Too many inputs for this key: Retry-After, x-ratelimit headers.",
        500: "A fault of ours.",
        503: "Starting, full, or the record can't be written.",
    },
    security=({"key": []},),
)
