"""Labels that policies set and read: in memory, the record being where they are kept.

The gateway sets them again from the record at start; `Engine.decide` sets those of live rules after all rules of an
event have run. A label is asked at an event's time, never at a clock's.
"""

from datetime import datetime

from safehold.engine.language.values import Timestamp, timestamp_from_datetime


class Labels:
    """Labels by entity (`kind`, `id`). Not thread-safe: one writer."""

    def __init__(self) -> None:
        self._held: dict[tuple[str, str], dict[str, int | None]] = {}

    def set(self, kind: str, entity_id: str, name: str, expires_at: datetime | Timestamp | None = None) -> None:
        """Set a label; one that is set again keeps the later end (None is for ever)."""
        if isinstance(expires_at, datetime):
            expires_at = timestamp_from_datetime(expires_at)
        held = self._held.setdefault((kind, entity_id), {})
        if name in held and expires_at is not None:
            known = held[name]
            expires_at = None if known is None else Timestamp(max(known, expires_at))
        held[name] = expires_at

    def void(self, kind: str, entity_id: str, name: str) -> None:
        """Take a label away, as if it had never been set; one that is not there is no error."""
        held = self._held.get((kind, entity_id), {})
        held.pop(name, None)
        if not held:
            self._held.pop((kind, entity_id), None)

    def __contains__(self, entity: tuple[str, str]) -> bool:
        """Whether the entity has, or had, any label."""
        return entity in self._held

    def names(self, kind: str, entity_id: str, at: int) -> list[str]:
        """The labels of an entity that have not expired `at` (nanoseconds since 1970), sorted."""
        held = self._held.get((kind, entity_id))
        return sorted(name for name, ends in held.items() if ends is None or ends > at) if held else []

    def expire(self, at: int) -> None:
        """Forget labels that ended before `at`."""
        for entity, held in list(self._held.items()):
            for name, ends in list(held.items()):
                if ends is not None and ends <= at:
                    del held[name]
            if not held:
                del self._held[entity]

    def __len__(self) -> int:
        return sum(map(len, self._held.values()))
