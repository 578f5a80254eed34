"""What a site gets that pointed its Akismet client here: the same answers to the same calls, made by its own policies, in its
own record; and what its moderators say of them teaches its models. Real clients and the requests of others, a real server.
"""

import asyncio
import itertools
import json
import socket
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from urllib.parse import urlencode, urlsplit

import akismet
import httpx
import pytest
from django.utils import timezone

from safehold.accounts.keys import create_key
from safehold.accounts.models import ApiKey
from safehold.accounts.roles import Scope
from safehold.desk.decisions.models import Decision
from safehold.desk.entities.models import Event
from safehold.desk.learning.models import Label, Text
from tests.conftest import let_the_hour_turn
from tests.gateway_server import Server, database_of_its_own, policy_folder, serving
from tests.world import service

BLOG = "https://blog.example"
THANKS = "Thanks for making the web a better place."
SPAM = "Buy cheap viagra pills online now, best price, no prescription: http://pills.example/buy"
POLICY = """
policy: spam.comments
title: Spam in comments
severity: medium
guidance: Would the people who read this be glad of it?
notice: {en: We don't publish advertising in comments.}
dsa: {category: OTHER_VIOLATION_TC, ground: incompatible, clause: Terms 4.2, url: https://plaza.example/terms}
appeal: {window: 184d}
on: [content.checked]
rules:
  - id: pills
    mode: live
    when: data.text.contains("cheap viagra pills")
    then: {action: remove, reason: It sells pills}
  - id: casino
    mode: live
    when: data.text.contains("casino")
    then: {action: hold, queue: spam, reason: A person should look}
  - id: trap
    mode: live
    when: has(data.honeypot) && data.honeypot
    then: {action: remove, queue: spam, reason: A hidden field was filled in}
  - id: website
    mode: live
    when: signals.links.domains.exists(d, d == "spam-site.example")
    then: {action: hold, reason: The author's website}
examples:
  - name: pills
    event: {type: content.checked, data: {content_id: c1, api: akismet, text: "cheap viagra pills"}}
    expect: {pills: remove}
"""
OTHER_POLICY = (
    POLICY.replace("policy: spam.comments", "policy: abuse.names")
    .partition("  - id: casino")[0]
    .replace("cheap viagra pills", "you nincompoop")
    + "examples:\n  - name: a name\n    event: {type: content.checked, data: {content_id: c1, api: akismet, "
    'text: "you nincompoop"}}\n    expect: {pills: remove}\n'
)
_numbers = itertools.count(1)


def folder_of_policies(folder: Path) -> Path:
    policies = policy_folder(folder)
    (policies / "comments.yaml").write_text(POLICY)
    (policies / "names.yaml").write_text(OTHER_POLICY)
    return policies


