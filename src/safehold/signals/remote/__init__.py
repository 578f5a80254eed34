"""The remote signal: what services elsewhere (Perspective, Hive, Google, Azure) said of a text on a second look. They were
asked before this event was made, and it carries their answers (`data.remote`): here nothing is asked, so that the same event
always measures the same, at once and in ten years.
"""

from collections.abc import Mapping
from typing import Any, ClassVar

from safehold.engine.event import Event
from safehold.engine.signal import SignalFailed
from safehold.signals.reading import written
from safehold.signals.remote.providers import MOST_SCORES, PROVIDERS


class Remote:
    """`signals.remote`. A service that was not asked, or did not answer, is left out: *unknown*."""

    name = "remote"
    title = "What other services said on a second look"
    version = "1.0.0"
    cost = 3.0
    card = "https://github.com/safehold/safehold/blob/main/docs/reference/signals.md"
    reads = ("data.remote",)
    fields: ClassVar[Mapping[str, str]] = {
        **dict.fromkeys(PROVIDERS, "map(string, double)"),
        **{f"{name}_highest": "double" for name in PROVIDERS},
        "answered": "list(string)",
        "failures": "map(string, string)",
    }
    limits: ClassVar[Mapping[str, tuple[float | None, float | None]]] = {
        f"{name}_highest": (0.0, 1.0) for name in PROVIDERS
    }

    def run(self, event: Event) -> Mapping[str, object]:
        asked = event.data.get("remote")
        if not isinstance(asked, dict) or not asked:
            raise SignalFailed("no remote service was asked about this event")
        values: dict[str, object] = {}
        answered: list[str] = []
        failures: dict[str, str] = {}
        for name in PROVIDERS:
            said = asked.get(name)
            if not isinstance(said, dict):
                continue
            scores = _scores(said.get("scores"))
            if scores is None:
                failures[name] = written(str(said.get("reason") or "it did not answer"))
                continue
            answered.append(name)
            values[name], values[f"{name}_highest"] = scores, max(scores.values())
        return values | {"answered": answered, "failures": failures}


def _scores(found: Any) -> dict[str, float] | None:
    if not isinstance(found, dict) or not found:
        return None
    if not all(isinstance(value, int | float) and not isinstance(value, bool) for value in found.values()):
        return None
    return {written(str(name)): float(value) for name, value in list(found.items())[:MOST_SCORES]}
