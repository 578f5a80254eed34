"""Random sets of rules over a few shared fields: what the index leaves over is what the exact evaluator says, rule by rule.

Texts overlap, contain each other, are empty, hold NUL or half a surrogate pair; fields are missing or of the wrong type.
"""

import math
import random
import re
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from safehold.engine.compile import index
from safehold.engine.compile.exact import evaluate
from safehold.engine.compile.faults import Fault
from safehold.engine.compile.ruleset import RuleSet
from safehold.engine.event import Event
from safehold.engine.labels import Labels
from safehold.engine.language.check import check
from safehold.engine.policies.events import EventType, SubjectSpec
from safehold.engine.policies.lists import make_list
from safehold.engine.policies.model import ActionSpec, Policy, Rule
from safehold.engine.policies.schema import complete
from safehold.engine.policies.scope import Scope
from safehold.engine.reading import Reading
from tests.cases import cases
from tests.properties.expressions import _quoted as quoted

KIND = "test.message"
_PROPERTIES = {
    "s": {"type": "string"},
    "t": {"type": "string"},
    "n": {"type": "integer"},
    "d": {"type": "number"},
    "b": {"type": "boolean"},
    "tags": {"type": "array", "items": {"type": "string"}},
    "at": {"type": "string", "format": "date-time"},
    "post": {"type": "object", "properties": {"title": {"type": "string"}}},
}
EVENT_TYPE = EventType(
    KIND,
    KIND,
    "",
    SubjectSpec("message", "data.s", text="data.t"),
    complete({"type": "object", "properties": _PROPERTIES}),
)
LISTS = {
    "few": make_list("few", "exact", ["a", "ab", "free money"]),
    "more": make_list("more", "exact", ["ab", "é", "日本"]),
    "domains": make_list("domains", "domain_suffix", ["a.example", "example"]),
}
SCOPE = Scope(EVENT_TYPE, [], LISTS)
ENVIRONMENT = SCOPE.with_windows({})

TEXTS = [
    "a",
    "ab",
    "abc",
    "bc",
    "bcd",
    "aaa",
    "free",
    "free money",
    "FREE",
    "é",
    "e\u0301",
    "日本",
    "\x00",
    "a\x00",
    "x.a.example",
]
PATTERNS = [
    "a", "^a", "bc$", "(?i)FREE", r"\bfree\b", ".", "[^a-z]", "", "a{2,}", r"\x00", "é|日", "^$", "(?i)É", r"\pL+", r"\z",
    r"\Aab", r"(?s)^.*c$", r"(?m)^b", r"^(?:\PL|x)*$", r"(a|b|c){1,30}d",
]  # fmt: skip
_LONG = ["free money abc aaa " * 3, "ab" * 11_000 + "free money", "bcd\nb", "FREE é 日本 x.a.example"]
_BROKEN = ["\ud800", "a\udfffbc", "free \ud83d"]
_NUMBERS = ["0", "1", "(-1)", "7", "9223372036854775807", "(-9223372036854775807 - 1)"]
_DOUBLES = ["0.0", "(-0.0)", "1.5", "(-2.0)", "1e308", "5e-324", 'double("inf")', 'double("-inf")']
_ORDERS = ["<", "<=", ">", ">=", "==", "!="]
_STRINGS = ["data.s", "data.t", "event.text", "data.post.title", "data.s.lowerAscii()", "data.t.trim()", "actor.id"]


