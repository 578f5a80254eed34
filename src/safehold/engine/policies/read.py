"""One policy file: its windows first, then the rules that read them, then its examples.

Everything that is wrong goes into the Report and reading goes on, so that an author sees it all at once.
"""

import hashlib
import re
from collections.abc import Mapping
from typing import Any

import rfc8785

from safehold.engine.language import types
from safehold.engine.language.check import check, check_type
from safehold.engine.language.environment import Environment
from safehold.engine.language.layout import one_line
from safehold.engine.language.problem import ExpressionProblems, Problem
from safehold.engine.language.tree import Node, Path, paths
from safehold.engine.language.types import Type
from safehold.engine.policies import dsa, vocabulary
from safehold.engine.policies.actions import read_action, template_paths
from safehold.engine.policies.canonical import settled
from safehold.engine.policies.events import EventTypes
from safehold.engine.policies.examples import read_examples
from safehold.engine.policies.fields import Fields
from safehold.engine.policies.located import Located
from safehold.engine.policies.model import MODES, SEVERITIES, ActionSpec, BreakerSpec, Dsa, Policy, Rule, Window
from safehold.engine.policies.problems import Report, nearest
from safehold.engine.policies.scope import Scope
from safehold.engine.verdict import ACTIONS
from safehold.engine.windows import kinds

_KEY = re.compile(r"[a-z0-9][a-z0-9-]*(\.[a-z0-9][a-z0-9-]*)*")
_RULE_ID = re.compile(r"[a-z0-9][a-z0-9_-]*")
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
#: What an affected person has by law to complain: at least six months (Regulation (EU) 2022/2065, Article 20(1)).
LEAST_APPEAL_SECONDS = 184 * 86400


def digest(value: Any) -> str:
    """SHA-256 of the canonical JSON (RFC 8785) of a value."""
    return hashlib.sha256(rfc8785.dumps(value)).hexdigest()


