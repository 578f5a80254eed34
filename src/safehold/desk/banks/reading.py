"""Files of hashes read row by row: CSV with a header, NDJSON, or one hash a line. A row that can't be an item is a Problem
that names line and column. Who calls: `importing`, `exchanges.files`.
"""

import csv
import io
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec

from safehold.desk.banks.models import BankItem
from safehold.engine.lists.formats import Problem
from safehold.signals.hashes.kinds import KINDS, BadHash, normal

FORMATS = ("csv", "ndjson", "plain")
COLUMNS = ("type", "value", "reference", "note", "source")
#: Bytes of one line: a video's frames are many.
LONGEST = 1024 * 1024
_MOST = {"reference": 500, "note": 2_000, "source": 200}


@dataclass(frozen=True, slots=True)
class Row:
    """One hash, written as banks keep it."""

    line: int
    kind: str
    value: str
    reference: str = ""
    note: str = ""
    source: str = ""


class BadFile(ValueError):
    """The file as a whole can't be read."""


def format_of(name: str) -> str:
    """By a file's ending. Raises BadFile."""
    known = {".csv": "csv", ".ndjson": "ndjson", ".jsonl": "ndjson", ".json": "ndjson", ".txt": "plain"}
    found = known.get(Path(name).suffix.lower())
    if found is None:
        raise BadFile(f"say --format {', '.join(FORMATS)}: the file's name doesn't end in .csv, .ndjson or .txt")
    return found


def read(file: io.BufferedIOBase, format_name: str, kind: str = "") -> Iterator[Row | Problem]:
    """The rows of a file. `kind` is that of rows which name none. Raises BadFile."""
    if format_name not in FORMATS:
        raise BadFile(f"`{format_name}` is no format; there are {', '.join(FORMATS)}")
    if kind and kind not in KINDS:
        raise BadFile(f"`{kind}` is no kind of hash; there are {', '.join(KINDS)}")
    lines = _lines(file)
    if format_name == "csv":
        yield from _csv(lines, kind)
    elif format_name == "ndjson":
        yield from _ndjson(lines, kind)
    else:
        for number, line in lines:
            if isinstance(line, Problem):
                yield line
            elif line.strip() and not line.startswith("#"):
                yield _row(number, {"value": line}, kind)


def _lines(file: io.BufferedIOBase) -> Iterator[tuple[int, str | Problem]]:
    number = 0
    while raw := file.readline(LONGEST + 1):
        number += 1
        if len(raw) > LONGEST:
            raise BadFile(f"line {number} is longer than {LONGEST:,} bytes: this is no file of hashes")
        try:
            yield number, raw.decode("utf-8-sig" if number == 1 else "utf-8")
        except UnicodeDecodeError:
            yield number, _wrong(number, "", "it is not UTF-8")


def _csv(lines: Iterator[tuple[int, str | Problem]], kind: str) -> Iterator[Row | Problem]:
    header: list[str] = []
    for number, line in lines:
        if isinstance(line, Problem):
            yield line
            continue
        try:
            cells = next(csv.reader([line]), [])
        except csv.Error as error:  # a video of half an hour
            yield _wrong(number, "", f"it can't be read as CSV ({error}); write long videos as NDJSON")
            continue
        if not header:
            header = [cell.strip().lower() for cell in cells]
            if "value" not in header:
                raise BadFile(f"the first line must name the columns, `value` among them: {', '.join(COLUMNS)}")
            if unknown := [name for name in header if name not in COLUMNS]:
                raise BadFile(f"line 1, column {unknown[0]}: there is no such column; there are {', '.join(COLUMNS)}")
            continue
        if not any(cell.strip() for cell in cells):
            continue
        if len(cells) != len(header):
            yield _wrong(number, "", f"it has {len(cells)} columns and the header {len(header)}")
            continue
        yield _row(number, dict(zip(header, cells, strict=True)), kind)
    if not header:
        raise BadFile("the file is empty")


def _ndjson(lines: Iterator[tuple[int, str | Problem]], kind: str) -> Iterator[Row | Problem]:
    for number, line in lines:
        if isinstance(line, Problem):
            yield line
            continue
        if not line.strip():
            continue
        try:
            found = msgspec.json.decode(line.encode())
        except msgspec.DecodeError as error:
            yield _wrong(number, "", f"it is not JSON: {error}")
            continue
        except RecursionError:
            yield _wrong(number, "", "it is nested too deep to be a hash")
            continue
        if not isinstance(found, dict):
            yield _wrong(number, "", "it is no JSON object")
        elif unknown := [name for name in found if name not in COLUMNS]:
            yield _wrong(number, str(unknown[0]), f"there is no such field; there are {', '.join(COLUMNS)}")
        elif wrong := [name for name, value in found.items() if not isinstance(value, str)]:
            yield _wrong(number, wrong[0], "it must be a string")
        else:
            yield _row(number, found, kind)


def _wrong(line: int, column: str, what: str) -> Problem:
    return Problem(line=line, column=column, message=what)


def _row(number: int, cells: dict[str, Any], kind: str) -> Row | Problem:
    named = str(cells.get("type", "")).strip().lower() or kind
    if not named:
        return _wrong(number, "type", f"say which kind of hash it is: {', '.join(KINDS)}")
    if named not in KINDS:
        return _wrong(number, "type", f"`{named[:30]}` is no kind of hash; there are {', '.join(KINDS)}")
    for name, most in _MOST.items():
        if len(cells.get(name, "")) > most:
            return _wrong(number, name, f"it is longer than {most:,} characters")
    try:
        value = normal(named, str(cells.get("value", "")))
    except BadHash as error:
        return _wrong(number, "value", str(error))
    return Row(number, named, value, *(cells.get(name, "").strip() for name in ("reference", "note", "source")))


def lines_of(items: Iterable[BankItem], format_name: str) -> Iterator[str]:
    """Items as lines of a file (`csv` or `ndjson`) that `read` reads."""
    if format_name == "csv":
        yield f"{','.join(COLUMNS)}\r\n"
    for item in items:
        cells = dict(zip(COLUMNS, (item.kind, item.shared, item.reference, item.note, item.source), strict=True))
        if format_name == "csv":
            line = io.StringIO()
            # One line each, as they are read.
            csv.writer(line).writerow([" ".join(cell.splitlines()) for cell in cells.values()])
            yield line.getvalue()
        else:
            yield f"{msgspec.json.encode(cells).decode()}\n"


def good(rows: Iterable[Row | Problem]) -> Iterator[Row]:
    """Those that can be items."""
    return (row for row in rows if isinstance(row, Row))
