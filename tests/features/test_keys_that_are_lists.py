"""What a policy author gets from a window whose `by` is a list: everything that shares an item, counted once."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from safehold.engine import Engine, load_bundle
from safehold.engine.event import Event
from safehold.engine.policies.problems import PolicyProblems

POLICIES = Path(__file__).parents[2] / "policies"
POLICY = """
policy: a.domains
title: Domains
severity: low
on: [content.created]
windows:
  posters: {distinct: actor.id, by: signals.links.registrable, over: 1h}
  posts: {distinct: event.id, by: ['has(context.ip) ? context.ip : ""', signals.links.registrable], over: 1h}
  since: {min: event.time, by: signals.links.registrable, over: 1h, where: "size(signals.links.domains) < 3"}
rules:
  - id: any-of-them
    when: windows.posters >= 2
    then: {action: warn, reason: "{windows.posters}, {windows.posts}, since {windows.since}"}
examples:
  - name: two people
    event: {type: content.created, data: {text: "see a.example"}, context: {ip: 192.0.2.1}}
    windows: {posters: 2, posts: 2, since: "2026-03-01T12:00:00Z"}
    expect: {any-of-them: warn}
"""


def bundle(folder, text=POLICY):
    (folder / "events").symlink_to(POLICIES / "events")
    (folder / "domains.yaml").write_text(text)
    return load_bundle(folder)


def post(number, who, text, ip="192.0.2.1"):
    at = datetime(2026, 3, 1, 12, tzinfo=UTC) + timedelta(minutes=number)
    return Event(
        id=f"e{number}", source="/s", type="content.created", time=at, actor={"id": who}, context={"ip": ip},
        data={"content_id": f"c{number}", "text": text},
    )  # fmt: skip


def test_events_that_share_one_of_several_items_are_counted_once(tmp_path):
    engine = Engine(bundle(tmp_path))
    verdicts = [
        engine.decide(event)
        for event in (
            post(0, "u1", "http://a.example http://b.example"),
            post(1, "u2", "http://b.example http://c.example", ip="192.0.2.2"),
            post(2, "u3", "http://d.example"),
            post(3, "u4", "http://a.example http://c.example http://b.example http://x.example"),
            post(4, "u5", "no link at all"),
        )
    ]
    assert [verdict.hits[0].reason if verdict.hits else None for verdict in verdicts] == [
        None,
        "2, 1, since 2026-03-01T12:00:00Z",
        None,
        "3, 2, since 2026-03-01T12:00:00Z",
        None,
    ]
    assert not any(verdict.undecided for verdict in verdicts)


def test_many_events_at_once_are_answered_as_one_by_one(tmp_path):
    engine = Engine(bundle(tmp_path))
    events = [
        post(n, f"u{n % 7}", f"http://{'abcde'[n % 5]}.example http://{'abcde'[n % 3]}.example") for n in range(40)
    ]
    again = engine.fresh()
    one_by_one = [again.decide(event).hits for event in events]
    assert [verdict.hits for verdict in engine.decide_many(events)] == one_by_one


def test_too_many_items_are_undecided_and_said(tmp_path):
    text = POLICY.replace("by: signals.links.registrable", "by: 'data.text.split(\" \")'")
    verdict = Engine(bundle(tmp_path, text)).decide(post(0, "u1", " ".join(map(str, range(200)))))
    assert "200 items, more than 128" in verdict.undecided[0].detail


@pytest.mark.parametrize(
    ("window", "problem"),
    [
        ("posters: {count: true, by: signals.links.registrable, over: 1h}", "a window cannot be `count`"),
        ("posters: {last: actor.id, by: signals.links.registrable, over: 1h}", "a window cannot be `last`"),
        ("posters: {max: actor.id, by: signals.links.registrable, over: 1h}", "`max` must be of int, double"),
        (
            "posters: {distinct: actor.id, by: [signals.links.registrable, signals.links.domains], over: 1h}",
            "only one part",
        ),
    ],
)
def test_what_a_list_cannot_be_is_said_where_it_stands(tmp_path, window, problem):
    first = POLICY.index("  posters:")
    with pytest.raises(PolicyProblems) as found:
        bundle(tmp_path, POLICY[:first] + "  " + window + POLICY[POLICY.index("\n  posts:") :])
    assert problem in str(found.value)
