"""What the platform receives: every message signed, again until acknowledged, in order, and to no address we must not reach."""

import hashlib
import json
import socket
import time
from datetime import timedelta

import pytest
from django.utils import timezone
from standardwebhooks import Webhook, WebhookVerificationError

from safehold.desk.decisions import outgoing, sending
from safehold.desk.decisions.decide import decide
from safehold.desk.decisions.deliveries import NothingToRetry, retry
from safehold.desk.decisions.endpoints import add_endpoint, rotate_secret, switch
from safehold.desk.decisions.expiry import expire_once
from safehold.desk.decisions.models import Action, Delivery, DeliveryAttempt, Endpoint
from safehold.desk.decisions.outbox import carry_on_once
from safehold.desk.entities.subjects import Thing
from safehold.desk.reports.models import Notice
from safehold.desk.transparency.models import StatementOfReasons
from safehold.record.models import Transition
from safehold.record.recording import recording
from tests.receiver import Receiver, reply
from tests.world import happens, person, policy, report, service

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def private_host(settings):
    settings.SAFEHOLD_WEBHOOK_PRIVATE_HOSTS = ["127.0.0.1"]


def connect(url: str) -> tuple[Endpoint, str]:
    with recording() as record:
        return add_endpoint(record, service().pk, url)


def carry_on() -> None:
    while carry_on_once():
        pass


def send_all() -> None:
    while sending.send_due():
        pass


def due_now() -> None:
    """As if all waiting were over."""
    Delivery.objects.update(next_at=timezone.now(), leased_until=None)


def path_of(row) -> list[str]:
    steps = Transition.objects.filter(entity_id=row.pk).order_by("at", "id")
    return [step.to_state for step in steps]


def test_a_message_is_signed_and_its_action_is_done_once_it_is_acknowledged():
    with Receiver() as platform:
        _, secret = connect(platform.url)
        decision = happens("remove")
        carry_on()
        send_all()
    messages = [Webhook(secret).verify(body, headers) for headers, body in platform.received]
    applied = next(each for each in messages if each["type"] == "action.apply")["data"]
    assert applied["target"] == {"kind": "message", "id": decision.subject_id} and applied["account_id"] == "u1"
    assert applied["type"] == "remove" and applied["effect"] == {"visibility": "removed"}
    action = Action.objects.get()
    assert action.state == "active" and applied["action_id"] == action.pk
    assert set(path_of(action)) == {"dispatched", "acknowledged", "active"}
    assert StatementOfReasons.objects.get().state == "user_notified"


def test_a_changed_message_does_not_verify():
    with Receiver() as platform:
        _, secret = connect(platform.url)
        happens("remove")
        carry_on()
        send_all()
    headers, body = platform.received[0]
    with pytest.raises(WebhookVerificationError):
        Webhook(secret).verify(body.replace(b"remove", b"allow!"), headers)


def test_a_failing_endpoint_is_tried_on_schedule_and_ends_in_the_dead_letters():
    with Receiver(answer=lambda handler, body: reply(handler, 500, b"boom")) as platform:
        connect(platform.url)
        happens("remove", by="")  # nobody to tell, so that there is one message
        carry_on()
        for wait in sending.SCHEDULE:
            before = timezone.now()
            assert sending.send_due() == 1
            delivery = Delivery.objects.get()
            assert delivery.state == "retrying"
            assert wait <= (delivery.next_at - before).total_seconds() <= wait * (1 + sending.JITTER) + 5
            assert sending.send_due() == 0  # not before its time
            due_now()
        sending.send_due()
    assert Delivery.objects.get().state == "dead_letter" and Action.objects.get().state == "dead_letter"
    assert len(set(platform.ids)) == 1 and len(platform.ids) == len(sending.SCHEDULE) + 1
    tries = DeliveryAttempt.objects.all()
    assert {each.status for each in tries} == {500}
    assert {each.response_digest for each in tries} == {hashlib.sha256(b"boom").hexdigest()}


