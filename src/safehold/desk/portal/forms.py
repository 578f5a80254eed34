"""The two forms of the public pages, in the language of the page. What is wrong with a field is said at that field, in
words that say what to do.
"""

from typing import Any

from django import forms

from safehold.desk.appeals.filing import LONGEST
from safehold.desk.portal import filing
from safehold.desk.portal.filing import CHILD_ABUSE, LONGEST_WHERE, REASONS, Report, Unlocatable, find
from safehold.desk.portal.words import NAMES, WORDS


class _PlainForm(forms.Form):
    """Labels, help and errors from `portal.words`; nothing that only a browser's own language would say."""

    use_required_attribute = False

    def __init__(self, language: str, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.language, self.words = language, WORDS[language]

    def say(self, name: str, label: str, help_text: str = "", **errors: str) -> None:
        """Give a field its words."""
        field = self.fields[name]
        field.label, field.help_text = label, help_text
        field.template_name = "portal/parts/field.html"  # type: ignore[attr-defined]
        field.optional = self.words["optional"]  # type: ignore[attr-defined]
        field.error_messages |= (
            errors  # a validator's error takes these words by its code; validators are shared, so stay
        )


class AppealForm(_PlainForm):
    grounds = forms.CharField(max_length=LONGEST, widget=forms.Textarea(attrs={"rows": 5}))
    contact = forms.EmailField(required=False, max_length=254, widget=forms.EmailInput(attrs={"autocomplete": "email"}))
    written_in = forms.ChoiceField(choices=list(NAMES.items()))

    def __init__(self, language: str, *args: Any, **kwargs: Any) -> None:
        super().__init__(language, *args, **kwargs)
        words = self.words
        too_long = words["too_long"].format(most=f"{LONGEST:,}")
        self.say(
            "grounds", words["grounds"], words["grounds_help"], required=words["no_grounds"], max_length=too_long
        )  # fmt: skip
        self.say(
            "contact", words["contact"], words["contact_help"], invalid=words["bad_contact"], max_length=words["bad_contact"]
        )  # fmt: skip
        self.say("written_in", words["written_in"], required=words["choose"], invalid_choice=words["choose"])
        self.initial.setdefault("written_in", language)


class ReportForm(_PlainForm):
    where = forms.CharField(
        max_length=LONGEST_WHERE, widget=forms.TextInput(attrs={"autocomplete": "off", "inputmode": "url"})
    )
    reason = forms.ChoiceField(choices=())
    explanation = forms.CharField(max_length=filing.LONGEST_EXPLANATION, widget=forms.Textarea(attrs={"rows": 5}))
    name = forms.CharField(
        required=False, max_length=filing.LONGEST_NAME, widget=forms.TextInput(attrs={"autocomplete": "name"})
    )
    email = forms.EmailField(required=False, max_length=254, widget=forms.EmailInput(attrs={"autocomplete": "email"}))
    good_faith = forms.BooleanField()

    def __init__(self, language: str, service_id: str, service_name: str, *args: Any, **kwargs: Any) -> None:
        super().__init__(language, *args, **kwargs)
        self.service_id = service_id
        words = self.words
        choices = [("", words["choose"]), *((reason, words[f"reason_{reason}"]) for reason in REASONS)]
        self.fields["reason"].choices = choices  # type: ignore[attr-defined]
        self.say(
            "where", words["where"], words["where_help"].format(service=service_name), required=words["where_missing"],
            max_length=words["where_long"].format(most=f"{LONGEST_WHERE:,}"),
        )  # fmt: skip
        missing = words["reason_missing"]
        self.say("reason", words["reason"], required=missing, invalid_choice=missing)
        self.say(
            "explanation", words["explanation_label"], words["explanation_help"], required=words["explanation_missing"],
            max_length=words["too_long"].format(most=f"{filing.LONGEST_EXPLANATION:,}"),
        )  # fmt: skip
        self.say("name", words["name"], max_length=words["name_long"])
        for name in ("name", "email"):  # whether they are optional depends on the reason
            self.fields[name].sometimes = True  # type: ignore[attr-defined]
        self.say("email", words["email"], invalid=words["email_bad"], max_length=words["email_bad"])
        self.say("good_faith", words["good_faith"], required=words["good_faith_missing"])

    def clean_where(self) -> str:
        where: str = self.cleaned_data["where"]
        try:
            find(self.service_id, where)
        except Unlocatable:
            raise forms.ValidationError(self.words["where_unknown"], code="unknown") from None
        return where

    def clean(self) -> dict[str, Any]:
        """DSA Art. 16(2)(c): name and address, except for offences of sexual abuse of children."""
        cleaned: dict[str, Any] = super().clean() or {}
        if cleaned.get("reason") != CHILD_ABUSE:
            for name in ("name", "email"):
                if name not in self.errors and not cleaned.get(name):
                    self.add_error(name, self.words[f"{name}_missing"])
        return cleaned

    def report(self) -> Report:
        """What was filled in. Only of a valid form."""
        data = self.cleaned_data
        return Report(data["where"], data["reason"], data["explanation"], data["name"], data["email"], self.language)
