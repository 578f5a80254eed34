"""What a verdict says: who won and why, what it saw, and what it could not tell."""

from collections.abc import Mapping
from pathlib import Path

import pytest

from safehold.engine import Engine, Event, SignalFailed, UnknownEventType, load_bundle
from tests.policy_folder import bundle, engine, folder, message, policy_of


class Length:
    """A real signal: how long the text is. It fails for the text `fail`, and counts how often it was asked."""

    name, version, cost, reads = "length", "1.0", 50.0, ("text",)
    fields: Mapping[str, str] = {"characters": "int"}

    def __init__(self) -> None:
        self.asked = 0

    def run(self, event: Event) -> Mapping[str, object]:
        self.asked += 1
        if event.text == "fail":
            raise SignalFailed("no ruler at hand")
        if event.text == "crash":
            raise ZeroDivisionError("a bug")
        return {"characters": len(event.text or "")}


def test_the_strongest_action_wins_and_every_match_is_kept(tmp_path: Path) -> None:
    rules = (
        "soft | data.text.contains('a') | {action: warn, queue: first}",
        "hard | data.text.contains('b') | {action: remove, strike: 2}",
        "none | data.text.contains('c') | terminate",
    )
    verdict = engine(tmp_path, policy_of(*rules)).decide(message("ab"))
    assert (verdict.action, verdict.winner) == ("remove", "test.policy/hard")
    assert [hit.rule for hit in verdict.hits] == ["soft", "hard"]
    assert verdict.queue is None, "a removal leaves a milder rule nothing to ask people about"
    assert verdict.hits[1].strike == 2
    assert all(len(hit.rule_hash) == 64 for hit in verdict.hits)


def test_why_is_a_sentence_with_one_full_stop(tmp_path: Path) -> None:
    for reason in ("Too many links", "Too many links."):
        verdict = engine(tmp_path, policy_of(f"r | true | {{action: warn, reason: '{reason}'}}")).decide(message())
        assert verdict.why.endswith(": Too many links.")


def test_people_look_where_the_strongest_rule_that_asks_says(tmp_path: Path) -> None:
    rules = (
        "mild | data.text.contains('a') | {action: allow, queue: mild}",
        "hold | data.text.contains('b') | hold",
        "gone | data.text.contains('c') | {action: remove, queue: gone}",
    )
    decides = engine(tmp_path, policy_of(*rules))
    assert decides.decide(message("a")).queue == "mild"
    assert decides.decide(message("ab")).queue == "mild"
    assert decides.decide(message("abc")).queue == "gone"


def test_equal_actions_are_settled_by_the_policys_severity_then_by_order(tmp_path: Path) -> None:
    where = folder(tmp_path, policy_of("first | true | hold", "second | true | hold", head="severity: low"))
    text = policy_of("grave | true | hold", head="severity: critical").replace("test.policy", "test.grave")
    (where / "zzz.yaml").write_text(text, encoding="utf-8")
    graver = Engine(load_bundle(where, []), []).decide(message())
    assert graver.winner == "test.grave/grave"
    (where / "zzz.yaml").unlink()
    assert Engine(load_bundle(where, []), []).decide(message()).winner == "test.policy/first"


def test_the_reason_is_filled_in_and_the_values_are_those_that_mattered(tmp_path: Path) -> None:
    rule = "r | actor.age < duration('300h') && (data.text == 'never' || size(data.text) == 5) | " + (
        "{action: warn, reason: 'to {data.recipient_id} in thread {data.thread_id}'}"
    )
    hit = engine(tmp_path, policy_of(rule)).decide(message()).hits[0]
    assert hit.reason == "to u2 in thread unknown"
    assert hit.values == {"actor.age": "864000s", "data.text": "hello", "data.recipient_id": "u2"}


def test_nothing_matched_is_said_too(tmp_path: Path) -> None:
    verdict = engine(tmp_path, policy_of("r | data.text == 'x' | warn")).decide(message())
    assert (verdict.action, verdict.winner, verdict.queue, verdict.why) == ("allow", None, None, "No rule matched.")


def test_a_missing_field_is_unknown_and_unknown_never_fires(tmp_path: Path) -> None:
    rules = (
        "is | data.text == 'x' | warn",
        "not | !(data.text == 'x') | warn",
        "other | data.recipient_id == 'u2' | hold",
    )
    event = message()
    del event.data["text"]
    verdict = engine(tmp_path, policy_of(*rules)).decide(event)
    assert [hit.rule for hit in verdict.hits] == ["other"]
    assert {(u.rule, u.cause, u.detail) for u in verdict.undecided} == {
        ("is", "unknown", "`data.text` is missing"),
        ("not", "unknown", "`data.text` is missing"),
    }


