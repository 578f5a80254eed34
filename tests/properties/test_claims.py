"""A claim is held by at most one person, whatever people do at once: in threads and in processes, on both databases."""

import json
import os
import subprocess
import sys
import threading
import time
from collections import defaultdict
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from itertools import pairwise

import pytest
from django.db import IntegrityError, connections, transaction
from django.utils import timezone
from hypothesis import HealthCheck, given
from hypothesis import strategies as st

from safehold.accounts.models import User
from safehold.accounts.roles import Role
from safehold.desk.review import claims
from safehold.desk.review.models import Claim, Queue, Task, TaskKind
from safehold.desk.review.queues import ensure_queues, queue_for
from safehold.desk.review.states import TASK
from safehold.desk.review.tasks import open_task
from safehold.record.models import Transition
from safehold.record.recording import recording
from tests import desk_rows
from tests.cases import cases

SETTINGS = "safehold.site.settings"
PEOPLE = 4
TASKS = 5
#: What one person does, in order. `expire` is the clock: every lease is treated as run out.
ACTS = ("next", "release", "skip", "escalate", "renew", "expire", "next")

Held = list[tuple[str, str, float, float]]  # (task, person, from, until), seconds of the system's monotonic clock


def wait_in_queue(count: int) -> list[str]:
    """Put `count` new tasks into the queue `spam`."""
    made = []
    for _ in range(count):
        event, entity = desk_rows.post()
        decision = desk_rows.decision(event)
        with recording() as record:
            task, _new = open_task(
                record, entity=entity, kind=TaskKind.REVIEW, queue=queue_for("spam"), decision=decision
            )
        made.append(task.pk)
    return made


def act_out(person_id: str, script: list[str], start: Callable[[], object]) -> Held:
    """Do what the script says, as one person, and tell when which task was surely held: between two answers."""
    held: Held = []
    try:
        person, queue = User.objects.get(pk=person_id), Queue.objects.get(pk="spam")
        mine: tuple[str, float] | None = None
        start()
        for act in script:
            if act == "expire":
                claims.expire(timezone.now() + timedelta(days=1))
                continue
            if act == "next" and mine is None:
                claim = claims.claim_next(person, queue)
                mine = (claim.task_id, time.monotonic()) if claim else None
                continue
            if mine is None or act == "next":
                continue
            task, since = mine
            before = time.monotonic()
            try:
                getattr(claims, act)(person, task)
            except (
                claims.NotHeld
            ):  # the clock took it away at some moment since, so nothing is known of the time between
                mine = None
                continue
            held.append((task, person_id, since, before))
            mine = (task, since) if act == "renew" else None
    finally:
        connections.close_all()
    return held


def nobody_held_what_another_held(held: Held) -> None:
    by_task: dict[str, Held] = defaultdict(list)
    for entry in held:
        by_task[entry[0]].append(entry)
    for entries in by_task.values():
        entries.sort(key=lambda entry: entry[2])
        for (_, one, since, until), (_, other, after, _) in pairwise(entries):
            assert after >= until or (one == other and after == since), (one, other, since, until, after)


def the_rows_agree() -> None:
    """Claims of a task follow one another, its transitions are a path in the table, and its state is their end."""
    for task in Task.objects.all():
        in_order = list(Claim.objects.filter(task=task).order_by("claimed_at"))
        for earlier, later in pairwise(in_order):
            assert earlier.released_at is not None
            assert earlier.released_at <= later.claimed_at
        open_ones = [claim for claim in in_order if claim.released_at is None]
        assert len(open_ones) == (1 if task.state == "claimed" else 0)
        state = TASK.initial
        steps = list(Transition.objects.filter(entity_kind="task", entity_id=task.pk).order_by("at", "id"))
        for step in steps:
            assert step.from_state == state
            state = TASK.next(state, step.activity)
            assert step.to_state == state
        assert task.state == state
        assert task.version == len(steps)


scripts = st.lists(st.lists(st.sampled_from(ACTS), min_size=2, max_size=8), min_size=2, max_size=PEOPLE)


