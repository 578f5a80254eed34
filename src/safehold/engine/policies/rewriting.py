"""Changing one word of a policy's file and nothing else: comments, order and spacing are its author's.

Who calls: the console, where somebody promotes a rule without opening the editor.
"""

from collections.abc import Iterator

import yaml

from safehold.engine.policies.model import MODES


class NoSuchRule(LookupError):
    """The text has no rule of this id."""


def with_mode(text: str, rule: str, mode: str, share: float = 1.0) -> str:
    """The text with this rule in another mode; `share` is a canary's, 0 to 1.

    Raises NoSuchRule; ValueError for no mode, or a share that no canary can have.
    """
    if mode not in MODES:
        raise ValueError(f"`{mode}` is not a mode; it is one of {', '.join(MODES)}")
    if mode == "canary" and not 0 < share <= 1:
        raise ValueError("a canary's share is more than 0 and at most 100 %")
    word = f"{{canary: {{share: {100 * share:g}%}}}}" if mode == "canary" else mode
    for key, value in _pairs(_rule(text, rule)):
        if key.value == "mode":
            return f"{text[: key.end_mark.index]}: {word}{text[_end(value) :]}"
    for key, value in _pairs(_rule(text, rule)):
        if key.value == "id":
            if _in_flow(text, rule):
                return f"{text[: _end(value)]}, mode: {word}{text[_end(value) :]}"
            line_end = text.find("\n", _end(value))
            at = line_end if line_end >= 0 else len(text)
            return f"{text[:at]}\n{' ' * key.start_mark.column}mode: {word}{text[at:]}"
    raise NoSuchRule(rule)


def _rule(text: str, rule: str) -> yaml.MappingNode:
    try:
        root = yaml.compose(text, Loader=yaml.SafeLoader)
    except yaml.YAMLError as error:
        raise NoSuchRule(f"{rule}: the text is not YAML") from error
    for key, value in _pairs(root):
        if key.value == "rules" and isinstance(value, yaml.SequenceNode):
            for each in value.value:
                if any(name.value == "id" and part.value == rule for name, part in _pairs(each)):
                    return each  # type: ignore[no-any-return]  # only a mapping has pairs
    raise NoSuchRule(rule)


def _in_flow(text: str, rule: str) -> bool:
    return bool(_rule(text, rule).flow_style)


def _pairs(node: yaml.Node | None) -> Iterator[tuple[yaml.Node, yaml.Node]]:
    if isinstance(node, yaml.MappingNode):
        yield from node.value


def _end(node: yaml.Node) -> int:
    """Where a node's last character is. A block's own mark is where the next thing begins."""
    if isinstance(node, yaml.ScalarNode) or getattr(node, "flow_style", False) or not node.value:
        return int(node.end_mark.index)
    last = node.value[-1]
    return _end(last[1] if isinstance(last, tuple) else last)