def test_a_dead_letter_can_be_sent_again_but_not_what_was_taken_back():
    connect("http://127.0.0.1:9/closed")
    removed = happens("remove", by="")
    carry_on()
    Delivery.objects.update(attempts=len(sending.SCHEDULE))
    sending.send_due()
    dead = Delivery.objects.get()
    assert dead.state == "dead_letter" and "Connect" in DeliveryAttempt.objects.get().error
    with recording() as record:
        retry(record, dead)
    assert (Delivery.objects.get().state, Action.objects.get().state) == ("pending", "pending")
    Delivery.objects.update(attempts=len(sending.SCHEDULE))
    sending.send_due()
    decide(person(), over=removed, action="allow")
    with pytest.raises(NothingToRetry, match="reversal pending"), recording() as record:
        retry(record, Delivery.objects.get(type="action.apply"))


def test_an_overturned_action_is_taken_back_at_the_platform():
    with Receiver() as platform:
        connect(platform.url)
        removed = happens("remove")
        carry_on()
        send_all()
        decide(person(), over=removed, action="allow", reason="It was a joke", on_appeal=True)
        send_all()
    reverse = next(json.loads(body) for _, body in platform.received if b'"action.reverse"' in body)["data"]
    action = Action.objects.get()
    assert reverse["action_id"] == action.pk and reverse["effect"] == {"visibility": "full"}
    assert reverse["reason"] == "It was a joke" and reverse["in_force"] == []
    assert action.state == "reversed"


def test_taking_one_suspension_back_says_that_another_holds():
    with Receiver() as platform:
        connect(platform.url)
        first = happens("suspend", seconds=86_400)
        happens("suspend", seconds=7 * 86_400)
        carry_on()
        send_all()
        decide(person(), over=first, action="allow", on_appeal=True)
        send_all()
    reverse = next(json.loads(body) for _, body in platform.received if b'"action.reverse"' in body)["data"]
    assert [other["params"] for other in reverse["in_force"]] == [{"seconds": 7 * 86_400}]


def test_a_reversal_never_overtakes_its_apply():
    with Receiver() as platform:
        connect(platform.url)
        removed = happens("remove", by="")
        carry_on()
        on_its_way = sending.claim(10)
        assert [Delivery.objects.get(pk=each.delivery_id).type for each in on_its_way] == ["action.apply"]
        decide(person(), over=removed, action="allow")
        assert sending.claim(10) == []  # the apply may arrive at any moment
        sending.settle([sending.send(each) for each in on_its_way])
        send_all()
    assert [json.loads(body)["type"] for _, body in platform.received] == ["action.apply", "action.reverse"]
    assert Action.objects.get().state == "reversed"
    assert Delivery.objects.get(type="action.apply").state == "cancelled"


def test_what_was_never_sent_is_not_sent_once_it_is_taken_back():
    with Receiver() as platform:
        connect(platform.url)
        removed = happens("remove", by="")
        carry_on()
        decide(person(), over=removed, action="allow")
        send_all()
    assert [json.loads(body)["type"] for _, body in platform.received] == ["action.reverse"]


def test_a_sender_that_dies_is_followed_by_another_with_the_same_message():
    with Receiver() as platform:
        connect(platform.url)
        happens("remove", by="")
        carry_on()
        lost = sending.claim(1)
        assert sending.claim(1) == []
        Delivery.objects.update(leased_until=timezone.now() - timedelta(seconds=1))
        send_all()
    assert platform.ids == [lost[0].delivery_id]


