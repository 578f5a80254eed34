"""What the gateway counts, for Prometheus. No label names a person, an account or a key: actions, rules, signals, routes.

Counting is per commit where it can be, so that the cost is shared by the events in it.
"""

import itertools
from bisect import bisect_left
from collections import Counter as Times
from collections.abc import Callable, Iterator, Sequence

import msgspec
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, PlatformCollector, ProcessCollector
from prometheus_client.core import CounterMetricFamily, HistogramMetricFamily, Metric
from prometheus_client.exposition import CONTENT_TYPE_LATEST, generate_latest
from prometheus_client.registry import Collector
from prometheus_client.utils import floatToGoString

from safehold.gateway.store import Conflict, Outcome, WindowsState, Written

CONTENT_TYPE = CONTENT_TYPE_LATEST.encode()
_LATENCIES = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
_BOUNDS = (*map(floatToGoString, _LATENCIES), "+Inf")


class Traffic(msgspec.Struct, array_like=True, tag=1):
    """What was counted in a while. `routes`: path -> (requests by bucket, seconds in all)."""

    routes: dict[str, tuple[list[int], float]]
    problems: dict[str, int]
    ahead: dict[str, int] = {}


class Tally(Collector):
    """Requests and refusals. A process that has another one decide sends on what it has counted; all of it is added up
    there, so that one place has the numbers of all processes."""

    def __init__(self) -> None:
        self._routes: dict[str, tuple[list[int], float]] = {}
        self._problems: dict[str, int] = {}
        self._ahead: dict[str, int] = {}

    def request(self, route: str, seconds: float) -> None:
        """Count a request and the time from its arrival to its answer."""
        buckets, total = self._routes.get(route) or ([0] * (len(_LATENCIES) + 1), 0.0)
        buckets[bisect_left(_LATENCIES, seconds)] += 1
        self._routes[route] = buckets, total + seconds

    def problem(self, kind: str) -> None:
        """Count a refusal."""
        self._problems[kind] = self._problems.get(kind, 0) + 1

    def ahead(self, outcome: str) -> None:
        """Count an event whose signals were to be measured ahead: `measured`, or why they were not."""
        self._ahead[outcome] = self._ahead.get(outcome, 0) + 1

    def drain(self) -> Traffic:
        """What was counted since the last time; counting begins again."""
        traffic = Traffic(self._routes, self._problems, self._ahead)
        self._routes, self._problems, self._ahead = {}, {}, {}
        return traffic

    def add(self, traffic: Traffic) -> None:
        """Add what another process has counted."""
        for route, (buckets, seconds) in traffic.routes.items():
            before, total = self._routes.get(route, ([0] * len(buckets), 0.0))
            self._routes[route] = [one + other for one, other in zip(before, buckets, strict=True)], total + seconds
        for kind, times in traffic.problems.items():
            self._problems[kind] = self._problems.get(kind, 0) + times
        for outcome, times in traffic.ahead.items():
            self._ahead[outcome] = self._ahead.get(outcome, 0) + times

    def collect(self) -> Iterator[Metric]:
        """For Prometheus."""
        requests = HistogramMetricFamily(
            "safehold_request_seconds", "Time from a request's arrival to its answer.", labels=["route"]
        )
        for route, (buckets, seconds) in list(self._routes.items()):
            named = zip(_BOUNDS, itertools.accumulate(buckets), strict=True)
            requests.add_metric([route], [(bound, float(count)) for bound, count in named], seconds)
        yield requests
        problems = CounterMetricFamily("safehold_problems", "Refusals by kind of problem.", labels=["problem"])
        for kind, times in list(self._problems.items()):
            problems.add_metric([kind], times)
        yield problems
        ahead = CounterMetricFamily(
            "safehold_signals_ahead", "Events whose signals could be measured ahead, by outcome.", labels=["outcome"]
        )
        for outcome, times in list(self._ahead.items()):
            ahead.add_metric([outcome], times)
        yield ahead


