"""What reads what in a bundle: event types and fields, what is measured and counted of them, rules, and what those do.

`graph` gives the nodes and edges, `drawing.svg` a picture of them; `safehold policy graph` prints either.
"""

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from typing import Literal

from safehold.engine.language.tree import Node as Tree
from safehold.engine.language.tree import paths
from safehold.engine.policies.actions import template_paths
from safehold.engine.policies.model import Bundle, Policy, Rule, Window
from safehold.engine.signal import Signal

NodeKind = Literal["event", "field", "signal", "list", "label", "window", "rule", "action", "queue"]


@dataclass(frozen=True, slots=True)
class Node:
    """`id` is `kind:name`; `says` is a sentence for whoever points at it."""

    id: str
    kind: NodeKind
    label: str
    says: str


@dataclass(frozen=True, slots=True)
class Edge:
    """What flows from one node to another: `source` is read by, or leads to, `target`."""

    source: str
    target: str


@dataclass(frozen=True, slots=True)
class Graph:
    nodes: tuple[Node, ...]
    edges: tuple[Edge, ...]


def graph(bundle: Bundle, signals: Iterable[Signal], policies: Collection[str] = ()) -> Graph:
    """The graph of these policies, by their keys; of all without any. Retired rules are left out.

    Raises KeyError for a policy that is not there.
    """
    for key in policies:
        bundle.policy(key)
    builder = _Builder(bundle, {signal.name: signal for signal in signals})
    for policy in bundle.policies:
        if not policies or policy.key in policies:
            builder.add(policy)
    return Graph(tuple(builder.nodes.values()), tuple(dict.fromkeys(builder.edges)))


class _Builder:
    def __init__(self, bundle: Bundle, signals: dict[str, Signal]) -> None:
        self.bundle, self.signals = bundle, signals
        self.nodes: dict[str, Node] = {}
        self.edges: list[Edge] = []

    def add(self, policy: Policy) -> None:
        windows = {window.name: window for window in policy.windows}
        for rule in policy.rules:
            if rule.mode != "retired":
                self._rule(policy, rule, windows)

    def _rule(self, policy: Policy, rule: Rule, windows: dict[str, Window]) -> None:
        name = self._node("rule", f"{policy.key}/{rule.id}", f"{rule.title} ({rule.mode}), of {policy.title}")
        for kind in rule.on:
            event = self._node("event", kind, self.bundle.event_types[kind].title)
            self.edges.append(Edge(event, name))
        self._reads(rule.when.values(), policy, windows, name)
        for path, _ in template_paths(rule.then.reason):
            self._read(tuple(path.split(".")), policy, windows, name)
        self._does(rule, name)

    def _does(self, rule: Rule, name: str) -> None:
        then = rule.then
        self.edges.append(Edge(name, self._node("action", then.action, f"The action {then.action}")))
        if then.queue:
            self.edges.append(Edge(name, self._node("queue", then.queue, f"The review queue {then.queue}")))
        if then.label is not None:
            label = self._node(
                "action", f"label {then.label.name}", f"The label {then.label.name} on the {then.label.on}"
            )
            self.edges.append(Edge(name, label))

    def _reads(self, trees: Iterable[Tree], policy: Policy, windows: dict[str, Window], reader: str) -> None:
        for tree in trees:
            for parts in paths(tree):
                self._read(parts, policy, windows, reader)

    def _read(self, parts: tuple[str, ...], policy: Policy, windows: dict[str, Window], reader: str) -> None:
        if parts[0] == "windows" and parts[1] in windows:
            self.edges.append(Edge(self._window(policy, windows[parts[1]], windows), reader))
        elif parts[0] == "signals":
            self.edges.append(Edge(self._signal(parts[1]), reader))
        elif parts[0] == "lists":
            entries = self.bundle.lists[parts[1]]
            self.edges.append(
                Edge(self._node("list", parts[1], f"{entries.title or parts[1]} ({entries.kind})"), reader)
            )
        elif parts[0] == "labels":
            self.edges.append(Edge(self._node("label", f"labels.{parts[1]}", f"The labels of the {parts[1]}"), reader))
        else:
            self.edges.append(Edge(self._field(parts), reader))

    def _window(self, policy: Policy, window: Window, windows: dict[str, Window]) -> str:
        known = f"window:{policy.key}/{window.name}" in self.nodes
        what = f"{window.kind} over {window.seconds} seconds on {', '.join(window.on)}"
        name = self._node("window", f"{policy.key}/{window.name}", what)
        if not known:
            trees = [
                *window.value.values(),
                *window.where.values(),
                *(part for parts in window.by.values() for part in parts),
            ]
            self._reads(trees, policy, windows, name)
            for kind in window.on:
                self.edges.append(Edge(self._node("event", kind, self.bundle.event_types[kind].title), name))
        return name

    def _signal(self, name: str) -> str:
        signal = self.signals.get(name)
        says = f"Signal {name}, about {signal.cost:.0f} µs" if signal is not None else f"Signal {name}"
        node = self._node("signal", name, says)
        for path in signal.reads if signal is not None else ():
            self.edges.append(Edge(self._field(tuple(("event", "text") if path == "text" else path.split("."))), node))
        return node

    def _field(self, parts: tuple[str, ...]) -> str:
        about = ""
        for kind in self.bundle.event_types.types.values():
            found = kind.variables.get(parts[0])
            for part in parts[1:]:
                field = found.fields.get(part) if found is not None else None
                found = field.type if field is not None else None
                about = about or (field.description if field is not None else "")
        name = ".".join(parts)
        return self._node("field", name, about or f"The field {name}")

    def _node(self, kind: NodeKind, name: str, says: str) -> str:
        identity = f"{kind}:{name}"
        self.nodes.setdefault(identity, Node(identity, kind, name, says))
        return identity
