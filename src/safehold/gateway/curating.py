"""Banks and exchanges as programs change and read them by key: what the gateway asks of the database for it. Who calls: `hma`;
`safehold.desk.banks.curating` does it.
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Protocol

import msgspec


class Cannot(Exception):
    """It can't be done; the message says why, and names what is wrong."""


class Taken(Cannot):
    """There is one of that name already."""


class BankShare(msgspec.Struct, frozen=True):
    """A bank, and the share of it that counts."""

    name: str
    ratio: float


class Content(msgspec.Struct, frozen=True):
    """An item of a bank. `counts`: it is active, not waiting, disputed or retired. `known_as` are its names at exchanges."""

    id: int
    bank: BankShare
    kind: str
    value: str
    counts: bool
    known_as: Mapping[str, list[str]]


class ExchangeView(msgspec.Struct, frozen=True):
    """An exchange, without its credentials. `fetched_at` is when a fetch last came to its end."""

    name: str
    kind: str
    bank: str
    enabled: bool
    fetching: bool
    failing: bool
    fetched_at: datetime | None
    items: int


class Curator(Protocol):
    """The database behind it. Every method may block and is called from reading threads; all raise Unavailable."""

    def banks(self) -> list[BankShare]:
        """Every bank as it is now, by name."""

    def create(self, name: str, ratio: float, key: str) -> BankShare:
        """A new bank. Raises Taken and Cannot."""

    def set_ratio(self, name: str, ratio: float, key: str) -> BankShare | None:
        """Change what share of a bank counts; None for no such bank. Raises Cannot."""

    def content(self, bank: str, item: int) -> Content | None:
        """An item of a bank."""

    def retire(self, bank: str, item: int, key: str) -> int | None:
        """Let an item no longer count; how many that were, 0 if it was retired before or is none. None for no such bank."""

    def dispute(self, bank: str, item: int, key: str) -> bool | None:
        """Let an active item not count until a person has settled it; false where it doesn't count already. None for no such
        item."""

    def switch_exchange(self, name: str, enabled: bool, key: str) -> bool:
        """Have an exchange fetched or not; false for no such exchange."""

    def exchanges(self) -> list[ExchangeView]:
        """Every exchange, by name."""

    def kinds(self) -> Mapping[str, bool]:
        """The kinds of exchanges that can be added, and whether they need credentials."""
