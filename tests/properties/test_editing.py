"""Whatever stands on the screen, an editor gets an answer: text cut off, pasted into, half deleted, at any place."""

from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st

from safehold.engine.authoring.workspace import Workspace
from tests.cases import CASES

STARTER = Path(__file__).parents[2] / "policies"
WORKSPACE = Workspace(STARTER)
TEXTS = {
    "policy.yaml": (STARTER / "scams/romance.yaml").read_text(encoding="utf-8")[-1500:],
    "events/a.yaml": (STARTER / "events/message.sent.yaml").read_text(encoding="utf-8"),
    "lists/a.yaml": (STARTER / "lists/phishing.yaml").read_text(encoding="utf-8"),
}
RULE = "policy: a\ntitle: t\non: [message.sent]\nrules:\n  - id: x\n    when: {}\n    then: hold\n"
PASTED = st.sampled_from(
    ["", "{", "}", "'", '"', "[", ": ", "\n", "\n  - ", "data.", ".?", "(((", "exists(x, ", "cel.bind(a, 1, ", "\t", "👋",
     "\ue000", "# lint: allow x", "? ", "&a ", "*a", "|\n", "windows.", "\x00", "!!", "-" * 40]
)  # fmt: skip


@st.composite
def screens(draw: st.DrawFn) -> tuple[str, str, int]:
    """(file, text, offset of the cursor)."""
    file = draw(st.sampled_from(sorted(TEXTS)))
    text = draw(st.sampled_from([TEXTS[file], RULE]))
    start = draw(st.integers(0, len(text)))
    end = draw(st.integers(start, min(len(text), start + draw(st.sampled_from([0, 1, 20, 5000])))))
    pasted = draw(PASTED)
    text = text[:start] + pasted + text[end:]
    return file, text, draw(st.sampled_from([start + len(pasted), start, min(len(text), start + 30)]))


@settings(max_examples=40 * CASES)
@given(screens())
def test_every_screen_has_an_answer(screen: tuple[str, str, int]) -> None:
    file, text, at = screen
    line, column = text.count("\n", 0, at) + 1, at - text.rfind("\n", 0, at)
    for item in WORKSPACE.completions(text, line, column, file):
        assert item.label and item.insert and 1 <= item.column <= column
    meaning = WORKSPACE.hover(text, line, column, file)
    assert meaning is None or (meaning.title and meaning.column < meaning.end)
    WORKSPACE.definition(text, line, column, file)
    for problem in WORKSPACE.diagnostics(text, file):
        assert problem.message and problem.line >= 1 and problem.column >= 1
