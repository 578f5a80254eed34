# ruff: noqa: S608 (queries of our own numbers and names)
"""One contender of the history benchmarks, in a process of its own: `python -m benchmarks._history NAME FOLDER`.

Prints its CPU seconds, its peak memory, and what it found: for each rule how many events, and the sum of their positions.
"""

import json
import resource
import subprocess
import sys
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
import polars as pl
import pyarrow as pa

from benchmarks import _mixed, _past
from safehold.engine import Bundle, load_bundle
from safehold.replay.backends import backend
from safehold.replay.backtest import _chunks
from safehold.replay.columnar import Columnar
from safehold.replay.files import History
from safehold.replay.rows import Asked

Found = dict[str, list[int]]
MEMORY = "2GB"
#: The windows and rules of `history-windows`: as policies say them, and as somebody would write them in SQL.
WINDOWS: dict[str, tuple[dict[str, object], str]] = {
    "sent_1h": ({"count": True, "by": "actor.id", "over": "1h"}, "count(*) OVER one"),
    "people_1h": ({"distinct": "data.recipient_id", "by": "actor.id", "over": "1h"},
                  'count(DISTINCT "data.recipient_id:string") OVER one'),
    "score_1h": ({"sum": "data.score", "by": "actor.id", "over": "1h"}, 'sum("data.score:int") OVER one'),
    "best_10m": ({"max": "data.score", "by": "data.thread_id", "over": "10m"}, 'max("data.score:int") OVER ten'),
    "first_10m": ({"first": "data.score", "by": "data.thread_id", "over": "10m"}, 'first_value("data.score:int") OVER ten'),
}  # fmt: skip
_LIMITS = {"sent_1h": 45, "people_1h": 45, "score_1h": 22_000, "best_10m": 998, "first_10m": 980}


def window_rules() -> list[tuple[str, str]]:
    return [(name, f"windows.{name} > {_LIMITS[name]} && data.score > 900") for name in WINDOWS]


def ours(folder: Path, bundle: Bundle) -> Found:
    history, work = History(folder / "history"), folder / "work"
    asked = (Asked(bundle, []), Asked(bundle, []))
    run = Columnar(bundle, bundle, asked, history, backend("duckdb", MEMORY, work), work, MEMORY)
    files, found = history.manifest().files, {}
    for days in _chunks(files, 2_000_000):
        outcome = run.decide("", days, files)
        for hit in outcome.hits:
            for rule in hit.after:
                held = found.setdefault(rule.partition("/")[2], [0, 0])
                held[0] += 1
                held[1] += hit.position
    return found


def _by_column(batches: Iterable[Any], names: list[str]) -> Found:
    """What a table of one boolean a rule says, a batch at a time."""
    found: Found = {name: [0, 0] for name in names}
    for batch in batches:
        positions = batch.column("position").to_numpy(zero_copy_only=False)
        for name in names:
            hit = np.flatnonzero(batch.column(name).to_numpy(zero_copy_only=False))
            found[name][0] += len(hit)
            found[name][1] += int(positions[hit].sum())
    return {name: counts for name, counts in found.items() if counts[0]}


def sql(rule: _mixed.Asked) -> str:
    text, what = '"data.text:string"', str(rule.what).replace("'", "''")
    match rule.kind:
        case "equal":
            return f"\"data.thread_id:string\" = '{what}'"
        case "contains":
            return f"contains({text}, '{what}')"
        case "regex":
            return f"regexp_matches({text}, '{what}')"
        case "number":
            return f'"data.score:int" > {rule.what[0]} AND "actor.posts:int" < {rule.what[1]}'
        case "list":
            entries = ", ".join(f"'{entry}'" for entry in _mixed.lists(_mixed.asked(100))[rule.what])
            return f'"data.recipient_id:string" IN ({entries})'
        case "label":
            return f"list_contains(\"labels.actor\", '{what}')"


def _duckdb(folder: Path, query: str, names: list[str]) -> Found:
    connection = duckdb.connect(config={"memory_limit": MEMORY, "temp_directory": str(folder / "spill")})
    connection.execute("SET preserve_insertion_order = false")
    source = f"read_parquet('{folder}/history/*/*/*.parquet', hive_partitioning = false)"
    return _by_column(connection.sql(query.format(source=source)).to_arrow_reader(65_536), names)


