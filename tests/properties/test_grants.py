"""Nobody grants what they lack, nobody touches their own roles, and there is always an admin: over all pairs of sets
of roles, and through random sequences of what administrators do.
"""

from itertools import combinations

import pytest
from django.db import IntegrityError, transaction
from hypothesis import given
from hypothesis import strategies as st

from safehold.accounts import people
from safehold.accounts.models import RoleGrant, User
from safehold.accounts.people import Refused
from safehold.accounts.roles import PERMISSIONS, POWERFUL, Permission, Role, Scope, may_grant, permissions_of
from tests.cases import cases

pytestmark = pytest.mark.django_db

SETS = [set(chosen) for size in (0, 1, 2) for chosen in combinations(Role, size)]


def person(roles: set[Role], name: str = "") -> User:
    return people.add_person(None, f"{name}{'-'.join(sorted(roles)) or 'nobody'}@example.org", roles=roles)


def test_every_pair_of_sets_of_roles_obeys_the_rule() -> None:
    people.add_person(None, "root@example.org", roles=[Role.ADMIN])
    granters = [person(roles) for roles in SETS]
    for granter, held in zip(granters, SETS, strict=True):
        for wanted in Role:
            subject = people.add_person(None, f"subject-{granter.pk}-{wanted}@example.org")
            allowed = Permission.MANAGE_PEOPLE in permissions_of(held) and wanted.permissions <= permissions_of(held)
            if allowed:
                people.grant(granter, subject, wanted)
                assert User.objects.get(pk=subject.pk).permissions == wanted.permissions
                people.revoke(granter, subject, wanted)
                assert User.objects.get(pk=subject.pk).permissions == frozenset()
            else:
                with pytest.raises(Refused):
                    people.grant(granter, subject, wanted)
                people.grant(None, subject, wanted)
                with pytest.raises(Refused):
                    people.revoke(granter, subject, wanted)
                with pytest.raises(Refused):
                    people.deactivate(granter, subject)
                assert User.objects.get(pk=subject.pk).permissions == wanted.permissions


@pytest.mark.parametrize("role", list(Role))
def test_nobody_changes_their_own_roles(role: Role) -> None:
    people.add_person(None, "other@example.org", roles=[Role.ADMIN])
    user = person({Role.ADMIN, role})
    for act in (people.grant, people.revoke):
        with pytest.raises(Refused):
            act(user, user, role)
    with pytest.raises(Refused):
        people.deactivate(user, user)
    with pytest.raises(IntegrityError), transaction.atomic():
        RoleGrant.objects.filter(user=user).update(granted_by=user)
    with pytest.raises(IntegrityError), transaction.atomic():
        RoleGrant.objects.filter(user=user).update(revoked_by=user)


@given(st.sets(st.sampled_from(Permission)), st.sets(st.sampled_from(Permission)))
@cases(200)
def test_may_grant_is_being_a_subset(own: set[Permission], wanted: set[Permission]) -> None:
    assert may_grant(own, wanted) == all(permission in own for permission in wanted)


def test_the_table_of_roles_is_complete_and_sound() -> None:
    assert set(PERMISSIONS) == set(Role)
    assert PERMISSIONS[Role.ADMIN] == frozenset(Permission)
    assert PERMISSIONS[Role.MODERATOR] < PERMISSIONS[Role.SENIOR_MODERATOR]
    assert all(PERMISSIONS[Role.READ_ONLY] <= permissions for permissions in PERMISSIONS.values())
    # The auditor sees everything and changes nothing.
    assert not {p for p in PERMISSIONS[Role.AUDITOR] if not p.value.endswith(".read")}
    # Who can give others access is who a second factor is asked of.
    assert {role for role in Role if role.permissions & POWERFUL} == {Role.ADMIN}
    assert {scope.permission for scope in Scope} <= set(Permission)


STEPS = st.lists(
    st.tuples(
        st.sampled_from(["grant", "revoke", "deactivate", "reactivate"]),
        st.integers(0, 2),
        st.integers(0, 2),
        st.sampled_from([Role.ADMIN, Role.MODERATOR]),
    ),
    min_size=5,
    max_size=25,
)


@given(STEPS)
@cases(40)
def test_whatever_administrators_do_somebody_stays_an_admin(steps: list[tuple[str, int, int, Role]]) -> None:
    with transaction.atomic():
        crowd = [people.add_person(None, f"p{n}@example.org", roles=[Role.ADMIN] if n < 2 else []) for n in range(3)]
        for verb, by, whom, role in steps:
            actor, subject = (User.objects.get(pk=crowd[n].pk) for n in (by, whom))
            act = getattr(people, verb)
            try:
                act(actor, subject, role) if verb in {"grant", "revoke"} else act(actor, subject)
            except Refused:
                continue
            assert RoleGrant.objects.filter(role=Role.ADMIN, revoked_at=None, user__is_active=True).exists()
        transaction.set_rollback(True)
