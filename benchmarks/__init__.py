"""Speed and memory, side by side with peers: `python -m benchmarks NAME`.

One module a benchmark, found by its file name (`engine_100.py` is `engine-100`). A module has a docstring whose first
line says what is measured, and `run() -> Result`. It first makes sure that all contenders give the same answers, then
times them, and takes under a minute by default. To add a benchmark, add a file.
"""

import os
import platform
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Result:
    """`ours` and every peer in the same `unit`; larger is better unless the unit is one of time or size. `more` are
    further figures, each with its unit in its name (`p99 ms`)."""

    ours: float
    unit: str
    peers: Mapping[str, float] = field(default_factory=dict)
    more: Mapping[str, float] = field(default_factory=dict)

    def ratios(self) -> dict[str, float]:
        """How many times a peer's figure ours is."""
        return {name: round(self.ours / value, 3) for name, value in self.peers.items() if value}


def machine() -> dict[str, object]:
    """What the figures were measured on."""
    return {
        "cpu": _cpu(),
        "cores": os.cpu_count(),
        "python": platform.python_version(),
        "system": f"{platform.system()} {platform.machine()}",
    }


def _cpu() -> str:
    try:
        with open("/proc/cpuinfo", encoding="utf-8") as lines:  # noqa: PTH123
            return next(line.split(":", 1)[1].strip() for line in lines if line.startswith("model name"))
    except (OSError, StopIteration):
        return platform.processor() or "unknown"


def per_cpu_second(work: Callable[[], int], seconds: float = 3.0) -> float:
    """How many units `work` gets done in a second of this process's CPU time, the best of its rounds.

    `work` does one round and returns how many units that were. CPU time, because other processes may share the machine.
    """
    best, spent = 0.0, 0.0
    while spent < seconds:
        begun = time.process_time()
        units = work()
        took = time.process_time() - begun
        best, spent = max(best, units / took), spent + took
    return best
