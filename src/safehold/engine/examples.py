"""Running the examples of policies: what `safehold policy test`, the console and a policy's reviewers see."""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from safehold.engine.decide import Engine
from safehold.engine.event import lift
from safehold.engine.policies.model import Bundle, Example, Policy
from safehold.engine.reading import Parts
from safehold.engine.signal import Signal
from safehold.engine.verdict import Verdict


@dataclass(frozen=True, slots=True)
class Outcome:
    """How an example came out. `differences` are sentences, and empty when it passed."""

    policy: Policy
    example: Example
    verdict: Verdict
    differences: tuple[str, ...]

    @property
    def passed(self) -> bool:
        return not self.differences


def run_examples(
    bundle: Bundle, signals: Iterable[Signal] | None = None, *, keys: Collection[str] | None = None
) -> list[Outcome]:
    """Every example of every policy (or of those with these `keys`), each on an engine that has seen nothing before."""
    engine = Engine(bundle, signals)
    wanted = [policy for policy in bundle.policies if keys is None or policy.key in keys]
    return [_run(engine, policy, example) for policy in wanted for example in policy.examples]


def _run(engine: Engine, policy: Policy, example: Example) -> Outcome:
    verdict = engine.fresh().decide(lift(example.event), assumptions(example, policy))
    matched = {hit.rule: hit.action for hit in verdict.hits if hit.policy == policy.key}
    differences = [f"expected `{rule}` to match; it did not" for rule in example.expect if rule not in matched]
    differences += [f"`{rule}` matched; it was not expected to" for rule in matched if rule not in example.expect]
    expected = set(example.expect)
    differences += [
        f"`{undecided.rule}` could not be decided: {undecided.detail}"
        for undecided in verdict.undecided
        if undecided.policy == policy.key and (undecided.rule in expected or not expected)
    ]
    if differences:
        differences += [f"    {path} = {value}" for hit in verdict.hits for path, value in hit.values.items()]
    return Outcome(policy, example, verdict, tuple(dict.fromkeys(differences)))


def assumptions(example: Example, policy: Policy) -> dict[Parts, Any]:
    """What an example says that windows, signals and labels would give; labels that it does not mention are none."""
    found: dict[Parts, Any] = {("windows", policy.key, name): value for name, value in example.windows.items()}
    for name, fields in example.signals.items():
        found |= {("signals", name, field): value for field, value in _fields(fields).items()}
    return found | {("labels", on): list(names) for on, names in example.labels.items()}


def _fields(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}
