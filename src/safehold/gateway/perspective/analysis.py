"""What Perspective's `comments:analyze` answers to a request that could be read: checked, scored, put together. Pure but for the
models it asks. Runs on a scoring thread; `perspective` calls it.
"""

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

from safehold.gateway.learned import Answered, Answers
from safehold.gateway.perspective.attributes import LANGUAGES, OFFERED, Offered, primary, readable
from safehold.gateway.perspective.errors import language_not_supported, wrong_request
from safehold.gateway.perspective.texts import plain, sentences, utf16
from safehold.signals.language import identify

#: Bytes of UTF-8 that a comment may have, as in Google's service.
MOST_BYTES = 20_480
#: Attributes and languages that one request may name; there are fewer of either.
_MOST_NAMED = 100

#: An attribute's name and the model's score: the score that is answered.
Calibrate = Callable[[str, float], float]


@dataclass(frozen=True, slots=True)
class Analysis:
    """What was found: the answer without the token, the scores by the API's names (as answered, and as the shipped model gave
    those that are its own), the plain text that was scored, its language, and the community model that gave some of them."""

    answer: dict[str, Any]
    scores: dict[str, float]
    raw: dict[str, float]
    text: str
    language: str
    community: str = ""


def check_comment(message: Mapping[str, Any]) -> tuple[str, str]:
    """The comment's text and type. Raises Refusal 400."""
    comment = message.get("comment", {})
    text = comment.get("text", "")
    if not text.strip():
        raise wrong_request("Comment must be non-empty.", "COMMENT_EMPTY")
    if len(text.encode("utf-8", "replace")) > MOST_BYTES:
        raise wrong_request("Comment text too long.", "COMMENT_TOO_LONG")
    context = message.get("context", {})
    if context.get("entries") and context.get("articleAndParentComment"):
        raise wrong_request(
            "Context can have either entries or article_and_parent_comment, but both fields were populated."
        )
    return text, comment.get("type", "PLAIN_TEXT")


def plain_text(message: Mapping[str, Any]) -> str:
    """The comment's text without markup."""
    comment = message["comment"]
    text: str = comment["text"]
    return plain(text)[0] if comment.get("type") == "HTML" else text


def check_attributes(message: Mapping[str, Any]) -> dict[str, Offered]:
    """The attributes to score, by name. Raises Refusal 400 for none, for one that isn't offered (unless those are dropped)
    and for another kind of score than a probability."""
    requested: Mapping[str, Mapping[str, Any]] = message.get("requestedAttributes", {})
    if not requested or len(requested) > _MOST_NAMED:
        raise wrong_request("Missing requested_attributes", "NO_REQUESTED_ATTRIBUTES")
    unknown = [name for name in requested if name not in OFFERED]
    if unknown and not message.get("dropUnsupportedAttributes"):
        shown = unknown[0] if unknown[0].isidentifier() and len(unknown[0]) <= 64 else "(not a name)"
        raise wrong_request(f"Unknown requested attribute: {shown}")
    for name, parameters in requested.items():
        kind = parameters.get("scoreType", "PROBABILITY")
        if kind not in ("PROBABILITY", "SCORE_TYPE_UNSPECIFIED") and name in OFFERED:
            raise wrong_request(f"Requested score type {kind} is not supported by attribute {name}")
    return {name: OFFERED[name] for name in requested if name in OFFERED}


class Languages(NamedTuple):
    """The languages a comment is scored in, those recognised (likeliest first), and those that the shipped model can't read and
    that keep it from scoring; empty where it can. Of these `spoken` is the one that a community model may know."""

    effective: list[str]
    recognised: list[str]
    unread: list[str]

    @property
    def spoken(self) -> str:
        """The language that it is scored in."""
        unread = [primary(language) for language in self.unread]
        plainly = primary(self.recognised[0]) if self.recognised else ""
        return (plainly if plainly in unread else unread[0]) if unread else LANGUAGES[0]


