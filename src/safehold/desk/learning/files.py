"""Labels as files, out and in: NDJSON or CSV with the columns `text`, `attribute`, `value`, `source`, `reference`, `at`. An
import is read to its end before anything is written: a file with a wrong row leaves nothing behind. Called by `safehold
labels`.
"""

import csv
import json
from collections.abc import Callable, Iterable, Iterator
from datetime import UTC, datetime
from typing import IO, Any, NamedTuple

from django.utils import timezone

from safehold.desk.learning.models import Label, Text
from safehold.desk.learning.taking import BadLabel, check, submit_many
from safehold.gateway.store import LabelSubmission

COLUMNS = ("text", "attribute", "value", "source", "reference", "at")
REQUIRED = ("text", "attribute", "value")
FORMATS = ("ndjson", "csv")
#: Problems that are told; the count says how many there were.
TOLD = 50
_TRUTH = {"true": 1.0, "yes": 1.0, "false": 0.0, "no": 0.0}


class BadFile(ValueError):
    """Rows that can't be labels: `problems` are the first of them, each with its line and column."""

    def __init__(self, problems: list[str], count: int) -> None:
        self.problems, self.count = problems, count
        wrong = "1 row is" if count == 1 else f"{count:,} rows are"
        super().__init__(f"{wrong} wrong; nothing was brought in")


class Labels(NamedTuple):
    """What a file says: `found`, and how many rows of a CSV file have no value yet, as in one that is half filled in."""

    found: list[LabelSubmission]
    blank: int


def read(file: IO[str], format: str, *, source: str = "manual") -> Labels:
    """All labels of a file; `source` is whose they are where a row doesn't say. Raises BadFile."""
    found: list[LabelSubmission] = []
    problems: list[str] = []
    count = blank = 0
    for line, row in _rows(file, format):
        if format == "csv" and isinstance(row, dict) and not row["value"].strip():
            blank += 1
            continue
        try:
            found.append(_label(row if isinstance(row, dict) else _refused(row), source))
        except BadLabel as error:
            count += 1
            if len(problems) < TOLD:
                problems.append(f"line {line}, column {error}")
    if problems:
        raise BadFile(problems, count)
    return Labels(found, blank)


def bring_in(service: str, labels: Iterable[LabelSubmission], progress: Callable[[int], None]) -> int:
    """Keep what was read; how many are new."""
    done = new = 0
    for taken, fresh in submit_many(service, labels):
        done, new = done + taken, new + fresh
        progress(done)
    return new


def export(service: str, format: str, *, attribute: str = "", source: str = "") -> Iterator[str]:
    """The labels whose words are still kept, in the order in which they came, as pieces of a file."""
    rows = Label.objects.filter(service=service).order_by("position")
    rows = rows.filter(attribute=attribute) if attribute else rows
    rows = rows.filter(source=source) if source else rows
    if format == "csv":
        yield _line(COLUMNS)
    page: list[Label] = []
    for label in rows.iterator(2_000):
        page.append(label)
        if len(page) == 2_000:
            yield from _written(service, page, format)
            page = []
    yield from _written(service, page, format)


def _written(service: str, page: list[Label], format: str) -> Iterator[str]:
    wanted = {label.digest for label in page}
    words = dict(Text.objects.filter(service=service, digest__in=wanted).values_list("digest", "words"))
    for label in page:
        if label.digest in words:
            values = (
                words[label.digest], label.attribute, label.value, label.source, label.reference, label.at.isoformat(),
            )  # fmt: skip
            as_json = json.dumps(dict(zip(COLUMNS, values, strict=True)), ensure_ascii=False)
            yield f"{as_json}\n" if format == "ndjson" else _line(values)


def _line(values: Iterable[object]) -> str:
    written: list[str] = []
    csv.writer(_Sink(written)).writerow(list(values))
    return "".join(written)


class _Sink:
    def __init__(self, pieces: list[str]) -> None:
        self.write = pieces.append


def _rows(file: IO[str], format: str) -> Iterator[tuple[int, Any]]:
    """(line, row) for each; a row that isn't one is a string that says why."""
    if format == "csv":
        yield from _csv_rows(file)
        return
    for number, line in enumerate(file, 1):
        if line.strip():
            try:
                row = json.loads(line)
            except ValueError as error:
                yield number, f"is not JSON: {error}"
                continue
            yield number, row if isinstance(row, dict) else "is not an object like {" + '"text": ...}'


def _csv_rows(file: IO[str]) -> Iterator[tuple[int, Any]]:
    reader = csv.DictReader(file, strict=True)
    names = reader.fieldnames or ()
    if missing := [name for name in REQUIRED if name not in names]:
        have = ", ".join(f"`{name[:40]}`" for name in names) or "none"
        yield 1, f"is missing: {', '.join(missing)} (the columns are {have})"
        return
    while True:
        try:
            row = next(reader, None)
        except csv.Error as error:
            yield reader.line_num, f"can't be read: {error}"
            return
        if row is None:
            return
        if None in row or None in row.values():
            yield reader.line_num, f"has not {len(names)} columns as the first line has"
        else:
            yield reader.line_num, row


def _refused(why: str) -> dict[str, Any]:
    raise BadLabel("text", why)


def _label(row: dict[str, Any], source: str) -> LabelSubmission:
    """Raises BadLabel."""
    if unknown := [name for name in row if name not in COLUMNS]:
        raise BadLabel(str(unknown[0])[:40], f"is no column; there are {', '.join(COLUMNS)}")
    for name in COLUMNS:
        if name in row and name != "value" and not isinstance(row[name], str):
            raise BadLabel(name, f"must be text, not {type(row[name]).__name__}")
    if missing := [name for name in REQUIRED if row.get(name) in (None, "")]:
        raise BadLabel(missing[0], "is missing")
    label = LabelSubmission(
        text=row["text"], attribute=row["attribute"].strip().lower(), value=_value(row["value"]),
        source=row.get("source") or source, reference=row.get("reference") or "", at=_moment(row.get("at") or ""),
    )  # fmt: skip
    check(label)
    return label


def _value(given: Any) -> float:
    if isinstance(given, str) and given.strip().lower() in _TRUTH:
        return _TRUTH[given.strip().lower()]
    try:
        return float(given)
    except (TypeError, ValueError):
        raise BadLabel("value", f"`{str(given)[:40]}` is no number from 0 to 1, nor true or false") from None


def _moment(given: str) -> datetime:
    if not given:
        return timezone.now()
    try:
        at = datetime.fromisoformat(given)
    except ValueError:
        raise BadLabel("at", f"`{given[:40]}` is no time like 2026-03-01T12:00:00Z") from None
    return at if at.tzinfo else at.replace(tzinfo=UTC)
