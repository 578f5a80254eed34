"""Components made from data: headings that sort, filters, choices, values, charts. Part of `{% load safehold %}`."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from django.http import HttpRequest, QueryDict
from django.template import Context, Library
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString

from safehold.web import charts, code, markup
from safehold.web.keyset import Page
from safehold.web.tags.basics import copy, kbd

register = Library()

_PAGING = ("after", "before")
_GAP = SafeString("<span></span>")


def _query(request: HttpRequest, **changes: str | None) -> str:
    """The request's query string with these changes; a changed filter starts at the first page."""
    query: QueryDict = request.GET.copy()
    for name in _PAGING:
        query.pop(name, None)
    for name, value in changes.items():
        if value is None:
            query.pop(name, None)
        else:
            query[name] = value
    return "?" + query.urlencode()


def _kept(name: str, value: str) -> SafeString:
    """A filter that the toolbar's form carries along when somebody searches."""
    return format_html('<input type="hidden" name="{}" value="{}">', name, value)


@register.simple_tag(takes_context=True)
def sort_header(context: Context, text: str, field: str, default: bool = False, numeric: bool = False) -> SafeString:
    """A `<th>` whose link sets `?sort=-field`, and `?sort=field` when pressed again. `default`: the order without `sort`."""
    request = context["request"]
    chosen = request.GET.get("sort") or (f"-{field}" if default else "")
    direction = {f"-{field}": "descending", field: "ascending"}.get(chosen)
    icon = {"descending": "arrow-down", "ascending": "arrow-up", None: "chevrons-up-down"}[direction]
    return format_html(
        '<th scope="col"{}><a href="{}">{}{}</a></th>',
        markup.attributes({"aria_sort": direction, "class": "num" if numeric else ""}),
        _query(request, sort=field if direction == "descending" else f"-{field}"),
        text,
        markup.icon(icon, 12),
    )


@register.simple_tag(takes_context=True)
def pager(context: Context, page: Page) -> SafeString:
    """Links to the newer and older neighbours of a `keyset_page`; `[` and `]` press them."""
    request = context["request"]

    def link(cursor: str | None, parameter: str, rel: str, key: str, label: str, text: str) -> SafeString | str:
        if not cursor:
            return ""
        outer = markup.attributes(
            {
                "class": "button",
                "data_size": "small",
                "href": _query(request, **{parameter: cursor}),
                "rel": rel,
                "data_key": key,
                "data_key_label": label,
            }
        )
        return format_html("<a{}>{}</a>", outer, text)

    return format_html(
        '<nav class="pager" aria-label="Pages"><span>{} shown</span><span class="button-group">{}{}</span></nav>',
        len(page),
        link(page.newer, "before", "prev", "[", "Newer page", "← Newer"),
        link(page.older, "after", "next", "]", "Older page", "Older →"),
    )


@register.simple_tag(takes_context=True)
def search_field(
    context: Context, name: str = "q", label: str = "Search", placeholder: str = "", key: str = "/"
) -> SafeString:
    """A search box inside `{% toolbar %}`; `/` goes to it."""
    field = {
        "class": "input",
        "type": "search",
        "id": f"search-{name}",
        "name": name,
        "value": context["request"].GET.get(name, ""),
        "placeholder": placeholder or label,
        "data_key": key,
        "data_key_label": label,
        "autocomplete": "off",
    }
    return format_html(
        '<span class="search">{}<label class="sr-only" for="search-{}">{}</label><input{}>{}</span>',
        markup.icon("search"),
        name,
        label,
        markup.attributes(field),
        kbd(key),
    )


