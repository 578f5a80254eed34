"""One log line a request, with an id that the answer carries too, and how much server time it took."""

import time
from collections.abc import Callable

import structlog
from django.http import HttpRequest, HttpResponse

from safehold.ids import new_id

log = structlog.get_logger("safehold.request")


def request_log(get_response: Callable[[HttpRequest], HttpResponse]) -> Callable[[HttpRequest], HttpResponse]:
    """Bind `request.request_id`, answer it as X-Request-Id, and say the server's time in Server-Timing (RFC draft)."""

    def middleware(request: HttpRequest) -> HttpResponse:
        request.request_id = new_id("req")  # type: ignore[attr-defined]
        started = time.perf_counter()
        structlog.contextvars.bind_contextvars(request_id=request.request_id)  # type: ignore[attr-defined]
        try:
            response = get_response(request)
        finally:
            structlog.contextvars.unbind_contextvars("request_id")
        milliseconds = (time.perf_counter() - started) * 1000
        response["X-Request-Id"] = request.request_id  # type: ignore[attr-defined]
        response["Server-Timing"] = f"app;dur={milliseconds:.1f}"
        route = request.resolver_match.route if request.resolver_match else None
        if not request.path.startswith("/static/"):
            # The route, not the path: a statement's address is a secret of the person it is for.
            log.info(
                "request", method=request.method, route=route, status=response.status_code, ms=round(milliseconds, 1)
            )
        return response

    return middleware
