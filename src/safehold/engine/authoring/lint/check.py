"""The warnings of one policy: `warnings(policy, node, ...)` goes over a policy that has no errors.

`Workspace.diagnostics` and `safehold policy check` call it.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from safehold.engine.authoring.lint.order import dear_before_cheap
from safehold.engine.authoring.lint.reading import constant, shape
from safehold.engine.authoring.lint.satisfy import Facts, cases, consistent, implies, possible
from safehold.engine.authoring.lint.silence import Allowed, allowed
from safehold.engine.language.tree import Call, Literal, Node, children, paths, walk
from safehold.engine.language.types import Field
from safehold.engine.language.unparse import unparse
from safehold.engine.policies.actions import template_paths
from safehold.engine.policies.codes import CODES, WARNINGS
from safehold.engine.policies.located import Located
from safehold.engine.policies.model import Policy, Rule, Window
from safehold.engine.policies.problems import PolicyProblem, nearest
from safehold.engine.policies.scope import Scope
from safehold.engine.verdict import ACTIONS

_COUNTING = ("count", "distinct", "rate")


@dataclass(frozen=True, slots=True)
class Finding:
    """A warning before it is silenced or not. `item` is the rule or window it is in: a comment above that silences it too."""

    code: str
    where: Located
    line: int
    column: int
    message: str
    hint: str
    item: int


def warnings(policy: Policy, node: Located, scopes: Mapping[str, Scope]) -> list[PolicyProblem]:
    """What is legal and hardly meant in a policy, in the order of its file. `node` is its file, as it was read."""
    reader = _Reader(policy, node, scopes)
    return silenced(reader.findings(), node)


def silenced(findings: Iterable[Finding], node: Located) -> list[PolicyProblem]:
    """The findings that no comment silences, and the comments that have no reason or nothing to silence."""
    comments = allowed(node.source.text)
    kept, used = [], set()
    for finding in findings:
        silence = _silence(finding, comments)
        if silence is not None:
            used.add(silence)
            continue
        kept.append(_problem(finding.code, node, finding.line, finding.column, finding.message, finding.hint))
    for comment in comments:
        place = (comment.line, comment.column)
        if comment.code not in WARNINGS:
            message = f"`{comment.code}` is not a warning that can be silenced"
            kept.append(_problem("allow-unused", node, *place, message, nearest(comment.code, WARNINGS)))
        elif comment not in used:
            kept.append(
                _problem("allow-unused", node, *place, f"nothing here is {comment.code}", "take the comment away")
            )
        elif not comment.reason:
            hint = f"write why: # lint: allow {comment.code}, because ..."
            kept.append(_problem("allow-without-reason", node, *place, "a silenced warning needs a reason", hint))
    return sorted(kept, key=lambda problem: (problem.line, problem.column))


def _silence(finding: Finding, comments: list[Allowed]) -> Allowed | None:
    lines = {finding.line, finding.where.line, finding.item}
    return next((found for found in comments if found.code == finding.code and found.target in lines), None)


def _problem(code: str, node: Located, line: int, column: int, message: str, hint: str) -> PolicyProblem:
    source = node.source.line(line)
    return PolicyProblem(node.source.name, line, column, message, source, hint, code, CODES[code].severity)


class _Reader:
    def __init__(self, policy: Policy, node: Located, scopes: Mapping[str, Scope]) -> None:
        self.policy, self.node, self.scopes = policy, node, scopes
        rules = node.value["rules"].value
        self.nodes: dict[str, Located] = {str(part.value["id"].value): part for part in rules}
        windows = node.value.get("windows")
        self.windows: dict[str, Located] = dict(windows.value) if windows is not None and windows.value else {}
        self.keys = {str(key.value): key for key, _ in windows.items()} if self.windows and windows is not None else {}
        self.by_name = {window.name: window for window in policy.windows}

    def findings(self) -> list[Finding]:
        rules = [rule for rule in self.policy.rules if rule.mode != "retired"]
        found = [finding for rule in rules for finding in self._rule(rule)]
        found += [finding for window in self.policy.windows for finding in self._window(window)]
        return found + list(self._unused()) + list(self._overshadowed(rules)) + list(self._untested(rules))

    # -- one condition ---------------------------------------------------------------------------------------------

    def facts(self, kind: str) -> Facts:
        """What is known of an event of this type before it comes."""
        variables = self.scopes[kind].variables

        def field(parts: tuple[str, ...]) -> Field | None:
            if parts == ("event", "type"):
                return Field(variables["event"].fields["type"].type, values=(kind,))
            if parts[0] == "windows":
                window = self.by_name.get(parts[1])
                if window is None or window.kind not in _COUNTING:
                    return None
                # The event itself is in the window, and without a `where` it counts.
                counted = window.kind == "count" and kind in window.on and not window.where
                return Field(variables["now"], least=int(counted))
            found = variables.get(parts[0])
            about: Field | None = None
            for part in parts[1:]:
                about = found.fields.get(part) if found is not None else None
                found = about.type if about is not None else None
            return about

        away = frozenset(("windows", window.name) for window in self.policy.windows if kind not in window.on)
        return Facts(field, away)

    def _rule(self, rule: Rule) -> Iterable[Finding]:
        node = self.nodes[rule.id]
        where = node.value["when"]
        trees = {kind: tree for kind, tree in rule.when.items() if kind in rule.on}
        never = {kind for kind, tree in trees.items() if not possible(tree, True, self.facts(kind))}
        away = {kind for kind in never if possible(trees[kind], True, Facts(self.facts(kind).field))}
        for kind in sorted(away):
            names = ", ".join(
                f"`windows.{part[1]}`" for part in paths(trees[kind]) if part in self.facts(kind).never_read
            )
            yield self._at(
                where,
                trees[kind],
                "window-not-kept",
                f"{names} is not kept for {kind}",
                f"add {kind} to its `on`",
                node,
            )
        if not trees or away:
            return
        tree = next(iter(trees.values()))
        if len(never) == len(trees):
            yield self._never(where, trees, node)
        elif all(not possible(part, False, self.facts(kind)) for kind, part in trees.items()):
            message = f"`{rule.id}` matches whatever the event is: its condition is never false"
            yield self._at(where, tree, "rule-always-matches", message, "say what it should match, or retire it", node)
        else:
            yield from self._parts(where, trees, node)
        yield from self._order(where, trees, node)

    def _never(self, where: Located, trees: Mapping[str, Node], node: Located) -> Finding:
        kind, tree = next(iter(trees.items()))
        one, other = _contradiction(tree, self.facts(kind))
        rule = str(node.value["id"].value)
        if other is not None and one is not None:
            message = f"`{rule}` can never match: `{_said(one)}` and `{_said(other)}` are never true together"
            return self._at(where, other[0], "rule-never-matches", message, "one of them is not what was meant", node)
        if one is not None:
            known = self._allowed_values(one[0], kind)
            message = f"`{rule}` can never match: `{_said(one)}` is never true"
            return self._at(where, one[0], "rule-never-matches", message, known, node)
        return self._at(where, tree, "rule-never-matches", f"`{rule}` can never match", "", node)

    def _allowed_values(self, test: Node, kind: str) -> str:
        for part in paths(test):
            about = self.facts(kind).field(part)
            if about is not None and about.values and isinstance(test, Call):
                asked = next((item.value for item in test.arguments if isinstance(item, Literal)), "")
                return nearest(str(asked), about.values)
        return ""

    def _parts(self, where: Located, trees: Mapping[str, Node], node: Located) -> Iterable[Finding]:
        """Operands of `&&`, `||`, `!` and `? :` that are the same for every event, in every event type."""
        found: list[dict[tuple[int, int, str], Node]] = []
        for kind, tree in trees.items():
            facts = self.facts(kind)
            found.append({(part.line, part.column, code): part for part, code in _constant_parts(tree, facts)})
        for key in found[0] if found else ():
            if all(key in other for other in found):
                part, code = found[0][key], key[2]
                word = "never" if code == "part-never-true" else "always"
                yield self._at(
                    where, part, code, f"`{unparse(part)}` is {word} true", "leave it out, or say what was meant", node
                )

    def _order(
        self, where: Located, trees: Mapping[str, Node], node: Located, *, reordered: bool = True
    ) -> Iterable[Finding]:
        seen: set[tuple[int, int]] = set()
        for kind, tree in trees.items():
            for dear, cheap, cost in dear_before_cheap(tree, self.scopes[kind], reordered=reordered):
                if (dear.line, dear.column) not in seen:
                    seen.add((dear.line, dear.column))
                    message = f"`{unparse(dear)}` takes about {cost:,.0f} µs and is looked at before `{unparse(cheap)}`"
                    yield self._at(where, dear, "dear-before-cheap", message, "put the cheap one first", node)

    # -- windows ---------------------------------------------------------------------------------------------------

    def _window(self, window: Window) -> Iterable[Finding]:
        node = self.windows[window.name]
        where = node.value.get("where") if isinstance(node.value, dict) else None
        if where is None or not window.where:
            return
        trees = dict(window.where)
        if all(not possible(tree, True, self.facts(kind)) for kind, tree in trees.items()):
            tree = next(iter(trees.values()))
            message = f"`windows.{window.name}` never counts: its `where` is never true"
            yield self._at(where, tree, "window-never-counts", message, "", self.keys[window.name])
        else:
            yield from self._parts(where, trees, self.keys[window.name])
        yield from self._order(where, trees, self.keys[window.name], reordered=False)

    def _unused(self) -> Iterable[Finding]:
        read = {
            part[1]
            for rule in self.policy.rules
            for tree in rule.when.values()
            for part in paths(tree)
            if part[0] == "windows"
        }
        for rule in self.policy.rules:
            read |= {path.split(".")[1] for path, _ in template_paths(rule.then.reason) if path.startswith("windows.")}
        for window in self.policy.windows:
            if window.name not in read:
                key = self.keys[window.name]
                message = f"no rule reads `windows.{window.name}`"
                yield Finding("window-unused", key, key.line, key.column, message, "take it away, or read it", key.line)

    # -- rules beside each other -----------------------------------------------------------------------------------

    def _overshadowed(self, rules: list[Rule]) -> Iterable[Finding]:
        for position, rule in enumerate(rules):
            others = [other for at, other in enumerate(rules) if _wins(other, rule, at < position)]
            stronger = next((other for other in others if self._covers(other, rule)), None)
            if stronger is None:
                continue
            same = stronger.then == rule.then and _shapes(stronger) == _shapes(rule)
            where = self.nodes[rule.id].value["id"]
            if same:
                code, message = "rule-duplicated", f"`{rule.id}` is the same as `{stronger.id}`"
            else:
                code = "rule-shadowed"
                does = f"which does `{stronger.then.action}`: this one changes nothing"
                message = f"whenever `{rule.id}` matches, so does `{stronger.id}`, {does}"
            yield Finding(
                code, where, where.line, where.column, message, "retire one of them", self.nodes[rule.id].line
            )

    def _covers(self, other: Rule, rule: Rule) -> bool:
        """Whether `other` matches for certain wherever `rule` does."""
        for kind, tree in rule.when.items():
            if kind not in other.when or constant(tree)[0]:
                return False
            facts = self.facts(kind)
            found = [case for case in cases(tree, True) or [] if consistent(case, facts)]
            if not found or not all(implies(case, other.when[kind], True, facts) for case in found):
                return False
        return bool(rule.when)

    def _untested(self, rules: list[Rule]) -> Iterable[Finding]:
        expected = {name for example in self.policy.examples for name in example.expect}
        for rule in rules:
            if rule.id not in expected and rule.mode != "draft":
                where = self.nodes[rule.id].value["id"]
                message = f"no example expects `{rule.id}` to match"
                yield Finding(
                    "rule-without-example",
                    where,
                    where.line,
                    where.column,
                    message,
                    "add one to `examples`",
                    self.nodes[rule.id].line,
                )

    def _at(self, where: Located, part: Node, code: str, message: str, hint: str, item: Located) -> Finding:
        line, column = where.place(*min((inner.line, inner.column) for inner in walk(part)))
        return Finding(code, where, line, column, message, hint, item.line)


def _wins(other: Rule, rule: Rule, earlier: bool) -> bool:
    """Whether `other` decides where both match, and the effects of `rule` beside its action are nothing or the same."""
    if other is rule or other.mode != "live" or rule.mode not in ("live", "canary"):
        return False
    one, two = ACTIONS.index(other.then.action), ACTIONS.index(rule.then.action)
    if one < two or (one == two and not earlier):
        return False
    same = other.then == rule.then
    plain = rule.then.label is None and rule.then.strike == 0 and rule.then.queue in (None, other.then.queue)
    return same or (plain and (one > two or other.then.seconds == rule.then.seconds))


def _shapes(rule: Rule) -> object:
    return {kind: shape(tree) for kind, tree in rule.when.items()}


def _constant_parts(node: Node, facts: Facts) -> Iterable[tuple[Node, str]]:
    """The outermost operands of boolean operators that can only come out one way."""
    if not isinstance(node, Call) or node.function not in ("_&&_", "_||_", "!_", "_?_:_"):
        return
    for part in children(node):
        if part.type.name != "bool" or isinstance(part, Literal):
            continue
        if not possible(part, True, facts):
            yield part, "part-never-true"
        elif not possible(part, False, facts):
            yield part, "part-always-true"
        else:
            yield from _constant_parts(part, facts)


def _contradiction(tree: Node, facts: Facts) -> tuple[tuple[Node, bool] | None, tuple[Node, bool] | None]:
    """The first test that cannot come out as asked, or the first two that cannot together, of a condition with one case."""
    found = cases(tree, True)
    if found is None or len(found) != 1:
        return None, None
    (case,) = found
    for test in case:
        if not consistent((test,), facts):
            return test, None
    for at, test in enumerate(case):
        for earlier in case[:at]:
            if not consistent((earlier, test), facts):
                return earlier, test
    return None, None


def _said(test: tuple[Node, bool]) -> str:
    node, outcome = test
    return unparse(node) if outcome else f"!({unparse(node)})"
