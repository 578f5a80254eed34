"""C2SP signed notes: text with signatures by named keys, and how keys are written down (`name+hash+base64`).

Specification: c2sp.org/signed-note. Ed25519 (type 0x01) signs the text itself; a witness's cosignature (type 0x04,
c2sp.org/tlog-cosignature) signs the text with the time. Signatures by keys we don't know are kept and ignored.
"""

import base64
import binascii
import hashlib
import struct
import unicodedata
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_pem_private_key,
)

from safehold.once import write_once

ED25519 = 0x01
COSIGNATURE = 0x04
_MAX_BYTES = 1_000_000
_MAX_SIGNATURES = 100


class BadNote(ValueError):
    """A text that is no signed note, or not signed as it must be; the message says what is wrong."""


class BadKey(ValueError):
    """A key's text or file that can't be read."""


@dataclass(frozen=True, slots=True)
class Signature:
    """One signature line: `data` is what follows the four bytes of key id."""

    name: str
    key_id: int
    data: bytes

    def line(self) -> str:
        return f"— {self.name} {base64.b64encode(struct.pack('>I', self.key_id) + self.data).decode()}\n"


@dataclass(frozen=True, slots=True)
class Note:
    """A signed text. `text` ends in a newline and leaves out the blank line before the signatures."""

    text: str
    signatures: tuple[Signature, ...]

    def __str__(self) -> str:
        return f"{self.text}\n{''.join(signature.line() for signature in self.signatures)}"


@dataclass(frozen=True, slots=True)
class Verifier:
    """A public key under a name. `kind` is ED25519 for a log, COSIGNATURE for a witness."""

    name: str
    public: bytes
    kind: int = ED25519

    @property
    def key_id(self) -> int:
        return key_id(self.name, self.kind, self.public)

    def __str__(self) -> str:
        """The C2SP verifier key, `example.com/log+1c5f22a3+AR...`."""
        return f"{self.name}+{self.key_id:08x}+{base64.b64encode(bytes([self.kind]) + self.public).decode()}"

    def check(self, text: str, signature: Signature) -> int | None:
        """Raise BadNote unless `signature` is this key's over `text`. Returns a cosignature's time, POSIX seconds."""
        message, data, time = text.encode(), signature.data, None
        if self.kind == COSIGNATURE:
            if len(data) != 72:
                raise BadNote(f"the cosignature by {self.name} has {len(data)} bytes, not 72")
            time, data = struct.unpack(">Q", data[:8])[0], data[8:]
            message = f"cosignature/v1\ntime {time}\n".encode() + message
        try:
            Ed25519PublicKey.from_public_bytes(self.public).verify(data, message)
        except InvalidSignature:
            raise BadNote(f"the signature by {self.name} is wrong") from None
        return time


@dataclass(frozen=True)
class Signer:
    """A private Ed25519 key under a name."""

    name: str
    private: Ed25519PrivateKey

    @property
    def verifier(self) -> Verifier:
        return Verifier(self.name, self.private.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw))

    def sign(self, text: str) -> Note:
        """A note with this one signature. Raises BadNote if `text` can't be a note's."""
        _check_text(text)
        return Note(text, (Signature(self.name, self.verifier.key_id, self.private.sign(text.encode())),))


def key_id(name: str, kind: int, public: bytes) -> int:
    """The first four bytes of SHA-256(name || 0x0A || kind || key), big-endian."""
    return int.from_bytes(hashlib.sha256(name.encode() + b"\n" + bytes([kind]) + public).digest()[:4], "big")


def parse_verifier(text: str) -> Verifier:
    """Read a C2SP verifier key. Raises BadKey, also if its hash does not fit its key."""
    name, _, rest = text.partition("+")
    hash_, _, encoded = rest.partition("+")
    try:
        key = base64.b64decode(encoded, validate=True)
    except binascii.Error:
        raise BadKey(f"{text!r}: the key is not base64") from None
    if not _is_name(name) or len(key) != 33 or key[0] not in (ED25519, COSIGNATURE):
        raise BadKey(f"{text!r} is no Ed25519 key of the form name+hash+base64")
    verifier = Verifier(name, key[1:], key[0])
    if hash_ != f"{verifier.key_id:08x}":
        raise BadKey(f"{text!r}: the hash does not belong to the name and the key")
    return verifier


