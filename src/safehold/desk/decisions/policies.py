"""Policies in the record: each version as it stood, for those who read a decision later. `enact` puts the policies of a
bundle in force; `Terms` is how everybody reads a version's `spec`.

    spec = {"guidance", "notice": {language: text}, "dsa": {"category", "keywords", "ground", "clause", "url"} or None,
            "appeal": {"seconds"}, "strikes": {"seconds"}, "actions": [...], "on": [event types], "file",
            "rules": [{"id", "title", "mode", "share", "when", "hash", "action", "queue", "strike", "seconds", "reason",
                       "on": [event types], "label": {"name", "on", "seconds"} or None}],
            "windows": [{"name", "kind", "seconds", "on"}],
            "examples": [{"name", "event", "expect"}]}
"""

import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.utils import timezone

from safehold.desk.decisions.models import PolicyVersion
from safehold.engine.policies.model import Policy
from safehold.record.recording import Record

_DURATION = re.compile(r"(\d+)(s|m|h|d|w)")
_SECONDS = {"s": 1, "m": 60, "h": 3_600, "d": 86_400, "w": 604_800}
#: The window for appeals where a policy names none. DSA Art. 20(1) asks for at least six months; policies may give more.
APPEAL_WINDOW = timedelta(days=184)


def enact(
    record: Record, policies: Iterable[Policy], *, by: str = "", at: datetime | None = None
) -> dict[str, PolicyVersion]:
    """Make these the policies in force, and return their versions by key. One that has not changed keeps its version;
    one that is no longer there ends. Inside `recording()`."""
    at = at or timezone.now()
    standing = {version.key: version for version in PolicyVersion.objects.select_for_update().filter(effective_to=None)}
    wanted = {policy.key: policy for policy in policies}
    for key, version in standing.items():
        if key not in wanted or wanted[key].hash != version.digest:
            version.effective_to = at
            version.save(update_fields=["effective_to"])
            record.audit("policy.ended", "policy", version.pk, actor=by, detail={"key": key, "digest": version.digest})
    for key, policy in wanted.items():
        if key in standing and standing[key].effective_to is None:
            continue
        standing[key] = PolicyVersion.objects.create(
            key=key,
            digest=policy.hash,
            title=policy.title,
            severity=policy.severity,
            spec=spec_of(policy),
            effective_from=at,
        )
        detail = {"key": key, "digest": policy.hash}
        record.audit("policy.enacted", "policy", standing[key].pk, actor=by, detail=detail)
    return {key: version for key, version in standing.items() if version.effective_to is None}


def spec_of(policy: Policy) -> dict[str, Any]:
    """What the record keeps of a policy: all that people read or that a statement rests on."""
    dsa = policy.dsa
    return {
        "guidance": policy.guidance,
        "notice": dict(policy.notice),
        "dsa": None
        if dsa is None
        else {
            "category": dsa.category,
            "keywords": list(dsa.keywords),
            "ground": dsa.ground,
            "clause": dsa.clause,
            "url": dsa.url,
        },
        "appeal": {"seconds": policy.appeal_seconds},
        "strikes": {"seconds": policy.strike_seconds},
        "actions": list(policy.actions),
        "on": list(policy.on),
        "file": policy.file,
        "rules": [
            {
                "id": rule.id,
                "title": rule.title,
                "mode": rule.mode,
                "share": rule.share,
                "when": rule.text,
                "hash": rule.hash,
                "action": rule.then.action,
                "queue": rule.then.queue,
                "strike": rule.then.strike,
                "seconds": rule.then.seconds,
                "reason": rule.then.reason,
                "on": list(rule.on),
                "label": rule.then.label
                and {"name": rule.then.label.name, "on": rule.then.label.on, "seconds": rule.then.label.seconds},
            }
            for rule in policy.rules
        ],
        "windows": [
            {"name": window.name, "kind": window.kind, "seconds": window.seconds, "on": list(window.on)}
            for window in policy.windows
        ],
        "examples": [
            {"name": each.name, "event": _plain(each.event), "expect": dict(each.expect)} for each in policy.examples
        ],
    }


def _plain(value: object) -> Any:
    return json.loads(json.dumps(value, default=str))


@dataclass(frozen=True)
class Terms:
    """What a policy's version says about statements, appeals and strikes, with what holds where it says nothing."""

    title: str
    notice: Mapping[str, str]
    category: str
    keywords: tuple[str, ...]
    illegal: bool
    clause: str
    url: str
    appeal_window: timedelta
    strikes_last: timedelta | None
    heaviest_strike: int


def terms_of(policy: PolicyVersion) -> Terms:
    """The terms of this version. A policy without a DSA section breaks our own terms, in no named category."""
    spec: dict[str, Any] = policy.spec
    dsa = spec.get("dsa") or {}
    appeal, strikes = spec.get("appeal") or {}, spec.get("strikes") or {}
    return Terms(
        title=policy.title,
        notice=spec.get("notice") or {},
        category=dsa.get("category", "OTHER_VIOLATION_TC"),
        keywords=tuple(dsa.get("keywords", ())),
        illegal=dsa.get("ground") == "illegal",
        clause=dsa.get("clause", ""),
        url=dsa.get("url", ""),
        appeal_window=_duration(appeal.get("seconds", appeal.get("window"))) or APPEAL_WINDOW,
        strikes_last=_duration(strikes.get("seconds", strikes.get("for"))),
        heaviest_strike=max((rule.get("strike") or 0 for rule in spec.get("rules") or ()), default=0),
    )


def _duration(value: object) -> timedelta | None:
    """Seconds, or as policies write it: `184d`, `1h30m`. None for none."""
    if isinstance(value, int):
        return timedelta(seconds=value)
    if isinstance(value, str):
        parts = _DURATION.findall(value)
        if "".join(number + unit for number, unit in parts) != value:
            raise ValueError(f"{value!r} is no duration; write it as 184d or 1h30m")
        return timedelta(seconds=sum(int(number) * _SECONDS[unit] for number, unit in parts))
    return None
