"""Small pieces of HTML that the tags share: attributes, icons, times, initials."""

import hashlib
from datetime import UTC, date, datetime, timedelta
from functools import lru_cache
from typing import Any

from django.utils import timezone
from django.utils.html import escape, format_html
from django.utils.safestring import SafeString, mark_safe
from lucide.templatetags.lucide import lucide

_WARM = ("info", "sky", "good", "warn", "hot", "bad", "hold", "neutral")


def attributes(values: dict[str, Any]) -> SafeString:
    """` name="value"` for each; `hx_post` becomes `hx-post`, `class_` becomes `class`; None and False leave it out."""
    parts = []
    for name, value in values.items():
        if value is None or value is False or value == "":
            continue
        name = name.rstrip("_").replace("_", "-")
        parts.append(f" {name}" if value is True else f' {name}="{escape(value)}"')
    return mark_safe("".join(parts))  # noqa: S308 (escaped above; names come from templates)


@lru_cache(maxsize=1024)
def icon(name: str, size: int = 16, label: str = "") -> SafeString:
    """A Lucide icon, `size` pixels wide: hidden from screen readers unless it has a label. Raises IconDoesNotExist."""
    heard = {"role": "img", "aria-label": label} if label else {"aria-hidden": "true"}
    return SafeString(lucide(str(name), size=size, **{"class": "icon", **heard}))


def pill(text: str, tone: str = "neutral", icon_name: str = "", help: str = "") -> SafeString:
    return format_html(
        '<span class="pill" data-tone="{}"{}>{}{}</span>',
        tone,
        attributes({"title": help}),
        icon(icon_name, 12) if icon_name else "",
        text,
    )


def initials(name: str) -> str:
    """Up to two letters: of the first and the last word, or of an e-mail address's local part."""
    words = name.split("@")[0].replace(".", " ").replace("_", " ").replace("-", " ").split()
    letters = [word[0] for word in words if word[0].isalnum()]
    return "".join(letters[:1] + letters[1:][-1:]).upper() or "?"


def tone_of(text: str) -> str:
    """Always the same tone for the same text, so that people are told apart at a glance."""
    return _WARM[hashlib.blake2s(text.encode(), digest_size=1).digest()[0] % len(_WARM)]


def relative(moment: datetime, now: datetime) -> str:
    """How long ago or ahead, in the fewest words: `now`, `4m ago`, `in 3h`, `2d ago`, then the day itself."""
    seconds = (now - moment).total_seconds()
    size = abs(seconds)
    if size < 45:
        return "now"
    if size >= 7 * 86_400:
        return moment.strftime("%-d %b" if moment.year == now.year else "%-d %b %Y")
    amount = (
        f"{round(size / 60)}m"
        if size < 3_570
        else f"{round(size / 3_600)}h"
        if size < 84_600
        else f"{round(size / 86_400)}d"
    )
    return f"{amount} ago" if seconds > 0 else f"in {amount}"


def time_element(moment: datetime | date | None, style: str = "relative", missing: str = "–") -> SafeString:
    """`<time>` with relative words (kept fresh by live.js) and the exact time on hover; `exact` says it in full."""
    if moment is None:
        return format_html('<span class="faint">{}</span>', missing)
    if not isinstance(moment, datetime):
        return format_html('<time datetime="{}">{}</time>', moment.isoformat(), moment.strftime("%-d %b %Y"))
    moment = moment.astimezone(UTC)
    exact = moment.strftime("%-d %B %Y, %H:%M:%S UTC")
    if style == "exact":
        return format_html('<time datetime="{}">{}</time>', moment.isoformat(), exact)
    if style == "day":
        return format_html(
            '<time datetime="{}" title="{}">{}</time>', moment.isoformat(), exact, moment.strftime("%-d %B %Y")
        )
    return format_html(
        '<time datetime="{}" title="{}" data-relative>{}</time>',
        moment.isoformat(),
        exact,
        relative(moment, timezone.now()),
    )


def duration(value: timedelta | float | None) -> str:
    """A length of time in its two largest units: `3d 4h`, `12m`, `45s`, `8 ms`. Seconds, or a timedelta."""
    if value is None:
        return "–"
    seconds = value.total_seconds() if isinstance(value, timedelta) else float(value)
    if 0 < seconds < 1:
        return f"{round(seconds * 1000)} ms"
    parts, rest = [], round(seconds)
    for unit, length in (("d", 86_400), ("h", 3_600), ("m", 60), ("s", 1)):
        amount, rest = divmod(rest, length)
        if amount:
            parts.append(f"{amount}{unit}")
    return " ".join(parts[:2]) or "0s"
