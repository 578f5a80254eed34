"""The discovery document of Perspective's API, by which Google's client libraries build themselves: methods and messages of
`perspective_messages`, at this installation's address. Made once; it needs no key, as Google's doesn't.
"""

from typing import Any

import msgspec

from safehold.gateway.perspective.messages import MESSAGES, Field

VERSION = "v1alpha1"
_PARAMETERS = {
    "alt": "Data format of the answer: json",
    "fields": "The parts of the answer that are wanted: attributeScores/TOXICITY/summaryScore,clientToken",
    "key": "The API key",
    "prettyPrint": "Answer with indentation",
    "quotaUser": "Taken and not used",
}


def discovery_document(base_url: str) -> bytes:
    """The document as JSON."""
    root = f"{base_url}/"
    return msgspec.json.encode(
        {
            "kind": "discovery#restDescription",
            "discoveryVersion": "v1",
            "id": f"commentanalyzer:{VERSION}",
            "name": "commentanalyzer",
            "canonicalName": "Comment Analyzer",
            "version": VERSION,
            "title": "Perspective Comment Analyzer API, answered by Safehold",
            "description": "Scores comments by attributes such as toxicity.",
            "protocol": "rest",
            "rootUrl": root,
            "baseUrl": root,
            "basePath": "",
            "servicePath": "",
            "batchPath": "batch",
            "parameters": {
                name: {"type": "string", "location": "query", "description": says} for name, says in _PARAMETERS.items()
            },
            "schemas": {name: _schema(name, fields) for name, fields in MESSAGES.items()},
            "resources": {
                "comments": {
                    "methods": {
                        "analyze": _method("analyze", "Analyze", "Scores a comment."),
                        "suggestscore": _method("suggestscore", "Suggest", "Says what a comment's scores should be."),
                    }
                }
            },
        }
    )


def _method(name: str, message: str, says: str) -> dict[str, Any]:
    messages = {"Analyze": "AnalyzeComment", "Suggest": "SuggestCommentScore"}[message]
    path = f"{VERSION}/comments:{name}"
    return {
        "id": f"commentanalyzer.comments.{name}",
        "path": path,
        "flatPath": path,
        "httpMethod": "POST",
        "description": says,
        "parameters": {},
        "parameterOrder": [],
        "request": {"$ref": f"{messages}Request"},
        "response": {"$ref": f"{messages}Response"},
    }


def _schema(name: str, fields: dict[str, Field]) -> dict[str, Any]:
    return {"id": name, "type": "object", "properties": {key: _property(field) for key, field in fields.items()}}


def _property(field: Field) -> dict[str, Any]:
    said = {"description": field.says} if field.says else {}
    match field.kind:
        case "message":
            return {"$ref": field.of, **said}
        case "list":
            return {"type": "array", "items": _property(field.of), **said}
        case "map":
            return {"type": "object", "additionalProperties": _property(field.of), **said}
        case "enum":
            return {"type": "string", "enum": list(field.of), **said}
        case "number":
            return {"type": "number", "format": "float", **said}
        case "integer":
            return {"type": "integer", "format": "int32", **said}
    return {"type": field.kind, **said}
