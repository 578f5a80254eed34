"""Components around other markup, each with its end tag: `{% card "Title" %}...{% endcard %}`. Loaded by `{% load safehold %}`."""

from datetime import datetime
from typing import Any

from django.template import Library
from django.utils.html import format_html
from django.utils.safestring import SafeString, mark_safe

from safehold.web import markup, words

register = Library()

_ALERT_ICONS = {
    "info": "info", "sky": "info", "good": "circle-check", "warn": "triangle-alert", "hot": "triangle-alert",
    "bad": "circle-alert", "hold": "hourglass", "grave": "octagon-alert", "neutral": "info",
}  # fmt: skip

#: Drawn by hand in the house's one line weight; `tint` takes the accent.
_ART = {
    "inbox": '<path d="M16 44l10-26h40l10 26v20a4 4 0 0 1-4 4H20a4 4 0 0 1-4-4V44z"/><path class="tint" d="M16 44h18a12 12 0 0 0 24 0h18"/><path d="M38 30h16M35 37h22"/>',
    "search": '<circle cx="42" cy="38" r="20"/><path d="M57 53l17 17"/><path class="tint" d="M33 38h18M42 29v18" opacity=".0"/><path class="tint" d="M32 36a10 10 0 0 1 9-9"/>',
    "done": '<path d="M46 10l28 10v20c0 18-12 28-28 34-16-6-28-16-28-34V20l28-10z"/><path class="tint" d="M33 42l9 9 17-18"/>',
    "ledger": '<rect x="14" y="16" width="18" height="18" rx="4"/><rect x="60" y="16" width="18" height="18" rx="4"/><rect x="37" y="52" width="18" height="18" rx="4"/><path class="tint" d="M23 34v10h46V34M46 44v8"/>',
    "chart": '<path d="M16 14v56h60"/><path class="tint" d="M26 56l14-16 12 9 20-25"/><path d="M26 66v-2M40 66v-2M52 66v-2M72 66v-2"/>',
    "lock": '<rect x="22" y="38" width="48" height="34" rx="5"/><path d="M32 38V28a14 14 0 0 1 28 0v10"/><path class="tint" d="M46 51v9"/>',
}  # fmt: skip


@register.simple_block_tag
def page_head(content: str, title: str, subtitle: str = "") -> SafeString:
    """`{% page_head "Decisions" "What was decided, newest first" %}` buttons `{% endpage_head %}`: the page's h1."""
    return format_html(
        '<header class="page-head"><div><h1>{}</h1>{}</div><div class="page-actions">{}</div></header>',
        title, format_html("<p>{}</p>", subtitle) if subtitle else "", mark_safe(content.strip()),  # noqa: S308
    )  # fmt: skip


@register.simple_block_tag
def card(
    content: str, title: str = "", icon: str = "", href: str = "", link: str = "", count: int | None = None,
    flush: bool = False, level: int = 2, id: str = "",
) -> SafeString:  # fmt: skip
    """A panel. `href` with `link` puts a link at the head's end; `flush` leaves no padding (for a table)."""
    head = ""
    if title:
        head = format_html(
            '<header class="card-head">{}<h{}>{}</h{}>{}{}</header>',
            markup.icon(icon) if icon else "", level, title, level,
            format_html('<span class="count">{}</span>', count) if count is not None else "",
            format_html('<a class="end" href="{}">{}</a>', href, link or "See all") if href else "",
        )  # fmt: skip
    return format_html(
        '<section{}>{}<div class="card-body">{}</div></section>',
        markup.attributes({"class": "card", "data_flush": flush, "id": id}), head, content,
    )  # fmt: skip


@register.simple_block_tag
def table(content: str, caption: str, keys: bool = True, sticky: bool = False) -> SafeString:
    """A table; write `<thead>` and `<tbody>` inside. Rows marked `data-row` with an `<a class="row-link">` are walked
    with j, k and Enter, and open on a click anywhere. `caption` is heard, not seen."""
    return format_html(
        '<div class="table-wrap" tabindex="0" role="region" aria-label="{}"><table{}><caption class="sr-only">{}</caption>{}</table></div>',
        caption, markup.attributes({"class": "table", "data_rows": keys, "data_sticky": sticky}), caption, content,
    )  # fmt: skip


@register.simple_block_tag
def tabs(content: str, label: str = "Views") -> SafeString:
    """`{% tabs %}{% tab "Open" url current=True count=3 %}{% endtabs %}`: links, so that each view has an address."""
    return format_html('<nav class="tabs" aria-label="{}">{}</nav>', label, content)


@register.simple_tag
def tab(text: str, href: str, current: bool = False, count: int | None = None, key: str = "") -> SafeString:
    return format_html(
        "<a{}>{}{}</a>",
        markup.attributes(
            {"class": "tab", "href": href, "aria_current": "page" if current else None, "data_key": key, "data_key_label": text if key else ""}
        ),
        text,
        format_html('<span class="count">{}</span>', count) if count is not None else "",
    )  # fmt: skip