def test_both_secrets_sign_while_one_is_rotated():
    with Receiver() as platform:
        endpoint, old = connect(platform.url)
        with recording() as record:
            new = rotate_secret(record, endpoint)
        happens("remove", by="")
        carry_on()
        send_all()
        headers, body = platform.received[0]
        assert Webhook(old).verify(body, headers) == Webhook(new).verify(body, headers)
        Endpoint.objects.update(previous_until=timezone.now())
        happens("remove", by="")
        carry_on()
        send_all()
    headers, body = platform.received[1]
    assert Webhook(new).verify(body, headers)
    with pytest.raises(WebhookVerificationError):
        Webhook(old).verify(body, headers)


def test_secrets_are_sealed_in_the_database(settings):
    endpoint, secret = connect("https://plaza.example/hooks")
    assert secret.startswith("whsec_") and secret not in endpoint.secret and secret[6:] not in endpoint.secret
    settings.SECRET_KEY = "another"
    happens("remove", by="")
    carry_on()
    sending.send_due()
    assert "SECRET_KEY_FALLBACKS" in DeliveryAttempt.objects.get().error
    settings.SECRET_KEY_FALLBACKS = ["only-for-tests"]
    assert sending.signing_secrets(endpoint) == [secret]


def test_an_endpoint_that_is_gone_is_switched_off_and_its_messages_wait():
    with Receiver(answer=lambda handler, body: reply(handler, 410)) as platform:
        endpoint, _ = connect(platform.url)
        happens("remove", by="")
        happens("remove", by="")
        carry_on()
        sending.send_due(1)
        endpoint.refresh_from_db()
        assert not endpoint.active
        due_now()
        assert sending.send_due() == 0 and len(platform.received) == 1
        platform.answer = None
        with recording() as record:
            switch(record, endpoint, active=True)
        send_all()
    assert {delivery.state for delivery in Delivery.objects.all()} == {"delivered"}


def test_a_redirect_is_not_followed():
    with (
        Receiver() as elsewhere,
        Receiver(answer=lambda handler, body: reply(handler, 307, Location=elsewhere.url)) as platform,
    ):
        connect(platform.url)
        happens("remove", by="")
        carry_on()
        sending.send_due()
    assert elsewhere.received == [] and DeliveryAttempt.objects.get().status == 307
    assert Delivery.objects.get().state == "retrying"


def test_private_addresses_are_not_reached(settings):
    settings.SAFEHOLD_WEBHOOK_PRIVATE_HOSTS = []
    with Receiver() as platform:
        for url in (platform.url, platform.url.replace("http:", "https:"), "https://localhost/", "https://[::1]/"):
            with pytest.raises(outgoing.Refused):
                outgoing.post(url, {}, b"{}", private_hosts=settings.SAFEHOLD_WEBHOOK_PRIVATE_HOSTS)
    assert platform.received == []


@pytest.mark.parametrize(
    ("address", "public"),
    [
        ("127.0.0.1", False), ("10.1.2.3", False), ("172.16.0.1", False), ("192.168.1.1", False),
        ("169.254.169.254", False), ("100.64.0.1", False), ("240.0.0.1", False), ("224.0.0.1", False),
        ("255.255.255.255", False), ("::1", False), ("fe80::1", False), ("fd00:ec2::254", False),
        ("::ffff:127.0.0.1", False), ("::ffff:169.254.169.254", False), ("64:ff9b::a9fe:a9fe", False),
        ("2002:7f00:1::", False), ("ff02::1", False), ("::", False), ("93.184.215.14", True),
        ("2606:2800:21f:cb07:6820:80da:af6b:8b2c", True), ("64:ff9b::5db8:d70e", True),
    ],
)  # fmt: skip
def test_only_public_addresses_are_public(address, public):
    assert outgoing.is_public(address) is public


def test_a_name_with_one_private_address_is_refused(monkeypatch):
    found = [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (ip, 443)) for ip in ("93.184.215.14", "10.0.0.1")]
    monkeypatch.setattr(socket, "getaddrinfo", lambda *args, **kwargs: found)
    with pytest.raises(outgoing.Refused, match=r"10\.0\.0\.1"):
        outgoing.addresses_of("rebind.example", 443, private=False)


