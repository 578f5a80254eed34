"""The one door between the engine and everything that detects: what a signal is.

A signal looks at one event and measures something about it (its links, its language, how near it is to a known
hash). It never decides. `safehold.signals` and plug-ins implement this protocol and register themselves under the
entry point group `safehold.signals`; a policy reads `signals.<name>.<field>`, and a signal that no rule reads for
an event is never run.
"""

from collections.abc import Mapping
from typing import Protocol, runtime_checkable

from safehold.engine.event import Event


class SignalFailed(Exception):
    """The signal could not measure: its fields are *unknown* for this event, and the verdict says so.

    The message is read by moderators and auditors: say what failed and, where possible, what to do.
    """


@runtime_checkable
class Signal(Protocol):
    """One detector. It is constructed once, and `run` may be called from several threads.

    `name` is what policies write: `signals.<name>.<field>`; a plain identifier such as `links`.
    `version` changes whenever the same event could be measured differently: it is part of a bundle's hash.
    `cost` is the expected time of one run in microseconds; rules that need only cheap signals are tried first.
    `fields` gives each field's CEL type: `bool`, `int`, `uint`, `double`, `string`, `bytes`, `duration`, `timestamp`,
    `list(T)`, `map(string, T)` or `dyn`.
    `limits`, which a signal need not have, gives the least and the greatest value of fields that are numbers, None for no
    limit: {"score": (0.0, 1.0)}. `safehold policy check` then knows that `signals.x.score > 1.5` is never true.
    `title`, which a signal need not have, says in a few words what it measures: "Where links lead".
    `card`, which a signal need not have, is the address of its model card, or where its documentation is.
    `places(event)`, which a signal need not have, says where in the text its fields come from, for people: maps with `start`
    and `end` in code points, and a word for each, such as `attribute`. It may take longer than `run`; rules never ask it.
    `basis`, which a signal need not have, promises that `run` goes by nothing but the event's `reads`, the version and what
    this text names (a model that can be changed while it runs; mostly ""): its values may be measured before the event is
    decided, in another process, and count for another event with the same content. None: not now.
    `reads` lists the paths of the event that it looks at (`text`, `context.ip`, `data.urls`): a policy on an event
    type that has none of them cannot use the signal, and `safehold policy check` says so.
    """

    @property
    def name(self) -> str: ...
    @property
    def version(self) -> str: ...
    @property
    def cost(self) -> float: ...
    @property
    def fields(self) -> Mapping[str, str]: ...
    @property
    def reads(self) -> tuple[str, ...]: ...

    def run(self, event: Event) -> Mapping[str, object]:
        """Return a value for each field that could be measured; a field left out is *unknown*.

        Values are what the declared type reads from JSON: `int`, `float`, `str`, `bool`, `bytes`, lists, dicts,
        `datetime` for `timestamp`, `timedelta` for `duration`. `event.text` holds the text of the event's subject.
        Raises SignalFailed when the measurement as a whole failed.
        """
        ...


def limits(signal: Signal) -> Mapping[str, tuple[float | None, float | None]]:
    """The signal's `limits`; empty where it has none."""
    return getattr(signal, "limits", {})


def title(signal: Signal) -> str:
    """What the signal measures, in a few words; '' where it doesn't say."""
    return str(getattr(signal, "title", ""))


def card(signal: Signal) -> str:
    """The address of the signal's model card; '' where it has none."""
    return str(getattr(signal, "card", ""))


def places(signal: Signal, event: Event) -> list[dict[str, object]]:
    """Where in the event's text the signal's fields come from; [] where it doesn't say. Raises what the signal raises."""
    told = getattr(signal, "places", None)
    return told(event) if told else []


def basis(signal: Signal) -> str | None:
    """The signal's `basis`; None where it has none."""
    return getattr(signal, "basis", None)