class Metrics:
    """The gateway's numbers, in a registry of their own."""

    def __init__(self) -> None:
        self.registry = registry = CollectorRegistry()
        ProcessCollector(registry=registry)
        PlatformCollector(registry=registry)
        self.decisions = Counter("safehold_decisions", "Decisions by action.", ["action"], registry=registry)
        self.events = Counter("safehold_events", "Events by what became of them.", ["outcome"], registry=registry)
        self.undecided = Counter(
            "safehold_undecided_rules", "Times that a rule could not decide.", ["rule", "cause"], registry=registry
        )
        self.signal_failures = Counter(
            "safehold_signal_failures", "Times that a signal failed.", ["signal"], registry=registry
        )
        self.traffic = Tally()
        registry.register(self.traffic)
        self.commits = Histogram(
            "safehold_commit_seconds",
            "Time to decide and commit a group of events.",
            registry=registry,
            buckets=_LATENCIES,
        )
        self.commit_events = Histogram(
            "safehold_commit_events",
            "Events in a commit.",
            registry=registry,
            buckets=(1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024, 2048),
        )
        self.commit_failures = Counter(
            "safehold_commit_failures", "Commits that failed; nothing of them was answered.", registry=registry
        )
        self.rebuild_seconds = Gauge(
            "safehold_rebuild_seconds", "How long the last rebuild of windows and labels took.", registry=registry
        )
        self.edition = Gauge("safehold_policy_edition", "The edition of the policies that decides.", registry=registry)
        self.edition_failures = Counter(
            "safehold_policy_edition_failures", "Editions that could not be loaded here.", registry=registry
        )
        self.list_revision = Gauge(
            "safehold_list_revision",
            "The revision of a managed list that rules are asked with.",
            ["list"],
            registry=registry,
        )
        self.list_failures = Counter(
            "safehold_list_failures", "Times that managed lists could not be read.", registry=registry
        )
        self.bank_items = Gauge("safehold_bank_items", "Items of hash banks that are looked up.", registry=registry)
        self.bank_number = Gauge(
            "safehold_bank_number", "The change of a hash bank that is in effect here.", ["bank"], registry=registry
        )
        self.bank_failures = Counter(
            "safehold_bank_failures", "Times that hash banks could not be read.", registry=registry
        )
        self.throttled = Counter(
            "safehold_throttled_rules", "Times that the breaker throttled a rule.", ["rule"], registry=registry
        )
        self._waiting = Gauge("safehold_waiting_events", "Events that wait for the writer.", registry=registry)

        self._windows_up = Gauge("safehold_windows_up", "1 while the store of windows can be asked.", registry=registry)
        self._window_keys = Gauge("safehold_window_keys", "Keys in memory's windows.", registry=registry)
        self._window_entries = Gauge("safehold_window_entries", "Entries in memory's windows.", registry=registry)
        self._windows_evicted = Gauge(
            "safehold_windows_evicted", "Keys that were dropped while a window still covered them.", registry=registry
        )
        self.windows_away = Counter(
            "safehold_windows_away", "Events that were decided without their windows.", registry=registry
        )

    def watch_windows(self, state: Callable[[], WindowsState | None]) -> None:
        """Read how the store of windows is from `state` whenever somebody asks."""

        def read(part: Callable[[WindowsState], float]) -> Callable[[], float]:
            return lambda: part(found) if (found := state()) is not None else 0

        self._windows_up.set_function(read(lambda found: found.state == "ok"))
        self._window_keys.set_function(read(lambda found: found.keys))
        self._window_entries.set_function(read(lambda found: found.entries))
        self._windows_evicted.set_function(read(lambda found: found.evicted))

    def watch_queue(self, depth: Callable[[], int]) -> None:
        """Read the queue's depth from `depth` whenever somebody asks."""
        self._waiting.set_function(depth)

    def count(self, outcomes: Sequence[Outcome], seconds: float) -> None:
        """Count one commit."""
        self.commits.observe(seconds)
        self.commit_events.observe(len(outcomes))
        actions, kinds = Times[str](), Times[str]()
        undecided, failures, away = Times[tuple[str, str]](), Times[str](), 0
        for outcome in outcomes:
            if not isinstance(outcome, Written):
                kinds["conflict" if isinstance(outcome, Conflict) else "failed"] += 1
                continue
            kinds["duplicate" if outcome.duplicate else "decided"] += 1
            if outcome.duplicate:
                continue
            verdict = outcome.verdict
            actions[verdict.action] += 1
            away += bool(verdict.failures)
            for rule in verdict.undecided:
                undecided[f"{rule.policy}/{rule.rule}", rule.cause] += 1
            for run in verdict.signals:
                if run.error is not None:
                    failures[run.signal] += 1
        if away:
            self.windows_away.inc(away)
        for action, times in actions.items():
            self.decisions.labels(action).inc(times)
        for outcome_name, times in kinds.items():
            self.events.labels(outcome_name).inc(times)
        for (rule_name, cause), times in undecided.items():
            self.undecided.labels(rule_name, cause).inc(times)
        for signal, times in failures.items():
            self.signal_failures.labels(signal).inc(times)

    def exposition(self) -> bytes:
        """All of it in Prometheus' text format."""
        return generate_latest(self.registry)
