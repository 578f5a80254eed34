"""The gateway as an ASGI application: finds the route, answers, and turns whatever goes wrong into a problem document.

`safehold.site.asgi` makes one, starts it when the server starts, and stops it when the server stops.
"""

import asyncio
import re
import time
from collections.abc import Collection, Mapping
from concurrent.futures import ThreadPoolExecutor

import msgspec
import structlog

from safehold.gateway.ahead import Ahead
from safehold.gateway.akismet.routes import AKISMET_ROUTES
from safehold.gateway.banks import BankKeeper
from safehold.gateway.curating import Curator
from safehold.gateway.deciding import Decider
from safehold.gateway.editions import Admitted
from safehold.gateway.faults import described
from safehold.gateway.hma.curation import CURATION_ROUTES
from safehold.gateway.hma.routes import HMA_ROUTES
from safehold.gateway.keys import Keyring
from safehold.gateway.limits import Limits
from safehold.gateway.media import Uploads
from safehold.gateway.metrics import Tally
from safehold.gateway.moderations.routes import MODERATION_ROUTES
from safehold.gateway.openapi import description
from safehold.gateway.perspective.calibration import Calibrations
from safehold.gateway.perspective.routes import PERSPECTIVE_ROUTES
from safehold.gateway.perspective.upstream import Upstream
from safehold.gateway.problems import MEDIA_TYPE, Refusal
from safehold.gateway.requests import Receive, Reply, Request, Scope, Send
from safehold.gateway.routes import ROUTES, Parts, Route, event_types_body
from safehold.gateway.sharing import SHARING_ROUTES
from safehold.gateway.store import Store
from safehold.ids import new_id
from safehold.signals.community.seat import Seat

log = structlog.get_logger("safehold.gateway")

_encode = msgspec.json.Encoder().encode

ALL_ROUTES = (
    *ROUTES, *AKISMET_ROUTES, *MODERATION_ROUTES, *PERSPECTIVE_ROUTES, *HMA_ROUTES, *CURATION_ROUTES, *SHARING_ROUTES,
)  # fmt: skip
#: Exact path -> method -> route; the start of a path before its argument; the start and the end around it; a pattern where
#: there are several arguments.
_EXACT: dict[str, dict[str, Route]] = {}
_PREFIX: dict[str, dict[str, Route]] = {}
_AROUND: dict[tuple[str, str], dict[str, Route]] = {}
_SEVERAL: dict[re.Pattern[str], dict[str, Route]] = {}
for _route in ALL_ROUTES:
    _start, _brace, _rest = _route.path.partition("{")
    if _route.path.count("{") > 1:
        _SEVERAL.setdefault(re.compile(re.sub(r"{\w+}", "([^/]+)", _route.path)), {})[_route.method] = _route
    elif _end := _rest.partition("}")[2]:
        _AROUND.setdefault((_start, _end), {})[_route.method] = _route
    else:
        (_PREFIX if _brace else _EXACT).setdefault(_start, {})[_route.method] = _route


_BELOW = ("/v1/", "/c/bank/", "/c/exchange/", "/c/exchanges/", "/c/signal_type/")


def serves(path: str) -> bool:
    """Whether a path is the gateway's; all others are Django's."""
    return path.startswith(_BELOW) or path == "/v1" or path in _EXACT


