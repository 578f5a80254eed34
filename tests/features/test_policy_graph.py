"""`safehold policy graph`: what reads what, as data and as a picture that stands alone."""

import json
import xml.etree.ElementTree as ElementTree
from pathlib import Path
from typing import Any

from typer.testing import CliRunner

from safehold.cli import app
from tests.policy_folder import folder, policy_of

SVG = "{http://www.w3.org/2000/svg}"
POLICY = policy_of(
    "cold | signals.links.count > 0 && windows.many > 1 && !(data.text in lists.words) | {action: hold, queue: scams}",
    "old | 'x' in labels.actor | {action: warn, label: {name: seen, on: actor}}",
    "gone | data.text == 'a' | hold | retired",
    windows="many: {distinct: data.recipient_id, by: actor.id, over: 1h}",
)


def graph(tmp_path: Path, *options: str) -> Any:
    where = folder(tmp_path, POLICY, words="list: words\nkind: exact\nentries: [spam]\n")
    return CliRunner().invoke(app, ["policy", "graph", str(where), *options])


def test_everything_that_a_rule_reads_and_does_is_connected_with_it(tmp_path: Path) -> None:
    found = json.loads(graph(tmp_path, "--json").stdout)
    edges = {(edge["source"], edge["target"]) for edge in found["edges"]}
    cold, many = "rule:test.policy/cold", "window:test.policy/many"
    assert {
        ("event:message.sent", cold), ("signal:links", cold), (many, cold), ("list:words", cold), ("field:data.text", cold),
        (cold, "action:hold"), (cold, "queue:scams"), ("field:data.recipient_id", many), ("field:actor.id", many),
        ("event:message.sent", many), ("field:event.text", "signal:links"),
        ("label:labels.actor", "rule:test.policy/old"), ("rule:test.policy/old", "action:label seen"),
    } <= edges  # fmt: skip
    names = {node["id"] for node in found["nodes"]}
    assert not [name for name in names if "gone" in name]
    assert {end for edge in edges for end in edge} == names


def test_the_picture_stands_alone_and_says_what_it_shows(tmp_path: Path) -> None:
    output = tmp_path / "graph.svg"
    assert graph(tmp_path, "-o", str(output)).exit_code == 0
    text = output.read_text(encoding="utf-8")
    root = ElementTree.fromstring(text)  # noqa: S314 - our own
    assert root.tag == f"{SVG}svg" and root.get("role") == "img"
    labelled = [root.find(f"{SVG}title"), root.find(f"{SVG}desc")]
    assert [part.get("id") for part in labelled if part is not None] == str(root.get("aria-labelledby")).split()
    assert "2 rules" in str(labelled[1].text) if labelled[1] is not None else False
    boxes = root.findall(f"{SVG}g")
    assert len(boxes) == len(json.loads(graph(tmp_path, "--json").stdout)["nodes"])
    assert all(part.find(f"{SVG}title") is not None for part in [*boxes, *root.findall(f"{SVG}path")])
    assert "prefers-color-scheme: dark" in text and "<script" not in text and "href" not in text
    width = float(str(root.get("width")))
    rects = [box for part in boxes for box in part.findall(f"{SVG}rect")]
    assert all(float(str(box.get("x"))) + float(str(box.get("width"))) <= width for box in rects)
    places = [(rect.get("x"), rect.get("y")) for part in boxes for rect in part.findall(f"{SVG}rect[@class='box']")]
    assert len(places) == len(set(places))


def test_only_the_policies_that_are_asked_for_are_drawn(tmp_path: Path) -> None:
    assert graph(tmp_path, "--policy", "test.policy").exit_code == 0
    wrong = graph(tmp_path, "--policy", "nothing")
    assert wrong.exit_code == 2 and "test.policy" in wrong.output
