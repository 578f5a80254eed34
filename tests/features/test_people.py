"""Adding people, their one-time links, roles, leaving: and that the record says who did it."""

import threading
from datetime import timedelta

import pytest
from django.contrib.auth import authenticate
from django.core.exceptions import ValidationError
from django.db import IntegrityError, connection, connections, transaction
from django.utils import timezone

from safehold.accounts import people
from safehold.accounts.changes import person_deactivated
from safehold.accounts.keys import create_key
from safehold.accounts.models import ApiKey, RoleGrant, User
from safehold.accounts.people import Refused
from safehold.accounts.roles import Role, Scope
from safehold.record.models import AuditEvent, LedgerEntry

PASSWORD = "correct horse battery staple"


@pytest.fixture
def admin(db: None) -> User:
    return people.add_person(None, "ada@example.org", "Ada", roles=[Role.ADMIN])


@pytest.fixture
def second_admin(admin: User) -> User:
    return people.add_person(admin, "grace@example.org", "Grace", roles=[Role.ADMIN])


def verbs() -> list[str]:
    return list(AuditEvent.objects.order_by("at").values_list("verb", flat=True))


def test_somebody_who_was_added_can_do_nothing_until_they_set_a_password(admin: User) -> None:
    user = people.add_person(admin, " Grace@Example.org ", roles=[Role.MODERATOR])
    assert (user.email, user.name) == ("grace@example.org", "grace")
    assert not user.has_usable_password()
    token = people.invite(admin, user)
    people.accept_invitation(user, token, PASSWORD)
    assert authenticate(None, email="grace@example.org", password=PASSWORD) == user


def test_a_link_works_once(admin: User) -> None:
    user = people.add_person(admin, "grace@example.org")
    token = people.invite(admin, user)
    people.accept_invitation(user, token, PASSWORD)
    with pytest.raises(Refused, match="used already"):
        people.accept_invitation(user, token, PASSWORD + "2")


def test_a_new_link_ends_the_old_one(admin: User) -> None:
    user = people.add_person(admin, "grace@example.org")
    old, new = people.invite(admin, user), people.invite(admin, user)
    with pytest.raises(Refused):
        people.accept_invitation(user, old, PASSWORD)
    people.accept_invitation(user, new, PASSWORD)


def test_deactivation_ends_the_link(admin: User) -> None:
    user = people.add_person(admin, "grace@example.org")
    token = people.invite(admin, user)
    people.deactivate(admin, user)
    with pytest.raises(Refused):
        people.accept_invitation(user, token, PASSWORD)
    with pytest.raises(Refused, match="reactivate"):
        people.invite(admin, user)


def test_a_weak_password_is_refused_and_the_link_stays_good(admin: User) -> None:
    user = people.add_person(admin, "grace@example.org")
    token = people.invite(admin, user)
    with pytest.raises(ValidationError):
        people.accept_invitation(user, token, "password1234")
    people.accept_invitation(user, token, PASSWORD)


@pytest.mark.parametrize("address", ["", "nobody", "a@b@c", "ada@example.org", "ADA@example.org"])
def test_a_bad_or_taken_address_is_refused(admin: User, address: str) -> None:
    with pytest.raises(ValidationError):
        people.add_person(admin, address)


def test_everything_done_to_people_is_in_the_ledger(admin: User, second_admin: User) -> None:
    user = people.add_person(admin, "grete@example.org", roles=[Role.MODERATOR])
    people.set_roles(admin, user, [Role.SENIOR_MODERATOR])
    people.deactivate(second_admin, user)
    people.reactivate(second_admin, user)
    mine = AuditEvent.objects.filter(object_id=user.pk).order_by("at")  # ids of one millisecond have no order
    assert [(event.verb, event.actor, event.detail.get("role")) for event in mine] == [
        ("person.added", admin.pk, None),
        ("role.granted", admin.pk, "moderator"),
        ("role.granted", admin.pk, "senior_moderator"),
        ("role.revoked", admin.pk, "moderator"),
        ("person.deactivated", second_admin.pk, None),
        ("person.reactivated", second_admin.pk, None),
    ]
    assert LedgerEntry.objects.filter(kind="audit").count() == AuditEvent.objects.count()
    assert AuditEvent.objects.get(verb="person.added", object_id=admin.pk).detail == {"at": "shell"}


def test_a_refused_change_leaves_nothing_behind(admin: User) -> None:
    before = verbs()
    with pytest.raises(Refused):
        people.deactivate(admin, admin)
    with pytest.raises(Refused):
        people.set_roles(None, admin, [Role.MODERATOR])
    assert verbs() == before
    assert User.objects.get(pk=admin.pk).roles == [Role.ADMIN]


