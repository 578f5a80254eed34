"""Who may see what: every page of the console and of people and keys, for every role, and for nobody at all.

The table of needs is written out here, apart from the code, so that a page that changes who may see it fails a test; a
page that is in the code and not in the table fails too.
"""

import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from django.core.cache import cache
from django.test import Client
from django.urls import URLPattern, get_resolver, reverse
from django.utils import timezone

from safehold.accounts import people
from safehold.accounts.keys import create_key
from safehold.accounts.models import User
from safehold.accounts.roles import PERMISSIONS, Role, Scope
from safehold.accounts.roles import Permission as P
from safehold.desk.banks.changing import add_item, create_bank
from safehold.desk.banks.exchanges.managing import add_exchange
from safehold.desk.decisions.models import Endpoint
from safehold.desk.learning.asking import ask
from safehold.desk.learning.models import Asked, LearnedModel, TrainingRun
from safehold.desk.lists.models import Entry, Revision
from safehold.desk.rules.models import Batch, Edition, PolicyChange, PolicyFile
from tests import console_rows

pytestmark = pytest.mark.django_db

#: url name -> (method, what it needs). Names that people and keys or the console serve; the desk's rooms have their own.
NEEDS: dict[str, tuple[str, set[P]]] = {
    "overview": ("get", set()),
    "live": ("get", {P.READ_DECISIONS}),
    "decisions": ("get", {P.READ_DECISIONS}),
    "decision": ("get", {P.READ_DECISIONS}),
    "decision-words": ("get", {P.READ_DECISIONS, P.READ_CONTENT}),
    "policies": ("get", {P.READ_POLICIES}),
    "policy": ("get", {P.READ_POLICIES}),
    "policy-diff": ("get", {P.READ_POLICIES}),
    "policy-new": ("get", {P.WRITE_POLICIES}),
    "policy-edit": ("get", {P.WRITE_POLICIES}),
    "policy-check": ("post", {P.WRITE_POLICIES}),
    "policy-complete": ("post", {P.WRITE_POLICIES}),
    "policy-hover": ("post", {P.WRITE_POLICIES}),
    "policy-try": ("post", {P.WRITE_POLICIES}),
    "policy-tried": ("get", {P.WRITE_POLICIES}),
    "batches": ("get", {P.READ_POLICIES}),
    "batch-new": ("get", {P.REVERT_DECISIONS}),
    "batch": ("get", {P.READ_POLICIES}),
    "batch-step": ("post", {P.REVERT_DECISIONS}),
    "policy-changes": ("get", {P.READ_POLICIES}),
    "policy-change": ("get", {P.READ_POLICIES}),
    "policy-change-edit": ("get", {P.WRITE_POLICIES}),
    "policy-change-step": ("post", {P.READ_POLICIES}),
    "rule": ("get", {P.READ_POLICIES}),
    "rule-mode": ("post", {P.WRITE_POLICIES}),
    "policy-return": ("post", {P.WRITE_POLICIES}),
    "policy-git": ("get", {P.READ_POLICIES}),
    "policy-git-sync": ("post", {P.WRITE_POLICIES}),
    "backtests": ("get", {P.READ_POLICIES}),
    "signals": ("get", {P.READ_POLICIES}),
    "signal": ("get", {P.READ_POLICIES}),
    "signal-try": ("post", {P.READ_POLICIES}),
    "looks": ("get", {P.READ_POLICIES}),
    "side-by-side": ("get", {P.READ_POLICIES}),
    "calibration": ("get", {P.READ_POLICIES}),
    "calibration-use": ("post", {P.APPROVE_POLICIES}),
    "models": ("get", {P.READ_POLICIES}),
    "model": ("get", {P.READ_POLICIES}),
    "model-by-id": ("get", {P.READ_POLICIES}),
    "model-step": ("post", {P.READ_POLICIES}),
    "models-rollback": ("post", {P.APPROVE_POLICIES}),
    "labels": ("get", {P.READ_POLICIES}),
    "labels-next": ("get", {P.REVIEW, P.READ_CONTENT}),
    "training-start": ("post", {P.WRITE_POLICIES}),
    "training": ("get", {P.READ_POLICIES}),
    "training-progress": ("get", {P.READ_POLICIES}),
    "training-cancel": ("post", {P.WRITE_POLICIES}),
    "label-say": ("post", {P.REVIEW, P.READ_CONTENT}),
    "labels-ask": ("post", {P.WRITE_POLICIES}),
    "label-task": ("get", {P.REVIEW, P.READ_CONTENT}),
    "label-task-say": ("post", {P.REVIEW, P.READ_CONTENT}),
    "backtest-start": ("post", {P.WRITE_POLICIES}),
    "backtest": ("get", {P.READ_CONTENT}),
    "backtest-progress": ("get", {P.READ_CONTENT}),
    "backtest-file": ("get", {P.READ_CONTENT}),
    "backtest-review": ("post", {P.WRITE_POLICIES}),
    "banks": ("get", {P.READ_POLICIES}),
    "bank-make": ("get", {P.APPROVE_LISTS}),
    "bank": ("get", {P.READ_POLICIES}),
    "bank-add": ("get", {P.PROPOSE_LISTS}),
    "bank-settings": ("get", {P.APPROVE_LISTS}),
    "bank-import": ("get", {P.PROPOSE_LISTS}),
    "bank-file": ("get", {P.PROPOSE_LISTS}),
    "bank-file-add": ("get", {P.PROPOSE_LISTS}),
    "bank-change": ("get", {P.READ_POLICIES}),
    "bank-change-act": ("post", {P.PROPOSE_LISTS}),
    "bank-activate": ("post", {P.APPROVE_LISTS}),
    "bank-item": ("get", {P.READ_POLICIES}),
    "bank-item-move": ("post", {P.PROPOSE_LISTS}),
    "bank-item-opinion": ("post", {P.PROPOSE_LISTS}),
    "bank-from-decision": ("get", {P.PROPOSE_LISTS}),
    "decision-copies": ("get", {P.READ_DECISIONS}),
    "exchanges": ("get", {P.READ_POLICIES}),
    "exchange-add": ("get", {P.MANAGE_WEBHOOKS}),
    "exchange": ("get", {P.MANAGE_WEBHOOKS}),
    "exchange-act": ("post", {P.MANAGE_WEBHOOKS}),
    "lists": ("get", {P.READ_POLICIES}),
    "list": ("get", {P.READ_POLICIES}),
    "list-add": ("get", {P.PROPOSE_LISTS}),
    "list-import": ("get", {P.PROPOSE_LISTS}),
    "list-export": ("get", {P.READ_POLICIES}),
    "list-history": ("get", {P.READ_POLICIES}),
    "list-entry": ("get", {P.READ_POLICIES}),
    "list-entry-move": ("post", {P.PROPOSE_LISTS}),
    "list-revision": ("get", {P.READ_POLICIES}),
    "list-revision-act": ("post", {P.PROPOSE_LISTS}),
    "list-revision-progress": ("get", {P.READ_POLICIES}),
    "ledger": ("get", {P.READ_LEDGER}),
    "ledger-verify": ("post", {P.READ_LEDGER}),
    "ledger-progress": ("get", {P.READ_LEDGER}),
    "ledger-entries": ("get", {P.READ_LEDGER}),
    "ledger-entry": ("get", {P.READ_LEDGER}),
    "ledger-entry-proof": ("get", {P.READ_LEDGER}),
    "deliveries": ("get", {P.READ_WEBHOOKS}),
    "dead-letters": ("get", {P.READ_WEBHOOKS}),
    "dead-letters-retry": ("post", {P.MANAGE_WEBHOOKS}),
    "delivery": ("get", {P.READ_WEBHOOKS}),
    "delivery-retry": ("post", {P.MANAGE_WEBHOOKS}),
    "endpoints": ("get", {P.READ_WEBHOOKS}),
    "endpoint-add": ("get", {P.MANAGE_WEBHOOKS}),
    "endpoint": ("get", {P.READ_WEBHOOKS}),
    "endpoint-rotate": ("post", {P.MANAGE_WEBHOOKS}),
    "endpoint-ping": ("post", {P.MANAGE_WEBHOOKS}),
    "endpoint-switch": ("post", {P.MANAGE_WEBHOOKS}),
    "audit": ("get", {P.READ_AUDIT}),
    "reports": ("get", {P.READ_CONTENT}),
    "report": ("get", {P.READ_CONTENT}),
    "people": ("get", {P.READ_PEOPLE}),
    "person-add": ("get", {P.MANAGE_PEOPLE}),
    "person": ("get", {P.READ_PEOPLE}),
    "person-roles": ("post", {P.MANAGE_PEOPLE}),
    "person-invite": ("post", {P.MANAGE_PEOPLE}),
    "person-deactivate": ("post", {P.MANAGE_PEOPLE}),
    "person-reactivate": ("post", {P.MANAGE_PEOPLE}),
    "person-sign-out": ("post", {P.MANAGE_PEOPLE}),
    "api-keys": ("get", {P.MANAGE_KEYS}),
    "api-key-create": ("post", {P.MANAGE_KEYS}),
    "api-key-revoke": ("post", {P.MANAGE_KEYS}),
    "profile": ("get", set()),
    "session-end": ("post", set()),
    "sessions-end-others": ("post", set()),
}
#: What people without an account may open, each with its reason.
OPEN = {"welcome": "its address is the permission", "": "leads to the profile or the sign-in"}


