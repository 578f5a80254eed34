"""Counting distinct values of a sliding window in fixed memory, once there are too many to keep.

HyperLogLog (Flajolet, Fusy, Gandouet, Meunier 2007) in its sliding form (Chabchoub and Hebrail 2010): each register
keeps, for every rank, only what a later cut-off could still need: the ranks that no later time has reached. With
2^12 registers the standard error is 1.04 / sqrt(2^12) = 1.6%.
"""

import math
from bisect import bisect_left, insort
from typing import Any

from safehold.engine.windows.codec import digest

PRECISION = 12
REGISTERS = 1 << PRECISION
STANDARD_ERROR = 1.04 / math.sqrt(REGISTERS)
#: Sums of 2^-rank are kept as integers in units of 2^-UNIT, so that adding and taking away is exact.
UNIT = 64
_ALPHA = 0.7213 / (1 + 1.079 / REGISTERS)


def place(value: Any) -> tuple[int, int]:
    """The register that a value falls into, and its rank there: 1 plus the zeros that its remaining bits begin with."""
    bits = int.from_bytes(digest(value)[:8], "big")
    rest = bits & ((1 << (64 - PRECISION)) - 1)
    return bits >> (64 - PRECISION), 64 - PRECISION - rest.bit_length() + 1


def estimate(total: int, empty: int) -> int:
    """HyperLogLog's estimate from the sum of 2^(UNIT - rank) over all registers, an empty one having rank 0."""
    found = _ALPHA * REGISTERS * REGISTERS * 2.0**UNIT / total
    if found <= 2.5 * REGISTERS and empty:
        found = REGISTERS * math.log(REGISTERS / empty)
    return round(found)


class SlidingSketch:
    """`fronts[i]` is a register: (time, rank) sorted by time, whose ranks fall as times rise, so that the first one after a
    cut-off is the greatest. `order` has every entry's (time, register). The sum for the last cut-off asked for is kept,
    because the next one is never far: only registers with an entry in between are looked at again."""

    __slots__ = ("_cutoff", "_empty", "_ranks", "_total", "fronts", "order")

    def __init__(self) -> None:
        self.fronts: dict[int, list[tuple[int, int]]] = {}
        self.order: list[tuple[int, int]] = []
        self._cutoff = 0
        self._ranks = bytearray(REGISTERS)  # at the cut-off
        self._total, self._empty = REGISTERS << UNIT, REGISTERS

    def __len__(self) -> int:
        return len(self.order)

    @property
    def oldest(self) -> int:
        return self.order[0][0]

    def add(self, value: Any, time: int) -> int:
        """Put a value in; by how many entries the sketch has grown."""
        register, rank = place(value)
        front = self.fronts.setdefault(register, [])
        at = bisect_left(front, (time, 0))
        if at < len(front) and front[at][1] >= rank:
            return 0
        end = at + 1 if at < len(front) and front[at][0] == time else at
        while at and front[at - 1][1] <= rank:
            at -= 1
        for other, _ in front[at:end]:
            del self.order[bisect_left(self.order, (other, register))]
        front[at:end] = [(time, rank)]
        insort(self.order, (time, register))
        self._look_again(register)
        return 1 - (end - at)

    def count_after(self, cutoff: int) -> int:
        """About how many different values were added with a time greater than `cutoff`."""
        one, other = sorted((cutoff, self._cutoff))
        self._cutoff = cutoff
        between = self.order[bisect_left(self.order, (one + 1, 0)) : bisect_left(self.order, (other + 1, 0))]
        for register in {register for _, register in between}:
            self._look_again(register)
        return estimate(self._total, self._empty)

    def drop_until(self, cutoff: int) -> int:
        """Forget what no cut-off from here on can ask for; how many entries that were."""
        end = bisect_left(self.order, (cutoff + 1, 0))
        dropped = self.order[:end]
        del self.order[:end]
        for register in {register for _, register in dropped}:
            front = self.fronts[register]
            del front[: bisect_left(front, (cutoff + 1, 0))]
            if not front:
                del self.fronts[register]
            self._look_again(register)
        return end

    def _look_again(self, register: int) -> None:
        front = self.fronts.get(register, ())
        at = bisect_left(front, (self._cutoff + 1, 0))
        rank = front[at][1] if at < len(front) else 0
        before, self._ranks[register] = self._ranks[register], rank
        self._total += (1 << (UNIT - rank)) - (1 << (UNIT - before))
        self._empty += (not rank) - (not before)
