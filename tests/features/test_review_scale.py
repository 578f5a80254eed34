"""Queues, items and appeals on a large record, on SQLite and on PostgreSQL: no question reads a big table from end to end.
That no page asks more often when there is more is in test_review_pages and test_appeal_pages.
"""

from django.db import connection
from django.test import Client
from django.urls import reverse

from safehold.accounts.roles import Role
from safehold.desk.review import claims
from safehold.desk.review.models import Queue, Task
from tests import console_rows
from tests.features import test_console_scale as scale

MANY = 20_000


def questions(made: console_rows.Made) -> dict[str, list[str]]:
    """page -> what it asks of the database, as somebody who holds an item sees it."""
    senior = made.people[Role.SENIOR_MODERATOR]
    queue = Task.objects.filter(state="queued", kind="review").values_list("queue", flat=True)[0]
    claim = claims.claim_next(senior, Queue.objects.get(pk=queue))
    assert claim is not None
    client = Client()
    client.force_login(senior)
    pages = {
        "queues": reverse("queues"),
        "queue": reverse("queue", args=[queue]),
        "item": reverse("task", args=[claim.task_id]),
        "appeals": reverse("appeals"),
        "decided appeals": f"{reverse('appeals')}?view=decided",
    }
    return {name: scale.asked(client, address) for name, address in pages.items()}


def test_no_page_reads_a_big_table_from_end_to_end(fresh_database):
    made = console_rows.make(MANY)
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE")
    read = {
        (page, table): sql
        for page, asked in questions(made).items()
        for sql in asked
        for table in scale.read_whole(sql)
    }
    assert not read, read
