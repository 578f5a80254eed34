"""Every field that a policy's or an event type's file may have: one table for all who need to know.

The readers (`read`, `actions`, `examples`, `events`) take the names from here and refuse others; `authoring` makes
completion, hover and the JSON Schema for editors of the same rows, so that none of them can know a field the others do not.
"""

from dataclasses import dataclass
from typing import Literal

from safehold.engine.policies import dsa
from safehold.engine.verdict import ACTIONS
from safehold.engine.windows import kinds

SEVERITIES = ("low", "medium", "high", "critical")
MODES = ("draft", "shadow", "canary", "live", "retired")
#: What a rule does that could not be decided only because the store of its windows was away: nothing, and the verdict says
#: so; not match; match.
WHEN_AWAY = ("unknown", "fail_open", "fail_closed")
#: Whether an event type always has an actor.
ACTORS = ("required", "optional")
#: What a label is put on.
LABELLED = ("actor", "target", "content")

Shape = Literal[
    "text", "prose", "texts", "choice", "choices", "number", "flag", "period", "condition", "expression", "expressions",
    "event types", "event type", "table", "tables", "named", "translations", "mode", "expectation", "open", "schema", "path",
]  # fmt: skip


@dataclass(frozen=True, slots=True)
class Entry:
    """One field. `choices` are the only values there are; `table` names the table of what is inside.

    Shapes: `tables` is a list of tables, `named` a mapping of names to tables, `condition` an expression of type bool,
    `expressions` one or a list of them, `period` a duration such as 30d, `open` a mapping with keys of its own.
    """

    shape: Shape
    says: str
    required: bool = False
    choices: tuple[str, ...] = ()
    table: str = ""


Table = dict[str, Entry]

