"""The phishing signal: what of an event's links speaks for phishing, by name, and a score that says no more than they do.

Lexical only: no network, no list of known sites (a policy's list does that). How much, or how little, a score finds at one
false alarm in a thousand is in docs/reference/signals.md.
"""

import hashlib
from collections.abc import Mapping
from functools import cache
from importlib.metadata import version
from importlib.resources import files
from typing import ClassVar

from safehold.engine.event import Event
from safehold.signals.links import MOST, links_of
from safehold.signals.links.lookalikes import Brands
from safehold.signals.phishing.traits import traits, weigh


@cache
def weights() -> Mapping[str, float]:
    """By trait; `bias` is what a host without any has."""
    lines = files(__package__).joinpath("weights.tsv").read_text("utf-8").splitlines()
    return {name: float(weight) for name, _, weight in (line.partition("\t") for line in lines if line[:1] != "#")}


class Phishing:
    """`signals.phishing`: of the links that `signals.links` finds. The fields are those of the link with the highest score."""

    name = "phishing"
    title = "How a link looks, by named traits"
    cost = 40.0
    basis = ""
    reads = ("text", "data.links", "data.website")
    fields: ClassVar[Mapping[str, str]] = {
        "score": "double",
        "host": "string",
        "reasons": "list(string)",
        "brand": "string",
        "suspects": "list(string)",
        "truncated": "bool",
    }
    limits: ClassVar[Mapping[str, tuple[float | None, float | None]]] = {"score": (0.0, 1.0)}

    def __init__(self, brands: Brands | None = None) -> None:
        self._brands, self._weights = brands or Brands.shipped(), weights()
        data = repr((self._brands.names, sorted(self._weights.items())))
        self.version = f"1.0.0+{hashlib.sha256(data.encode()).hexdigest()[:8]}.psl.{version('tldextract')}"

    def run(self, event: Event) -> Mapping[str, object]:
        """Without links the score is 0.0 and `host` empty. `suspects` are hosts with a score of 0.5 and more."""
        links, truncated = links_of(event)
        worst: tuple[float, str, list[str], str] = (0.0, "", [], "")
        suspects: dict[str, None] = {}
        for link in links[:MOST]:
            found = traits(link, self._brands)
            score, reasons = weigh(found.strengths, self._weights)
            if score >= 0.5:
                suspects[link.host] = None
            if score > worst[0]:
                worst = (score, link.host, reasons, found.lookalike.brand if found.lookalike else "")
        score, host, reasons, brand = worst
        return {
            "score": score,
            "host": host,
            "reasons": reasons,
            "brand": brand,
            "suspects": list(suspects),
            "truncated": truncated,
        }
