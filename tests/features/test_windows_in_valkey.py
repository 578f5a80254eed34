"""Windows in Valkey as an engine without a record sees them: what is decided while the server is away, and afterwards."""

import time
from pathlib import Path

import pytest

from safehold.engine import Engine, load_bundle
from safehold.engine.verdict import Undecided
from safehold.engine.windows.link import Address
from safehold.engine.windows.valkey import ValkeyWindows
from tests.policy_folder import folder, message, policy_of
from tests.valkey_server import address, running, shared, with_tls

WINDOWS = """
plain: {count: true, by: actor.id, over: 1m}
open: {count: true, by: actor.id, over: 1m, when_away: fail_open}
closed: {count: true, by: actor.id, over: 1m, when_away: fail_closed}
"""
RULES = (
    "plain | windows.plain >= 3 | hold",
    "open | windows.open >= 3 | warn",
    "closed | data.text != 'quiet' && windows.closed >= 3 | {action: limit, for: 1h}",
    "either | windows.plain >= 3 || data.text == 'sure' | warn",
    "both | windows.open + windows.closed >= 6 | warn",
    "blind | data.text == 'sure' | warn",
)


def engine(tmp_path: Path, place: str) -> Engine:
    bundle = load_bundle(folder(tmp_path, policy_of(*RULES, windows=WINDOWS)), [])
    return Engine(bundle, [], windows=ValkeyWindows(place))


def test_windows_count_across_processes(tmp_path: Path) -> None:
    place = address()
    one, other = engine(tmp_path, place), engine(tmp_path, place)
    assert one.decide(message("a")).hits == []
    assert other.decide(message("b", after=1)).hits == []
    verdict = one.decide(message("c", after=2))
    assert {hit.rule for hit in verdict.hits} == {"plain", "open", "closed", "either", "both"}
    assert verdict.hits[0].values == {"windows.plain": 3}
    assert verdict.failures == []
    assert [hit.rule for hit in other.decide(message("quiet", actor="u2", after=2)).hits] == []


def test_many_events_are_asked_for_at_once_and_decided_one_after_the_other(tmp_path: Path) -> None:
    events = [message("x", after=step) for step in range(5)]
    made = engine(tmp_path, address())
    before = made.windows.link.calls  # type: ignore[attr-defined]
    together = list(made.decide_many(events))
    assert made.windows.link.calls == before + 1  # type: ignore[attr-defined]
    alone = engine(tmp_path, address())
    assert together == [alone.decide(event) for event in events]
    memory = Engine(made.bundle, [])
    assert together == list(memory.decide_many(events))


def test_while_it_is_away_a_rule_does_what_its_windows_say_and_the_verdict_says_so(tmp_path: Path) -> None:
    with running() as server:
        made = engine(tmp_path, address(server, timeout=5))
        for step in range(2):
            made.decide(message("x", after=step))
        server.terminate()
        before = made.windows.link.calls  # type: ignore[attr-defined]
        verdicts = [made.decide(message("x", after=3 + step)) for step in range(100)]
        assert made.windows.link.calls - before < 50, "events must not wait for what is away"  # type: ignore[attr-defined]
    verdict = verdicts[-1]
    assert [hit.rule for hit in verdict.hits] == ["closed", "both"]  # of two windows the stricter settles it
    assert verdict.hits[0].values == {"data.text": "x"}
    assert [rule.rule for rule in verdict.undecided] == ["plain", "either"]
    (failure,) = verdict.failures
    assert failure.store == "valkey" and "127.0.0.1" in failure.error
    assert failure.assumed == {
        "test.policy/open": "not matched",
        "test.policy/closed": "matched",
        "test.policy/both": "matched",
    }
    assert isinstance(verdict.undecided[0], Undecided) and "`windows.plain` is away" in verdict.undecided[0].detail
    # What does not depend on a window is decided as ever.
    sure = made.decide(message("sure", after=200))
    assert {"either", "blind"} <= {hit.rule for hit in sure.hits}
    assert "closed" not in {hit.rule for hit in made.decide(message("quiet", after=200)).hits}