@pytest.fixture
def made() -> Iterator[console_rows.Made]:
    cache.clear()
    made = console_rows.make(480)
    Endpoint.objects.update(url="https://127.0.0.1:9/")  # refused at once, without a name service
    yield made
    for thread in threading.enumerate():
        if thread.name == "ledger-check":
            thread.join(30)
    cache.clear()


def addresses(made: console_rows.Made) -> dict[str, str]:
    """An address of something real for each name."""
    somebody = people.add_person(None, "somebody@example.org").pk
    key = create_key(None, "a key", [Scope.READ_DECISIONS], service="plaza")[0].pk
    edition = Edition.objects.create(number=1, bundle="b" * 64, source="folder")
    PolicyFile.objects.create(
        edition=edition, path="scams.yaml", key="scams.file", text="policy: scams.file", sha256=""
    )
    change = PolicyChange.objects.create(policy="scams.file", title="A change", base=1, state="withdrawn").pk
    batch = Batch.objects.create(kind="revert", what={}, title="A batch", person_id=somebody, state="done").pk
    first, last = (made.versions["spam.bulk"],) * 2
    listed = Entry.objects.create(list="disposable_mail", value="a.example", added_at=timezone.now(), revision=1)
    learned = LearnedModel.objects.create(
        number=1, service_id="plaza", digest="d" * 64, size=1, features="", seed=0, until=0, taught="", seconds=1,
        report={"texts": 0, "audit_texts": 0, "copies": 0, "attributes": {}},
    )  # fmt: skip
    training = TrainingRun.objects.create(service_id="plaza", started_by_id=somebody, state="failed", error="no").pk
    ask(None, "plaza", "toxicity", 1)
    brought = Revision.objects.create(list="disposable_mail", act="import")
    create_bank(None, "bad")
    add_exchange(None, "partner", "file", "bad", {"url": "/nowhere/feed.csv"}, {})
    hashed = add_item(None, "bad", "md5", "0" * 32)
    given: dict[str, list[Any]] = {
        **{name: ["bad"] for name in ("bank", "bank-add", "bank-import", "bank-file", "bank-settings")},
        "bank-file-add": ["bad", "gone"],
        **{name: ["partner"] for name in ("exchange", "exchange-act")},
        **{name: ["bad", 1] for name in ("bank-activate", "bank-change", "bank-change-act")},
        **{name: ["bad", hashed.pk] for name in ("bank-item", "bank-item-move", "bank-item-opinion")},
        "bank-from-decision": [made.decisions[0]],
        "decision-copies": [made.decisions[0]],
        "decision": [made.decisions[0]],
        "decision-words": [made.decisions[0]],
        "policy": ["spam.bulk"],
        "policy-diff": ["spam.bulk", first, last],
        **{name: ["disposable_mail"] for name in ("list", "list-add", "list-import", "list-export", "list-history")},
        **{name: ["disposable_mail", listed.pk] for name in ("list-entry", "list-entry-move")},
        **{name: ["disposable_mail", brought.pk] for name in NEEDS if name.startswith("list-revision")},
        **{
            name: ["none"]
            for name in NEEDS
            if name.startswith("backtest") and name not in ("backtests", "backtest-start")
        },
        "signal": ["text"],
        "signal-try": ["text"],
        **{name: [Asked.objects.first().pk] for name in ("label-task", "label-task-say")},
        **{name: [training] for name in ("training", "training-progress", "training-cancel")},
        "calibration": [1],
        "model": [1],
        "model-by-id": [learned.pk],
        "model-step": [1, "reject"],
        "ledger-entry": [0],
        "ledger-entry-proof": [0],
        "delivery": [made.delivery],
        "delivery-retry": [made.delivery],
        "endpoint": [made.endpoint],
        "endpoint-rotate": [made.endpoint],
        "endpoint-ping": [made.endpoint],
        "endpoint-switch": [made.endpoint],
        "report": [made.notice],
        "rule": ["spam.bulk", "repeated-text"],
        "rule-mode": ["spam.bulk", "repeated-text"],
        "policy-return": ["spam.bulk", first],
        "policy-tried": ["trl_nothing"],
        "batch": [batch],
        "batch-step": [batch, "stop"],
        "policy-edit": ["scams.file"],
        "policy-change": [change],
        "policy-change-edit": [change],
        "policy-change-step": [change, "withdraw"],
        "api-key-revoke": [key],
        "session-end": [1],
        **{name: [somebody] for name in NEEDS if name.startswith("person") and name != "person-add"},
    }
    return {name: reverse(name, args=given.get(name, [])) for name in NEEDS}


