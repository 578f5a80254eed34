"""`safehold policy fmt`: one form for every file, nothing lost, nothing changed."""

from pathlib import Path
from textwrap import dedent

import pytest
from typer.testing import CliRunner

from safehold.cli import app
from safehold.engine import load_bundle
from safehold.engine.authoring.fmt import Unformattable, formatted
from safehold.engine.language.layout import layout, one_line
from tests.policy_folder import folder

STARTER = Path(__file__).parents[2] / "policies"


@pytest.mark.parametrize(
    ("written", "form"),
    [
        ("a&&b||!c", "a && b || !c"),
        ("-1 + - 2-3", "-1 + -2 - 3"),
        ("data . ?link.orValue( '' )", "data.?link.orValue('')"),
        ("[ ?a,b , -1]", "[?a, b, -1]"),
        ("{ 'a':1 , ?b: c?d:e}", "{'a': 1, ?b: c ? d : e}"),
        ("x in[1,2]", "x in [1, 2]"),
        ("f(a?{'x':y}:{})", "f(a ? {'x': y} : {})"),
        ("x.exists( e,e in lists.y )", "x.exists(e, e in lists.y)"),
        ('a == "x  y" // why\n && b', 'a == "x  y" && b'),
        ("a == 'not closed", "a == 'not closed"),
    ],
)
def test_an_expression_has_one_line(written: str, form: str) -> None:
    assert one_line(written) == form == one_line(form)


def test_a_long_expression_has_a_line_for_each_operand() -> None:
    text = "aaaaaaaaaa == 1 && (bbbbbbbbbb == 2 || cccccccccc == 3) && dddddddddd == 4"
    assert layout(text, 30) == [
        "aaaaaaaaaa == 1",
        "&& (bbbbbbbbbb == 2",
        "    || cccccccccc == 3)",
        "&& dddddddddd == 4",
    ]


UGLY = """\
    # who owns it
    title:   "Outreach"   # what people call it
    policy: a.b


    on: [ message.sent ,content.created ]
    rules:
    -   when: "actor.age<duration('1h')&&
          data.text.contains( \\"x\\" )"
        id: first    # the first one
        then: {action: hold, queue: q}
    # about the second
    -   id: second
        then:
            action: warn
            reason: 'It''s a pity'
        when: |
            data.text == "a"
              || data.text=="b"
    guidance: |
        Look twice.

          An indented line.
    windows:
        many: {count: true,by: actor.id,   over: 1h, where: 'data.text!=""'}
    # the end
"""
FORM = """\
policy: a.b
# who owns it
title: "Outreach"  # what people call it
guidance: |
  Look twice.

    An indented line.

on: [message.sent, content.created]
windows:
  many: {count: true, by: actor.id, over: 1h, where: data.text != ""}
rules:
  - id: first  # the first one
    when: actor.age < duration('1h') && data.text.contains("x")
    then: {action: hold, queue: q}
  # about the second
  - id: second
    when: data.text == "a" || data.text == "b"
    then:
      action: warn
      reason: 'It''s a pity'

# the end
"""


def test_a_file_is_put_into_its_form() -> None:
    found = formatted(dedent(UGLY))
    assert found == FORM
    assert formatted(found) == found


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("policy: a\nrules: [{id: x}, # one\n  {id: y}] # two\n", "a comment would be lost"),
        ("- a\n- b\n", "no mapping"),
        ("policy: a\non:\n  - - x\n", "a list directly inside a list"),
    ],
)
def test_what_cannot_be_kept_whole_is_left_alone(text: str, why: str) -> None:
    with pytest.raises(Unformattable, match=why):
        formatted(text)


def test_the_starter_policies_mean_the_same_after_it(tmp_path: Path) -> None:
    for path in sorted(STARTER.rglob("*.yaml")):
        kind = {"events": "event type", "lists": "list"}.get(path.parent.name, "policy")
        text = path.read_text(encoding="utf-8")
        once = formatted(text, kind)
        if kind == "policy":
            (tmp_path / path.relative_to(STARTER)).parent.mkdir(exist_ok=True, parents=True)
            (tmp_path / path.relative_to(STARTER)).write_text(once, encoding="utf-8")
    texts = {
        path.relative_to(tmp_path).as_posix(): path.read_text(encoding="utf-8") for path in tmp_path.rglob("*.yaml")
    }
    assert load_bundle(STARTER, policies=texts).hash == load_bundle(STARTER).hash


def test_the_command_writes_checks_and_shows_differences(tmp_path: Path) -> None:
    where = folder(tmp_path, dedent(UGLY))
    path, before = where / "policy.yaml", load_bundle(where, []).hash
    text = path.read_text()
    check = CliRunner().invoke(app, ["policy", "fmt", str(path), "--check"])
    assert check.exit_code == 1 and "policy.yaml is not formatted" in check.stdout
    diff = CliRunner().invoke(app, ["policy", "fmt", str(path), "--diff"])
    assert diff.exit_code == 1 and "+on: [message.sent, content.created]" in diff.stdout
    assert path.read_text() == text
    assert CliRunner().invoke(app, ["policy", "fmt", str(path)]).exit_code == 0
    assert path.read_text() != text and load_bundle(where, []).hash == before
    assert CliRunner().invoke(app, ["policy", "fmt", str(path), "--check"]).exit_code == 0
    (where / "broken.yaml").write_text("policy: [")
    broken = CliRunner().invoke(app, ["policy", "fmt", str(where / "broken.yaml")])
    assert broken.exit_code == 1 and "broken.yaml:1:" in broken.stderr
    assert CliRunner().invoke(app, ["policy", "fmt", str(where / "none.yaml")]).exit_code == 2
