"""One way to write a policy's file: `formatted(text, kind)`.

Keys come in the order of their tables, everything inside is indented by two, expressions as `language.layout` has them;
prose, quotes, comments and single empty lines stay as they are. The result is read again before it is given back: a file that
would mean anything else, or would lose a comment, is refused and left alone.
"""

from dataclasses import dataclass, field

import yaml

from safehold.engine.authoring.context import list_table
from safehold.engine.authoring.lint.silence import comments
from safehold.engine.language.layout import layout, one_line
from safehold.engine.policies.canonical import EXPRESSIONS, settled
from safehold.engine.policies.located import YamlProblem, parse_yaml
from safehold.engine.policies.vocabulary import TABLES, Entry, Table

WIDTH = 120
#: Tables whose keys have one order; in the others the author's own says something.
_ORDERED = ("policy", "rule", "example", "event type")


class Unformattable(ValueError):
    """The file cannot be formatted without changing it otherwise; the message says why."""


def formatted(text: str, kind: str = "policy") -> str:
    """The text in the one form. `kind` is `policy`, `event type` or `list`. Raises Unformattable and YamlProblem."""
    text = text.replace("\r\n", "\n")
    before = parse_yaml(text, "")
    if before.value is None:
        return text
    node = yaml.compose(text, Loader=yaml.SafeLoader)
    table = list_table() if kind == "list" else TABLES[kind]
    writer = _Writer(text)
    lines = writer.block(node, table, 0) if isinstance(node, yaml.MappingNode) else None
    if lines is None:
        raise Unformattable("the file is no mapping of keys to values")
    result = "\n".join(line.rstrip() for line in [*lines, *writer.footer()]).strip("\n") + "\n"
    try:
        after = parse_yaml(result, "")
    except YamlProblem as problem:
        raise Unformattable(f"it would not be YAML any more: {problem}") from None
    if settled(before.plain(), table) != settled(after.plain(), table):
        raise Unformattable("it would mean something else")
    if sorted(found[2] for found in comments(text)) != sorted(found[2] for found in comments(result)):
        raise Unformattable("a comment would be lost; put it above the line that it is about")
    return result


@dataclass(slots=True)
class _Item:
    """A pair of a block mapping or an item of a block sequence: where it begins and ends, and its comments."""

    first: int
    last: int
    above: list[str] = field(default_factory=list)
    beside: str = ""
    blank: bool = False


