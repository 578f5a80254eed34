"""Which decisions of rules want a second look: noted in the transaction that carries the decision on, so that none is forgotten.
Nothing is asked here; `taking` does that.
"""

from collections.abc import Mapping
from typing import Any

from safehold.desk.decisions.models import Automation, Decision
from safehold.desk.looks.models import Look
from safehold.desk.looks.setup import Wanted, current, score_in
from safehold.desk.topics import on
from safehold.record.recording import Record


@on("decision.made")
def note_looks(decision: Decision, record: Record) -> None:
    setup = current()
    if setup is None or decision.automation != Automation.FULLY or decision.root != decision.pk:
        return
    for wanted in setup.of_type(decision.event.type):
        if wants(wanted, decision.verdict):
            Look.objects.get_or_create(decision=decision, policy=wanted.policy)


def wants(wanted: Wanted, verdict: Mapping[str, Any] | None) -> bool:
    """Whether such a verdict is looked at again."""
    if not wanted.rules and wanted.unsure is None:
        return True
    hits = (verdict or {}).get("hits") or ()
    if any(f"{hit.get('policy')}/{hit.get('rule')}" in wanted.rules for hit in hits):
        return True
    if wanted.unsure is None:
        return False
    score = score_in(verdict, wanted.unsure)
    return score is not None and wanted.unsure.low <= score <= wanted.unsure.high
