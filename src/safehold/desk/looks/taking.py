"""Taking second looks: asks the judge and the remote services, and sends what they said to the gateway as an event of its own
(`content.judged`), which is decided and recorded like every other. A daemon (`run`); events never wait for it (ADR 0231).

An answer is recorded once: the event's id is the look's, so that after a crash the same is asked (from what is kept) and sent
again, and the gateway knows it. A service that is down is waited for (`patience`); then the event says that it did not answer.
"""

import threading
import time
from collections import Counter
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import msgspec
import structlog
from django.conf import settings
from django.core.exceptions import ImproperlyConfigured
from django.db import DatabaseError, close_old_connections, connection
from django.utils import timezone

from safehold import outgoing
from safehold.desk.decisions.measured import signal_of
from safehold.desk.decisions.models import Decision
from safehold.desk.looks.claiming import claimed, rooms
from safehold.desk.looks.forgetting import forget
from safehold.desk.looks.models import Look, Outcome
from safehold.desk.looks.norms import norm_of
from safehold.desk.looks.setup import JUDGED, Service, Setup, Small, Wanted, current, score_in, secret
from safehold.desk.rules.in_force import bundle_of, newest
from safehold.engine import Bundle
from safehold.engine.event import Event, lift
from safehold.engine.signal import SignalFailed
from safehold.gateway.faults import described
from safehold.record.recording import recording
from safehold.signals.judge.asking import Answer, Judge
from safehold.signals.remote.asking import RemoteService
from safehold.signals.remote.door import Door, NotAnswered
from safehold.signals.remote.kept import Kept

log = structlog.get_logger("safehold.looks")

IDLE_SECONDS = 0.5
#: How often looks that ended long ago are looked for.
FORGET_SECONDS = 3600.0
#: Between tries to send an answer to the gateway, and the time limit of one.
BACK_OFF_SECONDS = (1, 5, 30, 120, 600)
SEND_SECONDS = 30.0
#: What an event may carry of the text.
LONGEST = 100_000


class NotSent(Exception):
    """The gateway has not taken the answer. `again`: it may later."""

    def __init__(self, why: str, *, again: bool) -> None:
        super().__init__(why)
        self.again = again


@dataclass(frozen=True)
class Said:
    """What one service said: its name in the event (`judge`, `google`), and its answer or why there is none."""

    kind: str
    answer: Any
    missing: NotAnswered | None


class Asker:
    """The services of a setup, each behind its door. `bundle` gives the policies that judges judge by."""

    def __init__(self, setup: Setup, kept: Kept, bundle: Callable[[], Bundle] = lambda: bundle_of(newest())) -> None:
        self.setup, self._bundle = setup, bundle
        self._asks: dict[str, Judge | RemoteService] = {
            name: _asked(name, service, kept) for name, service in setup.services.items()
        }

    def ask(self, wanted: Wanted, text: str) -> list[Said]:
        """What each of those that are wanted says. One that fails doesn't keep the others from answering."""
        return [self._ask(name, wanted, text) for name in wanted.ask]

    def _ask(self, name: str, wanted: Wanted, text: str) -> Said:
        kind, service = self.setup.services[name].kind, self._asks[name]
        try:
            if isinstance(service, RemoteService):
                return Said(kind, service.ask(text), None)
            bundle = self._bundle()
            policy = next((each for each in bundle.policies if each.key == wanted.policy), None)
            if policy is None:
                raise NotAnswered(f"the policy {wanted.policy} is not in force")
            return Said(kind, service.ask(norm_of(policy, bundle.event_types, wanted), text), None)
        except NotAnswered as missing:
            return Said(kind, None, missing)
        except ImproperlyConfigured as wrong:
            return Said(kind, None, NotAnswered(f"{name}: {wrong}"))


def _asked(name: str, service: Service, kept: Kept) -> Judge | RemoteService:
    door = Door(name, service.limits, kept, private=service.private)
    if service.kind != "judge":
        return RemoteService(service.kind, secret(service.key), door, kept, service.url)
    return Judge(
        url=service.url, model=service.model, speaks=service.speaks, key=secret(service.key), door=door, kept=kept,
        schema=service.schema, plant=service.plant,
    )  # fmt: skip


