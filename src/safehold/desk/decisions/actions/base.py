"""What every action answers. An action's file subclasses `ActionType` and offers one instance as `action`;
tests/contracts/test_actions.py holds each of them to this.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, ClassVar

from django.utils import formats, translation

from safehold.engine.verdict import ACTIONS

LANGUAGES = ("en", "de", "fr", "es", "it")

#: What is done something to, as the object of a sentence, by the entity's kind; `*` is any other kind.
_OBJECTS: dict[str, dict[str, str]] = {
    "en": {
        "account": "your account", "message": "your message", "content": "your post", "payment": "your payment",
        "listing": "your listing", "review": "your review", "*": "your content",
    },
    "de": {
        "account": "Ihr Konto", "message": "Ihre Nachricht", "content": "Ihren Beitrag", "payment": "Ihre Zahlung",
        "listing": "Ihre Anzeige", "review": "Ihre Bewertung", "*": "Ihren Inhalt",
    },
    "fr": {
        "account": "votre compte", "message": "votre message", "content": "votre publication",
        "payment": "votre paiement", "listing": "votre annonce", "review": "votre avis", "*": "votre contenu",
    },
    "es": {
        "account": "su cuenta", "message": "su mensaje", "content": "su publicación", "payment": "su pago",
        "listing": "su anuncio", "review": "su reseña", "*": "su contenido",
    },
    "it": {
        "account": "il suo account", "message": "il suo messaggio", "content": "la sua pubblicazione",
        "payment": "il suo pagamento", "listing": "il suo annuncio", "review": "la sua recensione", "*": "il suo contenuto",
    },
}  # fmt: skip


class InvalidParams(ValueError):
    """The parameters of an action are not what it takes; the message names the parameter and says what to do."""


@dataclass(frozen=True)
class Target:
    """What an action is done to, with its parameters: all that its words and its legal meaning depend on."""

    kind: str
    params: Mapping[str, Any]
    ends_at: datetime | None = None


class ActionType:
    """One kind of action. Its methods are pure: what is sent, said and reported follows from the target alone."""

    name: ClassVar[str]
    #: `subject`: what the event is about. `account`: the account it belongs to.
    on: ClassVar[str] = "subject"
    #: The parameters it takes besides `seconds`, with what each is.
    takes: ClassVar[Mapping[str, str]] = {}
    must_end: ClassVar[bool] = False
    can_end: ClassVar[bool] = True
    #: One sentence a language; `{it}` is what it is done to, `{until}` the end.
    words: ClassVar[Mapping[str, str]]

    @property
    def severity(self) -> int:
        """Its place among the actions, from 0 for the mildest."""
        return ACTIONS.index(self.name)

    def validated(self, params: Mapping[str, Any]) -> dict[str, Any]:
        """The parameters as they are stored. Raises `InvalidParams`."""
        known = {"seconds", *self.takes}
        if unknown := sorted(set(params) - known):
            raise InvalidParams(f"{self.name} takes no {', '.join(unknown)}; it takes {', '.join(sorted(known))}")
        seconds = params.get("seconds")
        if seconds is not None and (not isinstance(seconds, int) or isinstance(seconds, bool) or seconds <= 0):
            raise InvalidParams(f"{self.name}: seconds is how long it lasts, a whole number above 0; got {seconds!r}")
        if self.must_end and seconds is None:
            raise InvalidParams(f"{self.name} needs an end: give seconds")
        if not self.can_end and seconds is not None:
            raise InvalidParams(f"{self.name} has no end: leave seconds out")
        return {name: value for name, value in params.items() if value is not None}

    def apply(self, target: Target) -> dict[str, Any]:
        """What the platform is asked to do."""
        raise NotImplementedError

    def reverse(self, target: Target) -> dict[str, Any]:
        """What the platform is asked to do when it is taken back, or has ended."""
        raise NotImplementedError

    def told_to_user(self, target: Target) -> bool:
        """Whether the affected person is told: everything that they can notice is."""
        return True

    def dsa_mapping(self, target: Target) -> dict[str, Any]:
        """The fields of the EU database's statement that it fills; empty where it restricts nothing (DSA Art. 17(1))."""
        raise NotImplementedError

    def describe_for_user(self, language: str, target: Target) -> str:
        """What was done, in one plain sentence. `KeyError` for a language that is not in LANGUAGES."""
        return self.words[language].format(
            it=object_in(language, target.kind), until=date_in(language, target.ends_at), **self._named(target)
        )

    def _named(self, target: Target) -> dict[str, str]:
        return {name: str(target.params.get(name, "")) for name in self.takes}


def object_in(language: str, kind: str) -> str:
    """What an entity of this kind is called when it belongs to the reader."""
    return _OBJECTS[language].get(kind, _OBJECTS[language]["*"])


def date_in(language: str, moment: datetime | None) -> str:
    """A date as people write it, '' for none."""
    if moment is None:
        return ""
    with translation.override(language):
        return formats.date_format(moment, "DATE_FORMAT")


def visibility(value: str, target: Target) -> dict[str, Any]:
    """A restriction of what others can see, with its end."""
    return {"decision_visibility": [f"DECISION_VISIBILITY_{value}"], **_end("visibility", target)}


def monetary(value: str, target: Target) -> dict[str, Any]:
    """A restriction of payments, with its end."""
    return {"decision_monetary": f"DECISION_MONETARY_{value}", **_end("monetary", target)}


def provision(value: str, target: Target) -> dict[str, Any]:
    """A restriction of the service itself, with its end."""
    return {"decision_provision": f"DECISION_PROVISION_{value}", **_end("service", target)}


def on_account(value: str, target: Target) -> dict[str, Any]:
    """A restriction of the account, with its end."""
    return {"decision_account": f"DECISION_ACCOUNT_{value}", **_end("account", target)}


def _end(of: str, target: Target) -> dict[str, str]:
    return {f"end_date_{of}_restriction": f"{target.ends_at:%Y-%m-%d}"} if target.ends_at else {}
