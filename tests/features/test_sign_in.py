"""Signing in: password, second factor, recovery codes, limits on guessing; profile and sessions; the way in by a link."""

from collections.abc import Iterator
from typing import Any

import pytest
from allauth.mfa.recovery_codes.internal.auth import RecoveryCodes
from allauth.mfa.totp.internal.auth import TOTP, format_hotp_value, hotp_value, yield_hotp_counters_from_time
from allauth.usersessions.models import UserSession
from django.core import mail
from django.core.cache import cache
from django.test import Client

from safehold.accounts import people
from safehold.accounts.models import User
from safehold.accounts.roles import Role

pytestmark = pytest.mark.django_db
PASSWORD = "correct horse battery staple"
SECRET = "JBSWY3DPEHPK3PXP"


@pytest.fixture(autouse=True)
def no_limits_from_other_tests(settings: Any) -> Iterator[None]:
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]  # the slow one is Django's to test
    cache.clear()
    yield
    cache.clear()


@pytest.fixture
def ada() -> User:
    user = people.add_person(None, "ada@example.org", "Ada", roles=[Role.ADMIN])
    people.accept_invitation(user, people.invite(None, user), PASSWORD)
    return user


def sign_in(client: Client, password: str = PASSWORD, email: str = "ada@example.org") -> Any:
    return client.post("/account/login/", {"login": email, "password": password}, follow=True)


def is_in(client: Client) -> bool:
    return "_auth_user_id" in client.session


def code(secret: str = SECRET) -> str:
    return format_hotp_value(hotp_value(secret, next(iter(yield_hotp_counters_from_time()))))


def test_address_and_password_let_one_in(client: Client, ada: User) -> None:
    sign_in(client, email="ADA@example.org")
    assert is_in(client)


def test_a_wrong_password_and_an_unknown_address_look_the_same(client: Client, ada: User) -> None:
    wrong = sign_in(client, "wrong")
    unknown = sign_in(client, email="nobody@example.org")
    assert not is_in(client)
    said = [str(answer.context["form"].non_field_errors()) for answer in (wrong, unknown)]
    assert said[0] == said[1] != ""


def test_guessing_is_limited_even_for_the_right_password(client: Client, ada: User) -> None:
    for _ in range(10):
        sign_in(client, "wrong")
    answer = sign_in(client)
    assert not is_in(client)
    assert "Too many" in answer.content.decode()


def test_somebody_deactivated_cannot_sign_in_and_is_thrown_out(client: Client, ada: User) -> None:
    boss = people.add_person(None, "boss@example.org", roles=[Role.ADMIN])
    sign_in(client)
    assert client.get("/profile/").status_code == 200
    people.deactivate(boss, ada)
    assert client.get("/profile/")["Location"].startswith("/account/login/")
    sign_in(client)
    assert not is_in(client)


def test_nobody_signs_themselves_up_or_changes_their_address(client: Client, ada: User) -> None:
    for address in ("/account/signup/", "/account/email/"):
        answer = client.post(address, {"email": "me@example.org", "password1": PASSWORD, "password2": PASSWORD})
        assert answer.status_code == 302
    sign_in(client)
    client.post("/account/email/", {"email": "other@example.org", "action_add": ""})
    assert User.objects.count() == 1
    assert list(ada.emailaddress_set.values_list("email", flat=True)) == ["ada@example.org"]


def test_a_second_factor_is_asked_for_before_anything_is_shown(client: Client, ada: User) -> None:
    TOTP.activate(ada, SECRET)
    answer = sign_in(client)
    assert not is_in(client)
    assert answer.redirect_chain[-1][0].startswith("/account/2fa/authenticate/")
    client.post("/account/2fa/authenticate/", {"code": "000000"})
    assert not is_in(client)
    client.post("/account/2fa/authenticate/", {"code": code()})
    assert is_in(client)


def test_a_code_of_the_authenticator_works_once(client: Client, ada: User) -> None:
    TOTP.activate(ada, SECRET)
    used = code()
    sign_in(client)
    client.post("/account/2fa/authenticate/", {"code": used})
    client.logout()
    sign_in(client)
    client.post("/account/2fa/authenticate/", {"code": used})
    assert not is_in(client)


def test_a_recovery_code_works_once(client: Client, ada: User) -> None:
    TOTP.activate(ada, SECRET)
    spare = RecoveryCodes.activate(ada).get_unused_codes()[0]
    for expected in (True, False):
        sign_in(client)
        client.post("/account/2fa/authenticate/", {"code": spare})
        assert is_in(client) is expected
        client.logout()


