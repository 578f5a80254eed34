"""Inline components: icons, buttons, pills, people, identifiers, times, keys. Loaded by `{% load safehold %}`."""

from datetime import date, datetime, timedelta
from typing import Any

from django.forms import BaseForm, BoundField, CheckboxInput
from django.template import Library
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString

from safehold.web import markup, words

register = Library()

_KEY_NAMES = {"mod": "Ctrl", "enter": "↵", "space": "Space", "escape": "Esc", "shift": "⇧", "up": "↑", "down": "↓"}


@register.simple_tag
def icon(name: str, size: int = 16, label: str = "") -> SafeString:
    """`{% icon "gavel" %}`: a Lucide icon; give it a label only where no words stand beside it."""
    return markup.icon(name, size, label)


@register.simple_tag
def kbd(keys: str) -> SafeString:
    """`{% kbd "g q" %}` (one after the other) or `{% kbd "mod+enter" %}` (together)."""
    parts = [part for combination in keys.split() for part in combination.split("+")]
    shown = ((_KEY_NAMES.get(part, part.upper() if len(part) == 1 else part),) for part in parts)
    return format_html('<span class="keys">{}</span>', format_html_join("", "<kbd>{}</kbd>", shown))


@register.simple_tag
def button(
    text: str, href: str = "", kind: str = "", icon: str = "", key: str = "", size: str = "", type: str = "",
    dialog: str = "", title: str = "", icon_only: bool = False, disabled: bool = False, **more: Any,
) -> SafeString:  # fmt: skip
    """A button, or a link that looks like one where `href` is given.

    kind: `primary`, `danger`, `quiet` or nothing; size: `small` or nothing; `key` presses it and is shown; `dialog` is the
    id of a `{% dialog %}` to open. Anything else becomes an attribute: `name= value= form= hx_post= data_copy= id=`.
    """
    if kind not in {"", "primary", "danger", "quiet"}:
        raise ValueError(f"button {text!r}: kind {kind!r} is none of primary, danger, quiet")
    described = {
        "data_kind": kind, "data_size": size, "data_key": key, "data_key_label": text if key else "", "data_dialog": dialog,
        "aria_label": text if icon_only else "", "title": title or (text if icon_only else ""), "data_icon_only": icon_only,
    }  # fmt: skip
    extra = more.pop("class_", "")
    described["class_"] = f"button {extra}".strip()
    inside = format_html(
        "{}{}{}",
        markup.icon(icon) if icon else "",
        "" if icon_only else text,
        format_html(" {}", kbd(key)) if key and not icon_only else "",
    )
    if href and not disabled:
        return format_html("<a{}>{}</a>", markup.attributes({"href": href, **described, **more}), inside)
    described |= {"type": type or ("button" if dialog else "submit"), "disabled": disabled}
    return format_html("<button{}>{}</button>", markup.attributes({**described, **more}), inside)


@register.simple_tag
def badge(text: Any, tone: str = "neutral", icon: str = "", help: str = "") -> SafeString:
    """`{% badge "Beta" tone="info" icon="zap" %}`: a pill with any words."""
    if tone not in words.TONES:
        raise ValueError(f"badge {text!r}: tone {tone!r} is none of {', '.join(words.TONES)}")
    return markup.pill(str(text), tone, icon, help)


def _pill(word: words.Word) -> SafeString:
    return markup.pill(word.text, word.tone, word.icon, word.help)


@register.simple_tag
def state(machine: str, value: str) -> SafeString:
    """`{% state "appeal" appeal.state %}`: a pill in the words of web/words.py."""
    return _pill(words.word_for(machine, value))


@register.simple_tag
def action(value: str) -> SafeString:
    """`{% action decision.action %}`: allow ... terminate."""
    return _pill(words.action_word(value))


@register.simple_tag
def severity(value: str) -> SafeString:
    """`{% severity policy.severity %}`."""
    return _pill(words.severity_word(value))