def views() -> dict[str, Any]:
    """Every view of the two rooms, by name."""
    from safehold.accounts import urls as accounts_urls
    from safehold.console import urls as console_urls

    patterns = [*accounts_urls.urlpatterns, *console_urls.urlpatterns]
    return {pattern.name or "": pattern.callback for pattern in patterns if isinstance(pattern, URLPattern)}


def test_every_page_says_what_it_needs_and_the_table_knows_it() -> None:
    found = views()
    assert set(found) == set(NEEDS) | set(OPEN)
    for name, (_, needed) in NEEDS.items():
        assert found[name].permissions == needed, name
    for name in OPEN:
        assert not hasattr(found[name], "permissions")


def test_the_site_serves_them_all() -> None:
    served = set(get_resolver().reverse_dict)
    assert set(NEEDS) <= served


@pytest.mark.parametrize("role", [None, *Role])
def test_who_may_see_what(role: Role | None, made: console_rows.Made) -> None:
    """Somebody with `role` (None: with no role) opens every page: allowed exactly where the table says so."""
    user = people.add_person(None, "tester@example.org", roles=[role] if role else [])
    if role is Role.ADMIN:
        user = made.people[Role.ADMIN]
    held = PERMISSIONS[role] if role else frozenset()
    wrong = []
    for name, address in addresses(made).items():
        method, needed = NEEDS[name]
        client = Client()
        client.force_login(User.objects.get(pk=user.pk))
        answer = getattr(client, method)(address)
        allowed = answer.status_code not in {401, 403} and not answer.get("Location", "").startswith("/account/")
        if allowed != (needed <= held):
            wrong.append((name, answer.status_code))
    assert wrong == []