def by_duckdb(folder: Path, bundle: Bundle) -> Found:
    rules = _mixed.asked(100)
    columns = ", ".join(f'({sql(rule)}) AS "{rule.name}"' for rule in rules).replace("{", "{{").replace("}", "}}")
    return _duckdb(folder, f"SELECT position, {columns} FROM {{source}}", [rule.name for rule in rules])


def by_polars(folder: Path, bundle: Bundle) -> Found:
    rules, lists = _mixed.asked(100), _mixed.lists(_mixed.asked(100))
    text = pl.col("data.text:string")

    def expression(rule: _mixed.Asked) -> pl.Expr:
        match rule.kind:
            case "equal":
                return pl.col("data.thread_id:string") == rule.what
            case "contains":
                return text.str.contains(rule.what, literal=True)
            case "regex":
                return text.str.contains(rule.what)
            case "number":
                return (pl.col("data.score:int") > rule.what[0]) & (pl.col("actor.posts:int") < rule.what[1])
            case "list":
                return pl.col("data.recipient_id:string").is_in(lists[rule.what])
            case "label":
                return pl.col("labels.actor").list.contains(rule.what)

    found: Found = {}
    for file in sorted((folder / "history").glob("*/*/*.parquet")):
        frame = (
            pl.scan_parquet(file).select("position", *(expression(rule).alias(rule.name) for rule in rules)).collect()
        )
        for name, counts in _by_column(frame.to_arrow().to_batches(), [rule.name for rule in rules]).items():
            held = found.setdefault(name, [0, 0])
            held[0] += counts[0]
            held[1] += counts[1]
    return found


def windows_by_sql(folder: Path, bundle: Bundle) -> Found:
    """Frames over time, which is what one would write: there are neither late events nor equal times in this past."""
    values = ", ".join(f'{query} AS "{name}"' for name, (_, query) in WINDOWS.items())
    tests = ", ".join(f'"{name}" > {_LIMITS[name]} AND score > 900 AS "{name}"' for name in WINDOWS)
    frames = ", ".join(
        f'{name} AS (PARTITION BY "{key}" ORDER BY time_ns RANGE BETWEEN {seconds * 10**9 - 1} PRECEDING AND CURRENT ROW)'
        for name, key, seconds in (("one", "actor.id:string", 3600), ("ten", "data.thread_id:string", 600))
    )
    inner = f'SELECT position, "data.score:int" AS score, {values} FROM {{source}} WINDOW {frames}'
    return _duckdb(folder, f"SELECT position, {tests} FROM ({inner})", list(WINDOWS))


CONTENDERS: dict[str, Callable[[Path, Bundle], Found]] = {
    "ours": ours, "by_duckdb": by_duckdb, "by_polars": by_polars, "windows_by_sql": windows_by_sql,
}  # fmt: skip


def measure(name: str, folder: Path) -> dict[str, Any]:
    """Run a contender; what it printed."""
    command = [sys.executable, "-m", "benchmarks._history", name, str(folder)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise RuntimeError(done.stderr)
    found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    print(f"{name}: {found['cpu']:.1f} CPU-s, {found['wall']:.1f} s, peak {found['peak_mb']:.0f} MB", file=sys.stderr)
    return found


def prepare(folder: Path, events: int, *, windows: bool) -> None:
    """The policies and the past of `events` messages."""
    policies = folder / "policies"
    policies.mkdir()
    _mixed.write_policies(policies)
    if windows:
        (policies / "policy.yaml").unlink()
        _past.policy(policies, window_rules(), {name: spec for name, (spec, _) in WINDOWS.items()})
    _past.write_past(History(folder / "history"), load_bundle(policies, []), events)


def main() -> None:
    name, folder = sys.argv[1], Path(sys.argv[2])
    bundle = load_bundle(folder / "policies", [])
    pa.set_cpu_count(2)
    begun, cpu = time.perf_counter(), time.process_time()
    found = CONTENDERS[name](folder, bundle)
    figures = {"cpu": time.process_time() - cpu, "wall": time.perf_counter() - begun, "found": found}
    print(json.dumps({**figures, "peak_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024}))


if __name__ == "__main__":
    main()
