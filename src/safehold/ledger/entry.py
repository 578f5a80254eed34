"""What one line of the ledger says: a kind, an id, a time, what anybody may know, and a salted commitment to the rest.

The same function makes an entry from Python values before a row is inserted (the gateway's raw SQL, the desk's models)
and from the stored row when the record is verified; the two must agree byte for byte.
"""

import hashlib
import os
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime
from decimal import Decimal
from operator import itemgetter
from typing import Any

import msgspec

from safehold.ledger.canonical import NotCanonical, canonical, canonical_object

VERSION = 1
MAX_BYTES = 65_535  # C2SP tlog-tiles: an entry's length is a uint16 in a bundle
_SMALL = 10**15
_encode = msgspec.json.Encoder().encode
_EASY = frozenset({str, int, bool, type(None), msgspec.Raw})
_OWN = frozenset({"v", "kind", "id", "at", "commitment"})


@dataclass(frozen=True, slots=True)
class Recorded:
    """Which fields of a row the ledger covers.

    `fields` enter the commitment: once written they never change, and `id` is one of them. `public` ones stand in the
    entry in clear, so they must identify nobody. `at` is the field with the entry's time.
    """

    kind: str
    fields: tuple[str, ...]
    public: tuple[str, ...] = ()
    id: str = "id"
    at: str = "at"

    def __post_init__(self) -> None:
        for name in (self.id, self.at, *self.public):
            if name not in self.fields:
                raise ValueError(f"recorded {self.kind}: {name!r} is used but is not among its fields")
        if clash := (_OWN - {self.id, self.at}) & set(self.public):
            raise ValueError(
                f"recorded {self.kind}: {sorted(clash)} are the entry's own members; rename the public field"
            )


def new_salt() -> str:
    """256 random bits in hex. Without it nobody can find a row's values by trying likely ones; blank it to forget."""
    return os.urandom(32).hex()


def row_text(recorded: Recorded, row: Mapping[str, Any]) -> bytes:
    """Canonical JSON of the covered fields of `row`, which may hold more.

    Datetimes become RFC 3339 in UTC with six digits of a second, dates ISO 8601, bytes lower-case hex, JSON values
    their canonical form. Raises KeyError for a missing field, NotCanonical for what has no faithful form (a naive
    datetime, a Decimal, NaN), naming the field.
    """
    return canonical_object(_members(recorded.fields, row))


def commitment(salt: str, text: bytes) -> str:
    """SHA-256 over the salt's 32 bytes and the row's canonical JSON, in lower-case hex."""
    raw = bytes.fromhex(salt)
    if len(raw) != 32:
        raise ValueError(f"a salt is 32 bytes in hex, this one has {len(raw)}; `new_salt` makes them")
    return hashlib.sha256(raw + text).hexdigest()


def entry_body(recorded: Recorded, row: Mapping[str, Any], salt: str) -> bytes:
    """The ledger entry of a row: canonical JSON, at most 65,535 bytes, the leaf's data.

    Raises ValueError if the public fields make it longer, and what `row_text` raises.
    """
    body = canonical_object(
        _members(recorded.public, row)
        | {
            "v": VERSION,
            "kind": recorded.kind,
            "id": row[recorded.id],
            "at": _plain(row[recorded.at], recorded.at),
            "commitment": commitment(salt, row_text(recorded, row)),
        }
    )
    if len(body) > MAX_BYTES:
        raise ValueError(
            f"the entry of {recorded.kind} {row[recorded.id]} has {len(body)} bytes; {MAX_BYTES} is the most"
        )
    return body


class EntryMaker:
    """`entry_body` for rows that are made by the thousand. It takes their values in the order of `names`, each a text, an
    integer below 10**15, a boolean, None or `msgspec.Raw` that is canonical, and times as `timestamp` writes them: what
    `canonical_object` sorts at each call is in its order here from the beginning.
    """

    def __init__(self, recorded: Recorded) -> None:
        self.names = tuple(sorted(recorded.fields))
        self._kind = recorded.kind
        said = {name: self.names.index(name) for name in recorded.public} | {
            "id": self.names.index(recorded.id),
            "at": self.names.index(recorded.at),
        }
        own = {name: len(self.names) + place for place, name in enumerate(("v", "kind", "commitment"))}
        places = dict(sorted((said | own).items()))
        self._row = msgspec.defstruct("Row", [(name, Any) for name in self.names], gc=False)
        self._body = msgspec.defstruct("Body", [(name, Any) for name in places], gc=False)
        self._of_body = itemgetter(*places.values())

    def __call__(self, salt: bytes, *values: Any) -> bytes:
        """The entry's body. Raises ValueError if it is too long, NotCanonical for a text with a lone surrogate."""
        try:
            text = _encode(self._row(*values))
        except UnicodeEncodeError:
            raise NotCanonical(self._kind, "a text has a lone surrogate, which is no Unicode text") from None
        digest = hashlib.sha256(salt + text).hexdigest()
        body = _encode(self._body(*self._of_body((*values, VERSION, self._kind, digest))))
        if len(body) > MAX_BYTES:
            raise ValueError(f"the entry of a {self._kind} has {len(body)} bytes; {MAX_BYTES} is the most")
        return body


def timestamp(moment: datetime) -> str:
    """RFC 3339 in UTC with six digits of a second, `2026-02-01T09:30:00.000000Z`. ValueError for a naive time."""
    if moment.tzinfo is None:
        raise ValueError(f"{moment.isoformat()} has no UTC offset")
    return f"{moment.astimezone(UTC).replace(tzinfo=None).isoformat(timespec='microseconds')}Z"


def _members(names: tuple[str, ...], row: Mapping[str, Any]) -> dict[str, Any]:
    """The named fields as `canonical_object` takes them. Rows of the hot lane have texts, small integers and canonical JSON
    only: one look at the types is enough for them."""
    found = row if tuple(row) == names else {name: row[name] for name in names}
    kinds = set(map(type, found.values()))
    if kinds <= _EASY and (
        int not in kinds or all(-_SMALL < value < _SMALL for value in found.values() if type(value) is int)
    ):
        return dict(found)
    return {name: _plain(value, name) for name, value in found.items()}


def _plain(value: Any, name: str) -> Any:
    """`value` as something `canonical_object` takes. Ordered by how often it is met."""
    if value is None or isinstance(value, str) or (isinstance(value, int) and -_SMALL < value < _SMALL):
        return value
    if isinstance(value, datetime):
        try:
            return timestamp(value)
        except ValueError as error:
            raise NotCanonical(name, str(error)) from None
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, bytes | memoryview):
        return bytes(value).hex()
    if isinstance(value, Decimal):
        raise NotCanonical(name, "a Decimal has no single JSON form; record a string or an integer")
    if isinstance(value, msgspec.Raw):
        return value
    try:
        return msgspec.Raw(canonical(value))
    except NotCanonical as error:
        raise NotCanonical(f"{name}.{error.path}" if error.path else name, error.reason) from None
