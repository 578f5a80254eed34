"""The EU's DSA Transparency Database: the values it accepts, and its rules for one statement, in the schema in force
since 2025-07-01. Source: digital-services-act/transparency-database, `StatementStoreRequest.php` and `Statement.php`.
"""

import itertools
import re
from collections.abc import Callable, Mapping
from datetime import date
from typing import Any

from safehold.engine.policies.dsa import KEYWORDS as KEYWORDS_OF_CATEGORY

VISIBILITY = tuple(
    f"DECISION_VISIBILITY_{value}" for value in (
        "CONTENT_REMOVED", "CONTENT_DISABLED", "CONTENT_DEMOTED", "CONTENT_AGE_RESTRICTED",
        "CONTENT_INTERACTION_RESTRICTED", "CONTENT_LABELLED", "OTHER",
    )
)  # fmt: skip
MONETARY = tuple(f"DECISION_MONETARY_{value}" for value in ("SUSPENSION", "TERMINATION", "OTHER"))
PROVISION = tuple(
    f"DECISION_PROVISION_{how}_{what}" for how in ("PARTIAL", "TOTAL") for what in ("SUSPENSION", "TERMINATION")
)
ACCOUNT = ("DECISION_ACCOUNT_SUSPENDED", "DECISION_ACCOUNT_TERMINATED")
ACCOUNT_TYPES = ("ACCOUNT_TYPE_BUSINESS", "ACCOUNT_TYPE_PRIVATE")
GROUNDS = ("DECISION_GROUND_ILLEGAL_CONTENT", "DECISION_GROUND_INCOMPATIBLE_CONTENT")
CONTENT_TYPES = tuple(
    f"CONTENT_TYPE_{value}"
    for value in ("APP", "AUDIO", "IMAGE", "PRODUCT", "SYNTHETIC_MEDIA", "TEXT", "VIDEO", "OTHER")
)
CATEGORIES = tuple(f"STATEMENT_CATEGORY_{name}" for name in KEYWORDS_OF_CATEGORY)
KEYWORDS = tuple(f"KEYWORD_{name}" for name in (*itertools.chain(*KEYWORDS_OF_CATEGORY.values()), "OTHER"))
SOURCES = ("SOURCE_ARTICLE_16", "SOURCE_TRUSTED_FLAGGER", "SOURCE_TYPE_OTHER_NOTIFICATION", "SOURCE_VOLUNTARY")
AUTOMATED_DECISION = (
    "AUTOMATED_DECISION_FULLY", "AUTOMATED_DECISION_PARTIALLY", "AUTOMATED_DECISION_NOT_AUTOMATED",
)  # fmt: skip
#: The European Union, and the three other states of the European Economic Area.
COUNTRIES = (
    "AT", "BE", "BG", "CY", "CZ", "DE", "DK", "EE", "ES", "FI", "FR", "GR", "HR", "HU", "IE", "IT", "LT", "LU", "LV",
    "MT", "NL", "PL", "PT", "RO", "SE", "SI", "SK", "IS", "LI", "NO",
)  # fmt: skip
#: The official languages of the Union; the database knows all of ISO 639-1, we say these or nothing.
LANGUAGES = (
    "BG", "CS", "DA", "DE", "EL", "EN", "ES", "ET", "FI", "FR", "GA", "HR", "HU", "IT", "LT", "LV", "MT", "NL", "PL",
    "PT", "RO", "SK", "SL", "SV",
)  # fmt: skip

_LAST = date(2038, 1, 1)
Rule = Callable[[Any], str | None]


def _text(most: int) -> Rule:
    return lambda value: (
        None if isinstance(value, str) and 0 < len(value) <= most else f"takes a text of 1 to {most} characters"
    )


def _one_of(values: tuple[str, ...]) -> Rule:
    return lambda value: None if value in values else f"is one of {', '.join(values)}"


def _some_of(values: tuple[str, ...]) -> Rule:
    def check(value: Any) -> str | None:
        fine = isinstance(value, list) and value and len(set(value)) == len(value) and set(value) <= set(values)
        return None if fine else f"is a list of some of {', '.join(values)}"

    return check


def _date(first: date) -> Rule:
    def check(value: Any) -> str | None:
        try:
            fine = re.fullmatch(r"\d{4}-\d\d-\d\d", value) and first <= date.fromisoformat(value) <= _LAST
        except (TypeError, ValueError):
            fine = False
        return None if fine else f"is a date from {first} to {_LAST}, as 2026-02-01"

    return check


def _matches(pattern: str, what: str) -> Rule:
    return lambda value: None if isinstance(value, str) and re.fullmatch(pattern, value) else what


