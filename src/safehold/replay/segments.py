"""By what a report tells groups of events apart: how old the account was, its locale, the language of the text."""

from datetime import UTC, datetime
from typing import Any

from safehold.engine.event import parse_time
from safehold.replay.recorded import Recorded

#: Days below which an account is in the band.
AGE_BANDS = ((1, "under 1 day"), (7, "1 to 7 days"), (30, "7 to 30 days"), (365, "30 days to 1 year"))
OLDEST, NOT_KNOWN = "over 1 year", "not known"
SEGMENTS = ("type", "age_band", "locale", "language")


def segments_of(recorded: Recorded) -> dict[str, str]:
    """Age band, locale (of the context, else of the account) and language (as a signal or the event says it)."""
    event = recorded.event
    locale = event.context.get("locale") or event.actor.get("locale")
    return {
        "age_band": age_band(event.time, event.actor.get("created_at")),
        "locale": locale if isinstance(locale, str) and locale else NOT_KNOWN,
        "language": _language(recorded) or NOT_KNOWN,
    }


def age_band(at: datetime, created_at: Any) -> str:
    try:
        days = (at.astimezone(UTC) - parse_time(created_at)).total_seconds() / 86400
    except ValueError:
        return NOT_KNOWN
    return next((name for limit, name in AGE_BANDS if days < limit), OLDEST)


def _language(recorded: Recorded) -> str:
    for run in recorded.signals:
        for field in ("language", "lang"):
            if isinstance(run.values.get(field), str):
                return str(run.values[field])
    found = recorded.event.data.get("language")
    if isinstance(found, str):
        return found
    locale = recorded.event.context.get("locale") or recorded.event.actor.get("locale")
    return locale.replace("_", "-").partition("-")[0].lower() if isinstance(locale, str) else ""
