"""What the decide panel sends, checked: the same fields for a task and for the hearing of an appeal."""

from typing import Any

from django import forms

from safehold.accounts.models import User
from safehold.accounts.roles import Permission
from safehold.desk.decisions.actions import ACTION_TYPES
from safehold.desk.decisions.models import PolicyVersion
from safehold.desk.review.case import Case
from safehold.engine.verdict import ACTIONS
from safehold.web.words import action_word, severity_word

#: The key of each action, as the page shows it.
KEYS = {
    "allow": "a", "label": "l", "warn": "w", "limit": "m", "hold": "h", "remove": "r", "suspend": "s", "terminate": "t",
}  # fmt: skip
ACTION_CHOICES = [(action, action) for action in ACTIONS]
NEEDS = {"suspend": Permission.SUSPEND, "terminate": Permission.TERMINATE}
_DAY = 86_400
#: How long something may last: (seconds, words).
LENGTHS = (
    (_DAY, "1 day"), (3 * _DAY, "3 days"), (7 * _DAY, "7 days"), (30 * _DAY, "30 days"), (90 * _DAY, "90 days"),
    (365 * _DAY, "1 year"),
)  # fmt: skip
LABEL_ON = (("content", "this"), ("account", "the account"))


class DecideForm(forms.Form):
    """A decision as the panel sends it. `params` is what `decide` takes."""

    version = forms.IntegerField(min_value=0)
    over = forms.CharField(max_length=40)
    action = forms.ChoiceField(
        choices=ACTION_CHOICES,
        error_messages={"required": "Choose what is to happen: press one of the letters."},
    )
    policy = forms.CharField(max_length=120, required=False)
    reason = forms.CharField(max_length=5_000, required=False)
    note = forms.CharField(max_length=5_000, required=False)
    seconds = forms.TypedChoiceField(
        choices=[("", "Without an end"), *((str(seconds), words) for seconds, words in LENGTHS)],
        coerce=int,
        empty_value=None,
        required=False,
    )
    label = forms.CharField(max_length=80, required=False)
    label_on = forms.ChoiceField(choices=LABEL_ON, required=False)

    def clean_policy(self) -> PolicyVersion | None:
        """The version in force of the policy that was picked."""
        key = self.cleaned_data["policy"]
        if not key:
            return None
        found = PolicyVersion.objects.filter(key=key, effective_to=None).first()
        if found is None:
            raise forms.ValidationError("This policy is no longer in force. Pick another one.")
        return found

    def clean(self) -> dict[str, Any]:
        data = super().clean() or {}
        action = data.get("action")
        if action and action != "allow" and data.get("policy") is None and "policy" not in self.errors:
            self.add_error("policy", "Say which policy was broken: press its number.")
        if action == "label" and not data.get("label", "").strip():
            self.add_error("label", "Name the label.")
        if action and ACTION_TYPES[action].must_end and not data.get("seconds"):
            self.add_error("seconds", "Say how long it lasts.")
        return data

    @property
    def params(self) -> dict[str, Any]:
        """The action's parameters: how long, where it can end, and a label."""
        data, action = self.cleaned_data, self.cleaned_data["action"]
        params: dict[str, Any] = {}
        if action == "label":
            label = {"name": data["label"].strip(), "on": data["label_on"] or "content"}
            params["labels"] = [label | ({"seconds": data["seconds"]} if data["seconds"] else {})]
        elif data["seconds"] and ACTION_TYPES[action].can_end and action != "allow":
            params["seconds"] = data["seconds"]
        return params


def action_choices(person: User, *, without: tuple[str, ...] = ()) -> tuple[list[tuple[str, ...]], str]:
    """(options, keys) of the actions that this person may take, mildest first, as the tag `choices` wants them."""
    allowed = [
        action for action in ACTIONS if action not in without and (action not in NEEDS or person.may(NEEDS[action]))
    ]
    words = [(action, action_word(action)) for action in allowed]
    return [(action, word.text, "", word.icon, word.tone) for action, word in words], "".join(
        KEYS[each] for each in allowed
    )


def policy_choices(case: Case) -> list[tuple[str, ...]]:
    """The policies in force, those that the rules named first."""
    return [
        (
            version.key,
            version.title,
            f"Named by a rule · {severity_word(version.severity).text}" if version.key in case.asked.policies else "",
        )
        for version in case.policies
    ]


def reasons_for(case: Case) -> dict[str, str]:
    """policy -> what its rules found, as the reason begins. The policy's own notice needs no repeating: the statement of
    reasons has it beside the reason."""
    found: dict[str, str] = {}
    for hit in case.rules.hits if case.rules else ():
        if hit.mode != "shadow" and hit.reason:
            found.setdefault(hit.rule.rpartition("/")[0], hit.reason)
    return found


def panel(person: User, case: Case, form: DecideForm | None = None, *, without: tuple[str, ...] = ()) -> dict[str, Any]:
    """What the template of the decide panel needs. `form` is what was sent and not taken, shown as it was."""
    reasons = reasons_for(case)
    named = next((version.key for version in case.policies if version.key in case.asked.policies), "")
    actions, keys = action_choices(person, without=without)
    return {
        "form": form,
        "actions": actions,
        "keys": keys,
        "policies": policy_choices(case),
        "picked": form["policy"].value() if form else named,
        "chosen": form["action"].value() if form else "",
        "reasons": reasons,
        "reason": form["reason"].value() if form else reasons.get(named, ""),
        "lengths": LENGTHS,
        "label_on": LABEL_ON,
    }