#: One atom: `%` is filled from these by the letter that follows it.
_SLOTS = {
    "S": _STRINGS, "L": [quoted(text) for text in TEXTS], "P": [quoted(pattern) for pattern in PATTERNS], "O": _ORDERS,
    "N": _NUMBERS, "D": _DOUBLES, "A": sorted(LISTS), "H": ["s", "t", "n", "d", "tags", "post"],
    "T": ["data.s", "data.s", "data.t"], "I": ["data.n", "data.n", "size(data.s)"], "W": ['"0s"', '"72h"', '"-1h"'],
}  # fmt: skip
_ATOMS = [
    "%S == %L", "%T == %L", "%L != %T", "%S.contains(%L)", "%T.contains(%L)", '%T.contains("")', "%S.matches(%P)",
    "%T.matches(%P)", "%T in [%L, %L]", "%S in lists.%A", "%T in lists.%A", "%L in labels.actor", "%L in labels.target",
    "%L in data.tags", "%I %O %N", "%N %O %I", "data.d %O %D", "actor.age %O duration(%W)", "data.b", "has(data.%H)",
    'data.at %O timestamp("2026-01-01T00:00:00Z")', "data.n / data.n == 1", "data.tags.exists(x, x == data.s)",
    'data.tags.exists(x, x.contains("a")) && %T.startsWith("a")', 'size(data.s.split("a")) > 1', "data.s.reverse() == data.t",
    "data.tags.exists(x, data.tags.exists(y, y == x + x))", 'cel.bind(z, data.s.reverse(), z == data.t || z == "")',
    "size(data.tags) > 1", "data.s.startsWith(data.t)", "true", "false", "data.n in [0, 7, %N]",
    "(%I %O %N && %T != %L)", "(%T != %L && %T.contains(%L))", "(!%T.contains(%L) && %I %O %N)", "(has(data.%H) && %I %O %N)",
    "(!(%L in labels.actor) && %I %O %N)", "(!(%T in lists.%A) && %I %O %N)", "(!has(data.%H) && %I %O %N)",
]  # fmt: skip


def condition(draw: random.Random, depth: int = 2) -> str:
    """A random condition; most are what policies have: a few atoms with `&&`."""
    shape = draw.random()
    if depth == 0 or shape < 0.45:
        return re.sub("%(.)", lambda slot: draw.choice(_SLOTS[slot[1]]), draw.choice(_ATOMS))
    if shape < 0.55:
        return f"!({condition(draw, depth - 1)})"
    operator = " && " if shape < 0.8 else " || "
    return f"({operator.join(condition(draw, depth - 1) for _ in range(draw.randint(2, 3)))})"


def _words(draw: random.Random) -> str:
    found = draw.choice(["", *TEXTS, *TEXTS, *_LONG, *_BROKEN])
    return found + draw.choice(["", "", "", draw.choice(TEXTS), chr(draw.randint(0, 0x2FFFF))])


def _anything(draw: random.Random) -> Any:
    return draw.choice(
        [None, True, 0, 7, 2**70, 1.5, math.nan, "a", [], ["a"], ["a", 1], {}, {"title": 1}, _words(draw)]
    )


def event(draw: random.Random) -> Event:
    """A random event: a sixth of its fields are missing, a tenth of the events have one of the wrong type."""
    numbers = [*range(-2, 9), 2**63 - 1, -(2**63), 2**63, 7.0, 7.5]
    doubles = [0.0, -0.0, 1.5, 1.6, -2.0, 1e308, 5e-324, math.inf, -math.inf, math.nan, 1, -3, 10**400]
    data: dict[str, Any] = {
        "s": _words(draw), "t": _words(draw), "n": draw.choice(numbers), "d": draw.choice(doubles), "b": draw.random() < 0.5,
        "tags": [_words(draw) for _ in range(draw.randint(0, 3))], "post": {"title": _words(draw)},
        "at": draw.choice(["2026-01-01T00:00:00Z", "2025-12-31T23:59:59.5Z", "no time"]),
    }  # fmt: skip
    data = {name: value for name, value in data.items() if draw.random() > 1 / 6}
    if draw.random() < 0.1:
        data[draw.choice(["s", "t", "n", "d", "b", "tags", "post", "at"])] = _anything(draw)
    created = draw.choice(["2026-03-01T12:00:00Z", "2026-02-26T12:00:00Z", "2026-03-01T13:00:01Z", "?", None])
    actor = {"id": draw.choice(["a", "ab", "nobody"]), "created_at": created}
    time = datetime(2026, 3, 1, 12, tzinfo=UTC)
    return Event(id="e", source="test", type=KIND, time=time, actor=actor, data=data)


