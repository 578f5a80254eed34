"""The plain words, tone and icon of every state, action and severity, so that one thing looks the same on every page.

The template tags `state`, `action` and `severity` read it, and so may any view. The words follow the state machines of
the desk; a test holds this table against them.
"""

from typing import NamedTuple

#: Every tone has its colours in light.css and dark.css.
TONES = ("neutral", "info", "sky", "good", "warn", "hot", "bad", "hold", "grave")


class Word(NamedTuple):
    """How to say something: `text` on the pill, `help` as its explanation, `icon` from Lucide."""

    text: str
    tone: str
    icon: str
    help: str = ""


class UnknownWord(LookupError):
    """Nobody has said yet how to show this."""


#: What a rule or a person can do, mildest first.
ACTIONS = {
    "allow": Word("Allow", "good", "check", "Nothing is restricted"),
    "label": Word("Label", "sky", "tag", "A label is put on it"),
    "warn": Word("Warn", "warn", "triangle-alert", "The person is warned"),
    "limit": Word("Limit", "warn", "gauge", "It reaches fewer people, or the account can do less"),
    "hold": Word("Hold", "hold", "hourglass", "It is not shown until a person has looked"),
    "remove": Word("Remove", "hot", "eye-off", "It is taken down"),
    "suspend": Word("Suspend", "bad", "circle-pause", "The account is closed for a time"),
    "terminate": Word("Terminate", "grave", "ban", "The account is closed for good"),
}

#: The same, as somebody concerned reads it in the portal.
OUTCOMES = {
    "allow": "It stays as it is",
    "label": "A label was added",
    "warn": "A warning was given",
    "limit": "Its reach was limited",
    "hold": "It is on hold until a person has looked at it",
    "remove": "It was removed",
    "suspend": "The account was suspended",
    "terminate": "The account was closed",
}

SEVERITIES = {
    "low": Word("Low", "neutral", "signal-low"),
    "medium": Word("Medium", "warn", "signal-medium"),
    "high": Word("High", "hot", "signal-high"),
    "critical": Word("Critical", "grave", "siren"),
}

