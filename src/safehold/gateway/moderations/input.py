"""What `POST /v1/moderations` takes, checked: one text, several, or the parts of one input. Who calls: `moderations`.

Source: OpenAI's API reference, "Create moderation" (openai-openapi, `CreateModerationRequest`).
"""

import re
from typing import Any, NoReturn

import msgspec

from safehold.gateway.cloudevents import read_json
from safehold.gateway.problems import Refusal, field_error

#: Texts of one request, parts and images of one input, and characters of a text at most.
MOST_TEXTS = 1_000
MOST_PARTS = 64
MOST_IMAGES = 4
MOST_CHARACTERS = 100_000
#: Models of OpenAI's whose place ours takes. The older ones answer without `illicit` and without applied input types.
_OMNI = re.compile(r"omni-moderation-[\w.-]+")
_OLDER = re.compile(r"text-moderation-[\w.-]+")
_ABOUT = {"content_id": 256, "thread_id": 256, "url": 2048, "language": 35, "reference": 1024}


class Wanted(msgspec.Struct, frozen=True, kw_only=True):
    """One request. `inputs` has one entry for each result: its texts, and its images as (field, address). `older` is true for
    the shape of the text-moderation models. `user` and `about` say who wrote it and what it is, for the record."""

    inputs: list[tuple[list[str], list[tuple[str, str]]]]
    older: bool
    user: str
    about: dict[str, str]


def read_wanted(body: bytes, own_model: str) -> Wanted:
    """The request in a body. Raises Refusal: `malformed-json`, or `invalid-event` with the field that is wrong."""
    document = read_json(body)
    if not isinstance(document, dict):
        _refuse("input", "We could not parse the JSON body of your request: it must be an object with an `input`.")
    model = document.get("model")
    if model is not None and not isinstance(model, str):
        _refuse("model", "Invalid type for 'model': expected a string.")
    older = model is not None and _OLDER.fullmatch(model) is not None
    if not (model is None or older or _OMNI.fullmatch(model) or model == own_model):
        _refuse(
            "model", "Invalid value for 'model': send omni-moderation-latest, text-moderation-latest, or leave it out."
        )
    if "input" not in document:
        _refuse("input", "Missing required parameter: 'input'.")
    user = document.get("user") or document.get("safety_identifier") or ""
    if not isinstance(user, str) or len(user) > 256:
        _refuse("user", "Invalid value for 'user': expected a string of at most 256 characters.")
    return Wanted(inputs=_inputs(document["input"]), older=older, user=user.replace("\0", ""), about=_about(document))


def _inputs(given: Any) -> list[tuple[list[str], list[tuple[str, str]]]]:
    if isinstance(given, str):
        return [([_text(given, "input")], [])]
    if not isinstance(given, list) or not given:
        _refuse("input", "Invalid value for 'input': expected a string, an array of strings or an array of parts.")
    if len(given) > MOST_TEXTS:
        _refuse("input", f"Invalid 'input': {MOST_TEXTS:,} inputs are the most at once.")
    if all(isinstance(item, str) for item in given):
        return [([_text(item, f"input[{index}]")], []) for index, item in enumerate(given)]
    if len(given) > MOST_PARTS:
        _refuse("input", f"Invalid 'input': {MOST_PARTS} parts are the most of one input.")
    texts, images = [], list[tuple[str, str]]()
    for index, part in enumerate(given):
        kind = part.get("type") if isinstance(part, dict) else None
        if kind == "text":
            texts.append(_text(part.get("text"), f"input[{index}].text"))
        elif kind == "image_url":
            where = f"input[{index}].image_url"
            images.append((f"{where}.url", _address(part.get("image_url"), where)))
        else:
            _refuse(
                f"input[{index}]",
                f"Invalid value for 'input[{index}]': send strings only, or parts of type `text` and `image_url` only.",
            )
    if len(images) > MOST_IMAGES:
        _refuse("input", f"Invalid 'input': {MOST_IMAGES} images are the most of one input.")
    return [(texts, images)]


def _text(given: Any, where: str) -> str:
    if not isinstance(given, str):
        _refuse(where, f"Invalid type for '{where}': expected a string.")
    if len(given) > MOST_CHARACTERS:
        _refuse(where, f"Invalid '{where}': the text has more than {MOST_CHARACTERS:,} characters; send it in parts.")
    return given


def _address(given: Any, where: str) -> str:
    url = given.get("url") if isinstance(given, dict) else given
    if not isinstance(url, str) or not url.lower().startswith(("https://", "http://", "data:image/")):
        _refuse(f"{where}.url", f"Invalid value for '{where}.url': expected an http(s) address or a data:image/ URL.")
    return url


def _about(document: dict[str, Any]) -> dict[str, str]:
    """What `metadata` says of it, as far as the event type has a place for it."""
    given = document.get("metadata")
    if given is None:
        return {}
    if not isinstance(given, dict) or not all(isinstance(value, str) for value in given.values()):
        _refuse("metadata", "Invalid type for 'metadata': expected an object of strings.")
    about = {name: given[name] for name in _ABOUT if given.get(name)}
    for name, value in about.items():
        if len(value) > _ABOUT[name]:
            _refuse(f"metadata.{name}", f"Invalid 'metadata.{name}': {_ABOUT[name]:,} characters are the most.")
    return about


def _refuse(param: str, message: str) -> NoReturn:
    raise Refusal("invalid-event", message, [field_error((param,), message)])
