"""The compiled rules against the exact evaluator, for whole bundles and events of which anything may be missing or wrong."""

from datetime import UTC, datetime
from functools import lru_cache
from pathlib import Path
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from safehold.engine import Engine, Event, load_bundle
from safehold.engine.compile.exact import evaluate
from safehold.engine.compile.faults import Fault
from tests.cases import cases

STARTER = Path(__file__).parents[2] / "policies"
_TEXTS = st.sampled_from(
    [
        "",
        "hi",
        "You have WON a prize! call 0900 123456 now",
        "see https://paypa1-login.top/x",
        "kys",
        "my iban DE89370400440532013000",
    ]
) | st.text(max_size=30)
_ANYTHING = st.none() | st.booleans() | st.integers() | st.floats() | _TEXTS | st.lists(_TEXTS, max_size=2)
_FIELDS = (
    "message_id",
    "recipient_id",
    "thread_id",
    "text",
    "content_id",
    "title",
    "tags",
    "links",
    "is_reply",
    "amount",
    "reason",
)


@lru_cache(maxsize=1)
def starter() -> Engine:
    return Engine(load_bundle(STARTER))


@st.composite
def events(draw: st.DrawFn) -> Event:
    actor: dict[str, Any] = {"id": "u1", "created_at": "2026-01-01T00:00:00Z", "verified": False}
    actor |= draw(st.dictionaries(st.sampled_from(["id", "created_at", "posts", "email"]), _ANYTHING, max_size=2))
    data = {"text": draw(_TEXTS), "recipient_id": "u2", "message_id": "m1"}
    return Event(
        id="e1",
        source="test",
        type=draw(st.sampled_from(sorted(starter().rule_sets))),
        time=datetime(2026, 3, 1, 12, tzinfo=UTC),
        actor=actor,
        target=draw(st.dictionaries(st.sampled_from(["id", "kind"]), _ANYTHING, max_size=2)),
        context=draw(st.dictionaries(st.sampled_from(["ip", "device"]), _ANYTHING, max_size=2)),
        data={**data, **draw(st.dictionaries(st.sampled_from(_FIELDS), _ANYTHING, max_size=4))},
    )


@given(events())
@cases(60)
def test_every_rule_comes_out_as_the_exact_evaluator_says(event: Event) -> None:
    engine = starter().fresh()
    rules = engine.rule_sets[event.type]
    reading = engine.read(event)
    reading.answers = next(engine.windows.apply([(reading.micros, reading.feeds)]))
    hits, retries = rules.run(reading)
    for position, (policy, rule) in enumerate(rules.rules):
        reading.policy = policy.key
        try:
            expected = evaluate(rule.when[event.type], reading)
        except Fault:
            expected = None
        assert (position in hits) == (expected is True) or position in retries, (policy.key, rule.id)
        assert expected is not None or position in retries


@given(events())
@cases(40)
def test_no_event_makes_the_engine_raise_and_nothing_unknown_fires(event: Event) -> None:
    verdict = starter().fresh().decide(event)
    undecided = {(rule.policy, rule.rule) for rule in verdict.undecided}
    assert not undecided & {(hit.policy, hit.rule) for hit in verdict.hits}
    assert all("Error:" not in rule.detail for rule in verdict.undecided), verdict.undecided
