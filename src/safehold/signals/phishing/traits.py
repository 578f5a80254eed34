"""What of a link speaks for phishing, by name: nothing but how it is written is looked at, and nothing is asked over a network.

`traits(link, brands)` gives each trait's strength, 1 for those that are there or not. The score weighs them; policies and people
read their names.
"""

import math
import re
from collections import Counter
from collections.abc import Mapping
from typing import NamedTuple
from urllib.parse import unquote

from safehold.signals.links.find import Link, is_hosted, registrable
from safehold.signals.links.lookalikes import Brands, Lookalike

#: What phishing asks for.
_ASKS = frozenset(
    "login signin logon verify verification validate validation authenticate auth secure security account unlock restore recover "
    "recovery update confirm support helpdesk billing invoice refund suspended password passcode webmail mailbox connect sync "
    "rectify resolve synchronize migrate migration".split()
)
#: What it offers.
_OFFERS = frozenset(
    "airdrop airdrops claim claims reward rewards bonus giveaway gift free presale prize winner eligibility eligible allocation "
    "whitelist drop distribution event promo campaign earn".split()
)
#: What it is about, where coins are stolen: much of today's phishing, and of many an honest project too.
_COINS = frozenset(
    "token tokens coin coins crypto nft nfts defi dapp dapps web3 wallet wallets swap stake staking mint minting bridge "
    "exchange dex dao eth ether ethereum bitcoin btc solana blockchain chain protocol ledger finance trade trading invest "
    "mining".split()
)
#: Endings that cost little or nothing for the first year.
_CHEAP = frozenset(
    "xyz top online site live icu click lol cfd claims website space fun buzz shop club vip cyou sbs rest quest monster bond "
    "link world today support digital cloud pro run cc pw tk ml ga cf gq su ws life bid win loan gifts cam mom hair beauty "
    "skin".split()
)
_TOKENS = re.compile(r"[a-z]+|\d+")
_LEET_START = re.compile(r"(?:^|[a-z-])[013457](?=[a-z])|(?<=[a-z])[0135](?=[a-z])")
_HEX = re.compile(r"(?:^|\.)(?=[0-9a-f]*\d)[0-9a-f]{16,}(?:\.|-|$)|[0-9a-f]{8}-[0-9a-f]{4}-")
_LONG_WORDS = tuple(sorted((word for word in _ASKS | _OFFERS | _COINS if len(word) >= 5), key=len, reverse=True))
_INSIDE = re.compile("|".join(_LONG_WORDS))


class Traits(NamedTuple):
    """`strengths` has only what is there. `lookalike` is whom the host pretends to be, if anybody."""

    strengths: dict[str, float]
    lookalike: Lookalike | None


def traits(link: Link, brands: Brands) -> Traits:
    host, site = link.host, registrable(link.host)
    found: dict[str, float] = {}
    lookalike = None if link.is_ip else brands.resembles(host)
    if lookalike is not None:
        found[f"brand-{lookalike.how}"] = 1.0
    if link.is_ip:
        found["numeric-address"] = 1.0
    elif not brands.owns(site):
        found |= _of_names(host, site)
    found |= {name: 1.0 for name in ("userinfo", "port", "punycode", "defanged") if name in link.tricks}
    if not brands.owns(site):
        found |= _of_path(link.url, brands)
    return Traits(found, lookalike)


def _of_names(host: str, site: str) -> dict[str, float]:
    label, _, suffix = site.partition(".")
    front = host.removesuffix(site).rstrip(".")
    written = f"{front}.{label}" if front else label
    words = words_of(written)
    found = {
        "asks": float(min(2, len(words & _ASKS))),
        "offers": float(min(2, len(words & _OFFERS))),
        "coins": float(bool(words & _COINS)),  # once: what a host is about must not be enough
        "cheap-ending": float(suffix.rpartition(".")[2] in _CHEAP),
        "free-host": float(is_hosted(host)),
        "hyphens": float(min(3, label.count("-"))),
        "digits-as-letters": float(bool(_LEET_START.search(written))),
        "hexadecimal": float(bool(_HEX.search(written))),
        "many-labels": float(min(2, max(0, front.count(".") + bool(front) - 1))),
        "random-looking": _randomness(label),
    }
    return {name: strength for name, strength in found.items() if strength}


def _of_path(url: str, brands: Brands) -> dict[str, float]:
    """A protected name, or what phishing asks for, in the path of a host that is not theirs."""
    path = unquote(url.partition("//")[2].partition("/")[2][:500]).lower()
    if not path:
        return {}
    words = set(_TOKENS.findall(path))
    found = {}
    if words & brands.long_names:
        found["brand-in-path"] = 1.0
    if words & _ASKS:
        found["asks-in-path"] = 1.0
    return found


def words_of(written: str) -> set[str]:
    """The words of a host's labels, also of those written together: `claimtoken` has both."""
    words = set(_TOKENS.findall(written))
    for word in list(words):
        if len(word) > 7:
            words.update(_INSIDE.findall(word))
    return words


def _randomness(label: str) -> float:
    """From 0 to 1: letters that follow each other as in no word, measured by their entropy and the share of vowels."""
    letters = [c for c in label if c.isalpha()]
    if len(letters) < 8:
        return 0.0
    counts = Counter(letters)
    entropy = -sum(n / len(letters) * math.log2(n / len(letters)) for n in counts.values())
    vowels = sum(counts[c] for c in "aeiouy") / len(letters)
    return 1.0 if vowels < 0.15 or (entropy > 3.6 and vowels < 0.25) else 0.0


def weigh(strengths: Mapping[str, float], weights: Mapping[str, float]) -> tuple[float, list[str]]:
    """The score from 0 to 1, and the traits that raised it, the strongest first."""
    parts = {name: weights.get(name, 0.0) * strength for name, strength in strengths.items()}
    total = weights["bias"] + math.fsum(parts[name] for name in sorted(parts))
    score = 1.0 / (1.0 + math.exp(-max(-30.0, min(30.0, total))))
    return score, sorted((name for name, part in parts.items() if part >= 0.25), key=lambda name: (-parts[name], name))
