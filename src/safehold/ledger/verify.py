"""Following a whole log from its first entry, against every checkpoint it ever signed: one pass, a few kilobytes.

`safehold ledger verify` feeds it the database; a mirror can feed it what it downloaded.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from safehold.ledger.checkpoint import open_checkpoint
from safehold.ledger.note import BadNote, Verifier
from safehold.ledger.tree import Frontier, leaf_hash


@dataclass(frozen=True, slots=True)
class Finding:
    """Something that is not as it was written. `subject` names it (`entry 42`, `decision dec_01...`)."""

    subject: str
    problem: str

    def __str__(self) -> str:
        return f"{self.subject} {self.problem}"


@dataclass(frozen=True, slots=True)
class SignedRoot:
    """A checkpoint as it is stored: what its columns say, and the signed note that must say the same."""

    size: int
    root: bytes
    note: str


class LogCheck:
    """Takes every entry in order; says what is wrong with it and with the checkpoints it passes.

    `checkpoints` come in the order of their sizes. `intact` is the size of the largest checkpoint that still fits.
    """

    def __init__(self, checkpoints: Iterable[SignedRoot], log: Iterable[Verifier]) -> None:
        self.frontier = Frontier()
        self.intact = 0
        self.checkpoints = 0
        self._log = list(log)
        self._broken: list[int] = []  # sizes of checkpoints whose root no longer fits
        self._next_index = 0
        self._ahead = iter(checkpoints)
        self._next = next(self._ahead, None)

    def take(self, index: int, body: bytes, stored_hash: bytes) -> Iterator[Finding]:
        """The next entry: its index, its text, and the leaf hash that is stored with it."""
        if self._next_index == 0:
            yield from self._pass_checkpoints()
        if index != self._next_index:
            missing = index - self._next_index
            yield Finding(_entries(self._next_index, index), f"{'is' if missing == 1 else 'are'} missing from the log")
        self._next_index = index + 1
        hash_ = leaf_hash(body)
        if hash_ != stored_hash:
            yield Finding(f"entry {index}", "differs from its own hash: its text or its hash was changed")
        self.frontier.append(hash_)
        yield from self._pass_checkpoints()

    def finish(self) -> Iterator[Finding]:
        """After the last entry: checkpoints that promise more than there is, and those that no longer fit."""
        yield from self._pass_checkpoints()
        while self._next:
            yield Finding(
                f"checkpoint {self._next.size}",
                f"promises {self._next.size} entries, but the log has {self.frontier.size}: entries were removed",
            )
            yield from self._check_signature(self._next)
            self._next = next(self._ahead, None)
        if self._broken:
            first, more = self._broken[0], len(self._broken) - 1
            later = f" (and so for {more} later checkpoints)" if more else ""
            yield Finding(
                f"checkpoint {first}",
                f"was signed over other entries{later}: since then something in "
                f"{_entries(self.intact, first)} was changed, moved or removed",
            )

    def _pass_checkpoints(self) -> Iterator[Finding]:
        while self._next and self._next.size <= self.frontier.size:
            checkpoint, self._next = self._next, next(self._ahead, None)
            yield from self._check_signature(checkpoint)
            if checkpoint.size == self.frontier.size and checkpoint.root == self.frontier.root():
                if not self._broken:
                    self.intact = checkpoint.size
            else:
                self._broken.append(checkpoint.size)

    def _check_signature(self, checkpoint: SignedRoot) -> Iterator[Finding]:
        self.checkpoints += 1
        try:
            signed = open_checkpoint(checkpoint.note, self._log)
        except BadNote as error:
            yield Finding(f"checkpoint {checkpoint.size}", f"is not what was signed: {error}")
            return
        if (signed.size, signed.root) != (checkpoint.size, checkpoint.root):
            yield Finding(f"checkpoint {checkpoint.size}", "says something else than its signed note")


def _entries(first: int, end: int) -> str:
    """Entries [first, end) in words."""
    return f"entry {first}" if end <= first + 1 else f"entries {first} to {end - 1}"
