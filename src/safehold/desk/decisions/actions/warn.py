"""Warn: the person is told that a rule was broken. Nothing is restricted, so the EU's database doesn't ask for it."""

from typing import Any, ClassVar

from safehold.desk.decisions.actions.base import ActionType, Target


class Warn(ActionType):
    name = "warn"
    on = "account"
    can_end = False
    words: ClassVar = {
        "en": "We sent you a warning. Nothing of yours is restricted.",
        "de": "Wir haben Sie verwarnt. Eingeschränkt haben wir nichts.",
        "fr": "Nous vous avons adressé un avertissement, sans aucune restriction.",
        "es": "Le hemos enviado una advertencia, sin ninguna restricción.",
        "it": "Le abbiamo inviato un avvertimento, senza alcuna limitazione.",
    }

    def apply(self, target: Target) -> dict[str, Any]:
        return {"warn": True}

    def reverse(self, target: Target) -> dict[str, Any]:
        return {"warn": False}

    def dsa_mapping(self, target: Target) -> dict[str, Any]:
        return {}


action = Warn()