class _Writer:
    def __init__(self, text: str) -> None:
        self.text, self.rows = text, text.split("\n")
        self.items: dict[int, _Item] = {}
        self.below: list[str] = []
        node = yaml.compose(text, Loader=yaml.SafeLoader)
        self._collect(node)
        self._attach()

    # -- comments and empty lines ----------------------------------------------------------------------------------

    def _collect(self, node: yaml.Node | None) -> None:
        """Every line that begins an item of a block, in the order of the file. (A line begins a sequence's item and its
        first pair at once: the pair's place is kept, which is the deeper one.)"""
        if isinstance(node, yaml.MappingNode) and not node.flow_style:
            for key, value in node.value:
                self.items[key.start_mark.line] = _Item(key.start_mark.line, _last_line(value))
                self._collect(value)
        elif isinstance(node, yaml.SequenceNode) and not node.flow_style:
            for part in node.value:
                self.items.setdefault(part.start_mark.line, _Item(part.start_mark.line, _last_line(part)))
                self._collect(part)

    def _attach(self) -> None:
        ordered = [self.items[line] for line in sorted(self.items)]
        for line, column, comment in comments(self.text):
            row = line - 1
            if self.rows[row][: column - 1].strip():
                owner = [item for item in ordered if item.first <= row <= item.last]
                if owner and not owner[-1].beside:
                    owner[-1].beside = f"  {comment}"
                continue
            following = next((item for item in ordered if item.first > row), None)
            (following.above if following else self.below).append(comment)
        for item in ordered:
            row = item.first - 1
            while row >= 0 and self.rows[row].lstrip().startswith("#"):
                row -= 1
            item.blank = row >= 0 and not self.rows[row].strip()

    def footer(self) -> list[str]:
        return ["", *self.below] if self.below else []

    # -- blocks ----------------------------------------------------------------------------------------------------

    def block(self, node: yaml.MappingNode, table: Table | None, indent: int, *, dash: bool = False) -> list[str]:
        """A mapping a line a key; after a sequence's dash, the first line follows it."""
        pairs = _in_order(node, table)
        lines: list[str] = []
        origin = min((key.start_mark.line for key, _ in node.value), default=0)
        for position, (key, value) in enumerate(pairs):
            item = self.items[key.start_mark.line]
            pad = " " * indent
            # What stands above a sequence's item belongs to the item, whichever key comes first now.
            if not dash or (position and key.start_mark.line != origin):
                lines += [""] * (item.blank and bool(lines or indent)) + [f"{pad}{comment}" for comment in item.above]
            head = f"{pad if position or not dash else ''}{self._source(key)}:"
            lines += self._pair(head, value, (table or {}).get(key.value), indent, item.beside)
        return lines

    def _pair(self, head: str, value: yaml.Node, entry: Entry | None, indent: int, beside: str) -> list[str]:
        inner = TABLES.get(entry.table) if entry else None
        if isinstance(value, yaml.MappingNode) and not value.flow_style and value.value:
            if entry is not None and entry.shape == "named":
                return [head + beside, *self._named(value, inner, indent + 2)]
            return [head + beside, *self.block(value, inner, indent + 2)]
        if isinstance(value, yaml.SequenceNode) and not value.flow_style and value.value:
            return [head + beside, *self._sequence(value, inner, indent + 2, entry)]
        if isinstance(value, (yaml.MappingNode, yaml.SequenceNode)):
            return self._flowing(head, value, inner, indent, beside, entry)
        return self._scalar(head, value, entry, indent, beside)

    def _named(self, node: yaml.MappingNode, inner: Table | None, indent: int) -> list[str]:
        lines: list[str] = []
        for key, value in node.value:
            item = self.items[key.start_mark.line]
            pad = " " * indent
            lines += [""] * item.blank + [f"{pad}{comment}" for comment in item.above]
            entry = Entry("table", "", table=next((name for name, table in TABLES.items() if table is inner), ""))
            lines += self._pair(f"{pad}{self._source(key)}:", value, entry, indent, item.beside)
        return lines

    def _sequence(self, node: yaml.SequenceNode, inner: Table | None, indent: int, entry: Entry | None) -> list[str]:
        lines: list[str] = []
        pad = " " * indent
        for part in node.value:
            item = self.items[part.start_mark.line]
            lines += [""] * item.blank + [f"{pad}{comment}" for comment in item.above]
            if isinstance(part, yaml.MappingNode) and not part.flow_style and part.value:
                first, *rest = self.block(part, inner, indent + 2, dash=True)
                lines += [f"{pad}- {first}", *rest]
            elif isinstance(part, yaml.SequenceNode) and not part.flow_style and part.value:
                raise Unformattable("a list directly inside a list: write the inner one as [a, b]")
            else:
                expression = entry is not None and entry.shape in EXPRESSIONS
                inside = entry if expression else Entry("open", "", table=entry.table if entry else "")
                lines += self._pair(f"{pad}-", part, inside, indent, item.beside)
        return lines

    # -- values ----------------------------------------------------------------------------------------------------

    def _scalar(self, head: str, node: yaml.Node, entry: Entry | None, indent: int, beside: str) -> list[str]:
        if entry is not None and entry.shape in EXPRESSIONS and isinstance(node, yaml.ScalarNode):
            lines = self._expression(head, node, indent, beside)
            if lines is not None:
                return lines
        if isinstance(node, yaml.ScalarNode) and node.style in ("|", ">"):
            return self._prose(head, node, indent, beside)
        first, *rest = self._source(node).split("\n")
        return [f"{head} {first}".rstrip() + ("" if rest else beside), *self._continued(rest, indent, beside)]

    def _continued(self, rest: list[str], indent: int, beside: str) -> list[str]:
        """The further lines of a text over several lines; what stands at their beginning means nothing to YAML."""
        lines = [f"{' ' * (indent + 2)}{line.strip()}" if line.strip() else "" for line in rest]
        return [*lines[:-1], lines[-1] + beside] if lines else []

    def _expression(self, head: str, node: yaml.ScalarNode, indent: int, beside: str) -> list[str] | None:
        """In one line where it fits, plain or quoted; otherwise folded. None where it is better left alone."""
        lines = layout(node.value, WIDTH - indent - 2)
        if one_line(node.value) != one_line(" ".join(lines)) or _is_special(node):
            return None
        if len(lines) == 1:
            written = _written(lines[0], flow=False)
            if len(head) + 1 + len(written) <= WIDTH:
                return [f"{head} {written}{beside}"]
        if max(map(len, lines)) > WIDTH - indent - 2 and node.style in ("|", ">"):
            return None  # it cannot be broken any better than its author did
        return [f"{head} >-{beside}", *(f"{' ' * (indent + 2)}{line}" for line in lines)]

    def _prose(self, head: str, node: yaml.ScalarNode, indent: int, beside: str) -> list[str]:
        header, *rows = self._source(node).split("\n")
        header = header.split("#")[0].strip()
        digit = next((letter for letter in header if letter.isdigit()), "")
        used = [len(row) - len(row.lstrip(" ")) for row in rows if row.strip()]
        outer = self.rows[node.start_mark.line]
        parent = len(outer) - len(outer.lstrip(" -"))
        cut = parent + int(digit) if digit else (next(iter(used), 0))
        lines = [f"{' ' * (indent + 2)}{row[cut:]}" if row.strip() else "" for row in rows]
        while lines and not lines[-1] and "+" not in header:
            lines.pop()
        return [f"{head} {header.replace(digit, '2') if digit else header}{beside}", *lines]

    def _flowing(
        self, head: str, node: yaml.Node, table: Table | None, indent: int, beside: str, entry: Entry | None
    ) -> list[str]:
        """`{...}` and `[...]`: in one line where they were, or where they fit; otherwise filled line by line."""
        whole = self._flow(node, table, entry)
        if len(head) + 1 + len(whole) <= WIDTH:
            return [f"{head} {whole}{beside}"]
        if node.start_mark.line == node.end_mark.line:
            alone = not self.rows[node.start_mark.line][: node.start_mark.column].strip()
            return [head + beside, f"{' ' * (indent + 2)}{whole}"] if alone else [f"{head} {whole}{beside}"]
        opened, closed = whole[0], whole[-1]
        lines, current = [f"{head} {opened}{beside}"], ""
        for part in self._parts(node, table, entry):
            if current and len(current) + 2 + len(part) > WIDTH - indent - 4:
                lines.append(f"{' ' * (indent + 4)}{current},")
                current = part
            else:
                current = f"{current}, {part}" if current else part
        return [*lines, f"{' ' * (indent + 4)}{current}", f"{' ' * (indent + 2)}{closed}"]

    def _flow(self, node: yaml.Node, table: Table | None, entry: Entry | None) -> str:
        if isinstance(node, yaml.ScalarNode):
            if entry is not None and entry.shape in EXPRESSIONS and not _is_special(node):
                lines = layout(node.value, 1 << 20)
                if len(lines) == 1:
                    return _written(lines[0], flow=True)
            source = self._source(node)
            return " ".join(line.strip() for line in source.split("\n")) if "\n\n" not in source else source
        opened, closed = ("{", "}") if isinstance(node, yaml.MappingNode) else ("[", "]")
        return f"{opened}{', '.join(self._parts(node, table, entry))}{closed}"

    def _parts(self, node: yaml.Node, table: Table | None, entry: Entry | None) -> list[str]:
        if isinstance(node, yaml.SequenceNode):
            return [self._flow(part, table, entry) for part in node.value]
        found = []
        for key, value in _in_order(node, table):
            inner = (table or {}).get(key.value)
            deeper = TABLES.get(inner.table) if inner else None
            empty = isinstance(value, yaml.ScalarNode) and value.start_mark.index == value.end_mark.index
            found.append(self._source(key) if empty else f"{self._source(key)}: {self._flow(value, deeper, inner)}")
        return found

    def _source(self, node: yaml.Node) -> str:
        text = self.text[node.start_mark.index : node.end_mark.index]
        return text.rstrip() if isinstance(node, yaml.ScalarNode) and node.style is None else text.rstrip("\n")


