"""The links signal: where a text leads, and whether that place pretends to be another."""

import hashlib
from collections.abc import Iterable, Mapping
from importlib.metadata import version
from importlib.resources import files
from typing import ClassVar

from safehold.engine.event import Event
from safehold.signals.links.find import Link, find, is_hosted, registrable
from safehold.signals.links.lookalikes import Brands
from safehold.signals.reading import LIMIT, read

#: Links of one event that are looked at; `truncated` says when there were more.
MOST = 100


class Links:
    """`signals.links`: the links of the subject's text, of `data.links` and of `data.website`, in that order.

    `brands` are the names to protect; Safehold's own list unless another is given.
    """

    name = "links"
    title = "Where links lead"
    cost = 40.0
    basis = ""
    reads = ("text", "data.links", "data.website")
    fields: ClassVar[Mapping[str, str]] = {
        "count": "int",
        "urls": "list(string)",
        "domains": "list(string)",
        "registrable": "list(string)",
        "lookalikes": "list(map(string, string))",
        "brands": "list(string)",
        "shorteners": "list(string)",
        "hosted": "list(string)",
        "ip_hosts": "list(string)",
        "tricks": "list(string)",
        "truncated": "bool",
    }
    limits: ClassVar[Mapping[str, tuple[float | None, float | None]]] = {"count": (0, None)}

    def __init__(self, brands: Brands | None = None) -> None:
        self._brands = brands or Brands.shipped()
        lines = files(__package__).joinpath("shorteners.txt").read_text("utf-8").splitlines()
        self._shorteners = frozenset(line for line in lines if line and not line.startswith("#"))
        lists = repr((self._brands.names, sorted(self._shorteners)))
        # tldextract's version stands for the Public Suffix List it carries
        self.version = f"1.0.0+{hashlib.sha256(lists.encode()).hexdigest()[:8]}.psl.{version('tldextract')}"

    def run(self, event: Event) -> Mapping[str, object]:
        """Find the links. `lookalikes` are maps of `host`, `brand` and `how`; hosts come without repeats."""
        links, truncated = links_of(event)
        return self._describe(links[:MOST]) | {"truncated": truncated}

    def _describe(self, links: list[Link]) -> dict[str, object]:
        hosts = _unique(link.host for link in links)
        sites = {host: registrable(host) for host in hosts}
        lookalikes = [found for found in map(self._brands.resembles, hosts) if found]
        return {
            "count": len(links),
            "urls": [link.url for link in links],
            "domains": hosts,
            "registrable": _unique(sites.values()),
            "lookalikes": [found._asdict() for found in lookalikes],
            "brands": _unique(found.brand for found in lookalikes),
            "shorteners": [host for host in hosts if host in self._shorteners],
            "hosted": [host for host in hosts if is_hosted(host)],
            "ip_hosts": _unique(link.host for link in links if link.is_ip),
            "tricks": sorted({trick for link in links for trick in link.tricks}),
        }


def links_of(event: Event) -> tuple[list[Link], bool]:
    """The links of an event in order, without repeats, and whether there was more than is looked at."""
    text, truncated = read(event)
    links, more = find(text, MOST)
    for written in _further(event):
        found, _ = find(written[:LIMIT], 1)
        links += [link for link in found if link not in links]
    return links, truncated or more or len(links) > MOST


def _further(event: Event) -> list[str]:
    """Links that the platform sends beside the text."""
    beside = event.data.get("links")
    website = event.data.get("website")
    links = list(beside) if isinstance(beside, list) else []
    return [link for link in [*links[: MOST + 1], website] if isinstance(link, str)]


def _unique(values: Iterable[str]) -> list[str]:
    return list(dict.fromkeys(values))
