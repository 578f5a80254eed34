"""Events a CPU-second that 100 mixed rules decide over history files on disk, beside hand-written DuckDB and Polars.

`SAFEHOLD_BENCH_EVENTS` says how many events (400,000 by default; 10,000,000 is the full size). Every contender makes the list
of hits; they must agree before their times count. Peak memory goes to standard error.
"""

import os
import tempfile
from pathlib import Path

from benchmarks import Result, _history


def run() -> Result:
    events = int(os.environ.get("SAFEHOLD_BENCH_EVENTS", "400000"))
    with tempfile.TemporaryDirectory() as name:
        _history.prepare(Path(name), events, windows=False)
        measured = {each: _history.measure(each, Path(name)) for each in ("ours", "by_duckdb", "by_polars")}
    assert all(each["found"] == measured["ours"]["found"] for each in measured.values()), "other events were hit"
    assert measured["ours"]["found"][""][0] > events / 100, "the rules match nothing"
    rates = {each: events / figures["cpu"] for each, figures in measured.items()}
    return Result(
        rates["ours"], "events per CPU-second",
        {"DuckDB by hand": rates["by_duckdb"], "Polars by hand": rates["by_polars"]},
    )  # fmt: skip
