"""Safehold itself: bytes in, a full verdict with its explanation out."""

import msgspec

from benchmarks import _mixed
from benchmarks.peers import Case, Decide
from safehold.engine import lift


def make(case: Case) -> Decide:
    engine = _mixed.engine(len(case.rules))

    def decide(line: bytes) -> list[str]:
        return [hit.rule for hit in engine.decide(lift(msgspec.json.decode(line))).hits]

    return decide
