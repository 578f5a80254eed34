"""Windows over history, in SQL: each event's value as of its own place in the record.

`feeds` are what events put into windows (position, time, key, value, whether they count). Where the events of a key come in
the order of their times, the window is a frame of rows: as many as came since the cut-off. Keys with a late event are few
and are joined with themselves, which is the definition word by word. DuckDB runs both, and spills to disk.
"""

from typing import Any

import pyarrow as pa

from safehold.engine.policies.model import Window
from safehold.engine.windows.store import LATENESS, SECOND

#: (over the frame of rows, over the joined rows `c`), per kind. `v` is the measured value, NULL where it does not count.
_FRAMES = {
    "sum": "sum(v) OVER f", "min": "min(v) OVER f", "max": "max(v) OVER f", "distinct": "count(DISTINCT v) OVER f",
    "first": "first_value(v IGNORE NULLS) OVER f", "last": "last_value(v IGNORE NULLS) OVER f",
}  # fmt: skip
_JOINED = {
    "count": "count(*) FILTER (WHERE c.counts)", "rate": "count(*) FILTER (WHERE c.counts)",
    "sum": "sum(c.v)", "min": "min(c.v)", "max": "max(c.v)", "distinct": "count(DISTINCT c.v)",
    "first": "arg_min(c.v, (c.time, c.position)) FILTER (WHERE c.counts)",
    "last": "arg_max(c.v, (c.time, c.position)) FILTER (WHERE c.counts)",
}  # fmt: skip
_OF_NONE = {"count": "0", "sum": "0", "distinct": "0", "rate": "0"}


def sql_kinds(window: Window) -> bool:
    """Whether SQL gives exactly what the engine gives: not for sums of doubles, which the engine rounds once."""
    return window.kind in _JOINED and not (
        window.kind == "sum" and any(tree.type.name != "int" for tree in window.value.values())
    )


def window_query(window: Window, feeds: str) -> str:
    """The values of a window at every event of `feeds` that asks: (position, value), NULL where it is not known.

    `feeds` is a relation with `position`, `time` (microseconds), `key` (NULL where the event has none), `v`, `counts` and
    `asks`. An event that came more than LATENESS after a newer one of its key is not answered, as in the engine.
    """
    span, kind = window.seconds * SECOND, window.kind
    if kind in ("count", "rate"):
        value, joined = _value(window, "n_now - n_old"), _value(window, _JOINED[kind])
    else:
        none = _OF_NONE.get(kind, "NULL")
        value, joined = f"coalesce({_FRAMES[kind]}, {none})", f"coalesce({_JOINED[kind]}, {none})"
    if kind in ("sum", "distinct"):
        value, joined = f"CAST({value} AS BIGINT)", f"CAST({joined} AS BIGINT)"
    frame = (
        "WINDOW f AS (PARTITION BY key ORDER BY position ROWS BETWEEN (i - 1 - i_old) PRECEDING AND CURRENT ROW)"
        if kind not in ("count", "rate")
        else ""
    )
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
      SELECT position, asks, {value} AS value FROM aged {frame}
    ), bent AS (
      SELECT e.position, any_value(e.asks) AS asks,
        CASE WHEN any_value(e.time) < any_value(e.newest) - {LATENESS} THEN NULL ELSE {joined} END AS value
      FROM keyed e JOIN keyed c
        ON c.key = e.key AND c.position <= e.position AND c.time > e.time - {span} AND c.late
      WHERE e.late AND e.asks
      GROUP BY e.position
    )
    SELECT position, value FROM straight WHERE asks UNION ALL SELECT position, value FROM bent
    """  # noqa: S608 - numbers and names of our own


def _value(window: Window, count: str) -> str:
    return f"CAST({count} AS BIGINT)" if window.kind == "count" else f"CAST({count} AS DOUBLE) / {window.seconds}"


def feeds_table(rows: list[tuple[int, int, str | None, Any, bool, bool]], value: pa.DataType) -> pa.Table:
    """(position, time in microseconds, key, value, counts, asks) as a relation for `window_query`."""
    columns: list[Any] = list(zip(*rows, strict=True)) if rows else [[]] * 6
    names = ("position", "time", "key", "v", "counts", "asks")
    kinds = (pa.int64(), pa.int64(), pa.string(), value, pa.bool_(), pa.bool_())
    return pa.table({name: pa.array(column, kind) for name, column, kind in zip(names, columns, kinds, strict=True)})
