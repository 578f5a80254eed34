"""An author runs `safehold policy check` and is told everything that is wrong, where, and what to do."""

from pathlib import Path

import pytest
from typer.testing import CliRunner

from safehold.cli import app
from safehold.engine import PolicyProblems, load_bundle
from tests.policy_folder import folder, policy_of

STARTER = Path(__file__).parents[2] / "policies"


def problems(tmp_path: Path, policy: str, **lists: str) -> list[tuple[int, int, str, str]]:
    with pytest.raises(PolicyProblems) as found:
        load_bundle(folder(tmp_path, policy, **lists), [])
    return [(p.line, p.column, p.message, p.hint) for p in found.value.problems]


def test_the_starter_policies_are_sound() -> None:
    result = CliRunner().invoke(app, ["policy", "check", str(STARTER)])
    assert result.exit_code == 0, result.output
    assert "policies" in result.stdout and "bundle " in result.stdout


def test_a_mistake_is_shown_with_its_line_a_caret_and_a_suggestion(tmp_path: Path) -> None:
    where = folder(tmp_path, policy_of("r1 | data.txt.contains('x') | warn"))
    result = CliRunner().invoke(app, ["policy", "check", str(where)])
    assert result.exit_code == 1
    lines = result.stderr.splitlines()
    assert lines[0] == "policies/policy.yaml:7:12: `data` has no field `txt`"
    assert lines[1].endswith("data.txt.contains('x')")
    assert lines[2].index("^") == lines[1].index("txt")
    assert "did you mean `data.text`?" in lines[3]
    assert "1 problem" in lines[4]


def test_all_problems_come_at_once_in_the_order_of_the_file(tmp_path: Path) -> None:
    text = """
        policy: test.policy
        title: T
        severity: hihg
        on: [message.sent]
        rules:
          - id: one
            when: data.txt == "x"
            then: {action: hold, queu: scams}
          - id: two
            when: actor.age < 3
            then: {action: banish}
    """
    found = problems(tmp_path, text)
    assert [(line, column) for line, column, _, _ in found] == [(3, 11), (7, 16), (8, 26), (10, 21), (11, 20)]
    assert found[0][3] == "did you mean `high`?"
    assert found[2][3] == "did you mean `queue`?"
    assert "duration" in found[3][3]
    assert found[4][2] == "`banish` is not a value of `action`"


@pytest.mark.parametrize(
    ("written", "line", "column"),
    [
        ('when: data.flagg == "x"', 6, 16),
        ("when: 'data.flagg == \"x\"'", 6, 17),
        ('when: "data.flagg == \\"x\\""', 6, 17),
        ('when: "\\"é\\" == data.flagg"', 6, 26),
        ("when: |\n      true &&\n        data.flagg == 'x'", 8, 14),
        ("when: |2\n      true &&\n      data.flagg == 'x'", 8, 12),
        ("when: >\n      true &&\n      data.flagg == 'x'", 8, 12),
        ("when: >-\n\n      true\n      && data.flagg == 'x'", 9, 15),
        ("when: true &&\n      data.flagg == 'x'", 7, 12),
        ('when: "true &&\n      data.flagg == 0"', 7, 12),
        ("when: 'data.text == ''x'' && data.flagg'", 6, 39),
    ],
)
def test_columns_are_those_of_the_file_however_the_expression_is_written(
    tmp_path: Path, written: str, line: int, column: int
) -> None:
    text = f"policy: test.policy\ntitle: T\non: [message.sent]\nrules:\n  - id: one\n    {written}\n    then: warn\n"
    found = problems(tmp_path, text)
    assert (*found[0][:2], "flagg" in found[0][2]) == (line, column, True)


@pytest.mark.parametrize(
    ("head", "says", "hint"),
    [
        ("dsa: {category: SCAM_AND_FRAUD}", "`SCAM_AND_FRAUD` is not a value of `category`", "SCAMS_AND_FRAUD"),
        ("dsa: {category: SELF_HARM, keywords: [PHISHING]}", "`PHISHING` is not a keyword of SELF_HARM", "SUICIDE"),
        ("dsa: {category: VIOLENCE, ground: terms}", "`terms` is not a value of `ground`", "incompatible"),
        ("appeal: {window: 30d}", "shorter than the six months", "184d"),
        ("strikes: {expire: never}", "`never` is not a duration", "30d"),
        ("severty: high", "a policy has no field `severty`", "did you mean `severity`?"),
        ("actions: [warn, hide]", "`hide` is not an action", "allow"),
        ("notice: [a]", "`notice` must be a mapping", "en:"),
    ],
)
def test_what_the_policy_says_about_itself_is_checked(tmp_path: Path, head: str, says: str, hint: str) -> None:
    found = problems(tmp_path, policy_of("r | true | warn", head=head))
    assert says in found[0][2] and hint in found[0][3]
    assert found[0][0] == 4


