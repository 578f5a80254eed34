"""The numbers beside the console's places in the sidebar: what waits there. Each is one look at an index."""

from django.conf import settings
from django.http import HttpRequest

from safehold.accounts.models import User
from safehold.console.changes import waiting_for
from safehold.console.counting import remembered
from safehold.desk.decisions.models import Delivery
from safehold.web.navigation import counter

#: A badge says no more than "many" above this, so no more is counted.
ENOUGH = 1000


@counter("dead-letters")
def dead_letters(request: HttpRequest) -> int:
    dead = Delivery.objects.filter(state="dead_letter", endpoint__service_id=settings.SAFEHOLD_SERVICE)
    return remembered("dead-letters", 10, lambda: dead[:ENOUGH].count())


@counter("policies")
def changes_to_approve(request: HttpRequest) -> int:
    person = request.user
    return remembered(f"changes-{person.pk}", 5, lambda: waiting_for(person)) if isinstance(person, User) else 0
