"""Counting distinct values of a sliding window in fixed memory, once there are too many to keep.

HyperLogLog (Flajolet, Fusy, Gandouet, Meunier 2007) in its sliding form (Chabchoub and Hebrail 2010): each register
keeps, for every rank, only what a later cut-off could still need: the ranks that no later time has reached. With
2^12 registers the standard error is 1.04 / sqrt(2^12) = 1.6%.
"""

import hashlib
import math
from bisect import bisect_right, insort
from typing import Any

PRECISION = 12
REGISTERS = 1 << PRECISION
STANDARD_ERROR = 1.04 / math.sqrt(REGISTERS)
_ALPHA = 0.7213 / (1 + 1.079 / REGISTERS)


def fingerprint(value: Any) -> int:
    """64 bits of BLAKE2b over the value and its type, the same in every process and on every machine."""
    text = f"{type(value).__name__}:{value!r}".encode("utf-8", "surrogatepass")
    return int.from_bytes(hashlib.blake2b(text, digest_size=8).digest(), "big")


class SlidingSketch:
    """`registers[i]` is sorted by time; ranks fall as times rise, so the first entry after a cut-off is the greatest."""

    def __init__(self) -> None:
        self.registers: dict[int, list[tuple[int, int]]] = {}
        self._entries = 0

    def __len__(self) -> int:
        return self._entries

    def add(self, value: Any, time: int) -> None:
        bits = fingerprint(value)
        register, rest = bits >> (64 - PRECISION), bits & ((1 << (64 - PRECISION)) - 1)
        rank = (64 - PRECISION) - rest.bit_length() + 1
        front = self.registers.setdefault(register, [])
        if any(other >= time and held >= rank for other, held in front):
            return
        self._entries -= len(front)
        front[:] = [(other, held) for other, held in front if other > time or held > rank]
        insort(front, (time, rank))
        self._entries += len(front)

    def count_after(self, cutoff: int) -> int:
        """About how many different values were added with a time greater than `cutoff`."""
        total, empty = 0.0, REGISTERS
        for front in self.registers.values():
            at = bisect_right(front, (cutoff, 1 << 30))
            if at < len(front):
                total += 2.0 ** -front[at][1]
                empty -= 1
        estimate = _ALPHA * REGISTERS * REGISTERS / (total + empty)
        if estimate <= 2.5 * REGISTERS and empty:
            estimate = REGISTERS * math.log(REGISTERS / empty)
        return round(estimate)

    def drop_until(self, cutoff: int) -> None:
        """Forget what no cut-off from here on can ask for."""
        for register, front in list(self.registers.items()):
            at = bisect_right(front, (cutoff, 1 << 30))
            self._entries -= at
            if at == len(front):
                del self.registers[register]
            elif at:
                del front[:at]
