"""STIX 2.1 bundles (OASIS): indicators whose pattern compares one observable with texts, joined by OR.

    [domain-name:value = 'evil.example'] OR [url:value = 'https://evil.example/x']
    [file:hashes.'SHA-256' = '...']

`valid_until` and `confidence` are kept, revoked indicators are left out, and a pattern that asks for more than one thing at
once (AND, FOLLOWEDBY, LIKE) is told as a problem: a list can't say it.
"""

import re
import uuid
from collections.abc import Iterable, Iterator
from typing import Any

import msgspec

from safehold.engine.lists.formats.rows import About, FormatError, Problem, Row, moment, percent
from safehold.engine.lists.values import ALGORITHMS

_PATHS = {
    "domain-name:value": "domain", "hostname:value": "domain", "url:value": "url", "ipv4-addr:value": "ip",
    "ipv6-addr:value": "ip", "email-addr:value": "email", "email-message:from_ref.value": "email",
    "file:hashes.md5": "md5", "file:hashes.sha1": "sha1", "file:hashes.sha256": "sha256", "user-account:user_id": "text",
    "user-account:account_login": "text", "file:name": "text",
}  # fmt: skip
_COMPARISON = re.compile(r"\s*([a-z0-9-]+:[A-Za-z0-9_.'\"-]+)\s*=\s*'((?:[^'\\]|\\.)*)'\s*")
_IN = re.compile(
    r"\s*([a-z0-9-]+:[A-Za-z0-9_.'\"-]+)\s+IN\s*\(\s*('(?:[^'\\]|\\.)*'(?:\s*,\s*'(?:[^'\\]|\\.)*')*)\s*\)\s*"
)
_TEXT = re.compile(r"'((?:[^'\\]|\\.)*)'")
#: A namespace for identifiers that stay the same from export to export (RFC 9562, version 5).
_NAMESPACE = uuid.UUID("4d3e5c0e-7a53-5d0c-8f5b-2f1f2a3f7a11")


def read(found: Any) -> Iterator[Row | Problem]:
    if not isinstance(found, dict) or found.get("type") != "bundle" or not isinstance(found.get("objects", []), list):
        raise FormatError(0, "this is no STIX bundle: its `type` is not `bundle`")
    for place, item in enumerate(found.get("objects", []), 1):
        if isinstance(item, dict) and item.get("type") == "indicator":
            yield from _indicator(place, item)


def _indicator(place: int, item: dict[str, Any]) -> Iterator[Row | Problem]:
    identity = str(item.get("id") or "")
    if item.get("revoked") is True:
        yield Problem(line=place, column="revoked", message=f"{identity} has been revoked", skipped=True)
        return
    if item.get("pattern_type", "stix") != "stix" or not isinstance(item.get("pattern"), str):
        yield Problem(line=place, column="pattern", message="only patterns of type `stix` are read")
        return
    try:
        ends, confidence = moment(item.get("valid_until")), percent(item.get("confidence"))
        parts = list(_comparisons(item["pattern"]))
    except ValueError as error:
        yield Problem(line=place, column="pattern", message=f"{identity}: {error}")
        return
    for path, value in parts:
        what = _PATHS.get(path)
        if what is None:
            yield Problem(line=place, column="pattern", message=f"a list can't hold {path}", skipped=True)
            continue
        yield Row(
            line=place, value=value, what=what, expires_at=ends, confidence=confidence, reference=identity,
            note=str(item.get("name") or "")[:200],
        )  # fmt: skip


def _comparisons(pattern: str) -> Iterator[tuple[str, str]]:
    """(path, text) of each comparison. Raises ValueError for a pattern that is not comparisons joined by OR."""
    at, depth, wanted = 0, 0, True
    while at < len(pattern):
        if pattern[at] in "[]() \t\n":
            depth += {"[": 1, "]": -1}.get(pattern[at], 0)
            at += 1
        elif not wanted and pattern.startswith("OR", at):
            at, wanted = at + 2, True
        elif wanted and depth == 1 and (match := _COMPARISON.match(pattern, at) or _IN.match(pattern, at)):
            texts = [match[2]] if match.re is _COMPARISON else _TEXT.findall(match[2])
            for text in texts:
                yield _path(match[1]), re.sub(r"\\(.)", r"\1", text)
            at, wanted = match.end(), False
        else:
            raise ValueError(f"a list can't say `{pattern[at : at + 40]}`; only `=` and IN, joined by OR")
    if wanted or depth:
        raise ValueError("the pattern is not complete")


def _path(text: str) -> str:
    head, _, rest = text.partition(":hashes.")
    return f"{head}:hashes.{rest.strip(chr(39) + chr(34)).replace('-', '').lower()}" if rest else text


def write(about: About, rows: Iterable[Row]) -> Iterator[str]:
    if about.kind == "regex_set":
        raise FormatError(0, "STIX patterns have no regular expressions of this kind; write CSV or JSON")
    return _bundle(about, rows)


def _bundle(about: About, rows: Iterable[Row]) -> Iterator[str]:
    yield f'{{"type":"bundle","id":"bundle--{uuid.uuid5(_NAMESPACE, f"{about.name}@{about.at}")}","objects":['
    at = about.at.strftime("%Y-%m-%dT%H:%M:%S.000Z")
    first = True
    for row in rows:
        if row.allow:
            continue
        item: dict[str, Any] = {
            "type": "indicator", "spec_version": "2.1", "id": f"indicator--{uuid.uuid5(_NAMESPACE, about.name + row.value)}",
            "created": at, "modified": at, "valid_from": at, "pattern_type": "stix",
            "pattern": f"[{_written_path(about.kind, row.value)} = '{_escaped(row.value)}']",
        }  # fmt: skip
        if row.expires_at:
            item["valid_until"] = row.expires_at.strftime("%Y-%m-%dT%H:%M:%S.%f")[:-3] + "Z"
        if row.confidence is not None:
            item["confidence"] = row.confidence
        yield ("" if first else ",\n") + msgspec.json.encode(item).decode()
        first = False
    yield "]}\n"


def _escaped(text: str) -> str:
    return text.replace("\\", "\\\\").replace("'", "\\'")


def _written_path(kind: str, value: str) -> str:
    if kind == "hash":
        name = {"md5": "MD5", "sha1": "'SHA-1'", "sha256": "'SHA-256'"}[ALGORITHMS[len(value)]]
        return f"file:hashes.{name}"
    if kind == "cidr":
        return "ipv6-addr:value" if ":" in value else "ipv4-addr:value"
    if kind == "domain_suffix":
        return "domain-name:value"
    return "url:value" if "://" in value else "user-account:user_id"
