"""The frame around every page: theme, logo, navigation, breadcrumbs, messages. Used by the base templates."""

from typing import Any

from django.http import HttpRequest
from django.template import Context, Library
from django.template.loader import render_to_string
from django.templatetags.static import static
from django.urls import reverse
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString

from safehold.web import markup, navigation

register = Library()

THEMES = ("system", "light", "dark")
_DARK_MEDIA = {"system": "(prefers-color-scheme: dark)", "light": "not all", "dark": "all"}

_SHEETS = ("tokens", "light", "dark", "base", "layout", "public", "controls", "data", "feedback")


def theme_of(request: HttpRequest | None) -> str:
    """What the person chose (`light`, `dark`), or `system`."""
    chosen = request.COOKIES.get("theme", "") if request else ""
    return chosen if chosen in THEMES else "system"


@register.simple_tag(takes_context=True)
def theme(context: Context) -> str:
    """For `<html data-theme="{% theme %}">`."""
    return theme_of(context.get("request"))


@register.simple_tag(takes_context=True)
def stylesheets(context: Context) -> SafeString:
    """Every stylesheet, the dark colours under the media query of the chosen theme: right from the first paint."""
    media = format_html(' media="{}" id="dark-colours"', _DARK_MEDIA[theme_of(context.get("request"))])
    links = ((static(f"safehold/{name}.css"), media if name == "dark" else "") for name in _SHEETS)
    return format_html_join("\n", '<link rel="stylesheet" href="{}"{}>', links)


@register.simple_tag
def logo() -> SafeString:
    """A shield whose inner line closes like a hand around what it holds."""
    return render_to_string("web/art/logo.svg")


@register.inclusion_tag("web/components/navigation.html", takes_context=True)
def navigation_menu(context: Context) -> dict[str, Any]:
    return {"sections": navigation.sections(context["request"])}


@register.simple_tag(takes_context=True)
def palette_places(context: Context) -> dict[str, Any]:
    """What the palette knows without asking: the places, and where to ask for the rest."""
    places = [
        {"label": place.label, "url": url, "note": place.section, "key": f"g {place.key}"}
        for place, url in navigation.places_for(context["request"].user)
    ]
    return {"places": places, "find": reverse("web:palette")}


@register.inclusion_tag("web/components/theme_menu.html", takes_context=True)
def theme_menu(context: Context) -> dict[str, Any]:
    request = context.get("request")
    themes = (("system", "Follow the system", "monitor"), ("light", "Light", "sun"), ("dark", "Dark", "moon"))
    return {"themes": themes, "chosen": theme_of(request), "request": request, "csrf_token": context.get("csrf_token")}


@register.simple_tag
def crumb(text: Any, href: str = "") -> SafeString:
    """One step of `{% block crumbs %}`: with `href` a link, without it the page one is on."""
    if href:
        return format_html('<li><a href="{}">{}</a></li>', href, text)
    return format_html('<li><span aria-current="page">{}</span></li>', text)


@register.simple_tag
def message_icon(level_tag: str) -> SafeString:
    """The icon of one of Django's message levels."""
    return markup.icon(
        {"success": "circle-check", "warning": "triangle-alert", "error": "circle-alert"}.get(level_tag, "info")
    )


@register.filter
def message_tone(level_tag: str) -> str:
    return {"success": "good", "warning": "warn", "error": "bad"}.get(level_tag, "info")
