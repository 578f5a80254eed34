"""What passes between the processes that answer requests and the one that decides: frames of msgpack over a local socket,
each after its length in four bytes. `remote` sends events, `socket_inbox` sends back their results.

Events go as the JSON that came, because reading it again costs less than writing it in another form; results go as the JSON
that is answered.
"""

from datetime import datetime
from typing import Any

import msgspec

from safehold.engine import measured
from safehold.engine.event import lift_checked
from safehold.gateway.answers import Sealed
from safehold.gateway.inbox import Result
from safehold.gateway.metrics import Traffic
from safehold.gateway.store import Conflict, Failed, Incoming, WindowsState

_LENGTH = 4
#: More than a whole commit of the largest bodies; a longer one is no frame of ours.
MOST = 1 << 30

#: A decision's answer and whether it is a duplicate's; the decision that an event conflicts with; a fault.
Told = tuple[bytes, bool] | str | None


class Parcel(msgspec.Struct, array_like=True, gc=False):
    """An event: see `store.Incoming`. `time` is when it happened; `known` is what `engine.measured` packs."""

    service: str
    received_at: datetime
    time: datetime
    subject_kind: str
    subject_id: str
    account_id: str
    thread_id: str
    about_kind: str
    about_id: str
    about_account: str
    detected_by_person: bool
    body: str
    known: bytes = b""


class Hand(msgspec.Struct, array_like=True, tag=0, gc=False):
    """Events of some requests, by the numbers that the sender gave them."""

    requests: list[tuple[int, list[Parcel]]]


class Expose(msgspec.Struct, array_like=True, tag=2):
    """Asks for the metrics."""

    number: int


class Results(msgspec.Struct, array_like=True, tag=0, gc=False):
    """What came of requests; None for one whose events could not be written."""

    requests: list[tuple[int, list[Told] | None]]


class State(msgspec.Struct, array_like=True, tag=1, frozen=True):
    """How the decider is: whether events are let in, how far it has read the record, which edition decides."""

    ready: bool
    reading: str
    edition: int
    windows: WindowsState | None


class Exposition(msgspec.Struct, array_like=True, tag=2):
    """The metrics in Prometheus' text format."""

    number: int
    text: bytes


ToDecider = Hand | Traffic | Expose
FromDecider = Results | State | Exposition

_encode = msgspec.msgpack.Encoder().encode
to_decider = msgspec.msgpack.Decoder(ToDecider).decode
from_decider = msgspec.msgpack.Decoder(FromDecider).decode
_json = msgspec.json.Decoder().decode


def framed(message: ToDecider | FromDecider) -> bytes:
    """The bytes to be sent."""
    body = _encode(message)
    return len(body).to_bytes(_LENGTH, "little") + body


class Frames:
    """Bytes as they come, taken apart."""

    def __init__(self) -> None:
        self._got = bytearray()

    def feed(self, data: bytes) -> list[bytes]:
        """The frames that are whole now. Raises ValueError for what can't be one."""
        got = self._got
        got += data
        whole, start = [], 0
        while len(got) - start >= _LENGTH:
            length = int.from_bytes(got[start : start + _LENGTH], "little")
            if length > MOST:
                raise ValueError(f"a frame of {length} bytes")
            end = start + _LENGTH + length
            if len(got) < end:
                break
            whole.append(bytes(got[start + _LENGTH : end]))
            start = end
        del got[:start]
        return whole


def parcel(incoming: Incoming) -> Parcel:
    """An event to be sent."""
    return Parcel(
        incoming.service, incoming.received_at, incoming.event.time, incoming.subject_kind, incoming.subject_id,
        incoming.account_id, incoming.thread_id, incoming.about_kind, incoming.about_id, incoming.about_account,
        incoming.detected_by_person, incoming.body, measured.packed(incoming.known),
    )  # fmt: skip


def unpacked(sent: Parcel) -> Incoming:
    """The event that was sent: the sender has checked it."""
    document: dict[str, Any] = _json(sent.body)
    event = lift_checked(
        document["id"], document["source"], document["type"], sent.time, document.get("subject"), document["data"]
    )
    return Incoming(
        service=sent.service, event=event, body=sent.body, received_at=sent.received_at, subject_kind=sent.subject_kind,
        subject_id=sent.subject_id, account_id=sent.account_id, thread_id=sent.thread_id, about_kind=sent.about_kind,
        about_id=sent.about_id, about_account=sent.about_account, detected_by_person=sent.detected_by_person,
        known=tuple(measured.unpacked(sent.known)),
    )  # fmt: skip


def told(result: Result) -> Told:
    """A result to be sent."""
    if isinstance(result, Sealed):
        return result.body, result.duplicate
    return result.decision if isinstance(result, Conflict) else None


def heard(sent: Told) -> Result:
    """The result that was sent."""
    if sent is None:
        return Failed()
    return Conflict(decision=sent) if isinstance(sent, str) else Sealed(*sent)
