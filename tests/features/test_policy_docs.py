"""The reference of the language and its commands names everything there is."""

from pathlib import Path

import pytest
from typer.testing import CliRunner

from safehold.cli import app
from safehold.engine.language import library
from safehold.engine.policies.codes import CODES
from safehold.engine.policies.vocabulary import POLICY, RULE, THEN

REFERENCE = Path(__file__).parents[2] / "docs/reference"
LANGUAGE = (REFERENCE / "policy-language.md").read_text(encoding="utf-8")
COMMANDS = (REFERENCE / "policy-commands.md").read_text(encoding="utf-8")


def test_every_function_is_in_the_reference_with_its_tested_example() -> None:
    for function in library.FUNCTIONS:
        row = f"| `{function.signature}` | {function.says} | `{function.example}` | `{function.gives}` |"
        assert row.replace("||", "\\|\\|") in LANGUAGE, function.signature


def test_every_code_is_in_the_reference_as_it_is_in_sarif() -> None:
    for name, code in CODES.items():
        assert f"#### {name}\n\n*{code.severity}.* {code.says}. {code.help}\n" in COMMANDS, name


@pytest.mark.parametrize("table", [POLICY, RULE, THEN])
def test_every_field_is_in_the_reference(table: dict[str, object]) -> None:
    assert not [name for name in table if f"`{name}`" not in LANGUAGE]


@pytest.mark.parametrize("command", ["check", "test", "fmt", "explain", "graph", "schema", "lsp"])
def test_every_command_has_help_with_an_example_and_a_place_in_the_reference(command: str) -> None:
    result = CliRunner().invoke(app, ["policy", command, "--help"])
    assert result.exit_code == 0 and "Example: safehold policy" in result.output
    assert f"\n## {command}\n" in COMMANDS