class Gateway:
    """The hot lane of one process: it reads, checks and answers requests, and has `decider` decide."""

    def __init__(
        self,
        store: Store,
        decider: Decider,
        *,
        uploads: Uploads,
        tally: Tally,
        limits: Limits,
        base_url: str,
        version: str,
        thresholds: Mapping[str, float],
        calibrations: Calibrations,
        upstream: Upstream | None,
        community: Seat | None = None,
        ahead: int | None = None,
        image_hosts: Collection[str] = (),
        banks: BankKeeper | None = None,
        curator: Curator | None = None,
        fetch_private_hosts: frozenset[str] = frozenset(),
    ) -> None:
        self._base_url, self._tally = base_url, tally
        self._parts = Parts(
            store=store,
            keyring=Keyring(store, limits),
            decider=decider,
            ahead=Ahead(tally, ahead, idle=lambda: decider.waiting == 0),
            tally=tally,
            limits=limits,
            base_url=base_url,
            readers=ThreadPoolExecutor(2, thread_name_prefix="gateway-read"),
            uploads=uploads,
            calibrations=calibrations,
            upstream=upstream,
            community=community,
            openapi=description(ALL_ROUTES, base_url=base_url, version=version, limits=limits),
            thresholds=thresholds,
            image_hosts=frozenset(image_hosts),
            banks=banks,
            curator=curator,
            fetch_private_hosts=fetch_private_hosts,
        )

    async def start(self) -> None:
        """Begin to read keys and the record. Requests are answered at once, with 503 until both are there."""
        self._parts.keyring.start()
        self._parts.uploads.start()
        if self._parts.upstream is not None:
            self._parts.upstream.start()
        await self._parts.decider.start(self._turn)
        await asyncio.get_running_loop().run_in_executor(None, self._parts.keyring.wait)

    def _turn(self, admitted: Admitted) -> None:
        """Events are checked against other types from now on."""
        self._parts.prepare, self._parts.event_types_body = admitted.prepare, event_types_body(admitted.event_types)
        self._parts.ahead.turn(admitted.foresight)

    async def stop(self) -> None:
        """Take nothing new, write and answer what waits, and end the threads."""
        await self._parts.decider.stop()
        self._parts.keyring.stop()
        self._parts.readers.shutdown()
        self._parts.ahead.stop()
        self._parts.scorer.stop()
        self._parts.looker.stop()
        self._parts.uploads.stop()
        if self._parts.upstream is not None:
            await asyncio.get_running_loop().run_in_executor(None, self._parts.upstream.stop)
        if self._parts.banks is not None:
            self._parts.banks.stop()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one HTTP request."""
        started = time.perf_counter()
        route: Route | None = None
        try:
            request = Request(scope, receive)
            methods = _methods(request)
            route = next(iter(methods.values()))  # whose words a refused method is refused in
            route = _of_method(methods, request.method)
            reply = await route.handle(self._parts, request)
        except Refusal as refusal:
            reply = self._refused(refusal, route)
        except Exception as error:
            # The only place where what nobody foresaw ends. The id joins the answer and the log line.
            request_id = new_id("req")
            log.error("request_failed", request_id=request_id, route=route and route.path, **described(error))
            fault = Refusal(
                "internal", "something failed here; try again", headers=((b"x-request-id", request_id.encode()),)
            )
            reply = self._refused(fault, route)
        await reply.send(send)
        if route is not None:
            self._tally.request(route.path, time.perf_counter() - started)

    def _refused(self, refusal: Refusal, route: Route | None) -> Reply:
        self._tally.problem(refusal.kind)
        if route is not None and route.refuse is not None:
            return route.refuse(refusal)
        problem = refusal.problem(self._base_url)
        return Reply(problem.status, _encode(problem), MEDIA_TYPE, refusal.headers)


def _methods(request: Request) -> Mapping[str, Route]:
    """What an address takes, by method; the request's arguments are set. Raises Refusal 404."""
    methods: Mapping[str, Route] | None = _EXACT.get(request.path)
    if methods is None and "\0" not in request.path:  # which no name has, and PostgreSQL refuses to look for
        methods = _with_arguments(request)
    if methods is None:
        raise Refusal("not-found", "there is no such address; /v1/openapi.json has them all")
    return methods


def _with_arguments(request: Request) -> Mapping[str, Route] | None:
    start, slash, argument = request.path.rpartition("/")
    if argument and (methods := _PREFIX.get(start + slash)) is not None:
        request.argument = argument
        return methods
    for (start, end), around in _AROUND.items():
        if request.path.startswith(start) and request.path.endswith(end):
            argument = request.path[len(start) : -len(end)]
            if argument and "/" not in argument:
                request.argument = argument
                return around
    for pattern, several in _SEVERAL.items():
        if found := pattern.fullmatch(request.path):
            request.arguments = found.groups()
            return several
    return None


def _of_method(methods: Mapping[str, Route], method: str) -> Route:
    """Raises Refusal 405."""
    route = methods.get("GET" if method == "HEAD" else method)
    if route is None:
        allowed = ", ".join(sorted({*methods, *(("HEAD",) if "GET" in methods else ())}))
        raise Refusal("method-not-allowed", f"this address takes {allowed}", headers=((b"allow", allowed.encode()),))
    return route
