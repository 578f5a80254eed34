"""`{% load portal %}`: words and dates in the language of the page."""

from datetime import datetime
from typing import Any

from django.template import Context, Library
from django.utils.html import escape, format_html
from django.utils.safestring import SafeString

from safehold.desk.decisions.actions.base import date_in

register = Library()


@register.simple_tag(takes_context=True)
def say(context: Context, name: str, **values: Any) -> SafeString:
    """`{% say "filed_text" date=appeal.filed_at %}`: one of `portal.words`, its dates as people write them. What is filled
    in is escaped. Raises KeyError for words that are not there."""
    shown = {key: _shown(context["language"], value) for key, value in values.items()}
    text = context["words"][name]
    return format_html(text, **shown) if shown else escape(text)


@register.simple_tag(takes_context=True)
def day(context: Context, moment: datetime) -> SafeString:
    """`{% day decision.decided_at %}`: a date as people write it."""
    return _shown(context["language"], moment)


def _shown(language: str, value: Any) -> Any:
    if not isinstance(value, datetime):
        return value
    return format_html('<time datetime="{}">{}</time>', value.isoformat(), date_in(language, value))