def test_the_last_admin_stays_one(admin: User, second_admin: User) -> None:
    people.revoke(admin, second_admin, Role.ADMIN)
    with pytest.raises(Refused, match="last admin"):
        people.revoke(None, admin, Role.ADMIN)
    with pytest.raises(Refused, match="last admin"):
        people.deactivate(None, admin)


def test_the_database_keeps_the_last_admin_too(admin: User, second_admin: User) -> None:
    people.deactivate(admin, second_admin)
    with pytest.raises(IntegrityError, match="somebody has to be an admin"), transaction.atomic():
        RoleGrant.objects.filter(user=admin).update(revoked_at=timezone.now())
    with pytest.raises(IntegrityError, match="somebody has to be an admin"), transaction.atomic():
        User.objects.filter(pk=admin.pk).update(is_active=False)
    with pytest.raises(IntegrityError, match="never deleted"), transaction.atomic():
        connection.cursor().execute("DELETE FROM accounts_user WHERE id = %s", [second_admin.pk])


def test_two_admins_who_remove_each_other_at_once_leave_one(fresh_database: object) -> None:
    first = people.add_person(None, "one@example.org", roles=[Role.ADMIN])
    second = people.add_person(None, "two@example.org", roles=[Role.ADMIN])
    barrier, outcomes = threading.Barrier(2), []

    def remove(by: User, user: User) -> None:
        barrier.wait()
        try:
            people.revoke(by, user, Role.ADMIN)
            outcomes.append("done")
        except Refused:
            outcomes.append("refused")
        finally:
            connections.close_all()

    threads = [threading.Thread(target=remove, args=pair) for pair in ((first, second), (second, first))]
    [thread.start() for thread in threads]
    [thread.join(30) for thread in threads]
    assert sorted(outcomes) == ["done", "refused"]
    assert RoleGrant.objects.filter(role=Role.ADMIN, revoked_at=None).count() == 1


def test_who_leaves_takes_their_keys_along_and_lets_go_of_what_they_hold(admin: User, second_admin: User) -> None:
    key, _ = create_key(second_admin, "ingest", [Scope.WRITE_EVENTS], service="plaza")
    heard = []

    def listen(sender: object, user: User, by: User, **kwargs: object) -> None:
        heard.append((user, by))

    person_deactivated.connect(listen)
    try:
        people.deactivate(admin, second_admin)
        people.deactivate(admin, second_admin)  # again: nothing more happens
    finally:
        person_deactivated.disconnect(listen)
    assert heard == [(second_admin, admin)]
    assert ApiKey.objects.get(pk=key.pk).revoked_by == admin
    assert User.objects.get(pk=second_admin.pk).permissions == frozenset()


def test_a_listener_that_fails_undoes_the_deactivation(admin: User, second_admin: User) -> None:
    def fail(**kwargs: object) -> None:
        raise RuntimeError("the claim could not be released")

    person_deactivated.connect(fail)
    try:
        with pytest.raises(RuntimeError):
            people.deactivate(admin, second_admin)
    finally:
        person_deactivated.disconnect(fail)
    assert User.objects.get(pk=second_admin.pk).is_active
    assert "person.deactivated" not in verbs()


def test_a_key_is_made_within_its_makers_rights_and_its_secret_is_not_kept(admin: User) -> None:
    moderator = people.add_person(admin, "mod@example.org", roles=[Role.SENIOR_MODERATOR])
    with pytest.raises(Refused):
        create_key(moderator, "mine", [Scope.READ_DECISIONS], service="plaza")
    key, secret = create_key(admin, "ingest", Scope, service="plaza", expires_at=timezone.now() + timedelta(days=1))
    assert key.usable and ApiKey.objects.get(digest=ApiKey.digest_of(secret)) == key
    assert len(secret) >= 46 and secret.startswith(key.start)
    kept = " ".join(str(value) for row in ApiKey.objects.values_list() for value in row)
    kept += " ".join(str(row) for row in AuditEvent.objects.values_list())
    assert secret not in kept and secret[len(key.start) :] not in kept


@pytest.mark.parametrize(
    ("name", "scopes", "days"), [("", list(Scope), None), ("x", [], None), ("x", list(Scope), -1), ("x", ["all"], None)]
)
def test_a_key_that_makes_no_sense_is_refused(admin: User, name: str, scopes: list[str], days: int | None) -> None:
    expires = timezone.now() + timedelta(days=days) if days else None
    with pytest.raises(ValueError):
        create_key(admin, name, scopes, service="plaza", expires_at=expires)
    assert not ApiKey.objects.exists()
