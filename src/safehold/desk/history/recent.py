"""The newest events, decided with two bundles: what somebody who writes a rule sees while they type."""

from collections.abc import Callable, Iterable, Iterator
from datetime import timedelta
from itertools import chain

from safehold.desk.history.reading import last_position, recorded
from safehold.engine.policies.model import Bundle
from safehold.engine.signal import Signal
from safehold.replay.again import Again, longest_window
from safehold.replay.diff import Diff, compare
from safehold.replay.recorded import Recorded

#: How often `progress` is told.
_EVERY = 250
#: Events before the first one that may be read to fill the windows.
LEAD = 20_000


def recent(
    new: Bundle,
    live: Bundle,
    n: int = 10_000,
    *,
    signals: Iterable[Signal] | None = None,
    as_live: bool = True,
    lead: int = LEAD,
    progress: Callable[[int, int], None] | None = None,
) -> Diff:
    """What `new` would have done with the last `n` events, and `live` beside it; a second or two for ten thousand.

    Everything that is not retired is tried as if it were live, drafts included (`as_live`). Nothing is written. Up to
    `lead` events before them fill the windows; where that is not enough for the longest window, `windows_whole` is false.
    `progress` is told now and then how many events are decided, and of how many.
    """
    upto = last_position()
    first = max(upto - n, 0)
    seconds = max(longest_window(new), longest_window(live))
    before: list[Recorded] = []
    rest = recorded(max(first - lead, 0) if seconds else first, upto)
    opening = next(_after(first, rest, before), None)
    whole = True
    if opening is not None and seconds:
        begins = opening.event.time - timedelta(seconds=seconds)
        whole = first <= lead or (bool(before) and before[0].event.time <= begins)
    events: Iterable[Recorded] = () if opening is None else chain((opening,), rest)
    if progress is not None:
        events = _told(events, upto - first, progress)
    signals = None if signals is None else list(signals)
    return compare(
        Again(new, signals, as_live=as_live),
        Again(live, signals, as_live=as_live),
        events,
        lead=before,
        windows_whole=whole,
    )


def _told(events: Iterable[Recorded], of: int, progress: Callable[[int, int], None]) -> Iterator[Recorded]:
    for number, each in enumerate(events):
        if number % _EVERY == 0:
            progress(number, of)
        yield each


def _after(first: int, events: Iterable[Recorded], before: list[Recorded]) -> Iterator[Recorded]:
    """The events after position `first`; those up to it are put into `before`."""
    for each in events:
        if each.position > first:
            yield each
        else:
            before.append(each)
