"""What each remote service is asked and what its answer means: one function each for the request and for the scores, 0 to 1 by
the service's own names. Adding a service is adding one entry to PROVIDERS.

Formats: Perspective `comments:analyze` v1alpha1; Hive text moderation v2 `task/sync`; Google Cloud Natural Language v1
`documents:moderateText`; Azure AI Content Safety 2024-09-01 `text:analyze`.
"""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

import msgspec

#: What Perspective is asked for.
PERSPECTIVE = ("TOXICITY", "SEVERE_TOXICITY", "IDENTITY_ATTACK", "INSULT", "PROFANITY", "THREAT")
#: Scores that are taken from one answer.
MOST_SCORES = 200
AZURE = ("Hate", "SelfHarm", "Sexual", "Violence")
_AZURE_MOST, _HIVE_MOST = 7, 3


@dataclass(frozen=True)
class Request:
    """A POST of a JSON document."""

    url: str
    headers: Mapping[str, str]
    document: Any


@dataclass(frozen=True)
class Provider:
    """One service. `url` is its own address; of a text no more than `longest` characters are sent. `read` raises
    msgspec.ValidationError or ValueError for an answer that is not as documented."""

    url: str
    longest: int
    request: Callable[[str, str, str], Request]
    read: Callable[[Any], dict[str, float]]


class _Value(msgspec.Struct):
    value: float


class _Attribute(msgspec.Struct, rename="camel"):
    summary_score: _Value


class _Perspective(msgspec.Struct, rename="camel"):
    attribute_scores: dict[str, _Attribute]


def _perspective_request(url: str, key: str, text: str) -> Request:
    document = {
        "comment": {"text": text, "type": "PLAIN_TEXT"},
        "requestedAttributes": {name: {} for name in PERSPECTIVE},
        "doNotStore": True,
    }
    return Request(f"{url}/v1alpha1/comments:analyze", {"x-goog-api-key": key}, document)


def _perspective_scores(answer: Any) -> dict[str, float]:
    found = msgspec.convert(answer, _Perspective).attribute_scores
    return {name: _share(attribute.summary_score.value) for name, attribute in found.items()}


class _Category(msgspec.Struct):
    name: str
    confidence: float


class _Google(msgspec.Struct, rename="camel"):
    moderation_categories: list[_Category]


def _google_request(url: str, key: str, text: str) -> Request:
    document = {"document": {"type": "PLAIN_TEXT", "content": text}}
    return Request(f"{url}/v1/documents:moderateText", {"x-goog-api-key": key}, document)


def _google_scores(answer: Any) -> dict[str, float]:
    return {each.name: _share(each.confidence) for each in msgspec.convert(answer, _Google).moderation_categories}


class _Severity(msgspec.Struct):
    category: str
    severity: int


class _Azure(msgspec.Struct, rename="camel"):
    categories_analysis: list[_Severity]


def _azure_request(url: str, key: str, text: str) -> Request:
    document = {"text": text, "categories": list(AZURE), "outputType": "EightSeverityLevels"}
    address = f"{url}/contentsafety/text:analyze?api-version={quote('2024-09-01')}"
    return Request(address, {"ocp-apim-subscription-key": key}, document)


def _azure_scores(answer: Any) -> dict[str, float]:
    found = msgspec.convert(answer, _Azure).categories_analysis
    return {each.category: _share(each.severity / _AZURE_MOST) for each in found}


class _Class(msgspec.Struct):
    name: str = msgspec.field(name="class")
    score: int


class _Output(msgspec.Struct):
    classes: list[_Class]


class _HiveResponse(msgspec.Struct):
    output: list[_Output]


class _HiveCode(msgspec.Struct):
    code: int


class _HiveStatus(msgspec.Struct):
    status: _HiveCode
    response: _HiveResponse


class _Hive(msgspec.Struct):
    status: list[_HiveStatus]


def _hive_request(url: str, key: str, text: str) -> Request:
    return Request(f"{url}/api/v2/task/sync", {"authorization": f"Token {key}"}, {"text_data": text})


def _hive_scores(answer: Any) -> dict[str, float]:
    """Hive's severities 0 to 3, the highest of each class over all parts; -1 is a class that it can't tell in this language."""
    found: dict[str, float] = {}
    for status in msgspec.convert(answer, _Hive).status:
        if status.status.code != 0:
            raise ValueError("it says that it failed")
        for output in status.response.output:
            for each in output.classes:
                if each.score >= 0:
                    found[each.name] = max(found.get(each.name, 0.0), _share(each.score / _HIVE_MOST))
    return found


def _share(value: float) -> float:
    if not (math.isfinite(value) and 0 <= value <= 1):
        raise ValueError("a score is not between 0 and 1")
    return float(value)


PROVIDERS: Mapping[str, Provider] = {
    "perspective": Provider(
        "https://commentanalyzer.googleapis.com", 5_000, _perspective_request, _perspective_scores
    ),
    "hive": Provider("https://api.thehive.ai", 1_024, _hive_request, _hive_scores),
    "google": Provider("https://language.googleapis.com", 20_000, _google_request, _google_scores),
    "azure": Provider("", 10_000, _azure_request, _azure_scores),
}  # fmt: skip
