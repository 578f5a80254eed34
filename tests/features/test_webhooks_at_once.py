"""Senders beside one another, on both databases: each message goes out once, and stopping loses none."""

import threading
import time

from django.db import connection

from safehold.desk.decisions import sending
from safehold.desk.decisions.endpoints import add_endpoint
from safehold.desk.decisions.models import Action, Delivery
from safehold.desk.decisions.outbox import carry_on_once
from safehold.desk.decisions.outbox import run as run_outbox
from safehold.ledger.verify import Finding
from safehold.record.moves import check_moves
from safehold.record.recording import recording
from tests.receiver import Receiver
from tests.world import happens, service


def check_moves_list() -> list[Finding]:
    return list(check_moves())


def test_several_senders_send_each_message_once(fresh_database, settings):
    settings.SAFEHOLD_WEBHOOK_PRIVATE_HOSTS = ["127.0.0.1"]
    with Receiver() as platform:
        with recording() as record:
            add_endpoint(record, service().pk, platform.url)
        for _ in range(15):
            happens("remove")
        while carry_on_once():
            pass

        def work():
            while sending.send_due(3):
                pass
            connection.close()

        threads = [threading.Thread(target=work) for _ in range(3)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert len(platform.ids) == len(set(platform.ids)) == Delivery.objects.count() == 30
    assert set(Action.objects.values_list("state", flat=True)) == {"active"}
    assert check_moves_list() == []


def test_the_daemons_carry_on_send_and_stop(fresh_database, settings):
    settings.SAFEHOLD_WEBHOOK_PRIVATE_HOSTS = ["127.0.0.1"]
    stop = threading.Event()
    with Receiver() as platform:
        with recording() as record:
            add_endpoint(record, service().pk, platform.url)
        daemons = [threading.Thread(target=run, args=(stop,)) for run in (run_outbox, sending.run)]
        for daemon in daemons:
            daemon.start()
        for _ in range(5):
            happens("hold", queue="scams")
        until = time.monotonic() + 60
        while Delivery.objects.filter(state="delivered").count() < 10 and time.monotonic() < until:
            time.sleep(0.05)
        stop.set()
        for daemon in daemons:
            daemon.join(20)
            assert not daemon.is_alive()
    assert len(set(platform.ids)) == 10
    assert set(Action.objects.values_list("state", flat=True)) == {"active"}
