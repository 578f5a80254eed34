"""Akismet's API in `/v1/openapi.json`. Its key is a field of the form, or the first label of the host's name."""

from safehold.gateway.described import COUNT, FLAG, TEXT, Content, Described, Schema, many, parameter, record, ref

TAG = "Akismet"
ORDERS = ("total", "spam", "ham", "missed_spam", "false_positives")
_FORM, _PLAIN = "application/x-www-form-urlencoded", "text/plain"
_MONTH: Schema = {"type": "string", "pattern": "^2[0-9]{3}-(0[1-9]|1[0-2])$"}
_FIELDS = (
    "blog", "user_ip", "user_agent", "referrer", "permalink", "comment_type", "comment_author", "comment_author_email",
    "comment_author_url", "comment_content", "comment_date_gmt", "comment_post_modified_gmt", "comment_context[]", "blog_lang",
    "blog_charset", "user_role", "user_ID", "is_test", "test_discard", "recheck_reason", "honeypot_field_name", "guid",
)  # fmt: skip
SCHEMAS: dict[str, Schema] = {
    "AkismetComment": record(("api_key", "blog", "user_ip"), api_key=TEXT, **dict.fromkeys(_FIELDS, TEXT)),
    "AkismetKey": record(("key", "blog"), key=TEXT, blog=TEXT),
    "AkismetSites": {
        "type": "object",
        "required": ["limit", "offset", "total"],
        "properties": dict.fromkeys(("limit", "offset", "total"), COUNT),
        "additionalProperties": many(
            record(
                ("site", "api_calls", "spam", "ham", "missed_spam", "false_positives", "is_revoked"),
                is_revoked=FLAG,
                **dict.fromkeys(("site", "api_calls", "spam", "ham", "missed_spam", "false_positives"), TEXT),
            )
        ),
    },
    "AkismetStatsKey": record(
        ("key", "blog"), key=TEXT, blog=TEXT, **{"from": {"type": "string", "enum": ["60-days", "6-months", "all"]}}
    ),
    "AkismetUsage": record(
        ("limit", "usage", "percentage", "throttled"),
        limit=TEXT,
        usage={"type": "integer"},
        percentage=TEXT,
        throttled=FLAG,
        notice_level=TEXT,
        upgrade=FLAG,
    ),
}
_ERROR = Content(TEXT, _PLAIN)
_ERRORS = {
    400: "A field is missing or wrong: the text and X-akismet-debug-help name it.",
    413: "The form is too large.",
    415: "The body is no form.",
    429: "Too many requests for this key: Retry-After.",
    500: "A fault of ours.",
    503: "Starting, full, or the record can't be written.",
}


def _said(*words: str) -> Content:
    return Content({"type": "string", "enum": [*words, "invalid"]} if words else TEXT, _PLAIN)


def _post(form: str, answer: Content) -> Described:
    return Described(tag=TAG, body=(Content(ref(form), _FORM),), answers={200: answer}, error=_ERROR, errors=_ERRORS)


_SITES = (
    parameter("month", "Such as 2026-11; this month without it", _MONTH),
    parameter("filter", "Part of a site's name"),
    parameter("order", "The greatest first", {"type": "string", "enum": list(ORDERS)}),
    parameter("limit", "Rows", {"type": "integer", "minimum": 1, "maximum": 10_000}),
    parameter("offset", "Rows before the first", {"type": "integer", "minimum": 0, "maximum": 999_999_999}),
    parameter("format", "How it is told", {"type": "string", "enum": ["json"]}),
)  # fmt: skip
_KEY = parameter("api_key", "The key", required=True)


def _read(answer: str, *more: Schema) -> Described:
    return Described(
        tag=TAG, parameters=(_KEY, *more), answers={200: Content(ref(answer))}, error=_ERROR, errors=_ERRORS
    )


#: (method, path) -> what is said of it.
DESCRIBED = {
    ("POST", "/1.1/comment-check"): _post("AkismetComment", _said("true", "false")),
    ("POST", "/1.1/submit-spam"): _post("AkismetComment", _said()),
    ("POST", "/1.1/submit-ham"): _post("AkismetComment", _said()),
    ("POST", "/1.1/verify-key"): _post("AkismetKey", _said("valid")),
    ("POST", "/1.1/get-subscription"): _post("AkismetKey", Content({"type": "object"})),
    ("POST", "/1.1/get-stats"): _post("AkismetStatsKey", _said()),
    ("POST", "/1.1/deactivate"): _post("AkismetKey", _said("deactivated")),
    ("GET", "/1.1/test"): Described(
        tag=TAG, answers={200: Content({"type": "string", "enum": ["connected"]}, _PLAIN)}, error=_ERROR, errors={}
    ),
    ("GET", "/1.2/key-sites"): _read("AkismetSites", *_SITES),
    ("POST", "/1.2/key-sites"): _post("AkismetKey", Content(ref("AkismetSites"))),
    ("GET", "/1.2/usage-limit"): _read("AkismetUsage"),
    ("POST", "/1.2/usage-limit"): _post("AkismetKey", Content(ref("AkismetUsage"))),
}
