"""What came back from a query over events: where some rule is not plainly false, which event that is and what each rule says."""

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import numpy as np
import pyarrow as pa

from safehold.engine.compile.columns import ASK, ERROR, FALSE, TRUE, UNKNOWN
from safehold.replay.outcomes import DayOutcome, HitRow, RuleCount
from safehold.replay.questions import Question

#: What is read of a hit event, in the order of HitRow's fields; `position` is the first of them.
HIT_COLUMNS = [
    "position", "id", "decision", "service", "account_id", "subject_kind", "subject_id", "type", "age_band", "locale",
    "language", "time_ns",
]  # fmt: skip
#: Columns with few different values: their texts are kept once.
_FEW = ("service", "subject_kind", "type", "age_band", "locale", "language")
Names = tuple[tuple[str, ...], tuple[str, ...]]


class Statuses:
    """`statuses` has a row for each event that is left and a column for each question; `events` has HIT_COLUMNS of them."""

    def __init__(self, questions: Sequence[Question], batches: Iterable[pa.RecordBatch]) -> None:
        """Batches have HIT_COLUMNS, `q0`, `q1`, ..., and `odd` where an event may be: that one is ASK throughout."""
        self.questions = questions
        kept = [each for batch in batches if (each := self._interesting(batch)) is not None]
        events = [events for events, _ in kept]
        self.events = pa.Table.from_batches(events) if events else pa.table({name: [] for name in HIT_COLUMNS})
        self.statuses = (
            np.concatenate([found for _, found in kept]) if kept else np.empty((0, len(questions)), dtype=np.int8)
        )

    def __len__(self) -> int:
        return len(self.statuses)

    def positions(self) -> np.ndarray:
        return self.events.column("position").to_numpy()

    def asking(self) -> np.ndarray:
        """The events of which some rule has to be asked of the Python engine."""
        found: np.ndarray = (self.statuses == ASK).any(axis=1)
        return found

    def count_undecided(self, outcome: DayOutcome) -> None:
        """How often each rule was unknown or failed, for both sides."""
        for status, what in ((UNKNOWN, "unknown"), (ERROR, "error")):
            for number, count in enumerate((self.statuses == status).sum(axis=0).tolist()):
                for side, name in self.questions[number].names if count else ():
                    held = (outcome.before, outcome.after)[side].setdefault(name, RuleCount())
                    setattr(held, what, getattr(held, what) + count)

    def hits(self) -> Iterator[HitRow]:
        """The events that some rule hit, in the order in which they came."""
        hit = self.statuses == TRUE
        rows = np.flatnonzero(hit.any(axis=1))
        events = self.events.take(pa.array(rows))
        columns = [
            _texts(events.column(name)) if name in _FEW else events.column(name).to_pylist() for name in HIT_COLUMNS
        ]
        packed = np.packbits(hit[rows], axis=1)
        names: dict[bytes, Names] = {}
        made: Any = HitRow
        for at, values in enumerate(zip(*columns, strict=True)):
            which = packed[at].tobytes()
            found = names.get(which)
            if found is None:
                found = names[which] = self._names(hit[rows[at]])
            yield made(*values, *found)

    def _names(self, hit: np.ndarray) -> Names:
        """The rules that hit, before and after."""
        sides: tuple[list[str], list[str]] = ([], [])
        for number in np.flatnonzero(hit).tolist():
            for side, name in self.questions[number].names:
                sides[side].append(name)
        return tuple(sorted(sides[0])), tuple(sorted(sides[1]))

    def _interesting(self, batch: pa.RecordBatch) -> tuple[pa.RecordBatch, np.ndarray] | None:
        """The batch's events where some rule is not plainly false, and what the rules say."""
        columns = [batch.column(f"q{number}").to_numpy(zero_copy_only=False) for number in range(len(self.questions))]
        found = np.stack(columns, axis=1).astype(np.int8, copy=False)
        if "odd" in batch.schema.names:
            found[batch.column("odd").to_numpy(zero_copy_only=False)] = ASK
        kept = (found != FALSE).any(axis=1)
        if not kept.any():
            return None
        events = batch.select(HIT_COLUMNS)
        return (events, found) if kept.all() else (events.filter(pa.array(kept)), found[kept])


def _texts(column: pa.ChunkedArray) -> list[str]:
    """The column's values, each text kept once."""
    texts: list[str] = []
    for chunk in column.chunks:
        encoded = chunk if pa.types.is_dictionary(chunk.type) else chunk.dictionary_encode()
        words = encoded.dictionary.to_pylist()
        texts += [words[number] for number in encoded.indices.to_pylist()]
    return texts
