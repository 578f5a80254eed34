"""What this room hears from decisions: a person's verdict on a text is a label, in the same transaction. A verdict under a
policy says that the text is what the policy is about; `allow` says that it is not what the rules, or whoever decided before,
took it for. One on appeal says it with more authority, and corrects what was said before.
"""

from safehold.desk.decisions.effects import affected
from safehold.desk.decisions.models import Decision
from safehold.desk.entities.models import Event
from safehold.desk.entities.subjects import text_of
from safehold.desk.learning.attributes import attributes_of, attributes_of_keys
from safehold.desk.learning.taking import BadLabel, check, take
from safehold.desk.topics import on
from safehold.gateway.store import LabelSubmission
from safehold.record.recording import Record

#: Decisions that somebody made without looking at each: a batch, and what another decision settled with it.
UNSEEN = frozenset({"batch", "settled_by"})


@on("decision.made")
def learn(decision: Decision, record: Record) -> None:
    """Labels of a person's verdict on one text."""
    if decision.person_id is None or UNSEEN & set(decision.params):
        return
    wanted = verdict_labels(decision)
    if wanted:
        take(record, decision.service_id, wanted, decision.person_id)


def verdict_labels(decision: Decision) -> list[LabelSubmission]:
    """What a person's decision says of the text it is about; nothing where there is no text or no attribute that it maps to."""
    broken = attributes_of(decision.policy) if decision.policy and decision.action != "allow" else ()
    values = dict.fromkeys(broken, 1.0)
    if decision.action == "allow" or decision.on_appeal:
        values = dict.fromkeys(_in_question(decision), 0.0) | values
    if not values or not (words := _words(decision)):
        return []
    labels = [
        LabelSubmission(
            text=words,
            attribute=attribute,
            value=value,
            source="appeal" if decision.on_appeal else "review",
            at=decision.decided_at,
            reference=decision.pk,
        )
        for attribute, value in values.items()
    ]
    try:
        check(labels[0])
    except BadLabel:  # a text that can't be stored is no reason to refuse the decision on it
        return []
    return labels


def _in_question(decision: Decision) -> tuple[str, ...]:
    """The attributes that decisions before this one, in its chain, took the text for."""
    before = Decision.objects.filter(root=decision.root, decided_at__lt=decision.decided_at).exclude(pk=decision.pk)
    keys = {key for keys in before.values_list("policies", flat=True) for key in keys}
    return attributes_of_keys(sorted(keys))


def _words(decision: Decision) -> str:
    """The text that the person saw: of the event, or of the newest one by then about what was reported."""
    about = affected(decision)
    event = decision.event
    if (event.subject_kind, event.subject_id) != (about.kind, about.id):
        seen = Event.objects.filter(
            service_id=decision.service_id, subject_kind=about.kind, subject_id=about.id,
            received_at__lte=decision.decided_at,
        )  # fmt: skip
        found = seen.order_by("-position").first()
        if found is None:
            return ""
        event = found
    return text_of(event).strip()
