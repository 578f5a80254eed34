"""The buckets of the harm model's n-grams are those that a plain loop over the same runs gives."""

from zlib import crc32

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from safehold.signals.harm import hashing

_ALL = 2**64 - 1


def plainly(wording: str) -> set[int]:
    tokens = [crc32(token.encode("utf-8", "replace")) for token in hashing._TOKEN.findall(wording[:2000])]
    letters = [ord(letter) for letter in f" {wording[:2000]} "]
    runs = [(tokens, n, n) for n in (1, 2, 3)] + [(letters, n, n + 3) for n in (3, 4, 5)]
    found = set()
    for items, n, salt in runs:
        for start in range(len(items) - n + 1):
            total = 0x632BE59BD9B4E019 * salt & _ALL
            for item in items[start : start + n]:
                total = (total ^ item) * 0x9E3779B97F4A7C15 & _ALL
                total ^= total >> 29
            found.add((total * 0xD6E8FEB86659FD93 & _ALL) >> (64 - hashing.BITS))
    return found


@given(st.text(st.characters(exclude_categories=["Cs"]), max_size=60))
@settings(max_examples=60, deadline=None)
def test_buckets_are_those_of_a_plain_loop(wording):
    found = hashing.buckets(wording)
    assert found.dtype == np.int32
    assert found.tolist() == sorted(plainly(wording))
