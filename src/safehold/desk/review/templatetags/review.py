"""What the pages of review and appeals show of a case: small words and the files they load. `{% load review %}`."""

from collections.abc import Mapping
from datetime import datetime

from django.template import Library
from django.templatetags.static import static
from django.utils.html import format_html
from django.utils.safestring import SafeString

from safehold.desk.decisions.standing import Standing
from safehold.desk.review.case import Case
from safehold.web.markup import duration

register = Library()

_ICONS = {
    "account": "user-round", "message": "message-square", "content": "file-text", "payment": "banknote",
    "listing": "store", "login": "log-in", "report": "flag",
}  # fmt: skip
#: Fields of an event's data that the page shows elsewhere, or that say nothing to a person.
_ELSEWHERE = frozenset({"text", "actor", "target", "context", "kind", "id"})
LONGEST = 300


@register.simple_tag
def review_css() -> SafeString:
    return format_html('<link rel="stylesheet" href="{}">', static("safehold/review.css"))


@register.simple_tag
def review_js() -> SafeString:
    return format_html('<script type="module" src="{}"></script>', static("safehold/review.js"))


@register.filter
def kind_icon(kind: str) -> str:
    """The icon of an entity's kind."""
    return _ICONS.get(kind, "box")


@register.filter
def facts(case: Case) -> list[tuple[str, str]]:
    """(name, value) of what the platform said beside the text, in words: `thread_id` is `Thread id`."""
    shown = []
    for name, value in case.facts.items():
        if name in _ELSEWHERE or value in (None, "", [], {}, case.entity.external_id):
            continue
        words = ", ".join(map(str, value)) if isinstance(value, list) else str(value)
        yes_no = {True: "yes", False: "no"}.get(value, words) if isinstance(value, bool) else words
        cut = yes_no if len(yes_no) <= LONGEST else f"{yes_no[:LONGEST]}…"
        shown.append((name.replace("_", " ").capitalize(), cut))
    return shown


@register.filter
def age_at(born: datetime, then: datetime) -> str:
    """How old something was at a moment."""
    return duration(then - born)


@register.filter
def strikes_text(standing: Standing) -> str:
    return f"{standing.weight} strike{'' if standing.weight == 1 else 's'}"


@register.filter
def reports_text(count: int) -> str:
    return f"{count} report{'' if count == 1 else 's'}"


@register.filter
def overdue_text(count: int) -> str:
    return f"{count} overdue"


@register.filter
def start_label(title: str) -> str:
    return f"Start {title}"


@register.filter
def paragraphs(text: str) -> list[str]:
    """The paragraphs of a text that its author wrapped by hand: an empty line parts two, a single line break is a space."""
    return [" ".join(part.split()) for part in str(text).split("\n\n") if part.strip()]


@register.filter
def in_order(texts: Mapping[str, str], language: str) -> list[tuple[str, str]]:
    """(language, text), the given language first, then English."""
    wanted = [str(language)[:2], "en"]
    place = {each: number for number, each in reversed(list(enumerate(wanted)))}
    return sorted(texts.items(), key=lambda pair: (place.get(pair[0], len(wanted)), pair[0]))
