"""CEL's `regex` extension, on RE2: linear time whatever the pattern.

As cel-go documents it (ext/README.md, "Regex").
"""

import re
from collections.abc import Callable, Iterator
from typing import Any

from safehold.engine.compile.arithmetic import no_overload
from safehold.engine.compile.bounds import bounded
from safehold.engine.compile.conversions import encode
from safehold.engine.compile.faults import EvalError
from safehold.engine.compile.strings import compiled
from safehold.engine.language.values import NONE, Optional

#: Patterns whose matches depend on what stands before them.
_ANCHOR = re.compile(r"\^|\\[AbB]")
MAX_ANCHORED, MAX_MATCHES = 100_000, 1_000
_ESCAPE = re.compile(r"\\(.?)", re.DOTALL)


def _pattern(name: str, text: Any, pattern: Any) -> Any:
    if type(text) is not str or type(pattern) is not str:
        raise no_overload(name, text, pattern)
    encode(text)
    return compiled(pattern)


def _one_group(found: Any) -> Any:
    if found.groups > 1:
        raise EvalError(f"the pattern has {found.groups} groups; it may have one")
    return found


def extract(text: Any, pattern: Any) -> Optional:
    """The first match, or its group where the pattern has one (empty where the group has no part in it); or nothing."""
    match = _one_group(_pattern("regex.extract", text, pattern)).search(text)
    if match is None:
        return NONE
    return Optional(match.group(1 if match.re.groups else 0) or "")


def extract_all(text: Any, pattern: Any) -> list[str]:
    """All matches, or their groups where the pattern has one, without empty ones.

    As cel-cpp does it, each match is looked for in the rest of the text: `^` is where the one before it ended.
    """
    found = _one_group(_pattern("regex.extractAll", text, pattern))
    matches = _in_the_rest(found, text) if _ANCHOR.search(pattern) else found.finditer(text)
    parts = (match.group(1 if found.groups else 0) for match in matches)
    return [part for part in parts if part]


def _in_the_rest(pattern: Any, text: str) -> Iterator[Any]:
    """Cutting the text at each match takes time with its square: both are bounded."""
    if len(text) > MAX_ANCHORED:
        raise EvalError(f"regex.extractAll with ^ or \\b looks at {MAX_ANCHORED:,} characters at most")
    for _ in range(MAX_MATCHES):
        match = pattern.search(text)
        if match is None or not text:
            return
        yield match
        text = text[match.end() or 1 :]
    raise EvalError(f"regex.extractAll with ^ or \\b finds {MAX_MATCHES:,} matches at most")


def replace(text: Any, pattern: Any, new: Any, limit: Any = -1) -> str:
    r"""Each match (or the first `limit`) replaced; `\1` in the new text is the pattern's first group."""
    compiled_pattern = _pattern("regex.replace", text, pattern)
    if type(new) is not str or type(limit) is not int:
        raise no_overload("regex.replace", text, pattern, new, limit)
    parts = _template(new, compiled_pattern.groups)
    if limit == 0:
        return str(text)
    found: list[str] = []
    end = length = count = 0
    for match in compiled_pattern.finditer(text):
        if count == limit:
            break
        if count and match.end() == match.start() == end:  # nothing is found where the last one ended, as in RE2
            continue
        count += 1
        filled = "".join(part if isinstance(part, str) else match.group(part) or "" for part in parts)
        found += [text[end : match.start()], filled]
        length, end = length + len(found[-1]) + len(found[-2]), match.end()
        bounded(length)
    return "".join([*found, text[end:]])


def _template(new: str, groups: int) -> list[str | int]:
    """Texts and numbers of groups."""
    parts: list[str | int] = []
    end = 0
    for escape in _ESCAPE.finditer(new):
        parts.append(new[end : escape.start()])
        end = escape.end()
        if escape[1] == "\\":
            parts.append("\\")
        elif escape[1].isascii() and escape[1].isdigit() and int(escape[1]) <= groups:
            parts.append(int(escape[1]))
        else:
            raise EvalError(f"`\\{escape[1]}` in the new text is no group of the pattern")
    return [*parts, new[end:]]


FUNCTIONS: dict[str, Callable[..., Any]] = {
    "regex.extract": extract,
    "regex.extractAll": extract_all,
    "regex.replace": replace,
}
