"""The one door to services elsewhere that judge content: a large model, Perspective, Hive, Google, Azure. A request goes to a
checked address only, has a time limit, is tried again with jitter where that can help, counts against the budget, and is not
even tried while the circuit breaker says that the service is down. What comes back is JSON, or the reason why there is none.

Who calls: `judge.Judge` and `remote.ask`, on threads that nobody's event waits for (ADR 0231).
"""

import random
import re
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import msgspec

from safehold import outgoing
from safehold.signals.remote.kept import Kept, OverBudget

#: Bytes of an answer that are read; a larger one is none.
MOST_BYTES = 1 << 20
#: Seconds before the second try, doubled before each further one; each wait is a random part of that. The longest wait.
FIRST_WAIT, LONGEST_WAIT = 0.5, 10.0
#: Statuses after which the same request can succeed.
_AGAIN = frozenset({408, 409, 425, 429, 500, 502, 503, 504})
_CODE = re.compile(r"[A-Za-z0-9_.-]{1,60}")


class NotAnswered(Exception):
    """There is no answer; the text says why, for moderators and auditors. It never repeats what was sent or what came.

    `again` is in how many seconds asking again can help; None: it can't, or not today.
    """

    def __init__(self, why: str, again: float | None = None) -> None:
        super().__init__(why)
        self.again = again


class Limits(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How much is asked of a service, and how patiently. `timeout` is seconds for one try, `tries` how many there are at most,
    `at_once` how many requests run at a time. The breaker opens after `breaker_failures` requests in a row that failed, for
    `breaker_seconds`; then one is let through to try. None is no budget."""

    timeout: float = 20.0
    tries: int = 3
    at_once: int = 4
    requests_a_day: int | None = None
    tokens_a_day: int | None = None
    breaker_failures: int = 5
    breaker_seconds: float = 30.0

    def __post_init__(self) -> None:
        if not (0 < self.timeout <= 600 and 1 <= self.tries <= 10 and 1 <= self.at_once <= 100):
            raise ValueError("`timeout` is 0 to 600 seconds, `tries` 1 to 10, `at_once` 1 to 100")
        if self.breaker_failures < 1 or self.breaker_seconds <= 0:
            raise ValueError("`breaker_failures` is at least 1, `breaker_seconds` more than 0")


@dataclass
class Breaker:
    """Whether it makes sense to ask. Closed: yes. Open, after too many failures in a row: no. Then half open: one may try."""

    failures: int
    seconds: float
    clock: Callable[[], float]
    _in_a_row: int = 0
    _open_until: float | None = None
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def enter(self) -> float | None:
        """None: ask. Else in how many seconds the next one may."""
        with self._lock:
            if self._open_until is None:
                return None
            left = self._open_until - self.clock()
            if left > 0:
                return left
            self._open_until = self.clock() + self.seconds  # the others wait for what this one finds
            return None

    def leave(self, well: bool) -> None:
        with self._lock:
            if well:
                self._in_a_row, self._open_until = 0, None
                return
            self._in_a_row += 1
            if self._in_a_row >= self.failures:
                self._open_until = self.clock() + self.seconds


class Door:
    """To one service, `name` in errors and budgets. `private`: it may be on this machine or a private network, without TLS."""

    def __init__(
        self,
        name: str,
        limits: Limits,
        kept: Kept,
        *,
        private: bool = False,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self.name, self._limits, self._kept, self._private, self._sleep = name, limits, kept, private, sleep
        self._breaker = Breaker(limits.breaker_failures, limits.breaker_seconds, clock)
        self._room = threading.Semaphore(limits.at_once)

    def ask(self, url: str, headers: Mapping[str, str], document: Any, tokens: int = 0) -> Any:
        """Post a JSON document, return the JSON that came. `tokens` is how many it is expected to take. Raises NotAnswered."""
        if (left := self._breaker.enter()) is not None:
            raise NotAnswered(f"{self.name} is taken to be down after several failures in a row", left)
        if not self._room.acquire(timeout=self._limits.timeout):
            # The breaker is not told: of the service nothing is known, and one that hangs must not look well by this.
            raise NotAnswered(f"too many requests to {self.name} at once", self._limits.timeout)
        well = False
        try:
            answer = self._tried(
                url, {"content-type": "application/json", **headers}, msgspec.json.encode(document), tokens
            )
            well = True
            return answer
        except OverBudget as over:
            well = True
            raise NotAnswered(f"{self.name}: {over}") from None
        finally:
            self._room.release()
            self._breaker.leave(well)

    def correct(self, tokens: int) -> None:
        """The last request took so many tokens more than was expected; less, if negative."""
        self._kept.correct(self.name, tokens)

    def _tried(self, url: str, headers: Mapping[str, str], body: bytes, tokens: int) -> Any:
        left = self._limits.tries
        wait = FIRST_WAIT
        while True:
            left -= 1
            self._kept.spend(self.name, tokens, self._limits.requests_a_day, self._limits.tokens_a_day)
            failure, asked_wait = self._once(url, headers, body)
            if not isinstance(failure, NotAnswered):
                return failure
            if left == 0 or failure.again is None or (asked_wait or 0) > LONGEST_WAIT:
                raise failure
            self._sleep(max(asked_wait or 0.0, random.uniform(0.1, 1.0) * min(wait, LONGEST_WAIT)))  # noqa: S311  no secret
            wait *= 2

    def _once(self, url: str, headers: Mapping[str, str], body: bytes) -> tuple[Any, float | None]:
        """(the answer or a NotAnswered, the seconds that the service asked to wait)."""
        try:
            response = outgoing.post(
                url, headers, body, private=self._private, seconds=self._limits.timeout, most_bytes=MOST_BYTES,
                allowed_by="services with `private: true`",
            )  # fmt: skip
        except outgoing.Refused as refused:
            return NotAnswered(f"{self.name}: {refused}"), None
        except outgoing.Unreachable as unreachable:
            return NotAnswered(f"{self.name}: {unreachable}", FIRST_WAIT), None
        if response.status != 200:
            again = FIRST_WAIT if response.status in _AGAIN else None
            return NotAnswered(_refusal(self.name, response), again), _seconds(response.headers.get("retry-after", ""))
        if response.cut:
            return NotAnswered(f"{self.name}: the answer has more than {MOST_BYTES:,} bytes"), None
        try:
            return msgspec.json.decode(response.body), None
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            return NotAnswered(f"{self.name}: the answer is no whole JSON", FIRST_WAIT), None


def _refusal(name: str, response: outgoing.Response) -> str:
    """A status, with the service's own code for what is wrong where it has one: never its words, which can repeat ours."""
    code = ""
    try:
        error = msgspec.json.decode(response.body)["error"]
        found = error.get("code") if isinstance(error, dict) else None
        status = error.get("status") if isinstance(error, dict) else None
        code = next((each for each in (status, found) if isinstance(each, str) and _CODE.fullmatch(each)), "")
    except (msgspec.DecodeError, UnicodeDecodeError, KeyError, TypeError, RecursionError):
        code = ""
    return f"{name} answered {response.status}{f' ({code})' if code else ''}"


def _seconds(retry_after: str) -> float | None:
    return float(retry_after) if retry_after.isascii() and retry_after.isdigit() and len(retry_after) < 8 else None
