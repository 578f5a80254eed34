"""Hasher-Matcher-Actioner's API in `/v1/openapi.json`."""

from safehold.gateway.described import (
    COUNT,
    FLAG,
    SHARE,
    TEXT,
    Content,
    Described,
    Schema,
    many,
    parameter,
    record,
    ref,
    table,
)
from safehold.signals.hashes.kinds import KINDS

TAG = "Hasher-Matcher-Actioner"
_KIND: Schema = {"type": "string", "enum": list(KINDS)}
_HASHES: Schema = {"type": "object", "properties": dict.fromkeys(KINDS, TEXT), "additionalProperties": False}
_NUMBER: Schema = {"type": ["integer", "null"]}
_MATCH = record(("bank_content_id", "distance"), bank_content_id={"type": "integer"}, distance=TEXT)
_BY_BANK = table(many(_MATCH))
SCHEMAS: dict[str, Schema] = {
    "HmaError": record(("message",), message=TEXT),
    "HmaBank": record(("name", "matching_enabled_ratio"), name=TEXT, matching_enabled_ratio=SHARE),
    "HmaHashes": _HASHES,
    "HmaAdded": record(("id", "signals"), id={"type": "integer"}, signals=ref("HmaHashes")),
    "HmaContent": record(
        ("id", "disable_until_ts", "collab_metadata", "original_media_uri", "bank"),
        id={"type": "integer"},
        disable_until_ts={"type": "integer"},
        collab_metadata=table(many(TEXT)),
        original_media_uri={"type": "null"},
        bank=ref("HmaBank"),
        signals=ref("HmaHashes"),
    ),
    "HmaExchangeStatus": record(
        ("checkpoint_ts", "last_fetch_complete_ts", "last_fetch_succeeded", "up_to_date", "fetched_items"),
        checkpoint_ts=_NUMBER,
        running_fetch_start_ts=_NUMBER,
        last_fetch_complete_ts=_NUMBER,
        last_fetch_succeeded={"type": ["boolean", "null"]},
        up_to_date=FLAG,
        fetched_items=COUNT,
    ),
}
_ERRORS = {
    400: "A parameter or the body is wrong: the message says which.",
    401: "No key, or an unknown, revoked or expired one.",
    403: "The key lacks the scope, or this is not done here.",
    404: "There is no such bank, content or exchange.",
    429: "Too many requests for this key: Retry-After.",
    500: "A fault of ours.",
    503: "Starting, or too many files are in hand: Retry-After.",
}
_PLAIN = "text/plain"
_SIGNAL = (
    parameter("signal", "The hash"),
    parameter("signal_type", "Its kind", _KIND),
    parameter("banks", "Only these, with commas between"),
)
_FILE = (parameter("url", "A file at a public address"), parameter("types", "Only these kinds, with commas between"))
_BYTES: Schema = {"type": "string", "format": "binary"}
_UPLOAD = Content(record(**dict.fromkeys(("photo", "video", "file"), _BYTES)), "multipart/form-data")


def _told(
    schema: Schema, *parameters: Schema, body: Content | None = None, status: int = 200, key: bool = True
) -> Described:  # fmt: skip
    return Described(
        tag=TAG, parameters=parameters, body=(body,) if body else (), answers={status: Content(schema)},
        error=Content(ref("HmaError")), errors=_ERRORS if key else {503: "Not yet."}, security=({"key": []},) if key else (),
    )  # fmt: skip


