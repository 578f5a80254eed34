"""Limit: content reaches fewer people; an account can use fewer features; a payment is capped."""

from typing import Any, ClassVar

from safehold.desk.decisions.actions.base import ActionType, Target, monetary, provision, visibility

_ON_ACCOUNT = {
    "en": "We limited what your account can do.",
    "de": "Wir haben eingeschränkt, was Ihr Konto tun kann.",
    "fr": "Nous avons limité les fonctions de votre compte.",
    "es": "Hemos limitado lo que su cuenta puede hacer.",
    "it": "Abbiamo limitato le funzioni del suo account.",
}


class Limit(ActionType):
    name = "limit"
    words: ClassVar = {
        "en": "We limited who gets to see {it}.",
        "de": "Wir haben eingeschränkt, wer {it} zu sehen bekommt.",
        "fr": "Nous avons limité la portée de {it}.",
        "es": "Hemos limitado quién llega a ver {it}.",
        "it": "Abbiamo limitato chi può vedere {it}.",
    }

    def apply(self, target: Target) -> dict[str, Any]:
        return {"features": "limited"} if target.kind == "account" else {"visibility": "reduced"}

    def reverse(self, target: Target) -> dict[str, Any]:
        return {"features": "full"} if target.kind == "account" else {"visibility": "full"}

    def dsa_mapping(self, target: Target) -> dict[str, Any]:
        if target.kind == "account":
            return provision("PARTIAL_SUSPENSION", target)
        if target.kind == "payment":
            return monetary("OTHER", target) | {"decision_monetary_other": "The payment was limited."}
        return visibility("CONTENT_DEMOTED", target)

    def describe_for_user(self, language: str, target: Target) -> str:
        if target.kind == "account":
            return _ON_ACCOUNT[language]
        return super().describe_for_user(language, target)


action = Limit()
