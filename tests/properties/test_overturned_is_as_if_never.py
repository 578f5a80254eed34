"""After an overturned appeal the derived state is that of a platform where the decision never was.

Random histories run through the real functions, on SQLite and PostgreSQL. What then holds is computed in four ways that
must agree: the product's own query, a small model that is obviously right, what a platform knows that did what the
webhooks said, and what the engine knows that followed the feed of labels. And the same history without the overturned
chain, in another service, must end in the same state.
"""

import itertools
import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from django.utils import timezone
from hypothesis import given
from hypothesis import strategies as st

from safehold.desk.decisions.decide import decide
from safehold.desk.decisions.endpoints import add_endpoint
from safehold.desk.decisions.expiry import expire_once
from safehold.desk.decisions.models import Decision, Delivery, LabelChange
from safehold.desk.decisions.outbox import carry_on_once
from safehold.desk.decisions.standing import labels_after, standing_of
from safehold.desk.entities.subjects import Thing
from safehold.record.moves import check_moves
from safehold.record.recording import recording
from tests.cases import cases
from tests.world import happens, person, policy, service

HOUR = 3_600
#: Histories a test: each is some dozens of transactions, and PostgreSQL is here for its locks and types.
EXAMPLES = {"sqlite": 40, "postgresql": 15}
ACCOUNTS = ("u1", "u2")
THINGS = (Thing("message", "m1", "u1"), Thing("message", "m2", "u2"), Thing("account", "u1", "u1"))
TARGETS = (*THINGS, Thing("account", "u2", "u2"))
_slugs = itertools.count(1)

Label = tuple[str, str, int | None]  # name, on (content or account), seconds
Key = tuple[str, str, str, str]  # type, target kind, target id, parameters


@dataclass(frozen=True)
class Rule:
    """A rule decides on something, `age` seconds ago. This begins a chain."""

    about: Thing
    action: str
    seconds: int | None
    labels: tuple[Label, ...]
    strike: int
    age: int


@dataclass(frozen=True)
class Person:
    """Somebody decides over what is in force in a chain (the n-th, counted round), perhaps on appeal."""

    chain: int
    action: str
    seconds: int | None
    labels: tuple[Label, ...] | None
    on_appeal: bool


@dataclass(frozen=True)
class Work:
    """The outbox is carried on, and what has ended is ended."""


@dataclass
class Chain:
    """The model of a chain: what it makes hold, from when to when, and its strike."""

    about: Thing
    holds: dict[Key, datetime | None] = field(default_factory=dict)
    weight: int = 0
    rule_weight: int = 0


def wanted(about: Thing, action: str, seconds: int | None, labels: Sequence[Label], at: datetime):
    """What a decision wants to hold, key -> end: written down once more, in the plainest way."""
    holds: dict[Key, datetime | None] = {}
    if action not in ("allow", "label"):
        on_account = action in ("warn", "suspend", "terminate")
        kind, target = ("account", about.owner) if on_account else (about.kind, about.id)
        params = {"seconds": seconds} if seconds else {}
        holds[action, kind, target, text(params)] = at + timedelta(seconds=seconds) if seconds else None
    for name, on, lasts in labels:
        kind, target = ("account", about.owner) if on == "account" else (about.kind, about.id)
        params = {"label": name} | ({"seconds": lasts} if lasts else {})
        holds["label", kind, target, text(params)] = at + timedelta(seconds=lasts) if lasts else None
    return holds


def text(params: object) -> str:
    return json.dumps(params, sort_keys=True)


def after(held: dict[Key, datetime | None], new: dict[Key, datetime | None], at: datetime):
    """What holds once `new` is wanted: what goes on keeps its end."""
    now = {key: end for key, end in held.items() if end is None or end > at}
    return {key: now.get(key, end) for key, end in new.items()}


