"""The judge signal: what a large model said of a content when it took a second look, by the policy's own text. It was asked
before this event was made, and the event carries its answer (`data.judge`): here nothing is asked, so that the same event
always measures the same, at once and in ten years.
"""

from collections.abc import Mapping
from typing import ClassVar

from safehold.engine.event import Event
from safehold.engine.signal import SignalFailed
from safehold.signals.reading import written

#: Fields of `data.judge` that are this signal's, with the types that they must have.
_TYPES: Mapping[str, tuple[str, tuple[type, ...]]] = {
    "violation": ("bool", (bool,)),
    "category": ("string", (str,)),
    "confidence": ("double", (int, float)),
    "rationale": ("string", (str,)),
    "model": ("string", (str,)),
    "policy": ("string", (str,)),
    "disagrees": ("bool", (bool,)),
    "small": ("double", (int, float)),
}


class JudgeSignal:
    """`signals.judge`. A judge that did not answer fails, with its reason: its fields are unknown, never false and never 0."""

    name = "judge"
    title = "What a large model said on a second look"
    version = "1.0.0"
    cost = 3.0
    reads = ("data.judge",)
    fields: ClassVar[Mapping[str, str]] = {name: kind for name, (kind, _) in _TYPES.items()}
    limits: ClassVar[Mapping[str, tuple[float | None, float | None]]] = {"confidence": (0.0, 1.0), "small": (0.0, 1.0)}

    def run(self, event: Event) -> Mapping[str, object]:
        said = event.data.get("judge")
        if not isinstance(said, dict):
            raise SignalFailed("no judge was asked about this event")
        if said.get("status") != "answered":
            raise SignalFailed(f"the judge did not answer: {said.get('reason') or 'it is not said why'}")
        values: dict[str, object] = {}
        for name, (kind, types) in _TYPES.items():
            value = said.get(name)
            if value is None:
                continue
            if not isinstance(value, types) or (kind == "double" and isinstance(value, bool)):
                raise SignalFailed(f"the event's `data.judge.{name}` must be a {kind}")
            if isinstance(value, str):
                values[name] = written(value)
            else:
                values[name] = float(value) if kind == "double" and isinstance(value, int | float) else value
        return values
