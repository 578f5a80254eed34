"""Makes the gateway: the policies of this installation, its store, its limits. Called by `asgi` and
`decider` when they start.
"""

import gc
import os
from collections.abc import Callable
from functools import partial
from socket import socket
from typing import TypedDict

from django.conf import settings
from django.core.exceptions import ImproperlyConfigured
from django.db import close_old_connections
from django.utils import timezone

from safehold import __version__
from safehold.desk.banks.curating import Curation
from safehold.desk.banks.feed import Feed as BankFeed
from safehold.desk.decisions.elsewhere import Elsewhere
from safehold.desk.decisions.hot_rows import PolicyInForce
from safehold.desk.decisions.intake import Intake
from safehold.desk.decisions.policies import terms_of
from safehold.desk.learning.feed import Seated
from safehold.desk.learning.sites import sites
from safehold.desk.learning.taking import submit_labels
from safehold.desk.lists.feed import Feed
from safehold.desk.rules.breaker import counts, throttle
from safehold.desk.rules.costs import keep
from safehold.desk.rules.folder import open_policies, write_back
from safehold.desk.rules.in_force import files_of, load_texts, newest, texts_of
from safehold.desk.sidebyside.asking import asker
from safehold.desk.sidebyside.keeping import keep_comparisons
from safehold.engine import Bundle, Engine
from safehold.engine.costs import Costs
from safehold.engine.measured import Recent
from safehold.engine.policies.bundle import event_types_of, installed_signals
from safehold.engine.policies.problems import Report
from safehold.engine.windows.link import Link
from safehold.engine.windows.valkey import ValkeyWindows
from safehold.gateway.ahead import Foresight, foresight
from safehold.gateway.application import Gateway
from safehold.gateway.banks import BankKeeper
from safehold.gateway.breaker import Breaker
from safehold.gateway.deciding import Decider, Deciding, InProcess
from safehold.gateway.declared import Declared
from safehold.gateway.editions import Admitted, Edition
from safehold.gateway.engines import Engines, window_ids
from safehold.gateway.frames import State
from safehold.gateway.limits import Limits
from safehold.gateway.lists import Keeper
from safehold.gateway.media import Uploads
from safehold.gateway.metrics import Metrics, Tally
from safehold.gateway.models import ModelKeeper
from safehold.gateway.moderations.categories import read_thresholds
from safehold.gateway.perspective.attributes import model_name
from safehold.gateway.perspective.calibration import Calibrations
from safehold.gateway.perspective.upstream import Upstream
from safehold.gateway.remote import Remote
from safehold.gateway.shared import SharedEngines, place_of
from safehold.gateway.socket_inbox import SocketInbox
from safehold.gateway.store import Minds
from safehold.signals.community.seat import SEAT
from safehold.signals.media.taking import MODELS


def make_gateway() -> Gateway:
    """The gateway of a process that answers requests. It decides in the same process by the policies that are in force,
    which it follows from now on, or has the process behind the socket `SAFEHOLD_DECIDER` decide.

    Raises PolicyProblems, which says file, line and column, if the policies can't be loaded; and what is wrong with
    `SAFEHOLD_WINDOWS`, if that is no store, or `SAFEHOLD_MODERATION_THRESHOLDS`. A store that is away is none of its
    business.
    """
    intake, limits = _intake(), _limits()
    decider: Decider
    if path := os.environ.get("SAFEHOLD_DECIDER"):
        tally, banks = Tally(), BankKeeper(BankFeed())
        decider = Remote(path, _admitted, _foresight, limits, tally)
    else:
        metrics = Metrics()
        tally = metrics.traffic
        rules = _rules(intake)
        banks = rules["banks"]
        make = partial(Deciding, intake, **rules, limits=limits, metrics=metrics)
        decider = InProcess(make, rules["edition"], limits, metrics)
    return Gateway(
        intake,
        decider,
        uploads=_uploads(),
        tally=tally,
        limits=limits,
        base_url=settings.PUBLIC_URL,
        version=__version__,
        thresholds=_thresholds(),
        calibrations=Calibrations(settings.SAFEHOLD_CALIBRATIONS),
        upstream=_upstream(),
        community=SEAT if settings.SAFEHOLD_ANSWERS_BY == "community" else None,
        ahead=settings.SAFEHOLD_AHEAD,
        image_hosts=settings.SAFEHOLD_IMAGE_PRIVATE_HOSTS,
        banks=banks,
        curator=Curation(),
        fetch_private_hosts=frozenset(settings.SAFEHOLD_FETCH_PRIVATE_HOSTS),
    )


