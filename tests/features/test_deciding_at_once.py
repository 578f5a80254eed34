"""Several people and several workers at the same time, on both databases: each decision is made once, carried on once."""

import threading

from django.db import connection

from safehold.desk.decisions.decide import decide
from safehold.desk.decisions.endpoints import add_endpoint
from safehold.desk.decisions.errors import AlreadyDecided
from safehold.desk.decisions.models import Action, Delivery
from safehold.desk.decisions.outbox import carry_on_once
from safehold.desk.decisions.standing import standing_of
from safehold.record.recording import recording
from tests.world import happens, person, policy, service


def test_of_many_who_decide_at_once_one_wins(fresh_database):
    held = happens("hold", queue="scams")
    carry_on_once()
    people = [person() for _ in range(6)]
    won, refused = [], []
    start = threading.Barrier(len(people))

    def click(who):
        start.wait()
        try:
            won.append(decide(who, over=held, action="remove", policy=policy()))
        except AlreadyDecided as error:
            refused.append(error.by.pk)
        finally:
            connection.close()

    threads = [threading.Thread(target=click, args=(who,)) for who in people]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(won) == 1 and refused == [won[0].pk] * 5
    held_now = standing_of("plaza", "message", held.subject_id).actions
    assert [action.type for action in held_now] == ["remove"]


def test_several_workers_carry_each_row_on_once(fresh_database):
    with recording() as record:
        add_endpoint(record, service().pk, "https://plaza.example/hooks")
    for _ in range(40):
        happens("hold", queue="scams")

    def work():
        while carry_on_once(5):
            pass
        connection.close()

    threads = [threading.Thread(target=work) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert Action.objects.count() == 40 and Delivery.objects.filter(type="action.apply").count() == 40
