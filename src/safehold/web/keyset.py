"""Pages of a long list by the position of a row, not by its number: page 1,000 costs what page 1 costs, and a row that
arrives while somebody reads moves nothing. Used by every list of the console; drawn by the tag `pager`.
"""

import base64
import binascii
import json
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.core.exceptions import BadRequest, ValidationError
from django.db.models import Model, Q, QuerySet
from django.http import HttpRequest


@dataclass(frozen=True)
class Page:
    """One page of rows, and the query strings of its neighbours (None where there is none)."""

    rows: list[Any]
    newer: str | None
    older: str | None

    def __iter__(self) -> Any:
        return iter(self.rows)

    def __len__(self) -> int:
        return len(self.rows)


def _position(row: Model, fields: list[str]) -> list[Any]:
    values = [getattr(row, field) for field in fields]
    return [value.isoformat() if isinstance(value, datetime) else value for value in values]


def _encode(position: list[Any]) -> str:
    return base64.urlsafe_b64encode(json.dumps(position).encode()).decode().rstrip("=")


def _decode(text: str, queryset: QuerySet[Any], fields: list[str]) -> list[Any]:
    """The position that a query string names. Raises `BadRequest` for anything that this list did not make."""
    try:
        values = json.loads(base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)))
        if not isinstance(values, list) or len(values) != len(fields):
            raise ValueError(f"{len(fields)} values expected")
        return [
            queryset.model._meta.get_field(field).to_python(value) for field, value in zip(fields, values, strict=True)
        ]
    except (ValueError, TypeError, binascii.Error, ValidationError) as error:
        raise BadRequest("The address names no page of this list: open the list again from its start.") from error


def _beyond(fields: list[str], position: list[Any], operator: str) -> Q:
    """Rows strictly after `position` in the order of `fields`: (a, b) < (x, y) as a <= x and (a < x or b < y).

    The leading `a <= x` looks redundant; it is what lets SQLite and PostgreSQL enter the index at the right place.
    """
    field, value = fields[0], position[0]
    strictly = Q(**{f"{field}__{operator}": value})
    if len(fields) == 1:
        return strictly
    return Q(**{f"{field}__{operator}e": value}) & (strictly | _beyond(fields[1:], position[1:], operator))


def keyset_page(
    queryset: QuerySet[Any], request: HttpRequest, order: tuple[str, ...] = ("-id",), size: int = 50
) -> Page:
    """One page of `queryset` in `order`, from the request's `after` or `before`.

    `order` names fields that are never null, all descending (`-decided_at`, `-id`) or all ascending, the last of them
    unique. Two queries at most: `size + 1` rows, never a count.
    """
    fields = [name.removeprefix("-") for name in order]
    descending = order[0].startswith("-")
    if any(name.startswith("-") != descending for name in order):
        raise ValueError(f"keyset order {order} mixes directions")
    back = "before" in request.GET
    cursor = request.GET.get("before" if back else "after")
    forward = [f"-{name}" if descending else name for name in fields]
    backward = [name if descending else f"-{name}" for name in fields]
    rows = queryset.order_by(*(backward if back else forward))
    if cursor:
        rows = rows.filter(_beyond(fields, _decode(cursor, queryset, fields), "lt" if descending != back else "gt"))
    found = list(rows[: size + 1])
    more, found = len(found) > size, found[:size]
    if back:
        found.reverse()
    if not found:
        return Page([], None, None)
    has_newer = more if back else bool(cursor)
    has_older = True if back and cursor else more
    return Page(
        found,
        _encode(_position(found[0], fields)) if has_newer else None,
        _encode(_position(found[-1], fields)) if has_older else None,
    )
