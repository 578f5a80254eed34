"""What the affected person reads: every item that DSA Art. 17(3) asks for, in each language, from the basis alone."""

from datetime import datetime

from safehold.desk.decisions.actions import ACTION_TYPES, LANGUAGES
from safehold.desk.decisions.actions.base import date_in, object_in
from safehold.desk.decisions.effects import target_of
from safehold.desk.reports.models import NoticeKind
from safehold.desk.transparency.basis import Basis, strongest
from safehold.desk.transparency.words import WORDS

#: The parts of a statement, in the order in which they are read.
PARTS = (
    "what", "scope", "duration", "facts", "source", "automation", "ground", "why", "appeal", "dispute", "court",
)  # fmt: skip

_SOURCE = {
    None: "own_initiative",
    NoticeKind.PROACTIVE: "own_initiative",
    NoticeKind.USER_REPORT: "user_report",
    NoticeKind.OSA_COMPLAINT: "user_report",
    NoticeKind.ARTICLE_16: "article_16",
    NoticeKind.TRUSTED_FLAGGER: "trusted_flagger",
    NoticeKind.ORDER_ACT: "order",
    NoticeKind.ORDER_INFORM: "order",
}


def texts_of(basis: Basis, deadline: datetime) -> dict[str, dict[str, str]]:
    """language -> part -> text. The policy's notice and the facts are in the language they were written in."""
    return {language: _text(basis, deadline, language) for language in LANGUAGES}


def _text(basis: Basis, deadline: datetime, language: str) -> dict[str, str]:
    words, decision, terms = WORDS[language], basis.decision, basis.terms
    facts = [words["event"].format(it=object_in(language, basis.about.kind), date=date_in(language, basis.created))]
    if decision.reason:
        facts.append(words["facts"].format(reason=decision.reason))
    detected = "detected_automatically" if decision.detection_automated else "detected_by_people"
    ground = ("ground_law" if terms.illegal else "ground_terms") + ("_clause" if terms.clause else "")
    if basis.cares:
        ground = "ground_care"
    done = [ACTION_TYPES[action.type].describe_for_user(language, target_of(action)) for action in basis.actions]
    return {
        "what": " ".join(done),
        "scope": _scope(basis, words),
        "duration": _duration(basis, words, language),
        "facts": " ".join(facts),
        "source": words[_SOURCE[strongest(basis.notices)]],
        "automation": f"{words[detected]} {words[decision.automation]}",
        "ground": words[ground].format(title=terms.title.rstrip("."), clause=terms.clause),
        "ground_url": terms.url,
        "why": terms.notice.get(language) or terms.notice.get("en") or next(iter(terms.notice.values()), ""),
        "appeal": words["appeal"].format(deadline=date_in(language, deadline)),
        "dispute": words["dispute"],
        "court": words["court"],
    }


def _restrictions(basis: Basis) -> list[bool]:
    return [
        not basis.cares and bool(ACTION_TYPES[action.type].dsa_mapping(target_of(action))) for action in basis.actions
    ]


def _scope(basis: Basis, words: dict[str, str]) -> str:
    if not any(_restrictions(basis)):
        return words["no_restriction"]
    countries = sorted({country for action in basis.actions for country in action.territorial_scope})
    if countries and all(action.territorial_scope for action in basis.actions):
        return words["in_countries"].format(countries=", ".join(countries))
    return words["everywhere"]


def _duration(basis: Basis, words: dict[str, str], language: str) -> str:
    restricting = [action for action, does in zip(basis.actions, _restrictions(basis), strict=True) if does]
    ends = [action.ends_at for action in restricting]
    if not restricting:
        return words["no_restriction"]
    if all(ends):
        return words["until"].format(until=date_in(language, max(end for end in ends if end)))
    # What stands between the person and their audience counts: a label on held content does not outlast the answer.
    kinds = {action.type for action in restricting} - {"label"}
    return words["until_reviewed" if kinds == {"hold"} else "no_end"]
