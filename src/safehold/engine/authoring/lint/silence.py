"""`# lint: allow CODE, because ...`: a warning that somebody has looked at and wants to keep.

The comment stands at the end of the line that is complained about, alone above it, or above the rule, the window or the file
that it is in. It needs a reason, and is itself complained about once nothing is silenced by it.
"""

import re
from dataclasses import dataclass

import yaml

_ALLOW = re.compile(r"#\s*lint:\s*allow\s+([a-z-]+)[\s,:;—-]*(.*)")


@dataclass(frozen=True, slots=True)
class Allowed:
    """`line` is the comment's; `target` the line it is about."""

    code: str
    reason: str
    line: int
    column: int
    target: int


def comments(text: str) -> list[tuple[int, int, str]]:
    """(line, column, text) of each comment of a YAML file, from 1: never a `#` inside a text."""
    spans = [
        (token.start_mark.index, token.end_mark.index)
        for token in yaml.scan(text)
        if isinstance(token, yaml.ScalarToken)
    ]
    found, start, at = [], 0, 0
    for number, row in enumerate(text.split("\n"), start=1):
        for match in re.finditer(r"(?:^|(?<=\s))#", row):
            place = start + match.start()
            while at < len(spans) and spans[at][1] <= place:
                at += 1
            if at == len(spans) or not spans[at][0] <= place < spans[at][1]:
                found.append((number, match.start() + 1, row[match.start() :].rstrip()))
                break
        start += len(row) + 1
    return found


def allowed(text: str) -> list[Allowed]:
    """Every silencing comment of a file."""
    if not _ALLOW.search(text):
        return []
    rows = text.split("\n")
    found = []
    for line, column, comment in comments(text):
        match = _ALLOW.match(comment)
        if match is None:
            continue
        alone = not rows[line - 1][: column - 1].strip()
        following = (
            number
            for number in range(line + 1, len(rows) + 1)
            if rows[number - 1].strip(" -#") and not rows[number - 1].lstrip().startswith("#")
        )
        target = next(following, line) if alone else line
        found.append(Allowed(match[1], match[2].strip(), line, column, target))
    return found
