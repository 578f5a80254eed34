"""The engine decides: policies and an event in, a verdict out. Pure Python, no network, no clock of its own.

    from safehold.engine import Engine, lift, load_bundle

    engine = Engine(load_bundle("policies"))
    verdict = engine.decide(lift(cloudevent))

The rooms read in the order of the work: `language` (expressions), `policies` (files to a Bundle), `compile` (a Bundle to
Python), `windows` and `labels` (what is remembered), `decide` (the verdict).
"""

from safehold.engine.decide import Engine, UnknownEventType
from safehold.engine.event import Event, lift
from safehold.engine.labels import Labels
from safehold.engine.policies.bundle import installed_signal, installed_signals, load_bundle
from safehold.engine.policies.events import EventType, EventTypes, Violation
from safehold.engine.policies.model import Bundle, Policy, Rule
from safehold.engine.policies.problems import PolicyProblem, PolicyProblems
from safehold.engine.signal import Signal, SignalFailed
from safehold.engine.verdict import ACTIONS, Hit, LabelEffect, SignalRun, Undecided, Verdict
from safehold.engine.windows.memory import MemoryWindows

__all__ = [
    "ACTIONS",
    "Bundle",
    "Engine",
    "Event",
    "EventType",
    "EventTypes",
    "Hit",
    "LabelEffect",
    "Labels",
    "MemoryWindows",
    "Policy",
    "PolicyProblem",
    "PolicyProblems",
    "Rule",
    "Signal",
    "SignalFailed",
    "SignalRun",
    "Undecided",
    "UnknownEventType",
    "Verdict",
    "Violation",
    "installed_signal",
    "installed_signals",
    "lift",
    "load_bundle",
]
