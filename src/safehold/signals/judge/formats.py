"""How a judge is asked and what its answer says, by what it speaks: `chat` (an OpenAI-compatible server, with a JSON schema if it
takes one), `gpt-oss-safeguard` (the policy as the system message, some reasoning, no schema), `llama-guard` (safe or unsafe and
categories, its own form of prompt). What doesn't fit is no answer.
"""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import msgspec

from safehold.signals.judge.prompt import Prompt, prompt_for, visible

NONE = "none"
#: Tokens of an answer that are asked for: reasoning counts where a model reasons.
ANSWER_TOKENS, REASONED_TOKENS = 400, 2_000
LONGEST_RATIONALE = 1_000
#: MLCommons' hazards, as Llama Guard 3 and 4 number them.
HAZARDS = (
    "violent-crimes", "non-violent-crimes", "sex-crimes", "child-exploitation", "defamation", "specialized-advice",
    "privacy", "intellectual-property", "indiscriminate-weapons", "hate", "self-harm", "sexual-content", "elections",
    "code-interpreter-abuse",
)  # fmt: skip


class Unfit(ValueError):
    """The answer is not one that was asked for; the text says how, without repeating it."""


class Label(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A judge's answer. `confidence` is None where the model gives none; `rationale` '' likewise."""

    violation: bool
    category: str
    confidence: float | None
    rationale: str = ""


@dataclass(frozen=True)
class Question:
    """What is asked: the policy's text, what a violation can be called, and the content."""

    policy: str
    categories: tuple[str, ...]
    text: str
    model: str
    schema: bool


@dataclass(frozen=True)
class Asked:
    """The document that is posted, and how the answer to it is read. `read` raises Unfit."""

    document: Mapping[str, Any]
    read: Callable[[Any], Label]


class _Message(msgspec.Struct):
    content: str


class _TokenChance(msgspec.Struct):
    token: str
    logprob: float


class _Chances(msgspec.Struct):
    content: list[_TokenChance] = []


class _Choice(msgspec.Struct):
    message: _Message
    finish_reason: str | None = None
    logprobs: _Chances | None = None


class _Completion(msgspec.Struct):
    choices: list[_Choice]


def chat(question: Question) -> Asked:
    prompt = prompt_for(question.policy, question.categories, question.text)
    document: dict[str, Any] = {
        "model": question.model,
        "temperature": 0,
        "max_tokens": ANSWER_TOKENS,
        "messages": [{"role": "system", "content": prompt.system}, {"role": "user", "content": prompt.user}],
    }
    if question.schema:
        schema = _schema(question.categories)
        document["response_format"] = {
            "type": "json_schema", "json_schema": {"name": "label", "strict": True, "schema": schema},
        }  # fmt: skip
    return Asked(document, lambda answer: _label(_content(answer), prompt, question.categories))


def safeguard(question: Question) -> Asked:
    prompt = prompt_for(question.policy, question.categories, question.text)
    document = {
        "model": question.model,
        "temperature": 0,
        "max_tokens": REASONED_TOKENS,
        "reasoning_effort": "low",
        "messages": [{"role": "system", "content": prompt.system}, {"role": "user", "content": prompt.user}],
    }
    return Asked(document, lambda answer: _label(_content(answer), prompt, question.categories))


def llama_guard(question: Question) -> Asked:
    """The policy is the one category of the conversation's template (vLLM's `chat_template_kwargs`); a server that knows no
    such thing judges by the model's own hazards."""
    document = {
        "model": question.model,
        "temperature": 0,
        "max_tokens": 40,
        "logprobs": True,
        "messages": [{"role": "user", "content": visible(question.text)}],
        "chat_template_kwargs": {"categories": {"S1": question.policy.strip()}},
    }
    return Asked(document, lambda answer: _guarded(answer, question.categories))


FORMATS: Mapping[str, Callable[[Question], Asked]] = {
    "chat": chat,
    "gpt-oss-safeguard": safeguard,
    "llama-guard": llama_guard,
}


def tokens_used(answer: Any) -> int | None:
    """What the server says that the request took."""
    usage = answer.get("usage") if isinstance(answer, dict) else None
    total = usage.get("total_tokens") if isinstance(usage, dict) else None
    return total if isinstance(total, int) and not isinstance(total, bool) and 0 <= total < 10**9 else None


def _choice(answer: Any) -> _Choice:
    try:
        choices = msgspec.convert(answer, _Completion).choices
    except msgspec.ValidationError:
        raise Unfit("the answer is no chat completion") from None
    if not choices:
        raise Unfit("the answer has no choices")
    if choices[0].finish_reason not in (None, "stop", "eos"):
        raise Unfit("the answer was cut off")
    return choices[0]


def _content(answer: Any) -> str:
    return _choice(answer).message.content


def _label(content: str, prompt: Prompt, categories: tuple[str, ...]) -> Label:
    text = content.strip()
    if text.startswith("```") and text.endswith("```") and "\n" in text:
        text = text[text.index("\n") : -3].strip()
    if any(secret in content for secret in prompt.secrets):
        raise Unfit("the answer repeats what must not come back: the content has steered it")
    try:
        label = msgspec.json.decode(text, type=Label)
    except (msgspec.DecodeError, msgspec.ValidationError, UnicodeError, RecursionError):
        raise Unfit("the answer is not the JSON that was asked for") from None
    return _checked(label, (*categories, NONE))


def _checked(label: Label, categories: tuple[str, ...]) -> Label:
    if label.category not in categories:
        raise Unfit("the category is none of those that were given")
    if label.violation == (label.category == NONE):
        raise Unfit("the category and the violation contradict each other")
    if label.confidence is None or not (math.isfinite(label.confidence) and 0 <= label.confidence <= 1):
        raise Unfit("the confidence is not between 0 and 1")
    plain = "".join(c if c.isprintable() else " " for c in label.rationale).strip()[:LONGEST_RATIONALE]
    return msgspec.structs.replace(label, rationale=plain)


def _guarded(answer: Any, categories: tuple[str, ...]) -> Label:
    choice = _choice(answer)
    lines = [line.strip() for line in choice.message.content.strip().splitlines() if line.strip()]
    confidence = _first_chance(choice)
    if lines == ["safe"]:
        return Label(violation=False, category=NONE, confidence=confidence)
    if len(lines) != 2 or lines[0] != "unsafe":
        raise Unfit("the answer is neither safe nor unsafe with its categories")
    codes = [code.strip() for code in lines[1].split(",")]
    numbers = [
        int(code[1:])
        for code in codes
        if code[:1] == "S" and code[1:].isdecimal() and 1 <= int(code[1:]) <= len(HAZARDS)
    ]
    if len(numbers) != len(codes):
        raise Unfit("the answer names categories that there are not")
    category = categories[0] if numbers[0] == 1 and categories else HAZARDS[numbers[0] - 1]
    return Label(violation=True, category=category, confidence=confidence)


def _first_chance(choice: _Choice) -> float | None:
    """How likely the first word was, where the server says it."""
    for chance in choice.logprobs.content if choice.logprobs else ():
        if chance.token.strip():
            return min(1.0, math.exp(chance.logprob)) if math.isfinite(chance.logprob) else None
    return None


def _schema(categories: tuple[str, ...]) -> dict[str, Any]:
    properties = {
        "violation": {"type": "boolean"},
        "category": {"type": "string", "enum": [*categories, NONE]},
        "confidence": {"type": "number"},
        "rationale": {"type": "string"},
    }
    return {"type": "object", "properties": properties, "required": list(properties), "additionalProperties": False}
