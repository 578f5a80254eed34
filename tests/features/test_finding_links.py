"""Links are found as people write them, and a host that pretends to be a known name is caught."""

import pytest

from safehold.signals.links import Links
from safehold.signals.links.find import find, registrable
from safehold.signals.links.lookalikes import Brands, distance
from tests.features.test_reading_disguised_text import said

BRANDS = Brands.shipped()


@pytest.mark.parametrize(
    ("text", "hosts"),
    [
        ("see https://Example.com/a(b), ok?", ["example.com"]),
        ("(http://x.org/foo).", ["x.org"]),
        ("go to www.shop.example.co.uk now", ["shop.example.co.uk"]),
        ("bit.ly/abc and t.me/joinchat", ["bit.ly", "t.me"]),
        ("visit evil.com!", ["evil.com"]),
        ("hxxps://evil[.]com/path", ["evil.com"]),
        ("evil (dot) com, or evil dot org", ["evil.com", "evil.org"]),
        ("https://paypal.com@evil.ru/login", ["evil.ru"]),
        ("http://3232235777/x", ["192.168.1.1"]),
        ("http://[::1]:80/", ["[::1]"]),
        ("http://раураl.com/", ["xn--l-7sba6dbr.com"]),
        ("例え.jp is fine", ["xn--r8jz45g.jp"]),
        ("evil。com", ["evil.com"]),
        ("http://user:pass@h.com", ["h.com"]),
        ("WIN AT WWW.COOL.COM!!", ["cool.com"]),
    ],
)
def test_a_link_is_found(text, hosts):
    links, more = find(text)
    assert [link.host for link in links] == hosts
    assert not more


@pytest.mark.parametrize(
    "text",
    [
        "Meet me.so what",
        "readme.md and node.js and main.rs",
        "version 1.2.3.4 is out",
        "K..k..i'm fine.Thanks",
        "c u 2morrow.love you",
        "jo@example.com",
        "at 9.pm e.g. i.e. U.S.A.",
        "That was it.It was fun",
        "1.5 or 2.0",
        "",
    ],
)
def test_what_is_no_link_is_not_one(text):
    assert find(text) == ([], False)


def test_a_password_in_a_link_is_not_repeated():
    (link,), _ = find("http://jo:hunter22@evil.com/x")
    assert "hunter22" not in link.url
    assert link.tricks == {"userinfo"}


@pytest.mark.parametrize(
    ("host", "site"),
    [("a.b.evil.co.uk", "evil.co.uk"), ("x.y.pages.dev", "y.pages.dev"), ("192.168.1.1", "192.168.1.1")],
)
def test_what_somebody_registered(host, site):
    assert registrable(host) == site


@pytest.mark.parametrize(
    ("host", "brand", "how"),
    [
        ("paypa1.com", "paypal", "homograph"),
        ("xn--l-7sba6dbr.com", "paypal", "homograph"),
        ("arnazon.com", "amazon", "homograph"),
        ("micros0ft.com", "microsoft", "homograph"),
        ("facebok.com", "facebook", "typo"),
        ("steamcommunlty.com", "steamcommunity", "typo"),
        ("paypal-login.today", "paypal", "lure"),
        ("metamask-support.io", "metamask", "lure"),
        ("secure-dhl.info", "dhl", "lure"),
        ("paypal.com.evil.ru", "paypal", "subdomain"),
        ("uniswap.pages.dev", "uniswap", "subdomain"),
        ("verify-coinbase.example.com", "coinbase", "subdomain"),
    ],
)
def test_a_look_alike_is_caught(host, brand, how):
    found = BRANDS.resembles(host)
    assert found is not None
    assert (found.brand, found.how) == (brand, how)


@pytest.mark.parametrize(
    "host",
    [
        *("paypal.com", "www.paypal.com", "amazon.co.uk", "smile.amazon.de", "login.microsoftonline.com"),
        *("me.github.io", "github.mycompany.com", "outlook.university.edu", "apply.com", "goggle.com", "chose.com"),
        *("example.com", "apple.farm", "wise.guide", "paypalproject.example", "reddit.org", "amazing.com"),
    ],
)
def test_an_innocent_host_is_not(host):
    assert BRANDS.resembles(host) is None


def test_edit_distance_counts_swaps_as_one():
    assert distance("paypla", "paypal") == 1
    assert distance("kitten", "sitting") == 3
    assert distance("", "abc") == 3


def test_brands_can_be_your_own_and_a_bad_line_is_named():
    own = Brands.parse(["# ours", "plaza forum: plaza.example"])
    links = Links(own)
    values = links.run(said("log in at https://plazaforum-login.com"))
    assert values["lookalikes"] == [{"host": "plazaforum-login.com", "brand": "plazaforum", "how": "lure"}]
    assert links.run(said("paypa1.com"))["lookalikes"] == []
    assert links.version != Links().version
    with pytest.raises(ValueError, match="line 1"):
        Brands.parse(["no domains here"])


def test_a_policy_sees_hosts_sites_shorteners_and_tricks():
    values = Links().run(
        said("bit.ly/x https://foo.pages.dev hxxp://8.8.8.8/a https://a.example.co.uk/1 https://a.example.co.uk/2")
    )
    assert values["count"] == 5
    assert values["domains"] == ["bit.ly", "foo.pages.dev", "8.8.8.8", "a.example.co.uk"]
    assert values["registrable"] == ["bit.ly", "foo.pages.dev", "8.8.8.8", "example.co.uk"]
    assert values["shorteners"] == ["bit.ly"]
    assert values["hosted"] == ["foo.pages.dev"]
    assert values["ip_hosts"] == ["8.8.8.8"]
    assert values["tricks"] == ["defanged", "ip"]


def test_links_beside_the_text_count_too():
    event = said("my new page", data={"links": ["https://evil.com/a", 7], "website": "https://me.example.org"})
    assert Links().run(event)["domains"] == ["evil.com", "me.example.org"]


def test_more_than_a_hundred_links_are_cut_and_said():
    values = Links().run(said(" ".join(f"https://h{i}.com" for i in range(150))))
    assert values["count"] == 100
    assert values["truncated"] is True
