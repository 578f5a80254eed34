"""Every state machine, over all pairs of states and activities: each pair moves as its table says or is refused, every
state can be reached and left as the table says, and the database knows the same states.
"""

import importlib
import pkgutil

import pytest
from django.apps import apps
from django.db import IntegrityError, transaction
from django.db.models import CheckConstraint, Model
from django.utils import timezone

import safehold.desk
from safehold.desk.appeals.filing import file_appeal
from safehold.desk.banks.models import Bank, BankChange, BankItem, Exchange, SignalOpinion, WriteBack
from safehold.desk.banks.states import ITEM
from safehold.desk.decisions.endpoints import add_endpoint
from safehold.desk.decisions.models import Action, Delivery
from safehold.desk.decisions.outbox import carry_on_once
from safehold.desk.entities.subjects import Thing
from safehold.desk.learning.models import LearnedModel, TrainingRun
from safehold.desk.lists.models import Entry, Revision
from safehold.desk.lists.states import ENTRY
from safehold.desk.reports.models import Notice
from safehold.desk.review.models import Task
from safehold.desk.rules.models import Batch, PolicyChange, Rule
from safehold.desk.transparency.models import StatementOfReasons
from safehold.record.recording import recording
from safehold.record.registry import STATEFUL, StatefulModel
from safehold.states import AlreadyInTargetState, InvalidTransition, Machine
from tests.world import happens, person, report, service

#: Where the machines rest that have no final state: a notice that was answered can be reopened for ever, and a rule that
#: was retired can come back.
RESTS = {"notice": {"notified"}, "rule": {"retired"}, "list_entry": {"retired"}, "bank_item": {"retired"}}
#: Entries of lists and items of banks move by the million: the ledger has a digest of each revision instead of their moves.
IN_REVISIONS = {
    "list_entry": StatefulModel(Entry, "state", ENTRY.initial),
    "bank_item": StatefulModel(BankItem, "state", ITEM.initial),
}


def machines() -> list[Machine]:
    found = {}
    for module in pkgutil.walk_packages(safehold.desk.__path__, "safehold.desk."):
        if module.name.endswith(".states"):
            states = vars(importlib.import_module(module.name)).values()
            found |= {each.name: each for each in states if isinstance(each, Machine)}
    return list(found.values())


MACHINES = machines()
PAIRS = [(machine, state, activity) for machine in MACHINES for state in machine.states for activity in machine.table]


def named(value: object) -> str | None:
    return value.name if isinstance(value, Machine) else None


def test_all_six_machines_are_here():
    assert {machine.name for machine in MACHINES} >= {"notice", "action", "delivery", "task", "appeal", "statement"}


@pytest.mark.parametrize(("machine", "state", "activity"), PAIRS, ids=named)
def test_a_pair_moves_as_the_table_says_or_is_refused(machine, state, activity):
    moves = machine.table[activity]
    if state in moves:
        assert machine.next(state, activity) == moves[state]
        assert activity in machine.possible(state)
        return
    with pytest.raises(InvalidTransition) as refused:
        machine.next(state, activity)
    assert isinstance(refused.value, AlreadyInTargetState) == (state in moves.values())
    assert activity not in machine.possible(state) and machine.name in str(refused.value)
    assert all(each in str(refused.value) for each in machine.possible(state))


@pytest.mark.parametrize("machine", MACHINES, ids=named)
def test_every_state_can_be_reached_and_ends_somewhere(machine):
    reached, frontier = {machine.initial}, [machine.initial]
    while frontier:
        state = frontier.pop()
        following = {machine.next(state, activity) for activity in machine.possible(state)} - reached
        reached |= following
        frontier += following
    assert reached == set(machine.states)
    rests = set(machine.final) or RESTS[machine.name]
    ends_somewhere, grew = set(rests), True
    while grew:
        more = {
            state for state in machine.states for activity in machine.possible(state)
            if machine.next(state, activity) in ends_somewhere
        }  # fmt: skip
        grew = not more <= ends_somewhere
        ends_somewhere |= more
    assert rests and ends_somewhere == set(machine.states)