@cases(12, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(scripts=scripts)
def test_threads_that_claim_release_skip_and_expire_at_once(fresh_database, scripts):
    people = list(User.objects.all()) or [desk_rows.person() for _ in range(PEOPLE)]
    ensure_queues()
    wait_in_queue(TASKS - Task.objects.filter(queue="spam", state="queued").count())
    barrier = threading.Barrier(len(scripts))
    with ThreadPoolExecutor(len(scripts)) as pool:
        runs = [
            pool.submit(act_out, person.pk, ["next", *script], barrier.wait)
            for person, script in zip(people, scripts, strict=False)
        ]
        held = [entry for run in runs for entry in run.result()]
    nobody_held_what_another_held(held)
    the_rows_agree()
    claims.expire(timezone.now() + timedelta(days=1))
    assert not Task.objects.filter(state="claimed").exists()


def test_processes_that_take_everything_take_each_task_once(fresh_database):
    people = [desk_rows.person() for _ in range(3)]
    ensure_queues()
    tasks = wait_in_queue(12)
    environment = os.environ | {"SAFEHOLD_DATABASE_URL": fresh_database.url, "DJANGO_SETTINGS_MODULE": SETTINGS}
    children = [
        subprocess.Popen(
            [sys.executable, "-m", "tests.claimer", person.pk, *["next", "renew", "skip"] * 12],
            env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
        )
        for person in people
    ]  # fmt: skip
    for child in children:
        assert child.stdout.readline() == "ready\n"
    for child in children:
        child.stdin.write("go\n")
        child.stdin.flush()
    held = [tuple(entry) for child in children for entry in json.loads(child.communicate(timeout=240)[0])]
    assert [child.returncode for child in children] == [0, 0, 0]
    nobody_held_what_another_held(held)
    the_rows_agree()
    assert {task for task, *_ in held} == set(tasks)
    assert len({person for _, person, *_ in held}) == 3  # it was no one-man show


def test_many_at_once_get_different_tasks_and_none_is_left(fresh_database):
    people = [desk_rows.person() for _ in range(8)]
    ensure_queues()
    tasks = wait_in_queue(8)
    barrier = threading.Barrier(8)

    def take(person: User) -> str | None:
        try:
            barrier.wait()
            claim = claims.claim_next(person, Queue.objects.get(pk="spam"))
            return claim.task_id if claim else None
        finally:
            connections.close_all()

    with ThreadPoolExecutor(8) as pool:
        got = list(pool.map(take, people))
    assert sorted(got) == sorted(tasks)


def test_the_database_itself_refuses_a_second_open_claim(fresh_database):
    ensure_queues()
    [task_id] = wait_in_queue(1)
    first, second = desk_rows.person(), desk_rows.person()
    claims.claim(first, task_id)
    with pytest.raises(IntegrityError), transaction.atomic():
        Claim.objects.create(task_id=task_id, reviewer=second, lease_expires_at=timezone.now())


def test_who_skips_a_task_does_not_get_it_again_and_somebody_else_does(fresh_database):
    ensure_queues()
    [task_id] = wait_in_queue(1)
    first, second = desk_rows.person(), desk_rows.person()
    spam = Queue.objects.get(pk="spam")
    assert claims.claim_next(first, spam).task_id == task_id
    assert claims.claim_next(first, spam).task_id == task_id  # what one holds comes first, in a second window too
    assert claims.claim_next(second, spam) is None
    claims.skip(first, task_id)
    assert claims.claim_next(first, spam) is None
    assert claims.claim_next(second, spam).task_id == task_id


def test_a_lease_without_a_sign_of_life_ends_and_one_with_goes_on(fresh_database):
    ensure_queues()
    wait_in_queue(2)
    quiet, lively = desk_rows.person(), desk_rows.person()
    spam = Queue.objects.get(pk="spam")
    taken = claims.claim_next(quiet, spam)
    kept = claims.claim_next(lively, spam)
    Claim.objects.update(lease_expires_at=timezone.now() - timedelta(seconds=1))
    claims.renew(lively, kept.task_id)
    assert claims.expire() == 1
    with pytest.raises(claims.NotHeld, match="no longer hold"):
        claims.renew(quiet, taken.task_id)
    assert Claim.objects.get(pk=taken.pk).outcome == "lease_expired"
    assert claims.held_by(lively).count() == 1


def test_what_is_escalated_waits_for_somebody_senior(fresh_database):
    ensure_queues()
    [task_id] = wait_in_queue(1)
    moderator, senior = desk_rows.person(), desk_rows.person("Senior Sam", Role.SENIOR_MODERATOR)
    claims.claim_next(moderator, Queue.objects.get(pk="spam"))
    claims.escalate(moderator, task_id)
    above = Queue.objects.get(pk="escalations")
    with pytest.raises(claims.MayNot, match="Escalations"):
        claims.claim_next(moderator, above)
    assert claims.claim_next(senior, above).task_id == task_id
    with pytest.raises(claims.MayNot, match="Nothing is above"):
        claims.escalate(senior, task_id)
