"""Verdicts a CPU-second with 100 mixed rules, JSON in and a full verdict out, on one core.

20 equality, 20 contains, 15 regex, 25 numeric, 10 list and 10 label rules over varied messages. Ours gives a verdict with
its explanation; the peers only say which rules match: one function as somebody would write it by hand for just these
rules, a lambda a rule, and five engines. All must match the same rules before anything is timed.
"""

from benchmarks import Result, _mixed, _race
from benchmarks.peers import Case

CHECKED = 250


def case(count: int) -> Case:
    rules = _mixed.asked(count)
    return Case([tuple(rule) for rule in rules], _mixed.lists(rules), _mixed.labelled(), _mixed.events())


def run() -> Result:
    hundred = case(100)
    with _race.contenders({name: (name, hundred) for name in _race.CONTENDERS}) as started:
        matched = sum(map(len, _race.same_answers(started, CHECKED)))
        assert CHECKED / 10 < matched < CHECKED * 10, "the rules match nothing, or everything"
        figures = _race.rates(started)
    return Result(figures.pop("ours"), "verdicts per CPU-second", figures)
