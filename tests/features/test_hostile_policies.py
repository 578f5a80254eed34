"""A policy or a value that was made to hurt costs bounded time and memory, and is answered with an error that says why."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from safehold.engine import PolicyProblems, load_bundle

TEN = "[1, 2, 3, 4, 5, 6, 7, 8, 9, 10]"
GROWN = "a15.size() > 3"
for _number in reversed(range(16)):
    GROWN = f"cel.bind(a{_number}, {'s + s' if _number == 0 else f'a{_number - 1} + a{_number - 1}'}, {GROWN})"


def within(levels: int) -> str:
    text = "true"
    for level in range(levels):
        text = f"{TEN}.all(n{level}, {text})"
    return text


# (name, expression, values as Python source, what is said)
CASES = [
    ("a text doubled sixteen times", GROWN, {"s": "'x' * 100"}, "the result has more than 1,000,000 characters"),
    ("a list doubled sixteen times", GROWN.replace("s + s", "li + li"), {"li": "[0] * 100"}, "more than 1,000,000"),
    ("macros within macros over literals", within(9), {}, "macros within macros take more than 100,000 rounds"),
    ("a few macros within macros", within(4), {}, "true"),
    (
        "macros within macros over the event", "li.exists(a, li.exists(b, li.exists(c, a + b + c == 7)))",
        {"li": "[0] * 3000"}, "macros within macros take more than 100,000 rounds",
    ),
    ("macros that make texts", "ls.map(a, s + a).size() == 0", {"ls": "['x'] * 90000", "s": "'x' * 9000"}, "10,000,000"),
    ("a long list of long texts", f"[{', '.join(['s + s'] * 1200)}].size() == 0", {"s": "'x' * 400000"}, "10,000,000"),
    ("a join that would be enormous", "s.split('').join(t) == t", {"s": "'x' * 900000", "t": "'y' * 9000"}, "1,000,000"),
    ("a replacement everywhere", "s.replace('', t) == t", {"s": "'x' * 900000", "t": "'y' * 9000"}, "1,000,000"),
    ("a precision of thousands", f"'{'%.1000f' * 900}'.format([{', '.join(['d'] * 900)}]) == s", {"d": "1e308", "s": "''"},
     "1,000,000"),
    ("a bomb of repetitions", "s.matches('((x{1,30}){1,30}){1,30}')", {"s": "'x' * 9000"}, "bad pattern"),
    ("a pattern that makes others backtrack", "s.matches('(x+x+)+y')", {"s": "'x' * 5000000"}, "false"),
    ("the same at run time", "s.matches(t)", {"s": "'x' * 5000000", "t": "'(x+x+)+y'"}, "false"),
    ("a pattern of 9,000 letters", f"s.matches('{'|'.join(f'w{n}.*z' for n in range(900))}')", {"s": "'w1' * 90000"},
     "false"),
    ("a pattern at run time that is too long", "s.matches(t)", {"s": "'x'", "t": "'x' * 20000"}, "10,000 characters"),
    ("ten million letters compared", "s.contains(t) || s.reverse() == t", {"s": "'a' * 10000000", "t": "'b'"}, "false"),
    ("half a needle in a haystack", "s.lastIndexOf(t) > 3", {"s": "'a' * 4000000", "t": "'a' * 2000000 + 'b'"}, "false"),
    ("a number of a million digits", "int(s) > 0", {"s": "'9' * 1000000"}, "is not an integer"),
    ("half of a surrogate pair in a pattern's text", "s.matches('a')", {"s": "'\\ud800'"}, "half of a surrogate pair"),
    ("half of a surrogate pair compared", "s.contains('a') || s == t", {"s": "'\\ud800'", "t": "'\\udfff'"}, "false"),
    ("half of a surrogate pair written", r"s == '\ud800'", {}, "refused"),
    ("not a number", "d == d || d < 1.0 || d > 1.0", {"d": "1e999 - 1e999"}, "false"),
    ("brackets by the thousand", "[" * 3000 + "]" * 3000 + " == []", {}, "refused: the expression is nested too deeply"),
    ("parentheses by the hundred", "(" * 400 + "b" + ")" * 400, {}, "refused: the expression is nested too deeply"),
    ("a sum of thousands", " + ".join(["s"] * 2000) + " == s", {"s": "''"}, "refused: the expression is nested too deeply"),
    ("nine thousand times not", "!" * 9000 + "b", {"b": "True"}, "true"),
    ("a condition too long", " || ".join(["b"] * 3000), {}, "refused: the expression has more than 10,000 characters"),
]  # fmt: skip


def test_no_expression_takes_more_than_its_bounds():
    lines = "".join(json.dumps({"text": text, "values": values}) + "\n" for _, text, values, _ in CASES)
    command = [sys.executable, "-m", "tests.hostile_expressions"]
    done = subprocess.run(command, input=lines, capture_output=True, text=True, timeout=300)
    answers = done.stdout.splitlines()
    assert len(answers) == len(CASES), (CASES[len(answers)][0], done.returncode, done.stderr[-2000:])
    wrong = [(name, answer) for (name, _, _, said), answer in zip(CASES, answers, strict=True) if said not in answer]
    assert not wrong


EVENT = "event: m\nsubject: {kind: message, id: data.id}\nschema: {required: [id], properties: {id: {type: string}, x: %s}}\n"
POLICY = "policy: a.b\ntitle: t\non: [m]\nrules: [{id: r, when: 'data.id == \"1\"', then: hold}]\n"


def problems(folder: Path, policy: str | bytes = POLICY, field: str = "{type: string}") -> str:
    """What loading the folder says; empty if it loads."""
    (folder / "events").mkdir()
    (folder / "events/m.yaml").write_text(EVENT % field)
    (folder / "p.yaml").write_bytes(policy.encode() if isinstance(policy, str) else policy)
    try:
        load_bundle(folder, [])
    except PolicyProblems as found:
        return str(found)
    return ""


@pytest.mark.parametrize(
    ("policy", "said"),
    [
        ("[" * 3000 + "]" * 3000, "p.yaml:1:101: the file is nested too deeply"),
        ("{a: " * 3000 + "1" + "}" * 3000, "p.yaml:1:401: the file is nested too deeply"),
        ("\n".join(" " * depth + "a:" for depth in range(900)), "p.yaml:101:101: the file is nested too deeply"),
        ("a: &a [x, x, x]\nb: [*a, *a, *a]", "p.yaml:1:4: anchors and aliases are not used"),
        ('policy: "\\ud800"', "p.yaml:1:9: half of a surrogate pair is not Unicode"),
        (b"policy: \xff\xfe", "p.yaml:1:1: the file is not UTF-8"),
        (b"policy: a\x00b", "p.yaml:1:1: not YAML"),
        (
            POLICY + "appeal: {window: 99999999999999999d}\n",
            "p.yaml:5:18: `99999999999999999d` is longer than a hundred",
        ),
        ("#" * (1 << 20) + "\n" + POLICY, "p.yaml:1:1: the file has more than 1,048,576 bytes"),
    ],
)
def test_a_file_made_to_hurt_is_refused_with_its_place(tmp_path, policy, said):
    assert said in problems(tmp_path, policy)


@pytest.mark.parametrize("where", ["http://127.0.0.1:1/schema", "file:///etc/passwd"])
def test_a_schema_fetches_no_address_and_reads_no_file(tmp_path, where):
    said = problems(tmp_path, field=f"{{$ref: '{where}'}}")
    assert "events/m.yaml:3:9: not a JSON Schema" in said and "Retrieval is disabled" in said


def test_a_pattern_of_a_schema_takes_linear_time_or_is_refused(tmp_path):
    assert "not a JSON Schema" in problems(tmp_path, field="{type: string, pattern: '^(?=a)b'}")
