"""The personal signal: personal data and secrets that a text gives away, without giving them away again."""

import re
from collections.abc import Iterator, Mapping
from importlib.metadata import version
from typing import ClassVar

from safehold.engine.event import Event
from safehold.signals.personal.contacts import addresses, emails, phones
from safehold.signals.personal.finding import Finding
from safehold.signals.personal.identity import national_ids
from safehold.signals.personal.numbers import cards, ibans, wallets
from safehold.signals.personal.secrets import secrets
from safehold.signals.reading import read

#: Every kind there is. `password` is what somebody says is one; `secret` proves itself by its format or checksum.
KINDS = ("card", "email", "iban", "ip", "national_id", "password", "phone", "secret", "wallet")

#: Findings of one event that are reported; `truncated` says when there were more.
MOST = 200

#: Every kind of finding has one of these. Most messages have none.
_WORTH_A_LOOK = re.compile(r"[\d@:=]|\s(?:at|is)\s|PRIVATE KEY", re.IGNORECASE)


class Personal:
    """`signals.personal`. Spans are of the subject's text in code points; `masked` is all that is told of a value."""

    name = "personal"
    title = "Personal data and secrets"
    version = f"1.1.0+phonenumbers.{version('phonenumbers')}"
    cost = 90.0
    basis = ""
    reads = ("text", "context.country", "context.locale")
    fields: ClassVar[Mapping[str, str]] = {
        "count": "int",
        "kinds": "list(string)",
        "counts": "map(string, int)",
        "details": "list(string)",
        "spans": "list(map(string, dyn))",
        "truncated": "bool",
    }

    def run(self, event: Event) -> Mapping[str, object]:
        """Find personal data. `counts` has every kind, those not found with 0, so that no rule has to guard it."""
        text, truncated = read(event)
        findings = find(text, region_of(event))
        counts = dict.fromkeys(KINDS, 0)
        for finding in findings:
            counts[finding.kind] += 1
        return {
            "count": len(findings),
            "kinds": [kind for kind in KINDS if counts[kind]],
            "counts": counts,
            "details": sorted({finding.detail for finding in findings if finding.detail}),
            "spans": [finding._asdict() for finding in findings[:MOST]],
            "truncated": truncated or len(findings) > MOST,
        }


def find(text: str, region: str | None = None) -> list[Finding]:
    """All findings in order of place. Where two overlap, the one that proves itself better stays."""
    found: list[Finding] = []
    taken = bytearray(len(text))
    if _WORTH_A_LOOK.search(text):
        for finding in _all(text, region):
            if not any(taken[finding.start : finding.end]):
                taken[finding.start : finding.end] = b"\1" * (finding.end - finding.start)
                found.append(finding)
    return sorted(found, key=lambda finding: finding.start)


def _all(text: str, region: str | None) -> Iterator[Finding]:
    """Findings of every kind, the surest kinds first."""
    yield from secrets(text)
    yield from ibans(text)
    yield from cards(text)
    yield from wallets(text)
    yield from national_ids(text)
    yield from emails(text)
    yield from addresses(text)
    yield from phones(text, region)


def region_of(event: Event) -> str | None:
    """The country whose telephone numbers may be written without a country code: `context.country`, else the region of
    `context.locale` (BCP 47: `en-GB`, `zh-Hant-TW`); None if the event says neither.
    """
    country = event.context.get("country")
    if isinstance(country, str) and len(country) == 2:
        return country.upper()
    locale = event.context.get("locale")
    if isinstance(locale, str):
        for part in locale.replace("_", "-").split("-")[1:]:
            if len(part) == 2 and part.isalpha():
                return part.upper()
    return None


__all__ = ["KINDS", "Personal", "find", "region_of"]