def run(stop: threading.Event) -> None:
    """Take looks until `stop` is set. Without a file that asks for any there is nothing to do."""
    setup = current()
    if setup is None:
        stop.wait()
        return
    kept = kept_of(setup)
    asker = Asker(setup, kept)
    swept = float("-inf")
    room = rooms(setup)
    with ThreadPoolExecutor(sum(room.values()), thread_name_prefix="look") as pool:
        running: dict[Future[None], str] = {}
        while not stop.is_set():
            running = {each: policy for each, policy in running.items() if not each.done()}
            busy = Counter(running.values())
            taken = claimed({policy: most - busy[policy] for policy, most in room.items()})
            running |= {pool.submit(_taken, asker, number): policy for number, policy in taken}
            if time.monotonic() - swept >= FORGET_SECONDS:
                swept = time.monotonic()
                _forget(setup.looks_days)
            if not taken:
                stop.wait(IDLE_SECONDS if not running else 0.2)
    kept.close()
    connection.close()


def _forget(days: float) -> None:
    """A failure of the database is logged, and the next hour's turn does it."""
    try:
        if gone := forget(days):
            log.info("looks_forgotten", looks=gone)
    except DatabaseError as error:
        log.error("looks_not_forgotten", **described(error))
        close_old_connections()


def kept_of(setup: Setup) -> Kept:
    """The answers of this machine, and what it spent."""
    return Kept(settings.VAR / "looks" / "answers.sqlite3", setup.kept, setup.kept_days)


def _taken(asker: Asker, number: int) -> None:
    """On a thread of the pool."""
    try:
        take(asker, number)
    except Exception as error:  # the lease ends, and it is taken again
        log.error("look_failed", look=number, **described(error))
    finally:
        connection.close()


def take(asker: Asker, number: int) -> None:
    """One look: ask, send, note what came of it."""
    look = Look.objects.select_related("decision__event").get(pk=number)
    if look.finished_at is not None:  # by somebody who took it when our lease had ended
        return None
    wanted = next((each for each in asker.setup.looks if each.policy == look.policy), None)
    if wanted is None:
        return _finish(look, Outcome.SKIPPED, "nobody is to be asked by this policy any more")
    if Decision.objects.filter(root=look.decision.root).exclude(person=None).exists():
        return _finish(look, Outcome.SKIPPED, "a person has decided meanwhile")
    event = lift(msgspec.json.decode(look.decision.event.body))
    kind = bundle_of(newest()).event_types.types.get(event.type)
    text = kind.text(event) if kind is not None else None
    if not text or not text.strip():
        return _finish(look, Outcome.SKIPPED, "there is no text to look at")
    connection.close()  # nobody's connection is held while somebody far away thinks
    said = asker.ask(wanted, text)
    waits = [each.missing.again for each in said if each.missing is not None and each.missing.again is not None]
    age = (timezone.now() - look.created_at).total_seconds()
    if waits and age < asker.setup.patience:
        why = "; ".join(str(each.missing) for each in said if each.missing is not None)
        return _later(look, max(1.0, min(max(waits), 60.0)), why)
    small = small_score(wanted.small, look.decision.verdict, event, text) if wanted.small else None
    try:
        _send(asker.setup, look, judged_event(look, event, text, wanted, said, small))
    except NotSent as unsent:
        if unsent.again:
            return _later(look, BACK_OFF_SECONDS[min(look.attempts, len(BACK_OFF_SECONDS) - 1)], str(unsent))
        return _finish(look, Outcome.FAILED, str(unsent))
    missing = "; ".join(str(each.missing) for each in said if each.missing is not None)
    _finish(look, Outcome.FAILED if all(each.missing for each in said) else Outcome.ANSWERED, missing)


def small_score(small: Small, verdict: Any, event: Event, text: str) -> float | None:
    """What the small model says: as the verdict recorded it, else measured here. None where it can't tell."""
    if (recorded := score_in(verdict, small)) is not None:
        return recorded
    signal = signal_of(small.signal)
    if signal is None:
        return None
    try:
        value = signal.run(msgspec.structs.replace(event, text=text)).get(small.field)
    except SignalFailed:
        return None
    return float(value) if isinstance(value, int | float) and not isinstance(value, bool) else None


