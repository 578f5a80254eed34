"""Remove: nobody can see it any more. Of an account, its profile; of a payment, it is refused."""

from typing import Any, ClassVar

from safehold.desk.decisions.actions.base import ActionType, Target, monetary, visibility

_ON_ACCOUNT = {
    "en": "We removed what your profile says.",
    "de": "Wir haben die Angaben in Ihrem Profil entfernt.",
    "fr": "Nous avons supprimé le contenu de votre profil.",
    "es": "Hemos retirado el contenido de su perfil.",
    "it": "Abbiamo rimosso il contenuto del suo profilo.",
}


class Remove(ActionType):
    name = "remove"
    words: ClassVar = {
        "en": "We removed {it}.",
        "de": "Wir haben {it} entfernt.",
        "fr": "Nous avons supprimé {it}.",
        "es": "Hemos retirado {it}.",
        "it": "Abbiamo rimosso {it}.",
    }

    def apply(self, target: Target) -> dict[str, Any]:
        return {"visibility": "removed"}

    def reverse(self, target: Target) -> dict[str, Any]:
        return {"visibility": "full"}

    def dsa_mapping(self, target: Target) -> dict[str, Any]:
        return monetary("TERMINATION", target) if target.kind == "payment" else visibility("CONTENT_REMOVED", target)

    def describe_for_user(self, language: str, target: Target) -> str:
        if target.kind == "account":
            return _ON_ACCOUNT[language]
        return super().describe_for_user(language, target)


action = Remove()