def test_a_rule_that_fails_does_not_silence_the_others(tmp_path: Path) -> None:
    rules = ("bad | 1 / (size(data.text) - 5) > 0 | hold", "good | data.text == 'hello' | warn")
    verdict = engine(tmp_path, policy_of(*rules)).decide(message())
    assert [hit.rule for hit in verdict.hits] == ["good"]
    assert [(u.rule, u.cause, u.detail) for u in verdict.undecided] == [("bad", "error", "division by zero")]
    assert "1 could not be decided" in verdict.why


@pytest.mark.parametrize(("text", "says"), [("fail", "no ruler at hand"), ("crash", "ZeroDivisionError: a bug")])
def test_a_failed_signal_is_named_and_decides_nothing(tmp_path: Path, text: str, says: str) -> None:
    rules = (
        "long | signals.length.characters > 3 | warn",
        "short | !(signals.length.characters > 3) | warn",
        "either | signals.length.characters > 3 || data.recipient_id == 'u2' | hold",
    )
    verdict = engine(tmp_path, policy_of(*rules), [Length()]).decide(message(text))
    assert [hit.rule for hit in verdict.hits] == ["either"]
    assert all(says in undecided.detail and "length" in undecided.detail for undecided in verdict.undecided)
    assert [undecided.rule for undecided in verdict.undecided] == ["long", "short"]
    assert says in (verdict.signals[0].error or "")


def test_a_signal_runs_once_and_only_when_its_answer_matters(tmp_path: Path) -> None:
    signal = Length()
    rules = (
        "one | signals.length.characters > 3 && data.recipient_id == 'nobody' | warn",
        "two | data.recipient_id == 'u9' && signals.length.characters > 2 | warn",
        "three | data.recipient_id == 'u9' && signals.length.characters > 4 | warn",
    )
    made = engine(tmp_path, policy_of(*rules), [signal])
    assert made.decide(message(to="u2")).signals == []
    assert signal.asked == 0
    verdict = made.decide(message(to="u9"))
    assert signal.asked == 1
    assert [hit.rule for hit in verdict.hits] == ["two", "three"]
    assert verdict.signals[0].values == {"characters": 5}


def test_windows_count_the_event_itself_and_keys_apart(tmp_path: Path) -> None:
    windows = "sent_1m: {count: true, by: actor.id, over: 1m, where: data.text != 'quiet'}"
    made = engine(tmp_path, policy_of("r | windows.sent_1m >= 3 | hold", windows=windows))
    events = [
        message("a", after=0),
        message("b", after=10),
        message("quiet", after=15),
        message("x", actor="u7", after=16),
    ]
    assert [made.decide(event).action for event in events] == ["allow"] * 4
    verdict = made.decide(message("c", after=20))
    assert (verdict.action, verdict.hits[0].values) == ("hold", {"windows.sent_1m": 3})
    assert made.decide(message("d", after=75)).action == "allow"


def test_what_was_observed_counts_like_what_was_decided(tmp_path: Path) -> None:
    windows = "sent_1m: {distinct: data.recipient_id, by: actor.id, over: 1m}"
    text = policy_of("r | windows.sent_1m >= 2 | hold", windows=windows)
    before, after = engine(tmp_path, text), engine(tmp_path, text)
    before.decide(message(to="u8"))
    after.observe(message(to="u8"))
    assert before.decide(message(to="u9", after=1)) == after.decide(message(to="u9", after=1))


def test_a_label_is_seen_by_the_next_event_and_ends(tmp_path: Path) -> None:
    rules = (
        "mark | data.text == 'bad' | {action: label, label: {name: seen, on: actor, for: 1h}}",
        "act | 'seen' in labels.actor | hold",
    )
    made = engine(tmp_path, policy_of(*rules))
    assert [hit.rule for hit in made.decide(message("bad")).hits] == ["mark"]
    assert [hit.rule for hit in made.decide(message("good", after=60)).hits] == ["act"]
    assert made.decide(message("good", actor="u5", after=60)).hits == []
    assert made.decide(message("good", after=3601)).hits == []


