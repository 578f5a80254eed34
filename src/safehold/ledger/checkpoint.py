"""C2SP checkpoints: signed notes that promise one root for one size of the log. Specification: c2sp.org/tlog-checkpoint."""

import base64
import binascii
import re
from collections.abc import Iterable
from dataclasses import dataclass

from safehold.ledger.note import BadNote, Note, Signer, Verifier, open_note

_SIZE = re.compile(r"0|[1-9][0-9]*")


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """`origin` names the log; the first `size` entries have `root`."""

    origin: str
    size: int
    root: bytes

    @property
    def text(self) -> str:
        return f"{self.origin}\n{self.size}\n{base64.b64encode(self.root).decode()}\n"


def sign_checkpoint(signer: Signer, size: int, root: bytes) -> Note:
    """Promise that the log's first `size` entries have this root. The caller makes sure of every earlier promise."""
    return signer.sign(Checkpoint(signer.name, size, root).text)


def parse_checkpoint(text: str) -> Checkpoint:
    """Read a checkpoint's text (of a note, without signatures); extension lines are ignored. Raises BadNote."""
    lines = text.split("\n")
    if len(lines) < 4 or lines.pop() != "" or not all(lines):
        raise BadNote("a checkpoint is three lines or more, none of them empty: origin, size, root")
    origin, size, encoded = lines[:3]
    if not _SIZE.fullmatch(size):
        raise BadNote(f"{size[:40]!r} is no tree size")
    try:
        root = base64.b64decode(encoded, validate=True)
    except (binascii.Error, ValueError):
        root = b""
    if len(root) != 32 or base64.b64encode(root).decode() != encoded:
        raise BadNote(f"{encoded[:60]!r} is no SHA-256 root in base64")
    return Checkpoint(origin, int(size), root)


def open_checkpoint(text: str, log: Verifier | Iterable[Verifier], witnesses: Iterable[Verifier] = ()) -> Checkpoint:
    """Read and check a signed checkpoint: one of the log's keys has signed it, and its origin is that key's name.

    Cosignatures by the given witnesses must be right where they are there. Raises BadNote.
    """
    logs = [log] if isinstance(log, Verifier) else list(log)
    note, verified = open_note(text, [*logs, *witnesses])
    checkpoint = parse_checkpoint(note.text)
    if not any(key in logs and key.name == checkpoint.origin for key, _ in verified):
        raise BadNote(f"the log {checkpoint.origin!r} has not signed this checkpoint")
    return checkpoint
