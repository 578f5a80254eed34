"""Components around other markup, each with its end tag: `{% card "Title" %}...{% endcard %}`. Part of `safehold`."""

from datetime import datetime
from typing import Any

from django.template import Library
from django.template.loader import render_to_string
from django.utils.html import format_html
from django.utils.safestring import SafeString

from safehold.web import markup, words

register = Library()

_ALERT_ICONS = {
    "good": "circle-check",
    "warn": "triangle-alert",
    "hot": "triangle-alert",
    "bad": "circle-alert",
    "hold": "hourglass",
    "grave": "octagon-alert",
}


def _trimmed(content: str) -> SafeString:
    """What the template rendered, without the line breaks around it."""
    return SafeString(content.strip())


@register.simple_block_tag
def page_head(content: str, title: str, subtitle: str = "") -> SafeString:
    """`{% page_head "Decisions" "Newest first" %}` buttons `{% endpage_head %}`: the page's h1."""
    return format_html(
        '<header class="page-head"><div><h1>{}</h1>{}</div><div class="page-actions">{}</div></header>',
        title,
        format_html("<p>{}</p>", subtitle) if subtitle else "",
        _trimmed(content),
    )


@register.simple_block_tag
def card(
    content: str,
    title: str = "",
    icon: str = "",
    href: str = "",
    link: str = "",
    count: int | None = None,
    flush: bool = False,
    level: int = 2,
    id: str = "",
) -> SafeString:
    """A panel. `href` with `link` puts a link at the head's end; `flush` leaves no padding (for a table)."""
    head = ""
    if title:
        head = format_html(
            '<header class="card-head">{}<h{}>{}</h{}>{}{}</header>',
            markup.icon(icon) if icon else "",
            level,
            title,
            level,
            format_html('<span class="count">{}</span>', count) if count is not None else "",
            format_html('<a class="end" href="{}">{}</a>', href, link or "See all") if href else "",
        )
    outer = markup.attributes({"class": "card", "data_flush": flush, "id": id})
    return format_html('<section{}>{}<div class="card-body">{}</div></section>', outer, head, content)


@register.simple_block_tag
def table(content: str, caption: str, keys: bool = True, sticky: bool = False) -> SafeString:
    """A table; write `<thead>` and `<tbody>` inside. Rows marked `data-row` with an `<a class="row-link">` are walked
    with j, k and Enter, and open on a click anywhere. `caption` is heard, not seen. `sticky` keeps the heading in view:
    the table then scrolls by itself."""
    outer = markup.attributes(
        {"class": "table-wrap", "data_sticky": sticky, "tabindex": "0", "role": "region", "aria_label": caption}
    )
    inner = markup.attributes({"class": "table", "data_rows": keys})
    return format_html(
        '<div{}><table{}><caption class="sr-only">{}</caption>{}</table></div>', outer, inner, caption, content
    )


@register.simple_block_tag
def tabs(content: str, label: str = "Views") -> SafeString:
    """`{% tabs %}{% tab "Open" url current=True count=3 %}{% endtabs %}`: links, so that each view has an address."""
    return format_html('<nav class="tabs" aria-label="{}">{}</nav>', label, content)


@register.simple_tag
def tab(text: str, href: str, current: bool = False, count: int | None = None, key: str = "") -> SafeString:
    """One link of `{% tabs %}`."""
    outer = markup.attributes(
        {
            "class": "tab",
            "href": href,
            "aria_current": "page" if current else None,
            "data_key": key,
            "data_key_label": text if key else "",
        }
    )
    number = format_html('<span class="count">{}</span>', count) if count is not None else ""
    return format_html("<a{}>{}{}</a>", outer, text, number)


@register.simple_block_tag
def toolbar(content: str, label: str = "Filters", action: str = "") -> SafeString:
    """A form (GET) that holds `search_field`, `filter_menu`, `chip` and buttons."""
    outer = markup.attributes(
        {"class": "toolbar", "method": "get", "role": "search", "aria_label": label, "action": action}
    )
    return format_html("<form{}>{}</form>", outer, content)


