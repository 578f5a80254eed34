"""Bytes that come in as an event: the gateway refuses them with a problem, or the starter policies give a verdict."""

from datetime import UTC, datetime
from pathlib import Path

from safehold.engine import Engine, load_bundle
from safehold.gateway.cloudevents import structured
from safehold.gateway.declared import Declared
from safehold.gateway.problems import Refusal

ENGINE = Engine(load_bundle(Path(__file__).parents[2] / "policies"))
DECLARED = Declared(ENGINE.bundle.event_types)
NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)


def one_input(data: bytes) -> None:
    try:
        event = DECLARED.prepare("plaza", structured(data, NOW), NOW).event
    except Refusal:
        return
    verdict = ENGINE.fresh().decide(event)
    assert all("Error:" not in rule.detail for rule in verdict.undecided), verdict.undecided
