"""Loading policies a second time is quick, and never answers with what no longer holds."""

from pathlib import Path

import pytest

from safehold.engine import Engine, PolicyProblems, lift, load_bundle
from safehold.engine.policies import reread

EVENT = """
event: message.sent
subject: {kind: message, id: data.id}
schema:
  required: [id, words]
  properties: {id: {type: string}, words: {type: %s}}
"""
POLICY = """
policy: test.words
title: Words
on: [message.sent]
rules:
  - {id: listed, when: 'data.words in lists.words', then: hold}
"""
LIST = "list: words\nfile: words.txt\n"


class Loud:
    """A signal, of which there are two versions."""

    name, cost, reads = "loud", 1.0, ()

    def __init__(self, kind: str) -> None:
        self.version, self.fields = kind, {"much": kind}

    def run(self, event: object) -> dict[str, object]:
        return {"much": 1}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name, text in {
        "events/sent.yaml": EVENT % "string", "words.yaml": POLICY, "lists/words.yaml": LIST, "lists/words.txt": "bad\n",
    }.items():  # fmt: skip
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(text)
    return tmp_path


def actions(folder: Path, words: str) -> list[str]:
    event = {
        "id": "1",
        "source": "s",
        "type": "message.sent",
        "time": "2026-03-01T12:00:00Z",
        "data": {"id": "1", "words": words},
    }
    return [hit.rule for hit in Engine(load_bundle(folder, []), []).decide(lift(event)).hits]


def test_what_is_read_once_is_not_read_again(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first = load_bundle(folder, [])

    def never(*_: object) -> None:
        raise AssertionError("read again")

    monkeypatch.setattr(reread, "PolicyReader", never)
    again = load_bundle(folder, [])
    assert again.hash == first.hash and again.policies == first.policies
    # The lists of two bundles are two: an engine puts the database's entries into its own.
    assert again.lists["words"] is not first.lists["words"]


def test_a_file_of_a_list_that_changed_is_read(folder: Path) -> None:
    assert (len(actions(folder, "bad")), len(actions(folder, "worse"))) == (1, 0)
    (folder / "lists/words.txt").write_text("worse\n")
    assert (len(actions(folder, "bad")), len(actions(folder, "worse"))) == (0, 1)
    (folder / "lists/words.yaml").write_text(LIST + "fold: true\n")
    assert len(actions(folder, "WORSE")) == 1


def test_a_policy_is_checked_against_the_event_types_lists_and_signals_of_now(folder: Path) -> None:
    load_bundle(folder, [])
    (folder / "events/sent.yaml").write_text(EVENT % "integer")
    for _ in range(2):  # what is wrong is said every time
        with pytest.raises(PolicyProblems, match=r"words\.yaml:6:"):
            load_bundle(folder, [])
    (folder / "events/sent.yaml").write_text(EVENT % "string")
    load_bundle(folder, [])
    (folder / "lists/words.yaml").write_text(LIST.replace("list: words", "list: other"))
    with pytest.raises(PolicyProblems, match="no field `words`"):
        load_bundle(folder, [])
    (folder / "words.yaml").write_text(POLICY.replace("data.words in lists.words", "signals.loud.much == 1"))
    assert load_bundle(folder, [Loud("int")]).policies
    with pytest.raises(PolicyProblems):
        load_bundle(folder, [Loud("string")])
    with pytest.raises(PolicyProblems, match="loud"):
        load_bundle(folder, [])
