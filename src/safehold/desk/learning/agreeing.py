"""How far people who labelled the same texts agree: by attribute, and each of them with the others. Called by the page of
labels.
"""

from typing import NamedTuple

from safehold.accounts.models import User
from safehold.desk.learning.models import Asked
from safehold.signals.community.agreement import Agreement, agreement
from safehold.signals.community.measures import Figure, share


class Person(NamedTuple):
    """How often somebody said what the other one said, of so many texts that both labelled."""

    person: User
    pairs: int
    same: Figure


def agreed(service: str) -> tuple[dict[str, Agreement], list[Person]]:
    """(attribute -> agreement, people) of texts of which the first two said yes or no; `unclear` says nothing."""
    pairs = _pairs(service)
    by_attribute: dict[str, list[tuple[bool, bool]]] = {}
    by_person: dict[str, list[bool]] = {}
    people: dict[str, User] = {}
    for one, other in pairs:
        by_attribute.setdefault(one.attribute, []).append((one.answer == "yes", other.answer == "yes"))
        for each in (one, other):
            if each.person is not None:
                people[each.person.pk] = each.person
                by_person.setdefault(each.person.pk, []).append(one.answer == other.answer)
    found = [Person(people[pk], len(said), share(sum(said), len(said))) for pk, said in by_person.items()]
    return (
        {name: agreement(said) for name, said in sorted(by_attribute.items())},
        sorted(found, key=lambda each: each.person.name),
    )


def _pairs(service: str) -> list[tuple[Asked, Asked]]:
    answered = Asked.objects.filter(service=service, turn__in=(1, 2), answer__in=("yes", "no")).select_related("person")
    by_text: dict[tuple[str, str], list[Asked]] = {}
    for each in answered.order_by("answered_at", "pk"):
        by_text.setdefault((each.digest, each.attribute), []).append(each)
    return [(both[0], both[1]) for both in by_text.values() if len(both) == 2]
