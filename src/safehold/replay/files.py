"""The record as Parquet files beside the database: what a backtest reads.

    history/manifest.json                      which files there are, and up to which position the record is in them
    history/2026-03-01/message.sent/<first>-<last>.parquet

A day is that of the events' receipt, so that days follow one another as positions do. A file is written under another
name, synced and renamed, and counts once the manifest names it: a crash leaves at most a file that nobody names, which the
next run removes. People's data is in here: the folder is readable for its owner alone.
"""

import fcntl
import os
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from datetime import date
from pathlib import Path
from typing import Any

import msgspec
import pyarrow as pa
import pyarrow.parquet as pq

from safehold.engine.event import Event
from safehold.engine.language.values import timestamp_from_datetime
from safehold.engine.policies.events import EventTypes
from safehold.engine.verdict import SignalRun
from safehold.replay.fields import Filler, arrays, columns_of
from safehold.replay.recorded import Recorded
from safehold.replay.segments import segments_of

#: Events that are kept in memory before they are written, and a row group's size.
ROWS = 20_000
#: What all files have, whatever the event type. Times ending in `_ns` are nanoseconds since 1970.
STANDARD = pa.schema(
    [
        ("position", pa.int64()), ("id", pa.string()), ("service", pa.string()), ("type", pa.string()),
        ("time_ns", pa.int64()), ("received_at", pa.timestamp("us", "UTC")), ("account_id", pa.string()),
        ("subject_kind", pa.string()), ("subject_id", pa.string()), ("decision", pa.string()), ("action", pa.string()),
        ("rule", pa.string()), ("bundle", pa.string()), ("age_band", pa.string()), ("locale", pa.string()),
        ("language", pa.string()), ("labels.actor", pa.list_(pa.string())), ("labels.target", pa.list_(pa.string())),
        ("labels.content", pa.list_(pa.string())), ("signals", pa.binary()), ("event", pa.binary()), ("odd", pa.bool_()),
    ]
)  # fmt: skip
Progress = Callable[[int], None]


class DayFile(msgspec.Struct, frozen=True, kw_only=True):
    """One file: its place below the folder, the positions in it, and how many events."""

    name: str
    day: str
    type: str
    first: int
    last: int
    rows: int
    size: int


class Manifest(msgspec.Struct, kw_only=True):
    """`position` is how far the record has been exported; `version` is the layout's."""

    version: int = 1
    position: int = 0
    files: list[DayFile] = []


class BrokenHistory(Exception):
    """The folder cannot be used; the message says what to do."""


