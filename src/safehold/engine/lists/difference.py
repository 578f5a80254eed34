"""What changed from one state of a list to another: added, removed, changed. For the shell, the console and previews."""

from collections.abc import Iterable, Iterator
from typing import Literal

import msgspec

from safehold.engine.lists.formats.rows import Row


class Difference(msgspec.Struct, frozen=True, kw_only=True):
    """One entry's change; `before` is None for one that was added, `after` for one that is gone."""

    act: Literal["added", "removed", "changed"]
    value: str
    before: Row | None = None
    after: Row | None = None

    @property
    def fields(self) -> list[str]:
        """What is different about an entry that was changed."""
        if self.before is None or self.after is None:
            return []
        return [name for name in _COMPARED if getattr(self.before, name) != getattr(self.after, name)]


_COMPARED = ("allow", "expires_at", "source", "reference", "confidence", "note")


def difference(before: Iterable[Row], after: Iterable[Row]) -> Iterator[Difference]:
    """Removed and changed entries in the order of `before`, then added ones in the order of `after`."""
    wanted = {row.value: row for row in after}
    seen = set()
    for row in before:
        if row.value in seen:
            continue
        seen.add(row.value)
        other = wanted.get(row.value)
        if other is None:
            yield Difference(act="removed", value=row.value, before=row)
        elif any(getattr(row, name) != getattr(other, name) for name in _COMPARED):
            yield Difference(act="changed", value=row.value, before=row, after=other)
    for value, row in wanted.items():
        if value not in seen:
            yield Difference(act="added", value=value, after=row)