@pytest.fixture(scope="module")
def place(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[SimpleNamespace]:
    folder = tmp_path_factory.mktemp("akismet")
    with database_of_its_own("sqlite", request, folder) as url:
        service()
        secrets = {
            "whole": create_key(
                None, "blog", [Scope.SCORE_TEXTS, Scope.WRITE_EVENTS, Scope.WRITE_LABELS], service="plaza"
            )[1],
            "score": create_key(None, "form", [Scope.SCORE_TEXTS], service="plaza")[1],
            "events": create_key(None, "platform", [Scope.WRITE_EVENTS], service="plaza")[1],
        }
        expired, secrets["expired"] = create_key(None, "old", [Scope.SCORE_TEXTS], service="plaza")
        ApiKey.objects.filter(pk=expired.pk).update(expires_at=timezone.now() - timedelta(days=1))
        with serving(url, folder_of_policies(folder / "policies"), folder, rate=0) as server:
            yield SimpleNamespace(server=server, http=server.client(), **secrets)


def comment(**said: str) -> dict[str, str]:
    """A form that nobody else sends, but for what is said."""
    number = next(_numbers)
    return {
        "blog": BLOG,
        "user_ip": f"203.0.113.{number % 250}",
        "user_agent": "Mozilla/5.0",
        "permalink": f"{BLOG}/posts/{number}/",
        "comment_type": "comment",
        "comment_author": f"Ada {number}",
        "comment_author_email": f"ada{number}@mail.example",
        "comment_content": "I read this twice. Thank you for writing it.",
    } | said


def ask(
    place: SimpleNamespace, form: dict[str, str], path: str = "comment-check", key: str = "whole"
) -> httpx.Response:
    answer: httpx.Response = place.http.post(f"/1.1/{path}", data=form | {"api_key": getattr(place, key)})
    return answer


def redirected(server: Server) -> dict[str, Any]:
    """How a client with a fixed host is pointed here, as docs/how-to/migrate-from-akismet.md says."""
    here = urlsplit(server.url)

    def point(request: httpx.Request) -> None:
        request.url = request.url.copy_with(scheme=here.scheme, host=here.hostname, port=here.port)
        request.headers["Host"] = here.netloc

    async def point_later(request: httpx.Request) -> None:
        point(request)

    return {"now": {"request": [point]}, "later": {"request": [point_later]}}


# The packages that people use


def test_the_akismet_package_works_unchanged(place):
    http = httpx.Client(event_hooks=redirected(place.server)["now"], timeout=60)
    with akismet.SyncClient(config=akismet.Config(place.whole, BLOG), http_client=http) as client:
        ham = client.comment_check("203.0.113.7", comment_content="What a lovely garden", comment_author="Ada")
        spam = client.comment_check("203.0.113.7", comment_content="Come to our casino", comment_type="forum-post")
        gone = client.comment_check("203.0.113.7", comment_content=SPAM, comment_author="Max", user_agent="Mozilla/5.0")
        assert (ham, spam, gone) == (
            akismet.CheckResponse.HAM, akismet.CheckResponse.SPAM, akismet.CheckResponse.DISCARD,
        )  # fmt: skip
        assert client.submit_spam("203.0.113.7", comment_content="What a lovely garden, see my site", is_test=True)
        assert client.submit_ham("203.0.113.7", comment_content="Come to our casino night for charity")
        assert client.verify_key() is True
        assert client.verify_key(key="sh_wrong", url=BLOG) is False


def test_the_akismet_package_works_asynchronously_too(place):
    async def both() -> list[Any]:
        http = httpx.AsyncClient(event_hooks=redirected(place.server)["later"], timeout=60)
        async with akismet.AsyncClient(config=akismet.Config(place.whole, BLOG), http_client=http) as client:
            asked = [client.comment_check("203.0.113.8", comment_content=text) for text in (SPAM, "Good morning")]
            return [
                *await asyncio.gather(*asked),
                await client.submit_spam("203.0.113.8", comment_content="casino now"),
            ]

    assert asyncio.run(both()) == [akismet.CheckResponse.DISCARD, akismet.CheckResponse.HAM, True]


def test_a_client_with_a_wrong_key_says_so(place):
    http = httpx.Client(event_hooks=redirected(place.server)["now"], timeout=60)
    client = akismet.SyncClient(config=akismet.Config("sh_wrong", BLOG), http_client=http)
    with pytest.raises(akismet.APIKeyError):
        client.comment_check("203.0.113.7", comment_content="Good morning")


# Requests as other clients make them


def raw(server: Server, head: str, body: str) -> tuple[str, str]:
    """One request, byte for byte; the head and the body of its answer."""
    here = urlsplit(server.url)
    with socket.create_connection((str(here.hostname), int(here.port or 0)), timeout=60) as connection:
        connection.sendall(f"{head}Content-Length: {len(body.encode())}\r\nConnection: close\r\n\r\n{body}".encode())
        answer = b""
        while part := connection.recv(65_536):
            answer += part
    top, _, rest = answer.decode().partition("\r\n\r\n")
    return top.lower(), rest


def test_wordpress_is_answered(place):
    """HTTP/1.0, a charset, the key at the end, and all of the visitor's request in the form."""
    more = {
        "user_ID": "0", "comment_post_ID": "12", "comment_parent": "0", "blog_lang": "de_DE", "blog_charset": "UTF-8",
        "akismet_comment_nonce": "inactive", "POST_comment": "Schöner Garten", "POST_submit": "Post Comment",
        "HTTP_HOST": "blog.example", "HTTP_ACCEPT_LANGUAGE": "de", "REMOTE_ADDR": "203.0.113.9",
        "REQUEST_URI": "/wp-comments-post.php", "comment_post_modified_gmt": "2026-02-01 09:30:00", "referrer": BLOG,
    }  # fmt: skip
    head = (
        "POST /1.1/{} HTTP/1.0\r\nHost: rest.akismet.com\r\nUser-Agent: WordPress/6.1 | Akismet/5.0\r\n"
        "Content-Type: application/x-www-form-urlencoded; charset=UTF-8\r\n"
    )
    form = comment(comment_content="Schöner Garten, casino") | more
    top, answer = raw(place.server, head.format("comment-check"), urlencode(form | {"api_key": place.whole}))
    assert (top.split("\r\n")[0].split()[1], answer) == ("200", "true")
    assert "content-type: text/plain" in top
    assert "x-akismet-debug-help" not in top
    event = json.loads(Event.objects.order_by("-position")[0].body)["data"]
    assert event["language"] == "de-DE"
    assert "HTTP_ACCEPT_LANGUAGE" not in event
    for path, body, said in [
        ("verify-key", {"key": place.whole, "blog": BLOG, "api_key": "an-older-one"}, "valid"),
        ("verify-key", {"key": "an-older-one", "blog": BLOG, "api_key": place.whole}, "invalid"),
        ("submit-spam", form | {"reporter": "admin", "site_domain": "blog.example", "api_key": place.whole}, THANKS),
        ("deactivate", {"key": place.whole, "blog": BLOG}, "deactivated"),
    ]:
        assert raw(place.server, head.format(path), urlencode(body))[1] == said
    _, plan = raw(place.server, head.format("get-subscription"), urlencode({"key": place.whole, "blog": BLOG}))
    assert json.loads(plan)["status"] == "active"
    assert place.http.get("/1.1/test").text == "connected"


@pytest.mark.parametrize("prefix", ["sh_", "sh-"])
def test_clients_that_put_the_key_into_the_hosts_name_are_answered(prefix, place):
    """As Ruby's and Perl's clients and Drupal's module do. Node writes host names in lower case."""
    host = f"{prefix}{place.whole[3:]}.rest.safehold.example".upper()
    for name in (host, host.lower()):
        head = (
            f"POST /1.1/comment-check HTTP/1.1\r\nHost: {name}\r\nContent-Type: application/x-www-form-urlencoded\r\n"
        )
        assert raw(place.server, head, urlencode(comment(comment_content=SPAM)))[1] == "true"


def test_the_context_comes_as_php_and_as_javascript_send_lists(place):
    for names in ("comment_context[]", "comment_context[0]", "comment_context"):
        form = comment() | {names: "gardening"}
        assert ask(place, form).text == "false"
        assert json.loads(Event.objects.order_by("-position")[0].body)["data"]["replies_to"] == ["gardening"]


# What becomes of a comment


def test_a_comment_becomes_an_event_and_a_decision(place):
    form = comment(
        comment_content="Come to our casino", comment_author_url="https://ada.example", comment_date_gmt="2026-02-01T09:30:00Z",
        user_role="subscriber", recheck_reason="edit",
    )  # fmt: skip
    answer = ask(place, form)
    assert (answer.text, answer.headers["safehold-action"]) == ("true", "hold")
    decision = Decision.objects.get(pk=answer.headers["safehold-decision"])
    assert (decision.action, decision.rule, decision.queue) == ("hold", "spam.comments/casino", "spam")
    assert decision.subject_id == answer.headers["x-akismet-guid"]
    said = json.loads(decision.event.body)
    assert said["time"].startswith("2026-02-01T09:30:00")
    data = said["data"]
    assert data["text"] == "Come to our casino"
    assert (data["url"], data["community"], data["links"]) == (form["permalink"], BLOG, ["https://ada.example"])
    assert (data["role"], data["recheck_reason"]) == ("subscriber", "edit")
    assert data["context"] == {"ip": form["user_ip"], "user_agent": "Mozilla/5.0"}
    assert data["actor"]["email"] == form["comment_author_email"]
    assert decision.account_id == data["actor"]["id"]
    assert "@" not in data["actor"]["id"]


def test_one_author_is_one_account_however_often_they_write(place):
    def account(**said: str) -> str:
        return Decision.objects.get(pk=ask(place, comment(**said)).headers["safehold-decision"]).account_id

    assert account(comment_author_email="Eve@mail.example") == account(comment_author_email="eve@mail.example")
    assert account(user_ID="7", comment_author_email="a@x.example") == account(
        user_ID="7", comment_author_email="b@x.example"
    )
    nobody = {"comment_author": "", "comment_author_email": ""}
    assert account(user_ip="198.51.100.1", **nobody) != account(user_ip="198.51.100.2", **nobody)


@pytest.mark.parametrize(
    ("said", "answer", "discard"),
    [
        ({"comment_content": SPAM}, "true", True),
        ({"comment_content": "The casino on the hill"}, "true", False),  # a person is asked
        ({"comment_content": "you nincompoop"}, "true", False),  # gone, but not for spam
        ({"comment_author_url": "http://spam-site.example/x"}, "true", False),
        ({"honeypot_field_name": "hidden", "hidden": "x"}, "true", False),
        ({"honeypot_field_name": "hidden", "hidden": ""}, "false", False),
        ({"comment_content": "nul \0 and \ud7ff", "comment_author": "x" * 5_000}, "false", False),
        ({"comment_content": "", "comment_type": "signup"}, "false", False),
        ({"comment_content": SPAM, "user_role": "administrator"}, "false", False),
        ({"comment_author": "viagra-test-123"}, "true", False),
        ({"comment_author_email": "akismet-guaranteed-spam@example.com"}, "true", False),
        ({"comment_author": "viagra-test-123", "is_test": "1", "test_discard": "1"}, "true", True),
    ],
)
def test_the_verdict_is_said_in_akismets_words(said, answer, discard, place):
    got = ask(place, comment(**said))
    assert (got.status_code, got.text) == (200, answer)
    assert got.headers.get("x-akismet-pro-tip") == ("discard" if discard else None)
    assert len(got.headers["x-akismet-guid"]) == 32
    assert not {"x-akismet-debug-help", "x-akismet-alert-code"} & set(got.headers)


def test_a_test_and_a_key_that_may_only_score_leave_nothing_behind(place):
    before = (Event.objects.count(), Label.objects.count())
    assert ask(place, comment(comment_content=SPAM, is_test="1")).text == "true"
    assert ask(place, comment(is_test="true")).text == "false"
    assert ask(place, comment(comment_content=SPAM), key="score").text == "true"
    assert ask(place, comment(comment_content=SPAM, is_test="1"), "submit-spam").text == THANKS
    assert (Event.objects.count(), Label.objects.count()) == before


# What moderators submit


def test_what_moderators_submit_becomes_a_label_once(place):
    form = comment(comment_content="Visit my shop,\r\nfriends")
    guid = ask(place, form).headers["x-akismet-guid"]

    def labels() -> list[tuple[float, str]]:
        rows = Label.objects.filter(reference__startswith=guid).order_by("position")
        return list(rows.values_list("value", "source"))

    first = ask(place, form, "submit-spam")
    assert (first.text, first.headers["safehold-labels"]) == (THANKS, "1")
    assert ask(place, form, "submit-spam").headers["safehold-labels"] == "0"
    # The same comment by its GUID, and as a database gives it back
    assert ask(place, form | {"guid": guid}, "submit-spam").headers["safehold-labels"] == "0"
    later = form | {"comment_date_gmt": "2026-02-01 09:30:00", "comment_content": "Visit my shop,\nfriends\n"}
    assert labels() == [(1.0, "akismet")]
    assert ask(place, form, "submit-ham").text == THANKS
    assert labels() == [(1.0, "akismet"), (0.0, "akismet")]
    assert ask(place, later, "submit-ham").headers["safehold-labels"] == "0"
    label = Label.objects.filter(reference=guid)[0]
    assert (label.attribute, label.service_id) == ("spam", "plaza")
    assert label.key == ApiKey.objects.get(name="blog").pk
    assert Text.objects.get(digest=label.digest).words == "Visit my shop,\nfriends"


def test_nothing_can_be_learned_from_a_comment_without_words(place):
    got = ask(place, comment(comment_content=" "), "submit-spam")
    assert (got.text, got.headers["safehold-labels"]) == (THANKS, "0")


# Figures


def figures(place: SimpleNamespace, path: str, method: str = "GET", key: str = "whole", **asked: str) -> httpx.Response:
    said = asked | {"api_key": getattr(place, key)}
    got: httpx.Response = place.http.request(
        method, f"/1.2/{path}", **({"params": said} if method == "GET" else {"data": said})
    )
    return got


@pytest.fixture(scope="module")
def counted(place: SimpleNamespace) -> SimpleNamespace:
    """Three sites with what they had checked, and what their moderators said of it."""
    let_the_hour_turn()  # figures are a month's
    for site, texts in [("shop", [SPAM, SPAM, "fine"]), ("club", ["fine"] * 5), ("=quiet", ["fine"])]:
        for text in texts:
            ask(place, comment(blog=f"https://www.{site}.sites.example/", comment_content=text))
    missed = comment(blog="https://club.sites.example", comment_content="See my shop")
    ask(place, missed)
    ask(place, missed, "submit-spam")
    wrong = comment(blog="http://shop.sites.example", comment_content="Come to our casino night for charity")
    ask(place, wrong)
    ask(place, wrong, "submit-spam")  # and then they changed their mind
    ask(place, wrong, "submit-ham")
    ask(place, comment(blog="https://never.sites.example", comment_content="never checked"), "submit-spam")
    return place


def test_what_each_site_had_checked_is_counted(counted):
    month = timezone.now().strftime("%Y-%m")
    got = figures(counted, "key-sites", filter="sites.example").json()
    assert list(got) == [month, "limit", "offset", "total"]
    assert (got["limit"], got["offset"], got["total"]) == (500, 0, 3)
    shop = {"site": "shop.sites.example", "api_calls": "4", "spam": "3", "ham": "1", "missed_spam": "1",
            "false_positives": "1", "is_revoked": False}  # fmt: skip
    assert [row["site"] for row in got[month]] == ["club.sites.example", "shop.sites.example", "=quiet.sites.example"]
    assert got[month][1] == shop
    asked = {"filter": "SITES.example", "order": "spam", "limit": "1", "month": month}
    assert figures(counted, "key-sites", "POST", **asked).json()[month] == [shop]
    later = figures(counted, "key-sites", **asked | {"offset": "1"}).json()
    assert [row["site"] for row in later[month]] == ["=quiet.sites.example"]
    assert figures(counted, "key-sites", month="2020-02").json() == {
        "2020-02": [],
        "limit": 500,
        "offset": 0,
        "total": 0,
    }


def test_the_same_as_a_table_that_no_spreadsheet_runs(counted):
    got = figures(counted, "key-sites", filter="sites.example", format="csv")
    assert got.headers["content-type"] == "text/csv; charset=utf-8"
    title, names, *rows = got.text.splitlines()
    assert title.startswith("Active sites") and counted.whole not in title
    assert names == "Site,Total API Calls,Spam,Ham,Missed Spam,False Positives,Is Revoked"
    assert "shop.sites.example,4,3,1,1,1,false" in rows
    assert "'=quiet.sites.example,1,0,1,0,0,false" in rows


def test_the_months_usage_has_no_limit(counted):
    for method in ("GET", "POST"):
        got = figures(counted, "usage-limit", method).json()
        assert got == {"limit": "none", "usage": got["usage"], "percentage": "0.00", "throttled": False}
        assert got["usage"] >= 11
    assert figures(counted, "usage-limit", extended="true").json()["upgrade"] is False
    http = httpx.Client(event_hooks=redirected(counted.server)["now"], timeout=60)
    with akismet.SyncClient(config=akismet.Config(counted.whole, BLOG), http_client=http) as client:
        assert client.usage_limit()["limit"] == "none"


def stats(place: SimpleNamespace, key: str = "whole", **asked: str) -> httpx.Response:
    said = {"key": getattr(place, key), "blog": "http%3A%2F%2Fwww.shop.sites.example", "from": "6-months"} | asked
    got: httpx.Response = place.http.post("/1.1/get-stats", data=said)  # urlencoded twice, as the plugin does
    return got


def test_wordpress_shows_what_its_site_had_checked(counted):
    """The fields that its console and `wp akismet stats` read, of this site alone."""
    month = timezone.now().strftime("%Y-%m")
    counts = {"spam": 3, "ham": 1, "missed_spam": 1, "false_positives": 1}
    for asked in ("60-days", "6-months", "all"):
        got = stats(counted, **{"from": asked}).json()
        assert got == counts | {
            "accuracy": 50.0, "time_saved": 0, "breakdown": {month: counts | {"da": f"{month}-01"}},
        }  # fmt: skip
    club = stats(counted, blog="https://club.sites.example/").json()
    assert (club["ham"], club["missed_spam"], club["accuracy"]) == (6, 1, 83.33)
    for nothing in (stats(counted, blog="https://nobody.example"), stats(counted, "score")):
        assert (nothing.status_code, nothing.text) == (200, ""), "the plugin shows no figures then"
    wrong = stats(counted, **{"from": "yesterday"})
    assert wrong.status_code == 400 and wrong.text.startswith("from")


def test_a_key_that_only_scores_is_told_of_no_sites(counted):
    assert figures(counted, "usage-limit", key="score").json()["usage"] == 0
    assert figures(counted, "key-sites", key="score").json()["total"] == 0
    assert figures(counted, "key-sites", key="expired").text == "invalid"


@pytest.mark.parametrize(
    "asked",
    [{"month": "2026-13"}, {"month": "now"}, {"order": "site"}, {"format": "xml"}, {"limit": "0"}, {"offset": "-1"},
     {"limit": "9" * 40}, {"limit": "20000"}, {"offset": "²"}],
)  # fmt: skip
def test_what_cant_be_counted_is_named(asked, counted):
    got = figures(counted, "key-sites", **asked)
    [name] = asked
    assert got.status_code == 400 and got.text.startswith(name)


# What is wrong


@pytest.mark.parametrize("missing", ["blog", "user_ip"])
@pytest.mark.parametrize("path", ["comment-check", "submit-spam", "submit-ham"])
def test_what_is_missing_is_named_and_no_client_takes_it_for_a_verdict(missing, path, place):
    got = ask(place, comment() | {missing: ""}, path)
    assert (got.status_code, got.text) == (400, f"Missing required field: {missing}.")
    assert got.headers["x-akismet-debug-help"] == got.text


@pytest.mark.parametrize(
    ("key", "path", "code", "why"),
    [
        ("expired", "comment-check", "90401", "expired"),
        ("events", "comment-check", "90403", "text:score"),
        ("score", "submit-ham", "90403", "labels:write"),
    ],
)
def test_a_key_that_wont_do_is_invalid_and_the_administrator_is_told_why(key, path, code, why, place):
    got = ask(place, comment(), path, key)
    assert (got.status_code, got.text) == (200, "invalid")
    assert got.headers["x-akismet-alert-code"] == code
    assert why in got.headers["x-akismet-alert-msg"]
    assert why in got.headers["x-akismet-debug-help"]


def test_verify_key_says_valid_or_invalid(place):
    for key, said in [(place.whole, "valid"), (place.score, "valid"), (place.expired, "invalid"), ("", "invalid")]:
        got = place.http.post("/1.1/verify-key", data={"key": key, "blog": BLOG})
        assert (got.status_code, got.text) == (200, said)


def test_what_is_no_form_and_what_is_too_large_is_refused(place):
    assert place.http.post("/1.1/comment-check", json=comment()).status_code == 415
    assert place.http.post("/1.1/comment-check", data={"comment_content": "x" * 2_000_000}).status_code == 413
    assert place.http.get("/1.1/comment-check").status_code == 405
