# ruff: noqa: S608 (queries of our own numbers and names)
"""One contender of the history benchmarks, in a process of its own: `python -m benchmarks._history NAME FOLDER`.

Every contender makes the list of hits: which event, whose, when, of which segments, and which rules. Prints its CPU seconds,
its peak memory, and what it found: for each rule how many events, and the sum of their positions.
"""

import json
import resource
import subprocess
import sys
import time
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import duckdb
import msgspec
import numpy as np
import polars as pl
import pyarrow as pa

from benchmarks import _mixed, _past
from safehold.engine import Bundle, load_bundle
from safehold.replay.backends import backend
from safehold.replay.backtest import _chunks
from safehold.replay.columnar import Columnar
from safehold.replay.files import History
from safehold.replay.outcomes import HitRow
from safehold.replay.rows import Asked
from safehold.replay.statuses import HIT_COLUMNS

Found = dict[str, list[int]]
#: HIT_COLUMNS, and in the end the rules.
Hit = HitRow | tuple[Any, ...]
_HIT = ", ".join(f'"{name}"' for name in HIT_COLUMNS)
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


def ours(folder: Path, bundle: Bundle) -> list[Hit]:
    history, work = History(folder / "history"), folder / "work"
    asked = (Asked(bundle, []), Asked(bundle, []))
    run = Columnar(bundle, bundle, asked, history, backend("duckdb", MEMORY, work), work, MEMORY)
    files, hits = history.manifest().files, []
    for days in _chunks(files, 2_000_000):
        hits += run.decide("", days, files).hits
    return hits


def _hits(frame: Any, names: list[str]) -> list[Hit]:
    """A table of HIT_COLUMNS and one boolean a rule as the list of hits: the columns' values, and which rules."""
    matrix = np.stack([frame.column(name).to_numpy(zero_copy_only=False) for name in names], axis=1)
    some = matrix.any(axis=1)
    frame, matrix = frame.select(HIT_COLUMNS).filter(pa.array(some)), matrix[some]
    rules: list[list[str]] = [[] for _ in range(len(matrix))]
    for row, rule in zip(*(found.tolist() for found in np.nonzero(matrix)), strict=True):
        rules[row].append(names[rule])
    columns = [frame.column(name).to_pylist() for name in HIT_COLUMNS]
    return list(zip(*columns, rules, strict=True))


def found_in(hits: list[Hit]) -> Found:
    """For each rule how many events, and the sum of their positions; and a sum over the ids of all hits."""
    found: Found = {"": [len(hits), sum(zlib.crc32(hit[1].encode()) for hit in map(astuple, hits))]}
    for position, *_, rules in map(astuple, hits):
        for rule in rules:
            held = found.setdefault(rule.rpartition("/")[2], [0, 0])
            held[0] += 1
            held[1] += position
    return found


def astuple(hit: Hit) -> tuple[Any, ...]:
    return hit if isinstance(hit, tuple) else msgspec.structs.astuple(hit)


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


def _duckdb(folder: Path, query: str, names: list[str]) -> list[Hit]:
    """`query` selects from `{source}` HIT_COLUMNS and a column for each of `names`. Rows that none of them hits are left out
    here: a WHERE of them all would have DuckDB compute each twice."""
    connection = duckdb.connect(config={"memory_limit": MEMORY, "temp_directory": str(folder / "spill")})
    connection.execute("SET preserve_insertion_order = false")
    source = f"read_parquet('{folder}/history/*/*/*.parquet', hive_partitioning = false)"
    hits: list[Hit] = []
    for batch in connection.sql(query.format(source=source)).to_arrow_reader(65_536):
        hits += _hits(batch, names)
    return hits


def by_duckdb(folder: Path, bundle: Bundle) -> list[Hit]:
    rules = _mixed.asked(100)
    columns = ", ".join(f'({sql(rule)}) AS "{rule.name}"' for rule in rules).replace("{", "{{").replace("}", "}}")
    return _duckdb(folder, f"SELECT {_HIT}, {columns} FROM {{source}}", [rule.name for rule in rules])


def by_polars(folder: Path, bundle: Bundle) -> list[Hit]:
    rules, lists = _mixed.asked(100), _mixed.lists(_mixed.asked(100))
    text, names = pl.col("data.text:string"), [rule.name for rule in rules]

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

    hits: list[Hit] = []
    for file in sorted((folder / "history").glob("*/*/*.parquet")):
        columns = [expression(rule).alias(rule.name) for rule in rules]
        frame = pl.scan_parquet(file).select(*HIT_COLUMNS, *columns).collect().filter(pl.any_horizontal(names))
        for batch in frame.to_arrow().to_batches():
            hits += _hits(batch, names)
    return hits


def windows_by_sql(folder: Path, bundle: Bundle) -> list[Hit]:
    """Frames over time, which is what one would write: there are neither late events nor equal times in this past."""
    values = ", ".join(f'{query} AS "{name}"' for name, (_, query) in WINDOWS.items())
    tests = ", ".join(f'"{name}" > {_LIMITS[name]} AND score > 900 AS "{name}"' for name in WINDOWS)
    frames = ", ".join(
        f'{name} AS (PARTITION BY "{key}" ORDER BY time_ns RANGE BETWEEN {seconds * 10**9 - 1} PRECEDING AND CURRENT ROW)'
        for name, key, seconds in (("one", "actor.id:string", 3600), ("ten", "data.thread_id:string", 600))
    )
    inner = f'SELECT {_HIT}, "data.score:int" AS score, {values} FROM {{source}} WINDOW {frames}'
    return _duckdb(folder, f"SELECT {_HIT}, {tests} FROM ({inner})", list(WINDOWS))


CONTENDERS: dict[str, Callable[[Path, Bundle], list[Hit]]] = {
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
    hits = CONTENDERS[name](folder, bundle)
    figures = {"cpu": time.process_time() - cpu, "wall": time.perf_counter() - begun, "found": found_in(hits)}
    print(json.dumps({**figures, "peak_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024}))


if __name__ == "__main__":
    main()
