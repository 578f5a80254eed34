"""What a list is made of: entries with where they come from and how long they hold, and the match that a lookup finds."""

from datetime import UTC, datetime, timedelta
from typing import NamedTuple

import msgspec

#: What `item in list` means: the text itself; the domain or one above it; the address in a block; a pattern found in the
#: text; the digest in hexadecimal.
KINDS = ("exact", "domain_suffix", "cidr", "regex_set", "hash")
#: An entry's value may have so many bytes of UTF-8: what PostgreSQL can keep in an index, a list's name beside it.
MAX_VALUE_BYTES = 2_000


class BadEntry(ValueError):
    """A text that cannot be an entry of a list of this kind; the message says why and what to do."""


class Origin(NamedTuple):
    """Where entries come from and when they were added; most entries of a list share a few of these."""

    source: str = ""
    added_at: datetime | None = None


class Entry(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One entry. `value` is in the list's normal form (`values.normal`).

    `allow` entries are exceptions: what one matches is not in the list, whatever else matches. From `expires_at` on, in the
    event's own time, the entry is as if it were not there.
    """

    value: str
    allow: bool = False
    expires_at: datetime | None = None
    source: str = ""
    added_at: datetime | None = None


_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def nanoseconds(moment: datetime | None) -> int:
    """Since 1970; 0 for never. A moment before 1970 is taken as the first nanosecond: it is over."""
    if moment is None:
        return 0
    return max(1, (moment.astimezone(UTC) - _EPOCH) // timedelta(microseconds=1) * 1_000)


def over(entry: Entry, now: int) -> bool:
    """Whether the entry has ended by `now`, in nanoseconds since 1970."""
    return 0 != nanoseconds(entry.expires_at) <= now


class Match(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What a lookup found, for explanations: `entry` of the list `list` (as of `version`) matched `item`."""

    list: str
    item: str
    entry: str
    source: str = ""
    added_at: datetime | None = None
    expires_at: datetime | None = None
    version: str = ""
