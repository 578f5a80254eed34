"""Data and text to look at: JSON with colours, and what changed between two texts. Used by the tags `json` and `diff`."""

import difflib
import json
import re
from collections.abc import Iterable, Iterator
from typing import Any

from django.utils.html import escape, format_html, format_html_join
from django.utils.safestring import SafeString, mark_safe

_TOKEN = re.compile(
    r'(?P<k>"(?:\\.|[^"\\])*")(?=\s*:)|(?P<s>"(?:\\.|[^"\\])*")|(?P<b>\b(?:true|false|null)\b)|(?P<n>-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?)'
)


def json_text(value: Any, line: int = 0) -> str:
    """Indented JSON, on one line where that is at most `line` long; what JSON has no form for (a date) as its string."""
    short = json.dumps(value, ensure_ascii=False, default=str) if line else ""
    return short if short and len(short) <= line else json.dumps(value, indent=2, ensure_ascii=False, default=str)


def json_html(text: str) -> SafeString:
    """JSON with each key, string, number and literal in a span of its kind; everything is escaped."""
    return in_spans(_TOKEN, text)


def in_spans(token: re.Pattern[str], text: str) -> SafeString:
    """`text` with each match of `token` in a span whose class is the name of the group that matched; all escaped."""
    out: list[str] = []
    end = 0
    for match in token.finditer(text):
        out.append(escape(text[end : match.start()]))
        out.append(f'<span class="{match.lastgroup}">{escape(match.group())}</span>')
        end = match.end()
    out.append(escape(text[end:]))
    return mark_safe("".join(out))  # noqa: S308 (every part is escaped)


def marked(text: str, places: Iterable[tuple[int, int, str]]) -> SafeString:
    """`text` with `places` marked: (start, end, words), from the first to the last. Words of the same place stand together in
    its title; of two that overlap the later one is marked from where the earlier ends.
    """
    words: dict[tuple[int, int], list[str]] = {}
    for start, end, said in places:
        words.setdefault((start, end), []).append(said)
    parts, at = [], 0
    for (start, end), said_there in words.items():
        start = max(start, at)
        if start < end:
            title = ", ".join(word.replace("_", " ") for word in dict.fromkeys(said_there) if word)
            parts.append((text[at:start], title, text[start:end]))
            at = end
    return format_html("{}{}", format_html_join("", '{}<mark title="{}">{}</mark>', parts), text[at:])


def diff_lines(before: str, after: str, context: int = 3) -> Iterator[tuple[str, str]]:
    """(op, line) with op `+`, `-`, ` `, or `…` where equal lines are left out."""
    old, new = before.splitlines(), after.splitlines()
    groups = list(difflib.SequenceMatcher(None, old, new, autojunk=False).get_grouped_opcodes(context))
    for number, group in enumerate(groups):
        if number or group[0][1]:
            yield "…", f"line {group[0][3] + 1}"
        for op, old_from, old_to, new_from, new_to in group:
            if op == "equal":
                yield from ((" ", line) for line in old[old_from:old_to])
                continue
            yield from (("-", line) for line in old[old_from:old_to])
            yield from (("+", line) for line in new[new_from:new_to])
