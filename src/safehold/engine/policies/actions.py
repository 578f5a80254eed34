"""What a rule does: the `then:` of a rule, and the `{paths}` of its reason."""

import re

from safehold.engine.policies import vocabulary
from safehold.engine.policies.fields import Fields
from safehold.engine.policies.located import Located
from safehold.engine.policies.model import ActionSpec, LabelSpec
from safehold.engine.policies.problems import Report
from safehold.engine.verdict import ACTIONS

_SLUG = re.compile(r"[a-z0-9][a-z0-9_-]*")
_PATH = re.compile(r"\{([^{}]*)\}")
#: Actions that have an end; `for` says when.
TIMED = ("label", "warn", "limit", "hold", "suspend")


def template_paths(template: str) -> list[tuple[str, int]]:
    """Each `{path}` of a reason with the offset of the path in the template."""
    return [(match[1].strip(), match.start(1)) for match in _PATH.finditer(template)]


def fill(template: str, values: dict[str, str]) -> str:
    """The reason with each `{path}` replaced; a path without a value stays visible as `unknown`."""
    return _PATH.sub(lambda match: values.get(match[1].strip(), "unknown"), template)


def read_action(node: Located, report: Report, allowed: tuple[str, ...]) -> ActionSpec:
    """`then: {action, queue, strike, for, reason, label}`."""
    if isinstance(node.value, str):
        node = Located({"action": node}, node.line, node.column, node.source, keys=(_key("action", node),))
    fields = Fields(node, report, "`then`", vocabulary.THEN)
    fields.need("action")
    action = fields.choice("action", ACTIONS, "allow")
    if action not in allowed:
        report.add(
            fields.values["action"],
            f"this policy does not allow `{action}`",
            f"its `actions` are: {', '.join(allowed)}",
        )
    queue = fields.text("queue") or None
    if queue and not _SLUG.fullmatch(queue):
        report.add(fields.values["queue"], f"`{queue}` is not a queue's name", "lower-case letters, digits, - and _")
    seconds = fields.seconds("for")
    if seconds and action not in TIMED:
        report.add(fields.values["for"], f"`{action}` has no end", f"`for` goes with: {', '.join(TIMED)}")
    if action == "suspend" and "for" not in fields.values:
        report.add(node, "`suspend` needs `for`: how long", "write for: 7d, or use `terminate`")
    label_node = fields.get("label")
    label = _label(label_node, report) if label_node else None
    if action == "label" and label_node is None:
        report.add(node, "`action: label` needs `label: {name: ..., on: actor}`")
    return ActionSpec(action, queue, fields.number("strike", 0), seconds, fields.text("reason"), label)


def _key(name: str, at: Located) -> Located:
    return Located(name, at.line, at.column, at.source)


def _label(node: Located, report: Report) -> LabelSpec:
    if isinstance(node.value, str):
        node = Located({"name": node}, node.line, node.column, node.source, keys=(_key("name", node),))
    fields = Fields(node, report, "`label`", vocabulary.LABEL)
    name = fields.text("name", required=True)
    if name and not _SLUG.fullmatch(name):
        report.add(fields.values["name"], f"`{name}` is not a label's name", "lower-case letters, digits, - and _")
    return LabelSpec(name, fields.choice("on", vocabulary.LABELLED, "actor"), fields.seconds("for"))
