"""Akismet's `key-sites`, `usage-limit` and `get-stats`: how much was checked in a month, by site. Counted from the record, so of
what a key that may write events brought; a key that only scores leaves nothing behind, and there is nothing to count. Who calls:
`akismet`.

Source: https://akismet.com/developers/key-sites-activity/ and .../usage-limit/; for `get-stats` what WordPress' plugin reads.
"""

import csv
import io
import re
from collections.abc import Mapping
from datetime import UTC, datetime
from urllib.parse import unquote

import msgspec

from safehold.gateway.akismet.comment import site_of
from safehold.gateway.akismet.described import ORDERS
from safehold.gateway.akismet.key import key_of
from safehold.gateway.problems import Refusal
from safehold.gateway.requests import Reply, Request
from safehold.gateway.routes import Parts
from safehold.gateway.scoring import SCORE_TEXTS, records
from safehold.gateway.store import Key, SiteActivity, Unavailable

#: Rows of an answer: without a word, and at most.
ROWS, MOST_ROWS = 500, 10_000
#: Months that `get-stats` counts, by what it is asked `from`.
SPANS = {"60-days": 3, "6-months": 6, "all": 24}
_COUNTS = ("spam", "ham", "missed_spam", "false_positives")
TEXT = b"text/plain; charset=utf-8"
_MONTH = re.compile(r"(2[0-9]{3})-(0[1-9]|1[0-2])")
_COLUMNS = ("Site", "Total API Calls", "Spam", "Ham", "Missed Spam", "False Positives", "Is Revoked")
#: Beginnings of cells that a spreadsheet would take for a formula.
_FORMULA = ("=", "+", "-", "@", "\t", "\r")

_encode = msgspec.json.Encoder().encode


async def key_sites(parts: Parts, request: Request) -> Reply:
    """What each site had checked in a month, as JSON or as CSV."""
    form, key = await _asked(parts, request)
    headers = parts.keyring.spend(key, 1)
    month = _one(form, "month") or _this_month()
    if _MONTH.fullmatch(month) is None:
        raise Refusal("invalid-event", "month: write it as 2026-11")
    order, shape = _one(form, "order") or "total", _one(form, "format") or "json"
    if order not in ORDERS:
        raise Refusal("invalid-event", f"order: one of {', '.join(ORDERS)}")
    if shape not in {"json", "csv"}:
        raise Refusal("invalid-event", "format: json or csv")
    limit, offset = _number(form, "limit", ROWS, least=1), _number(form, "offset", 0, least=0)
    wanted = _one(form, "filter").lower()
    sites = [site for site in await _sites(parts, key, month) if wanted in site.site]
    sites.sort(key=lambda site: (-(site.checks if order == "total" else getattr(site, order)), site.site))
    page = sites[offset : offset + limit]
    if shape == "csv":
        text = _csv(page, f"Active sites during {month} (limit: {limit}, offset: {offset}, total: {len(sites)})")
        return Reply(200, text.encode(), b"text/csv; charset=utf-8", headers)
    said = {month: [_row(site) for site in page], "limit": limit, "offset": offset, "total": len(sites)}
    return Reply(200, _encode(said), headers=headers)


async def usage_limit(parts: Parts, request: Request) -> Reply:
    """How much was checked this month. There is no limit by the month; what a key may send in a second is in `RateLimit`."""
    form, key = await _asked(parts, request)
    headers = parts.keyring.spend(key, 1)
    usage = sum(site.checks for site in await _sites(parts, key, _this_month()))
    said = {"limit": "none", "usage": usage, "percentage": "0.00", "throttled": False}
    if _one(form, "extended") in {"true", "1"}:
        said |= {"notice_level": "NOTICE_NONE", "upgrade": False}
    return Reply(200, _encode(said), headers=headers)