_EXCHANGE = record(("name",), name=TEXT, api=TEXT, enabled=FLAG, bank=TEXT)
_RATIO = {"enabled_ratio": SHARE, "enabled": FLAG}
#: (method, path) -> what is said of it.
DESCRIBED = {
    ("GET", "/h/hash"): _told(ref("HmaHashes"), *_FILE),
    ("POST", "/h/hash"): _told(ref("HmaHashes"), _FILE[1], body=_UPLOAD),
    ("GET", "/m/raw_lookup"): _told(
        record(("matches",), matches=many({"anyOf": [{"type": "integer"}, _MATCH]})),
        *_SIGNAL,
        parameter("include_distance", "Also how far each is", {"type": "string", "enum": ["true", "false"]}),
    ),
    ("GET", "/m/lookup"): _told({"anyOf": [_BY_BANK, table(_BY_BANK)]}, *_SIGNAL, *_FILE),
    ("POST", "/m/lookup"): _told(
        table(_BY_BANK),
        _FILE[1],
        parameter("bypass_coinflip", "Whatever share counts", {"type": "string", "enum": ["true", "false"]}),
        body=_UPLOAD,
    ),
    ("POST", "/m/compare"): _told(
        table(many({})), body=Content(table(many(TEXT, minItems=2, maxItems=2)))
    ),
    ("GET", "/m/index/status"): _told(table(record(present=FLAG, built_to={"type": "integer"}, size=COUNT))),
    ("GET", "/c/banks"): _told(many(ref("HmaBank"))),
    ("POST", "/c/banks"): _told(
        ref("HmaBank"), body=Content(record(("name",), name=TEXT | {"maxLength": 60}, **_RATIO)), status=201
    ),
    ("GET", "/c/bank/{name}"): _told(ref("HmaBank")),
    ("PUT", "/c/bank/{name}"): _told(ref("HmaBank"), body=Content(record(**_RATIO))),
    ("DELETE", "/c/bank/{name}"): _told({}),
    ("POST", "/c/bank/{name}/signal"): _told(ref("HmaAdded"), body=Content(ref("HmaHashes"))),
    ("POST", "/c/bank/{name}/content"): _told(ref("HmaAdded"), *_FILE, body=_UPLOAD),
    ("GET", "/c/bank/{name}/content/{item}"): _told(
        ref("HmaContent"),
        parameter("include_signals", "Also its hash", {"type": "string", "enum": ["true", "false"]}),
    ),
    ("PUT", "/c/bank/{name}/content/{item}"): _told(
        ref("HmaContent"), body=Content(record(("disable_until_ts",), disable_until_ts={"type": "integer", "enum": [0, 1]}))
    ),
    ("DELETE", "/c/bank/{name}/content/{item}"): _told(record(("deleted",), deleted=COUNT)),
    ("GET", "/c/exchanges"): _told(many(TEXT)),
    ("POST", "/c/exchanges"): _told({}),
    ("GET", "/c/exchanges/apis"): _told(many(TEXT)),
    ("GET", "/c/exchanges/api/{name}"): _told(
        record(supports_authentification=FLAG, has_set_authentification=FLAG)
    ),
    ("POST", "/c/exchanges/api/{name}"): _told({}),
    ("GET", "/c/exchange/{name}"): _told(_EXCHANGE),
    ("PUT", "/c/exchange/{name}"): _told(_EXCHANGE, body=Content(record(("enabled",), enabled=FLAG))),
    ("DELETE", "/c/exchange/{name}"): _told({}),
    ("GET", "/c/exchange/{name}/status"): _told(ref("HmaExchangeStatus")),
    ("GET", "/c/signal_type"): _told(many(record(("name",), name=TEXT, enabled_ratio=SHARE))),
    ("GET", "/c/signal_type/index"): _told(table({"type": "object"}), parameter("signal_type", "Only this", _KIND)),
    ("PUT", "/c/signal_type/{name}"): _told({}),
    ("GET", "/c/content_type"): _told(many(record(("name",), name=TEXT, enabled=FLAG))),
    ("GET", "/site-map"): _told(many(TEXT), key=False),
    ("GET", "/status"): Described(
        tag=TAG, answers={200: Content(TEXT, _PLAIN)}, error=Content(TEXT, _PLAIN), errors={503: "INDEX-NOT-LOADED"}
    ),
}  # fmt: skip
