"""Blocks of IP addresses as sorted borders: one bisection finds the narrowest block that holds an address, whatever the
lengths of the prefixes are. CIDR blocks lie inside one another or apart, so each block knows the next wider one.
"""

import socket
from array import array
from bisect import bisect_left, bisect_right
from collections.abc import Callable, Sequence

from safehold.engine.lists.keys import Columns, Numbers
from safehold.engine.lists.values import address_of

Span = tuple[bool, int, int]  # is it IPv6, first and last address

#: The borders in IPv4 are found by the leading bits of an address first.
_LEADING = 16


def span_of(value: str) -> Span:
    """The addresses of a block in normal form."""
    address, _, length = value.partition("/")
    six = ":" in address
    packed = socket.inet_pton(socket.AF_INET6 if six else socket.AF_INET, address)
    first, bits = int.from_bytes(packed, "big"), 128 if six else 32
    return six, first, first | (1 << (bits - int(length or bits))) - 1


def in_order(spans: Sequence[Span]) -> list[int]:
    """The numbers of the blocks in the order that `Ranges` wants them: IPv4 first, wider before what lies inside."""
    return sorted(range(len(spans)), key=lambda number: (spans[number][0], spans[number][1], -spans[number][2]))


def pack_ranges(spans: Sequence[Span]) -> Columns:
    """The arrays of an index over blocks that are different and `in_order`."""
    parents = array("i", [-1]) * len(spans)
    old = sum(1 for six, _, _ in spans if not six)
    four, owners_four = _borders(spans, range(old), parents, (1 << 32) - 1)
    six, owners_six = _borders(spans, range(old, len(spans)), parents, (1 << 128) - 1)
    return {
        "parents": parents,
        "four": array("I", four),
        "leading": array("I", _leading(four)),
        "owners_four": array("i", owners_four),
        "six_high": array("Q", [at >> 64 for at in six]),
        "six_low": array("Q", [at & (1 << 64) - 1 for at in six]),
        "owners_six": array("i", owners_six),
    }


def _leading(borders: Sequence[int]) -> list[int]:
    """For each value of an address's leading bits, how many borders lie before the first address with it."""
    found = [bisect_left(borders, start << (32 - _LEADING)) for start in range(1 << _LEADING)]
    return [*found, len(borders)]


def _borders(spans: Sequence[Span], positions: range, parents: "array[int]", last: int) -> tuple[list[int], list[int]]:
    """Where the narrowest block changes, and to which; -1 is none. Fills `parents`."""
    borders: list[int] = []
    owners: list[int] = []
    inside: list[int] = []  # the blocks that hold the present address, the narrowest last

    def change(at: int) -> None:
        owner = inside[-1] if inside else -1
        if borders and borders[-1] == at:
            owners[-1] = owner
        elif at <= last:
            borders.append(at)
            owners.append(owner)

    def leave(before: int) -> None:
        while inside and spans[inside[-1]][2] < before:
            after = spans[inside.pop()][2] + 1
            change(after)

    for position in positions:
        leave(spans[position][1])
        parents[position] = inside[-1] if inside else -1
        inside.append(position)
        change(spans[position][1])
    leave(last + 1)
    return borders, owners


class Ranges:
    """`has(item)` says whether a block holds the address; an item that is no address is in none."""

    def __init__(self, columns: dict[str, Numbers]) -> None:
        self._parents = columns["parents"]
        self._narrowest = _finder(columns)
        self.has = self._test(columns)

    def _test(self, columns: dict[str, Numbers]) -> Callable[..., bool]:
        """As a function that has all it needs at hand: it runs for every lookup."""
        four, owners, leading, narrowest = columns["four"], columns["owners_four"], columns["leading"], self._narrowest
        shift = 32 - _LEADING
        packed, number_of, family = socket.inet_pton, int.from_bytes, socket.AF_INET

        def has(item: str, _: object = None) -> bool:
            if type(item) is not str or ":" in item:
                return narrowest(item) >= 0
            try:
                number = number_of(packed(family, item), "big")
            except (OSError, ValueError):
                return False
            start = number >> shift
            at = bisect_right(four, number, leading[start], leading[start + 1])
            return at > 0 and owners[at - 1] >= 0

        return has

    def all(self, item: str) -> list[int]:
        """Every block that holds the address, the narrowest first."""
        found = []
        position = self._narrowest(item)
        while position >= 0:
            found.append(position)
            position = self._parents[position]
        return found


def _finder(columns: dict[str, Numbers]) -> Callable[[str], int]:
    """The position of the narrowest block that holds an address, -1 if none does or it is no address."""
    four, leading, owners_four = columns["four"], columns["leading"], columns["owners_four"]
    six_high, six_low, owners_six = columns["six_high"], columns["six_low"], columns["owners_six"]

    def narrowest(item: str) -> int:
        found = address_of(item) if type(item) is str else None
        if found is None:
            return -1
        six, number = found
        if not six:
            start = number >> (32 - _LEADING)
            at = bisect_right(four, number, leading[start], leading[start + 1]) - 1
            return owners_four[at] if at >= 0 else -1
        high = number >> 64
        start = bisect_left(six_high, high)
        end = bisect_right(six_high, high, start)
        at = bisect_right(six_low, number & (1 << 64) - 1, start, end) - 1
        return owners_six[at] if at >= 0 else -1

    return narrowest
