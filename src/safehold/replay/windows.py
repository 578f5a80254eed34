"""Windows over history, in SQL: each event's value as of its own place in the record.

`feeds` are what events put into windows (position, time, key, value, whether they count). Where the events of a key come in
the order of their times, the window is a frame of rows: as many as came since the cut-off. Keys with a late event are few
and are joined with themselves, which is the definition word by word. DuckDB runs both, and spills to disk.
"""

from collections.abc import Sequence
from typing import Any

import pyarrow as pa

from safehold.engine.policies.model import Window
from safehold.engine.windows.store import LATENESS, SECOND

#: (over the frame of rows, over the joined rows `c`), per kind. `v` is the measured value, NULL where it does not count.
_FRAMES = {
    "sum": "sum({v}) OVER f", "min": "min({v}) OVER f", "max": "max({v}) OVER f", "distinct": "count(DISTINCT {v}) OVER f",
    "first": "first_value({v} IGNORE NULLS) OVER f", "last": "last_value({v} IGNORE NULLS) OVER f",
}  # fmt: skip
_JOINED = {
    "count": "count(*) FILTER (WHERE c.counts)", "rate": "count(*) FILTER (WHERE c.counts)",
    "sum": "sum({v})", "min": "min({v})", "max": "max({v})", "distinct": "count(DISTINCT {v})",
    "first": "arg_min({v}, (c.time, c.position)) FILTER (WHERE c.counts)",
    "last": "arg_max({v}, (c.time, c.position)) FILTER (WHERE c.counts)",
}  # fmt: skip
_OF_NONE = {"count": "0", "sum": "0", "distinct": "0", "rate": "0"}


def sql_kinds(window: Window) -> bool:
    """Whether SQL gives exactly what the engine gives: not for sums of doubles, which the engine rounds once."""
    return window.kind in _JOINED and not (
        window.kind == "sum" and any(tree.type.name != "int" for tree in window.value.values())
    )


def window_query(windows: Sequence[Window], feeds: str) -> str:
    """The values of windows that share their key, condition and span, at every event of `feeds` that asks: `position`, and
    `value0`, `value1`, ... in their order, NULL where a value is not known.

    `feeds` is a relation with `position`, `time` (microseconds), `key` (NULL where the event has none), `v0`, `v1`, ...,
    `counts` and `asks`. An event that came more than LATENESS after a newer one of its key is not answered, as in the engine.
    """
    span = windows[0].seconds * SECOND
    values = ", ".join(f"{_framed(window, at, 'n_now - n_old')} AS value{at}" for at, window in enumerate(windows))
    joined = ", ".join(
        f"CASE WHEN any_value(e.time) < any_value(e.newest) - {LATENESS} THEN NULL ELSE {_joined(window, at)} END AS value{at}"
        for at, window in enumerate(windows)
    )
    measures = any(window.kind not in ("count", "rate") for window in windows)
    frame = (
        "WINDOW f AS (PARTITION BY key ORDER BY position ROWS BETWEEN (i - 1 - i_old) PRECEDING AND CURRENT ROW)"
        if measures
        else ""
    )
    named = ", ".join(f"value{at}" for at in range(len(windows)))
    return f"""
    WITH placed AS (
      SELECT *, row_number() OVER k AS i, sum(counts::INT) OVER k AS n_now,
        max(time) FILTER (WHERE counts) OVER k AS newest,
        time < lag(time, 1, time) OVER k AS back
      FROM {feeds} WHERE key IS NOT NULL
      WINDOW k AS (PARTITION BY key ORDER BY position)
    ), keyed AS (
      SELECT *, bool_or(back) OVER (PARTITION BY key) AS late FROM placed
    ), aged AS (
      SELECT *, count(*) OVER o AS i_old, coalesce(sum(counts::INT) OVER o, 0) AS n_old
      FROM keyed WHERE NOT late
      WINDOW o AS (PARTITION BY key ORDER BY time RANGE BETWEEN UNBOUNDED PRECEDING AND {span} PRECEDING)
    ), straight AS (
      SELECT position, asks, {values} FROM aged {frame}
    ), bent AS (
      SELECT e.position, {joined}
      FROM keyed e JOIN keyed c
        ON c.key = e.key AND c.position <= e.position AND c.time > e.time - {span} AND c.late
      WHERE e.late AND e.asks
      GROUP BY e.position
    )
    SELECT position, {named} FROM straight WHERE asks UNION ALL SELECT position, {named} FROM bent
    """  # noqa: S608 - numbers and names of our own


def plain_query(windows: Sequence[Window], feeds: str) -> str:
    """The same where each key's times only ever rise (`rising_query`): then a frame over time is the window."""
    span = windows[0].seconds * SECOND
    values = ", ".join(
        f"{_framed(window, at, 'sum(counts::INT) OVER f')} AS value{at}" for at, window in enumerate(windows)
    )
    named = ", ".join(f"value{at}" for at in range(len(windows)))
    return f"""
    SELECT position, {named} FROM (
      SELECT position, asks, {values} FROM {feeds} WHERE key IS NOT NULL
      WINDOW f AS (PARTITION BY key ORDER BY time RANGE BETWEEN {span - 1} PRECEDING AND CURRENT ROW)
    ) WHERE asks
    """  # noqa: S608 - numbers and names of our own


def rising_query(feeds: str) -> str:
    """Whether every key's times rise from each event to the next."""
    return f"""
    SELECT coalesce(bool_and(rises), true) FROM (
      SELECT time > lag(time, 1, time - 1) OVER (PARTITION BY key ORDER BY position) AS rises
      FROM {feeds} WHERE key IS NOT NULL
    )
    """  # noqa: S608 - a name of our own


def _framed(window: Window, at: int, count: str) -> str:
    if window.kind in ("count", "rate"):
        return _value(window, f"({count})")
    return _whole(window, _FRAMES[window.kind].format(v=f"v{at}"))


def _joined(window: Window, at: int) -> str:
    if window.kind in ("count", "rate"):
        return _value(window, _JOINED[window.kind])
    return _whole(window, _JOINED[window.kind].format(v=f"c.v{at}"))


def _whole(window: Window, value: str) -> str:
    """A sum that leaves 64 bits is not known: no rule that needs it is decided, as in the engine."""
    value = f"coalesce({value}, {_OF_NONE.get(window.kind, 'NULL')})"
    return f"TRY_CAST({value} AS BIGINT)" if window.kind in ("sum", "distinct") else value


def _value(window: Window, count: str) -> str:
    return f"CAST({count} AS BIGINT)" if window.kind == "count" else f"CAST({count} AS DOUBLE) / {window.seconds}"


def feeds_table(rows: list[tuple[int, int, str | None, Any, bool, bool]], value: pa.DataType) -> pa.Table:
    """(position, time in microseconds, key, value, counts, asks) as a relation for `window_query`."""
    columns: list[Any] = list(zip(*rows, strict=True)) if rows else [[]] * 6
    names = ("position", "time", "key", "v0", "counts", "asks")
    kinds = (pa.int64(), pa.int64(), pa.string(), value, pa.bool_(), pa.bool_())
    return pa.table({name: pa.array(column, kind) for name, column, kind in zip(names, columns, kinds, strict=True)})
