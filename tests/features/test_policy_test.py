"""An author's examples are tests, and they are what reviewers learn from."""

from pathlib import Path

import pytest
from typer.testing import CliRunner

from safehold.cli import app
from safehold.engine import PolicyProblems, load_bundle
from safehold.engine.examples import run_examples
from tests.policy_folder import folder, policy_of

STARTER = Path(__file__).parents[2] / "policies"
RULES = ("many | windows.sent_1h > 20 | hold", "young | actor.age < duration('48h') | warn")
WINDOWS = "sent_1h: {count: true, by: actor.id, over: 1h}"


def test_the_starter_policies_pass_their_examples() -> None:
    result = CliRunner().invoke(app, ["policy", "test", str(STARTER)])
    assert result.exit_code == 0, result.output
    assert " 0 failed" in result.stdout


def test_every_starter_rule_has_an_example_that_it_matches() -> None:
    from safehold.cli.policy import untested_rules

    assert untested_rules(load_bundle(STARTER)) == set()


def test_an_example_says_what_windows_and_ages_are(tmp_path: Path) -> None:
    tail = """
        examples:
          - name: many from a new account
            event: {type: message.sent, actor: {id: u1, age: 24h}, data: {text: hi}}
            windows: {sent_1h: 21}
            expect: {many: hold, young: warn}
          - name: a first message of an old account
            event: {type: message.sent, actor: {id: u1, age: 30d}, data: {text: hi}}
            expect: none
    """
    outcomes = run_examples(load_bundle(folder(tmp_path, policy_of(*RULES, windows=WINDOWS, tail=tail)), []), [])
    assert [outcome.differences for outcome in outcomes] == [(), ()]


def test_a_failing_example_says_what_happened_instead(tmp_path: Path) -> None:
    tail = """
        examples:
          - name: expects too much
            event: {type: message.sent, actor: {age: 24h}, data: {text: hi}}
            expect: {many: hold}
    """
    where = folder(tmp_path, policy_of(*RULES, windows=WINDOWS, tail=tail))
    result = CliRunner().invoke(app, ["policy", "test", str(where)])
    assert result.exit_code == 1
    assert "policy.yaml:16:5: expects too much" in result.stderr
    assert "expected `many` to match; it did not" in result.stderr
    assert "`young` matched; it was not expected to" in result.stderr
    assert "0 passed, 1 failed" in result.stdout


@pytest.mark.parametrize(
    ("example", "says"),
    [
        ("{name: a, event: {type: mesage.sent}, expect: none}", "`mesage.sent` is not an event type"),
        ("{name: a, event: {type: message.sent, data: {txt: x}}, expect: none}", "no field `data.txt`"),
        ("{name: a, event: {type: message.sent, data: {text: 3}}, expect: none}", "`data.text` must be string"),
        ("{name: a, event: {type: message.sent}, expect: {mnay: hold}}", "the policy has no rule `mnay`"),
        ("{name: a, event: {type: message.sent}, expect: {many: warn}}", "`many` does `hold`, not `warn`"),
        ("{name: a, event: {type: message.sent}, windows: {sent_2h: 3}, expect: none}", "no window `sent_2h`"),
        ("{name: a, event: {type: message.sent}}", "an example needs `expect`"),
    ],
)
def test_an_example_that_tests_nothing_is_refused(tmp_path: Path, example: str, says: str) -> None:
    tail = f"examples:\n  - {example}\n"
    with pytest.raises(PolicyProblems) as found:
        load_bundle(folder(tmp_path, policy_of(*RULES, windows=WINDOWS, tail=tail)), [])
    assert any(says in problem.message for problem in found.value.problems), found.value
