"""Hold: nobody but its author sees it until a person has looked at it."""

from typing import Any, ClassVar

from safehold.desk.decisions.actions.base import ActionType, Target, monetary, provision, visibility


class Hold(ActionType):
    name = "hold"
    words: ClassVar = {
        "en": "We are holding {it} back until a person has looked at it.",
        "de": "Wir halten {it} zurück, bis ein Mensch es geprüft hat.",
        "fr": "Nous retenons {it} en attendant l'examen par une personne.",
        "es": "Retenemos {it} hasta que una persona haga la revisión.",
        "it": "Tratteniamo {it} in attesa della verifica di una persona.",
    }

    def apply(self, target: Target) -> dict[str, Any]:
        return {"access": "held"} if target.kind == "account" else {"visibility": "author_only"}

    def reverse(self, target: Target) -> dict[str, Any]:
        return {"access": "full"} if target.kind == "account" else {"visibility": "full"}

    def dsa_mapping(self, target: Target) -> dict[str, Any]:
        if target.kind == "account":
            return provision("TOTAL_SUSPENSION", target)
        if target.kind == "payment":
            return monetary("SUSPENSION", target)
        return visibility("CONTENT_DISABLED", target)


action = Hold()