class History:
    """Runs steps for real in a service of its own, and in the model beside it."""

    def __init__(self) -> None:
        self.slug = f"s{next(_slugs)}"
        with recording() as record:
            add_endpoint(record, service(self.slug).pk, "https://plaza.example/hooks")
        self.moderator, self.judges = person(), itertools.cycle([person() for _ in range(6)])
        self.chains: list[Chain] = []
        self.last: list[Decision] = []

    def run(self, steps: Sequence[object], without: int | None = None) -> None:
        """`without`: leave out the n-th chain, as if it had never been."""
        started = timezone.now()
        number, places = -1, []
        for step in steps:
            if isinstance(step, Rule):
                number += 1
                places.append(None if number == without else len(self.chains))
                if number != without:
                    self.rule(step, started)
            elif isinstance(step, Person) and places:
                place = places[step.chain % len(places)]
                if place is not None:
                    self.person(step, place)
            elif isinstance(step, Work):
                carry_on()
                while expire_once():
                    pass
        carry_on()

    def rule(self, step: Rule, started: datetime) -> None:
        at = started - timedelta(seconds=step.age)
        labels = tuple((name, "actor" if on == "account" else on, lasts) for name, on, lasts in step.labels)
        self.last.append(
            happens(
                step.action, about=step.about, by=step.about.owner, subject=step.about, seconds=step.seconds,
                labels=labels, strike=step.strike, slug=self.slug, at=at,
            )
        )  # fmt: skip
        chain = Chain(step.about, weight=step.strike, rule_weight=step.strike)
        chain.holds = wanted(step.about, step.action, step.seconds, step.labels, at)
        self.chains.append(chain)

    def person(self, step: Person, place: int) -> None:
        chain, over = self.chains[place], self.last[place]
        params: dict[str, object] = {"seconds": step.seconds} if step.seconds else {}
        if step.labels is not None:
            params["labels"] = [{"name": name, "on": on, "seconds": lasts} for name, on, lasts in step.labels]
        made = decide(
            next(self.judges) if step.on_appeal and not taking_part(over, self) else self.moderator,
            over=over, action=step.action, policy=policy() if step.action != "allow" else None, params=params,
            on_appeal=step.on_appeal and not taking_part(over, self),
        )  # fmt: skip
        self.last[place] = made
        new = wanted(chain.about, step.action, step.seconds, step.labels or (), made.decided_at)
        if step.labels is None and step.action != "allow":
            new |= {key: end for key, end in chain.holds.items() if key[0] == "label"}
        chain.holds = after(chain.holds, new, made.decided_at)
        chain.weight = chain.rule_weight if step.action not in ("allow", "label") else 0

    # The four ways

    def by_query(self, at: datetime):
        found = {}
        for thing in TARGETS:
            standing = standing_of(self.slug, thing.kind, thing.id, at=at)
            actions = sorted((each.type, text(each.params), each.ends_at) for each in standing.actions)
            strikes = sorted(strike.weight for strike in standing.strikes)
            found[thing.kind, thing.id] = (actions, strikes, standing.labels)
        return found

    def by_model(self, at: datetime):
        found = {}
        for thing in TARGETS:
            held = [
                (key[0], key[3], end) for chain in self.chains for key, end in chain.holds.items()
                if key[1:3] == (thing.kind, thing.id) and (end is None or end > at)
            ]  # fmt: skip
            labels: dict[str, datetime | None] = {}
            for kind, params, end in held:
                if kind == "label":
                    name = json.loads(params)["label"]
                    labels[name] = (
                        None if end is None or labels.get(name, end) is None else max(labels.get(name, end), end)
                    )
            weights = sorted(
                chain.weight for chain in self.chains
                if thing == Thing("account", chain.about.owner, chain.about.owner) and chain.weight
            )  # fmt: skip
            found[thing.kind, thing.id] = (sorted(held), weights, labels)
        return found

    def at_the_platform(self) -> list[tuple[str, str, str, str]]:
        done: dict[str, tuple[str, str, str, str]] = {}
        messages = Delivery.objects.filter(endpoint__service_id=self.slug).order_by("type")  # apply before the others
        for message in messages:
            body = json.loads(message.payload)
            data = body["data"]
            if body["type"] == "action.apply":
                target = data["target"]
                done[data["action_id"]] = (data["type"], target["kind"], target["id"], text(data["params"]))
            elif body["type"] in ("action.reverse", "action.expired"):
                del done[data["action_id"]]
        return sorted(done.values())

    def labels_followed(self, at: datetime):
        return {
            (thing.kind, thing.id): labels_after(
                LabelChange.objects.filter(service_id=self.slug, kind=thing.kind, external_id=thing.id).order_by("position"),
                at,
            )
            for thing in TARGETS
        }  # fmt: skip


