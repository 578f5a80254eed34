"""Suspend: the account can't be used until a day that is said beforehand."""

from typing import Any, ClassVar

from safehold.desk.decisions.actions.base import ActionType, Target, on_account


class Suspend(ActionType):
    name = "suspend"
    on = "account"
    must_end = True
    words: ClassVar = {
        "en": "We suspended your account until {until}.",
        "de": "Wir haben Ihr Konto bis {until} gesperrt.",
        "fr": "Nous avons suspendu votre compte jusqu'au {until}.",
        "es": "Hemos suspendido su cuenta hasta el {until}.",
        "it": "Abbiamo sospeso il suo account fino al {until}.",
    }

    def apply(self, target: Target) -> dict[str, Any]:
        return {"access": "suspended"}

    def reverse(self, target: Target) -> dict[str, Any]:
        return {"access": "full"}

    def dsa_mapping(self, target: Target) -> dict[str, Any]:
        return on_account("SUSPENDED", target)


action = Suspend()