def judged_event(
    look: Look, event: Event, text: str, wanted: Wanted, said: list[Said], small: float | None
) -> dict[str, Any]:
    """The CloudEvent that carries the answers."""
    decision = look.decision
    source = decision.event
    data: dict[str, Any] = {
        "content_id": decision.subject_id,
        "text": text[:LONGEST],
        "actor": event.actor,
        "of": {"event": source.id, "type": source.type, "decision": decision.pk, "action": decision.action},
    }
    if source.thread_id:
        data["thread_id"] = source.thread_id
    remote: dict[str, Any] = {}
    for each in said:
        if each.kind == "judge":
            data["judge"] = _judged(each, wanted, small)
        elif each.missing is not None:
            remote[each.kind] = {"reason": str(each.missing)[:300]}
        else:
            remote[each.kind] = {"scores": each.answer.scores}
    if remote:
        data["remote"] = remote
    return {
        "specversion": "1.0", "id": look.event_id, "source": f"{settings.PUBLIC_URL}/looks",
        "type": f"{decision.subject_kind}{JUDGED}", "time": timezone.now().isoformat(), "data": data,
    }  # fmt: skip


def _judged(said: Said, wanted: Wanted, small: float | None) -> dict[str, Any]:
    if said.missing is not None:
        return {"status": "failed", "policy": wanted.policy, "reason": str(said.missing)[:300]}
    answer: Answer = said.answer
    label = answer.label
    found: dict[str, Any] = {
        "status": "answered", "policy": wanted.policy, "violation": label.violation, "category": label.category,
        "rationale": label.rationale, "model": answer.model, "prompt": answer.prompt, "policy_hash": answer.policy_hash,
        "cached": answer.cached, "truncated": answer.truncated,
    }  # fmt: skip
    if label.confidence is not None:
        found["confidence"] = label.confidence
    if small is not None and wanted.small is not None:
        found |= {"small": small, "disagrees": label.violation != (small >= wanted.small.at)}
    return found


def _send(setup: Setup, look: Look, document: dict[str, Any]) -> None:
    """Hand the event to the gateway. That it has one with this id already is as good. Raises NotSent."""
    url = (setup.gateway.url or settings.PUBLIC_URL).rstrip("/")
    try:
        headers = {
            "content-type": "application/cloudevents+json",
            "authorization": f"Bearer {secret(setup.gateway.key)()}",
        }
        answer = outgoing.post(
            f"{url}/v1/events", headers, msgspec.json.encode(document), private=True, seconds=SEND_SECONDS,
            most_bytes=1 << 20, allowed_by="SAFEHOLD_LOOKS",
        )  # fmt: skip
    except (outgoing.Unreachable, ImproperlyConfigured) as error:
        raise NotSent(f"the gateway: {error}", again=True) from None
    if answer.status in (200, 409):
        return
    again = answer.status in (401, 403, 408, 429) or answer.status >= 500
    raise NotSent(f"the gateway answered {answer.status}{_detail(answer.body)}", again=again)


def _detail(body: bytes) -> str:
    """What is wrong in the gateway's own words, which repeat no value."""
    try:
        detail = msgspec.json.decode(body).get("detail")
    except (msgspec.DecodeError, AttributeError):
        return ""
    return f": {detail}"[:300] if isinstance(detail, str) else ""


def _finish(look: Look, outcome: Outcome, why: str) -> None:
    """Once: one that has ended meanwhile stays as it ended, which the database sees to as well."""
    with recording():
        Look.objects.filter(pk=look.pk, finished_at=None).update(
            finished_at=timezone.now(), outcome=outcome, why=why, leased_until=None
        )


def _later(look: Look, seconds: float, why: str) -> None:
    with recording():
        Look.objects.filter(pk=look.pk, finished_at=None).update(
            next_at=timezone.now() + timedelta(seconds=seconds), why=why, leased_until=None
        )