def test_people_turn_on_a_second_factor_themselves(client: Client, ada: User) -> None:
    sign_in(client)
    page = client.get("/account/2fa/totp/activate/", follow=True)
    assert page.redirect_chain[-1][0].startswith("/account/reauthenticate/")  # a session left open is not enough
    page = client.post(page.redirect_chain[-1][0], {"password": PASSWORD}, follow=True)
    assert page.request["PATH_INFO"] == "/account/2fa/totp/activate/"
    client.post("/account/2fa/totp/activate/", {"code": code(page.context["form"].secret)})
    assert "On" in client.get("/people/").content.decode()
    assert client.get("/account/2fa/webauthn/add/").status_code == 200


@pytest.mark.parametrize("role", list(Role))
def test_where_it_is_required_power_waits_for_a_second_factor(
    client: Client, settings: Any, ada: User, role: Role
) -> None:
    settings.SAFEHOLD_REQUIRE_MFA = True
    user = people.add_person(None, f"{role}@example.org", roles=[role])
    people.accept_invitation(user, people.invite(None, user), PASSWORD)
    sign_in(client, email=user.email)
    answer = client.get("/profile/")
    if role is Role.ADMIN:
        assert answer["Location"] == "/account/2fa/"
        assert client.get("/account/2fa/").status_code == 200
        TOTP.activate(user, SECRET)
    assert client.get("/profile/").status_code == 200


def test_a_forgotten_password_is_replaced_with_a_code_by_mail(client: Client, ada: User) -> None:
    client.post("/account/password/reset/", {"email": "ada@example.org"})
    (message,) = mail.outbox
    sent = next(word for word in message.body.split() if len(word) >= 6 and word.isupper())
    client.post("/account/password/reset/confirm/", {"code": sent})
    client.post("/account/password/reset/complete/", {"password1": PASSWORD + "!", "password2": PASSWORD + "!"})
    client.logout()
    sign_in(client, PASSWORD + "!")
    assert is_in(client)


def test_the_link_of_an_invitation_leads_to_the_sign_in(client: Client, ada: User) -> None:
    user = people.add_person(ada, "grace@example.org")
    link = f"/welcome/{user.pk}/{people.invite(ada, user)}/"
    assert client.get(link).status_code == 200
    assert client.post(link, {"password": "short", "again": "short"}).status_code == 422
    assert client.post(link, {"password": PASSWORD, "again": PASSWORD + "x"}).status_code == 422
    answer = client.post(link, {"password": PASSWORD, "again": PASSWORD})
    assert answer["Location"] == "/account/login/"
    assert client.get(link).status_code == 410
    sign_in(client, email="grace@example.org")
    assert is_in(client)


@pytest.mark.parametrize("link", ["/welcome/usr_nobody/x/", "/welcome/usr_nobody/abc-0123/"])
def test_a_link_nobody_made_says_no_more_than_that(client: Client, link: str) -> None:
    assert client.get(link).status_code == 410


def test_people_see_where_they_are_signed_in_and_end_it(client: Client, ada: User) -> None:
    other, third = Client(headers={"user-agent": "An old laptop"}), Client()
    for each in (client, other, third):
        sign_in(each)
    assert "An old laptop" in client.get("/profile/").content.decode()
    laptop = UserSession.objects.get(user_agent="An old laptop")
    client.post(f"/profile/sessions/{laptop.pk}/end/")
    assert other.get("/profile/").status_code == 302
    client.post("/profile/sessions/end-others/")
    assert third.get("/profile/").status_code == 302
    assert client.get("/profile/").status_code == 200


def test_nobody_ends_somebody_elses_session(client: Client, ada: User) -> None:
    sign_in(client)
    theirs = UserSession.objects.get(user=ada)
    stranger = people.add_person(None, "grace@example.org", roles=[Role.ADMIN])
    people.accept_invitation(stranger, people.invite(None, stranger), PASSWORD)
    other = Client()
    sign_in(other, email="grace@example.org")
    assert other.post(f"/profile/sessions/{theirs.pk}/end/").status_code == 404
    assert client.get("/profile/").status_code == 200
    # An administrator may, by its own button, and the record says so.
    other.post(f"/people/{ada.pk}/sign-out/")
    assert client.get("/profile/").status_code == 302
