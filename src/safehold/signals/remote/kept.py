"""What is kept of services elsewhere, in one SQLite file that all processes of a machine share: their answers, so that nothing
is asked twice, and what was asked of each today, so that a budget holds. Bounded: the oldest answers go.

Who calls: `door.Door` for budgets, the judge and the remote signals for answers.
"""

import sqlite3
import threading
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

_TABLES = """
CREATE TABLE IF NOT EXISTS answer (number INTEGER PRIMARY KEY AUTOINCREMENT, key TEXT NOT NULL UNIQUE, at REAL NOT NULL,
    body BLOB NOT NULL);
CREATE TABLE IF NOT EXISTS spent (service TEXT NOT NULL, day TEXT NOT NULL, requests INTEGER NOT NULL, tokens INTEGER NOT NULL,
    PRIMARY KEY (service, day));
"""
#: Days that what was spent is kept for.
_DAYS_SPENT = 60


class OverBudget(Exception):
    """The day's requests or tokens are used up; the text says which."""


class Kept:
    """`most` answers, none older than `days`. Safe to be called from several threads and processes."""

    def __init__(
        self, path: Path, most: int = 100_000, days: float = 30.0, clock: Callable[[], float] = time.time
    ) -> None:
        self._most, self._seconds, self._clock = most, days * 86_400, clock
        self._lock = threading.Lock()
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch(mode=0o600)
        self._database = sqlite3.connect(path, timeout=20, isolation_level=None, check_same_thread=False)
        self._database.execute("PRAGMA journal_mode=WAL")
        self._database.executescript(_TABLES)

    def find(self, key: str) -> bytes | None:
        """The answer that was kept under the key, unless it is too old."""
        with self._lock:
            row = self._database.execute(
                "SELECT body FROM answer WHERE key = ? AND at >= ?", (key, self._clock() - self._seconds)
            ).fetchone()
        return bytes(row[0]) if row else None

    def keep(self, key: str, body: bytes) -> None:
        """Keep an answer in place of one that was there."""
        with self._lock:
            self._database.execute("BEGIN IMMEDIATE")
            try:
                self._database.execute("DELETE FROM answer WHERE key = ?", (key,))
                cursor = self._database.execute(
                    "INSERT INTO answer (key, at, body) VALUES (?, ?, ?)", (key, self._clock(), body)
                )
                self._database.execute("DELETE FROM answer WHERE number <= ?", ((cursor.lastrowid or 0) - self._most,))
                self._database.execute("DELETE FROM answer WHERE at < ?", (self._clock() - self._seconds,))
            except sqlite3.Error:  # a full disk: nothing may be begun on this connection while this is open
                self._database.execute("ROLLBACK")
                raise
            self._database.execute("COMMIT")

    def spend(self, service: str, tokens: int, most_requests: int | None, most_tokens: int | None) -> None:
        """Count one more request of so many tokens to a service today (UTC). Raises OverBudget, and then counts nothing."""
        with self._lock:
            self._database.execute("BEGIN IMMEDIATE")
            try:
                requests, spent = self._spent(service)
                if most_requests is not None and requests + 1 > most_requests:
                    raise OverBudget(f"the day's {most_requests:,} requests are used up")
                if most_tokens is not None and spent + tokens > most_tokens:
                    raise OverBudget(f"the day's {most_tokens:,} tokens are used up ({spent:,} spent)")
                self._add(service, 1, tokens)
            finally:
                self._database.execute("COMMIT")

    def correct(self, service: str, tokens: int) -> None:
        """What a request took was so many tokens more than was counted for it; less, if negative."""
        with self._lock:
            self._add(service, 0, tokens)

    def spent(self, service: str) -> tuple[int, int]:
        """(requests, tokens) of today."""
        with self._lock:
            return self._spent(service)

    def close(self) -> None:
        with self._lock:
            self._database.close()

    def _today(self) -> str:
        return datetime.fromtimestamp(self._clock(), UTC).date().isoformat()

    def _spent(self, service: str) -> tuple[int, int]:
        row = self._database.execute(
            "SELECT requests, tokens FROM spent WHERE service = ? AND day = ?", (service, self._today())
        ).fetchone()
        return (row[0], row[1]) if row else (0, 0)

    def _add(self, service: str, requests: int, tokens: int) -> None:
        self._database.execute(
            "INSERT INTO spent VALUES (?, ?, ?, ?) ON CONFLICT (service, day) DO UPDATE SET "
            "requests = spent.requests + excluded.requests, tokens = max(0, spent.tokens + excluded.tokens)",
            (service, self._today(), requests, tokens),
        )
        oldest = datetime.fromtimestamp(self._clock(), UTC).date() - timedelta(days=_DAYS_SPENT)
        self._database.execute("DELETE FROM spent WHERE day < ?", (oldest.isoformat(),))
