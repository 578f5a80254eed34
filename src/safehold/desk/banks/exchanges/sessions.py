"""HTTP for the clients of `threatexchange`, which speak through `requests`: connections go to public addresses only, or to hosts
that the installation names; nothing is redirected; answers have limits in size and time; a refusal with Retry-After is said so.
"""

import time
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from typing import Any

import requests
from requests.adapters import HTTPAdapter
from urllib3 import HTTPConnectionPool, HTTPSConnectionPool
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.exceptions import HTTPError, NewConnectionError

from safehold.desk.banks.exchanges.pages import Away, NotTaken
from safehold.outgoing import Refused, Unreachable, addresses_of

#: Seconds for a connection, and between two pieces of an answer.
SECONDS = (10, 60)
#: Bytes that one answer may have, unpacked, and seconds that it may take as a whole.
MOST_BYTES, MOST_SECONDS = 256 * 1024 * 1024, 900.0


class TooMuch(requests.RequestException):
    """An answer that is too long, or takes too long; nothing of it is read further."""


class Barred(HTTPError):
    """We don't connect to such an address."""


def session(private_hosts: Collection[str]) -> requests.Session:
    """A session that reaches public addresses over TLS, and `private_hosts` wherever they are."""
    made = requests.Session()
    made.max_redirects = 0
    made.trust_env = False
    for scheme in ("https://", "http://"):
        made.mount(scheme, _Adapter(frozenset(private_hosts)))
    return made


def _checked(connection: HTTPConnection, *, private: bool) -> list[str]:
    try:
        return addresses_of(connection.host, connection.port, private=private)
    except Refused as reason:
        raise Barred(str(reason)) from None
    except Unreachable as reason:
        raise NewConnectionError(connection, str(reason)) from None


class _Adapter(HTTPAdapter):
    def __init__(self, private_hosts: frozenset[str]) -> None:
        self._private_hosts = private_hosts
        super().__init__(max_retries=0)

    def init_poolmanager(self, *arguments: Any, **more: Any) -> None:
        super().init_poolmanager(*arguments, **more)
        private = self._private_hosts

        class Plain(HTTPConnection):
            def _new_conn(self) -> Any:
                if self.host not in private:
                    raise Barred(f"http:// is only for hosts in SAFEHOLD_EXCHANGE_PRIVATE_HOSTS, not for {self.host}")
                return super()._new_conn()

        class Secure(HTTPSConnection):
            def _new_conn(self) -> Any:
                """To a checked address of the host, and to no other: its name is resolved once."""
                name, failure = self._dns_host, NewConnectionError(self, "it has no address")
                for address in _checked(self, private=self.host in private):
                    self._dns_host = address
                    try:
                        return super()._new_conn()
                    except NewConnectionError as error:
                        failure = error
                    finally:
                        self._dns_host = name  # whose certificate is asked for
                raise failure

        class PlainPool(HTTPConnectionPool):
            ConnectionCls = Plain

        class SecurePool(HTTPSConnectionPool):
            ConnectionCls = Secure

        self.poolmanager.pool_classes_by_scheme = {"http": PlainPool, "https": SecurePool}

    def send(self, request: requests.PreparedRequest, *arguments: Any, **more: Any) -> requests.Response:
        more["timeout"] = SECONDS
        answer = super().send(request, *arguments, **more)
        kept, until = bytearray(), time.monotonic() + MOST_SECONDS
        for piece in answer.iter_content(64 * 1024):
            kept += piece
            if len(kept) > MOST_BYTES or time.monotonic() > until:
                answer.close()
                what = f"is longer than {MOST_BYTES:,} bytes" if len(kept) > MOST_BYTES else "takes too long"
                raise TooMuch(f"its answer {what}; nothing of it was taken")
        answer._content = bytes(kept)
        return answer


@contextmanager
def asking(name: str) -> Iterator[None]:
    """Say what goes wrong with an exchange in its own words: Away, NotTaken for what it refuses, ValueError for nonsense."""
    try:
        yield
    except (Barred, TooMuch) as error:
        raise Away(str(error)) from None
    except requests.HTTPError as error:
        answer = error.response
        status = answer.status_code if answer is not None else 0
        if status == 429 or status >= 500:
            raise Away(f"{name} answers {status}", _after(answer)) from None
        if status in (401, 403):
            raise Away(f"{name} refuses our credentials ({status}); put new ones in") from None
        raise NotTaken(f"{name} refuses the request ({status})") from None
    except requests.JSONDecodeError:
        raise ValueError(f"{name} answers something that is not JSON, or half of it") from None
    except requests.TooManyRedirects:
        raise Away(f"{name} redirects us elsewhere; put the new address in") from None
    except requests.RequestException as error:
        raise Away(f"{name} can't be reached: {_why(error)}") from None


def _after(answer: requests.Response | None) -> float | None:
    said = answer.headers.get("Retry-After", "") if answer is not None else ""
    return float(said) if said.isdigit() else None


def _why(error: requests.RequestException) -> str:
    """The innermost reason; a whole message may have the credentials of a URL in it."""
    cause: BaseException = error
    while True:
        inner = getattr(cause, "reason", None) or cause.__cause__ or cause.__context__
        if not isinstance(inner, BaseException) or inner is cause:
            break
        cause = inner
        if isinstance(cause, Barred):
            return str(cause)
    return type(cause).__name__
