"""The console on 25,000 decisions (100,000 at night), on SQLite and on PostgreSQL: every page asks the database as often as
it does on a hundred, and every question about a big table goes through an index. Times are measured by hand and written down
in docs/reference/console.md, never here: a test that measures time fails on a busy day.
"""

import json
import os
import re
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest
from django.core.cache import cache
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from safehold.accounts.models import User
from safehold.accounts.roles import Role
from tests import console_rows
from tests.cases import CASES
from tests.conftest import _in_use, _with_name

MANY, FEW = (25_000 if CASES == 1 else 100_000), 480

#: Every table that grows with the platform.
BIG = (
    "entities_event", "entities_entity", "decisions_decision", "decisions_action", "decisions_delivery",
    "decisions_deliveryattempt", "ledger_entry", "transition", "audit_event", "reports_notice",
)  # fmt: skip
#: Looked at whole, once a minute at most, and what they read is an index: the kinds that there are.
ONCE_A_MINUTE = re.compile(r"SELECT DISTINCT .*(subject_kind|object_kind|\"kind\")")

Pages = dict[str, str]


def pages(made: console_rows.Made) -> Pages:
    decisions = reverse("decisions")
    return {
        "overview": reverse("overview"),
        "live": f"{reverse('live')}?after=100",
        "decisions": decisions,
        **{
            f"decisions {query}": f"{decisions}?q={query}"
            for query in (
                "action:remove", "action:terminate", "action:allow", "rule:phishing.links/listed-link", "policy:spam.bulk",
                "policy:accounts.new", "account:u7", "subject:message/m77", "m77", "by:people", "by:rules",
                "by:moderator@plaza.example", "is:overridden", "is:override", "is:appeal", "is:waiting", "before:3d",
                "after:today action:hold",
            )
        },
        "decision": reverse("decision", args=[made.decisions[-8]]),
        "decision with its content": reverse("decision", args=[made.decisions[-8]]) + "?reveal=1",
        "decision in a chain": reverse("decision", args=[made.overridden]),
        "policies": reverse("policies"),
        "policy": reverse("policy", args=["spam.bulk"]),
        "ledger": reverse("ledger"),
        "entries": reverse("ledger-entries"),
        "entries about": f"{reverse('ledger-entries')}?q={made.decisions[5]}",
        "entry": reverse("ledger-entry", args=[50]),
        "deliveries": reverse("deliveries"),
        "deliveries by state": f"{reverse('deliveries')}?q=state:delivered",
        "deliveries about": f"{reverse('deliveries')}?q=about:act_x",
        "dead letters": reverse("dead-letters"),
        "delivery": reverse("delivery", args=[made.delivery]),
        "endpoints": reverse("endpoints"),
        "audit": reverse("audit"),
        "audit by person": f"{reverse('audit')}?q=person:moderator@plaza.example",
        "audit by verb": f"{reverse('audit')}?q=verb:role.granted",
        "audit by kind": f"{reverse('audit')}?q=kind:person",
        "audit about": f"{reverse('audit')}?q=object:{made.decisions[0]}",
        "reports": reverse("reports"),
        "all reports": f"{reverse('reports')}?view=all",
        "report": reverse("report", args=[made.notice]),
        "people": reverse("people"),
        "person": reverse("person", args=[made.people[Role.MODERATOR].pk]),
        "palette": f"/ui/palette/?q={made.decisions[9]}",
        "palette for an account": "/ui/palette/?q=u7",
    }  # fmt: skip


def asked(client: Client, address: str) -> list[str]:
    """The questions that a page asks the database, with nothing remembered from before."""
    cache.clear()
    with CaptureQueriesContext(connection) as captured:
        answer = client.get(address)
    assert answer.status_code == 200, address
    questions = [query["sql"] for query in captured.captured_queries if query["sql"].startswith("SELECT")]
    return [sql for sql in questions if "pg_advisory" not in sql]  # the ledger's lock, which SQLite has without asking


def signed_in(made: console_rows.Made) -> Client:
    client = Client()
    client.force_login(User.objects.get(pk=made.people[Role.ADMIN].pk))
    client.get("/people/")  # what is asked once a process (the kinds of content, the site) is asked now
    return client


@pytest.fixture(scope="module")
def big_sqlite(sqlite_template: Path, django_db_blocker: Any) -> Iterator[Any]:
    path = sqlite_template.with_name("big.sqlite3")
    shutil.copyfile(sqlite_template, path)
    yield from _in_use(f"sqlite:///{path}", "sqlite", django_db_blocker)
    path.unlink()


@pytest.fixture(scope="module")
def big_postgres(postgres_url: str, postgres_template: str, django_db_blocker: Any) -> Iterator[Any]:
    name = f"big_{os.urandom(4).hex()}"
    with psycopg.connect(postgres_url, autocommit=True) as server:
        server.execute(f"CREATE DATABASE {name} TEMPLATE {postgres_template}")
    yield from _in_use(_with_name(postgres_url, name), "postgresql", django_db_blocker)
    with psycopg.connect(postgres_url, autocommit=True) as server:
        server.execute(f"DROP DATABASE {name} WITH (FORCE)")


@pytest.fixture
def counts_of_few(fresh_sqlite: Any) -> dict[str, int]:
    """How often each page asks on a small database."""
    made = console_rows.make(FEW)
    client = signed_in(made)
    return {name: len(asked(client, address)) for name, address in pages(made).items()}


@pytest.mark.parametrize("database", ["big_sqlite", "big_postgres"])
def test_every_page_asks_little_and_through_an_index(
    database: str, counts_of_few: dict[str, int], request: pytest.FixtureRequest
) -> None:
    request.getfixturevalue(database)
    made = console_rows.make(MANY)
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE")
    client = signed_in(made)
    more, unindexed = {}, []
    for name, address in pages(made).items():
        questions = asked(client, address)
        if len(questions) > counts_of_few[name]:
            more[name] = (counts_of_few[name], len(questions))
        unindexed += [(name, table, sql) for sql in questions for table in read_whole(sql)]
    assert not more
    assert [(name, table) for name, table, _ in unindexed] == [], unindexed


def read_whole(sql: str) -> list[str]:
    """The big tables that the database would read from end to end to answer this."""
    if ONCE_A_MINUTE.match(sql):
        return []
    with connection.cursor() as cursor:
        if connection.vendor == "postgresql":
            cursor.execute("EXPLAIN (FORMAT JSON) " + sql)
            plan = cursor.fetchone()[0]
            plan = json.loads(plan) if isinstance(plan, str) else plan
            return [table for table in scanned(plan[0]["Plan"]) if table in BIG]
        cursor.execute("EXPLAIN QUERY PLAN " + sql)
        steps = [row[3] for row in cursor.fetchall()]
    whole = [re.fullmatch(r"SCAN (?:CONSTANT ROW|(\w+))", step) for step in steps]
    return [match[1] for match in whole if match and match[1] in BIG]


def scanned(node: dict[str, Any]) -> Iterator[str]:
    """The tables of PostgreSQL's plan that are read sequentially."""
    if node["Node Type"] == "Seq Scan":
        yield node["Relation Name"]
    for child in node.get("Plans", ()):
        yield from scanned(child)


def test_the_check_of_plans_sees_a_table_that_is_read_whole(fresh_database: Any) -> None:
    console_rows.make(2000)
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE")
    assert read_whole("SELECT count(*) FROM decisions_decision WHERE reason = 'x'") == ["decisions_decision"]
    assert read_whole("SELECT id FROM decisions_decision WHERE id = 'x'") == []
