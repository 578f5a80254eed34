"""The graph of a bundle as one SVG file: columns from what happens to what is done, lines from left to right.

It stands alone (no script, no font, no stylesheet of others), reads in light and dark, and says in words what it shows: a title,
a description, and a title on every box and line. Kinds differ by their heading and the mark on their box, not by colour alone.
"""

from collections.abc import Mapping, Sequence
from html import escape

from safehold.engine.authoring.graph import Edge, Graph, Node, NodeKind

_COLUMNS: tuple[tuple[NodeKind, ...], ...] = (
    ("event", "field"), ("signal", "list", "label"), ("window",), ("rule",), ("action", "queue"),
)  # fmt: skip
_HEADINGS: dict[NodeKind, str] = {
    "event": "Event types", "field": "Fields", "signal": "Signals", "list": "Lists", "label": "Labels", "window": "Windows",
    "rule": "Rules", "action": "Actions and labels", "queue": "Queues",
}  # fmt: skip
#: Pixels: of a row, between columns, of a letter of the 12 px sans-serif, and around everything.
_ROW, _GAP, _LETTER, _MARGIN = 26, 130, 6.7, 24
_STYLE = """
svg { --ink: #1b1f24; --soft: #57606a; --line: #8c959f; --box: #ffffff; --page: #f6f8fa; --edge: #d0d7de;
  font: 12px system-ui, sans-serif; background: var(--page); color: var(--ink) }
@media (prefers-color-scheme: dark) { svg { --ink: #e6edf3; --soft: #9da7b3; --line: #6e7681; --box: #161b22;
  --page: #0d1117; --edge: #3d444d } }
text { fill: var(--ink) } .heading { fill: var(--soft); font-weight: 600 }
rect.page { fill: var(--page) } .node rect.box { fill: var(--box); stroke: var(--edge) }
.edge { fill: none; stroke: var(--line); stroke-opacity: .45 } .edge:hover { stroke-opacity: 1; stroke-width: 2.5 }
.node:hover rect.box { stroke: var(--ink); stroke-width: 1.5 }
.event .mark { fill: #0969da } .field .mark { fill: #6e7781 } .signal .mark { fill: #8250df } .list .mark { fill: #9a6700 }
.label .mark { fill: #bf3989 } .window .mark { fill: #1a7f37 } .rule .mark { fill: #bc4c00 } .action .mark { fill: #cf222e }
.queue .mark { fill: #0550ae }
"""


def svg(graph: Graph, title: str) -> str:
    """The picture of a graph, as the text of an SVG file."""
    columns = _ordered(graph)
    boxes, width, height = _placed(columns)
    names = {node.id: node for node in graph.nodes}
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" width="{width}" height="{height}" '
        f'role="img" aria-labelledby="title description">',
        f'<title id="title">{escape(title)}</title>',
        f'<desc id="description">{escape(_described(graph))}</desc>',
        f"<style>{_STYLE}</style>",
        f'<rect class="page" width="{width}" height="{height}"/>',
        *(_line(edge, boxes, names) for edge in graph.edges),
        *_headings(columns, boxes),
        *(_box(node, boxes[node.id]) for column in columns for node in column),
        "</svg>",
    ]
    return "\n".join(parts) + "\n"


Box = tuple[float, float, float]


def _described(graph: Graph) -> str:
    counts = {kind: sum(node.kind == kind for node in graph.nodes) for kind in _HEADINGS}
    words = ", ".join(f"{count} {_HEADINGS[kind].lower()}" for kind, count in counts.items() if count)
    return f"What reads what, from left to right: {words}; {len(graph.edges)} connections."


def _ordered(graph: Graph) -> list[list[Node]]:
    """The nodes of each column; those that are connected stand near each other (a few rounds of barycentres)."""
    columns = [[node for kind in kinds for node in graph.nodes if node.kind == kind] for kinds in _COLUMNS]
    near: dict[str, list[str]] = {node.id: [] for node in graph.nodes}
    for edge in graph.edges:
        near[edge.source].append(edge.target)
        near[edge.target].append(edge.source)
    for _ in range(4):
        place = {node.id: at / max(len(column), 1) for column in columns for at, node in enumerate(column)}
        centre = {name: sum(place[other] for other in others) / len(others) for name, others in near.items() if others}
        for kinds, column in zip(_COLUMNS, columns, strict=True):
            column.sort(key=lambda node: (kinds.index(node.kind), centre.get(node.id, 0.0), node.id))
    return columns


def _placed(columns: Sequence[Sequence[Node]]) -> tuple[dict[str, Box], int, int]:
    """For each node x, y and width, and the size of the whole."""
    boxes: dict[str, Box] = {}
    x, lowest = float(_MARGIN), 0.0
    for column in columns:
        if not column:
            continue
        width = max(len(node.label) for node in column) * _LETTER + 24
        y, kind = float(_MARGIN), None
        for node in column:
            if node.kind != kind:
                y += _ROW if kind is None else _ROW * 1.6
                kind = node.kind
            boxes[node.id] = (x, y, width)
            y += _ROW
        lowest = max(lowest, y)
        x += width + _GAP
    return boxes, round(max(x - _GAP, 0) + _MARGIN), round(lowest + _MARGIN)


def _headings(columns: Sequence[Sequence[Node]], boxes: Mapping[str, Box]) -> list[str]:
    found, seen = [], set()
    for column in columns:
        for node in column:
            if node.kind not in seen:
                seen.add(node.kind)
                x, y, _ = boxes[node.id]
                found.append(f'<text class="heading" x="{x:.0f}" y="{y - 8:.0f}">{_HEADINGS[node.kind]}</text>')
    return found


def _line(edge: Edge, boxes: Mapping[str, Box], names: Mapping[str, Node]) -> str:
    x, y, width = boxes[edge.source]
    to_x, to_y, _ = boxes[edge.target]
    start, middle = x + width, (to_x - x - width) / 2
    y, to_y = y + 10, to_y + 10
    curve = f"M{start:.0f} {y:.0f}C{start + middle:.0f} {y:.0f} {to_x - middle:.0f} {to_y:.0f} {to_x:.0f} {to_y:.0f}"
    words = f"{names[edge.source].label} → {names[edge.target].label}"
    return f'<path class="edge" d="{curve}"><title>{escape(words)}</title></path>'


def _box(node: Node, box: Box) -> str:
    x, y, width = box
    return (
        f'<g class="node {node.kind}"><title>{escape(f"{node.label}: {node.says}")}</title>'
        f'<rect class="box" x="{x:.0f}" y="{y:.0f}" width="{width:.0f}" height="20" rx="4"/>'
        f'<rect class="mark" x="{x:.0f}" y="{y:.0f}" width="4" height="20" rx="2"/>'
        f'<text x="{x + 11:.0f}" y="{y + 14:.0f}">{escape(node.label)}</text></g>'
    )
