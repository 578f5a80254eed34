"""Who takes second looks, at what, and where the answers go: the file that `SAFEHOLD_LOOKS` names, read once and strictly. Keys
are named there (`env:NAME`, `file:PATH`), never written. docs/how-to/ask-a-large-model.md explains each part.
"""

import functools
import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Annotated, Any, Literal

import msgspec
from django.conf import settings
from django.core.exceptions import ImproperlyConfigured

from safehold.engine.policies.located import YamlProblem, read_yaml
from safehold.signals.judge.asking import Plant
from safehold.signals.remote.door import Limits
from safehold.signals.remote.providers import PROVIDERS

#: What comes of a second look is no reason for another one.
JUDGED = ".judged"


class Gateway(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Where answers are sent as events, and the API key (scope `events:write`) of this service."""

    key: str
    url: str = ""


class Service(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Somebody who is asked. `kind` is `judge` or one of the remote services; `private`: on this machine or a private network.
    The rest is a judge's."""

    kind: Literal["judge", "perspective", "hive", "google", "azure"]
    url: str = ""
    key: str = ""
    private: bool = False
    limits: Limits = Limits()
    model: str = ""
    speaks: Literal["chat", "gpt-oss-safeguard", "llama-guard"] = "chat"
    schema: bool = True
    plant: Plant = "suspicious"


class Score(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A number that a signal measures."""

    field: str
    signal: str = "harm"


class Band(Score, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The small model is unsure from `low` to `high`, both included."""

    low: float
    high: float


class Small(Score, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The small model says yes from `at` on: what the judge agrees or disagrees with."""

    at: float = 0.5


class Wanted(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One kind of second look: `ask` whom, by which `policy`, `on` which event types. Asked where one of `rules` matched (in
    shadow too) or the score that the verdict recorded is in the band `unsure`; at every event where neither is given.
    `categories` is what a violation can be called, `planted` a text that certainly is one."""

    policy: str
    ask: tuple[str, ...]
    on: tuple[str, ...]
    rules: tuple[str, ...] = ()
    unsure: Band | None = None
    small: Small | None = None
    categories: tuple[str, ...] = ()
    planted: str = ""


class Setup(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The whole file. `patience`: for how many seconds a service that is down or busy is waited for before the look counts as not
    answered. `kept` and `kept_days` bound the answers that are kept; `looks_days` is for how many days the row of a look that
    ended stays."""

    gateway: Gateway
    services: dict[str, Service]
    looks: tuple[Wanted, ...]
    patience: float = 600.0
    kept: int = 100_000
    kept_days: float = 30.0
    looks_days: Annotated[float, msgspec.Meta(gt=0, le=36_500)] = 90.0

    def of_type(self, event_type: str) -> list[Wanted]:
        return [wanted for wanted in self.looks if event_type in wanted.on]


@functools.cache
def current() -> Setup | None:
    """What the file says; None where none is named. Raises ImproperlyConfigured, which names file and field."""
    if not settings.SAFEHOLD_LOOKS:
        return None
    return read(Path(settings.SAFEHOLD_LOOKS))


def read(path: Path) -> Setup:
    """Read and check such a file. Raises ImproperlyConfigured."""
    try:
        setup = msgspec.convert(read_yaml(path, str(path)).plain(), Setup, strict=True)
        _check(setup)
    except YamlProblem as error:
        raise ImproperlyConfigured(f"SAFEHOLD_LOOKS, {path}, line {error.line}: {error}") from None
    except (OSError, msgspec.ValidationError, ValueError) as error:
        raise ImproperlyConfigured(f"SAFEHOLD_LOOKS, {path}: {error}") from None
    return setup


def _check(setup: Setup) -> None:
    for name, service in setup.services.items():
        where = f"`services.{name}`"
        if service.kind == "judge" and not (service.url and service.model):
            raise ValueError(f"{where} needs a `url` (up to and with /v1) and a `model`")
        if service.kind != "judge" and not service.key:
            raise ValueError(f"{where} needs a `key`, such as env:{name.upper()}_KEY")
        if not (service.url or (service.kind in PROVIDERS and PROVIDERS[service.kind].url)):
            raise ValueError(f"{where} needs the `url` of your resource")
        _secret(service.key, f"{where}.key")
    _secret(setup.gateway.key, "`gateway.key`")
    for number, wanted in enumerate(setup.looks):
        _check_wanted(setup, wanted, f"`looks[{number}]`")


def _check_wanted(setup: Setup, wanted: Wanted, where: str) -> None:
    if not wanted.ask or not wanted.on:
        raise ValueError(f"{where} needs somebody to `ask`, and event types in `on`")
    for name in wanted.ask:
        if name not in setup.services:
            raise ValueError(f"{where}.ask: there is no service `{name}`; there are {', '.join(setup.services)}")
    kinds = [setup.services[name].kind for name in wanted.ask]
    if len(set(kinds)) < len(kinds):
        raise ValueError(f"{where}.ask: one service of a kind, for their answers have one name in the event")
    if bad := [each for each in wanted.on if each.endswith(JUDGED)]:
        raise ValueError(f"{where}.on: `{bad[0]}` is what comes of a second look")
    if wanted.unsure is not None and wanted.unsure.low > wanted.unsure.high:
        raise ValueError(f"{where}.unsure: `low` is greater than `high`")


def _secret(name: str, where: str) -> None:
    if name and not name.startswith(("env:", "file:")):
        raise ValueError(f"{where} must name where the key is, env:NAME or file:PATH, not be it")


def secret(name: str) -> Callable[[], str]:
    """What reads the key whenever it is used, so that a new one needs no restart. It raises ImproperlyConfigured."""

    def find() -> str:
        if not name:
            return ""
        kind, _, where = name.partition(":")
        try:
            found = os.environ[where] if kind == "env" else Path(where).read_text("utf-8").strip()
        except (KeyError, OSError, UnicodeDecodeError):
            raise ImproperlyConfigured(f"there is no key at {name}") from None
        return found

    return find


def score_in(verdict: Mapping[str, Any] | None, score: Score) -> float | None:
    """The number as the verdict recorded it; None where no rule read that signal, or it failed."""
    for run in (verdict or {}).get("signals") or ():
        if run.get("signal") == score.signal and not run.get("error"):
            value = (run.get("values") or {}).get(score.field)
            return float(value) if isinstance(value, int | float) and not isinstance(value, bool) else None
    return None
