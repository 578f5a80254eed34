"""What the engine answers: the action that won, every rule that matched with the values it saw, and what it could
not tell. A verdict is data: nothing has been done yet when it is made.

Nothing here can point at itself, so the garbage collector need not look at it (`gc=False`).
"""

from typing import Any

import msgspec

from safehold.engine.lists.entry import Match

#: The actions a rule or a person can take, mildest first. The strongest that fired wins.
ACTIONS = ("allow", "label", "warn", "limit", "hold", "remove", "suspend", "terminate")


class LabelEffect(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, gc=False):
    """A label to set: `on` is `actor`, `target` or `content`; `seconds` is how long it lasts, None for ever."""

    name: str
    on: str
    seconds: int | None = None


class Hit(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, gc=False):
    """A rule that matched. `values` maps each path its condition read (`windows.recipients_1h`) to what it saw; `matches`
    are the entries of lists that it found, with where they come from. `suppressed` says why a rule that would have acted
    is in `shadow`: `breaker` (it matched too much and is throttled) or `quota` (the day's share of its action is used up).
    """

    policy: str
    rule: str
    rule_hash: str
    mode: str
    action: str
    reason: str = ""
    queue: str | None = None
    strike: int = 0
    seconds: int | None = None
    label: LabelEffect | None = None
    values: dict[str, Any] = {}
    matches: list[Match] = []
    suppressed: str = ""


class Undecided(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, gc=False):
    """A rule that could not decide. `cause` is `unknown` (what it needed was missing or failed) or `error`."""

    policy: str
    rule: str
    cause: str
    detail: str


class SignalRun(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, gc=False):
    """A signal that was asked: its version, how long it took in microseconds, and its failure if it failed."""

    signal: str
    version: str
    micros: int
    error: str | None = None
    values: dict[str, Any] = {}


class StoreFailure(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The store of windows could not be asked for this event. `assumed` maps rules (`policy/rule`) that could therefore only
    go by what their windows' `when_away` says to `matched` (fail_closed) or `not matched` (fail_open)."""

    store: str
    error: str
    assumed: dict[str, str] = {}


class Verdict(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """The engine's answer to one event.

    `action` is the strongest action of the live rules that matched, `allow` if none did; `winner` names the rule it
    came from (`policy/rule`); `queue` is where a person should look at it, if anybody should. Rules in `shadow` mode
    (and actors outside a canary's share) are in `hits` with `mode` `shadow` and never win. `lists` says which version of
    each managed list the rules were asked with; lists in files are part of the bundle. `failures` names a store of windows
    that was away when a rule wanted to read one.
    """

    action: str
    winner: str | None
    why: str
    queue: str | None
    hits: list[Hit]
    undecided: list[Undecided]
    signals: list[SignalRun]
    bundle: str
    lists: dict[str, str] = {}
    failures: list[StoreFailure] = []