def test_the_checked_address_is_the_one_connected_to(monkeypatch):
    with Receiver() as platform:
        port = int(platform.url.split(":")[2].split("/")[0])
        real, asked = socket.getaddrinfo, []

        def resolve(host, *args, **more):
            asked.append(host)
            if host != "platform.example":
                return real(host, *args, **more)
            ip = "127.0.0.1" if asked == [host] else "10.255.255.1"  # what the name leads to changes after the check
            return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (ip, port))]

        monkeypatch.setattr(socket, "getaddrinfo", resolve)
        url = f"http://platform.example:{port}/hooks"
        answer = outgoing.post(url, {}, b"{}", private_hosts=["platform.example"])
    assert answer.status == 204 and platform.received[0][0]["host"] == f"platform.example:{port}"
    assert asked.count("platform.example") == 1


def test_a_slow_answer_ends_at_the_deadline():
    def drip(handler, body):
        handler.send_response(200)
        handler.send_header("Content-Length", "1000")
        handler.end_headers()
        for _ in range(1000):  # each byte comes in time; the whole, if anybody waited, after fifty seconds
            try:
                handler.wfile.write(b".")
                time.sleep(0.05)
            except OSError:
                return

    with Receiver(answer=drip) as platform, pytest.raises(outgoing.Unreachable, match="no answer within"):
        outgoing.post(platform.url, {}, b"{}", private_hosts=["127.0.0.1"], seconds=0.5)


def test_of_a_large_answer_only_the_beginning_is_read():
    body = b"x" * 5_000_000

    def large(handler, _):
        try:
            reply(handler, 200, body)
        except OSError:
            return  # we hung up

    with Receiver(answer=large) as platform:
        answer = outgoing.post(platform.url, {}, b"{}", private_hosts=["127.0.0.1"])
    assert answer.digest == hashlib.sha256(body[: outgoing.MOST_BYTES]).hexdigest()


def test_an_action_whose_time_is_over_ends_and_the_platform_hears_it():
    with Receiver() as platform:
        connect(platform.url)
        happens("suspend", seconds=60, at=timezone.now() - timedelta(seconds=90))
        happens("suspend", seconds=60)
        carry_on()
        assert expire_once() == 1
        assert expire_once() == 0
        send_all()
    ended, holds = Action.objects.order_by("ends_at")
    assert (ended.state, holds.state) == ("expired", "active")
    messages = [json.loads(body) for _, body in platform.received]
    about = [each["type"] for each in messages if each["data"].get("action_id") == ended.pk]
    assert about == ["action.expired"]  # its apply was not asked for after its end


def test_those_who_reported_get_a_receipt_and_an_answer():
    with Receiver() as platform:
        connect(platform.url)
        sent = happens("allow", by="u2")
        reported = report(Thing("message", sent.subject_id, "u2"))
        carry_on()
        send_all()
        notice = Notice.objects.get()
        assert notice.receipt_sent_at and notice.state in {"acknowledged", "linked"}
        decide(person(), over=reported, action="remove", policy=policy())
        send_all()
    notice.refresh_from_db()
    assert notice.state == "notified" and notice.decision_notified_at
    told = {message["type"]: message["data"] for _, body in platform.received if (message := json.loads(body))}
    assert told["report.received"]["notifier_account_id"] == "u5"
    assert told["report.decided"]["outcome"] == "actioned"


def test_of_two_endpoints_both_must_acknowledge():
    with Receiver() as one, Receiver(answer=lambda handler, body: reply(handler, 503)) as other:
        connect(one.url)
        connect(other.url)
        happens("remove", by="")
        carry_on()
        send_all()
        assert Action.objects.get().state in {"failed", "dispatched"}
        other.answer = None
        due_now()
        send_all()
    assert Action.objects.get().state == "active"
    assert len(one.received) == 1 and len(other.received) == 2
