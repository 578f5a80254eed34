"""Whether an exchange answers: its first page is asked for, and nothing of it kept. Who calls: `managing`, and the console
before it keeps what somebody typed in.
"""

import threading
from collections.abc import Mapping
from concurrent.futures import Future
from typing import Any

import structlog
from django.conf import settings

from safehold.desk.banks.exchanges.kinds import BadConfig, source_of
from safehold.desk.banks.exchanges.pages import Away, NotTaken
from safehold.gateway.faults import described

log = structlog.get_logger("safehold.exchanges")

#: Seconds that somebody waits for it.
SECONDS = 25.0


class NoAnswer(Exception):
    """It does not answer as it should; the message says why, without credentials."""


def try_out(kind: str, config: Mapping[str, Any], secret: Mapping[str, str]) -> int:
    """How many records its first page has. Raises NoAnswer."""
    asked: Future[int] = Future()
    threading.Thread(target=_ask, args=(asked, kind, dict(config), dict(secret)), daemon=True).start()
    try:
        return asked.result(SECONDS)
    except TimeoutError:
        raise NoAnswer(f"no whole answer came within {SECONDS:g} seconds") from None


def _ask(asked: Future[int], kind: str, config: Mapping[str, Any], secret: Mapping[str, str]) -> None:
    try:
        source = source_of(kind, config, secret, settings.SAFEHOLD_EXCHANGE_PRIVATE_HOSTS)
        page = next(iter(source.pages(None)), None)
        asked.set_result(len(page.records) if page is not None else 0)
    except (Away, BadConfig, NotTaken, ValueError) as error:
        asked.set_exception(NoAnswer(str(error)))
    except Exception as error:
        # Its words may repeat what is in the answer.
        log.error("exchange_unreadable", kind=kind, **described(error))
        asked.set_exception(NoAnswer(f"its answer can't be read ({type(error).__name__})"))