async def get_stats(parts: Parts, request: Request) -> Reply:
    """What WordPress' plugin shows of its site: checks by how they were answered, by month and together. Empty where nothing of
    the site was recorded: the plugin shows no figures then."""
    form = await request.form(parts.limits.body)
    key = key_of(parts, request, form, SCORE_TEXTS, fields=("key", "api_key"))
    headers = parts.keyring.spend(key, 1)
    asked = _one(form, "from") or "6-months"
    if asked not in SPANS:
        raise Refusal("invalid-event", f"from: one of {', '.join(SPANS)}")
    site = site_of(unquote(_one(form, "blog")))  # some of its versions write it so twice
    found = {}
    for month in _months(datetime.now(UTC), SPANS[asked]):
        for one in await _sites(parts, key, month):
            if one.site == site:
                found[month] = one
    if not found:
        return Reply(200, b"", TEXT, headers)
    whole = {name: sum(getattr(one, name) for one in found.values()) for name in _COUNTS}
    checks, wrong = whole["spam"] + whole["ham"], whole["missed_spam"] + whole["false_positives"]
    breakdown = {
        month: {name: getattr(one, name) for name in _COUNTS} | {"da": f"{month}-01"} for month, one in found.items()
    }
    said = whole | {"accuracy": round(100 * max(0.0, 1 - wrong / checks), 2), "time_saved": 0, "breakdown": breakdown}
    return Reply(200, _encode(said), TEXT, headers)  # JSON, by the type that the empty answer has too


def _months(now: datetime, count: int) -> list[str]:
    """The last months, the oldest first, this one too."""
    last = now.year * 12 + now.month - 1
    return [f"{number // 12}-{number % 12 + 1:02}" for number in range(last - count + 1, last + 1)]


async def _asked(parts: Parts, request: Request) -> tuple[Mapping[str, list[str]], Key]:
    if request.method == "POST":
        form = await request.form(parts.limits.body)
    else:
        form = {name: [value] for name, value in request.query.items()}
    return form, key_of(parts, request, form, SCORE_TEXTS)


async def _sites(parts: Parts, key: Key, month: str) -> list[SiteActivity]:
    # A key that everybody may read, because it can only score, doesn't tell of what others had checked.
    if not records(key):
        return []
    try:
        return await parts.counted.sites(parts.readers, parts.store, key.service, month)
    except Unavailable:
        raise Refusal("not-ready", "this can't be counted now; ask again", headers=((b"retry-after", b"5"),)) from None


def _row(site: SiteActivity) -> dict[str, str | bool]:
    """As Akismet has it: numbers are texts. Keys are revoked here, not sites."""
    return {
        "site": site.site,
        "api_calls": str(site.checks),
        "spam": str(site.spam),
        "ham": str(site.ham),
        "missed_spam": str(site.missed_spam),
        "false_positives": str(site.false_positives),
        "is_revoked": False,
    }


def _csv(page: list[SiteActivity], title: str) -> str:
    out = io.StringIO()
    out.write(f"{title}\n")
    rows = csv.writer(out, lineterminator="\n")
    rows.writerow(_COLUMNS)
    for site in page:
        name = f"'{site.site}" if site.site.startswith(_FORMULA) else site.site
        rows.writerow((name, site.checks, site.spam, site.ham, site.missed_spam, site.false_positives, "false"))
    return out.getvalue()


def _one(form: Mapping[str, list[str]], name: str) -> str:
    return form[name][0].strip() if form.get(name) else ""


def _number(form: Mapping[str, list[str]], name: str, otherwise: int, *, least: int) -> int:
    said = _one(form, name)
    if not said:
        return otherwise
    if not (said.isascii() and said.isdigit() and len(said) <= 9 and least <= int(said)):
        raise Refusal("invalid-event", f"{name}: a whole number from {least} on")
    if name == "limit" and int(said) > MOST_ROWS:
        raise Refusal("invalid-event", f"{name}: {MOST_ROWS:,} rows are the most at once; ask for the rest with offset")
    return int(said)


def _this_month() -> str:
    return datetime.now(UTC).strftime("%Y-%m")
