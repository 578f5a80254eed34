"""What a folder of policies is once it has been read: plain immutable data, everything people need later included.

The engine decides with it; the desk, the statements of reasons and the transparency report read the same objects.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from safehold.engine.language.tree import Node
from safehold.engine.lists.policy_list import PolicyList
from safehold.engine.policies import vocabulary
from safehold.engine.policies.events import EventTypes

SEVERITIES = vocabulary.SEVERITIES
MODES = vocabulary.MODES


@dataclass(frozen=True, slots=True)
class Dsa:
    """How a policy is stated under the Digital Services Act: one category, keywords, and the ground.

    `ground` is `incompatible` (with the terms; `clause` and `url` say where) or `illegal` (then they name the law).
    """

    category: str
    keywords: tuple[str, ...] = ()
    ground: str = "incompatible"
    clause: str = ""
    url: str = ""


@dataclass(frozen=True, slots=True)
class LabelSpec:
    """A label to set on the `actor`, the `target` or the `content`; `seconds` is how long, None for ever."""

    name: str
    on: str = "actor"
    seconds: int | None = None


@dataclass(frozen=True, slots=True)
class ActionSpec:
    """What a rule does. `reason` is a template with `{paths}`; `seconds` is how long a restriction lasts."""

    action: str
    queue: str | None = None
    strike: int = 0
    seconds: int | None = None
    reason: str = ""
    label: LabelSpec | None = None


@dataclass(frozen=True, slots=True)
class Window:
    """A velocity feature. `kind` is one of the eight; the trees are per event type, because types differ by it.

    `value` is the measured expression (none for `count` and `rate`), `by` the key, `where` the condition. `id` names the
    window and its definition: a window that was changed starts afresh. `when_away` is one of `vocabulary.WHEN_AWAY`.
    """

    id: str
    name: str
    kind: str
    seconds: int
    on: tuple[str, ...]
    value: Mapping[str, Node]
    by: Mapping[str, tuple[Node, ...]]
    where: Mapping[str, Node]
    hash: str
    when_away: str = "unknown"

    @property
    def spread(self) -> bool:
        """Whether its key is a list: then it is over the events that share an item with the one that asks."""
        return any(part.type.name == "list" for parts in self.by.values() for part in parts)


@dataclass(frozen=True, slots=True)
class BreakerSpec:
    """When a rule matches too much: more than `factor` times its busiest hour, and `at_least` times in an hour. None of it
    changes what the rule says of an event."""

    factor: int = 5
    at_least: int = 200
    off: bool = False


@dataclass(frozen=True, slots=True)
class Rule:
    """One condition and what follows. `when` has a tree for each event type of `on`; `share` is a canary's, 0 to 1."""

    id: str
    title: str
    mode: str
    share: float
    on: tuple[str, ...]
    text: str
    when: Mapping[str, Node]
    then: ActionSpec
    hash: str
    line: int
    breaker: BreakerSpec = BreakerSpec()


@dataclass(frozen=True, slots=True)
class Example:
    """A test that is also teaching material. `expect` maps rule ids to actions; empty means that nothing matches."""

    name: str
    event: Mapping[str, Any]
    expect: Mapping[str, str]
    windows: Mapping[str, Any] = field(default_factory=dict)
    signals: Mapping[str, Any] = field(default_factory=dict)
    labels: Mapping[str, Any] = field(default_factory=dict)
    line: int = 1
    column: int = 1


@dataclass(frozen=True, slots=True)
class Policy:
    """One policy file. `notice` is what the affected person reads, per language; periods are in seconds."""

    key: str
    title: str
    severity: str
    guidance: str
    notice: Mapping[str, str]
    dsa: Dsa | None
    appeal_seconds: int
    strike_seconds: int | None
    actions: tuple[str, ...]
    on: tuple[str, ...]
    windows: tuple[Window, ...]
    rules: tuple[Rule, ...]
    examples: tuple[Example, ...]
    file: str
    hash: str


@dataclass(frozen=True, slots=True)
class Bundle:
    """Everything that decides, and the hash of it: policies, event types, lists and the signals' versions."""

    policies: tuple[Policy, ...]
    event_types: EventTypes
    lists: Mapping[str, PolicyList]
    signal_versions: Mapping[str, str]
    hash: str

    def policy(self, key: str) -> Policy:
        """Raises KeyError for a policy that is not there."""
        return {policy.key: policy for policy in self.policies}[key]

    def rule(self, name: str) -> Rule:
        """A rule by `policy/rule`. Raises KeyError."""
        key, _, rule_id = name.rpartition("/")
        return {rule.id: rule for rule in self.policy(key).rules}[rule_id]
