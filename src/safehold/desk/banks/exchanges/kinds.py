"""Which exchanges there are, what each needs to be told, and how to talk with one. Clients of others' APIs are imported when
they are needed: they come with the extra `exchanges`.
"""

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from importlib import import_module
from typing import Any

from safehold.desk.banks.exchanges.pages import Source

Make = Callable[[Mapping[str, Any], Mapping[str, str], Collection[str]], Source]


class BadConfig(ValueError):
    """What is told of an exchange does not do. The message names the field."""


@dataclass(frozen=True)
class Kind:
    """One kind of exchange: `config` and `secrets` name what it must be told, `may` and `may_secret` what it can be."""

    title: str
    where: str
    config: tuple[str, ...] = ()
    secrets: tuple[str, ...] = ()
    may: tuple[str, ...] = ()
    may_secret: tuple[str, ...] = ()
    opinions: bool = False


_SPOKEN = "safehold.desk.banks.exchanges.threatexchange"
KINDS: dict[str, Kind] = {
    "ncmec": Kind(
        "NCMEC hash sharing", f"{_SPOKEN}:Ncmec", secrets=("user", "password"),
        may=("environment", "only_esp_ids", "base_url"), opinions=True,
    ),
    "stopncii": Kind(
        "StopNCII.org", f"{_SPOKEN}:StopNcii", secrets=("subscription_key", "fetch_function_key"), may=("base_url",),
        may_secret=("feedback_function_key",), opinions=True,
    ),
    "tat": Kind(
        "Tech Against Terrorism", f"{_SPOKEN}:TechAgainstTerrorism", secrets=("username", "password"), may=("base_url",)
    ),
    "threatexchange": Kind(
        "Meta ThreatExchange", f"{_SPOKEN}:MetaThreatExchange", config=("privacy_group",), secrets=("api_token",),
        may=("base_url",), opinions=True,
    ),
    "file": Kind(
        "A file or feed of hashes", "safehold.desk.banks.exchanges.files:HashFile", config=("url",),
        may=("type", "format"), may_secret=("token",),
    ),
    "safehold": Kind(
        "Another Safehold", "safehold.desk.banks.exchanges.sibling:Sibling", config=("url", "bank"), secrets=("key",),
        opinions=True,
    ),
}  # fmt: skip


def check(kind: str, config: Mapping[str, Any], secret: Mapping[str, str]) -> None:
    """Raise BadConfig for what is missing or unknown."""
    known = KINDS.get(kind)
    if known is None:
        raise BadConfig(f"`{kind}` is no kind of exchange; there are {', '.join(KINDS)}")
    for what, given, must, may in (
        ("config", config, known.config, known.may), ("secret", secret, known.secrets, known.may_secret),
    ):  # fmt: skip
        if missing := [name for name in must if not given.get(name)]:
            raise BadConfig(f"{what} {missing[0]}: {known.title} needs it")
        if unknown := sorted(set(given) - {*must, *may}):
            raise BadConfig(
                f"{what} {unknown[0]}: {known.title} has no such; it has {', '.join((*must, *may)) or 'none'}"
            )


def source_of(
    kind: str, config: Mapping[str, Any], secret: Mapping[str, str], private_hosts: Collection[str]
) -> Source:
    """Whom to talk with. Raises BadConfig, also where the extra is not installed."""
    check(kind, config, secret)
    module, _, name = KINDS[kind].where.partition(":")
    try:
        make: Make = getattr(import_module(module), name)
    except ModuleNotFoundError as missing:
        if (missing.name or "").partition(".")[0] not in ("threatexchange", "requests", "urllib3"):
            raise
        raise BadConfig(f"{KINDS[kind].title} needs the extra `exchanges`: pip install 'safehold[exchanges]'") from None
    try:
        return make(config, secret, private_hosts)
    except (KeyError, ValueError, AssertionError) as error:
        raise BadConfig(f"{KINDS[kind].title} can't be set up: {error}") from error
