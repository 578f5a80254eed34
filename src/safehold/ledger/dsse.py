"""DSSE envelopes: a statement signed by whoever makes it, where the log only says that it was made.

Specification: secure-systems-lab/dsse, protocol.md 1.0. The signature is over the payload's type and bytes, so that a
payload can't be taken for one of another type and nothing is parsed before it is trusted.
"""

import base64
import binascii

import msgspec
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from safehold.ledger.note import Signer, Verifier


class BadEnvelope(ValueError):
    """An envelope that can't be read or is not signed by a key that is known."""


class EnvelopeSignature(msgspec.Struct, frozen=True):
    """`keyid` only says which key to try; it is not trusted."""

    sig: str
    keyid: str = ""


class Envelope(msgspec.Struct, frozen=True, rename="camel"):
    """The JSON form: `payload` and signatures in base64."""

    payload: str
    payload_type: str
    signatures: list[EnvelopeSignature]


def pre_authentication(payload_type: str, payload: bytes) -> bytes:
    """PAE: what is signed."""
    kind = payload_type.encode()
    return b"DSSEv1 %d %s %d %s" % (len(kind), kind, len(payload), payload)


def seal(signer: Signer, payload_type: str, payload: bytes) -> bytes:
    """The envelope's JSON, signed by `signer`; the key id is the C2SP verifier key."""
    signature = signer.private.sign(pre_authentication(payload_type, payload))
    envelope = Envelope(_encode(payload), payload_type, [EnvelopeSignature(_encode(signature), str(signer.verifier))])
    return msgspec.json.encode(envelope)


def unseal(envelope: bytes, known: list[Verifier]) -> tuple[str, bytes, Verifier]:
    """The payload's type, the payload, and the known key that signed it. Raises BadEnvelope."""
    try:
        read = msgspec.json.decode(envelope, type=Envelope)
        payload = _decode(read.payload)
        signatures = [_decode(signature.sig) for signature in read.signatures]
    except (msgspec.DecodeError, binascii.Error, ValueError) as error:
        raise BadEnvelope(f"no DSSE envelope: {error}") from error
    message = pre_authentication(read.payload_type, payload)
    for verifier in known:
        key = Ed25519PublicKey.from_public_bytes(verifier.public)
        if any(_verifies(key, signature, message) for signature in signatures):
            return read.payload_type, payload, verifier
    raise BadEnvelope("no signature by a key that is known here")


def _verifies(key: Ed25519PublicKey, signature: bytes, message: bytes) -> bool:
    try:
        key.verify(signature, message)
    except InvalidSignature:
        return False
    return True


def _encode(data: bytes) -> str:
    return base64.b64encode(data).decode()


def _decode(text: str) -> bytes:
    """Standard or URL-safe base64: the protocol lets a reader meet either."""
    return base64.b64decode(text.translate(str.maketrans("-_", "+/")), validate=True)
