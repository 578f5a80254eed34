"""What holds now of a decision that somebody reads about, and what it was about: read from the record in a fixed number of
queries, for the statement's page.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from django.utils import timezone

from safehold.desk.appeals.outcome import UNDONE
from safehold.desk.decisions.actions import ACTION_TYPES
from safehold.desk.decisions.effects import affected, target_of
from safehold.desk.decisions.models import Action, Decision
from safehold.desk.decisions.policies import terms_of
from safehold.desk.decisions.states import UNDER_WAY
from safehold.desk.entities.models import Event
from safehold.desk.entities.subjects import at, lifted, reported_by, text_of
from safehold.desk.transparency.models import StatementOfReasons
from safehold.desk.transparency.statements import statement_url

#: What people find hard to read, even if it is their own: blurred until they ask for it.
_HURTFUL = {
    "ANIMAL_WELFARE", "CYBER_VIOLENCE", "CYBER_VIOLENCE_AGAINST_WOMEN", "ILLEGAL_OR_HARMFUL_SPEECH",
    "PROTECTION_OF_MINORS", "RISK_FOR_PUBLIC_SECURITY", "SELF_HARM", "VIOLENCE",
}  # fmt: skip
#: By action: the tone and the icon of what holds.
_LOOKS = {
    "allow": ("sky", "tag"),
    "label": ("sky", "tag"),
    "warn": ("warn", "triangle-alert"),
    "limit": ("warn", "gauge"),
    "hold": ("hold", "hourglass"),
    "remove": ("hot", "eye-off"),
    "suspend": ("bad", "circle-pause"),
    "terminate": ("grave", "ban"),
}


@dataclass(frozen=True)
class Holding:
    """How a statement's decision stands.

    state: `holds`, `ended` (its time was over), `lifted` (nothing of it holds, by another decision), `replaced` (another
    decision holds instead). `at` is since when. `sorry` names the words of the apology for a lifted one; `undone` says
    whether the platform has confirmed it; `newer` is the address of the statement that took this one's place, '' if the
    person has none.
    """

    state: str
    at: datetime
    tone: str
    icon: str
    sorry: str = ""
    undone: bool = False
    newer: str = ""


@dataclass(frozen=True)
class Quote:
    """What the person wrote, as it stood when it was decided about."""

    text: str
    date: datetime
    language: str
    hurtful: bool
    from_report: bool


def holding_of(statement: StatementOfReasons) -> Holding:
    """What holds now of the statement's decision: two queries, three where a newer decision was made elsewhere."""
    decision = statement.decision
    chain = Decision.objects.filter(root=decision.root).select_related("statement").defer("verdict")
    newest = max(chain, key=lambda each: each.decided_at)
    actions = list(Action.objects.filter(decision__root=decision.root))
    now = timezone.now()
    under_way = [each for each in actions if each.state in UNDER_WAY and (each.ends_at is None or each.ends_at > now)]
    told = [each for each in under_way if ACTION_TYPES[each.type].told_to_user(target_of(each))]
    if newest.pk == decision.pk:
        ends = [each.ends_at for each in actions if each.decision_id == decision.pk and each.ends_at]
        if not told and ends:
            return Holding("ended", max(ends), "neutral", "clock")
        since = min((each.starts_at for each in told), default=decision.decided_at)
        return Holding("holds", since, *_LOOKS[decision.action])
    if newest.action == "allow" and not told:
        return _lifted(decision, newest, actions)
    return Holding("replaced", newest.decided_at, "info", "arrow-right", newer=_newer(newest))


def _lifted(decision: Decision, newest: Decision, actions: Sequence[Action]) -> Holding:
    waited = decision.action == "hold" and decision.person_id is None
    sorry = "lifted_appeal" if newest.on_appeal else "lifted_hold" if waited else "lifted_review"
    undone = not any(each.state in UNDONE for each in actions)
    return Holding("lifted", newest.decided_at, "good", "circle-check", sorry, undone)


def _newer(newest: Decision) -> str:
    """The address of what the person can read about the newest decision. One that was settled together with another says
    which; the other has the statement."""
    statement = getattr(newest, "statement", None)
    if statement is None and (settled_by := newest.params.get("settled_by")):
        statement = StatementOfReasons.objects.filter(decision_id=settled_by).first()
    return statement_url(statement) if statement and statement.state != "withheld" else ""


def quote_of(decision: Decision) -> Quote | None:
    """What the decision was about, in the author's own words; None where there are none. At most one query.

    Of something that was reported it is the last that the platform told us before; failing that, what the report shows.
    """
    about, event = affected(decision), decision.event
    own: Event | None = event
    if (event.subject_kind, event.subject_id) != (about.kind, about.id):
        seen = Event.objects.filter(service_id=decision.service_id, subject_kind=about.kind, subject_id=about.id)
        own = seen.filter(position__lt=event.position).order_by("-position").first()
    hurtful = decision.policy is not None and terms_of(decision.policy).category in _HURTFUL
    if own is not None and (text := text_of(own)):
        return Quote(text, own.occurred_at, str(at("data.language", lifted(own)) or ""), hurtful, False)
    if reported_by(event) and (text := str(lifted(event)["target"].get("text") or "")):
        return Quote(text, event.occurred_at, "", hurtful, True)
    return None