_ENDS = {
    f"end_date_{of}_restriction": _date(date(2000, 1, 1)) for of in ("account", "monetary", "service", "visibility")
}
FIELDS: dict[str, Rule] = {
    "decision_visibility": _some_of(VISIBILITY),
    "decision_visibility_other": _text(500),
    "decision_monetary": _one_of(MONETARY),
    "decision_monetary_other": _text(500),
    "decision_provision": _one_of(PROVISION),
    "decision_account": _one_of(ACCOUNT),
    "account_type": _one_of(ACCOUNT_TYPES),
    "decision_ground": _one_of(GROUNDS),
    "decision_ground_reference_url": _matches(r"https?://\S{1,490}", "is a web address of at most 500 characters"),
    "illegal_content_legal_ground": _text(500),
    "illegal_content_explanation": _text(2000),
    "incompatible_content_ground": _text(500),
    "incompatible_content_explanation": _text(2000),
    "incompatible_content_illegal": _one_of(("Yes", "No")),
    "content_type": _some_of(CONTENT_TYPES),
    "content_type_other": _text(500),
    "category": _one_of(CATEGORIES),
    "category_addition": _some_of(CATEGORIES),
    "category_specification": _some_of(KEYWORDS),
    "category_specification_other": _text(500),
    "territorial_scope": _some_of(COUNTRIES),
    "content_language": _one_of(LANGUAGES),
    "content_date": _date(date(2000, 1, 1)),
    "application_date": _date(date(2020, 1, 1)),
    **_ENDS,
    "decision_facts": _text(5000),
    "source_type": _one_of(SOURCES),
    "source_identity": _text(500),
    "automated_detection": _one_of(("Yes", "No")),
    "automated_decision": _one_of(AUTOMATED_DECISION),
    "content_id": lambda value: (
        None
        if isinstance(value, dict) and set(value) == {"EAN-13"} and re.fullmatch(r"\d{13}", str(value["EAN-13"]))
        else "is {EAN-13: 13 digits}"
    ),
    "puid": _matches(r"[a-zA-Z0-9_-]{1,500}", "is 1 to 500 letters, digits, - and _"),
}
_REQUIRED = (
    "decision_ground", "content_type", "category", "content_date", "application_date", "decision_facts", "source_type",
    "automated_detection", "automated_decision", "puid",
)  # fmt: skip
_DECISIONS = ("decision_visibility", "decision_monetary", "decision_provision", "decision_account")
#: field -> (when it is needed, and otherwise not allowed; in words).
_TOGETHER: tuple[tuple[str, Callable[[Mapping[str, Any]], bool]], ...] = (
    ("decision_visibility_other", lambda body: "DECISION_VISIBILITY_OTHER" in body.get("decision_visibility", ())),
    ("decision_monetary_other", lambda body: body.get("decision_monetary") == "DECISION_MONETARY_OTHER"),
    ("illegal_content_legal_ground", lambda body: body.get("decision_ground") == GROUNDS[0]),
    ("illegal_content_explanation", lambda body: body.get("decision_ground") == GROUNDS[0]),
    ("incompatible_content_ground", lambda body: body.get("decision_ground") == GROUNDS[1]),
    ("incompatible_content_explanation", lambda body: body.get("decision_ground") == GROUNDS[1]),
    ("content_type_other", lambda body: "CONTENT_TYPE_OTHER" in body.get("content_type", ())),
    ("category_specification_other", lambda body: "KEYWORD_OTHER" in body.get("category_specification", ())),
)


def problems(body: Mapping[str, Any]) -> dict[str, str]:
    """field -> what is wrong with it; empty for a statement that the database would take."""
    found = {name: "is no field of a statement" for name in body if name not in FIELDS}
    found |= {name: said for name in body if name in FIELDS and (said := FIELDS[name](body[name]))}
    found |= {name: "is required" for name in _REQUIRED if name not in body}
    if not any(name in body for name in _DECISIONS):
        found["decision_visibility"] = f"one of {', '.join(_DECISIONS)} is required"
    for name, needed in _TOGETHER:
        if needed(body) != (name in body):
            found[name] = "is required here" if needed(body) else "is not allowed here"
    if "incompatible_content_illegal" in body and body.get("decision_ground") != GROUNDS[1]:
        found["incompatible_content_illegal"] = "is only for incompatible content"
    if "source_identity" in body and body.get("source_type") == "SOURCE_VOLUNTARY":
        found["source_identity"] = "is not allowed with SOURCE_VOLUNTARY"
    return found
