"""`safehold policy schema`: what an editor's YAML server says is what the reader says."""

import json
from pathlib import Path
from typing import Any

import jsonschema_rs
import pytest
import yaml
from typer.testing import CliRunner

from safehold.cli import app
from safehold.engine.authoring.schema import KINDS, Kind, schema
from safehold.engine.policies.bundle import policy_paths
from safehold.engine.policies.events import read_event_type
from safehold.engine.policies.fields import Fields
from safehold.engine.policies.located import parse_yaml
from safehold.engine.policies.problems import Report
from safehold.engine.policies.vocabulary import TABLES

STARTER = Path(__file__).parents[2] / "policies"


def plain(text: str) -> Any:
    return parse_yaml(text, "file").plain()


def validator(kind: Kind) -> jsonschema_rs.Draft202012Validator:
    found = schema(kind)
    jsonschema_rs.meta.validate(found)
    return jsonschema_rs.Draft202012Validator(found)


@pytest.mark.parametrize("kind", KINDS)
def test_every_file_of_the_starter_packs_fits(kind: Kind) -> None:
    folders = {"event type": "events", "list": "lists"}
    paths = (
        [STARTER / path for path in policy_paths(STARTER)]
        if kind == "policy"
        else sorted((STARTER / folders[kind]).glob("*.yaml"))
    )
    fits = validator(kind)
    assert paths
    for path in paths:
        errors = [f"{path}: {error}" for error in fits.iter_errors(plain(path.read_text(encoding="utf-8")))]
        assert not errors, errors[0]


@pytest.mark.parametrize("name", TABLES)
def test_the_schema_and_the_reader_know_the_same_fields(name: str) -> None:
    """Each table's fields are taken by both; any other is refused by both; what one requires, so does the other."""
    table, found = TABLES[name], schema("policy")["$defs"][name.replace(" ", "-")]
    assert set(found["properties"]) == set(table)
    report = Report()
    node = parse_yaml(yaml.safe_dump(dict.fromkeys(table, "x") | {"nonsense": 1}), "file")
    Fields(node, report, "it", table)
    assert [problem.message for problem in report.problems] == ["it has no field `nonsense`"]
    assert found["additionalProperties"] is False


@pytest.mark.parametrize(
    ("text", "fits"),
    [
        ("policy: a\ntitle: t\non: x\nrules: []", True),
        ("policy: a\ntitle: t\non: x\nrules: []\nwindows: {w: {count: true, by: a, over: 1h}}", True),
        ("policy: a\ntitle: t\non: x\nrules: [{id: a, when: 'true', then: hold, mode: {canary: {share: 5%}}}]", True),
        ("policy: a\ntitle: t\non: x\nrules: [{id: a, when: 'true', then: hold, mode: canary}]", False),
        ("policy: a\ntitle: t\non: x\nrules: [{id: a, then: hold}]", False),
        ("policy: a\ntitle: t\non: x\nrules: []\nseverity: hihg", False),
        ("policy: a\ntitle: t\non: x\nrules: []\nwindows: {w: {count: true, by: a, over: soon}}", False),
        ("title: t\non: x\nrules: []", False),
    ],
)
def test_it_tells_right_from_wrong(text: str, fits: bool) -> None:
    assert validator("policy").is_valid(plain(text)) is fits


def test_what_an_event_type_needs_is_what_its_reader_needs() -> None:
    report = Report()
    read_event_type(parse_yaml("title: t", "file"), report)
    missing = {problem.message.split("`")[1] for problem in report.problems if problem.code == "missing-field"}
    assert missing == set(schema("event type")["required"])


@pytest.mark.parametrize("name", ["policy", "event-type", "list"])
def test_the_command_prints_it(name: str) -> None:
    result = CliRunner().invoke(app, ["policy", "schema", name])
    assert result.exit_code == 0 and json.loads(result.stdout)["$schema"].startswith("https://json-schema.org/")
