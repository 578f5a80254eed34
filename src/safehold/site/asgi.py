"""One process: the gateway's addresses go to the gateway, all others to Django, and the workers run beside both.

`safehold serve` runs it under uvicorn; `uvicorn safehold.site.asgi:application` does the same.
"""

import asyncio
import gc
import os
import sys
from collections.abc import Awaitable, Callable, Mapping
from typing import TYPE_CHECKING, Any

import structlog
from django.core.asgi import get_asgi_application

from safehold.gateway.application import serves

if TYPE_CHECKING:
    from safehold.gateway.application import Gateway
    from safehold.gateway.models import ModelKeeper
    from safehold.site.workers import Workers

Scope = dict[str, Any]
Receive = Callable[[], Awaitable[dict[str, Any]]]
Send = Callable[[Mapping[str, Any]], Awaitable[None]]

log = structlog.get_logger("safehold.site")


class Application:
    """The ASGI application. What can fail at the start fails in the lifespan, so the server then does not start."""

    def __init__(self) -> None:
        os.environ.setdefault("DJANGO_SETTINGS_MODULE", "safehold.site.settings")
        self._django = get_asgi_application()
        self._gateway: Gateway | None = None
        self._models: ModelKeeper | None = None
        self._workers: Workers | None = None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and self._gateway is not None and serves(scope["path"]):
            await self._gateway(scope, receive, send)
        elif scope["type"] == "lifespan":
            await self._live(receive, send)
        else:
            await self._django(scope, receive, send)

    async def _live(self, receive: Receive, send: Send) -> None:
        await receive()  # lifespan.startup
        try:
            await self._start()
        except Exception as error:
            log.critical("not_started", reason=str(error))
            await send({"type": "lifespan.startup.failed", "message": str(error)})
            return
        await send({"type": "lifespan.startup.complete"})
        await receive()  # lifespan.shutdown
        await self._stop()
        await send({"type": "lifespan.shutdown.complete"})

    async def _start(self) -> None:
        from django.conf import settings

        from safehold.site.gateway import make_gateway, make_models
        from safehold.site.workers import Workers

        self._models = make_models()
        await asyncio.to_thread(self._models.start)
        self._gateway = await asyncio.to_thread(make_gateway)
        # What lives as long as the process need not be looked at by the collector at each turn: its long pauses end.
        gc.collect()
        gc.freeze()
        # The writer gives Python's lock up for each statement of a commit, and waits this long for it while the event loop is
        # busy: with the usual 5 ms a commit waited longer for the lock than for the disk.
        sys.setswitchinterval(0.0005)
        await self._gateway.start()
        if settings.SAFEHOLD_WORKERS:
            self._workers = Workers()
            self._workers.start()

    async def _stop(self) -> None:
        """Events first: what was taken is answered. Then the workers finish what they have in hand."""
        if self._gateway is not None:
            await self._gateway.stop()
        if self._models is not None:
            await asyncio.to_thread(self._models.stop)
        if self._workers is not None:
            await asyncio.to_thread(self._workers.stop)


application = Application()
