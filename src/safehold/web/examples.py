"""What the living style page shows: real-looking values for every component. Called by `views.style` and by tests."""

from datetime import datetime, timedelta
from typing import Any

from django import forms

from safehold.web import words
from safehold.web.forms import RadioCards
from safehold.web.keyset import Page


class ExampleForm(forms.Form):
    """One field of each kind."""

    name = forms.CharField(label="Name of the key", max_length=80, help_text="So that people can tell keys apart.")
    email = forms.EmailField(label="E-mail address", required=False)
    role = forms.ChoiceField(choices=[("moderator", "Moderator"), ("auditor", "Auditor")])
    scopes = forms.MultipleChoiceField(
        choices=[("events:write", "Send events"), ("decisions:read", "Read decisions")],
        widget=forms.CheckboxSelectMultiple,
    )
    action = forms.ChoiceField(
        label="What should happen",
        choices=[(key, word.text) for key, word in words.ACTIONS.items()],
        widget=RadioCards(
            notes={key: word.help for key, word in words.ACTIONS.items()},
            icons={key: word.icon for key, word in words.ACTIONS.items()},
            tones={key: word.tone for key, word in words.ACTIONS.items()},
            columns=True,
            keys=False,
        ),
    )
    note = forms.CharField(label="Note for colleagues", widget=forms.Textarea, required=False)
    sure = forms.BooleanField(label="I have read the whole conversation")


_BEFORE = """rules:
  - id: many-strangers
    when: windows.recipients_1h > 20
    then: hold
    mode: shadow"""
_AFTER = """rules:
  - id: many-strangers
    when: windows.recipients_1h > 12 && actor.age_days < 7
    then: hold
    mode: live"""


def _decisions(now: datetime) -> list[dict[str, Any]]:
    rows = [
        ("01k9x2m4q7e8r5t1", "remove", "Phishing links", "Your parcel is waiting, pay the fee at dhl-parcels.top", None, 2),
        ("01k9x2m4q7a1b2c3", "hold", "New accounts that rush", "Hi! I saw your profile, want to earn more?", None, 9),
        ("01k9x2m4q7d4f6g8", "allow", "", "Does anybody know when the market on Plaza Street opens?", None, 14),
        ("01k9x2m4q7h9j2k5", "warn", "Harassment", "You people never learn, do you", "Mara Lindqvist", 55),
        ("01k9x2m4q7m3n7p1", "suspend", "Spam and scams", "Earn 400 a day from home!!! write to me on", "Tomás Ferreira", 190),
        ("01k9x2m4q7q8s6v2", "terminate", "Spam and scams", "Guaranteed returns, send to this wallet", "Tomás Ferreira", 60 * 26),
        ("01k9x2m4q7w1x4y9", "label", "Unverified claims", "They put it in the water, wake up", None, 60 * 49),
    ]  # fmt: skip
    return [
        {
            "id": f"dec_{id}",
            "action": action,
            "policy": policy,
            "text": text,
            "by": by,
            "at": now - timedelta(minutes=minutes),
        }
        for id, action, policy, text, by, minutes in rows
    ]


def context(now: datetime) -> dict[str, Any]:
    """The style page's context, as of `now`."""
    form = ExampleForm({"name": "", "email": "not an address", "role": "auditor", "action": "hold"}, auto_id="bad_%s")
    form.is_valid()
    week = ["Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"]
    return {
        "tones": words.TONES,
        "actions": list(words.ACTIONS),
        "severities": list(words.SEVERITIES),
        "machines": [(machine, list(states)) for machine, states in words.STATES.items()],
        "icons": ["inbox", "gavel", "scale", "flag", "book-open", "link-2", "webhook", "users", "key-round", "eye-off"],
        "now": now,
        "soon": now + timedelta(hours=5),
        "yesterday": now - timedelta(hours=27),
        "people": ["Mara Lindqvist", "Tomás Ferreira", "Aiko Tan", "sam@example.org"],
        "decisions": _decisions(now),
        "page": Page(_decisions(now), "newer", "older"),
        "filters": [("remove", "Remove"), ("hold", "Hold"), ("allow", "Allow")],
        "form": ExampleForm(),
        "bad_form": form,
        "policies": [
            ("phishing", "Phishing links", "Links that imitate a known sender", "fish", "hot"),
            ("harassment", "Harassment", "Attacks on a person", "message-circle-warning", "bad"),
            ("spam", "Spam and scams", "Bulk messages and false promises", "mails", "warn"),
            ("none", "Breaks no rule", "", "check", "good"),
        ],
        "verdict": {
            "action": "hold",
            "winner": "new-accounts/many-strangers",
            "hits": [{"rule": "many-strangers", "mode": "live", "score": 0.82}],
            "queue": "spam",
            "undecided": None,
            "shadow": False,
        },
        "values": {
            "actor.age_days": 2,
            "windows.recipients_1h": 31,
            "signals.links.domains": ["dhl-parcels.top"],
            "data.text": "Your parcel is waiting",
            "signals.lookalike.of": "dhl.com",
        },
        "facts": {"Account": "ana.b", "Member since": "20 November 2026", "Strikes": 2, "Country": None},
        "before": _BEFORE,
        "after": _AFTER,
        "trend": [12, 18, 9, 22, 31, 28, 40, 37, 52, 44, 39, 61],
        "days": week,
        "series": [
            ("Automatic", "info", [120, 180, 140, 90, 210, 60, 40]),
            ("By people", "hold", [30, 42, 38, 51, 47, 12, 8]),
            ("Appealed", "warn", [4, 6, 2, 5, 7, 1, 1]),
        ],
    }  # fmt: skip


class ExampleAppeal(forms.Form):
    """What somebody writes who disagrees."""

    why = forms.CharField(
        label="Why do you think it was wrong?",
        widget=forms.Textarea,
        help_text="Your own words are enough. Tell us what we missed.",
    )
    email = forms.EmailField(label="Where can we reach you?", required=False, help_text="Only to tell you the outcome.")


def public_context(now: datetime) -> dict[str, Any]:
    """The context of the portal's example, as of `now`."""
    return {"decided": now - timedelta(hours=3), "until": now + timedelta(days=183), "form": ExampleAppeal()}
