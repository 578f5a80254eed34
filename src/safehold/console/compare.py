"""Two texts side by side or one under the other, with the words marked that differ. Used where people compare versions."""

import difflib
import re
from collections.abc import Iterator
from dataclasses import dataclass

from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString

_WORDS = re.compile(r"\w+|\s+|[^\w\s]")
#: Lines around a change that are shown with it.
CONTEXT = 3


@dataclass(frozen=True)
class Row:
    """A pair of lines. `op` is ` ` the same, `-` gone, `+` new, `~` rewritten, `…` lines left out. Numbers count from 1."""

    op: str
    old: int | None = None
    new: int | None = None
    before: str = ""
    after: str = ""


def rows(before: str, after: str) -> list[Row]:
    """What differs, with some lines around it; empty if nothing does."""
    old, new = before.splitlines(), after.splitlines()
    matcher = difflib.SequenceMatcher(None, old, new, autojunk=False)
    found: list[Row] = []
    for number, group in enumerate(matcher.get_grouped_opcodes(CONTEXT)):
        if number or group[0][1] > 0:
            found.append(Row("…"))
        for tag, i1, i2, j1, j2 in group:
            if tag == "equal":
                found += [Row(" ", i + 1, j1 + i - i1 + 1, _plain(old[i]), _plain(old[i])) for i in range(i1, i2)]
            else:
                found += _differing(old, new, (i1, i2), (j1, j2))
    return found


def _differing(old: list[str], new: list[str], gone: tuple[int, int], come: tuple[int, int]) -> Iterator[Row]:
    (i, i2), (j, j2) = gone, come
    while i < i2 and j < j2:
        before, after = _marked(old[i], new[j])
        yield Row("~", i + 1, j + 1, before, after)
        i, j = i + 1, j + 1
    yield from (Row("-", n + 1, None, _plain(old[n])) for n in range(i, i2))
    yield from (Row("+", None, n + 1, "", _plain(new[n])) for n in range(j, j2))


def _marked(before: str, after: str) -> tuple[SafeString, SafeString]:
    """Both lines, the words in <del> and <ins> that the other doesn't have."""
    one, two = _WORDS.findall(before), _WORDS.findall(after)
    left, right = [], []
    for tag, i1, i2, j1, j2 in difflib.SequenceMatcher(None, one, two, autojunk=False).get_opcodes():
        a, b = "".join(one[i1:i2]), "".join(two[j1:j2])
        if tag == "equal":
            left.append(format_html("{}", a))
            right.append(format_html("{}", b))
            continue
        if a:
            left.append(format_html("<del>{}</del>", a))
        if b:
            right.append(format_html("<ins>{}</ins>", b))
    return _joined(left), _joined(right)


def _joined(parts: list[SafeString]) -> SafeString:
    return format_html_join("", "{}", ((part,) for part in parts))


def _plain(line: str) -> SafeString:
    return format_html("{}", line)
