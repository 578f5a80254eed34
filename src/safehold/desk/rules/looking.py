"""Which past events a rule would have decided otherwise: `python -m safehold.desk.rules.looking BATCH`, a process of its own
that `batches.look` starts. It decides the record of the batch's period again, as it was then, and keeps what comes out
stronger by this rule than what holds now, or with a label that it did not set; where a person has decided, nothing is
proposed.
"""

import os
import sys
from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any

#: How much the record before the period is read to fill the windows, at most.
LEAD = timedelta(days=31)


def found(batch: Any) -> Iterator[tuple[str, dict[str, Any]]]:
    """(the decision that holds, what the rules of the batch's edition say) for each event that comes out stronger or labelled."""
    import msgspec

    from safehold.desk.decisions.models import Decision
    from safehold.desk.history.reading import position_before, recorded
    from safehold.desk.rules.in_force import bundle_of
    from safehold.engine.verdict import ACTIONS
    from safehold.replay.again import Again, longest_window

    what = batch.what
    since, until = (datetime.fromisoformat(what[name]) for name in ("since", "until"))
    bundle = bundle_of(what["edition"])
    again = Again(bundle, as_live=False)
    first, last = position_before(since), position_before(until)
    lead = min(timedelta(seconds=longest_window(bundle)), LEAD)
    for event in recorded(position_before(since - lead), last):
        if event.position <= first:
            again.observe(event)
            continue
        verdict = again.decide(event)
        if verdict is None or verdict.winner != what["rule"]:
            continue
        holds = Decision.objects.filter(event_id=event.id, overridden_by=None, service_id=event.service).first()
        if holds is None or holds.person_id is not None:
            continue
        more = ACTIONS.index(verdict.action) - ACTIONS.index(holds.action)
        if more > 0 or (
            more == 0 and _labels(verdict) - {(each["name"], each["on"]) for each in holds.params.get("labels", ())}
        ):
            yield holds.pk, msgspec.to_builtins(verdict)


def _labels(verdict: Any) -> set[tuple[str, str]]:
    """(name, on) of the labels that a verdict sets."""
    return {(hit.label.name, hit.label.on) for hit in verdict.hits if hit.label is not None and hit.mode != "shadow"}


def main() -> None:
    os.nice(5)
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "safehold.site.settings")
    import django

    django.setup()
    from safehold.desk.rules.batches import fill
    from safehold.desk.rules.models import Batch

    batch = Batch.objects.get(pk=sys.argv[1])
    fill(batch, list(found(batch)))


if __name__ == "__main__":
    main()
