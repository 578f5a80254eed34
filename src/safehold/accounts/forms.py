"""The forms of people and keys. They check shape; the rules of who may do what are in people.py and keys.py."""

from datetime import datetime, time, timedelta
from typing import Any

from django import forms
from django.contrib.auth.password_validation import password_validators_help_texts
from django.utils import timezone

from safehold.accounts.models import User
from safehold.accounts.roles import Role, Scope, may_grant
from safehold.web.forms import RadioCards

_LIFETIMES = [("30", "30 days"), ("90", "90 days"), ("365", "One year"), ("", "No end")]


def role_choices(by: User) -> list[tuple[str, str]]:
    """The roles that `by` may give, each with its label."""
    return [(role.value, role.label) for role in Role if may_grant(by.permissions, role.permissions)]


class RolesField(forms.MultipleChoiceField):
    """Roles as check boxes, each with what it permits; only those that somebody may give."""

    widget = forms.CheckboxSelectMultiple

    def __init__(self, by: User, **options: Any) -> None:
        super().__init__(choices=role_choices(by), required=False, label="Roles", **options)


class _WithRoles(forms.Form):
    """A form with the field `roles`, drawn by accounts/parts/roles.html."""

    def __init__(self, by: User, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["roles"] = RolesField(by)

    def role_options(self) -> list[dict[str, Any]]:
        """Each role that may be given, with what it is for and whether it is chosen."""
        chosen = set(self["roles"].value() or ())
        return [
            {"value": value, "label": label, "note": Role(value).note, "held": value in chosen}
            for value, label in self.fields["roles"].choices  # type: ignore[attr-defined]
        ]


class AddPerson(_WithRoles):
    email = forms.EmailField(label="E-mail address", widget=forms.EmailInput(attrs={"autocomplete": "off"}))
    name = forms.CharField(max_length=120, label="Name", widget=forms.TextInput(attrs={"autocomplete": "off"}))


class Roles(_WithRoles):
    """Which roles somebody holds."""


class Name(forms.ModelForm):
    class Meta:
        model = User
        fields = ("name",)


class NewPassword(forms.Form):
    """The first password, or a new one, behind a one-time link."""

    password = forms.CharField(
        strip=False,
        label="Password",
        help_text=" ".join(password_validators_help_texts()),
        widget=forms.PasswordInput(attrs={"autocomplete": "new-password", "autofocus": True}),
    )
    again = forms.CharField(
        strip=False, label="Once more", widget=forms.PasswordInput(attrs={"autocomplete": "new-password"})
    )

    def clean(self) -> dict[str, Any]:
        values = super().clean() or {}
        if values.get("password") and values.get("again") and values["password"] != values["again"]:
            self.add_error("again", "The two are not the same.")
        return values


class NewKey(forms.Form):
    name = forms.CharField(
        max_length=80,
        label="Name",
        help_text="What uses it, for example “forum server”.",
        widget=forms.TextInput(attrs={"autocomplete": "off"}),
    )
    scopes = forms.MultipleChoiceField(label="It may", widget=forms.CheckboxSelectMultiple)
    lifetime = forms.ChoiceField(
        choices=_LIFETIMES,
        initial="365",
        required=False,
        label="It ends after",
        widget=RadioCards(keys=False, columns=True),
    )

    def __init__(self, by: User, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        allowed = [scope for scope in Scope if may_grant(by.permissions, {scope.permission})]
        self.fields["scopes"].choices = [(scope.value, f"{scope.label} ({scope.value})") for scope in allowed]  # type: ignore[attr-defined]

    def expires_at(self) -> datetime | None:
        """The end of the key's last day, UTC; None for a key without end."""
        if not self.cleaned_data["lifetime"]:
            return None
        last_day = timezone.now().date() + timedelta(days=int(self.cleaned_data["lifetime"]))
        return datetime.combine(last_day, time.max, tzinfo=timezone.get_default_timezone())
