"""Formatting random files: once is enough, nothing is lost, and the bundle's hash stays."""

import json
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from safehold.engine.authoring.fmt import formatted
from safehold.engine.authoring.lint.silence import comments
from safehold.engine.language.layout import layout, one_line
from safehold.engine.policies.bundle import make_bundle
from safehold.engine.policies.events import EventTypes
from safehold.engine.policies.located import parse_yaml
from safehold.engine.policies.problems import Report
from safehold.engine.policies.read import PolicyReader
from tests.language.test_cases import scope
from tests.properties.expressions import expressions

SCOPE = scope()
TYPES = EventTypes({"thing.happened": SCOPE.event_type})
ATOMS = st.sampled_from(
    [
        "data.count > 3", 'data.text == "a: b # c"', "data.text.contains('x')", "data.flag", "!data.flag", "-data.count < -1",
        'data.tags.exists(t, t == "it\'s" || t in ["a","b"])', "data.?link.orValue('')==\"x\"", "windows.w>=2",
        'has(data.link)&&data.link!=""', "(data.flag?1:2)==1", '{"a":1}["a"]==1', r'data.text.matches(r"\d+\b")',
        'data.text == "日本 👋🏽"', "data.at - duration('1h') < now", "data.ratio*2.0 >= .5",
    ]
)  # fmt: skip
CONDITIONS = st.recursive(
    ATOMS,
    lambda inner: st.builds("{}{}{}".format, inner, st.sampled_from(["&&", " && ", "||", "   ||  "]), inner),
    max_leaves=8,
)
TEXTS = st.text(st.characters(codec="utf-8", exclude_categories=["C"]), max_size=20)
COMMENTS = st.sampled_from(["", "", "", "  # why", "  # a: [b"])
GAPS = st.sampled_from(["", "", "\n", "\n\n\n", "# about it\n", "\n# one\n# two\n"])


@st.composite
def written(draw: st.DrawFn, text: str, indent: int, *, flow: bool = False) -> str:
    """A text as one of the scalars that YAML has for it."""
    styles = ["double", "single"] + ([] if flow else ["literal", "folded"])
    style = draw(st.sampled_from(styles))
    if style == "double":
        return json.dumps(text, ensure_ascii=False)
    if style == "single":
        return "'" + text.replace("'", "''") + "'"
    pad = "\n" + " " * indent
    return f"{'|' if style == 'literal' else '>-'}{pad}{text}"


@st.composite
def policies(draw: st.DrawFn) -> str:
    """A whole file: keys in any order, any indentation, comments and empty lines between."""
    step = draw(st.sampled_from([2, 3, 4]))
    pad = " " * step
    rules = []
    for number in range(draw(st.integers(1, 3))):
        deeper = pad + "  "
        when = draw(written(draw(CONDITIONS), len(deeper) + 2))
        then = draw(
            st.sampled_from(["hold", "{action: warn,   queue: q}", f"\n{deeper}  action: warn\n{deeper}  strike: 1"])
        )
        keys = draw(st.permutations([f"when: {when}", f"then: {then}", f"id: r{number}{draw(COMMENTS)}"]))
        rules.append(f"{pad}- {keys[0]}\n" + "".join(f"{deeper}{key}\n" for key in keys[1:]))
    where = draw(written(draw(CONDITIONS.filter(lambda text: "windows" not in text)), 0, flow=True))
    sections = [
        f"policy: a.b{draw(COMMENTS)}\n",
        f"title: {json.dumps(draw(TEXTS) or 'x', ensure_ascii=False)}\n",
        "on: [ thing.happened ]\n",
        f"guidance: |\n{pad}One.\n\n{pad}  Two.\n",
        f"windows:\n{pad}w: {{count: true, by: [actor.id],over: 1h, where: {where}}}\n",
        "rules:\n" + "".join(draw(GAPS) + rule for rule in rules),
    ]
    return "".join(draw(GAPS) + section for section in draw(st.permutations(sections)))


def bundle_hash(text: str) -> str:
    report = Report()
    policy = PolicyReader(parse_yaml(text, "p.yaml"), TYPES, {"thing.happened": SCOPE}, report).read()
    assert policy is not None and not report.problems, report.problems
    return make_bundle((policy,), TYPES, {}, []).hash + policy.hash


@given(policies())
def test_formatting_twice_is_formatting_once_and_keeps_the_hash(text: str) -> None:
    once = formatted(text)
    assert formatted(once) == once
    assert bundle_hash(once) == bundle_hash(text)
    assert sorted(found[2] for found in comments(once)) == sorted(found[2] for found in comments(text))


@given(expressions(), st.sampled_from([20, 60, 120]))
def test_an_expression_keeps_its_tokens(text: str, width: int) -> None:
    form: Any = one_line(text)
    assert one_line(form) == form == one_line("\n".join(layout(text, width)))
    assert layout("\n".join(layout(text, width)), width) == layout(text, width)
