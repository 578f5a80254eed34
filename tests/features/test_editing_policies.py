"""While a policy is written: what can come next, what a word means and what is wrong, from the text on the screen."""

from pathlib import Path

import pytest

from safehold.engine.authoring.completing import Completion
from safehold.engine.authoring.workspace import Workspace

STARTER = Path(__file__).parents[2] / "policies"
HEAD = "policy: a.b\ntitle: T\non: [message.sent]\n"
RULE = HEAD + "rules:\n  - id: x\n    when: {}\n    then: hold\n"
WINDOW = HEAD + "windows:\n  many: {count: true, by: actor.id, over: 1h}\n"


@pytest.fixture(scope="module")
def workspace() -> Workspace:
    return Workspace(STARTER)


def split(text: str) -> tuple[str, int, int]:
    """The text without its `|`, and the line and column where that stood."""
    at = text.index("¦")
    return text.replace("¦", ""), text.count("\n", 0, at) + 1, at - text.rfind("\n", 0, at)


def complete(workspace: Workspace, text: str, file: str = "new.yaml") -> list[Completion]:
    return workspace.completions(*split(text), file)


@pytest.mark.parametrize(
    ("text", "labels"),
    [
        ("¦", ["policy", "title", "on", "rules"]),
        ("policy: x\nsev¦", ["severity"]),
        ("policy: x\nseverity: ¦\non: []", ["low", "medium", "high", "critical"]),
        (HEAD + "rules:\n  - ¦", ["id", "when", "then"]),
        (HEAD + "rules:\n  - id: x\n    ¦", ["when", "then"]),
        (HEAD + "rules:\n  - id: x\n    then: {action: hold, qu¦", ["queue"]),
        (HEAD + "rules:\n  - id: x\n    then: {action: hold, label: {name: a, o¦}}", ["on"]),
        (HEAD + "rules:\n  - id: x\n    then: {label: {name: a, on: ¦}}", ["actor", "target", "content"]),
        (HEAD + "rules:\n  - id: x\n    mode: s¦", ["shadow"]),
        (HEAD + "rules:\n  - id: x\n    mode: {canary: {¦}}", ["share"]),
        (HEAD + "windows:\n  w: {count: true, ¦}", ["by", "over"]),
        ("policy: x\non: [message.sent, payment.¦", ["payment.attempted"]),
        ("dsa: {category: SELF_HARM, keywords: [SU¦]}", ["SUICIDE"]),
        (RULE.format("¦"), ["actor", "target", "context", "data"]),
        (RULE.format("data.te¦"), ["text"]),
        (RULE.format("'data.text.starts¦'"), ["startsWith"]),
        (RULE.format("|\n      actor.age < duration('1h') &&\n        data.rec¦"), ["recipient_id", "recipient_age_band"]),
        (RULE.format("signals.links.domains.exists(d, d.ends¦)"), ["endsWith"]),
        (RULE.format("signals.links.domains.exists(i, d, d.ends¦)"), ["endsWith"]),
        (RULE.format("cel.bind(n, data.text.size(), n¦"), ["n", "now"]),
        (RULE.format("signals.lin¦"), ["links"]),
        (RULE.format("data.text in lists.phi¦"), ["phishing"]),
        (RULE.format("data.?thread_id.orV¦"), ["orValue"]),
        (RULE.format("now.getH¦"), ["getHours"]),
        (RULE.format("math.gr¦"), ["greatest"]),
        (WINDOW + "rules:\n  - id: x\n    when: windows.¦", ["many"]),
        (WINDOW + 'rules:\n  - id: x\n    then: {action: hold, reason: "{windows.m¦}"}', ["many"]),
        (HEAD.replace("message.sent", "account.created") + "rules:\n  - id: x\n    when: 'data.method == \"pass¦'", ["password"]),
        (WINDOW + "examples:\n  - name: n\n    windows: {¦}", ["many"]),
        (RULE.format("true") + "examples:\n  - name: n\n    expect: {¦}", ["x"]),
        (RULE.format("true") + "examples:\n  - name: n\n    expect: {x: ¦}", ["hold"]),
        (RULE.format("true") + "examples:\n  - name: n\n    event: {type: message.sent, data: {rec¦}}", ["recipient_id"]),
    ],
)  # fmt: skip
def test_what_can_be_written_next_is_offered(workspace: Workspace, text: str, labels: list[str]) -> None:
    found = [item.label for item in complete(workspace, text)]
    assert found[: len(labels)] == labels


