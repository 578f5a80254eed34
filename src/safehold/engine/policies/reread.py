"""Reading a policy that was read before. A start, the console and an editor load the same files time and again, and most of the
time goes into checking their expressions; what depends on nothing else is kept. `bundle` and `authoring.workspace` call it.
"""

from collections.abc import Iterable, Mapping

from safehold.engine.policies.events import EventTypes
from safehold.engine.policies.kept import Kept
from safehold.engine.policies.located import Located
from safehold.engine.policies.model import Policy
from safehold.engine.policies.problems import Report
from safehold.engine.policies.read import PolicyReader, digest
from safehold.engine.policies.scope import Scope
from safehold.engine.signal import Signal

#: Policies that were read without a problem, by all that they depend on: the context, the file's name and its text.
_READ: Kept[tuple[str, str, str], Policy] = Kept(1000)


def read_policy(
    node: Located, event_types: EventTypes, scopes: Mapping[str, Scope], context: str, report: Report
) -> Policy | None:
    """The policy of a file; None, or something in its place, after problems were reported. `context` is `context_of` the
    rest."""
    known = (context, node.source.name, node.source.text)
    policy = _READ.get(known)
    if policy is None:
        before = len(report.problems)
        policy = PolicyReader(node, event_types, scopes, report).read()
        if policy is not None and len(report.problems) == before:
            _READ.keep(known, policy)
    return policy


def context_of(event_types: EventTypes, signals: Iterable[Signal], lists: Iterable[str]) -> str:
    """The hash of everything beside its own text that the reading of a policy depends on."""
    events = {
        name: [kind.identity, kind.subject.owner or "", kind.subject.thread or ""]
        for name, kind in event_types.types.items()
    }
    read = [[signal.name, signal.version, dict(signal.fields), list(signal.reads)] for signal in signals]
    return digest({"events": events, "signals": read, "lists": sorted(lists)})