POLICY: Table = {
    "policy": Entry("text", "Its key: lower-case words joined by `.` and `-`, such as scams.cold-outreach", True),
    "title": Entry("text", "What people call it", True),
    "severity": Entry("choice", "Settles ties between equal actions; medium without it", choices=SEVERITIES),
    "guidance": Entry("prose", "What a reviewer reads"),
    "notice": Entry("translations", "What the affected person reads, per language"),
    "dsa": Entry("table", "How it is stated under the Digital Services Act", table="dsa"),
    "appeal": Entry("table", "How long a decision can be appealed", table="appeal"),
    "strikes": Entry("table", "How long its strikes count; without it, for ever", table="strikes"),
    "actions": Entry("choices", "The actions its rules may take; without it, all", choices=ACTIONS),
    "on": Entry("event types", "The event types it looks at", True),
    "windows": Entry("named", "What is counted over time, by name: read as windows.NAME", table="window"),
    "rules": Entry("tables", "Conditions and what follows from them", True, table="rule"),
    "when_away": Entry("choice", "For all its windows: what a rule does whose window can't be read", choices=WHEN_AWAY),
    "examples": Entry("tables", "Tests that reviewers learn from", table="example"),
}
RULE: Table = {
    "id": Entry("text", "Unique in the policy: lower-case letters, digits, - and _", True),
    "title": Entry("text", "What people call it; without it, the id in words"),
    "mode": Entry("mode", "Where the rule is in its life: live without it", choices=MODES),
    "breaker": Entry("table", "When it is too much: the rule is throttled then, and people are told", table="breaker"),
    "on": Entry("event types", "Fewer event types than the policy"),
    "when": Entry("condition", "The condition: a CEL expression that is true or false", True),
    "then": Entry("table", "What happens when it matches: an action's name, or its fields", True, table="then"),
}
BREAKER: Table = {
    "factor": Entry("number", "Times the busiest hour of the last seven days: 5 without it"),
    "at_least": Entry("number", "Matches in an hour that are never too much: 200 without it"),
    "off": Entry("flag", "true: this rule is never throttled"),
}
CANARY: Table = {"share": Entry("text", "The percentage of actors for whom it acts, such as 10%", True)}
THEN: Table = {
    "action": Entry("choice", "Mildest first: " + ", ".join(ACTIONS), True, ACTIONS),
    "queue": Entry("text", "Where a person should look at it"),
    "strike": Entry("number", "Strikes against the actor"),
    "for": Entry("period", "How long a label, warn, limit, hold or suspend lasts: 30d, 12h"),
    "reason": Entry("text", "A sentence with {paths}: {windows.recipients_1h} people in an hour"),
    "label": Entry("table", "A label to set once all rules of the event have run", table="label"),
}
LABEL: Table = {
    "name": Entry("text", "Lower-case letters, digits, - and _", True),
    "on": Entry("choice", "What it is put on; the actor without it", choices=LABELLED),
    "for": Entry("period", "How long it stays; for ever without it"),
}
_MEASURES = {
    "count": "How many events: write `count: true`", "rate": "Events a second: write `rate: true`",
    "sum": "The sum of this expression", "distinct": "How many different values this expression had",
    "min": "The least value of this expression", "max": "The greatest value of this expression",
    "first": "The earliest value of this expression", "last": "The latest value of this expression",
}  # fmt: skip
WINDOW: Table = {
    **{kind: Entry("expression" if kind in kinds.MEASURING else "flag", _MEASURES[kind]) for kind in kinds.KINDS},
    "by": Entry("expressions", "The key: one expression or several; each has a window of its own", True),
    "over": Entry("period", "How far back: from 1s to 30d", True),
    "where": Entry("condition", "Which events count: a CEL expression that is true or false"),
    "on": Entry("event types", "Other event types than the policy's"),
    "when_away": Entry("choice", "What a rule does that can't read it because its store is away", choices=WHEN_AWAY),
}
DSA: Table = {
    "category": Entry("choice", "The category of the DSA Transparency Database", True, tuple(dsa.KEYWORDS)),
    "keywords": Entry("texts", "Keywords that go with the category"),
    "ground": Entry("choice", "incompatible with the terms, or illegal", choices=dsa.GROUNDS),
    "clause": Entry("text", "The clause of the terms, or the law"),
    "url": Entry("text", "Where it can be read"),
}
APPEAL: Table = {"window": Entry("period", "184d or more: six months are the law (Article 20(1) DSA)")}
STRIKES: Table = {"expire": Entry("period", "How long a strike counts, such as 90d")}
EXAMPLE: Table = {
    "name": Entry("text", "What happens, in words", True),
    "event": Entry("table", "The event; what does not matter may be left out", True, table="example event"),
    "windows": Entry("open", "What windows would give, by name"),
    "signals": Entry("open", "What signals would give, by name and field"),
    "labels": Entry("open", "Labels of actor, target and content"),
    "expect": Entry("expectation", "`none`, or the rules that match and their actions", True),
}
EXAMPLE_EVENT: Table = {
    "type": Entry("event type", "The event's type", True),
    "id": Entry("text", "The event's id"),
    "source": Entry("text", "Who sent it"),
    "time": Entry("text", "When it happened, with an offset; noon of 2026-01-01 without it"),
    "subject": Entry("text", "The CloudEvent's subject"),
    "actor": Entry("open", "Who did it; `age: 72h` stands for the created_at that makes it so"),
    "target": Entry("open", "Whom or what it was done to"),
    "context": Entry("open", "From where"),
    "data": Entry("open", "What happened, by the event type's schema"),
}
EVENT_TYPE: Table = {
    "event": Entry("text", "Its name, such as message.sent", True),
    "title": Entry("text", "What people call it"),
    "description": Entry("prose", "When a platform sends it"),
    "subject": Entry("table", "Which entity the event is a snapshot of", True, table="subject"),
    "actor": Entry(
        "choice", "Whether it is always known who did it, with id and age; required without it", choices=ACTORS
    ),
    "schema": Entry("schema", "The JSON Schema of `data`", True),
}
SUBJECT: Table = {
    "kind": Entry("text", "What it is: message, account, listing, ...", True),
    "id": Entry("path", "The path of its id: data.message_id", True),
    "owner": Entry("path", "The path of its owner's id: actor.id"),
    "thread": Entry("path", "The path of the conversation's id"),
    "text": Entry("path", "The path of its text: data.text"),
}
TABLES: dict[str, Table] = {
    "policy": POLICY, "rule": RULE, "then": THEN, "label": LABEL, "window": WINDOW, "dsa": DSA, "appeal": APPEAL,
    "strikes": STRIKES, "canary": CANARY, "breaker": BREAKER,
    "example": EXAMPLE, "example event": EXAMPLE_EVENT, "event type": EVENT_TYPE,
    "subject": SUBJECT,
}  # fmt: skip
