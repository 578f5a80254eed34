"""How Django's forms look: `{{ form }}` draws every field with its label, help and errors in the house's style.

`FORM_RENDERER` in the settings names the renderer; `RadioCards` is the widget for choosing with number keys.
"""

from typing import Any

from django import forms
from django.forms.renderers import TemplatesSetting


class SafeholdRenderer(TemplatesSetting):
    """Draws forms from templates/web/forms/, and any widget from the ordinary template directories."""

    form_template_name = "web/forms/form.html"
    field_template_name = "web/forms/field.html"


class RadioCards(forms.RadioSelect):
    """Radio buttons as cards. `notes` explains a value in small print; the keys 1 to 9 choose unless `keys` is False."""

    template_name = "web/forms/radio_cards.html"

    def __init__(
        self,
        attrs: dict[str, Any] | None = None,
        choices: Any = (),
        *,
        notes: dict[str, str] | None = None,
        icons: dict[str, str] | None = None,
        tones: dict[str, str] | None = None,
        keys: bool = True,
        columns: bool = False,
    ) -> None:
        super().__init__(attrs, choices)
        self.notes, self.icons, self.tones = notes or {}, icons or {}, tones or {}
        self.keys, self.columns = keys, columns

    def get_context(self, name: str, value: Any, attrs: dict[str, Any] | None) -> dict[str, Any]:
        context = super().get_context(name, value, attrs)
        options = [option for _, group, _ in context["widget"]["optgroups"] for option in group]
        for number, option in enumerate(options, 1):
            chosen = str(option["value"])
            option["note"] = self.notes.get(chosen, "")
            option["icon"] = self.icons.get(chosen, "")
            option["tone"] = self.tones.get(chosen, "")
            option["key"] = str(number) if self.keys and number <= 9 else ""
        context["widget"]["options"] = options
        context["widget"]["columns"] = self.columns
        return context
