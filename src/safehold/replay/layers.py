"""What stands between the files and the rules' columns: views in which work is done once that many rules need.

From below: each list that a field is asked about becomes bits of one column, by one join for all lists of that field; each
text that many rules search gets its screen; then only events are left that some rule may hit or leave open; and of these
alone, the screens of a few patterns each. Only DuckDB computes a view's column once, so that other backends have none.
"""

from collections.abc import Iterable, Mapping, Sequence
from itertools import islice
from typing import Any

import ibis
import pyarrow as pa

from safehold.engine.compile.columns import Columns, Found
from safehold.engine.compile.columns.screens import Screen, screens
from safehold.engine.compile.columns.translate import IN_THE_QUERY, exact_entries
from safehold.engine.language.tree import Call, Node, Path, walk
from safehold.replay.backends import Backend, OnDuckDb
from safehold.replay.questions import Question
from safehold.replay.source import Source

Parts = tuple[str, ...]
#: Lists of one field that one column of 64 bits has room for; the others are asked by themselves.
_BITS = 62


class Layers:
    """`table` is what the query is to be made over; `found` says what it has ready, for each side's translator."""

    def __init__(self, backend: Backend, source: Source, table: Any, questions: Sequence[Question]) -> None:
        self.backend, self.source, self.table, self.questions = backend, source, table, questions
        self.found = [Found(), Found()]
        self._screens: dict[Parts, Screen] = {}
        if isinstance(backend, OnDuckDb):
            self._held = source.held(0) | source.held(1)
            for side in (0, 1):
                self._look_up(side)
            self._screen()

    def narrow(self, translators: Sequence[Columns]) -> None:
        """Leave the events that no rule can hit, and have what follows computed for the others only."""
        if not isinstance(self.backend, OnDuckDb):
            return
        wanted = [translators[each.side].may(each.tree, each.policy.key) for each in self.questions]
        if self.source.has_odd:
            wanted.append(self.table.odd)
        different = list({condition.op(): condition for condition in wanted}.values())
        self.table = self.table.filter(_any(different))
        self._screen_again()

    def _look_up(self, side: int) -> None:
        """Join the lists that the rules of one side ask a field about."""
        lists = self.source.run.bundles[side].lists
        trees = (question.tree for question in self.questions if question.side == side)
        for number, (parts, names) in enumerate(_asked(trees).items()):
            if parts not in self._held:
                continue
            ready = ((name, self._in_list(lists.get(name), parts)) for name in sorted(names))
            entries = dict(islice(((name, held) for name, held in ready if held is not None), _BITS))
            if not entries:
                continue
            bits = {name: 1 << bit for bit, name in enumerate(entries)}
            lookup = self.backend.put(f"lookup_{side}_{number}", _bits(entries, bits))
            column = f"in_{side}_{number}"
            lookup = lookup.select(entry="entry", **{column: "bits"})
            item = self.table[self._held[parts].name]
            self.table = self.table.left_join(lookup, item == lookup.entry).drop("entry")
            self.found[side].lists.update({(parts, name): (column, bit) for name, bit in bits.items()})

    def _in_list(self, held: Any, parts: Parts) -> frozenset[str] | None:
        """The texts that are in the list: its entries, or for domains, networks, patterns and hashes the field's own values,
        each asked once. None for a list that changes with time, and for one that is short enough for the query itself."""
        entries = exact_entries(held)
        if entries is not None:
            return entries if len(entries) > IN_THE_QUERY else None
        if held is None or not held.contents.timeless:
            return None
        column = self.source.table[self._held[parts].name]
        batches = self.backend.batches(self.source.table.select(value=column).distinct())
        return frozenset(
            value
            for batch in batches
            for value in batch.column("value").to_pylist()
            if value is not None and value in held
        )

    def _screen(self) -> None:
        """A column for each text that many rules search."""
        trees = (question.tree for question in self.questions)
        self._screens = {parts: screen for parts, screen in screens(trees).items() if parts in self._held}
        columns = {}
        for number, (parts, screen) in enumerate(self._screens.items()):
            name = f"screen_{number}"
            columns[name] = self.table[self._held[parts].name].re_search(screen.pattern)
            for found in self.found:
                found.screens[parts] = dict.fromkeys(screen.covered, name)
        self._stand(columns)

    def _screen_again(self) -> None:
        """Where a screen has found something, which few of the patterns it may be."""
        columns = {}
        for number, (parts, screen) in enumerate(self._screens.items()):
            for at, (pattern, members) in enumerate(screen.groups):
                name = f"screen_{number}_{at}"
                there = self.table[f"screen_{number}"]
                look = self.table[self._held[parts].name].re_search(pattern)
                columns[name] = ibis.cases((~there, ibis.literal(False)), else_=look)
                for found in self.found:
                    found.screens[parts] = {**found.screens[parts], **{("matches", each): name for each in members}}
        self._stand(columns)

    def _stand(self, columns: Mapping[str, Any]) -> None:
        if columns and isinstance(self.backend, OnDuckDb):
            self.table = self.backend.with_columns(self.table, columns)


def _asked(trees: Iterable[Node]) -> dict[Parts, set[str]]:
    """The lists that a field itself is looked up in, by field."""
    found: dict[Parts, set[str]] = {}
    for tree in trees:
        for node in walk(tree):
            match node:
                case Call(function="@in", arguments=(Path(parts=item, type=kind), Path(parts=("lists", name, *_)))):
                    if kind.name == "string":
                        found.setdefault(item, set()).add(name)
    return found


def _bits(entries: Mapping[str, frozenset[str]], bits: Mapping[str, int]) -> pa.Table:
    """Every entry once, with the bits of the lists that have it."""
    parts = [
        pa.table({"entry": pa.array(sorted(held), pa.string()), "bit": pa.repeat(bits[name], len(held))})
        for name, held in entries.items()
    ]
    table = pa.concat_tables(parts).group_by("entry").aggregate([("bit", "sum")])
    return table.rename_columns({"bit_sum": "bits"})


def _any(conditions: list[Any]) -> Any:
    """One of many conditions, as a tree that is not deep."""
    if len(conditions) <= 1:
        return conditions[0] if conditions else ibis.literal(False)
    half = len(conditions) // 2
    return _any(conditions[:half]) | _any(conditions[half:])