def languages_of(message: Mapping[str, Any], text: str) -> Languages:
    """The caller's word counts. Of several languages one that we read is enough, unless the text is plainly in another of
    them. Without the caller's word the recognised language counts; a text too short to tell, in Latin letters, is read as
    English. Raises Refusal 400 where no language can be told.
    """
    found = [language for language, _ in identify(text)]
    named = [language for language in message.get("languages", []) if language][:_MOST_NAMED]
    if named:
        plainly = primary(found[0]) if found else ""
        if not readable(named):
            return Languages(named, found, named)
        told = plainly in {primary(language) for language in named} and not readable([plainly])
        return Languages(named, found, [plainly] if told else [])
    if found:
        return Languages(found[:1], found, [] if readable(found[:1]) else found[:1])
    if any(sign.isascii() and sign.isalpha() for sign in text):
        return Languages(["en"], [], [])
    raise wrong_request("Unable to detect language.", "LANGUAGE_DETECTION_FAILED")


def analyse(message: Mapping[str, Any], calibrate: Calibrate, answers: Answers) -> Analysis:
    """Score a request's comment. What the community model answers is not calibrated to another service: it is what moderators
    here say. Raises Refusal 400 in the API's words."""
    written, kind = check_comment(message)
    attributes = check_attributes(message)
    text, places = plain(written) if kind == "HTML" else (written, None)
    if not text.strip():
        raise wrong_request("Comment must be non-empty.", "COMMENT_EMPTY")
    languages = languages_of(message, text)
    if languages.unread:
        learned = answers.learned(languages.spoken)
        attributes = _said(message, attributes, learned, languages.unread)
    parts = sentences(text) if message.get("spanAnnotations") and attributes else []
    if len(parts) < 2:  # the whole is the part, and is scored once
        parts = []
    pieces = [text, *(text[begin:end] for begin, end in parts)]
    scored = answers.score(pieces, languages.spoken) if attributes else []
    if scored:  # the caller may have said a language that the model reads, while it is another one
        attributes = _said(message, attributes, scored[0].scores.keys(), languages.recognised or ["und"])
    wanted = {attribute.scores for attribute in attributes.values()}
    parts = [part for part, one in zip(parts, scored[1:], strict=True) if wanted <= one.scores.keys()]
    scored = [one for one in scored if wanted <= one.scores.keys()]

    def value(name: str, one: Answered) -> float:
        found = one.scores[attributes[name].scores]
        return found if attributes[name].scores in one.learned else calibrate(name, found)

    raw = {
        name: scored[0].scores[attribute.scores]
        for name, attribute in attributes.items()
        if attribute.scores not in scored[0].learned
    }
    scores = {name: value(name, scored[0]) for name in attributes}
    of_parts = {name: [value(name, part) for part in scored[1:]] or [scores[name]] for name in attributes}
    spans = _spans(written, places, parts or [(0, len(text))])
    requested = message["requestedAttributes"]
    told = {
        name: _attribute(value, spans, of_parts[name])
        for name, value in scores.items()
        if not value < requested[name].get("scoreThreshold", 0.0)
    }
    answer = {
        **({"attributeScores": told} if told else {}),
        "languages": languages.effective,
        **({"detectedLanguages": languages.recognised} if languages.recognised else {}),
    }
    community = answers.community if raw.keys() != scores.keys() else ""
    return Analysis(answer, scores, raw, text, primary((languages.recognised or languages.effective)[0]), community)


def _said(
    message: Mapping[str, Any], attributes: Mapping[str, Offered], can: Collection[str], languages: list[str]
) -> dict[str, Offered]:
    """Those of the attributes that can be said. Raises Refusal 400 naming the first that can't, unless those are dropped."""
    unsaid = [name for name, attribute in attributes.items() if attribute.scores not in can]
    if unsaid and not message.get("dropUnsupportedAttributes"):
        raise language_not_supported(unsaid[0], languages)
    return {name: attribute for name, attribute in attributes.items() if name not in unsaid}


def _attribute(summary: float, spans: list[tuple[int, int]], values: list[float]) -> dict[str, Any]:
    """One attribute's scores: of the parts, and of the whole."""
    of_parts = [
        {"begin": begin, "end": end, "score": _score(value)} for (begin, end), value in zip(spans, values, strict=True)
    ]
    return {"spanScores": of_parts, "summaryScore": _score(summary)}


def _spans(written: str, places: list[int] | None, parts: list[tuple[int, int]]) -> list[tuple[int, int]]:
    """Parts of the plain text as UTF-16 places in the comment as it was written."""
    flat = [place for part in parts for place in part]
    units = utf16(written, [places[place] for place in flat] if places is not None else flat)
    return list(zip(units[::2], units[1::2], strict=True))


def _score(value: float) -> dict[str, Any]:
    return {"value": value, "type": "PROBABILITY"}
