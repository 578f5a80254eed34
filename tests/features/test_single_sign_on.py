"""Signing in through an OpenID Connect provider, a real one on a real port: people who were added get in, nobody else."""

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from typing import Any

import httpx
import pytest
from django.test import Client

from safehold.accounts import people
from safehold.accounts.models import User
from safehold.accounts.roles import Role
from tests.features.oidc_provider import CLIENT_ID, SECRET, Provider

pytestmark = pytest.mark.django_db
START = "/account/oidc/oidc/login/"
CLAIMS = {"sub": "employee-7", "email": "grace@example.org", "email_verified": True, "name": "Grace Hopper"}


@pytest.fixture
def provider(settings: Any) -> Iterator[Provider]:
    with Provider("http://testserver/account/oidc/oidc/login/callback/", **CLAIMS) as running:
        settings.SOCIALACCOUNT_PROVIDERS = configured(running.url)["SOCIALACCOUNT_PROVIDERS"]
        yield running


def configured(url: str) -> dict[str, Any]:
    """What the settings are when the environment says where the provider is: read in a fresh process, as `up` does."""
    code = (
        "from safehold.site import settings as s; import json;"
        "print(json.dumps({n: getattr(s, n) for n in ('SOCIALACCOUNT_PROVIDERS', 'CONTENT_SECURITY_POLICY')}, default=str))"
    )
    variables = {"OIDC_SERVER_URL": url, "OIDC_CLIENT_ID": CLIENT_ID, "OIDC_SECRET": SECRET, "OIDC_NAME": "Plaza ID"}
    environment = os.environ | {f"SAFEHOLD_{name}": value for name, value in variables.items()}
    answer = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True)
    return json.loads(answer.stdout)


def sign_in(client: Client, alter: Callable[[str], str] = lambda url: url) -> Any:
    """Press the button, say yes at the provider, come back. `alter` tampers with the address one comes back to."""
    start = client.post(START)
    assert start.status_code == 302, start.content
    back = httpx.get(start["Location"], follow_redirects=False, timeout=60)
    return client.get(alter(back.headers["Location"]).removeprefix("http://testserver"), follow=True)


def who(client: Client) -> str | None:
    return client.session.get("_auth_user_id")


def test_somebody_who_was_added_gets_in(client: Client, provider: Provider) -> None:
    user = people.add_person(None, "grace@example.org", roles=[Role.MODERATOR])
    sign_in(client)
    assert who(client) == user.pk
    assert {"/.well-known/openid-configuration", "/authorize", "/token", "/userinfo"} <= set(provider.requests)


def test_the_second_time_the_identity_is_known_even_under_another_address(client: Client, provider: Provider) -> None:
    user = people.add_person(None, "grace@example.org")
    sign_in(client)
    client.logout()
    provider.claims["email"] = "grace.hopper@example.org"
    sign_in(client)
    assert who(client) == user.pk


def test_a_password_that_was_set_before_keeps_working(client: Client, provider: Provider) -> None:
    user = people.add_person(None, "grace@example.org")
    people.accept_invitation(user, people.invite(None, user), "correct horse battery staple")
    sign_in(client)
    assert User.objects.get(pk=user.pk).check_password("correct horse battery staple")


@pytest.mark.parametrize(
    "claims",
    [
        {"email": "stranger@example.org"},
        {"email_verified": False},
        {"email": "", "email_verified": True},
    ],
    ids=["nobody added them", "the address is not verified", "no address"],
)
def test_everybody_else_stays_out(client: Client, provider: Provider, claims: dict[str, Any]) -> None:
    people.add_person(None, "grace@example.org")
    provider.claims.update(claims)
    answer = sign_in(client)
    assert who(client) is None
    assert answer.status_code == 200
    assert User.objects.count() == 1


def test_somebody_deactivated_stays_out(client: Client, provider: Provider) -> None:
    people.deactivate(None, people.add_person(None, "grace@example.org"))
    sign_in(client)
    assert who(client) is None


def test_an_answer_that_was_not_asked_for_is_refused(client: Client, provider: Provider) -> None:
    people.add_person(None, "grace@example.org")
    sign_in(client, lambda url: url.replace("state=", "state=x"))
    assert who(client) is None


def test_a_code_works_once(client: Client, provider: Provider) -> None:
    people.add_person(None, "grace@example.org")
    seen: list[str] = []
    sign_in(client, lambda url: seen.append(url) or url)
    client.logout()
    client.get(seen[0].removeprefix("http://testserver"), follow=True)
    assert who(client) is None


def test_the_browser_is_allowed_to_go_to_the_provider_and_nowhere_else() -> None:
    policy = configured("https://id.example.org/realms/plaza")["CONTENT_SECURITY_POLICY"]
    assert policy["DIRECTIVES"]["form-action"] == ["'self'", "https://id.example.org"]


def test_without_a_provider_there_is_no_button(client: Client) -> None:
    assert "Plaza ID" not in client.get("/account/login/").content.decode()


def test_the_sign_in_page_offers_the_provider(client: Client, provider: Provider) -> None:
    assert "Plaza ID" in client.get("/account/login/").content.decode()