def test_it_heals_by_itself_and_what_was_missed_is_never_taken_for_nothing(tmp_path: Path) -> None:
    with running() as server:
        port = server.port
        made = engine(tmp_path, address(server, timeout=5))
        made.decide(message("x"))
        server.terminate()
        assert made.decide(message("x", after=10)).failures
        with running(port=port):
            deadline = time.monotonic() + 60
            while (verdict := made.decide(message("x", after=20))).failures and time.monotonic() < deadline:
                time.sleep(0.1)
            # There is no record here: the events from before are lost, so the window is not known while it reaches back there.
            assert verdict.failures == []
            assert "came too late" in verdict.undecided[0].detail
            later = made.decide(message("x", after=90))
            assert later.undecided == [] and later.hits == []


def test_a_server_that_is_away_at_the_start_keeps_nothing_from_starting(tmp_path: Path) -> None:
    made = engine(tmp_path, "valkey://127.0.0.1:1?timeout=0.1")
    verdict = made.decide(message("sure"))
    assert {"either", "blind"} <= {hit.rule for hit in verdict.hits}
    assert "cannot be reached" in verdict.failures[0].error


def test_an_answer_that_takes_too_long_is_not_waited_for(tmp_path: Path) -> None:
    with running() as server:
        made = engine(tmp_path, address(server, timeout=1))
        assert made.decide(message("x")).failures == []
        server.client().execute_command("CLIENT", "PAUSE", "60000", "ALL")
        verdict = made.decide(message("x", after=1))
        assert "did not answer in time" in verdict.failures[0].error


@pytest.mark.parametrize(
    ("url", "says"),
    [
        ("postgresql://x", "no window store"),
        ("valkey://x?timeout=soon", "number of seconds"),
        ("valkey://x?partitions=0", "1 to 1024"),
        ("valkey://x?prefix={a}", "braces"),
    ],
)
def test_an_address_that_is_none_says_why(url: str, says: str) -> None:
    with pytest.raises(ValueError, match=says):
        Address(url)


def test_passwords_are_never_shown() -> None:
    found = Address("valkeys://somebody:secret@cache.example:7000/2?cluster=1")
    assert found.shown == "valkeys://cache.example:7000 (cluster)"
    assert "secret" in found.url and found.cluster and found.partitions == 16


def test_a_password_goes_to_the_client_and_not_into_verdicts(tmp_path: Path) -> None:
    with running() as server:
        server.client().config_set("requirepass", "open-sesame")
        good = f"valkey://:open-sesame@127.0.0.1:{server.port}"
        assert engine(tmp_path, good).decide(message("x")).failures == []
        refused = engine(tmp_path, f"valkey://127.0.0.1:{server.port}").decide(message("x")).failures
        assert refused and "sesame" not in refused[0].error


def test_over_tls_the_server_has_to_prove_who_it_is(tmp_path: Path) -> None:
    with with_tls(shared(), tmp_path) as (port, authority):
        place = f"valkeys://127.0.0.1:{port}?prefix=tls-{port}&timeout=5"
        made = engine(tmp_path, f"{place}&ssl_ca_certs={authority}")
        for step in range(3):
            verdict = made.decide(message("x", after=step))
        assert verdict.failures == [] and verdict.hits[0].values == {"windows.plain": 3}
        stranger = engine(tmp_path, place).decide(message("x"))
        assert "cannot be reached" in stranger.failures[0].error
        other_name = engine(tmp_path, f"{place}&ssl_ca_certs={authority}".replace("127.0.0.1", "localhost"))
        assert "cannot be reached" in other_name.decide(message("x")).failures[0].error
        in_the_clear = engine(tmp_path, place.replace("valkeys", "valkey").replace("timeout=5", "timeout=0.3"))
        assert in_the_clear.decide(message("x")).failures
        assert made.decide(message("x", after=3)).hits[0].values == {"windows.plain": 4}
