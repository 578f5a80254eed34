"""Label: content is marked for those who see it. On an account a label is a note for policies and reviewers only."""

from collections.abc import Mapping
from typing import Any, ClassVar

from safehold.desk.decisions.actions.base import ActionType, InvalidParams, Target, visibility


class Label(ActionType):
    name = "label"
    takes: ClassVar = {"label": "the label's name"}
    words: ClassVar = {
        "en": "We added a label to {it}: {label}.",
        "de": "Wir haben {it} gekennzeichnet: {label}.",
        "fr": "Nous avons ajouté une mention à {it} : {label}.",
        "es": "Hemos añadido una etiqueta a {it}: {label}.",
        "it": "Abbiamo contrassegnato {it}: {label}.",
    }

    def validated(self, params: Mapping[str, Any]) -> dict[str, Any]:
        name = params.get("label")
        if not isinstance(name, str) or not name.strip() or len(name) > 80:
            raise InvalidParams(f"label: label is the name to set, 1 to 80 characters; got {name!r}")
        return super().validated(params)

    def apply(self, target: Target) -> dict[str, Any]:
        return {"add_labels": [target.params["label"]]}

    def reverse(self, target: Target) -> dict[str, Any]:
        return {"remove_labels": [target.params["label"]]}

    def told_to_user(self, target: Target) -> bool:
        return target.kind != "account"

    def dsa_mapping(self, target: Target) -> dict[str, Any]:
        return {} if target.kind == "account" else visibility("CONTENT_LABELLED", target)


action = Label()
