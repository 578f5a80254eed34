"""Identifiers sort in the order in which they were made, also within a millisecond: the steps of a thing's life are read so."""

import time

import pytest

from safehold import ids


def value_of(name: str) -> int:
    """The 128 bits of an identifier, read letter by letter."""
    value = 0
    for letter in name.rpartition("_")[2]:
        value = value * 32 + "0123456789abcdefghjkmnpqrstvwxyz".index(letter)
    return value


def test_they_are_uuids_of_version_7_that_hold_the_time() -> None:
    before = time.time_ns() // 1_000_000
    value = value_of(ids.new_id("dec"))
    after = time.time_ns() // 1_000_000
    assert before <= value >> 80 <= after
    assert (value >> 76 & 15, value >> 62 & 3) == (7, 0b10)


def test_later_ones_sort_later_however_quickly_they_are_made() -> None:
    made = [ids.new_id("dec") for _ in range(20_000)]
    assert made == sorted(made)
    assert len(set(made)) == len(made)


def test_they_do_while_the_clock_stands_still_or_is_put_back_a_little(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = time.time_ns()
    monkeypatch.setattr(ids.time, "time_ns", lambda: clock)
    made = [ids.new_id("dec") for _ in range(5_000)]  # more than a millisecond has steps for
    clock -= 400_000_000
    made += [ids.new_id("dec") for _ in range(10)]
    assert made == sorted(made)
    clock -= 3600 * 1_000_000_000
    assert value_of(ids.new_id("dec")) >> 80 == clock // 1_000_000, (
        "an hour back: the clock was mended, and is believed"
    )
    monkeypatch.undo()
    assert ids.new_id("dec") > made[-1]