def make_deciding(listener: socket) -> tuple[Deciding, SocketInbox]:
    """What decides for the processes that connect to this socket. Raises what `make_gateway` raises."""
    intake, metrics = _intake(), Metrics()
    rules = _rules(intake)
    edition = rules["edition"].number

    def turned(other: Edition) -> None:
        nonlocal edition
        edition = other.number

    def state() -> State:
        writer = deciding.writer
        return State(writer.ready, writer.reading, edition, writer.windows())

    inbox = SocketInbox(listener, state, metrics)
    metrics.watch_queue(lambda: inbox.waiting)
    deciding = Deciding(intake, inbox, **rules, limits=_limits(), metrics=metrics, turned=turned)
    return deciding, inbox


def make_models() -> ModelKeeper:
    """What keeps this process measuring with the community model that is live."""
    return ModelKeeper(Seated())


def _upstream() -> Upstream | None:
    """Perspective's old service, asked beside our own model, if there is one to ask."""
    if not settings.SAFEHOLD_PERSPECTIVE_UPSTREAM:
        return None
    keeping = partial(keep_comparisons, model=model_name())
    return Upstream(asker(), keeping, answers=settings.SAFEHOLD_PERSPECTIVE_UPSTREAM_ANSWERS)


class _Rules(TypedDict):
    """What `Deciding` needs to decide by the policies in force."""

    edition: Edition
    load: Callable[[int], Edition]
    breaker: Breaker
    costs: Costs | None
    lists: Keeper
    banks: BankKeeper


def _intake() -> Intake:
    limited = settings.SAFEHOLD_BREAKER or settings.SAFEHOLD_QUOTAS
    elsewhere = Elsewhere(settings.SAFEHOLD_QUOTAS) if limited else None
    return Intake(newest, throttle, keep, elsewhere, submit_labels, sites)


def _rules(intake: Intake) -> _Rules:
    if settings.SAFEHOLD_WINDOWS != "memory":
        try:
            Link(settings.SAFEHOLD_WINDOWS)
        except ValueError as error:
            raise ImproperlyConfigured(f"SAFEHOLD_WINDOWS: {error}") from None
    breaker = Breaker(settings.SAFEHOLD_QUOTAS, on=settings.SAFEHOLD_BREAKER)
    costs = Costs(settings.SAFEHOLD_COSTS_EVERY) if settings.SAFEHOLD_COSTS_EVERY else None
    keeper, banks = Keeper(Feed(settings.SAFEHOLD_LISTS)), BankKeeper(BankFeed())
    return {
        "edition": _load(intake, keeper, banks, breaker, costs, open_policies().number),
        "load": lambda number: _follow(intake, keeper, banks, breaker, costs, number),
        "breaker": breaker,
        "costs": costs,
        "lists": keeper,
        "banks": banks,
    }


def _uploads() -> Uploads:
    models = tuple(name for name in settings.SAFEHOLD_MEDIA_MODELS if name != "none")
    if unknown := set(models) - set(MODELS):
        known = ", ".join((*MODELS, "none"))
        raise ImproperlyConfigured(
            f"SAFEHOLD_MEDIA_MODELS: there is no {', '.join(sorted(unknown))}; there are {known}"
        )
    most_bytes, most_kept = settings.SAFEHOLD_MEDIA_UPLOAD_MB << 20, int(settings.SAFEHOLD_MEDIA_GB * (1 << 30))
    return Uploads(settings.SAFEHOLD_MEDIA, most_bytes=most_bytes, most_kept=most_kept, models=models)