def taking_part(over: Decision, history: History) -> bool:
    """After six appeals the judges would meet a chain again; then it is an ordinary decision."""
    return Decision.objects.filter(root=over.root, on_appeal=True).count() >= 5


def carry_on() -> None:
    while carry_on_once():
        pass


def plain(state):
    """A state without its times: what holds, which strikes, which labels."""
    return {
        target: ([(kind, params) for kind, params, _ in actions], strikes, sorted(labels))
        for target, (actions, strikes, labels) in state.items()
    }


labels = st.lists(
    st.tuples(st.sampled_from(["spammer", "graphic"]), st.sampled_from(["content", "account"]), st.sampled_from([None, HOUR])),
    max_size=2, unique_by=lambda label: label[:2],
).map(tuple)  # fmt: skip


@st.composite
def choices(draw) -> tuple[str, int | None, tuple[Label, ...]]:
    action = draw(st.sampled_from(["allow", "label", "warn", "limit", "hold", "remove", "suspend", "terminate"]))
    lasts = {"suspend": [HOUR, 2 * HOUR], "warn": [None], "terminate": [None], "allow": [None], "label": [None]}
    return action, draw(st.sampled_from(lasts.get(action, [None, HOUR]))), draw(labels) if action != "allow" else ()


rules = st.builds(
    lambda choice, about, strike, age: Rule(about, *choice, strike if choice[0] not in ("allow", "label") else 0, age),
    choices(), st.sampled_from(THINGS), st.integers(0, 2), st.sampled_from([0, 0, 5 * HOUR]),
)  # fmt: skip
people = st.builds(
    lambda chain, choice, keep, appeal: Person(chain, choice[0], choice[1], None if keep else choice[2], appeal),
    st.integers(0, 4), choices(), st.booleans(), st.booleans(),
)  # fmt: skip
steps = st.lists(st.one_of(rules, people, st.just(Work())), min_size=1, max_size=12)


def test_what_holds_is_the_same_by_query_model_platform_and_feed(fresh_database):
    @cases(EXAMPLES[fresh_database.vendor])
    @given(steps)
    def agree(history_steps):
        history = History()
        history.run(history_steps)
        while expire_once():
            pass
        now = timezone.now()
        by_query = history.by_query(now)
        assert by_query == history.by_model(now)
        standing = [
            (kind, *target, params) for target, (actions, _, _) in by_query.items() for kind, params, _ in actions
        ]
        assert history.at_the_platform() == sorted(standing)
        assert history.labels_followed(now) == {target: held for target, (_, _, held) in by_query.items()}

    agree()
    assert list(check_moves()) == []


def test_an_overturned_decision_leaves_what_would_be_without_it(fresh_database):
    @cases(EXAMPLES[fresh_database.vendor])
    @given(rules, steps, st.integers(0, 12))
    def never_was(rule, others, place):
        place = min(place, len(others))
        history_steps = [*others[:place], rule, *others[place:]]
        chain = sum(isinstance(step, Rule) for step in others[:place])
        history, without = History(), History()
        history.run(history_steps)
        history.person(Person(0, "allow", None, None, True), chain)
        without.run(history_steps, without=chain)
        now = timezone.now()
        assert plain(history.by_query(now)) == plain(without.by_query(now))
        assert plain(history.by_model(now)) == plain(without.by_model(now))

    never_was()
    assert list(check_moves()) == []
