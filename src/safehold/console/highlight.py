"""A rule's condition with colours: paths, strings, numbers, words of the language. Used by the policy page."""

import re

from django.utils.html import escape
from django.utils.safestring import SafeString, mark_safe

# The classes are those of the design system's `json`: k names, s strings, n numbers, b the language's own words.
_TOKEN = re.compile(
    r"""(?P<s>[rb]{0,2}(?:\"\"\".*?\"\"\"|'''.*?'''|"(?:\\.|[^"\\\n])*"|'(?:\\.|[^'\\\n])*'))"""
    r"""|(?P<b>\b(?:true|false|null|in)\b)|(?P<n>\b\d+(?:\.\d+)?(?:[eE][+-]?\d+)?u?\b)"""
    r"""|(?P<k>\b[A-Za-z_]\w*(?:\.[A-Za-z_]\w*)*\b(?!\s*\())""",
    re.DOTALL,
)


def cel_html(text: str) -> SafeString:
    """CEL with each token in a span of its kind; everything is escaped."""
    out: list[str] = []
    end = 0
    for match in _TOKEN.finditer(text):
        out.append(escape(text[end : match.start()]))
        out.append(f'<span class="{match.lastgroup}">{escape(match.group())}</span>')
        end = match.end()
    out.append(escape(text[end:]))
    return mark_safe("".join(out))  # noqa: S308 (every part is escaped)
