"""The way to Valkey: one server or a cluster behind one call, which runs a script on each partition in one round trip.

A circuit breaker stands in it. After a failure nothing is asked for a moment, so that events do not wait for what is away;
then one call tries again. The `valkey` package is imported when a link is made: the engine does not need it otherwise.
"""

import hashlib
import time
from collections.abc import Callable, Mapping, Sequence
from importlib.resources import files
from typing import Any
from urllib.parse import parse_qsl, urlencode, urlsplit, urlunsplit

import structlog

from safehold.engine.windows.store import Away

log = structlog.get_logger("safehold.windows")

#: Partitions of a cluster: each is a hash slot, wholly on one node. One server needs one.
PARTITIONS = 16
#: Seconds for a call, if the address does not say, and seconds of rest after each failure in a row.
TIMEOUT = 0.25
RESTS = (0.5, 1.0, 2.0, 4.0)

#: A script's source, its keys and its arguments.
Call = tuple[str, Sequence[bytes], Sequence[Any]]


def script(*names: str) -> str:
    """One script from these files, in their order."""
    folder = files("safehold.engine.windows")
    return "".join(folder.joinpath(name).read_text(encoding="utf-8") for name in names)


class Address:
    """`valkey://[user:password@]host:port[/db]`, `valkeys://` for TLS, with `?cluster=1`, `partitions`, `timeout` (seconds)
    and `prefix`; whatever else is asked for goes to the client (`ssl_ca_certs=...`). Raises ValueError."""

    def __init__(self, url: str) -> None:
        parts = urlsplit(url)
        if parts.scheme not in ("valkey", "valkeys", "redis", "rediss", "unix"):
            raise ValueError(f"{parts.scheme!r} is no window store; use valkey://HOST:PORT or valkeys://HOST:PORT")
        options = dict(parse_qsl(parts.query, keep_blank_values=True))
        self.cluster = options.pop("cluster", "0").lower() in ("1", "true", "yes", "on")
        self.prefix = options.pop("prefix", "safehold")
        self.secure = parts.scheme in ("valkeys", "rediss")
        try:
            self.timeout = float(options.pop("timeout", TIMEOUT))
            self.partitions = int(options.pop("partitions", PARTITIONS if self.cluster else 1))
        except ValueError:
            raise ValueError("`timeout` is a number of seconds and `partitions` a whole number") from None
        if self.timeout <= 0 or not 1 <= self.partitions <= 1024:
            raise ValueError("`timeout` must be more than 0 and `partitions` from 1 to 1024")
        if any(letter in self.prefix for letter in "{}") or not self.prefix:
            raise ValueError("`prefix` must not be empty or have braces: they choose the cluster's slot")
        self.url = urlunsplit(parts._replace(query=urlencode(options)))
        #: For logs and health: without user and password.
        self.shown = f"{parts.scheme}://{parts.hostname or parts.path}:{parts.port or 6379}" + (
            " (cluster)" if self.cluster else ""
        )