@register.simple_block_tag
def dialog(content: str, id: str, title: str, size: str = "") -> SafeString:
    """A `<dialog>` that `{% button ... dialog=id %}` opens. A form inside closes it by `method="dialog"` or navigates."""
    outer = markup.attributes({"class": "dialog", "id": id, "aria_labelledby": f"{id}-title", "data_size": size})
    return format_html(
        '<dialog{}><div class="dialog-head"><h2 id="{}-title">{}</h2>'
        '<button type="button" class="copy" data-close aria-label="Close">{}</button></div>'
        '<div class="dialog-body">{}</div></dialog>',
        outer,
        id,
        title,
        markup.icon("x"),
        content,
    )


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
    button = {
        "class": "button",
        "data_kind": kind,
        "data_size": size,
        "aria_label": text if icon_only else "",
        "title": text if icon_only else "",
        "data_icon_only": icon_only,
    }
    return format_html(
        '<details{}><summary{}>{}{}</summary><div class="menu-panel">{}</div></details>',
        markup.attributes({"class": "menu", "data_align": align, "data_side": side}),
        markup.attributes(button),
        markup.icon(icon) if icon else "",
        "" if icon_only else format_html("{}{}", text, markup.icon("chevron-down", 14)),
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
    """One entry of `{% timeline %}`."""
    return format_html(
        '<li class="moment" data-tone="{}"><span class="moment-mark">{}</span><div><div class="moment-head">'
        '<span class="medium">{}</span>{}{}</div><div class="moment-body">{}</div></div></li>',
        tone,
        markup.icon(icon, 13),
        title,
        format_html('<span class="by">by {}</span>', by) if by else "",
        markup.time_element(at) if at else "",
        _trimmed(content),
    )


@register.simple_block_tag
def alert(content: str, tone: str = "info", title: str = "", icon: str = "", live: bool = False) -> SafeString:
    """A message in the page. `live` reads it out when it appears by htmx."""
    if tone not in words.TONES:
        raise ValueError(f"alert: tone {tone!r} is none of {', '.join(words.TONES)}")
    return format_html(
        '<div class="alert" data-tone="{}"{}>{}<div>{}{}</div></div>',
        tone,
        markup.attributes({"role": "status" if live else ""}),
        markup.icon(icon or _ALERT_ICONS.get(tone, "info")),
        format_html('<div class="alert-title">{}</div>', title) if title else "",
        content,
    )


@register.simple_block_tag
def empty(content: str, title: str, art: str = "inbox") -> SafeString:
    """Where a list has nothing to show: what would be here, and what one can do about it.

    art: a drawing in templates/web/art (inbox, search, done, ledger, chart, lock).
    """
    drawing = render_to_string(f"web/art/{art}.svg")
    return format_html('<div class="empty">{}<div class="empty-title">{}</div>{}</div>', drawing, title, content)


@register.simple_block_tag
def harmful(content: str, id: str, note: str = "This may be distressing to read", lang: str = "") -> SafeString:
    """Text that is blurred until somebody chooses to read it. `id` is the page's own name for it, under which the choice
    is remembered in this browser tab. The key b shows and hides it; so does Space while the switch has the focus."""
    return format_html(
        '<div class="harm" data-reveal="{}"><div class="harm-bar">{}<span>{}</span><label>'
        '<input type="checkbox" class="harm-toggle check" data-key="b" data-key-label="Show or blur the text"> '
        'Show {}</label></div><div class="harm-text"{}>{}</div></div>',
        id,
        markup.icon("eye-off", 14),
        note,
        SafeString('<span class="keys"><kbd>B</kbd></span>'),
        markup.attributes({"lang": lang}),
        _trimmed(content),
    )
