"""Hosts that pretend to be somebody else's: same shape in other letters, one slip of the finger, the name with a lure.

`Brands.resembles(host)` compares a host with the protected names in `brands.txt` (each with the domains it really
uses, which never resemble). Shape is the UTS #39 skeleton, slips are optimal string alignment distance (Damerau 1964,
in the restricted form). The links signal calls it.
"""

import re
from collections.abc import Iterable
from functools import lru_cache
from importlib.resources import files
from itertools import pairwise
from typing import NamedTuple, Self

import idna

from safehold.signals.links.find import is_hosted, registrable
from safehold.signals.text.characters import LEET, skeleton

#: Words that give a name in a host away as a lure: what phishing asks the visitor to do.
_LURES = frozenset(
    "access account airdrop alert app auth bonus card center centre claim claims client connect customer delivery "
    "dapp defi exchange free gift help helpdesk id info invoice live log login mail migrate mint my nft official "
    "online order pay payment portal promo recover recovery refund reward rewards secure security service shop sign "
    "signin staking support team token track tracking unlock update user validate verification verify wallet web "
    "web3 win".split()
)
_PARTS = re.compile(r"[^a-z0-9]+")
_LEET = str.maketrans(LEET | {"1": "l", "8": "b"})


class Lookalike(NamedTuple):
    """`how`: `homograph` (looks the same), `typo` (one edit away), `lure` (the name beside a word such as login),
    `subdomain` (the name, or its whole domain, in front of another's).
    """

    host: str
    brand: str
    how: str


class Brands:
    """Protected names. `own` maps a name, without spaces, to the registrable domains it really uses."""

    def __init__(self, own: dict[str, frozenset[str]]) -> None:
        self._own = own
        self._domains = frozenset(d for domains in own.values() for d in domains)
        #: Names that are too long to be a word by chance.
        self.long_names = frozenset(name for name in own if len(name) > 4)
        self._by_shape = {skeleton(name): name for name in own}

    @classmethod
    def shipped(cls) -> Self:
        """The list that comes with Safehold."""
        return cls.parse(files(__package__).joinpath("brands.txt").read_text("utf-8").splitlines())

    @classmethod
    def parse(cls, lines: Iterable[str]) -> Self:
        """Lines `name: domain domain ...`; `#` begins a comment. Raises ValueError naming the line that isn't one."""
        own = {}
        for number, line in enumerate(lines, 1):
            if not line.strip() or line.startswith("#"):
                continue
            name, colon, domains = line.partition(":")
            if not colon or not domains.split():
                raise ValueError(f"brands line {number}: expected 'name: domain domain ...', got {line!r}")
            own[name.replace(" ", "").lower()] = frozenset(domains.split())
        return cls(own)

    @property
    def names(self) -> list[tuple[str, list[str]]]:
        """What is protected, sorted: the list's identity."""
        return sorted((name, sorted(domains)) for name, domains in self._own.items())

    def owns(self, site: str) -> bool:
        """Whether a registrable domain is one that a protected name really uses."""
        return site in self._domains

    def resembles(self, host: str) -> Lookalike | None:
        """Whom a host (lower-case ASCII) pretends to be, if anybody."""
        site = registrable(host)
        if site in self._domains or any(host.endswith("." + d) or host == d for d in self._domains):
            return None
        label = _unicode(site.split(".")[0])
        name, how = self._resembles(label, hosted=is_hosted(host))
        if name is None:
            name, how = self._in_front(host.removesuffix(site).rstrip("."))
        return None if name is None else Lookalike(host, name, how)

    def _resembles(self, label: str, hosted: bool) -> tuple[str | None, str]:
        if label in self._own:
            # The name itself under a suffix it doesn't use: a namesake more often than a fraud, unless it was free.
            return (label, "subdomain") if hosted and len(label) > 4 else (None, "")
        for name in (self._by_shape.get(skeleton(label)), self._by_shape.get(skeleton(label.translate(_LEET)))):
            if name is not None and len(name) > 3:
                return name, "homograph"
        parts = _PARTS.split(label)
        if len(parts) > 1:
            for name in parts:
                if name in self._own and any(p in _LURES for p in parts if p != name):
                    return name, "lure"
        for name in self._own:
            if len(name) > 4:
                if name in label and _rest_is_lure(label, name):
                    return name, "lure"
                if _one_slip(label, name):
                    return name, "typo"
        return None, ""

    def _in_front(self, front: str) -> tuple[str | None, str]:
        """`paypal.com.evil.example` and `paypal-login.evil.example`: what stands before another's domain. The name
        alone isn't enough: `github.` and `outlook.` stand before many a company's own domain.
        """
        labels = front.split(".")
        for label, ending in pairwise(labels):
            if f"{label}.{ending}" in self._domains and label in self._own:
                return label, "subdomain"
        parts = _PARTS.split(front)
        for part in parts:
            if part in self._own and len(part) > 4 and any(p in _LURES for p in parts):
                return part, "subdomain"
        return None, ""


def _rest_is_lure(label: str, name: str) -> bool:
    before, _, after = label.partition(name)
    rest = [r for r in _PARTS.split(before) + _PARTS.split(after) if r]
    return bool(rest) and all(r in _LURES or r.isdigit() for r in rest)


def _one_slip(label: str, name: str) -> bool:
    """One letter more, fewer, other or swapped, the first one right. Other letters count from seven on only: `chose`
    is a word, not a misspelt bank.
    """
    if label[:1] != name[:1] or abs(len(label) - len(name)) > 1 or len(name) < 6:
        return False
    return distance(label, name) == 1 and (len(label) != len(name) or len(name) > 6 or sorted(label) == sorted(name))


def distance(a: str, b: str) -> int:
    """Optimal string alignment distance: insertions, deletions, substitutions, swaps. O(len a * len b)."""
    before: list[int] = []
    above = list(range(len(b) + 1))
    for i, x in enumerate(a, 1):
        row = [i]
        for j, y in enumerate(b, 1):
            cost = min(above[j] + 1, row[j - 1] + 1, above[j - 1] + (x != y))
            if i > 1 and j > 1 and x == b[j - 2] and a[i - 2] == y:
                cost = min(cost, before[j - 2] + 1)
            row.append(cost)
        before, above = above, row
    return above[-1]


@lru_cache(maxsize=1024)
def _unicode(label: str) -> str:
    """A host's label as people see it. A label that isn't valid IDNA 2008 is seen as it is written."""
    if not label.startswith("xn--"):
        return label
    try:
        return idna.ulabel(label)
    except idna.IDNAError:
        return label