class History:
    """The files of one installation. One process writes at a time; any number read."""

    def __init__(self, folder: str | Path) -> None:
        self.folder = Path(folder)

    def manifest(self) -> Manifest:
        """What there is. Raises BrokenHistory for a manifest that cannot be read."""
        path = self.folder / "manifest.json"
        if not path.exists():
            return Manifest()
        try:
            found = msgspec.json.decode(path.read_bytes(), type=Manifest)
        except msgspec.DecodeError as error:
            raise BrokenHistory(f"{path}: {error}. Remove the folder and export again.") from None
        if found.version != 1:
            raise BrokenHistory(f"{path} is of version {found.version}, which this Safehold does not know.")
        return found

    @contextmanager
    def writing(self) -> Iterator[None]:
        """One process writes at a time; the others wait."""
        self.folder.mkdir(parents=True, exist_ok=True)
        self.folder.chmod(0o700)
        with (self.folder / ".lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield

    def export(self, events: Iterable[Recorded], upto: int, types: EventTypes, progress: Progress | None = None) -> int:
        """Add events, which come in order and after those that are there, up to the record's position `upto`. Returns how
        many. A run that was stopped is continued by the next: what was written of it stays."""
        manifest = self._opened()
        buffered: list[Recorded] = []
        count = 0
        for recorded in events:
            if recorded.position <= manifest.position:
                continue
            if buffered and (len(buffered) >= ROWS or _day(recorded) != _day(buffered[-1])):
                count += self._add(manifest, buffered, types)
                buffered = []
                if progress is not None:
                    progress(count)
            buffered.append(recorded)
        if buffered:
            count += self._add(manifest, buffered, types)
        manifest.position = max(manifest.position, upto)
        self._save(manifest)
        if progress is not None:
            progress(count)
        return count

    def compact(self, before: date) -> int:
        """Make one file of the several that a day before `before` has for a type; how many files went."""
        manifest, gone = self._opened(), 0
        for day, kind in sorted({(file.day, file.type) for file in manifest.files if file.day < before.isoformat()}):
            parts = [file for file in manifest.files if (file.day, file.type) == (day, kind)]
            if len(parts) > 1:
                parts.sort(key=lambda file: file.first)
                tables = [self.table(file) for file in parts]
                merged = pa.concat_tables(tables, promote_options="permissive")
                self._replace(manifest, parts, merged)
                gone += len(parts) - 1
        return gone

    def erase(self, ids: Iterable[str]) -> int:
        """Take these events out of the files, for good; how many there were."""
        wanted, manifest, gone = set(ids), self._opened(), 0
        if not wanted:
            return 0
        for file in list(manifest.files):
            keep = [event not in wanted for event in self.table(file, ["id"]).column("id").to_pylist()]
            if not all(keep):
                gone += keep.count(False)
                self._replace(manifest, [file], self.table(file).filter(pa.array(keep)))
        return gone

    def forget(self, before: date) -> int:
        """Remove the days before `before`; how many files."""
        manifest = self._opened()
        old = [file for file in manifest.files if file.day < before.isoformat()]
        manifest.files = [file for file in manifest.files if file not in old]
        if old:
            self._save(manifest)
            for file in old:
                self._remove(file)
        return len(old)

    def table(self, file: DayFile, columns: list[str] | None = None) -> pa.Table:
        return pq.read_table(self.folder / file.name, columns=columns, partitioning=None)

    def _opened(self) -> Manifest:
        """The manifest, for writing: the folder is there, private, and without leftovers. Inside `writing()`."""
        manifest = self.manifest()
        known = {self.folder / file.name for file in manifest.files}
        for path in self.folder.glob("*/*/*"):
            if path not in known:
                path.unlink()
        return manifest

    def _add(self, manifest: Manifest, events: list[Recorded], types: EventTypes) -> int:
        """Write events of one day, a file a type, and have the manifest name them at once."""
        added = [
            self._write(_day(events[0]), kind, table_of(part, kind, types))
            for kind in sorted({recorded.event.type for recorded in events})
            if (part := [recorded for recorded in events if recorded.event.type == kind])
        ]
        manifest.files += added
        manifest.position = events[-1].position
        self._save(manifest)
        return len(events)

    def _write(self, day: str, kind: str, table: pa.Table) -> DayFile:
        positions = table.column("position")
        first, last = positions[0].as_py(), positions[-1].as_py()
        folder = self.folder / day / kind.replace("/", "_")
        folder.mkdir(parents=True, exist_ok=True)
        name = f"{first:012d}-{last:012d}-{table.num_rows}"
        path = folder / f"{name}.parquet"
        temporary = folder / f".{name}.writing"
        pq.write_table(table, temporary, compression="zstd", row_group_size=ROWS)
        _sync(temporary)
        temporary.replace(path)
        _sync(folder)
        relative = str(path.relative_to(self.folder))
        return DayFile(
            name=relative, day=day, type=kind, first=first, last=last, rows=table.num_rows, size=path.stat().st_size
        )

    def _replace(self, manifest: Manifest, old: list[DayFile], table: pa.Table) -> None:
        """Put one table in the place of files of one day and type; the old ones go once the manifest has let go of them."""
        new = [self._write(old[0].day, old[0].type, table)] if table.num_rows else []
        manifest.files = [file for file in manifest.files if file not in old] + new
        self._save(manifest)
        for file in old:
            if file.name not in {each.name for each in new}:
                self._remove(file)

    def _remove(self, file: DayFile) -> None:
        path = self.folder / file.name
        path.unlink(missing_ok=True)
        for folder in (path.parent, path.parent.parent):
            if not any(folder.iterdir()):
                folder.rmdir()

    def _save(self, manifest: Manifest) -> None:
        manifest.files.sort(key=lambda file: (file.day, file.type, file.first))
        temporary = self.folder / "manifest.writing"
        temporary.write_bytes(msgspec.json.format(msgspec.json.encode(manifest), indent=1))
        _sync(temporary)
        temporary.replace(self.folder / "manifest.json")
        _sync(self.folder)


def table_of(events: list[Recorded], kind: str, types: EventTypes) -> pa.Table:
    """Events of one type as a file has them."""
    columns = columns_of(types[kind]) if kind in types else []
    filler = Filler(columns, types[kind].text if kind in types else lambda event: event.text)
    values, odd = filler.fill(recorded.event for recorded in events)
    standard: dict[str, list[Any]] = {name: [] for name in STANDARD.names}
    for recorded, is_odd in zip(events, odd, strict=True):
        for name, value in _standard(recorded, is_odd).items():
            standard[name].append(value)
    held = {field.name: pa.array(standard[field.name], field.type) for field in STANDARD}
    return pa.table({**held, **arrays(columns, values)})


def _standard(recorded: Recorded, odd: bool) -> dict[str, Any]:
    event, segments = recorded.event, segments_of(recorded)
    return {
        "position": recorded.position,
        "id": recorded.id,
        "service": recorded.service,
        "type": event.type,
        "time_ns": int(timestamp_from_datetime(event.time)),
        "received_at": recorded.received_at,
        "account_id": recorded.account_id,
        "subject_kind": recorded.subject_kind,
        "subject_id": recorded.subject_id,
        "decision": recorded.decision,
        "action": recorded.action,
        "rule": recorded.rule,
        "bundle": recorded.bundle,
        **segments,
        **{f"labels.{who}": list(names) for who, names in recorded.labels.items()},
        "signals": msgspec.json.encode(recorded.signals),
        "event": msgspec.json.encode(event),
        "odd": odd,
    }


_event = msgspec.json.Decoder(Event)
_runs = msgspec.json.Decoder(tuple[SignalRun, ...])


def recorded_from(table: pa.Table) -> Iterator[Recorded]:
    """The events of a table that has the standard columns, as they were exported."""
    for row in table.select(STANDARD.names).to_pylist():
        yield Recorded(
            position=row["position"],
            id=row["id"],
            service=row["service"],
            event=_event.decode(row["event"]),
            received_at=row["received_at"],
            subject_kind=row["subject_kind"],
            subject_id=row["subject_id"],
            account_id=row["account_id"],
            decision=row["decision"],
            action=row["action"],
            rule=row["rule"],
            bundle=row["bundle"],
            signals=_runs.decode(row["signals"]),
            labels={who: tuple(row[f"labels.{who}"]) for who in ("actor", "target", "content")},
        )


def _day(recorded: Recorded) -> str:
    return recorded.received_at.date().isoformat()


def _sync(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