def test_a_voided_label_is_gone(tmp_path: Path) -> None:
    made = engine(tmp_path, policy_of("act | 'seen' in labels.content | hold"))
    made.labels.set("message", "m0", "seen")
    assert made.decide(message()).action == "hold"
    made.labels.void("message", "m0", "seen")
    assert made.decide(message()).action == "allow"
    assert len(made.labels) == 0


@pytest.mark.parametrize(
    ("mode", "hits", "action"),
    [("draft", 0, "allow"), ("shadow", 1, "allow"), ("live", 1, "hold"), ("retired", 0, "allow")],
)
def test_a_rules_mode_says_whether_it_decides_and_acts(tmp_path: Path, mode: str, hits: int, action: str) -> None:
    rule = f"r | true | {{action: hold, label: {{name: seen, on: actor}}}} | {mode}"
    made = engine(tmp_path, policy_of(rule))
    verdict = made.decide(message())
    assert (len(verdict.hits), verdict.action) == (hits, action)
    assert len(made.labels) == (1 if mode == "live" else 0)


def test_a_canary_acts_for_its_share_of_actors_and_always_the_same_ones(tmp_path: Path) -> None:
    made = engine(tmp_path, policy_of("r | true | hold | {canary: {share: 10%}}"))
    acted = {number for number in range(1000) if made.decide(message(actor=f"u{number}")).action == "hold"}
    assert 60 <= len(acted) <= 140
    assert {
        number for number in range(1000) if made.decide(message(actor=f"u{number}", after=9)).action == "hold"
    } == acted
    assert made.decide(message(actor=f"u{min(set(range(1000)) - acted)}")).hits[0].mode == "shadow"


def test_the_bundles_hash_changes_with_whatever_can_change_a_verdict(tmp_path: Path) -> None:
    base = policy_of("r | data.text == 'x' | warn", head="guidance: look")
    changes = [
        base.replace("'x'", "'y'"), base.replace("warn", "hold"), base.replace("    when", "    mode: shadow\n    when"),
        base.replace("title: Test", "severity: low\ntitle: Test"),
    ]  # fmt: skip
    hashes = [bundle(tmp_path, text).hash for text in (base, *changes)]
    assert len(set(hashes)) == len(hashes)
    assert bundle(tmp_path, base.replace("look", "look twice")).hash == hashes[0]
    listed = [folder(tmp_path, base, words=f"list: words\nentries: [{word}]\n") for word in ("a",)]
    first = load_bundle(listed[0], []).hash
    folder(tmp_path, base, words="list: words\nentries: [b]\n")
    assert load_bundle(listed[0], []).hash != first
    signal = Length()
    before = load_bundle(listed[0], [signal]).hash
    signal.version = "1.1"
    assert load_bundle(listed[0], [signal]).hash != before


def test_a_rules_hash_is_its_own(tmp_path: Path) -> None:
    one = bundle(tmp_path, policy_of("a | data.text == 'x' | warn", "b | true | warn"))
    other = bundle(tmp_path, policy_of("a | data.text == 'x' | warn", "b | false | warn"))
    assert one.rule("test.policy/a").hash == other.rule("test.policy/a").hash
    assert one.rule("test.policy/b").hash != other.rule("test.policy/b").hash


def test_an_event_of_no_known_type_is_refused(tmp_path: Path) -> None:
    made = engine(tmp_path, policy_of("r | true | warn"))
    with pytest.raises(UnknownEventType, match=r"chat\.sent"):
        made.decide(Event(id="1", source="s", type="chat.sent", time=message().time))


def test_an_engine_is_not_started_with_other_signals_than_its_bundle_knows(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="length"):
        Engine(bundle(tmp_path, policy_of("r | true | warn")), [Length()])


def test_texts_in_a_verdict_are_cut_so_that_it_explains_and_does_not_copy(tmp_path: Path) -> None:
    verdict = engine(tmp_path, policy_of("r | data.text.contains('x') | warn")).decide(message("x" * 5000))
    assert len(verdict.hits[0].values["data.text"]) == 300


def test_half_a_surrogate_pair_in_a_text_is_an_error_and_not_a_crash(tmp_path: Path) -> None:
    verdict = engine(tmp_path, policy_of("r | data.text.matches('x') | warn", "s | true | hold")).decide(
        message("\ud800")
    )
    assert verdict.action == "hold"
    assert "surrogate" in verdict.undecided[0].detail
