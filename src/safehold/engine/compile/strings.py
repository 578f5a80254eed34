"""CEL's functions on strings and bytes, the `strings` and `encoders` extensions included.

cel-spec, doc/langdef.md; the extensions as cel-go documents them (ext/README.md, "Strings" and "Encoders"). Positions
count code points.
"""

import base64
import binascii
from collections.abc import Callable
from functools import lru_cache
from typing import Any

from safehold.engine.compile.arithmetic import no_overload
from safehold.engine.compile.bounds import MAX_PATTERN, bounded
from safehold.engine.compile.conversions import encode
from safehold.engine.compile.faults import EvalError
from safehold.engine.language.check import compile_pattern


def _strings(name: str, *values: Any) -> None:
    if not all(type(value) is str for value in values):
        raise no_overload(name, *values)


def size(value: Any) -> int:
    if type(value) in (str, bytes, list, dict):
        return len(value)
    raise no_overload("size", value)


def contains(text: Any, part: Any) -> bool:
    _strings("contains", text, part)
    return part in text


def starts_with(text: Any, part: Any) -> bool:
    _strings("startsWith", text, part)
    return bool(text.startswith(part))


def ends_with(text: Any, part: Any) -> bool:
    _strings("endsWith", text, part)
    return bool(text.endswith(part))


@lru_cache(maxsize=256)
def compiled(pattern: str) -> Any:
    """RE2's form of a pattern, kept while it is in use. Raises EvalError for one that does not compile."""
    if len(pattern) > MAX_PATTERN:
        raise EvalError(f"a pattern may have {MAX_PATTERN:,} characters")
    try:
        return compile_pattern(pattern)
    except ValueError as error:
        raise EvalError(f"bad pattern: {error}") from None


def searcher(pattern: str) -> Callable[[str], Any]:
    """RE2's search for a pattern. Raises EvalError for one that does not compile."""
    search: Callable[[str], Any] = compiled(pattern).search
    return search


def matches(text: Any, pattern: Any) -> bool:
    """Whether the pattern is found anywhere in the text (RE2: linear time)."""
    _strings("matches", text, pattern)
    encode(text)
    return searcher(pattern)(text) is not None


def char_at(text: Any, at: Any) -> str:
    if type(text) is not str or type(at) is not int:
        raise no_overload("charAt", text, at)
    if not 0 <= at <= len(text):
        raise EvalError(f"position {at} is outside a text of {len(text)}")
    return text[at : at + 1]


def index_of(text: Any, part: Any, start: Any = 0) -> int:
    _strings("indexOf", text, part)
    if type(start) is not int:
        raise no_overload("indexOf", text, part, start)
    if not 0 <= start <= len(text):
        raise EvalError(f"position {start} is outside a text of {len(text)}")
    return int(text.find(part, start))


def last_index_of(text: Any, part: Any, start: Any = None) -> int:
    _strings("lastIndexOf", text, part)
    if start is None:
        return int(text.rfind(part))
    if type(start) is not int:
        raise no_overload("lastIndexOf", text, part, start)
    if not 0 <= start <= len(text):
        raise EvalError(f"position {start} is outside a text of {len(text)}")
    return int(text.rfind(part, 0, start + len(part)))


def join(parts: Any, separator: Any = "") -> str:
    if type(parts) is not list or type(separator) is not str:
        raise no_overload("join", parts, separator)
    _strings("join", *parts)
    bounded(sum(map(len, parts)) + len(separator) * max(0, len(parts) - 1))
    return separator.join(parts)


def split(text: Any, separator: Any, limit: Any = -1) -> list[str]:
    _strings("split", text, separator)
    if type(limit) is not int:
        raise no_overload("split", text, separator, limit)
    if limit == 0:
        return []
    if separator == "":
        letters = list(text) or [""]
        return letters if limit < 0 or limit >= len(letters) else [*letters[: limit - 1], "".join(letters[limit - 1 :])]
    return list(text.split(separator, limit - 1 if limit > 0 else -1))


def replace(text: Any, old: Any, new: Any, limit: Any = -1) -> str:
    _strings("replace", text, old, new)
    if type(limit) is not int:
        raise no_overload("replace", text, old, new, limit)
    count = text.count(old) if limit < 0 else min(limit, text.count(old))
    bounded(len(text) + count * (len(new) - len(old)))
    return str(text.replace(old, new, max(limit, -1)))


def substring(text: Any, start: Any, end: Any = None) -> str:
    if type(text) is not str or type(start) is not int or type(end) not in (int, type(None)):
        raise no_overload("substring", text, start)
    end = len(text) if end is None else end
    if not 0 <= start <= end <= len(text):
        raise EvalError(f"the range {start} to {end} is outside a text of {len(text)}")
    return text[start:end]


_LOWER = {code: code + 32 for code in range(ord("A"), ord("Z") + 1)}
_UPPER = {code: code - 32 for code in range(ord("a"), ord("z") + 1)}
#: Unicode's White_Space property, as the extension specifies it for `trim`.
_WHITE = "\t\n\v\f\r \x85\xa0\u1680" + "".join(map(chr, range(0x2000, 0x200B))) + "\u2028\u2029\u202f\u205f\u3000"


def lower_ascii(text: Any) -> str:
    _strings("lowerAscii", text)
    return str(text.lower() if text.isascii() else text.translate(_LOWER))


def upper_ascii(text: Any) -> str:
    _strings("upperAscii", text)
    return str(text.upper() if text.isascii() else text.translate(_UPPER))


def trim(text: Any) -> str:
    _strings("trim", text)
    return str(text.strip(_WHITE))


def reverse(value: Any) -> Any:
    """Of a text or, from the `lists` extension, of a list."""
    if type(value) not in (str, list):
        raise no_overload("reverse", value)
    return value[::-1]


_QUOTED = {
    "\a": "\\a",
    "\b": "\\b",
    "\f": "\\f",
    "\n": "\\n",
    "\r": "\\r",
    "\t": "\\t",
    "\v": "\\v",
    "\\": "\\\\",
    '"': '\\"',
}


def quote(text: Any) -> str:
    _strings("strings.quote", text)
    return '"' + "".join(_QUOTED.get(letter, letter) for letter in text) + '"'


def base64_encode(value: Any) -> str:
    if type(value) is not bytes:
        raise no_overload("base64.encode", value)
    return base64.b64encode(value).decode()


def base64_decode(text: Any) -> bytes:
    _strings("base64.decode", text)
    try:
        return base64.b64decode(text + "=" * (-len(text) % 4), validate=True)
    except (binascii.Error, ValueError):
        raise EvalError("this text is not base64") from None
