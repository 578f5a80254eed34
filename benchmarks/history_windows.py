"""Events a CPU-second through five windows over history files on disk, beside the same windows as hand-written SQL.

`SAFEHOLD_BENCH_EVENTS` says how many events (600,000 by default). The SQL knows that no event of this past is late; ours does
not. Both must find the same events before their times count. Peak memory goes to standard error.
"""

import os
import tempfile
from pathlib import Path

from benchmarks import Result, _history


def run() -> Result:
    events = int(os.environ.get("SAFEHOLD_BENCH_EVENTS", "600000"))
    with tempfile.TemporaryDirectory() as name:
        _history.prepare(Path(name), events, windows=True)
        measured = {each: _history.measure(each, Path(name)) for each in ("ours", "windows_by_sql")}
    assert measured["ours"]["found"] == measured["windows_by_sql"]["found"], "other events were hit"
    assert set(_history.WINDOWS) <= set(measured["ours"]["found"]), "a window never reaches its limit"
    rates = {each: events / figures["cpu"] for each, figures in measured.items()}
    return Result(rates["ours"], "events per CPU-second", {"SQL by hand": rates["windows_by_sql"]})