def test_event_types_and_lists_have_keys_of_their_own(workspace: Workspace) -> None:
    assert [item.label for item in complete(workspace, "event: a\nsubject: {kind: k, id: data.¦}", "events/a.yaml")]
    assert "schema" in [item.label for item in complete(workspace, "event: a\n¦", "events/a.yaml")]
    assert "exact" in [item.label for item in complete(workspace, "list: a\nkind: ¦", "lists/a.yaml")]


def test_a_completion_says_what_it_replaces_and_puts_there(workspace: Workspace) -> None:
    item = complete(workspace, RULE.format("data.text.lower¦"))[0]
    assert (item.label, item.kind, item.insert, item.column) == ("lowerAscii", "function", "lowerAscii()", 21)
    assert "string.lowerAscii() -> string" in item.detail and "hello" in item.says
    absent = complete(workspace, RULE.format("data.thr¦"))[0]
    assert (absent.detail, absent.column) == ("string", 16) and "may be absent" in absent.says


@pytest.mark.parametrize("text", [RULE.format("'data.text == \"¦\"'"), RULE.format("data.nothing.¦"), "a: [}\nb¦"])
def test_where_nothing_is_known_nothing_is_offered(workspace: Workspace, text: str) -> None:
    assert all(item.kind == "key" for item in complete(workspace, text))


def test_words_have_meanings(workspace: Workspace) -> None:
    def title(text: str) -> str | None:
        found = workspace.hover(*split(text))
        return found.title if found else None

    assert title(RULE.format("data.te¦xt == 'a'")) == "data.text: string"
    assert title(RULE.format("data.text.con¦tains('a')")) == "string.contains(string) -> bool"
    assert title(RULE.format("signals.links.domains.exists(d, ¦d == 'a')")) == "d: string"
    assert title(RULE.format("true").replace("when", "wh¦en")) == "when: condition, required"
    assert title(WINDOW + "rules:\n  - id: x\n    when: windows.ma¦ny > 3\n    then: hold\n") == "windows.many: int"
    assert title(RULE.format("data.text == 'a¦b'")) is None
    assert title("policy: a\non: [message.s¦ent]") == "message.sent"


def test_windows_lists_and_expected_rules_are_found_where_they_are_declared(workspace: Workspace) -> None:
    def place(text: str) -> tuple[str | None, int, int] | None:
        found = workspace.definition(*split(text))
        return (found.file.name if found.file else None, found.line, found.column) if found else None

    assert place(WINDOW + "rules:\n  - id: x\n    when: windows.ma¦ny > 3\n") == (None, 5, 3)
    assert place(RULE.format("data.text in lists.phi¦shing")) == ("phishing.yaml", 1, 1)
    assert place(RULE.format("true") + "examples:\n  - name: n\n    expect: {¦x: hold}") == (None, 5, 9)
    assert place(RULE.format("data.te¦xt == ''")) is None


def test_problems_of_the_text_on_the_screen_are_those_of_the_check(workspace: Workspace) -> None:
    found = workspace.diagnostics(RULE.format("data.txt == 'a'"), "new.yaml")
    errors = [problem for problem in found if "no field" in problem.message]
    assert [(p.file, p.line, p.column, p.hint) for p in errors] == [("new.yaml", 6, 16, "did you mean `data.text`?")]
    assert "not YAML" in workspace.diagnostics("policy: [", "new.yaml")[0].message
    taken = next(path for path in STARTER.rglob("*.yaml") if path.parent.name == "spam")
    text = taken.read_text(encoding="utf-8")
    assert not [p for p in workspace.diagnostics(text, taken.relative_to(STARTER).as_posix()) if "also" in p.message]
    assert [p for p in workspace.diagnostics(text, "copy.yaml") if "is also in policies/spam/" in p.message]


def test_a_new_event_type_is_seen_without_starting_again(tmp_path: Path) -> None:
    (tmp_path / "events").mkdir()
    workspace = Workspace(tmp_path, [])
    assert complete(workspace, "on: [¦]") == []
    (tmp_path / "events" / "a.yaml").write_text(
        "event: thing.made\nsubject: {kind: thing, id: data.id}\nschema: {properties: {id: {type: string}}}\n"
    )
    assert [item.label for item in complete(workspace, "on: [¦]")] == ["thing.made"]
