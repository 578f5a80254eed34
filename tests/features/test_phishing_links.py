"""What a policy author gets from `signals.phishing`: how much a link looks like phishing, and by which traits."""

import random

import numpy as np
import pytest
from training.phishing_hosts import FOLDS, folds_of, group_of

from safehold.signals.links.find import registrable
from safehold.signals.phishing import Phishing
from tests.features.test_reading_disguised_text import said

SIGNAL = Phishing()


def of(text):
    return SIGNAL.run(said(text))


@pytest.mark.parametrize(
    ("link", "reason"),
    [
        ("https://paypal-login.top/account", "brand-lure"),
        ("http://раураl.com/", "brand-homograph"),
        ("https://santanderr.com", "brand-typo"),
        ("https://paypal.com.evil-host.net/login", "brand-subdomain"),
        ("https://claim-airdrop.xyz", "offers"),
        ("https://wallet-connect-verify.live", "asks"),
        ("https://claimtokens.network", "coins"),
        ("https://0pensea.company", "digits-as-letters"),
        ("http://81.2.69.142/login", "numeric-address"),
        ("https://paypal.com@evil.ru/login", "userinfo"),
        ("https://evil-host.net/paypal/signin", "brand-in-path"),
        ("https://evil-host.net/paypal/signin", "asks-in-path"),
        ("https://secure-update.pages.dev", "free-host"),
    ],
)
def test_a_trait_is_named_where_it_raises_the_score(link, reason):
    assert reason in of(f"look at {link} now")["reasons"]


@pytest.mark.parametrize(
    "link",
    [
        "https://www.paypal.com/signin",
        "https://accounts.google.com/login",
        "https://en.wikipedia.org/wiki/Phishing",
        "https://github.com/rust-lang/rust/pull/1",
        "https://www.bakery-miller.de/opening-hours",
        "https://security.example.org/",
        "https://community-token.org/docs",  # what a host is about is not enough
        "https://www.coinbase.com/wallet",
    ],
)
def test_innocent_links_stay_below(link):
    found = of(f"look at {link} now")
    assert found["score"] < 0.5
    assert found["suspects"] == []


def test_the_worst_of_several_links_counts():
    found = of("https://www.bakery-miller.de and https://claim-airdrop-token.xyz")
    assert found["host"] == "claim-airdrop-token.xyz"
    assert found["suspects"] == ["claim-airdrop-token.xyz"]
    assert found["score"] >= 0.5


def test_whom_it_pretends_to_be_is_said():
    assert of("https://paypal-login.top")["brand"] == "paypal"


def test_a_text_without_links_scores_nothing():
    found = of("hello, are you there?")
    assert (found["score"], found["host"], found["reasons"]) == (0.0, "", [])


def test_listed_phishing_is_found_more_often_than_innocent_hosts_are():
    """A hundredth of the shipped list, against hosts of the kind that people share."""
    from pathlib import Path

    listed = (Path(__file__).parents[2] / "policies/lists/phishing-domains.txt").read_text("utf-8").splitlines()[::200]
    hosts = [line for line in listed if line and not line.startswith("#")]
    assert sum(of(f"https://{host}/")["score"] >= 0.5 for host in hosts) / len(hosts) >= 0.12


def test_the_split_behind_its_figures_has_no_domain_and_no_making_of_names_on_both_sides():
    draw = random.Random(3)
    words = ["claim", "metamask", "airdrop", "garden", "bakery", "uniswap", "finance", "violin", "support", "clinic"]
    names = [f"{draw.choice(words)}{draw.choice(['', '-', '24-'])}{draw.choice(words)}" for _ in range(300)]
    hosts = [
        draw.choice(["", "", "www2.", "login."]) + f"{name}.{draw.choice(['com', 'io', 'co.uk'])}" for name in names
    ]
    folds, groups = folds_of(hosts, np.random.default_rng(1))
    assert set(folds.tolist()) == set(range(FOLDS))
    for key in (registrable, group_of):
        sides: dict[str, set[int]] = {}
        for host, fold in zip(hosts, folds.tolist(), strict=True):
            sides.setdefault(key(host), set()).add(fold)
        assert len(sides) > FOLDS and all(len(found) == 1 for found in sides.values())
    assert len(set(groups)) < len(set(map(registrable, hosts)))