def parse_note(text: str) -> Note:
    """Read a signed note without trusting it. Raises BadNote."""
    if len(text) > _MAX_BYTES:
        raise BadNote(f"a note of more than {_MAX_BYTES} characters")
    head, separator, tail = text.rpartition("\n\n")
    if not separator:
        raise BadNote("a note is a text, an empty line and signatures")
    _check_text(head + "\n")
    lines = tail.split("\n")
    if lines.pop() != "" or not lines:
        raise BadNote("a note ends with signature lines, each ended by a newline")
    if len(lines) > _MAX_SIGNATURES:
        raise BadNote(f"a note with more than {_MAX_SIGNATURES} signatures")
    return Note(head + "\n", tuple(map(_parse_signature, lines)))


def open_note(text: str, known: Iterable[Verifier]) -> tuple[Note, list[tuple[Verifier, int | None]]]:
    """Read a note and check it: at least one known key has signed it, and every known key that is named did.

    Returns the note and each verified key with its cosignature's time. Raises BadNote.
    """
    note = parse_note(text)
    keys = {(verifier.name, verifier.key_id): verifier for verifier in known}
    verified: dict[tuple[str, int], tuple[Verifier, int | None]] = {}
    for signature in note.signatures:
        key = (signature.name, signature.key_id)
        if key in keys and key not in verified:
            verified[key] = (keys[key], keys[key].check(note.text, signature))
    if not verified:
        names = ", ".join(f"{name}+{hash_:08x}" for name, hash_ in keys) or "none"
        raise BadNote(f"no signature by a key that is known here ({names})")
    return note, list(verified.values())


def load_signer(path: Path, name: str) -> Signer:
    """Read the PKCS#8 PEM key at `path`, or make one there, readable by its owner only. Raises BadKey."""
    if not _is_name(name):
        raise BadKey(f"{name!r} can't be a log's name: no spaces, no plus sign, not empty")
    if not path.exists():
        made = Ed25519PrivateKey.generate()
        write_once(path, made.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    try:
        private = load_pem_private_key(path.read_bytes(), password=None)
    except ValueError as error:
        raise BadKey(f"{path}: {error}") from error
    if not isinstance(private, Ed25519PrivateKey):
        raise BadKey(f"{path} holds another kind of key than Ed25519")
    return Signer(name, private)


def _parse_signature(line: str) -> Signature:
    dash, _, rest = line.partition(" ")
    name, _, encoded = rest.partition(" ")
    try:
        data = base64.b64decode(encoded, validate=True)
    except (binascii.Error, ValueError):
        data = b""
    if dash != "—" or not _is_name(name) or len(data) < 5:
        raise BadNote(f"{line[:80]!r} is no signature line")
    return Signature(name, int.from_bytes(data[:4], "big"), data[4:])


def _check_text(text: str) -> None:
    if not text.endswith("\n"):
        raise BadNote("a note's text ends with a newline")
    if any(character < " " and character != "\n" for character in text):
        raise BadNote("a note's text has no control characters but newlines")
    try:
        text.encode()
    except UnicodeEncodeError:
        raise BadNote("a note is valid UTF-8") from None


def _is_name(name: str) -> bool:
    return (
        bool(name)
        and "+" not in name
        and not any(char.isspace() or unicodedata.category(char) == "Zs" for char in name)
    )


def merge(note: Note, signatures: Sequence[Signature]) -> Note:
    """The note with further signatures, a witness's for example; one that is there already is not repeated."""
    return Note(note.text, note.signatures + tuple(new for new in signatures if new not in note.signatures))
