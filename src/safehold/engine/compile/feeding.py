"""What an event puts into each window of its type, as one generated Python function.

    def feed(reading):
        data = reading.event.data ...           # as in `compile.ruleset`
        feeds = []
        <each window, in its own try: feeds.append((window, key, value))>
        return feeds

Windows read neither labels nor other windows, so the feeds of many events can be computed before the first of them is
decided, and a store far away can be asked once for them all. Who calls: `Engine.read`.
"""

import ast
from collections.abc import Callable, Mapping
from typing import Any

from safehold.engine.compile.emit import Emitter, call, constant, name
from safehold.engine.compile.exact import Reader, evaluate
from safehold.engine.compile.faults import EvalError, Fault
from safehold.engine.compile.missing import MISSING
from safehold.engine.compile.reads import NAMESPACE, Parts, Reads, append, assign, guarded
from safehold.engine.language.tree import Node
from safehold.engine.policies.model import Policy, Window
from safehold.engine.policies.scope import Scope
from safehold.engine.windows.store import Feed
from safehold.engine.windows.values import countable, ordered

#: Types whose values are equal in Python where they are in CEL; others are looked at one by one.
_PLAIN = {"string", "int", "uint", "bytes", "bool", "timestamp", "duration"}


class Feeding:
    """The windows of an event type and their generated function. `windows` is their order, `index` finds one by policy
    and name; `run(reading)` gives a feed for each, in that order."""

    def __init__(
        self, scope: Scope, policies: tuple[Policy, ...], lists: Mapping[str, Any], lazies: list[tuple[str, Parts]]
    ) -> None:
        self._kind = scope.event_type.name
        named = [(policy.key, window) for policy in policies for window in policy.windows if self._kind in window.on]
        self.windows: tuple[Window, ...] = tuple(window for _, window in named)
        self.index = {(policy, window.name): number for number, (policy, window) in enumerate(named)}
        self._reads = Reads(scope, lazies)
        self._emitter = Emitter(self._reads.path, self._reads.present, lists)
        self.function: ast.Module
        self.run: Callable[[Any], list[Feed]] = self._compile()

    def _compile(self) -> Callable[[Any], list[Feed]]:
        if not self.windows:
            return _nothing
        feeding = [self._feed(number, window) for number, window in enumerate(self.windows)]
        body = [*self._reads.prologue(), assign("feeds", ast.List([], ast.Load())), *feeding, ast.Return(name("feeds"))]
        parameters = ast.arguments([], [ast.arg("reading")], None, [], [], None, [])
        self.function = ast.fix_missing_locations(ast.Module([ast.FunctionDef("feed", parameters, body, [], None)], []))
        namespace = {**self._emitter.namespace, **NAMESPACE, "feed_exactly": self._exactly}
        exec(compile(self.function, f"<windows of {self._kind}>", "exec"), namespace)  # noqa: S102
        run: Callable[[Any], list[Feed]] = namespace["feed"]
        return run

    def _feed(self, number: int, window: Window) -> ast.stmt:
        """Append (window, key, value); the value is MISSING for an event that `where` leaves out."""
        kind, emitter = self._kind, self._emitter
        keys = [self._settled(part, countable) for part in window.by[kind]]
        key = keys[0] if len(keys) == 1 else ast.Tuple(keys, ast.Load())
        value = constant(True)
        if kind in window.value:
            check = _CHECKS.get(window.kind)
            node = window.value[kind]
            value = self._settled(node, check) if check is not None else emitter.certain(node, {})
        if kind in window.where:
            value = ast.IfExp(emitter.condition(window.where[kind], {}), value, name("MISSING"))
        bound = emitter.bind("window", number, window)
        exactly = append("feeds", call(name("feed_exactly"), name("reading"), bound))
        return guarded([append("feeds", ast.Tuple([bound, key, value], ast.Load()))], exactly)

    def _settled(self, node: Node, check: Callable[[Any], Any]) -> ast.expr:
        value = self._emitter.certain(node, {})
        return value if node.type.name in _PLAIN else call(self._emitter.bind("check", check.__name__, check), value)

    def _exactly(self, reading: Reader, window: Window) -> Feed:
        """Where generated code raised. A fault in the key's place: the window can neither count nor answer this event."""
        kind = self._kind
        try:
            keys = tuple(_checked(countable, evaluate(part, reading)) for part in window.by[kind])
            counted = evaluate(window.where[kind], reading) if kind in window.where else True
            value = evaluate(window.value[kind], reading) if kind in window.value and counted else True
            if (check := _CHECKS.get(window.kind)) is not None and counted is True:
                value = _checked(check, value)
        except Fault as fault:
            return (window, fault, MISSING)
        return (window, keys[0] if len(keys) == 1 else keys, value if counted is True else MISSING)


#: What the kind of window asks of its values.
_CHECKS: dict[str, Callable[[Any], Any]] = {"distinct": countable, "min": ordered, "max": ordered}


def _checked(check: Callable[[Any], Any], value: Any) -> Any:
    try:
        return check(value)
    except ValueError as error:
        raise EvalError(str(error)) from None


def _nothing(_: Any) -> list[Feed]:
    return []