class PolicyReader:
    """Reads one file against the event types, signals and lists of its bundle (`scopes`, by event type)."""

    def __init__(self, node: Located, event_types: EventTypes, scopes: Mapping[str, Scope], report: Report) -> None:
        self.node, self.event_types, self.scopes, self.report = node, event_types, scopes, report
        self.fields = Fields(node, report, "a policy", vocabulary.POLICY)

    def read(self) -> Policy | None:
        fields = self.fields
        key = fields.text("policy", required=True)
        if not key:
            return None
        if not _KEY.fullmatch(key):
            self.report.add(
                fields.values["policy"], f"`{key}` is not a policy's key", "write it like scams.cold-outreach"
            )
        on = self._event_types(fields, self._all_types())
        self._when_away = fields.choice("when_away", vocabulary.WHEN_AWAY, "unknown")
        windows = self._windows(on)
        rules = self._rules(on, windows)
        return Policy(
            key=key,
            title=fields.text("title", required=True),
            severity=fields.choice("severity", SEVERITIES, "medium"),
            guidance=fields.text("guidance"),
            notice=self._notice(),
            dsa=self._dsa(),
            appeal_seconds=self._appeal(),
            strike_seconds=self._strikes(),
            actions=self._actions(),
            on=on,
            windows=windows,
            rules=rules,
            examples=read_examples(
                fields.get("examples"), rules, tuple(window.name for window in windows), self.event_types, self.report
            ),
            file=self.node.source.name,
            hash=digest(settled(self.node.plain(), vocabulary.POLICY)),
        )

    def _all_types(self) -> tuple[str, ...]:
        if self.fields.need("on") is None:
            return ()
        return tuple(self.event_types.types)

    def _event_types(self, fields: Fields, default: tuple[str, ...]) -> tuple[str, ...]:
        """The `on:` of a policy, a rule or a window."""
        if fields.get("on") is None:
            return default
        named = fields.texts("on")
        for part in named:
            if part.value not in self.event_types:
                self.report.add(
                    part, f"`{part.value}` is not an event type", nearest(part.value, self.event_types.types)
                )
        return tuple(part.value for part in named if part.value in self.event_types)

    def _notice(self) -> dict[str, str]:
        node = self.fields.get("notice")
        if node is None:
            return {}
        if isinstance(node.value, str):
            return {"en": node.value.strip()}
        if not isinstance(node.value, dict):
            self.report.add(node, "`notice` must be a mapping of languages to texts", "write en: ...")
            return {}
        return {str(key.value): str(value.value).strip() for key, value in node.items()}

    def _dsa(self) -> Dsa | None:
        node = self.fields.get("dsa")
        if node is None:
            return None
        fields = Fields(node, self.report, "`dsa`", vocabulary.DSA)
        if fields.need("category") is None:
            return None
        category = fields.choice("category", dsa.KEYWORDS, "")
        known = dsa.keywords_of(category) if category else ()
        keywords = fields.texts("keywords")
        for keyword in keywords:
            if category and keyword.value not in known:
                self.report.add(
                    keyword, f"`{keyword.value}` is not a keyword of {category}", nearest(keyword.value, known)
                )
        ground = fields.choice("ground", dsa.GROUNDS, "incompatible")
        return Dsa(category, tuple(k.value for k in keywords), ground, fields.text("clause"), fields.text("url"))

    def _appeal(self) -> int:
        node = self.fields.get("appeal")
        if node is None:
            return LEAST_APPEAL_SECONDS
        fields = Fields(node, self.report, "`appeal`", vocabulary.APPEAL)
        seconds = fields.seconds("window", LEAST_APPEAL_SECONDS) or LEAST_APPEAL_SECONDS
        if seconds < LEAST_APPEAL_SECONDS:
            message = "the time to appeal is shorter than the six months that Article 20 of the DSA requires"
            self.report.add(fields.values["window"], message, "write 184d or more")
        return seconds

    def _strikes(self) -> int | None:
        node = self.fields.get("strikes")
        return Fields(node, self.report, "`strikes`", vocabulary.STRIKES).seconds("expire") if node else None

    def _actions(self) -> tuple[str, ...]:
        named = self.fields.texts("actions")
        if not named:
            return ACTIONS
        for part in named:
            if part.value not in ACTIONS:
                self.report.add(part, f"`{part.value}` is not an action", nearest(part.value, ACTIONS))
        return tuple(action for action in ACTIONS if action in [part.value for part in named])

    def _expression(self, where: Located, environment: Environment, expected: Type | None, what: str) -> Node | None:
        try:
            tree = check(where.text, environment)
            if expected is not None:
                check_type(tree, expected, what)
        except ExpressionProblems as error:
            self.report.add_expression(where, error)
            return None
        return tree

    # -- windows ---------------------------------------------------------------------------------------------------

    def _windows(self, on: tuple[str, ...]) -> tuple[Window, ...]:
        node = self.fields.get("windows")
        if node is None:
            return ()
        if not isinstance(node.value, dict):
            self.report.add(node, "`windows` must be a mapping of names to windows")
            return ()
        found = [self._window(key, value, on) for key, value in node.items()]
        return tuple(window for window in found if window is not None)

    def _window(self, key: Located, node: Located, on: tuple[str, ...]) -> Window | None:
        if not _NAME.fullmatch(str(key.value)):
            self.report.add(
                key, f"`{key.value}` cannot be written as windows.{key.value}", "letters, digits and _ only"
            )
            return None
        before = len(self.report.problems)
        fields = Fields(node, self.report, "a window", vocabulary.WINDOW)
        kind = self._window_kind(fields, node)
        on = self._event_types(fields, on)
        seconds = fields.seconds("over") if fields.need("over") else None
        if seconds and not kinds.MIN_SECONDS <= seconds <= kinds.MAX_SECONDS:
            self.report.add(fields.values["over"], "`over` must be from 1s to 30d")
        by_nodes = self._by(fields)
        measured, by, where = {}, {}, {}
        for name in on:
            base = self.scopes[name].base
            if kind in kinds.MEASURING and (value := fields.get(kind)):
                measured[name] = self._measured(value, base, kind)
            by[name] = tuple(self._key_part(part, base) for part in by_nodes)
            self._check_spread(fields, kind, by[name], measured.get(name))
            if condition := fields.get("where"):
                where[name] = self._expression(condition, base, types.BOOL, "`where`")
        if len({tree.type for tree in measured.values() if tree}) > 1:
            self.report.add(fields.values[kind], f"`{kind}` has different types in {', '.join(on)}")
        if len(self.report.problems) > before or seconds is None:
            return None
        away = fields.choice("when_away", vocabulary.WHEN_AWAY, self._when_away)
        # What is counted does not depend on `when_away`, so that it can be changed without starting afresh; what is decided
        # does, so that it is part of the hash.
        definition = {"kind": kind, "on": sorted(on), **settled(node.plain(), vocabulary.WINDOW)}
        definition.pop("when_away", None)
        name, identity = str(key.value), digest(definition)
        window_id = f"{self.fields.text('policy')}/{name}@{identity[:16]}"
        if away != "unknown":
            identity = digest({**definition, "when_away": away})
        return Window(window_id, name, kind, seconds, on, _all(measured), _all_tuples(by), _all(where), identity, away)

    def _window_kind(self, fields: Fields, node: Located) -> str:
        named = [kind for kind in kinds.KINDS if kind in fields.values]
        if len(named) != 1:
            self.report.add(node, "a window needs exactly one of: " + ", ".join(kinds.KINDS))
            return "count"
        if named[0] not in kinds.MEASURING and fields.values[named[0]].value is not True:
            self.report.add(fields.values[named[0]], f"write `{named[0]}: true`", "a condition goes into `where`")
        return named[0]

    def _by(self, fields: Fields) -> list[Located]:
        if fields.need("by") is None:
            return []
        return fields.texts("by")

    def _key_part(self, where: Located, environment: Environment) -> Node | None:
        tree = self._expression(where, environment, None, "`by`")
        if tree is not None and not _can_be_key(tree.type):
            self.report.add(where, f"`by` must be a single value or a list of such, this is {tree.type}")
        return tree

    def _check_spread(self, fields: Fields, kind: str, by: tuple[Node | None, ...], measured: Node | None) -> None:
        """A key that is a list: one part of it at most, and a kind that does not care how many items events share."""
        lists = sum(part is not None and part.type.name == "list" for part in by)
        if lists > 1:
            self.report.add(fields.values["by"], "only one part of `by` can be a list")
        if not lists:
            return
        if kind not in kinds.SPREAD:
            hint = "`distinct: event.id` counts events"
            self.report.add(fields.values["by"], f"with a list as `by` a window cannot be `{kind}`", hint)
        elif kind != "distinct" and measured is not None and measured.type.name not in kinds.SPREAD_VALUES:
            allowed = ", ".join(kinds.SPREAD_VALUES)
            self.report.add(fields.values[kind], f"with a list as `by`, `{kind}` must be of {allowed}")

    def _measured(self, where: Located, environment: Environment, kind: str) -> Node | None:
        tree = self._expression(where, environment, None, f"`{kind}`")
        allowed = {"sum": kinds.NUMBERS, "min": kinds.ORDERED, "max": kinds.ORDERED}.get(kind)
        if tree is not None and allowed and tree.type.name not in allowed:
            self.report.add(where, f"`{kind}` needs {' or '.join(allowed)}, this is {tree.type}")
        if tree is not None and tree.type.name in ("list", "map", "object"):
            self.report.add(where, f"`{kind}` needs a single value, this is {tree.type}")
        return tree

    # -- rules -----------------------------------------------------------------------------------------------------

    def _rules(self, on: tuple[str, ...], windows: tuple[Window, ...]) -> tuple[Rule, ...]:
        node = self.fields.need("rules")
        if node is None:
            return ()
        if not isinstance(node.value, list):
            self.report.add(node, "`rules` must be a list", "begin each rule with `- id: ...`")
            return ()
        declared = self._declared_windows(windows)
        environments = _Environments(self.scopes, declared)
        found: list[Rule] = []
        for part in node.value:
            rule = self._rule(part, on, environments, {window.name: window for window in windows})
            if rule is not None and rule.id in [other.id for other in found]:
                self.report.add(part, f"the rule `{rule.id}` is there twice")
            if rule is not None:
                found.append(rule)
        return tuple(found)

    def _declared_windows(self, windows: tuple[Window, ...]) -> dict[str, Type]:
        """Windows with problems count as declared, so that one mistake is not reported twice."""
        node = self.fields.get("windows")
        names = list(node.value) if node is not None and isinstance(node.value, dict) else []
        known = {
            w.name: kinds.type_of_window(w.kind, next(iter(w.value.values())).type if w.value else None)
            for w in windows
        }
        return {name: known.get(name, types.DYN) for name in names if _NAME.fullmatch(name)}

    def _rule(
        self, node: Located, on: tuple[str, ...], environments: Mapping[str, Environment], windows: Mapping[str, Window]
    ) -> Rule | None:
        fields = Fields(node, self.report, "a rule", vocabulary.RULE)
        rule_id = fields.text("id", required=True)
        if rule_id and not _RULE_ID.fullmatch(rule_id):
            self.report.add(
                fields.values["id"], f"`{rule_id}` is not a rule's id", "lower-case letters, digits, - and _"
            )
        mode, share = self._mode(fields)
        on = self._event_types(fields, on)
        condition, then = fields.need("when"), fields.need("then")
        if condition is None or then is None or not rule_id:
            return None
        trees = {name: self._expression(condition, environments[name], types.BOOL, "a condition") for name in on}
        action = read_action(then, self.report, self._actions())
        self._reason(then, action, [environments[name] for name in on])
        used = {part[1] for tree in trees.values() if tree for part in paths(tree) if part[0] == "windows"}
        identity = {
            "policy": self.fields.text("policy"), "id": rule_id, "on": sorted(on), "when": one_line(condition.text),
            "then": then.plain(), "windows": {name: windows[name].hash for name in sorted(used & windows.keys())},
        }  # fmt: skip
        title = fields.text("title") or rule_id.replace("-", " ").replace("_", " ").capitalize()
        breaker = self._breaker(fields)
        return Rule(
            rule_id, title, mode, share, on, condition.text.strip(), _all(trees), action, digest(identity), node.line, breaker
        )  # fmt: skip

    def _breaker(self, fields: Fields) -> BreakerSpec:
        node = fields.get("breaker")
        if node is None:
            return BreakerSpec()
        inner = Fields(node, self.report, "`breaker`", vocabulary.BREAKER)
        factor, at_least = inner.number("factor", 5), inner.number("at_least", 200)
        for name, value, least in (("factor", factor, 2), ("at_least", at_least, 1)):
            if value < least:
                self.report.add(inner.values[name], f"`{name}` is {least} or more")
        off = inner.get("off")
        if off is not None and not isinstance(off.value, bool):
            self.report.add(off, "`off` is true or false")
        return BreakerSpec(factor, at_least, off is not None and off.value is True)

    def _mode(self, fields: Fields) -> tuple[str, float]:
        """`live`, `shadow`, ... or `{canary: {share: 10%}}`; a rule without a mode is live."""
        node = fields.get("mode")
        if node is None or not isinstance(node.value, dict):
            mode = fields.choice("mode", MODES, "live")
            if mode == "canary":
                self.report.add(fields.values["mode"], "a canary needs its share", "write mode: {canary: {share: 10%}}")
            return mode, 1.0
        canary = Fields(node, self.report, "`mode`", ("canary",)).get("canary")
        share = Fields(canary, self.report, "`canary`", vocabulary.CANARY).need("share") if canary else None
        match = re.fullmatch(r"(\d{1,3}(?:\.\d+)?)\s*%", str(share.value)) if share else None
        if match is None or not 0 < float(match[1]) <= 100:
            self.report.add(share or node, "a canary's share is a percentage", "write mode: {canary: {share: 10%}}")
            return "canary", 0.0
        return "canary", float(match[1]) / 100

    def _reason(self, then: Located, action: ActionSpec, environments: list[Environment]) -> None:
        """Every `{path}` of the reason must be something the rule could read."""
        node: Located | None = then.value.get("reason") if isinstance(then.value, dict) else None
        if node is None:
            return
        for path, offset in template_paths(action.reason):
            for environment in environments:
                try:
                    tree = check(path, environment, guards=False)
                    if not isinstance(tree, Path):
                        raise ExpressionProblems([Problem(1, 1, f"`{{{path}}}` must be a path", "such as {actor.id}")])
                except ExpressionProblems as error:
                    moved = [Problem(1, p.column + offset, p.message, p.hint) for p in error.problems]
                    self.report.add_expression(node, ExpressionProblems(moved))
                    break


class _Environments(dict[str, Environment]):
    """The environment of a rule by event type, made when the first rule looks at that type: most policies have few."""

    def __init__(self, scopes: Mapping[str, Scope], windows: Mapping[str, Type]) -> None:
        super().__init__()
        self.scopes, self.windows = scopes, windows

    def __missing__(self, name: str) -> Environment:
        made = self[name] = self.scopes[name].with_windows(self.windows)
        return made


def _all(trees: Mapping[str, Node | None]) -> dict[str, Node]:
    return {name: tree for name, tree in trees.items() if tree is not None}


def _all_tuples(trees: Mapping[str, tuple[Node | None, ...]]) -> dict[str, tuple[Node, ...]]:
    return {name: tuple(part for part in parts if part is not None) for name, parts in trees.items()}


def _can_be_key(kind: Type) -> bool:
    if kind.name == "list":
        return _can_be_key(kind.parameters[0]) and kind.parameters[0].name != "list"
    return kind.name not in ("map", "object", "null", "type", "optional")