def _limits() -> Limits:
    return Limits(rate=settings.SAFEHOLD_RATE, burst=settings.SAFEHOLD_BURST, waiting=settings.SAFEHOLD_WAITING)


def _thresholds() -> dict[str, float]:
    try:
        return read_thresholds(settings.SAFEHOLD_MODERATION_THRESHOLDS)
    except ValueError as error:
        raise ImproperlyConfigured(f"SAFEHOLD_MODERATION_THRESHOLDS: {error}") from None


def _admitted() -> Admitted:
    """What events are checked against; the decider has seen that it can be read."""
    declared = Declared(event_types_of(settings.SAFEHOLD_POLICIES, Report()))
    return Admitted(prepare=declared.prepare, event_types=declared.views())


def _foresight(number: int) -> Foresight | None:
    """What a process that only answers measures ahead for an edition; the decider has seen that it can be loaded."""
    if settings.SAFEHOLD_AHEAD == 0:
        return None
    close_old_connections()
    engine = Engine(load_texts(texts_of(number)))
    engine.recent = Recent()
    # Loaded after the process began, when what was there then was set aside (`asgi`): its 200,000 objects would be looked at by
    # the collector again and again, an eighth of a second each time. What an earlier edition left goes first.
    gc.unfreeze()
    gc.collect()
    gc.freeze()
    return foresight(engine)


def _follow(
    intake: Intake, keeper: Keeper, banks: BankKeeper, breaker: Breaker, costs: Costs | None, number: int
) -> Edition:
    """Another edition, for a process that runs; this machine's folder follows too."""
    close_old_connections()
    edition = _load(intake, keeper, banks, breaker, costs, number)
    write_back(texts_of(number))
    return edition


def _load(
    intake: Intake, keeper: Keeper, banks: BankKeeper, breaker: Breaker, costs: Costs | None, number: int
) -> Edition:
    bundle = load_texts(texts_of(number))
    keeper.attach(bundle.lists.values())
    signals = installed_signals()
    banks.attach(signals)
    engine = Engine(bundle, signals)
    breaker.renew(bundle, counts(settings.SAFEHOLD_QUOTAS), timezone.now())
    engine.held_back, engine.recent = breaker.held_back, Recent()
    if costs is not None:
        engine.measure(costs)
    declared = Declared(bundle.event_types)
    intake.know(number, _versions(number))
    return Edition(
        number=number,
        bundle=bundle.hash,
        windows=_windows(bundle),
        prepare=declared.prepare,
        event_types=declared.views(),
        foresight=foresight(engine),
        new_minds=lambda: _minds(engine, number, keeper, breaker),
        take_over=lambda minds: minds.take_over(engine, number) if isinstance(minds, Engines) else None,
    )


def _minds(engine: Engine, number: int, keeper: Keeper, breaker: Breaker) -> Minds:
    """Engines with the windows of `SAFEHOLD_WINDOWS`."""
    url = settings.SAFEHOLD_WINDOWS
    if url == "memory":
        return Engines(engine, number, keeper.adopt, breaker, settings.SAFEHOLD_WINDOW_ENTRIES)
    store = ValkeyWindows(url, name=place_of(engine.bundle))
    return SharedEngines(engine, number, store, keeper.adopt, breaker)


def _windows(bundle: Bundle) -> frozenset[str]:
    """What must be remembered for a bundle: in Valkey all of its windows and no others, which are in one place."""
    return window_ids(bundle) if settings.SAFEHOLD_WINDOWS == "memory" else frozenset([place_of(bundle)])


def _versions(number: int) -> dict[str, PolicyInForce]:
    """The versions that decisions name, by policy."""
    versions = [file.version for file in files_of(number).values() if file.version is not None]
    return {version.key: PolicyInForce(version.pk, terms_of(version).strikes_last) for version in versions}