def _in_order(node: yaml.Node, table: Table | None) -> list[tuple[yaml.Node, yaml.Node]]:
    """The pairs in the order of their table, where it has one; keys that it does not know come last."""
    pairs = list(node.value)
    if table is not None and any(table is TABLES[name] for name in _ORDERED):
        order = {name: at for at, name in enumerate(table)}
        pairs.sort(key=lambda pair: order.get(pair[0].value, len(order)))
    return pairs


def _last_line(node: yaml.Node) -> int:
    """The last line of a value that stands in one piece; of a block of keys, the line before its first key."""
    if isinstance(node, (yaml.MappingNode, yaml.SequenceNode)) and not node.flow_style:
        return max(node.start_mark.line - 1, 0)
    if isinstance(node, yaml.ScalarNode) and node.style in ("|", ">"):
        return node.start_mark.line
    return int(node.end_mark.line)


def _is_special(node: yaml.ScalarNode) -> bool:
    """A plain `true`, `null` or number, which is no text in YAML."""
    return node.style is None and node.tag != "tag:yaml.org,2002:str"


def _written(text: str, *, flow: bool) -> str:
    """How an expression is written on a line: plain where YAML reads it back, otherwise in the quotes it does not have."""
    if _reads(f"[{text}]" if flow else f"a: {text}", text, flow):
        return text
    if "'" in text and '"' not in text and "\\" not in text:
        return f'"{text}"'
    return "'" + text.replace("'", "''") + "'"


def _reads(source: str, text: str, flow: bool) -> bool:
    try:
        node = yaml.compose(source, Loader=yaml.SafeLoader)
    except yaml.YAMLError:
        return False
    if node is None:
        return False
    found = node.value[0] if flow else node.value[0][1]
    single = len(node.value) == 1 and isinstance(found, yaml.ScalarNode)
    return bool(single and found.value == text and found.tag == "tag:yaml.org,2002:str" and " #" not in text)
