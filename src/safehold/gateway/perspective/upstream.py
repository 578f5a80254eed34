"""The service that is being left (Google's, while it lives), asked beside our own model: off the answer's way, unless its scores
are to be answered. What both said is kept as numbers; the text goes to `Keep`, whose
settings say whether it may be kept. Who calls: `perspective`; `site.gateway` makes it.
"""

import asyncio
import queue
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import msgspec
import structlog

from safehold.gateway.faults import described

log = structlog.get_logger("safehold.gateway")

#: Requests that wait to be asked at most; what comes then is not compared, and counted.
MOST_WAITING = 256
THREADS = 2
#: So many failures one after another, and the service is left alone for so many seconds.
FAILURES = 5
REST_SECONDS = 30.0

_encode = msgspec.json.Encoder().encode


class ScorePair(msgspec.Struct, frozen=True, kw_only=True):
    """What two services said of one attribute of one comment. `theirs` is None where they could not be asked; `failed` then
    says why. `ours` is the model's own score, before any calibration."""

    attribute: str
    ours: float
    theirs: float | None
    failed: str = ""
    language: str = ""
    size: int = 0


class Failed(Exception):
    """The service gave no scores; the text says why in a word or two, without anything of the comment."""


#: Sends a request's body and returns the status and the body of the answer. Raises Failed.
Ask = Callable[[bytes], tuple[int, bytes]]
#: Keeps what was said, for a service, of a comment. May block.
Keep = Callable[[str, Sequence[ScorePair], str], None]


def ask_scores(ask: Ask, message: Mapping[str, Any]) -> dict[str, Any]:
    """The answer of the other service. Raises Failed."""
    status, body = ask(_encode(message))
    if status != 200:
        raise Failed(f"status {status}")
    try:
        answer = msgspec.json.decode(body)
        scores_of(answer)
    except (msgspec.DecodeError, TypeError, KeyError, AttributeError, ValueError):
        raise Failed("not an answer of this API") from None
    found: dict[str, Any] = answer
    return found


def scores_of(answer: Mapping[str, Any]) -> dict[str, float]:
    """The summary scores of an answer. Raises what a wrong shape raises, and ValueError for a score that is none."""
    found = {name: float(each["summaryScore"]["value"]) for name, each in answer.get("attributeScores", {}).items()}
    if not all(0.0 <= score <= 1.0 for score in found.values()):
        raise ValueError("a score is outside of 0 to 1")
    return found


def pairs_of(
    ours: Mapping[str, float], theirs: Mapping[str, float] | None, *, failed: str = "", language: str, size: int
) -> list[ScorePair]:
    """What both said, by attribute; attributes that only one of them scored tell nothing."""
    if not ours:
        return []
    if theirs is None:
        attribute, score = next(iter(ours.items()))
        return [ScorePair(attribute=attribute, ours=score, theirs=None, failed=failed, language=language, size=size)]
    return [
        ScorePair(attribute=name, ours=score, theirs=theirs[name], language=language, size=size)
        for name, score in ours.items()
        if name in theirs
    ]


class Breaker:
    """Leaves a service alone that fails again and again; then lets one request try. Called from several threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._failures, self._until = 0, float("-inf")

    def lets_through(self) -> bool:
        with self._lock:
            if self._failures < FAILURES:
                return True
            if time.monotonic() < self._until:
                return False
            self._until = time.monotonic() + REST_SECONDS  # this one tries
            return True

    def note(self, *, good: bool) -> None:
        """How it went."""
        with self._lock:
            before = self._failures
            self._failures = 0 if good else before + 1
            if not good and self._failures >= FAILURES:
                self._until = time.monotonic() + REST_SECONDS
        if before >= FAILURES and good:
            log.info("upstream_back")
        elif before == FAILURES - 1 and not good:
            log.warning("upstream_left_alone", failures=FAILURES, seconds=REST_SECONDS)


class Upstream:
    """Asks beside, on threads of its own; `answers` says that its scores are answered instead of ours."""

    def __init__(self, ask: Ask, keep: Keep, *, answers: bool = False) -> None:
        self.answers = answers
        self._ask, self._keep = ask, keep
        self._breaker = Breaker()
        self._jobs: queue.Queue[Callable[[], None] | None] = queue.Queue(MOST_WAITING)
        self._dropped = self._asked_now = 0
        self._pool = ThreadPoolExecutor(8, thread_name_prefix="gateway-upstream") if answers else None
        self._threads = [
            threading.Thread(target=self._run, name=f"gateway-beside-{number}", daemon=True)
            for number in range(THREADS)
        ]

    def start(self) -> None:
        for thread in self._threads:
            thread.start()

    def stop(self) -> None:
        """Finish what is being asked, leave out what still waits."""
        try:
            while True:
                self._jobs.get_nowait()
        except queue.Empty:
            pass
        for _ in self._threads:
            self._jobs.put(None)
        for thread in self._threads:
            thread.join(timeout=30)
        if self._pool is not None:
            self._pool.shutdown()

    def beside(self, service: str, message: Mapping[str, Any], ours: Mapping[str, float], language: str) -> None:
        """Ask later, and keep what both said."""
        text: str = message["comment"]["text"]
        size = len(text.encode("utf-8", "replace"))

        def compare() -> None:
            if self._breaker.lets_through():
                theirs, failed = self._asked(message)
                scores = scores_of(theirs) if theirs is not None else None
                self._keep(service, pairs_of(ours, scores, failed=failed, language=language, size=size), text)

        self._put(compare)

    def keep(self, service: str, pairs: Sequence[ScorePair], text: str) -> None:
        """Keep what both said, when there is time."""
        self._put(lambda: self._keep(service, pairs, text))

    async def answer(self, message: Mapping[str, Any]) -> tuple[dict[str, Any] | None, str]:
        """The service's answer, or None and why there is none."""
        if self._pool is None or not self._breaker.lets_through():
            return None, "left alone"
        if self._asked_now >= MOST_WAITING:  # it is slow, and comments come faster than it answers
            return None, "too many wait for it"
        self._asked_now += 1
        try:
            return await asyncio.get_running_loop().run_in_executor(self._pool, self._asked, message)
        finally:
            self._asked_now -= 1

    def _asked(self, message: Mapping[str, Any]) -> tuple[dict[str, Any] | None, str]:
        try:
            answer = ask_scores(self._ask, message)
        except Failed as failure:
            # 400 is about the comment (a language, an attribute); the service itself is well.
            self._breaker.note(good=str(failure) == "status 400")
            return None, str(failure)
        self._breaker.note(good=True)
        return answer, ""

    def _put(self, job: Callable[[], None]) -> None:
        try:
            self._jobs.put_nowait(job)
        except queue.Full:
            self._dropped += 1
            if self._dropped % 1000 == 1:
                log.warning("comparisons_dropped", dropped=self._dropped)

    def _run(self) -> None:
        while (job := self._jobs.get()) is not None:
            try:
                job()
            except Exception as error:  # one comparison is lost, and said; the next may go well
                log.error("comparison_failed", **described(error))
