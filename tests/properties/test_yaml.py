"""libyaml, which reads policies, and PyYAML's own parser, which explains what is wrong with them, see the same file."""

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from safehold.engine.policies import located
from safehold.engine.policies.located import Located, YamlProblem, parse_yaml

FILES = [path.read_text("utf-8") for path in sorted(Path("policies").rglob("*.yaml"))]
PIECES = [
    "a", "b:", "- ", "\n", "\n  ", "\n    ", " ", ": ", "'", '"', "|", ">", "|-", ">+", "#", "[", "]", "{", "}", ",", "?", "é",
    "𝔞", "\t", "!!str ", "&x ", "*x", "\\u00e9", "\\ud800", "''", "1.5", "true", "~", "\r\n", "---", "...", "\ufeff", "%",
    "key: value", "- item", "\x85", "\u2028", "\x07", "`", "@",
]  # fmt: skip


def plain(found: Located) -> Any:
    """Everything that is kept, but for the place of nothing, which the two see before and behind the blank."""
    if isinstance(found.value, dict):
        return [(plain(key), plain(value)) for key, value in found.items()], found.line, found.column
    if isinstance(found.value, list):
        return [plain(part) for part in found.value], found.line, found.column
    return None if found.value is None else (found.value, found.line, found.column, found.span)


def read(text: str, quick: bool) -> Any:
    """What `parse_yaml` makes of a text, or (line, column, message) of what is wrong."""
    with pytest.MonkeyPatch.context() as patch:
        if not quick:
            patch.setattr(located, "_QUICK", None)
        try:
            return plain(parse_yaml(text, "file"))
        except YamlProblem as problem:
            return problem.line, problem.column, str(problem)


@st.composite
def damaged(draw: st.DrawFn) -> str:
    """A starter policy's part in which a few characters were taken out or put in."""
    whole = draw(st.sampled_from(FILES))
    lines = whole.splitlines(keepends=True)
    first = draw(st.integers(0, len(lines) - 1))
    text = "".join(lines[first : first + draw(st.integers(1, 30))])
    for _ in range(draw(st.integers(0, 3))):
        at = draw(st.integers(0, len(text)))
        text = text[:at] + draw(st.sampled_from(["", *PIECES])) + text[at + draw(st.integers(0, 3)) :]
    return text


@given(damaged() | st.lists(st.sampled_from(PIECES), max_size=25).map("".join))
def test_both_parsers_see_the_same(text: str) -> None:
    assert read(text, quick=True) == read(text, quick=False)


def test_the_starter_policies_are_the_same_to_both() -> None:
    assert located._QUICK is not None, "this PyYAML has no libyaml"
    assert len(FILES) > 40
    for text in FILES:
        assert read(text, quick=True) == read(text, quick=False)
