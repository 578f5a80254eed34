"""CEL's readings of timestamps and durations: `getHours()`, `getDayOfWeek("Europe/Berlin")`, ...

cel-spec, doc/langdef.md, "List of Standard Definitions". Months, days of the month and of the year count from 0 where
CEL says so; weeks begin on Sunday, which is 0.
"""

import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta, timezone, tzinfo
from functools import lru_cache
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from safehold.engine.compile.arithmetic import no_overload
from safehold.engine.compile.faults import EvalError
from safehold.engine.language.values import SECOND, TIMESTAMP_MAX, TIMESTAMP_MIN, Duration, Timestamp

_OFFSET = re.compile(r"([+-]?)(\d\d):(\d\d)", re.ASCII)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
#: Seconds of 400 years of the Gregorian calendar, and the times well inside the years 1 to 9999.
_CYCLE = 146_097 * 86400
_INSIDE = (TIMESTAMP_MIN // SECOND + 2 * 86400, TIMESTAMP_MAX // SECOND - 2 * 86400)


@lru_cache(maxsize=512)
def _zone(name: str) -> tzinfo:
    if name in ("UTC", "Z", ""):
        return UTC
    if match := _OFFSET.fullmatch(name):
        hours, minutes = int(match[2]), int(match[3])
        if hours > 23 or minutes > 59:
            raise EvalError(f"`{name}` is not an offset")
        delta = timedelta(hours=hours, minutes=minutes)
        return timezone(-delta if match[1] == "-" else delta)
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise EvalError(f"`{name[:60]}` is not a time zone") from None


def _local(value: Timestamp, zone: str) -> tuple[datetime, int]:
    """The local time, and the years to add to it.

    Near the ends of the calendar a zone can lead out of the years that `datetime` has: there the same moment of another
    400 years is used, which has the same days of the week.
    """
    seconds, years = int(value) // SECOND, 0
    if not _INSIDE[0] < seconds < _INSIDE[1]:
        years = 400 if seconds > 0 else -400
        seconds -= years // 400 * _CYCLE
    return (_EPOCH + timedelta(seconds=seconds)).astimezone(_zone(zone)), years


def _reading(
    name: str, of_time: Callable[[datetime, int], int], of_duration: Callable[[int], int] | None = None
) -> Callable[..., int]:
    """`of_time` gets the local time and the nanoseconds of its second; `of_duration` gets nanoseconds."""

    def read(value: Any, zone: Any = "UTC") -> int:
        if type(value) is Timestamp and type(zone) is str:
            local, years = _local(value, zone)
            return of_time(local, int(value) % SECOND) + (years if name == "getFullYear" else 0)
        if type(value) is Duration and of_duration is not None and zone == "UTC":
            return of_duration(int(value))
        raise no_overload(name, value, zone)

    return read


def _towards_zero(value: int, unit: int) -> int:
    return value // unit if value >= 0 else -(-value // unit)


def _milliseconds(value: int) -> int:
    return _towards_zero(value, 10**6) - _towards_zero(value, SECOND) * 1000


READINGS: dict[str, Callable[..., int]] = {
    "getFullYear": _reading("getFullYear", lambda t, _: t.year),
    "getMonth": _reading("getMonth", lambda t, _: t.month - 1),
    "getDate": _reading("getDate", lambda t, _: t.day),
    "getDayOfMonth": _reading("getDayOfMonth", lambda t, _: t.day - 1),
    "getDayOfWeek": _reading("getDayOfWeek", lambda t, _: t.isoweekday() % 7),
    "getDayOfYear": _reading("getDayOfYear", lambda t, _: t.timetuple().tm_yday - 1),
    "getHours": _reading("getHours", lambda t, _: t.hour, lambda d: _towards_zero(d, 3600 * SECOND)),
    "getMinutes": _reading("getMinutes", lambda t, _: t.minute, lambda d: _towards_zero(d, 60 * SECOND)),
    "getSeconds": _reading("getSeconds", lambda t, _: t.second, lambda d: _towards_zero(d, SECOND)),
    "getMilliseconds": _reading("getMilliseconds", lambda _, n: n // 10**6, _milliseconds),
}
