"""The examples of a policy: each is a test (`safehold policy test`) and something a reviewer learns from.

An example may leave out whatever does not matter to it: the event's id and time, and required fields of the data,
which are then filled with plain values. `actor: {age: 72h}` stands for the `created_at` that makes it so.
"""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from safehold.engine.policies import vocabulary
from safehold.engine.policies.events import EventType, EventTypes
from safehold.engine.policies.fields import Fields, read_seconds
from safehold.engine.policies.located import Located
from safehold.engine.policies.model import Example, Rule
from safehold.engine.policies.problems import Report, nearest

#: The time of an example that gives none: noon of a Thursday.
NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)


def read_examples(
    nodes: Located | None, rules: tuple[Rule, ...], windows: tuple[str, ...], types: EventTypes, report: Report
) -> tuple[Example, ...]:
    """Examples that are whole: their events fit the event type, and they expect rules that exist."""
    if nodes is None:
        return ()
    if not isinstance(nodes.value, list):
        report.add(nodes, "`examples` must be a list")
        return ()
    found = [_read(node, rules, windows, types, report) for node in nodes.value]
    return tuple(example for example in found if example is not None)


def _read(
    node: Located, rules: tuple[Rule, ...], windows: tuple[str, ...], types: EventTypes, report: Report
) -> Example | None:
    fields = Fields(node, report, "an example", vocabulary.EXAMPLE)
    event_node, expected = fields.need("event"), fields.need("expect")
    if event_node is None or expected is None:
        return None
    event_fields = Fields(event_node, report, "`event`", vocabulary.EXAMPLE_EVENT)
    kind = event_fields.text("type", required=True)
    if kind not in types:
        if kind:
            report.add(event_fields.values["type"], f"`{kind}` is not an event type", nearest(kind, types.types))
        return None
    assumed = {name: _mapping(fields.get(name), name, report) for name in ("windows", "signals", "labels")}
    for name in assumed["windows"]:
        if name not in windows:
            report.add(fields.values["windows"], f"the policy has no window `{name}`", nearest(name, windows))
    plain = event_node.plain()
    _declared(event_fields, types[kind], report)
    try:
        cloudevent = complete_event(plain, types[kind])
    except ValueError as error:
        report.add(event_node, f"not an event: {error}")
        return None
    for violation in types.check(cloudevent):
        report.add(event_node, f"the example's event does not fit {kind}: {violation.message}")
    name = fields.text("name", required=True)
    return Example(name, cloudevent, _expect(expected, rules, report), **assumed, line=node.line, column=node.column)


def _declared(fields: Fields, event_type: EventType, report: Report) -> None:
    """A misspelt field of an example would make it test nothing: fields the event type does not declare are refused."""
    for root in ("actor", "target", "context", "data"):
        node = fields.get(root)
        if node is None or not isinstance(node.value, dict):
            continue
        known = event_type.variables[root].fields
        for key, _ in node.items():
            if str(key.value) not in known:
                report.add(key, f"{event_type.name} has no field `{root}.{key.value}`", nearest(str(key.value), known))


def complete_event(plain: Mapping[str, Any], event_type: EventType) -> dict[str, Any]:
    """The CloudEvent of an example. Raises ValueError for a time or an age that cannot be read."""
    time = datetime.fromisoformat(plain["time"]) if plain.get("time") else NOON
    if time.tzinfo is None:
        raise ValueError("`time` needs an offset, such as Z")
    data = dict(plain.get("data") or {})
    for root in ("actor", "target", "context"):
        if root in plain or root == "actor":
            data[root] = _dated(plain.get(root) or {}, time)
    data["actor"].setdefault("created_at", (time - timedelta(days=365)).isoformat())
    return {
        "specversion": "1.0",
        "id": str(plain.get("id", "example")),
        "source": str(plain.get("source", "example")),
        "type": event_type.name,
        "time": time.isoformat(),
        **({"subject": plain["subject"]} if plain.get("subject") else {}),
        "data": _filled(data, event_type.schema),
    }


def _dated(entity: Any, time: datetime) -> dict[str, Any]:
    if not isinstance(entity, Mapping):
        raise ValueError("actor, target and context must be mappings")
    found: dict[str, Any] = dict(entity)
    if "age" in found:
        found["created_at"] = (time - timedelta(seconds=read_seconds(found.pop("age")))).isoformat()
    return found


def _filled(data: dict[str, Any], schema: Mapping[str, Any]) -> dict[str, Any]:
    """Required fields that are not there get the plainest value of their type."""
    for name in schema.get("required") or ():
        part = (schema.get("properties") or {}).get(name) or {}
        if name not in data:
            data[name] = _plainest(part)
        if isinstance(data[name], dict) and part.get("type") == "object":
            data[name] = _filled(dict(data[name]), part)
    return data


def _plainest(schema: Mapping[str, Any]) -> Any:
    if "enum" in schema:
        return schema["enum"][0]
    if schema.get("type") == "string" and "maxLength" in schema:
        return "example"[: schema["maxLength"]].ljust(schema.get("minLength", 0), "x")
    numbers = {"integer": schema.get("minimum", 0), "number": schema.get("minimum", 0)}
    others = {"boolean": False, "array": [], "object": {}}
    return {**numbers, **others}.get(str(schema.get("type")), "example")


def _mapping(node: Located | None, name: str, report: Report) -> dict[str, Any]:
    if node is None:
        return {}
    if not isinstance(node.value, dict):
        report.add(node, f"`{name}` must be a mapping")
        return {}
    return dict(node.plain())


def _expect(node: Located, rules: tuple[Rule, ...], report: Report) -> dict[str, str]:
    if node.value in ("none", "nothing"):
        return {}
    if not isinstance(node.value, dict):
        report.add(node, "`expect` must be `none` or a mapping of rules to actions")
        return {}
    known = {rule.id: rule.then.action for rule in rules}
    for key, value in node.items():
        if str(key.value) not in known:
            report.add(key, f"the policy has no rule `{key.value}`", nearest(str(key.value), known))
        elif value.value != known[str(key.value)]:
            report.add(value, f"`{key.value}` does `{known[str(key.value)]}`, not `{value.value}`")
    return {str(key.value): str(value.value) for key, value in node.items()}
