"""Verdicts a CPU-second with 1,000 mixed rules; the same engine with 100 of them is measured beside it.

The mix of `engine-100`, ten times as many. The ratio to `ours with 100 rules` says what ten times the rules cost: more
than 0.333 is less than three times. Peers: the function by hand and the lambdas with the same 1,000 rules.
"""

from benchmarks import Result, _race
from benchmarks.engine_100 import CHECKED, case

_BY_HAND, _LAMBDAS = "one Python function by hand", "one Python lambda a rule"


def run() -> Result:
    thousand = case(1000)
    cases = {name: (name, thousand) for name in ("ours", _BY_HAND, _LAMBDAS)}
    with _race.contenders(cases | {"ours with 100 rules": ("ours", case(100))}) as started:
        same = {name: contender for name, contender in started.items() if name in cases}
        matched = sum(map(len, _race.same_answers(same, CHECKED)))
        assert CHECKED / 10 < matched < CHECKED * 10, "the rules match nothing, or everything"
        figures = _race.rates(started)
    return Result(figures.pop("ours"), "verdicts per CPU-second", figures)
