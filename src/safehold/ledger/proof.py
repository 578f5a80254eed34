"""C2SP proofs: a small text file that shows, offline, that an entry is in the log. Specification: c2sp.org/tlog-proof.

Safehold puts the entry itself into the `extra` line, so that the file needs nothing beside it but the log's public key.
"""

import base64
import binascii
import re
from collections.abc import Iterable
from dataclasses import dataclass

from safehold.ledger.checkpoint import Checkpoint, open_checkpoint
from safehold.ledger.note import Verifier
from safehold.ledger.tree import check_inclusion, leaf_hash

HEADER = "c2sp.org/tlog-proof@v1"
_INDEX = re.compile(r"index (0|[1-9][0-9]*)")


class NoProof(ValueError):
    """A text that is no tlog-proof; the message says at which line."""


@dataclass(frozen=True, slots=True)
class Proof:
    """That the entry at `index` is in the tree that `checkpoint` (a signed note) promises."""

    index: int
    hashes: tuple[bytes, ...]
    checkpoint: str
    extra: bytes | None = None

    def __str__(self) -> str:
        extra = [] if self.extra is None else [f"extra {_base64(self.extra)}"]
        return "\n".join([HEADER, *extra, f"index {self.index}", *map(_base64, self.hashes), "", self.checkpoint])


def parse_proof(text: str) -> Proof:
    """Read a tlog-proof without checking it. Raises NoProof."""
    head, separator, checkpoint = text.partition("\n\n")
    lines = head.split("\n")
    if lines[0] != HEADER:
        raise NoProof(f"line 1: a proof begins with {HEADER!r}")
    if not separator:
        raise NoProof("the proof ends before its checkpoint")
    number, extra = 1, None
    if len(lines) > 1 and lines[1].startswith("extra "):
        extra, number = _decode(lines[1].removeprefix("extra "), 2), 2
    found = _INDEX.fullmatch(lines[number]) if len(lines) > number else None
    if not found:
        raise NoProof(f"line {number + 1}: `index` and the entry's index are missing")
    hashes = tuple(_decode(line, at) for at, line in enumerate(lines[number + 1 :], number + 2))
    for at, hash_ in enumerate(hashes, number + 2):
        if len(hash_) != 32:
            raise NoProof(f"line {at}: a hash has 32 bytes, this one {len(hash_)}")
    return Proof(int(found[1]), hashes, checkpoint, extra)


def check_proof(proof: Proof, entry: bytes, log: Verifier | Iterable[Verifier]) -> Checkpoint:
    """Return the checkpoint that covers `entry`, or raise BadNote (its signature) or BadProof (the way to its root)."""
    checkpoint = open_checkpoint(proof.checkpoint, log)
    check_inclusion(leaf_hash(entry), proof.index, checkpoint.size, proof.hashes, checkpoint.root)
    return checkpoint


def _base64(data: bytes) -> str:
    return base64.b64encode(data).decode()


def _decode(text: str, line: int) -> bytes:
    try:
        return base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        raise NoProof(f"line {line}: {text[:60]!r} is not base64") from None
