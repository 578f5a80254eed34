"""The stable names of everything `safehold policy check` can say: what it means, why it matters, what to do.

Reports name them, SARIF lists them as rules, `# lint: allow CODE` silences those that are warnings.
"""

from dataclasses import dataclass
from typing import Literal

Severity = Literal["error", "warning"]


@dataclass(frozen=True, slots=True)
class Code:
    """`says` is one line, `help` is for somebody who has never met it."""

    severity: Severity
    says: str
    help: str


CODES: dict[str, Code] = {
    "not-yaml": Code("error", "The file cannot be read as YAML", "Policies are YAML without anchors and without a key given twice."),
    "unknown-field": Code("error", "There is no such field", "A misspelt field would be ignored, so that it is refused."),
    "missing-field": Code("error", "A required field is missing", "The reference of the policy language lists the fields of each part."),
    "invalid-policy": Code("error", "Something in the file is not what it should be", "The message says what was expected."),
    "syntax": Code("error", "The expression cannot be parsed", "Expressions are CEL: https://cel.dev."),
    "unknown-name": Code("error", "The expression names something that is not there", "Fields come from the event type's schema, windows from the policy, lists from lists/."),
    "unknown-function": Code("error", "There is no such function", "The reference of the policy language lists all functions with examples."),
    "type-mismatch": Code("error", "The types do not fit", "Both sides of a comparison have the same type; durations are written duration(\"72h\")."),
    "unguarded-field": Code("error", "A field that may be absent is read without asking for it", "The rule would be undecided for each event without the field. Ask has(data.link) && ... first, or write data.?link.orValue(\"\")."),
    "bad-pattern": Code("error", "RE2 cannot run the pattern", "Patterns are RE2: linear time, and therefore no lookahead, lookbehind or back-references."),
    "bad-literal": Code("error", "A duration or a time cannot be read", "Durations are written 72h or 1h30m, times as in RFC 3339."),
    "too-large": Code("error", "The expression is too large", "Split it into several rules."),
    "rule-never-matches": Code("warning", "The rule can never match", "Two parts of the condition contradict each other, or a part asks for a value that the event type's schema does not allow."),
    "rule-always-matches": Code("warning", "The rule matches whatever the event is", "No event that decides the condition makes it false. Retire the rule, or say in a silencing comment why every event is meant."),
    "part-never-true": Code("warning", "A part of the condition is never true", "It can be left out, or it does not say what was meant."),
    "part-always-true": Code("warning", "A part of the condition is always true", "It can be left out, or it does not say what was meant."),
    "rule-shadowed": Code("warning", "Another rule always wins where this one matches", "Whenever this rule matches, so does a rule of the same policy whose action is at least as strong; this one changes nothing."),
    "rule-duplicated": Code("warning", "Two rules are the same", "They have the same condition and do the same."),
    "rule-without-example": Code("warning", "No example expects the rule to match", "Examples are the rule's tests, and what reviewers learn from."),
    "window-unused": Code("warning", "No rule reads the window", "It costs memory and time for every event all the same."),
    "window-never-counts": Code("warning", "The window's `where` is never true", "The window stays empty."),
    "window-not-kept": Code("warning", "The window is not kept for an event type of the rule", "The rule cannot be decided for that type: add it to the window's `on`, or take it from the rule's."),
    "list-unused": Code("warning", "No policy asks the list", "It is loaded all the same."),
    "dear-before-cheap": Code("warning", "A costly signal is read before a cheap test", "Operands are looked at from left to right; what is cheap and often settles the matter should stand first."),
    "allow-without-reason": Code("warning", "A silenced warning has no reason", "Write why: # lint: allow CODE, because ..."),
    "allow-unused": Code("warning", "Nothing is silenced here", "The warning is gone: take the comment away."),
}  # fmt: skip
WARNINGS = tuple(name for name, code in CODES.items() if code.severity == "warning")
