"""JSON: an array of texts or objects, an object with `entries`, or one text or object a line (NDJSON).

{"value": "evil.example", "expires": "2026-12-31T00:00:00Z", "source": "...", "confidence": 80, "allow": false}
"""

from collections.abc import Iterable, Iterator
from typing import Any

import msgspec

from safehold.engine.lists.formats.rows import (
    MAX_DOCUMENT,
    About,
    FormatError,
    Problem,
    Row,
    decoded,
    flag,
    moment,
    percent,
)


def read(lines: Iterable[tuple[int, str]]) -> Iterator[Row | Problem]:
    numbered = iter(lines)
    for number, line in numbered:
        if not (text := line.strip()):
            continue
        if number == 1 or text[0] in "[{":
            try:
                first = msgspec.json.decode(text)
            except (msgspec.DecodeError, RecursionError):
                yield from _whole(number, text, numbered)
                return
            if isinstance(first, list) or (isinstance(first, dict) and "value" not in first):
                yield from _items(number, first)
                continue
            yield row_of(number, first)
            continue
        yield row_of(number, decoded(number, text))


def _whole(number: int, start: str, rest: Iterator[tuple[int, str]]) -> Iterator[Row | Problem]:
    """A document over several lines."""
    size, pieces = len(start), [start]
    for _, line in rest:
        size += len(line)
        if size > MAX_DOCUMENT:
            raise FormatError(0, f"the file has more than {MAX_DOCUMENT >> 20} MB; write an object a line (NDJSON)")
        pieces.append(line)
    yield from _items(number, decoded(0, "\n".join(pieces)))


def _items(number: int, found: Any) -> Iterator[Row | Problem]:
    if isinstance(found, dict) and isinstance(found.get("entries"), list):
        found = found["entries"]
    if not isinstance(found, list):
        raise FormatError(number, "this is neither an array nor an object with `entries`")
    for place, item in enumerate(found, 1):
        yield row_of(place, item)


def row_of(line: int, item: Any) -> Row | Problem:
    if isinstance(item, str):
        return Row(line=line, value=item)
    if not isinstance(item, dict) or not isinstance(item.get("value"), str):
        return Problem(line=line, column="value", message="an entry is a text, or an object with a text as its `value`")
    found: dict[str, Any] = {}
    for name, reader in (("allow", flag), ("expires", moment), ("confidence", percent)):
        try:
            found[name] = reader(item.get(name) if item.get(name) is not None else "")
        except ValueError as error:
            return Problem(line=line, column=name, message=str(error))
    texts = {name: str(item.get(name) or "") for name in ("source", "reference", "note")}
    return Row(
        line=line, value=item["value"], allow=found["allow"], expires_at=found["expires"], confidence=found["confidence"],
        **texts,
    )  # fmt: skip


def write(about: About, rows: Iterable[Row]) -> Iterator[str]:
    for row in rows:
        item: dict[str, Any] = {"value": row.value}
        if row.allow:
            item["allow"] = True
        if row.expires_at:
            item["expires"] = row.expires_at
        item |= {
            name: getattr(row, name) for name in ("source", "reference", "confidence", "note") if getattr(row, name)
        }
        yield msgspec.json.encode(item).decode() + "\n"