@pytest.mark.parametrize("machine", MACHINES, ids=named)
def test_an_unknown_activity_is_a_mistake_in_the_code(machine):
    with pytest.raises(KeyError):
        machine.next(machine.initial, "nonsense")


@pytest.mark.parametrize("machine", MACHINES, ids=named)
def test_the_models_begin_and_stay_in_the_machines_states(machine):
    kept = (STATEFUL | IN_REVISIONS)[machine.name]
    field = kept.model._meta.get_field(kept.field)
    assert kept.initial == field.default == machine.initial
    assert {value for value, _ in field.choices} == set(machine.states)
    checks = [each for each in kept.model._meta.constraints if isinstance(each, CheckConstraint)]
    known = next(check for check in checks if check.name.endswith("state_is_known"))
    assert set(dict(known.condition.children)[f"{kept.field}__in"]) == set(machine.states)


def test_every_model_with_a_state_is_kept_in_the_ledger():
    with_state = {
        model._meta.label for model in apps.get_models()
        if model.__module__.startswith("safehold.desk") and any(field.name == "state" for field in model._meta.fields)
    }  # fmt: skip
    kept = [*STATEFUL.values(), *IN_REVISIONS.values()]
    assert with_state == {each.model._meta.label for each in kept if "desk" in each.model.__module__}


def test_the_database_takes_the_tables_states_and_no_other(fresh_database):
    rows = one_of_each()
    for machine in MACHINES:
        kept = (STATEFUL | IN_REVISIONS)[machine.name]
        row = kept.model.objects.filter(pk=rows[machine.name].pk)
        for state in machine.states:
            with transaction.atomic():
                assert row.update(**{kept.field: state}) == 1
        with pytest.raises(IntegrityError), transaction.atomic():
            row.update(**{kept.field: "nonsense"})


def one_of_each() -> dict[str, Model]:
    """A row of each kind that has a state."""
    with recording() as record:
        add_endpoint(record, service().pk, "https://plaza.example/hooks")
    removed = happens("remove", by="")
    happens("hold", queue="scams")
    report(Thing("message", removed.subject_id, ""))
    while carry_on_once():
        pass
    return {
        "notice": Notice.objects.get(),
        "action": Action.objects.first(),
        "delivery": Delivery.objects.first(),
        "task": Task.objects.first(),
        "appeal": file_appeal(removed, grounds="It was a joke"),
        "policy_change": PolicyChange.objects.create(
            policy="scams.outreach", title="A change", base=1, reviewed_elsewhere=True
        ),
        "batch": Batch.objects.create(kind="revert", what={}, title="A batch", person=person()),
        **of_banks(),
        "list_entry": Entry.objects.create(list="bad", value="a", added_at=timezone.now(), revision=1),
        "list_revision": Revision.objects.create(list="bad", number=1, act="entry"),
        "learned_model": LearnedModel.objects.create(
            number=1,
            service=service(),
            digest="d",
            size=1,
            seed=0,
            until=0,
            report={},
            seconds=1,
            promoted_at=timezone.now(),
        ),
        "training_run": TrainingRun.objects.create(service=service(), started_by=person()),
        "rule": Rule.objects.create(name="scams.outreach/r1"),
        "statement": StatementOfReasons.objects.get(decision=removed),  # withheld, so that it may say so
    }


def of_banks() -> dict[str, Model]:
    bank = Bank.objects.create(name="b")
    exchange = Exchange.objects.create(name="e", kind="ncmec", bank=bank)
    item = BankItem.objects.create(bank=bank, kind="md5", value="0" * 32, added_at=timezone.now(), change=1)
    opinion = SignalOpinion.objects.create(item=item, belief="seed", party="a member")
    return {
        "bank_item": item,
        "bank_change": BankChange.objects.create(bank=bank, number=1, act="import"),
        "write_back": WriteBack.objects.create(exchange=exchange, opinion=opinion),
    }
