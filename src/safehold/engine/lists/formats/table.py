"""CSV (RFC 4180), by comma, semicolon or tab. A first line that names columns is a header; a file of one column needs none.

Columns are found by name, or by the caller's mapping: value, allow, expires, source, reference, confidence, note.
"""

import csv
import io
from collections.abc import Iterable, Iterator, Mapping

from safehold.engine.lists.formats.rows import About, FormatError, Problem, Row, flag, moment, percent

#: What our columns are called in other people's files.
_NAMES = {
    "value": ("value", "entry", "indicator", "domain", "host", "hostname", "url", "ip", "address", "cidr", "hash", "md5",
              "sha1", "sha256", "pattern", "regex", "text", "word", "email"),
    "allow": ("allow", "exception", "negative"),
    "expires": ("expires", "expires_at", "valid_until", "until", "expiry"),
    "source": ("source", "feed"),
    "reference": ("reference", "url_reference", "link", "id"),
    "confidence": ("confidence", "score"),
    "note": ("note", "notes", "comment", "description", "reason"),
}  # fmt: skip
_READERS = {"allow": flag, "expires": moment, "confidence": percent}
_COLUMNS = ("value", "allow", "expires", "source", "reference", "confidence", "note")


def read(lines: Iterable[tuple[int, str]], columns: Mapping[str, str]) -> Iterator[Row | Problem]:
    if unknown := sorted(set(columns) - set(_NAMES)):
        raise FormatError(0, f"there is no column `{unknown[0]}` to map; there are {', '.join(_NAMES)}")
    numbered = iter(lines)
    first = next(numbered, None)
    if first is None:
        return
    delimiter = max(",;\t", key=first[1].count)
    counter = _Counter([first], numbered)
    rows = csv.reader(counter, delimiter=delimiter, strict=True)
    try:
        header = [cell.strip().lower() for cell in next(rows)]
        places = _places(header, columns)
        if places is None:
            if len(header) > 1:
                raise FormatError(1, f"no column is called `value`; map one of: {', '.join(header)[:200]}")
            places = {"value": 0}
            yield Row(line=1, value=first[1].strip().strip('"'))
        for cells in rows:
            if any(cells):
                yield _row(counter.line, cells, places)
    except csv.Error as error:
        raise FormatError(counter.line, f"this is not CSV: {error}") from None


class _Counter:
    """The lines for the reader of CSV, remembering the number of the last one."""

    def __init__(self, before: list[tuple[int, str]], rest: Iterator[tuple[int, str]]) -> None:
        self._before, self._rest, self.line = before, rest, 0

    def __iter__(self) -> "_Counter":
        return self

    def __next__(self) -> str:
        self.line, text = self._before.pop() if self._before else next(self._rest)
        return text + "\n"


def _places(header: list[str], columns: Mapping[str, str]) -> dict[str, int] | None:
    """Which column is what; None where the first line is no header. Raises FormatError for a mapping to no column."""
    places = {}
    for ours, names in _NAMES.items():
        if ours in columns:
            if columns[ours].lower() not in header:
                raise FormatError(1, f"there is no column `{columns[ours]}`; there are {', '.join(header)[:200]}")
            places[ours] = header.index(columns[ours].lower())
        elif found := next((name for name in names if name in header), None):
            places[ours] = header.index(found)
    return places if "value" in places else None


def _row(line: int, cells: list[str], places: Mapping[str, int]) -> Row | Problem:
    found: dict[str, object] = {}
    for name, place in places.items():
        text = cells[place].strip() if place < len(cells) else ""
        try:
            found[name] = _READERS[name](text) if name in _READERS else text
        except ValueError as error:
            return Problem(line=line, column=name, message=str(error))
    if not found["value"]:
        return Problem(line=line, column="value", message="it is empty")
    found["expires_at"] = found.pop("expires", None)
    return Row(line=line, **found)  # type: ignore[arg-type]


def write(about: About, rows: Iterable[Row]) -> Iterator[str]:
    buffer = io.StringIO()
    writer = csv.writer(buffer)

    def line(cells: Iterable[object]) -> str:
        buffer.seek(0)
        buffer.truncate()
        writer.writerow(cells)
        return buffer.getvalue()

    yield line(_COLUMNS)
    for row in rows:
        ends = row.expires_at.isoformat() if row.expires_at else ""
        allow = "true" if row.allow else ""
        confidence = "" if row.confidence is None else row.confidence
        yield line(
            (_inert(row.value), allow, ends, _inert(row.source), _inert(row.reference), confidence, _inert(row.note))
        )


def _inert(text: str) -> str:
    """A cell that no spreadsheet takes for a formula. Entries such as `=cmd` are somebody else's text."""
    return f"'{text}" if text[:1] in ("=", "+", "@", "\t", "\r") else text
