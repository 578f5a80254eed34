"""A rule's condition with colours: paths, strings, numbers, words of the language. Used by the policy page."""

import re

from django.utils.safestring import SafeString

from safehold.web.code import in_spans

# The classes are those of the design system's `json`: k names, s strings, n numbers, b the language's own words.
_TOKEN = re.compile(
    r"""(?P<s>[rb]{0,2}(?:\"\"\".*?\"\"\"|'''.*?'''|"(?:\\.|[^"\\\n])*"|'(?:\\.|[^'\\\n])*'))"""
    r"""|(?P<b>\b(?:true|false|null|in)\b)|(?P<n>\b\d+(?:\.\d+)?(?:[eE][+-]?\d+)?u?\b)"""
    r"""|(?P<k>\b[A-Za-z_]\w*(?:\.[A-Za-z_]\w*)*\b(?!\s*\())""",
    re.DOTALL,
)


def cel_html(text: str) -> SafeString:
    """CEL with each token in a span of its kind; everything is escaped."""
    return in_spans(_TOKEN, text)
