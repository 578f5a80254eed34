"""Asking a large model whether a text breaks a policy: through the door, kept by content, policy, model and prompt, typed on the
way back, and tested with a planted violation where the content speaks to the model. Who calls: whoever takes a second look
(`desk.looks`), never the process that decides.
"""

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import msgspec

from safehold.signals.judge.formats import ANSWER_TOKENS, FORMATS, Label, Question, Unfit, tokens_used
from safehold.signals.judge.prompt import LONGEST, PROMPT_VERSION, gives_orders
from safehold.signals.remote.door import Door, NotAnswered
from safehold.signals.remote.kept import Kept

Plant = Literal["suspicious", "always", "never"]


@dataclass(frozen=True)
class Norm:
    """What is judged by: the policy's own text, what a violation can be called, and a text that certainly is one, '' if none is
    known. `hash` is of all of it."""

    text: str
    categories: tuple[str, ...]
    planted: str = ""

    @property
    def hash(self) -> str:
        return hashlib.sha256("\0".join((self.text, *self.categories, "", self.planted)).encode()).hexdigest()


class Answer(msgspec.Struct, frozen=True, kw_only=True):
    """A label, and by what it was made."""

    label: Label
    model: str
    prompt: str
    policy_hash: str
    truncated: bool = False
    cached: bool = False


class Judge:
    """One model at one address. `speaks` is one of FORMATS, `key` gives the bearer's token ('' for none); `plant` says when a
    planted violation is asked about too."""

    def __init__(
        self,
        *,
        url: str,
        model: str,
        speaks: str,
        key: Callable[[], str],
        door: Door,
        kept: Kept,
        schema: bool = True,
        plant: Plant = "suspicious",
    ) -> None:
        self._url, self._model, self._schema, self._plant = url.rstrip("/"), model, schema, plant
        self._speaks, self._form = speaks, FORMATS[speaks]
        self._key, self._door, self._kept = key, door, kept

    def ask(self, norm: Norm, text: str) -> Answer:
        """The label of a text. Raises NotAnswered, which is never a label that says no."""
        key = self._cache_key(norm, text)
        if (before := self._kept.find(key)) is not None:
            return msgspec.structs.replace(msgspec.json.decode(before, type=Answer), cached=True)
        label = self._label(norm, text)
        if not label.violation and self._is_tested(text):
            self._test(norm, text)
        answer = Answer(
            label=label, model=self._model, prompt=f"{self._speaks}-{PROMPT_VERSION}", policy_hash=norm.hash,
            truncated=len(text) > LONGEST,
        )  # fmt: skip
        self._kept.keep(key, msgspec.json.encode(answer))
        return answer

    def _is_tested(self, text: str) -> bool:
        return self._plant == "always" or (self._plant == "suspicious" and gives_orders(text))

    def _test(self, norm: Norm, text: str) -> None:
        """A judge that finds no violation must find the planted one beside the same content; else the content steers it."""
        if not norm.planted:
            raise NotAnswered(
                f"{self._door.name}: the content speaks to the model, and no certain violation is known to test it with"
            )
        room = LONGEST - len(norm.planted) - 2
        if not self._label(norm, f"{text[:room]}\n\n{norm.planted}").violation:
            raise NotAnswered(
                f"{self._door.name}: the content steers the model: beside it, it misses a certain violation"
            )

    def _label(self, norm: Norm, text: str) -> Label:
        asked = self._form(Question(norm.text, norm.categories, text, self._model, self._schema))
        key = self._key()
        headers = {"authorization": f"Bearer {key}"} if key else {}
        expected = len(msgspec.json.encode(asked.document)) // 3 + ANSWER_TOKENS
        answer = self._door.ask(f"{self._url}/chat/completions", headers, asked.document, expected)
        if (used := tokens_used(answer)) is not None:
            self._door.correct(used - expected)
        try:
            return asked.read(answer)
        except Unfit as unfit:
            raise NotAnswered(f"{self._door.name}: {unfit}") from None

    def _cache_key(self, norm: Norm, text: str) -> str:
        content = hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()
        parts = (content, norm.hash, self._url, self._model, self._speaks, PROMPT_VERSION, self._plant)
        return hashlib.sha256("\0".join(parts).encode()).hexdigest()
