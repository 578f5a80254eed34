"""What every format reads into: rows, problems with their place, and the bounded ways to get at a file's text."""

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any, Protocol

import msgspec

from safehold.engine.lists.entry import BadEntry
from safehold.engine.lists.values import normal

#: Bytes a line and a document may have.
MAX_LINE, MAX_DOCUMENT = 1 << 16, 256 << 20
#: Kinds of indicators -> the kinds of lists that take them. A list of kind `exact` takes any; "" is what says nothing of itself.
TAKES = {
    "domain_suffix": ("", "domain"), "cidr": ("", "ip"), "hash": ("", "md5", "sha1", "sha256"), "regex_set": ("", "pattern"),
}  # fmt: skip


class Readable(Protocol):
    """What is used of a binary file."""

    def read(self, size: int = ..., /) -> bytes: ...
    def readline(self, size: int = ..., /) -> bytes: ...


class Row(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One entry as a file has it. `what` is the kind of indicator, where the format says it: `domain`, `ip`, `url`,
    `email`, `md5`, `sha1`, `sha256`, `pattern`, `text`."""

    line: int
    value: str
    what: str = ""
    allow: bool = False
    expires_at: datetime | None = None
    source: str = ""
    reference: str = ""
    confidence: int | None = None
    note: str = ""


class Problem(msgspec.Struct, frozen=True, kw_only=True):
    """What is wrong with a line; `column` names the column or the key, where it is known. `skipped`: nothing is wrong,
    but the row is not for a list of this kind, or has been revoked."""

    line: int
    message: str
    column: str = ""
    skipped: bool = False

    def __str__(self) -> str:
        place = f"line {self.line}" + (f", column `{self.column}`" if self.column else "") if self.line else ""
        return f"{place}: {self.message}" if place else self.message


class FormatError(ValueError):
    """Nothing more can be read. `line` is 0 where the whole file is meant."""

    def __init__(self, line: int, message: str) -> None:
        super().__init__(f"line {line}: {message}" if line else message)
        self.line = line


class About(msgspec.Struct, frozen=True, kw_only=True):
    """The list that is written."""

    name: str
    kind: str
    title: str = ""
    source: str = ""
    licence: str = ""
    at: datetime


def fitted(row: Row | Problem, kind: str, fold: bool) -> Row | Problem:
    """The row with its value in the normal form of a list of this kind, or why it can't be an entry of it."""
    if isinstance(row, Problem):
        return row
    if kind != "exact" and row.what not in TAKES[kind]:
        message = f"a list of kind `{kind}` takes no {row.what}"
        return Problem(line=row.line, message=message, skipped=True)
    try:
        value = normal(kind, row.value, fold)
    except BadEntry as error:
        return Problem(line=row.line, column="value", message=f"`{row.value[:80]}`: {error}")
    return row if value == row.value else msgspec.structs.replace(row, value=value)


def text_lines(file: Readable) -> Iterator[tuple[int, str]]:
    """(number, text) of each line, without its end. Raises FormatError for one that is too long or not UTF-8."""
    number = 0
    while line := file.readline(MAX_LINE + 1):
        number += 1
        if len(line) > MAX_LINE:
            raise FormatError(number, f"the line has more than {MAX_LINE:,} bytes")
        if number == 1:
            line = line.removeprefix(b"\xef\xbb\xbf")
        try:
            yield number, line.decode().rstrip("\r\n")
        except UnicodeDecodeError as error:
            raise FormatError(number, f"byte {error.start + 1} is not UTF-8; save the file as UTF-8") from None


def document(file: Readable) -> Any:
    """A whole JSON document. Raises FormatError."""
    data = file.read(MAX_DOCUMENT + 1)
    if len(data) > MAX_DOCUMENT:
        raise FormatError(0, f"the file has more than {MAX_DOCUMENT >> 20} MB; split it")
    return decoded(0, data.removeprefix(b"\xef\xbb\xbf"))


def decoded(line: int, data: bytes | str) -> Any:
    """A JSON value. Raises FormatError."""
    try:
        return msgspec.json.decode(data)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise FormatError(line, f"this is not JSON: {error}") from None
    except RecursionError:
        raise FormatError(line, "the JSON is nested too deeply") from None


def moment(text: object) -> datetime | None:
    """A time as files write it: RFC 3339, a day, or seconds since 1970; None for nothing. Raises ValueError."""
    if text is None or text == "":
        return None
    try:
        if isinstance(text, int | float) or (isinstance(text, str) and text.isdecimal()):
            return datetime.fromtimestamp(int(text), UTC)
        found = datetime.fromisoformat(str(text).strip())
    except (ValueError, OverflowError, OSError):
        raise ValueError(f"`{str(text)[:40]}` is no time; write 2026-03-01 or 2026-03-01T12:00:00Z") from None
    return found if found.tzinfo else found.replace(tzinfo=UTC)


def percent(text: object) -> int | None:
    """A confidence from 0 to 100; None for nothing. Raises ValueError."""
    if text is None or text == "":
        return None
    try:
        found = int(str(text))
    except ValueError:
        found = -1
    if not 0 <= found <= 100:
        raise ValueError(f"`{str(text)[:40]}` is no confidence; write a whole number from 0 to 100")
    return found


def flag(text: object) -> bool:
    """Raises ValueError."""
    known = {"": False, "false": False, "no": False, "0": False, "none": False, "true": True, "yes": True, "1": True}
    found = known.get(str(text).strip().lower())
    if found is None:
        raise ValueError(f"`{str(text)[:40]}` is neither true nor false")
    return found
