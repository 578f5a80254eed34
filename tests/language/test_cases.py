"""The language as its authors meet it, pinned by data: one tiny file an expression (`cases/README.md`)."""

from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import yaml

from safehold.engine import Event, Labels, SignalFailed
from safehold.engine.compile.exact import evaluate
from safehold.engine.compile.faults import EvalError, Unknown
from safehold.engine.compile.ruleset import RuleSet
from safehold.engine.language.check import check
from safehold.engine.language.problem import ExpressionProblems
from safehold.engine.language.tree import Node
from safehold.engine.language.values import to_json
from safehold.engine.policies.events import read_event_type
from safehold.engine.policies.lists import make_list
from safehold.engine.policies.located import read_yaml
from safehold.engine.policies.model import ActionSpec, Policy, Rule
from safehold.engine.policies.problems import Report
from safehold.engine.policies.scope import Scope
from safehold.engine.reading import Reading

FOLDER = Path(__file__).parent / "cases"
NAMES = sorted(path.stem for path in FOLDER.glob("*.case"))
NOON = "2026-03-01T12:00:00Z"
DATA = {
    "id": "t1", "text": "Hello there", "count": 3, "ratio": 0.5, "flag": True, "at": "2026-03-01T08:30:00Z",
    "tags": ["a", "b"], "parts": [{"name": "bolt", "price": 2.5}, {"name": "nut"}], "author": {"name": "Ada"},
}  # fmt: skip


class Measure:
    """A signal that measures the text, and fails for the text `broken`."""

    name, version, cost, reads = "measure", "1", 5.0, ("text",)
    fields: Mapping[str, str] = {"length": "int", "words": "list(string)", "share": "double", "never": "string"}

    def run(self, event: Event) -> Mapping[str, object]:
        if event.text == "broken":
            raise SignalFailed("the ruler broke")
        text = event.text or ""
        return {"length": len(text), "words": text.split(), "share": 0.25}


def scope() -> Scope:
    report = Report()
    event_type = read_event_type(read_yaml(FOLDER / "events/thing.happened.yaml", "thing.happened.yaml"), report)
    assert event_type is not None and not report.problems, report.problems
    return Scope(event_type, [Measure()], ["bad_domains", "bad_words"])


LISTS = {
    "bad_domains": make_list("bad_domains", "domain_suffix", ["evil.example", "Worse.Example."]),
    "bad_words": make_list("bad_words", "exact", ["spam", "Scam"]),
}


def event(data: Mapping[str, Any]) -> Event:
    laid = {**DATA, **data}
    return Event(
        id="e1", source="case", type="thing.happened", time=datetime.fromisoformat(NOON), text=laid.get("text"),
        actor={"id": "u1", "created_at": datetime(2026, 2, 28, 12, tzinfo=UTC).isoformat()},
        data={name: value for name, value in laid.items() if value is not None},
    )  # fmt: skip


def rule_of(tree: Node, text: str) -> tuple[Policy, Rule]:
    rule = Rule(
        "case", "Case", "live", 1.0, ("thing.happened",), text, {"thing.happened": tree}, ActionSpec("warn"), "h", 1
    )
    policy = Policy(
        "case", "Case", "low", "", {}, None, 0, None, ("warn",), ("thing.happened",), (), (rule,), (), "case.yaml", "h"
    )
    return policy, rule


@pytest.mark.parametrize("name", NAMES)
def test_case(name: str) -> None:
    case = yaml.safe_load((FOLDER / f"{name}.case").read_text(encoding="utf-8"))
    here = scope()
    environment = here.with_windows({})
    text = case["expression"]
    if "error" in case:
        with pytest.raises(ExpressionProblems) as refused:
            check(text, environment)
        problem, expected = refused.value.problems[0], case["error"]
        assert (problem.line, problem.column) == (expected["line"], expected["column"]), problem
        assert expected["says"] in problem.message
        assert expected.get("hint", "") in problem.hint
        return
    tree = check(text, environment)
    policy, _ = rule_of(tree, text)
    rules = RuleSet(here, (policy,), LISTS)
    reading = Reading(rules, event(case.get("data", {})), Labels())
    hits, retries = rules.run(reading)
    if "unknown" in case or "fails" in case:
        with pytest.raises(Unknown if "unknown" in case else EvalError, match=case.get("unknown", case.get("fails"))):
            evaluate(tree, reading)
        assert (hits, retries) == ([], [0])
        return
    found = to_json(evaluate(tree, reading))
    assert found == case["value"] and type(found) is type(case["value"])
    if case["value"] is True:
        assert hits == [0] or retries == [0]
    if case["value"] is False:
        assert hits == []


def test_there_are_cases() -> None:
    assert len(NAMES) >= 70
