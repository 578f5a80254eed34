"""What somebody gets who gives a backtest little memory: the same report, from disk; or a sentence about how much to give."""

from datetime import timedelta
from pathlib import Path
from typing import Any

import msgspec
import pytest
from benchmarks import _history, _past

from safehold.engine import load_bundle
from safehold.replay.backends import OnDuckDb
from safehold.replay.backtest import TooLittleMemory, backtest
from safehold.replay.files import History


def test_it_spills_to_disk_and_comes_to_the_same(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Five windows over the events of seventeen hours: more than the memory holds."""
    _history.prepare(tmp_path, 300_000, windows=True)
    spilled = _watch_what_is_spilled(monkeypatch, tmp_path)
    plenty, _ = _run(tmp_path, "2GB"), spilled.clear()
    little = _run(tmp_path, "50MB")
    assert little == plenty and plenty["hit_after"] > 500
    assert max(spilled) > 4_000_000, "nothing was spilled: the memory was not little"
    assert not list((tmp_path / "work").rglob("*.tmp")), "what was spilled is gone"
    with pytest.raises(TooLittleMemory, match=r"12MB are too little for 2026-03-01: give more \(`--memory`"):
        _run(tmp_path, "12MB")


def _watch_what_is_spilled(monkeypatch: pytest.MonkeyPatch, folder: Path) -> list[int]:
    """Bytes on disk after each table that is kept."""
    keep, seen = OnDuckDb.keep, [0]

    def watched(self: OnDuckDb, query: str) -> Any:
        found = keep(self, query)
        seen.append(sum(path.stat().st_size for path in folder.glob("work*/spill/*")))
        return found

    monkeypatch.setattr(OnDuckDb, "keep", watched)
    return seen


def _run(folder: Path, memory: str) -> dict[str, Any]:
    """The report, without what depends on the clock."""
    bundle, until = load_bundle(folder / "policies", []), _past.BEGIN + timedelta(days=30)
    work = folder / f"work-{memory}"
    report = backtest(bundle, bundle, History(folder / "history"), since=_past.BEGIN, until=until, memory=memory,
                      work=work, signals=[])  # fmt: skip
    report.seconds = 0
    for rule in report.rules:
        rule.micros = None
    return dict(msgspec.to_builtins(report))
