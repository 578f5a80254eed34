"""Terminate: the account is closed for good. Only an overturned decision opens it again."""

from typing import Any, ClassVar

from safehold.desk.decisions.actions.base import ActionType, Target, on_account


class Terminate(ActionType):
    name = "terminate"
    on = "account"
    can_end = False
    words: ClassVar = {
        "en": "We closed your account for good.",
        "de": "Wir haben Ihr Konto dauerhaft geschlossen.",
        "fr": "Nous avons fermé définitivement votre compte.",
        "es": "Hemos cerrado su cuenta de forma definitiva.",
        "it": "Abbiamo chiuso definitivamente il suo account.",
    }

    def apply(self, target: Target) -> dict[str, Any]:
        return {"access": "terminated"}

    def reverse(self, target: Target) -> dict[str, Any]:
        return {"access": "full"}

    def dsa_mapping(self, target: Target) -> dict[str, Any]:
        return on_account("TERMINATED", target)


action = Terminate()