@register.filter
def state_text(value: str, machine: str) -> str:
    """`{{ appeal.state|state_text:"appeal" }}`: the words alone."""
    return words.word_for(machine, value).text


@register.filter
def action_text(value: str) -> str:
    return words.action_word(value).text


@register.filter
def outcome_text(value: str) -> str:
    """`{{ decision.action|outcome_text }}`: what happened, as the person concerned reads it."""
    words.action_word(value)
    return words.OUTCOMES[str(value)]


@register.simple_tag
def count(value: int | None, tone: str = "") -> SafeString | str:
    """A number in a small round badge; nothing at all for None or 0. Above 999 it says 999+."""
    if not value:
        return ""
    shown = f"{value}" if value < 1000 else "999+"
    return format_html('<span class="count"{}>{}</span>', markup.attributes({"data_tone": tone}), shown)


@register.simple_tag
def avatar(name: Any, size: str = "") -> SafeString:
    """Initials in a circle; the name must stand beside it, so it is hidden from screen readers."""
    name = str(name)
    return format_html(
        '<span class="avatar" data-tone="{}"{} aria-hidden="true">{}</span>',
        markup.tone_of(name), markup.attributes({"data_size": size}), markup.initials(name),
    )  # fmt: skip


@register.simple_tag
def person(user: Any, missing: str = "Rules") -> SafeString:
    """A person's initials and name; `missing` (with a chip icon) where nobody but a rule decided."""
    if user is None:
        return format_html('<span class="person muted">{} {}</span>', markup.icon("cpu"), missing)
    return format_html('<span class="person">{}<span class="truncate">{}</span></span>', avatar(user), user)


@register.simple_tag
def copy(value: Any, label: str = "") -> SafeString:
    """A small button that copies `value`; `label` says what is copied."""
    return format_html(
        '<button type="button" class="copy" data-copy="{}" aria-label="Copy {}" title="Copy">{}</button>',
        value, label or value, markup.icon("copy", 13),
    )  # fmt: skip


@register.simple_tag
def ident(value: Any, href: str = "", full: bool = False, copyable: bool = False) -> SafeString:
    """An id such as `dec_01h...`, shortened to its kind and last six characters unless `full`, whole on hover."""
    value = str(value)
    kind, _, rest = value.rpartition("_")
    shown = value if full or len(rest) <= 8 else f"{kind}_…{rest[-6:]}" if kind else f"{rest[:10]}…"
    tag = "a" if href else "span"
    return format_html(
        "<{}{}>{}</{}>{}",
        tag, markup.attributes({"class": "ident", "href": href, "title": value}), shown, tag, copy(value) if copyable else "",
    )  # fmt: skip


@register.simple_tag
def when(moment: datetime | date | None, style: str = "relative", missing: str = "–") -> SafeString:
    """`{% when decision.decided_at %}`: `4m ago`, exact on hover. style: `relative`, `exact`, `day`."""
    return markup.time_element(moment, style, missing)


@register.filter
def duration(value: timedelta | float | None) -> str:
    """`{{ seconds|duration }}`: `3d 4h`."""
    return markup.duration(value)


@register.filter
def thousands(value: float | int | None) -> str:
    """`{{ total|thousands }}`: 12,345, and a dash for None."""
    return "–" if value is None else f"{value:,}"


@register.filter
def percent(value: float | None) -> str:
    """`{{ share|percent }}`: 80 % of .8, and a dash for None."""
    return "–" if value is None else f"{100 * value:.0f} %"


@register.filter
def field_kind(field: BoundField) -> str:
    """How web/forms/field.html draws a field: `check` (box before its label), `group` (several inputs), `field`."""
    widget = field.field.widget
    if isinstance(widget, CheckboxInput):
        return "check"
    return "group" if field.use_fieldset else "field"


@register.filter
def without_placeholders(form: BaseForm) -> BaseForm:
    """A form of somebody else's (allauth) whose fields say their label twice: once is enough."""
    for field in form.fields.values():
        field.widget.attrs.pop("placeholder", None)
    return form