#: What each machine's states are called on a page.
STATES: dict[str, dict[str, Word]] = {
    "list_entry": {
        "proposed": Word("Proposed", "info", "hourglass", "It does not count until somebody else has approved it"),
        "active": Word("Active", "good", "circle-check", "Rules find it"),
        "disputed": Word("Disputed", "warn", "circle-question-mark", "It does not count until somebody has settled it"),
        "retired": Word("Retired", "neutral", "archive", "It does not count any more"),
    },
    "bank_item": {
        "quarantined": Word("Quarantined", "info", "hourglass", "It does not match until somebody has activated it"),
        "active": Word("Active", "good", "circle-check", "What is near it matches"),
        "disputed": Word("Disputed", "warn", "circle-question-mark", "It does not match until somebody has settled it"),
        "negative": Word("Negative", "sky", "shield-check", "What is near it is no match of its bank"),
        "retired": Word("Retired", "neutral", "archive", "It does not match any more"),
    },
    "bank_change": {
        "begun": Word("Begun", "info", "hourglass"),
        "applying": Word("Being written", "sky", "loader", "It takes effect in one moment, when all is written"),
        "applied": Word("In effect", "good", "circle-check"),
        "abandoned": Word("Abandoned", "neutral", "trash-2"),
    },
    "write_back": {
        "queued": Word("Queued", "info", "hourglass", "It is sent as soon as the exchange takes it"),
        "sent": Word("Sent", "good", "circle-check", "The exchange has it"),
        "dead": Word("Given up", "grave", "mail-warning", "The exchange refused it, or was away for days"),
    },
    "list_revision": {
        "staged": Word("Waiting", "info", "hourglass", "Nothing of it counts until somebody else has approved it"),
        "applying": Word("Being applied", "sky", "loader", "It takes effect in one moment, when all is written"),
        "applied": Word("In effect", "good", "circle-check"),
        "reverted": Word("Taken back", "neutral", "undo-2"),
        "discarded": Word("Discarded", "neutral", "trash-2"),
    },
    "learned_model": {
        "trained": Word("Trained", "info", "graduation-cap", "Measured; nothing uses it"),
        "shadow": Word("Shadow", "hold", "ghost", "It scores beside the live one, and nobody feels it"),
        "live": Word("Live", "good", "zap", "Rules read its scores"),
        "retired": Word("Retired", "neutral", "archive", "It was live before"),
        "rejected": Word("Rejected", "bad", "circle-x", "It won't be used"),
    },
    "training_run": {
        "running": Word("Running", "info", "timer", "It reads texts and learns"),
        "done": Word("Done", "good", "circle-check", "There is a model"),
        "failed": Word("Failed", "bad", "circle-x", "No model came of it"),
        "cancelled": Word("Cancelled", "neutral", "circle-minus", "Somebody stopped it"),
        "lost": Word("Stopped", "warn", "circle-x", "The process that ran it ended"),
    },
    "notice": {
        "received": Word("Received", "info", "inbox", "It has come in"),
        "acknowledged": Word("Acknowledged", "info", "mail-check", "The notifier has a receipt"),
        "linked": Word("In review", "warn", "eye", "It waits in a queue or is being looked at"),
        "actioned": Word("Acted on", "good", "circle-check", "Something was done about it"),
        "no_action": Word("No action", "neutral", "circle-minus", "It breaks no rule"),
        "duplicate": Word("Duplicate", "neutral", "copy", "The same was reported before"),
        "inadmissible": Word("Inadmissible", "neutral", "circle-slash", "It can't be examined as it is"),
        "notified": Word("Notifier told", "good", "mail-check", "The notifier knows the outcome"),
    },
    "task": {
        "queued": Word("Waiting", "neutral", "circle-dashed", "Nobody has taken it yet"),
        "claimed": Word("In review", "info", "eye", "Somebody is looking at it"),
        "decided": Word("Decided", "good", "circle-check", "A decision was made"),
        "held": Word("Needs a second person", "hold", "users", "Another person has to confirm it"),
        "closed": Word("Closed", "neutral", "circle-check", "Nothing is left to do"),
    },
    "decision": {
        "held": Word("Held", "hold", "hourglass", "It waits for a second person"),
        "final": Word("In force", "good", "circle-check", "This is what holds"),
        "superseded": Word("Overridden", "neutral", "undo-2", "A later decision has taken its place"),
    },
    "action": {
        "pending": Word("Not sent yet", "neutral", "circle-dashed", "The platform has not been told"),
        "dispatched": Word("Sent", "info", "send", "The platform has been told and has not answered"),
        "acknowledged": Word("Acknowledged", "info", "check", "The platform has said yes"),
        "active": Word("In force", "good", "circle-check", "The platform carries it out"),
        "expired": Word("Ended", "neutral", "clock", "Its time is over"),
        "failed": Word("Failed, retrying", "warn", "refresh-cw", "The platform did not take it; it will be sent again"),
        "dead_letter": Word("Undeliverable", "bad", "triangle-alert", "Every try failed; a person has to look"),
        "reversal_pending": Word("Being undone", "hold", "undo-2", "The platform is told to undo it"),
        "reversed": Word("Undone", "neutral", "undo-2", "It holds no longer"),
    },
    "delivery": {
        "pending": Word("Not sent yet", "neutral", "circle-dashed"),
        "retrying": Word("Retrying", "warn", "refresh-cw", "A try failed; the next one is planned"),
        "delivered": Word("Delivered", "good", "circle-check", "The platform has acknowledged it"),
        "dead_letter": Word("Dead letter", "bad", "triangle-alert", "Every try failed; a person has to look"),
        "cancelled": Word("Cancelled", "neutral", "circle-slash", "It was not needed any more"),
    },
    "appeal": {
        "filed": Word("Filed", "info", "inbox", "It has come in"),
        "inadmissible": Word("Inadmissible", "neutral", "circle-slash", "It can't be heard"),
        "assigned": Word("Assigned", "info", "user-check", "Somebody outside the decision will hear it"),
        "in_review": Word("In review", "warn", "eye", "Somebody is hearing it"),
        "upheld": Word("Upheld", "neutral", "scale", "The decision stands"),
        "overturned": Word("Overturned", "good", "undo-2", "The decision was wrong and is being undone"),
        "modified": Word("Modified", "hold", "pencil", "The decision was changed"),
        "implemented": Word("Carried out", "good", "check", "What was decided has been done"),
        "notified": Word("Told", "good", "mail-check", "Everybody concerned knows the outcome"),
        "withdrawn": Word("Withdrawn", "neutral", "circle-x", "The person took it back"),
    },
    "statement": {
        "drafted": Word("Drafted", "neutral", "pencil"),
        "validated": Word("Checked", "info", "check", "It has everything that it must say"),
        "user_notified": Word("Person told", "good", "mail-check", "The person concerned can read it"),
        "due": Word("Due", "warn", "clock", "It waits to be submitted to the EU database"),
        "submitted": Word("Submitted", "info", "send"),
        "accepted": Word("In the EU database", "good", "circle-check"),
        "rejected": Word("Rejected", "bad", "circle-x", "The EU database did not take it"),
        "fixed": Word("Fixed", "info", "wrench", "It will be submitted again"),
        "withheld": Word("None owed", "neutral", "circle-slash", "With the reason why"),
        "corrected_locally": Word("Corrected", "hold", "pencil", "It changed after it was issued"),
    },
    "policy_change": {
        "draft": Word("Draft", "neutral", "pencil", "Its author is writing it"),
        "proposed": Word("Needs approval", "hold", "users", "Somebody else has to approve it"),
        "approved": Word("Approved", "info", "check", "It is on its way into force"),
        "applied": Word("In force", "good", "circle-check", "It has been put in force"),
        "unconfirmed": Word("Needs confirmation", "hot", "siren", "In force already; somebody else has to confirm it"),
        "contested": Word("Contested", "bad", "circle-x", "It was put in force first, and somebody disagrees"),
        "rejected": Word("Rejected", "bad", "circle-x", "Somebody else has refused it"),
        "withdrawn": Word("Withdrawn", "neutral", "circle-slash", "Its author wants it no more"),
        "stale": Word("Out of date", "warn", "history", "What it was made from was changed meanwhile"),
    },
    "batch": {
        "looking": Word("Counting", "info", "search", "It is being found out which decisions these are"),
        "counted": Word("To confirm", "hold", "hourglass", "Counted; nothing has been done yet"),
        "running": Word("Running", "info", "play", "One decision after the other"),
        "done": Word("Done", "good", "circle-check"),
        "stopped": Word("Stopped", "warn", "circle-pause", "It can go on from where it was"),
        "failed": Word("Failed", "bad", "circle-x", "Nothing was done; see why"),
    },
    "rule": {
        "draft": Word("Draft", "neutral", "pencil"),
        "shadow": Word("Shadow", "hold", "ghost", "It is measured, and does nothing"),
        "canary": Word("Canary", "warn", "bird", "It acts on a share of people"),
        "live": Word("Live", "good", "zap"),
        "throttled": Word("Throttled", "hot", "gauge", "It matched too much and was disarmed"),
        "retired": Word("Retired", "neutral", "archive"),
    },
    "case": {
        "new": Word("New", "info", "circle-dashed"),
        "triage": Word("Triage", "warn", "list-filter"),
        "investigating": Word("Investigating", "hold", "search"),
        "resolved": Word("Resolved", "good", "circle-check"),
        "post_review": Word("Looking back", "sky", "history"),
        "closed": Word("Closed", "neutral", "archive"),
    },
    "dispute": {
        "opened": Word("Opened", "info", "inbox"),
        "accepted_by_body": Word("Accepted by the body", "info", "landmark"),
        "decided": Word("Decided", "info", "scale"),
        "for_provider": Word("For the provider", "neutral", "scale"),
        "for_user": Word("For the user", "good", "scale"),
        "implemented": Word("Carried out", "good", "check"),
        "declined": Word("Declined", "bad", "circle-x"),
    },
    "external_report": {
        "drafted": Word("Drafted", "neutral", "pencil"),
        "reviewed": Word("Reviewed", "info", "users"),
        "submitted": Word("Submitted", "info", "send"),
        "files_uploaded": Word("Files uploaded", "info", "upload"),
        "finished": Word("Finished", "good", "circle-check"),
        "retracted": Word("Retracted", "neutral", "undo-2"),
    },
    "automation": {
        "fully": Word("Automated", "sky", "cpu", "No person took part"),
        "partially": Word("Partly automated", "sky", "cpu", "A person decided on an automated proposal"),
        "not_automated": Word("By a person", "neutral", "user-round", "A person decided"),
    },
    "key": {
        "active": Word("Active", "good", "circle-check"),
        "expired": Word("Expired", "neutral", "clock"),
        "revoked": Word("Revoked", "bad", "ban"),
    },
    "person": {
        "active": Word("Active", "good", "circle-check"),
        "invited": Word("Invited", "info", "mail"),
        "inactive": Word("Deactivated", "neutral", "circle-slash"),
    },
    "check": {
        "ok": Word("Whole", "good", "shield-check"),
        "broken": Word("Broken", "bad", "shield-x"),
        "unknown": Word("Not checked", "neutral", "shield-question-mark"),
    },
}


def word_for(machine: str, state: str) -> Word:
    """How to show `state` of `machine`. Raises `UnknownWord` naming what there is."""
    try:
        words = STATES[machine]
    except KeyError:
        raise UnknownWord(f"no machine {machine!r} in web/words.py; there are {', '.join(STATES)}") from None
    try:
        return words[str(state)]
    except KeyError:
        raise UnknownWord(
            f"no state {str(state)!r} of {machine} in web/words.py; there are {', '.join(words)}"
        ) from None


def action_word(action: str) -> Word:
    """How to show one of the engine's actions. Raises `UnknownWord`."""
    try:
        return ACTIONS[str(action)]
    except KeyError:
        raise UnknownWord(f"no action {str(action)!r} in web/words.py; there are {', '.join(ACTIONS)}") from None


def severity_word(severity: str) -> Word:
    """How to show a policy's severity. Raises `UnknownWord`."""
    try:
        return SEVERITIES[str(severity)]
    except KeyError:
        raise UnknownWord(f"no severity {str(severity)!r} in web/words.py; there are {', '.join(SEVERITIES)}") from None
