"""How much a key may send and how large a request may be. The token buckets are in memory: each process has its own."""

import msgspec


class Limits(msgspec.Struct, frozen=True, kw_only=True):
    """What the gateway takes. `rate` is events a second for one key, 0 for no limit; `burst` what it may send at once."""

    body: int = 1_048_576  # bytes
    batch: int = 1_000  # events in one request
    rate: float = 2_000
    burst: int = 10_000
    waiting: int = 10_000  # events that may wait for the writer
    commit: int = 512  # events that the writer takes into one commit, if so many wait


class Bucket:
    """A token bucket: `burst` tokens at first, `rate` a second come back. One token is one event or one reading."""

    __slots__ = ("_at", "_burst", "_rate", "_tokens")

    def __init__(self, rate: float, burst: int, now: float) -> None:
        self._rate, self._burst, self._tokens, self._at = rate, burst, float(burst), now

    def take(self, count: int, now: float) -> float:
        """Take `count` tokens and return 0, or take none and return how many seconds to wait for them.

        `now` is a monotonic clock in seconds. More than `burst` at once never fits; the wait is then that for a full bucket.
        """
        self._tokens = min(self._burst, self._tokens + (now - self._at) * self._rate)
        self._at = now
        if count <= self._tokens:
            self._tokens -= count
            return 0.0
        return (min(count, self._burst) - self._tokens) / self._rate

    @property
    def left(self) -> int:
        """Whole tokens as of the last `take`."""
        return int(self._tokens)

    @property
    def full_in(self) -> float:
        """Seconds until the bucket is full again, as of the last `take`."""
        return (self._burst - self._tokens) / self._rate
