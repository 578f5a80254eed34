"""Allow: nothing is done. It is a decision all the same, and the one that an overturned appeal ends in."""

from typing import Any, ClassVar

from safehold.desk.decisions.actions.base import ActionType, Target


class Allow(ActionType):
    name = "allow"
    can_end = False
    words: ClassVar = {
        "en": "We have not restricted {it}.",
        "de": "Wir haben {it} nicht eingeschränkt.",
        "fr": "Nous n'avons pas restreint {it}.",
        "es": "No hemos restringido {it}.",
        "it": "Non abbiamo limitato {it}.",
    }

    def apply(self, target: Target) -> dict[str, Any]:
        return {}

    def reverse(self, target: Target) -> dict[str, Any]:
        return {}

    def told_to_user(self, target: Target) -> bool:
        return False

    def dsa_mapping(self, target: Target) -> dict[str, Any]:
        return {}


action = Allow()
