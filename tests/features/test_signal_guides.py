"""What the guides for authors show works as it is printed."""

import re
from pathlib import Path

import pytest

from safehold.engine import load_bundle
from safehold.engine.examples import run_examples
from safehold.signals.contract import SignalContract

ROOT = Path(__file__).parents[2]
GUIDES = ROOT / "docs" / "how-to"


def blocks(page, language):
    return re.findall(rf"```{language}\n(.*?)```", (GUIDES / page).read_text("utf-8"), re.DOTALL)


def shouting():
    names = {}
    exec(blocks("write-a-signal.md", "python")[0], names)  # noqa: S102
    return names["Shouting"]()


class TestTheGuidesSignal(SignalContract):
    examples = 50

    def signal(self):
        return shouting()


def test_the_guides_signal_can_be_read_by_a_policy(tmp_path):
    (tmp_path / "events").symlink_to(ROOT / "policies" / "events")
    (tmp_path / "loud.yaml").write_text(
        "policy: a.loud\ntitle: Loud\nseverity: low\non: [content.created]\nrules:\n"
        "  - id: loud\n    mode: live\n    when: signals.shouting.loud && signals.shouting.exclamations > 5\n"
        "    then: {action: hold, queue: spam}\n"
        "examples:\n"
        "  - name: loud\n    event: {type: content.created, data: {text: 'LISTEN TO ME NOW!!!!!!'}}\n    expect: {loud: hold}\n"
        "  - name: calm\n    event: {type: content.created, data: {text: 'listen to me!!!!!!'}}\n    expect: none\n"
    )
    signals = [shouting()]
    outcomes = run_examples(load_bundle(tmp_path, signals), signals)
    assert [outcome.differences for outcome in outcomes] == [(), ()]


def test_the_guides_own_word_list_finds_disguised_words(tmp_path, monkeypatch):
    guide = (GUIDES / "write-a-signal.md").read_text("utf-8")
    listed = re.search(r"    (# name: plaza-words\n(?:    .+\n)+)", guide)[1].replace("\n    ", "\n")
    words = tmp_path / "words.txt"
    words.write_text(listed)
    names = {}
    exec(blocks("write-a-signal.md", "python")[2].replace("/etc/safehold/words.txt", str(words)), names)  # noqa: S102
    from tests.features.test_reading_disguised_text import said

    assert names["lexicon"]().run(said("you f0rum g.o.b.l.i.n"))["categories"] == ["insult"]


def test_the_guides_policy_passes_its_own_examples(tmp_path):
    (tmp_path / "events").symlink_to(ROOT / "policies" / "events")
    (tmp_path / "tickets.yaml").write_text(blocks("write-a-policy-pack.md", "yaml")[0])
    outcomes = run_examples(load_bundle(tmp_path))
    assert len(outcomes) == 2
    assert [outcome.differences for outcome in outcomes] == [(), ()]


@pytest.mark.parametrize(
    "name",
    ["text", "links", "lexicon", "personal", "fingerprint", "language", "spam", "copies", "phishing", "community"],
)
def test_the_reference_names_every_field(name):
    from importlib import import_module

    signal = getattr(import_module(f"safehold.signals.{name}"), name.capitalize())()
    page = (ROOT / "docs" / "reference" / "signals.md").read_text("utf-8")
    section = page.split(f"## `signals.{name}`")[1].split("\n## ")[0]
    assert [field for field in signal.fields if f"`{field}`" not in section and field != "truncated"] == []
