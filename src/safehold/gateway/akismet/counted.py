"""Months of sites as they were counted a moment ago: some plugins ask with every page of their console. Who calls: `akismet`'s
figures; the gateway's parts hold one.
"""

import asyncio
import time
from concurrent.futures import Executor
from datetime import UTC, datetime

from safehold.gateway.store import SiteActivity, Store

#: For how long a month that was counted is said again.
KNOWN_SECONDS = 60.0


class Counted:
    """What was counted lately. Of one gateway's loop; one month is counted at a time, since that may take a reading thread
    for seconds."""

    def __init__(self) -> None:
        self._lock = asyncio.Lock()
        self._known: dict[tuple[str, str], tuple[float, list[SiteActivity]]] = {}

    async def sites(self, readers: Executor, store: Store, service: str, month: str) -> list[SiteActivity]:
        """Every site of a month such as `2026-11`. Raises Unavailable."""
        async with self._lock:
            now = time.monotonic()
            self._known = {key: kept for key, kept in self._known.items() if now - kept[0] < KNOWN_SECONDS}
            if (kept := self._known.get((service, month))) is not None:
                return kept[1]
            found = await asyncio.get_running_loop().run_in_executor(readers, store.sites, service, *_bounds(month))
            self._known[(service, month)] = (now, found)
            return found


def _bounds(month: str) -> tuple[datetime, datetime]:
    year, number = (int(part) for part in month.split("-"))
    return datetime(year, number, 1, tzinfo=UTC), datetime(year + number // 12, number % 12 + 1, 1, tzinfo=UTC)
