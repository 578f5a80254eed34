"""Managed lists, kept as the database has them while events are decided. One thread asks each half second which version of
each list is in effect. A few changes become a small table over the one there is; many are packed into a new table by a process
of its own, as a file that all workers of a machine share. The new contents go into the engine's lists between two events, on
the writer's thread, by one assignment.

Who calls: `site.gateway` makes the Keeper and attaches the lists of each edition; `application.Gateway` starts and stops it;
`engines.Engines` calls `adopt` before each event.
"""

import threading
import time
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Protocol
from weakref import WeakSet

import structlog

from safehold.engine.lists import BadEntry, Contents, Entry, Layer, PolicyList, Table, load, make_table, normal
from safehold.gateway.following import follow
from safehold.gateway.metrics import Metrics

log = structlog.get_logger("safehold.gateway")

#: So many changed entries make a table beside the large one; more are packed anew. Patterns take a tenth of a millisecond
#: each until they are compiled, in which nothing is decided.
LAYERED, LAYERED_PATTERNS = 2_000, 100


class ListSource(Protocol):
    """The database behind the lists. Every method may block; none is called from the event loop."""

    def versions(self) -> Mapping[str, tuple[int, str]]:
        """list -> (number, version) of what is in effect."""

    def changed(self, name: str, after: int, number: int, limit: int) -> list[tuple[Entry, bool]] | None:
        """(entry, whether it is active) for what changed after a number and up to another; None for more than `limit`."""

    def packed(self, name: str, kind: str, fold: bool, number: int, version: str) -> Path:
        """The file of a table with the entries in effect at a number, made by a process of its own if it isn't there."""

    def close(self) -> None:
        """Close the calling thread's connection."""


class _Kept:
    """What is known of one list: a table as of a number, and what has changed since then."""

    def __init__(self) -> None:
        self.base: Table | None = None
        self.since: dict[str, tuple[Entry, bool]] = {}
        self.number = 0
        self.version = ""
        self.layers: tuple[Layer, ...] = ()


Key = tuple[str, str, bool]  # name, kind, fold


class Keeper:
    """The managed lists of one process."""

    def __init__(self, source: ListSource) -> None:
        self._source = source
        self._kept: dict[Key, _Kept] = {}
        self._lists: dict[Key, WeakSet[PolicyList]] = {}
        self._ready: dict[Key, tuple[tuple[Layer, ...], str]] = {}  # what the writer's thread puts in next
        self._replaced: list[Contents] = []  # let go by the thread that decides nothing: a large table takes its time
        self._lock = threading.Lock()
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="gateway-lists", daemon=True)
        self._metrics: Metrics | None = None

    def attach(self, lists: Iterable[PolicyList]) -> None:
        """Fill the managed ones of these lists, which nobody is deciding with yet, and keep them up to date from now on.

        Raises what the source raises: nobody should decide with a list that is not known.
        """
        with self._lock:
            versions = self._source.versions()
            for held in lists:
                if held.managed:
                    key = (held.name, held.kind, held.fold)
                    kept = self._refreshed(key, *versions.get(held.name, (0, "0")))
                    held.put(kept.layers, kept.version)
                    self._lists.setdefault(key, WeakSet()).add(held)

    def start(self, metrics: Metrics) -> None:
        self._metrics = metrics
        for (name, _, _), kept in self._kept.items():
            metrics.list_revision.labels(name).set(kept.number)
        self._thread.start()

    def stop(self) -> None:
        self._stop.set()
        if self._thread.is_alive():
            self._thread.join(timeout=30)

    def adopt(self) -> None:
        """Put in what is ready. Between two events, on the thread that decides."""
        while self._ready:
            key, (layers, version) = self._ready.popitem()
            for held in list(self._lists.get(key, ())):
                self._replaced.append(held.contents)
                held.put(layers, version)

    def _run(self) -> None:
        # The contents that are known go on being asked; the version in each verdict says which they are.
        follow(self._look_locked, self._stop, self._source.close, "lists_unreadable", self._failed)

    def _failed(self) -> None:
        if self._metrics is not None:
            self._metrics.list_failures.inc()

    def _look_locked(self) -> None:
        with self._lock:
            self._look()

    def _look(self) -> None:
        self._replaced.clear()
        versions = self._source.versions()
        for key in [key for key, lists in self._lists.items() if len(lists)]:
            number, version = versions.get(key[0], (0, "0"))
            if self._kept[key].version == version:
                continue
            started = time.perf_counter()
            kept = self._refreshed(key, number, version)
            self._ready[key] = (kept.layers, kept.version)
            if self._metrics is not None:
                self._metrics.list_revision.labels(key[0]).set(number)
            log.info("list_changed", list=key[0], version=version, seconds=round(time.perf_counter() - started, 3))

    def _refreshed(self, key: Key, number: int, version: str) -> _Kept:
        """The list as of this number."""
        name, kind, fold = key
        kept = self._kept.setdefault(key, _Kept())
        if kept.version == version:
            return kept
        most = LAYERED_PATTERNS if kind == "regex_set" else LAYERED
        changes = self._source.changed(name, kept.number, number, most)
        if changes is None or len(kept.since) + len(changes) > most:
            base = load(self._source.packed(name, kind, fold, number, version))
            # What was known goes on being true until all of the new is there.
            kept.base, kept.since = base, {}
        else:
            kept.since = {**kept.since, **{entry.value: (entry, active) for entry, active in changes}}
        kept.layers = _layers(kind, fold, kept.base, kept.since)
        kept.number, kept.version = number, version
        return kept


def _layers(kind: str, fold: bool, base: Table | None, since: Mapping[str, tuple[Entry, bool]]) -> tuple[Layer, ...]:
    added = [entry for entry, active in since.values() if active and usable(kind, fold, entry)]
    layers = []
    if base is not None:
        gone = (base.position(value) for value, (entry, _) in since.items() if usable(kind, fold, entry))
        layers.append(Layer(base, frozenset(at for at in gone if at is not None)))
    if added:
        layers.append(Layer(make_table(kind, added, fold=fold)))
    return tuple(layers)


def usable(kind: str, fold: bool, entry: Entry) -> bool:
    """Whether the entry is one of a list of this kind: a declaration may have been changed since it was brought in."""
    try:
        return normal(kind, entry.value, fold) == entry.value
    except BadEntry:
        return False
