"""The body of `POST /api/v1/statement` of the EU's database, derived from a statement's basis. Nothing in it is typed by
a person for it, and nobody can be recognised in it.
"""

from typing import Any

from safehold.desk.decisions.actions import ACTION_TYPES
from safehold.desk.decisions.effects import target_of
from safehold.desk.reports.models import NoticeKind
from safehold.desk.transparency import schema
from safehold.desk.transparency.basis import Basis, strongest
from safehold.desk.transparency.redaction import redacted
from safehold.engine.policies.dsa import keywords_of

_CONTENT_TYPE = {
    "content": "TEXT", "message": "TEXT", "post": "TEXT", "comment": "TEXT", "review": "TEXT", "thread": "TEXT",
    "image": "IMAGE", "video": "VIDEO", "audio": "AUDIO", "listing": "PRODUCT", "product": "PRODUCT", "app": "APP",
}  # fmt: skip
#: Mildest first: where the database takes but one value of a kind, it is the stronger of two.
_STRENGTH = {
    value: place
    for place, value in enumerate(("DECISION_MONETARY_OTHER", *schema.MONETARY[:2], *schema.PROVISION, *schema.ACCOUNT))
}


def source_type(kind: NoticeKind | None) -> str:
    """Where a decision came from. Total: a new kind of notice fails here until it is placed."""
    match kind:
        case None | NoticeKind.PROACTIVE:
            return "SOURCE_VOLUNTARY"
        case NoticeKind.ARTICLE_16:
            return "SOURCE_ARTICLE_16"
        case NoticeKind.TRUSTED_FLAGGER:
            return "SOURCE_TRUSTED_FLAGGER"
        case NoticeKind.USER_REPORT | NoticeKind.OSA_COMPLAINT | NoticeKind.ORDER_ACT | NoticeKind.ORDER_INFORM:
            return "SOURCE_TYPE_OTHER_NOTIFICATION"
    raise AssertionError(f"no source is named for notices of kind {kind}")


def restrictions(basis: Basis) -> dict[str, Any]:
    """The four `decision_*` fields with their ends, of all actions together; empty where nothing is restricted."""
    merged: dict[str, Any] = {}
    if basis.cares:
        return merged
    for action in basis.actions:
        for name, value in ACTION_TYPES[action.type].dsa_mapping(target_of(action)).items():
            if name == "decision_visibility":
                merged[name] = sorted({*merged.get(name, ()), *value}, key=schema.VISIBILITY.index)
            elif name.startswith("end_date") or name.endswith("_other"):
                merged[name] = max(merged.get(name, value), value)
            elif name not in merged or _STRENGTH[value] > _STRENGTH[merged[name]]:
                merged[name] = value
    if merged.get("decision_monetary") != "DECISION_MONETARY_OTHER":
        merged.pop("decision_monetary_other", None)
    return {name: value for name, value in merged.items() if not _has_no_end(basis, name)}


def _has_no_end(basis: Basis, name: str) -> bool:
    """An end is left out where one of the restrictions of its kind has none."""
    if not name.startswith("end_date"):
        return False
    field = {"account": "account", "monetary": "monetary", "service": "provision", "visibility": "visibility"}
    kind = "decision_" + field[name.split("_")[2]]
    mapped = [ACTION_TYPES[action.type].dsa_mapping(target_of(action)) for action in basis.actions]
    return any(kind in each and name not in each for each in mapped)


def payload(basis: Basis, puid: str) -> dict[str, Any]:
    """The statement's body; empty where nothing is restricted, for then the database wants none."""
    restricted = restrictions(basis)
    if not restricted:
        return {}
    decision = basis.decision
    return {
        **restricted,
        **_ground(basis),
        **_content(basis),
        **_category(basis),
        "application_date": f"{decision.decided_at:%Y-%m-%d}",
        "decision_facts": _facts(basis),
        "source_type": source_type(strongest(basis.notices)),
        "automated_detection": "Yes" if decision.detection_automated else "No",
        "automated_decision": f"AUTOMATED_DECISION_{decision.automation.upper()}",
        "puid": puid,
    }


def _ground(basis: Basis) -> dict[str, Any]:
    terms = basis.terms
    kind = "illegal" if terms.illegal else "incompatible"
    named = (terms.clause or terms.title)[:500]
    explained = redacted(terms.notice.get("en") or terms.title)[:2000]
    fields = {
        "decision_ground": f"DECISION_GROUND_{kind.upper()}_CONTENT",
        "illegal_content_legal_ground" if terms.illegal else "incompatible_content_ground": named,
        f"{kind}_content_explanation": explained,
    }
    if terms.url and len(terms.url) <= 500:
        fields["decision_ground_reference_url"] = terms.url
    return fields


def _content(basis: Basis) -> dict[str, Any]:
    name = _CONTENT_TYPE.get(basis.about.kind, "OTHER")
    fields: dict[str, Any] = {"content_type": [f"CONTENT_TYPE_{name}"], "content_date": f"{basis.created:%Y-%m-%d}"}
    if name == "OTHER":
        fields["content_type_other"] = basis.about.kind
    language = basis.language.split("-")[0].upper()
    if language in schema.LANGUAGES:
        fields["content_language"] = language
    scopes = [set(action.territorial_scope) for action in basis.actions]
    if all(scopes) and (countries := sorted(set.union(*scopes) & set(schema.COUNTRIES))):
        fields["territorial_scope"] = countries
    return fields


def _category(basis: Basis) -> dict[str, Any]:
    terms = basis.terms
    fields: dict[str, Any] = {"category": f"STATEMENT_CATEGORY_{terms.category}"}
    if known := [name for name in dict.fromkeys(terms.keywords) if name in keywords_of(terms.category)]:
        fields["category_specification"] = [f"KEYWORD_{name}" for name in known]
        if "OTHER" in known:
            fields["category_specification_other"] = terms.title[:500]
    return fields


def _facts(basis: Basis) -> str:
    decision = basis.decision
    done = " ".join(ACTION_TYPES[each.type].describe_for_user("en", target_of(each)) for each in basis.actions)
    said = f"{done} {decision.reason}".strip()
    who = (basis.about.id, basis.about.owner, basis.event.account_id, basis.event.subject_id, basis.event.thread_id)
    return redacted(said, who)[:5000]