@register.simple_block_tag
def toolbar(content: str, label: str = "Filters", action: str = "") -> SafeString:
    """A form (GET) that holds `search_field`, `filter_menu`, `chip` and buttons."""
    return format_html(
        '<form class="toolbar" method="get" role="search" aria-label="{}"{}>{}</form>',
        label,
        markup.attributes({"action": action}),
        content,
    )


@register.simple_block_tag
def dialog(content: str, id: str, title: str, size: str = "") -> SafeString:
    """A `<dialog>` that `{% button ... dialog=id %}` opens. A form inside closes it with `method="dialog"` or navigates."""
    return format_html(
        '<dialog class="dialog" id="{}" aria-labelledby="{}-title"{}><div class="dialog-head"><h2 id="{}-title">{}</h2>'
        '<button type="button" class="copy" data-close aria-label="Close">{}</button></div><div class="dialog-body">{}</div></dialog>',
        id, id, markup.attributes({"data_size": size}), id, title, markup.icon("x"), content,
    )  # fmt: skip


@register.simple_block_tag
def menu(
    content: str,
    text: str,
    icon: str = "",
    kind: str = "",
    size: str = "",
    align: str = "start",
    side: str = "",
    icon_only: bool = False,
) -> SafeString:
    """A button with a panel below it; put `<a class="menu-item">` and `<button class="menu-item">` inside."""
    return format_html(
        '<details{}><summary{}>{}{}{}</summary><div class="menu-panel">{}</div></details>',
        markup.attributes({"class": "menu", "data_align": align, "data_side": side}),
        markup.attributes(
            {
                "class": "button",
                "data_kind": kind,
                "data_size": size,
                "aria_label": text if icon_only else "",
                "data_icon_only": icon_only,
            }
        ),
        markup.icon(icon) if icon else "",
        "" if icon_only else text,
        "" if icon_only else markup.icon("chevron-down", 14),
        content,
    )


@register.simple_block_tag
def timeline(content: str, label: str = "What happened") -> SafeString:
    """`{% timeline %}{% moment "Removed" at=... by=... icon="eye-off" tone="hot" %}why{% endmoment %}{% endtimeline %}`."""
    return format_html('<ol class="timeline" aria-label="{}">{}</ol>', label, content)


@register.simple_block_tag
def moment(
    content: str,
    title: str,
    at: datetime | None = None,
    by: Any = None,
    icon: str = "circle-dot",
    tone: str = "neutral",
) -> SafeString:
    return format_html(
        '<li class="moment" data-tone="{}"><span class="moment-mark">{}</span><div><div class="moment-head">'
        '<span class="medium">{}</span>{}{}</div><div class="moment-body">{}</div></div></li>',
        tone, markup.icon(icon, 13), title,
        format_html('<span class="by">by {}</span>', by) if by else "",
        markup.time_element(at) if at else "",
        mark_safe(content.strip()),  # noqa: S308 (rendered by the template)
    )  # fmt: skip


@register.simple_block_tag
def alert(content: str, tone: str = "info", title: str = "", icon: str = "", live: bool = False) -> SafeString:
    """A message in the page. `live` reads it out when it appears by htmx."""
    if tone not in words.TONES:
        raise ValueError(f"alert: tone {tone!r} is none of {', '.join(words.TONES)}")
    return format_html(
        '<div class="alert" data-tone="{}"{}>{}<div>{}{}</div></div>',
        tone, markup.attributes({"role": "status" if live else ""}), markup.icon(icon or _ALERT_ICONS[tone]),
        format_html('<div class="alert-title">{}</div>', title) if title else "", content,
    )  # fmt: skip


@register.simple_block_tag
def empty(content: str, title: str, art: str = "inbox") -> SafeString:
    """Where a list has nothing to show: says what would be here and what one can do. art: inbox, search, done, ledger, chart, lock."""
    return format_html(
        '<div class="empty"><svg class="art" viewBox="0 0 92 80" fill="none" stroke="currentColor" stroke-width="2.5" '
        'stroke-linecap="round" stroke-linejoin="round" aria-hidden="true">{}</svg><div class="empty-title">{}</div>{}</div>',
        mark_safe(_ART[art].replace('class="tint"', 'class="tint" stroke="currentColor"')), title, content,  # noqa: S308
    )  # fmt: skip


@register.simple_block_tag
def harmful(content: str, id: str, note: str = "This may be distressing to read", lang: str = "") -> SafeString:
    """Text that is blurred until somebody chooses to read it. `id` is the page's own name for it, under which the choice
    is remembered in this browser tab. Space shows and hides while the switch has the focus; so does `data-key` b."""
    return format_html(
        '<div class="harm" data-reveal="{}"><div class="harm-bar">{}<span>{}</span><label><input type="checkbox" class="harm-toggle check" '
        'data-key="b" data-key-label="Show or blur the text"> Show</label></div><div class="harm-text"{}>{}</div></div>',
        id, markup.icon("eye-off", 14), note, markup.attributes({"lang": lang}), mark_safe(content.strip()),  # noqa: S308
    )  # fmt: skip
