"""What an event puts into each stream of windows of its type, as one generated Python function.

    def feed(reading):
        data = reading.event.data ...           # as in `compile.ruleset`
        feeds = []
        <each stream, in its own try: feeds.append((stream, key, row))>
        return feeds

Windows read neither labels nor other windows, so the feeds of many events can be computed before the first of them is
decided, and a store far away can be asked once for them all. Who calls: `Engine.read`.
"""

import ast
from collections.abc import Callable, Mapping
from typing import Any

from safehold.engine.compile.emit import Emitter, call, name
from safehold.engine.compile.exact import Reader, evaluate
from safehold.engine.compile.faults import EvalError, Fault
from safehold.engine.compile.missing import MISSING
from safehold.engine.compile.reads import NAMESPACE, Parts, Reads, append, assign, guarded
from safehold.engine.language.tree import Node
from safehold.engine.policies.model import Policy, Window
from safehold.engine.policies.scope import Scope
from safehold.engine.windows.store import Feed
from safehold.engine.windows.streams import CHECKS, PLAIN, Column, Partial, Stream, streams_of
from safehold.engine.windows.values import countable

#: Items of a list that is a key.
MOST_KEYS = 128


class Feeding:
    """The windows of an event type and their generated function. `windows` finds one by policy and name, `index` its place:
    the number of its stream, and its place in that. `run(reading)` gives a feed for each of `streams`, in that order."""

    def __init__(
        self, scope: Scope, policies: tuple[Policy, ...], lists: Mapping[str, Any], lazies: list[tuple[str, Parts]]
    ) -> None:
        self._kind = kind = scope.event_type.name
        self.windows: dict[tuple[str, str], Window] = {
            (policy.key, window.name): window for policy in policies for window in policy.windows if kind in window.on
        }
        self.streams: list[Stream] = streams_of(self.windows.values())
        places = {
            window.id: (number, place)
            for number, stream in enumerate(self.streams)
            for place, window in enumerate(stream.windows)
        }
        self.index = {named: places[window.id] for named, window in self.windows.items()}
        self._reads = Reads(scope, lazies)
        self._emitter = Emitter(self._reads.path, self._reads.present, lists)
        self.function: ast.Module
        self.run: Callable[[Any], list[Feed]] = self._compile()

    def _compile(self) -> Callable[[Any], list[Feed]]:
        if not self.streams:
            return _nothing
        feeding = [self._feed(number, stream) for number, stream in enumerate(self.streams)]
        fed: ast.expr = name("feeds")
        if any(stream.spread for stream in self.streams):
            fed = call(name("spread"), fed)
        body = [*self._reads.prologue(), assign("feeds", ast.List([], ast.Load())), *feeding, ast.Return(fed)]
        parameters = ast.arguments([], [ast.arg("reading")], None, [], [], None, [])
        self.function = ast.fix_missing_locations(ast.Module([ast.FunctionDef("feed", parameters, body, [], None)], []))
        namespace = {**self._emitter.namespace, **NAMESPACE, "feed_exactly": self._exactly, "spread": self._spread}
        exec(compile(self.function, f"<windows of {self._kind}>", "exec"), namespace)  # noqa: S102
        run: Callable[[Any], list[Feed]] = namespace["feed"]
        return run

    def _feed(self, number: int, stream: Stream) -> ast.stmt:
        """Append (stream, key, row); the row is MISSING for an event that `where` leaves out."""
        kind, emitter, window = self._kind, self._emitter, stream.windows[0]
        keys = [
            emitter.certain(part, {}) if part.type.name == "list" else self._settled(part, countable)
            for part in window.by[kind]
        ]
        key = keys[0] if len(keys) == 1 else ast.Tuple(keys, ast.Load())
        values = [
            self._settled(column.trees[kind], _CHECKED[column.check])
            if column.check
            else emitter.certain(column.trees[kind], {})
            for column in stream.columns
        ]
        row: ast.expr = ast.Tuple(values, ast.Load())
        if kind in window.where:
            row = ast.IfExp(emitter.condition(window.where[kind], {}), row, name("MISSING"))
        bound = emitter.bind("stream", number, stream)
        exactly = append("feeds", call(name("feed_exactly"), name("reading"), bound))
        return guarded([append("feeds", ast.Tuple([bound, key, row], ast.Load()))], exactly)

    def _settled(self, node: Node, check: Callable[[Any], Any]) -> ast.expr:
        value = self._emitter.certain(node, {})
        return value if node.type.name in PLAIN else call(self._emitter.bind("check", check.__name__, check), value)

    def _exactly(self, reading: Reader, stream: Stream) -> Feed:
        """Where generated code raised. A fault in the key's place: no window can count or answer this event; in that of a
        value: none that measures it can."""
        kind, window = self._kind, stream.windows[0]
        try:
            found = [(part, evaluate(part, reading)) for part in window.by[kind]]
            keys = tuple(value if part.type.name == "list" else _checked(countable, value) for part, value in found)
            counted = evaluate(window.where[kind], reading) if kind in window.where else True
        except Fault as fault:
            return (stream, fault, MISSING)
        key = keys[0] if len(keys) == 1 else keys
        if counted is not True:
            return (stream, key, MISSING)
        row = tuple(self._value(reading, column) for column in stream.columns)
        return (stream, key, Partial(row) if any(isinstance(value, Fault) for value in row) else row)

    def _spread(self, feeds: list[Feed]) -> list[Feed]:
        """The feeds with those of spread streams under each of their keys: the first in its place, the others at the end."""
        for number, stream in enumerate(self.streams):
            _, key, row = feeds[number]
            if not stream.spread or isinstance(key, Fault):
                continue
            try:
                keys = _several(key, stream.windows[0].by[self._kind])
            except Fault as fault:
                feeds[number] = (stream, fault, MISSING)
                continue
            if type(row) is Partial:  # the one thing that its windows measure
                feeds[number] = (stream, row[0], MISSING)
                continue
            feeds[number] = (stream, keys[0], row) if keys else (stream, (), MISSING)
            feeds += [(stream, further, row) for further in keys[1:]]
        return feeds

    def _value(self, reading: Reader, column: Column) -> Any:
        try:
            value = evaluate(column.trees[self._kind], reading)
            return _checked(_CHECKED[column.check], value) if column.check else value
        except Fault as fault:
            return fault


#: The checks by their names.
_CHECKED: dict[str, Callable[[Any], Any]] = {check.__name__: check for check in CHECKS.values()}


def _checked(check: Callable[[Any], Any], value: Any) -> Any:
    try:
        return check(value)
    except ValueError as error:
        raise EvalError(str(error)) from None


def _several(key: Any, by: tuple[Node, ...]) -> list[Any]:
    """The keys of an event one of whose parts is a list, without repeats: with each of its items in that part's place."""
    place = next((at for at, part in enumerate(by) if part.type.name == "list"), None)
    if place is None:  # the part is a list at events of another type
        return [key]
    items = key if len(by) == 1 else key[place]
    keys = dict.fromkeys(
        _checked(countable, item) if len(by) == 1 else (*key[:place], _checked(countable, item), *key[place + 1 :])
        for item in items
    )
    if len(keys) > MOST_KEYS:
        raise EvalError(f"`by` has {len(keys)} items, more than {MOST_KEYS}")
    return list(keys)


def _nothing(_: Any) -> list[Feed]:
    return []
