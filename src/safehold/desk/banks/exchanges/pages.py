"""What an exchange gives, page by page, and what it can be told: the one shape that `fetching` and `writing_back` know."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from safehold.signals.hashes.kinds import key_of


@dataclass(frozen=True)
class Shared:
    """One hash of a record: `belief` is what its members think of it together, `tags` what they call it."""

    kind: str
    value: str
    belief: str = "seed"
    tags: tuple[str, ...] = ()

    @property
    def key(self) -> tuple[str, str]:
        """The kind and what a bank knows it by."""
        return self.kind, key_of(self.kind, self.value)


@dataclass(frozen=True)
class Page:
    """A step of a fetch. `records` maps an exchange's own key to its hashes; empty ones are deleted there. `checkpoint` is
    what to go on from once the page is kept, as JSON. `whole`: this fetch names all there is, so what it leaves out is gone."""

    records: Mapping[str, Sequence[Shared]]
    checkpoint: Any
    whole: bool = False
    notes: Mapping[str, Any] = field(default_factory=dict)


class NotTaken(Exception):
    """The exchange takes no such opinion, and never will."""


class Away(Exception):
    """The exchange can't be reached or has no answer now. `after`: in how many seconds it wants to be asked again."""

    def __init__(self, why: str, after: float | None = None) -> None:
        super().__init__(why)
        self.after = after


class Source(Protocol):
    """An exchange that one can talk with."""

    def stale(self, checkpoint: Any) -> bool:
        """Whether a checkpoint is too old to go on from: deletions since then can't be known."""

    def pages(self, checkpoint: Any) -> Iterator[Page]:
        """From a checkpoint on, or all if it is None. Raises Away, and ValueError for an answer that can't be read."""

    def report(self, kind: str, value: str, keys: Sequence[str], belief: str) -> None:
        """Tell what we think: `positive`, `negative`, or `seed` for seen. `keys` are the records that have the hash.

        Raises Away and NotTaken.
        """