def rule_set(conditions: list[str]) -> RuleSet:
    rules = tuple(
        Rule(f"r{number}", "", "live", 1.0, (KIND,), text, {KIND: check(text, ENVIRONMENT, guards=False)},
             ActionSpec("hold"), "", 1)
        for number, text in enumerate(conditions)
    )  # fmt: skip
    nothing: Any = ()
    policy = Policy("p", "p", "low", "", {}, None, 0, None, (), (KIND,), nothing, rules, nothing, "", "")
    return RuleSet(SCOPE, (policy,), LISTS)


def labels() -> Labels:
    held = Labels()
    for name in ("a", "ab", "é"):
        held.set("account", "a", name)
    held.set("account", "ab", "abc", datetime(2020, 1, 1, tzinfo=UTC))
    return held


@given(st.integers(0, 2**32))
@cases(30)
def test_the_index_and_the_exact_evaluator_agree_on_every_rule(seed: int) -> None:
    draw = random.Random(seed)
    rules, held = rule_set([condition(draw) for _ in range(draw.randint(1, 60))]), labels()
    for one in (event(draw) for _ in range(25)):
        hits, retries = rules.run(Reading(rules, one, held))
        exact = Reading(rules, one, held)
        for position, (_, rule) in enumerate(rules.rules):
            try:
                expected = evaluate(rule.when[KIND], exact)
            except Fault:
                expected = None
            assert position not in hits or expected is True, (rule.text, one)
            assert position in hits or expected is False or position in retries, (rule.text, one)


def test_the_rules_of_a_set_are_indexed_and_events_that_fit_ask_nobody_twice() -> None:
    conditions = [f"data.s == {quoted(text)}" for text in TEXTS]
    conditions += [f"data.t.contains({quoted(text)})" for text in TEXTS]
    conditions += [f"data.t.matches({quoted(pattern)})" for pattern in PATTERNS]
    conditions += [f"data.n > {number} && data.d < {number}.5" for number in range(9)]
    rules = rule_set(conditions)
    one = Event(
        id="e", source="test", type=KIND, time=datetime(2026, 3, 1, tzinfo=UTC),
        data={"s": "ab", "t": "free money abc", "n": 3, "d": 1.0},
    )  # fmt: skip
    hits, retries = rules.run(Reading(rules, one, Labels()))
    assert not retries
    assert [rules.rules[position][1].text for position in hits if position < 15] == ['data.s == "ab"']
    found = {rules.rules[position][1].text for position in hits}
    assert {f"data.t.contains({quoted(text)})" for text in ("abc", "bc", "free money")} <= found
    assert "data.n > 2 && data.d < 2.5" in found and "data.n > 3 && data.d < 3.5" not in found


def test_a_number_that_too_many_comparisons_ask_is_not_indexed_and_answered_all_the_same(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    conditions = [f"data.n > {number}" for number in range(9)] + ['data.s == "ab" && data.n > 2', "data.n < 0"]
    one = Event(id="e", source="test", type=KIND, time=datetime(2026, 3, 1, tzinfo=UTC), data={"s": "ab", "n": 5})
    indexed = rule_set(conditions)
    monkeypatch.setattr(index, "MOST_THRESHOLDS", 3)
    crowded = rule_set(conditions)
    assert "bisect" not in str(crowded.emitter.namespace) and "bisect" in str(indexed.emitter.namespace)
    for rules in (indexed, crowded):
        hits, retries = rules.run(Reading(rules, one, Labels()))
        assert (sorted(hits), retries) == ([0, 1, 2, 3, 4, 9], [])