@pytest.mark.parametrize(
    ("then", "says"),
    [
        ("{action: suspend}", "`suspend` needs `for`"),
        ("{action: remove, for: 3d}", "`remove` has no end"),
        ("{action: label}", "needs `label:"),
        ("{action: hold, queue: 'No Spaces'}", "is not a queue's name"),
        ("{action: warn, strike: -1}", "must be a whole number"),
        ("{action: warn, reason: 'saw {data.txet}'}", "no field `txet`"),
        ("{action: warn, reason: 'saw {1 + 1}'}", "must be a path"),
    ],
)
def test_what_a_rule_does_is_checked(tmp_path: Path, then: str, says: str) -> None:
    found = problems(tmp_path, policy_of(f"r | true | {then}"))
    assert says in found[0][2]


@pytest.mark.parametrize(
    ("window", "says"),
    [
        ("w: {count: true, by: actor.id}", "needs `over`"),
        ("w: {count: true, over: 1h}", "needs `by`"),
        ("w: {count: true, sum: data.text, by: actor.id, over: 1h}", "exactly one of"),
        ("w: {count: data.text, by: actor.id, over: 1h}", "write `count: true`"),
        ("w: {sum: data.text, by: actor.id, over: 1h}", "`sum` needs int or double"),
        ("w: {count: true, by: actor.id, over: 60d}", "from 1s to 30d"),
        ("w: {count: true, by: actor, over: 1h}", "`actor` is an object"),
        ("w: {count: true, by: actor.id, over: 1h, where: data.text}", "`where` must be bool"),
        ("w: {count: true, by: actor.id, over: 1h, where: windows.w > 3}", "unknown name `windows.w`"),
        ("w: {count: true, by: actor.id, over: 1h, where: '\"x\" in labels.actor'}", "unknown name `labels"),
    ],
)
def test_windows_are_checked(tmp_path: Path, window: str, says: str) -> None:
    found = problems(tmp_path, policy_of("r | windows.w > 3 | warn", windows=window))
    assert any(says in message for _, _, message, _ in found), found


def test_a_mistake_in_a_window_is_not_repeated_by_the_rules_that_read_it(tmp_path: Path) -> None:
    found = problems(
        tmp_path, policy_of("r | windows.w > 3 | warn", windows="w: {sum: data.txt, by: actor.id, over: 1h}")
    )
    assert len(found) == 1 and "txt" in found[0][2]


def test_a_rule_must_make_sense_for_every_event_type_it_is_on(tmp_path: Path) -> None:
    text = policy_of("r | data.recipient_id == 'x' | warn").replace("[message.sent]", "[message.sent, content.created]")
    found = problems(tmp_path, text)
    assert len(found) == 1 and "`data` has no field `recipient_id`" in found[0][2]


def test_lists_are_checked(tmp_path: Path) -> None:
    found = problems(
        tmp_path,
        policy_of("r | data.text in lists.wrods | warn"),
        words="list: words\nkind: exat\nentries: [a]\n",
        other="list: other\nfile: nowhere.txt\n",
        escape="list: escape\nfile: ../policy.yaml\n",
    )
    said = " ".join(message for _, _, message, _ in found)
    assert "`exat` is not a value of `kind`" in said
    assert "there is no file nowhere.txt" in said
    assert "must be beside the list's declaration" in said
    assert "no field `wrods`" in said


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("policy: [", "not YAML"),
        ("policy: a.b\npolicy: c.d\n", "`policy` is there twice"),
        ("policy: &x a\ntitle: *x\n", "anchors"),
        ("just words", "must be a mapping"),
        ("", "must be a mapping"),
    ],
)
def test_files_that_are_not_policies_say_so(tmp_path: Path, text: str, says: str) -> None:
    found = problems(tmp_path, text)
    assert says in found[0][2]


def test_two_policies_cannot_have_one_key(tmp_path: Path) -> None:
    where = folder(tmp_path, policy_of("r | true | warn"))
    (where / "second.yaml").write_text(policy_of("r | true | warn"), encoding="utf-8")
    with pytest.raises(PolicyProblems, match=r"`test.policy` is also in policies/policy.yaml"):
        load_bundle(where, [])


def test_a_folder_that_is_not_there_is_named(tmp_path: Path) -> None:
    result = CliRunner().invoke(app, ["policy", "check", str(tmp_path / "nowhere")])
    assert result.exit_code == 1 and "there is no such folder" in result.stderr


def test_a_mistake_is_told_once_and_without_what_follows_from_it(tmp_path: Path) -> None:
    """Also where the rule is on several event types, and the mistake is in the middle of a name."""
    text = policy_of(
        "r | data.text == 'a' && contxt.ip.size() > 3 | warn", "q | signals.lexcon.terms.size() > 1 | warn"
    )
    both = text.replace("[message.sent]", "[message.sent, content.created]")
    with pytest.raises(PolicyProblems) as found:
        load_bundle(folder(tmp_path, both))
    assert [(p.line, p.message, p.hint) for p in found.value.problems] == [
        (7, "unknown name `contxt.ip`", "did you mean `context`?"),
        (11, "`signals` has no field `lexcon`", "did you mean `signals.lexicon`?"),
    ]