def test_nobody_sees_anything_without_signing_in(client: Client, made: console_rows.Made) -> None:
    for name, address in addresses(made).items():
        answer = getattr(client, NEEDS[name][0])(address)
        assert answer.status_code == 302, name
        assert answer["Location"].startswith("/account/login/?next=%2F"), name


def test_after_signing_in_one_is_where_one_wanted_to_go(client: Client, made: console_rows.Made) -> None:
    there = client.get(f"{reverse('decisions')}?q=action:remove")["Location"]
    user = people.add_person(None, "reader@example.org", roles=[Role.READ_ONLY])
    people.accept_invitation(user, people.invite(None, user), "correct horse battery staple")
    answer = client.post(there, {"login": user.email, "password": "correct horse battery staple"})
    assert answer["Location"] == "/decisions/?q=action:remove"


def test_a_page_that_is_refused_says_what_is_lacking(client: Client) -> None:
    client.force_login(people.add_person(None, "reader@example.org", roles=[Role.READ_ONLY]))
    answer = client.get(reverse("audit"))
    assert answer.status_code == 403
    assert answer.context["lacking"] == [P.READ_AUDIT]


def test_a_request_by_htmx_sends_the_whole_page_to_the_sign_in(client: Client) -> None:
    answer = client.get(
        reverse("ledger-progress"), headers={"HX-Request": "true", "HX-Current-URL": "http://testserver/ledger/"}
    )
    assert answer.status_code == 204
    assert answer["HX-Redirect"] == "/account/login/?next=%2Fledger%2F"


def test_the_sidebar_shows_only_what_one_may_open(client: Client, made: console_rows.Made) -> None:
    client.force_login(made.people[Role.READ_ONLY])
    page = client.get("/").content.decode()
    for name, shown in (
        ("decisions", True),
        ("ledger", True),
        ("audit", False),
        ("people", False),
        ("api-keys", False),
    ):
        assert (f'href="{reverse(name)}"' in page) is shown, name


def test_the_reference_says_what_the_code_does() -> None:
    page = (Path(__file__).parents[2] / "docs/reference/roles.md").read_text()
    for permission in P:
        ticks = " | ".join("✓" if permission in role.permissions else "" for role in Role)
        assert f"| `{permission.value}` | {permission.label} | {ticks} |" in page
    for role in Role:
        assert f"| {role.label} (`{role.value}`) | {role.note} |" in page