class Link:
    """Not thread-safe. `clock` is for how long to leave a failed server alone: seconds that only rise."""

    def __init__(self, url: str, clock: Callable[[], float] = time.monotonic) -> None:
        try:
            import valkey
        except ImportError:
            raise RuntimeError("windows in Valkey need the `valkey` extra: pip install 'safehold[valkey]'") from None
        self.address = Address(url)
        self._errors: tuple[type[Exception], ...] = (
            valkey.ValkeyError,
            valkey.exceptions.ValkeyClusterException,  # which is none of the former
            OSError,
        )
        self._no_script = valkey.exceptions.NoScriptError
        self._client: Any = None
        self._clock = clock
        self._failures, self._rest_until, self._cause = 0, 0.0, ""
        self._hashes: dict[str, str] = {}
        self.calls = 0  # round trips

    @property
    def resting(self) -> str:
        """Why nothing is asked at the moment; empty when the next call would be made."""
        return self._cause if self._failures and self._clock() < self._rest_until else ""

    @property
    def failing(self) -> str:
        """Why the last call failed; empty when it did not."""
        return self._cause if self._failures else ""

    def run(self, calls: Sequence[Call], *, once: bool = False) -> list[Any]:
        """The scripts' answers, all sent before any is waited for. `once` is for what must not be done twice although nothing
        would notice: a cluster's client sends what was not answered again, unless calls go one by one. Raises Away."""
        if cause := self.resting:
            raise Away("valkey", cause)
        try:
            found = self._run(calls, once)
        except self._errors as error:
            self._fail(error)
            raise Away("valkey", self._cause) from error
        if self._failures:
            log.info("windows_back", store=self.address.shown)
        self._failures = 0
        return found

    def info(self) -> Mapping[str, Any]:
        """`INFO memory` of one node. Raises Away."""
        try:
            found = self._connected().info("memory")
        except self._errors as error:
            self._fail(error)
            raise Away("valkey", self._cause) from error
        return next(iter(found.values())) if self.address.cluster else found

    def close(self) -> None:
        if self._client is not None:
            self._client.close()
        self._client = None

    def _run(self, calls: Sequence[Call], once: bool) -> list[Any]:
        client = self._connected()
        self.calls += 1
        if len(calls) == 1 or (once and self.address.cluster):
            return [self._one(client, call) for call in calls]
        try:
            return self._together(client, calls)
        except self._no_script:  # a server that was restarted, or joined; nothing was run where the script is not known
            for source in {source for source, _, _ in calls}:
                client.script_load(source)
            return self._together(client, calls)

    def _one(self, client: Any, call: Call) -> Any:
        source, keys, arguments = call
        command = ("EVALSHA", self._hash(source), len(keys), *keys, *arguments)
        try:
            return client.execute_command(*command)
        except self._no_script:
            client.script_load(source)
            return client.execute_command(*command)

    def _together(self, client: Any, calls: Sequence[Call]) -> list[Any]:
        pipeline = client.pipeline(transaction=False) if not self.address.cluster else client.pipeline()
        for source, keys, arguments in calls:
            pipeline.execute_command("EVALSHA", self._hash(source), len(keys), *keys, *arguments)
        found: list[Any] = pipeline.execute()
        return found

    def _hash(self, source: str) -> str:
        found = self._hashes.get(source)
        if found is None:
            found = self._hashes[source] = hashlib.sha1(source.encode(), usedforsecurity=False).hexdigest()
        return found

    def _connected(self) -> Any:
        if self._client is None:
            import valkey
            from valkey.backoff import NoBackoff
            from valkey.retry import Retry

            options: dict[str, Any] = {
                "socket_timeout": self.address.timeout, "socket_connect_timeout": self.address.timeout,
            }  # fmt: skip
            if self.address.secure:  # the client's own default is any name that the authority has signed
                options["ssl_check_hostname"] = True
            if self.address.cluster:
                from valkey.cluster import ValkeyCluster

                self._client = ValkeyCluster.from_url(  # type: ignore[no-untyped-call]
                    self.address.url, cluster_error_retry_attempts=0, **options
                )
            else:
                retry = Retry(NoBackoff(), 0)
                self._client = valkey.Valkey.from_url(self.address.url, retry=retry, **options)
        return self._client

    def _fail(self, error: Exception) -> None:
        # What the server says may repeat what it was sent; the class says enough.
        self._cause = f"{self.address.shown}: {_words(error)}"
        rest = RESTS[min(self._failures, len(RESTS) - 1)]
        self._failures += 1
        self._rest_until = self._clock() + rest
        if self._failures == 1:
            log.error("windows_away", store=self.address.shown, error=_words(error))
        self.close()  # a half-read answer must not be taken for the next one


def _words(error: Exception) -> str:
    name = type(error).__name__
    known = {
        "ConnectionError": "cannot be reached",
        "ValkeyClusterException": "cannot be reached",
        "TimeoutError": "did not answer in time",
    }
    if name == "ResponseError" and str(error).split(" ", 1)[0] in (
        "OOM",
        "LOADING",
        "READONLY",
        "MISCONF",
        "NOPERM",
        "BUSY",
    ):
        return f"refused ({str(error).split(' ', 1)[0]})"
    return known.get(name, name)