@register.simple_tag(takes_context=True)
def filter_menu(context: Context, text: str, name: str, options: Iterable[tuple[str, str]]) -> SafeString:
    """A menu that sets `?name=value`; `options` are (value, words). Once chosen, it shows the choice and how to clear it."""
    request = context["request"]
    chosen = request.GET.get(name, "")
    labels = {str(value): words for value, words in options}
    items = [
        (
            markup.attributes({"aria_current": "true" if value == chosen else None}),
            _query(request, **{name: value}),
            words,
        )
        for value, words in labels.items()
    ]
    clear = format_html('<hr><a class="menu-item" href="{}">Clear</a>', _query(request, **{name: None}))
    return format_html(
        '{}<details class="menu"><summary class="chip"{}>{}{}{}</summary><div class="menu-panel">{}{}</div></details>',
        _kept(name, chosen) if chosen else "",
        markup.attributes({"data_on": bool(chosen)}),
        text,
        format_html(": <strong>{}</strong>", labels.get(chosen, chosen)) if chosen else "",
        markup.icon("chevron-down", 12),
        format_html_join("", '<a class="menu-item"{} href="{}">{}</a>', items),
        clear if chosen else "",
    )


@register.simple_tag(takes_context=True)
def chip(context: Context, text: str, name: str, value: str = "1", icon: str = "") -> SafeString:
    """A filter that is on or off: sets `?name=value`, or clears it where it is set."""
    request = context["request"]
    on = request.GET.get(name) == value
    return format_html(
        '{}<a class="chip"{} href="{}">{}{}{}</a>',
        _kept(name, value) if on else "",
        markup.attributes({"aria_current": "true" if on else None}),
        _query(request, **{name: None if on else value}),
        markup.icon(icon, 12) if icon else "",
        text,
        markup.icon("x", 12, "clear") if on else "",
    )


@register.simple_tag
def choices(
    name: str,
    options: Iterable[Sequence[Any]],
    value: str = "",
    legend: str = "",
    keys: str = "123456789",
    columns: bool = False,
    required: bool = True,
    first: int = 0,
) -> SafeString:
    """Radio buttons as cards. Each option is (value, words[, note[, icon[, tone]]]); `keys` choose them in order. With
    `first`, only so many are shown at once and the key 0 shows the others, which have no keys of their own.
    """
    cards, options = [], list(options)
    keys = keys[:first] if first else keys
    for number, option in enumerate(options):
        chosen, words, note, icon, tone = list(option) + [""] * (5 - len(option))
        key = keys[number : number + 1]
        field = {
            "type": "radio",
            "name": name,
            "value": chosen,
            "checked": value != "" and str(chosen) == str(value),
            "required": required,
            "data_key": key,
            "data_key_label": words if key else "",
        }
        card = format_html(
            '<label class="choice"{}>{}<span class="choice-label">{}</span>{}<input{}>{}</label>',
            markup.attributes({"data_tone": tone}),
            markup.icon(icon) if icon else _GAP,
            words,
            kbd(key) if key else _GAP,
            markup.attributes(field),
            format_html('<span class="choice-note">{}</span>', note) if note else "",
        )
        cards.append((card,))
    return format_html(
        '<fieldset class="choices"{}>{}<div class="choices-grid">{}</div>{}</fieldset>',
        markup.attributes({"data_layout": "columns" if columns else ""}),
        format_html("<legend>{}</legend>", legend) if legend else "",
        format_html_join("", "{}", cards[:first] if first else cards),
        _others(cards[first:], value in [option[0] for option in options[first:]]) if first else "",
    )


def _others(cards: list[tuple[SafeString]], opened: bool) -> SafeString:
    """The choices that are seldom the right ones, behind a line."""
    if not cards:
        return SafeString("")
    return format_html(
        '<details class="more"{}><summary data-key="0" data-key-label="Show the others">{} more {}</summary>'
        '<div class="choices-grid">{}</div></details>',
        markup.attributes({"open": opened}),
        len(cards),
        kbd("0"),
        format_html_join("", "{}", cards),
    )


@register.simple_tag
def progress(value: float, max: float = 100, label: str = "", tone: str = "", show: bool = True) -> SafeString:
    """A bar with its share in words; `label` is heard."""
    share = f"{100 * value / max:.0f} %" if max else "–"
    return format_html(
        '<span class="progress"{}><progress value="{}" max="{}" aria-label="{}">{}</progress>{}</span>',
        markup.attributes({"data_tone": tone}),
        value,
        max or 1,
        label or "Progress",
        share,
        format_html('<span class="num">{}</span>', share) if show else "",
    )


