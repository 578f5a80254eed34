"""What a judge judges by: the policy in force, as it is written, with its own examples. Who calls: `taking`."""

import json

from safehold.desk.looks.setup import Wanted
from safehold.engine.event import lift
from safehold.engine.policies.events import EventTypes
from safehold.engine.policies.model import Example, Policy
from safehold.signals.judge.asking import Norm

#: Examples of each sort that a judge is shown, and characters of one.
MOST_EXAMPLES, LONGEST_EXAMPLE = 6, 1_000


def norm_of(policy: Policy, event_types: EventTypes, wanted: Wanted) -> Norm:
    """The policy's text for a judge. Examples that rest on counts or labels are left out: their text alone breaks nothing."""
    breaking: list[str] = []
    innocent: list[str] = []
    for example in policy.examples:
        text = _text(example, event_types)
        if text and not example.windows and not example.labels:
            (breaking if any(action != "allow" for action in example.expect.values()) else innocent).append(text)
    parts = [policy.title, policy.guidance.strip()]
    for words, texts in (("Breaks the policy", breaking), ("Does not break it", innocent)):
        parts += [
            f"{words}: {json.dumps(text[:LONGEST_EXAMPLE], ensure_ascii=False)}" for text in texts[:MOST_EXAMPLES]
        ]
    categories = wanted.categories or (policy.key.partition(".")[2] or policy.key,)
    planted = wanted.planted or (breaking[0][:LONGEST_EXAMPLE] if breaking else "")
    return Norm("\n\n".join(part for part in parts if part), categories, planted)


def _text(example: Example, event_types: EventTypes) -> str:
    kind = event_types[str(example.event["type"])]
    return kind.text(lift(example.event)) or ""
