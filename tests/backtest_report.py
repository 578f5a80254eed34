"""A finished backtest for tests of its page: every part of a report has something in it."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import msgspec

from safehold.desk.history.jobs import Job
from safehold.replay.report import AccountLine, DayLine, Report, RuleLine, Sampled, SegmentLine, wilson

BEGAN = datetime(2026, 3, 30, tzinfo=UTC)


def finished_backtest(history: Path, decision: str) -> str:
    """Put one beside the history files in the folder `history`; its id. `decision` is one that the sample leads to."""
    folder = history / ".reports"
    folder.mkdir(parents=True, exist_ok=True)
    job = Job(id="bkt_made", title="Repeated text, from the third time on", by="Ada", since=BEGAN, started_at=BEGAN,
              said_at=BEGAN, state="done", events=52_000, newly_hit=420, no_longer_hit=31)  # fmt: skip
    (folder / f"{job.id}.job.json").write_bytes(msgspec.json.encode(job))
    (folder / f"{job.id}.report.json").write_bytes(msgspec.json.encode(_report(decision)))
    return job.id


def _report(decision: str) -> Report:
    right = wilson(81, 263)
    rules = ("spam.bulk/repeated-text", "scams.cold-outreach/mass-cold-message", "phishing.links/listed-link")
    return Report(
        new="a" * 64, live="b" * 64, engine="duckdb", since=BEGAN.isoformat(), until=(BEGAN + timedelta(days=9)).isoformat(),
        events=52_000, seconds=12.345, hit_before=900, hit_after=1_289, newly_hit=420, no_longer_hit=31, other_action=12,
        accounts_newly=2, accounts_no_longer=1, labelled=263, asked=1_200, windows_by_python=["spam.bulk/copies_1h@0a1b"],
        precision_before=right, precision_after=wilson(90, 280), recall_before=right, recall_after=wilson(0, 0),
        rules=[RuleLine(rule=rule, before=300, after=400 + at, newly=140, no_longer=at * 20, action="hold", micros=12.5 + at,
                        precision_after=right, recall_after=right, undecided_after=at) for at, rule in enumerate(rules)],
        segments={
            "type": [SegmentLine(name="message.sent", events=40_000, before=800, after=1_100, newly=400, no_longer=31),
                     SegmentLine(name="content.created", events=12_000, before=100, after=189, newly=20, no_longer=0)],
            "language": [SegmentLine(name=name, events=26_000, before=450, after=600, newly=210, no_longer=15)
                         for name in ("en", "not known")],
        },
        accounts=[AccountLine(account=who, service="plaza", newly=9, no_longer=1, strongest="remove") for who in ("u1", "u 2")],
        days=[DayLine(day=f"2026-04-0{day}", events=5_200, before=100, after=140 + day, newly=45 + day, no_longer=5)
              for day in range(1, 10)],
        sample=[Sampled(position=7, event="evt_7", decision=decision, service="plaza", type="message.sent", account="u1",
                        stratum=f"{rules[0]}, newly hit, message.sent", before=(), after=rules[:1])],
    )  # fmt: skip
