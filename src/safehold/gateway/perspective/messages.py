"""The messages of Perspective's API as one table: requests are read by it as Google's JSON reader does, and the discovery
document is made of it, so that what is taken is what is described. Names are those of the API's public description.
"""

from dataclasses import dataclass
from typing import Any, Literal

from safehold.gateway.perspective.errors import Violation, unreadable

Kind = Literal["string", "boolean", "number", "integer", "enum", "message", "list", "map"]

SCORE_TYPES = ("SCORE_TYPE_UNSPECIFIED", "PROBABILITY", "STD_DEV_SCORE", "PERCENTILE", "RAW")
TEXT_TYPES = ("TEXT_TYPE_UNSPECIFIED", "PLAIN_TEXT", "HTML")
_PROTO = {
    "string": "TYPE_STRING", "boolean": "TYPE_BOOL", "number": "TYPE_FLOAT", "integer": "TYPE_INT32", "enum": "TYPE_ENUM",
}  # fmt: skip
#: Violations that are told of one request.
_MOST = 20


@dataclass(frozen=True, slots=True)
class Field:
    """One field. `of` is the message of a message, the kind of a list's or map's members, the names of an enum."""

    kind: Kind
    says: str = ""
    of: Any = None


def _text(says: str) -> Field:
    return Field("string", says)


_SCORE = Field("enum", "The kind of score", SCORE_TYPES)
_CONTEXT = Field("message", "What the comment refers to or answers", "Context")
_CLIENT_TOKEN = _text("Opaque; echoed in the answer")
_COMMUNITY = _text("The caller's community, such as a site")
_SESSION = _text("Joins requests of one session")

MESSAGES: dict[str, dict[str, Field]] = {
    "TextEntry": {
        "text": _text("UTF-8 text"),
        "type": Field("enum", "How the text is written; PLAIN_TEXT if unset", TEXT_TYPES),
    },
    "ArticleAndParentComment": {
        "article": Field("message", "What the comment is about", "TextEntry"),
        "parentComment": Field("message", "The comment that it answers", "TextEntry"),
    },
    "Context": {
        "articleAndParentComment": Field("message", "Either this or entries", "ArticleAndParentComment"),
        "entries": Field("list", "Messages before this one", Field("message", "", "TextEntry")),
    },
    "AttributeParameters": {
        "scoreType": _SCORE,
        "scoreThreshold": Field("number", "An attribute that scores below this is left out of the answer"),
    },
    "Score": {"value": Field("number", "The score"), "type": _SCORE},
    "SpanScore": {
        "begin": Field("integer", "First UTF-16 code unit of the part"),
        "end": Field("integer", "The UTF-16 code unit after its last"),
        "score": Field("message", "The part's score", "Score"),
    },
    "AttributeScores": {
        "summaryScore": Field("message", "The score of the whole comment", "Score"),
        "spanScores": Field("list", "Scores of its parts", Field("message", "", "SpanScore")),
    },
    "AnalyzeCommentRequest": {
        "comment": Field("message", "The text to score", "TextEntry"),
        "context": _CONTEXT,
        "requestedAttributes": Field("map", "Attributes by name", Field("message", "", "AttributeParameters")),
        "spanAnnotations": Field("boolean", "Also score each sentence"),
        "languages": Field("list", "ISO 639-1 or BCP 47; recognised if unset", Field("string")),
        "doNotStore": Field("boolean", "Keep nothing of this request"),
        "dropUnsupportedAttributes": Field("boolean", "Leave out what can't be scored instead of refusing the request"),
        "clientToken": _CLIENT_TOKEN,
        "sessionId": _SESSION,
        "communityId": _COMMUNITY,
    },
    "AnalyzeCommentResponse": {
        "attributeScores": Field("map", "Scores by attribute", Field("message", "", "AttributeScores")),
        "languages": Field("list", "The languages it was scored as", Field("string")),
        "detectedLanguages": Field("list", "The languages recognised, likeliest first", Field("string")),
        "clientToken": _CLIENT_TOKEN,
    },
    "SuggestCommentScoreRequest": {
        "comment": Field("message", "The text", "TextEntry"),
        "context": _CONTEXT,
        "attributeScores": Field("map", "What the scores should be", Field("message", "", "AttributeScores")),
        "languages": Field("list", "ISO 639-1 or BCP 47", Field("string")),
        "communityId": _COMMUNITY,
        "sessionId": _SESSION,
        "clientToken": _CLIENT_TOKEN,
    },
    "SuggestCommentScoreResponse": {
        "clientToken": _CLIENT_TOKEN,
        "detectedLanguages": Field("list", "The languages recognised, likeliest first", Field("string")),
        "requestedLanguages": Field("list", "The languages of the request", Field("string")),
    },
}


def read_message(name: str, document: Any) -> dict[str, Any]:
    """A request's JSON as its message: camelCase names, unset fields left out.

    As protocol buffers' JSON does it: snake_case is taken too, null is unset, numbers may be strings. Raises Refusal 400
    with every field that is wrong; values are not said again.
    """
    wrong: list[Violation] = []
    if not isinstance(document, dict):
        raise unreadable([Violation("", "Invalid JSON payload received. The root must be an object.")])
    message = _message(name, document, "", wrong)
    if wrong:
        raise unreadable(wrong[:_MOST])
    return message


def _message(of: str, document: dict[str, Any], path: str, wrong: list[Violation]) -> dict[str, Any]:
    fields = MESSAGES[of]
    found: dict[str, Any] = {}
    for key, value in document.items():
        name = camel(key)
        field = fields.get(name)
        if field is None:
            # The name is said again only where it can be one: anything may stand in its place.
            shown = f' "{key}"' if key.isidentifier() and len(key) <= 64 else ""
            at = f" at '{path}'" if path else ""
            text = f"Invalid JSON payload received. Unknown name{shown}{at}: Cannot find field."
            wrong.append(Violation(path, text))
        elif value is not None:
            found[name] = _value(field, value, f"{path}.{name}" if path else name, wrong)
    return found


def _value(field: Field, value: Any, path: str, wrong: list[Violation]) -> Any:
    match field.kind, value:
        case "message", dict():
            return _message(field.of, value, path, wrong)
        case "list", list():
            return [_value(field.of, one, f"{path}[{index}]", wrong) for index, one in enumerate(value)]
        case "map", dict():
            # A map's keys are the caller's: an attribute's name, which is checked elsewhere.
            return {key: _value(field.of, one, path, wrong) for key, one in value.items() if one is not None}
        case "string", str():
            return value
        case "boolean", bool():
            return value
        case "boolean", "true" | "false":
            return value == "true"
        case "enum", str() if value in field.of:
            return value
        case (("number" | "integer"), (str() | int() | float())) if not isinstance(value, bool):
            try:
                return int(value) if field.kind == "integer" else float(value)
            except (ValueError, OverflowError):
                pass
    wrong.append(Violation(path, f"Invalid value at '{path}' ({_PROTO.get(field.kind, 'a message')})"))
    return None


def camel(name: str) -> str:
    """A name as the API's JSON has it."""
    head, *rest = name.split("_")
    return head + "".join(part[:1].upper() + part[1:] for part in rest)
