"""What the expressions of a policy may name, for each event type: the event, signals, windows, lists and labels."""

from collections.abc import Iterable, Mapping

from safehold.engine.language import types
from safehold.engine.language.environment import Environment
from safehold.engine.language.types import Field, Type, parse_type
from safehold.engine.policies.events import EventType
from safehold.engine.signal import Signal, limits

LABELS = types.object_of(
    "labels", {name: Field(types.list_of(types.STRING)) for name in ("actor", "target", "content")}
)


class Scope:
    """The environments of one event type. `base` is for windows, which see neither windows nor labels."""

    def __init__(self, event_type: EventType, signals: Iterable[Signal], lists: Iterable[str]) -> None:
        self.event_type = event_type
        self.signals = {signal.name: signal for signal in signals if readable(signal, event_type)}
        self.variables: dict[str, Type] = {
            **event_type.variables,
            "signals": types.object_of("signals", {name: _signal_field(part) for name, part in self.signals.items()}),
            "lists": types.object_of("lists", {name: Field(types.list_of(types.STRING)) for name in lists}),
            "now": types.TIMESTAMP,
        }
        self.base = Environment(self.variables)

    def with_windows(self, windows: Mapping[str, Type]) -> Environment:
        """The environment of a rule: everything, and the policy's own windows."""
        fields = {name: Field(kind) for name, kind in windows.items()}
        return Environment({**self.variables, "windows": types.object_of("windows", fields), "labels": LABELS})


def _signal_field(signal: Signal) -> Field:
    known = limits(signal)
    fields = {}
    for name, text in signal.fields.items():
        least, most = known.get(name, (None, None))
        fields[name] = Field(parse_type(text), least=least, most=most)
    about = (type(signal).__doc__ or "").strip().partition("\n")[0].rstrip(".")
    return Field(types.object_of(f"signals.{signal.name}", fields), description=about)


def readable(signal: Signal, event_type: EventType) -> bool:
    """Whether the event type has anything that the signal looks at."""
    return not signal.reads or any(_has(path, event_type) for path in signal.reads)


def _has(path: str, event_type: EventType) -> bool:
    parts = path.split(".")
    if parts == ["text"]:
        return event_type.subject.text is not None
    kind = event_type.variables.get(parts[0])
    for part in parts[1:]:
        found = kind.fields.get(part) if kind is not None else None
        kind = found.type if found else None
    return kind is not None