@register.simple_tag
def skeleton(lines: int = 3) -> SafeString:
    """Grey lines where content is on its way."""
    bars = SafeString("<span></span>" * lines)
    return format_html('<div class="skeleton" role="status" aria-label="Loading">{}</div>', bars)


def _viewer(inside: SafeString | str, text: str, label: str, copyable: bool) -> SafeString:
    return format_html(
        '<div class="code"><pre tabindex="0" role="region" aria-label="{}"><code>{}</code></pre>{}</div>',
        label,
        inside,
        copy(text, label) if copyable else "",
    )


@register.simple_tag(name="json")
def json_viewer(value: Any, label: str = "JSON", copyable: bool = True) -> SafeString:
    """Any JSON value (or JSON text) with colours and a button that copies it. Give each on a page its own label."""
    text = value if isinstance(value, str) else code.json_text(value)
    return _viewer(code.json_html(text), text, label, copyable)


@register.simple_tag(name="code")
def code_viewer(text: str, label: str = "Code", copyable: bool = True) -> SafeString:
    """Text in a fixed-width font, with a button that copies it."""
    return _viewer(text, text, label, copyable)


@register.simple_tag
def saw(values: Mapping[str, Any], caption: str = "The values it saw") -> SafeString:
    """What a rule saw: each path it read with the value, JSON where it is not plain text."""
    rows = (
        (path, value if isinstance(value, str) else code.json_html(code.json_text(value, line=60)))
        for path, value in values.items()
    )
    return format_html(
        '<table class="saw"><caption class="sr-only">{}</caption><tbody>{}</tbody></table>',
        caption,
        format_html_join("", '<tr><th scope="row">{}</th><td>{}</td></tr>', rows),
    )


@register.simple_tag
def pairs(values: Mapping[str, Any]) -> SafeString:
    """A definition list from a mapping. For markup in the values write `<dl class="pairs">` yourself."""
    rows = ((name, "–" if value in (None, "") else value) for name, value in values.items())
    return format_html('<dl class="pairs">{}</dl>', format_html_join("", "<dt>{}</dt><dd>{}</dd>", rows))


@register.simple_tag
def diff(before: str, after: str, label: str = "What changed") -> SafeString:
    """Line by line; + and - are written out, so it needs no colours."""
    lines = format_html_join(
        "",
        '<div class="diff-line" data-op="{}"><span>{}</span><span>{}</span></div>',
        ((op, op, line) for op, line in code.diff_lines(before, after)),
    )
    return format_html(
        '<div class="diff" role="region" tabindex="0" aria-label="{}">{}</div>', label, lines or "No difference"
    )


@register.simple_tag
def sparkline(values: Sequence[float], label: str = "Trend", tone: str = "info") -> SafeString:
    """The values as a small line."""
    return charts.sparkline(values, label, tone)


@register.simple_tag
def bar_chart(
    labels: Sequence[str], series: Sequence[tuple[str, str, Sequence[float]]], title: str, height: int = 120
) -> SafeString:
    """Stacked bars; `series` is [(name, tone, values)]."""
    return charts.bar_chart(labels, series, title, height)


@register.simple_tag
def stat(
    label: str, value: Any, note: str = "", href: str = "", values: Sequence[float] = (), tone: str = "info"
) -> SafeString:
    """One number that matters; `values` draws its trend beside it."""
    tag = "a" if href else "div"
    return format_html(
        '<{}{}><span class="stat-label">{}</span><span class="stat-value">{}</span>{}{}</{}>',
        tag,
        markup.attributes({"class": "stat", "href": href}),
        label,
        f"{value:,}" if isinstance(value, int) else value,
        charts.sparkline(values, label, tone) if values else "",
        format_html('<span class="stat-note">{}</span>', note) if note else "",
        tag,
    )
