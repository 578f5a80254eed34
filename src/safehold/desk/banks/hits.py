"""What decisions have to do with items of banks: which items a rule's decision matched, and what an overturned one disputes.
Listens to decisions, in the transaction that makes or carries them on.
"""

from collections.abc import Mapping
from typing import Any

from safehold.desk.banks.changing import lifted
from safehold.desk.banks.models import BankHit, BankItem
from safehold.desk.decisions.models import Decision
from safehold.desk.topics import on
from safehold.record.recording import Record

#: The signal that looks hashes up.
SIGNAL = "hashes"


@on("decision.made")
def note_hits(decision: Decision, record: Record) -> None:
    """Keep which items the content matched, so that an item's page can show them and an appeal can find them. Of decisions
    that allow and ask nobody the outbox reads no verdict, and there is nothing to appeal."""
    if "verdict" in decision.get_deferred_fields():
        return
    found = _found(decision.verdict or {})
    if not found:
        return
    there = set(BankItem.objects.filter(pk__in=found).values_list("pk", flat=True))
    BankHit.objects.bulk_create(
        [
            BankHit(
                item_id=number, decision=decision.pk, at=decision.decided_at, action=decision.action, **match,
            )
            for number, match in found.items()
            if number in there
        ],
        ignore_conflicts=True,
    )  # fmt: skip


def _found(verdict: Mapping[str, Any]) -> dict[int, dict[str, Any]]:
    """item -> what a hit keeps of it, of what the signal of banks said."""
    found: dict[int, dict[str, Any]] = {}
    for run in verdict.get("signals") or ():
        if run.get("signal") != SIGNAL:
            continue
        values = run.get("values") or {}
        for field, live in (("held_back", False), ("matches", True)):
            for match in values.get(field) or ():
                shares = {name: match.get(name) for name in ("query_share", "item_share")}
                found[int(match["item"])] = {"distance": int(match["distance"]), "live": live, **shares}
    return found


@on("decision.made")
def look_again(decision: Decision, record: Record) -> None:
    """A person has lifted what an item led to. On appeal that disputes the item: it does not match until somebody has looked.
    In review it is an opinion."""
    if decision.override_of_id is None or decision.action != "allow" or decision.person_id is None:
        return
    overturned = list(Decision.objects.filter(root=decision.root).exclude(pk=decision.pk).values_list("pk", flat=True))
    items = BankHit.objects.filter(decision__in=overturned, live=True).values_list("item_id", flat=True)
    for number in sorted(set(items)):
        lifted(record, number, decision.person_id, decision.pk, on_appeal=decision.on_appeal)
