"""What a policy author gets from `signals.spam`: the marks of advertisements and scams, each as a field, in any disguise."""

import time

import pytest

from safehold.signals.personal.keccak import keccak256
from safehold.signals.personal.numbers import wallets
from safehold.signals.spam import Spam
from tests.features.test_reading_disguised_text import said

SIGNAL = Spam()


def of(text):
    return SIGNAL.run(said(text))


@pytest.mark.parametrize(
    ("text", "contact"),
    [
        ("message me on whatsapp for prices", "whatsapp"),
        ("W h a t s a p p me: +44 20 7946 0018", "whatsapp"),
        ("wh@tsapp number +447700900123", "whatsapp"),
        ("hit me up on Telеgram @fastcoins", "telegram"),
        ("join my channel t.me/fastcoins", "telegram"),
        ("add me on snap: sure, but add my snapchat", "snapchat"),
        ("schreib mir auf WhatsApp", "whatsapp"),
        ("escríbeme por telegram", "telegram"),
        ("call me at +44 20 7946 0018", "phone"),
        ("mail jo at example dot com", "email"),
    ],
)
def test_a_way_to_talk_elsewhere_is_found(text, contact):
    assert contact in of(text)["contacts"]


@pytest.mark.parametrize(
    "text",
    [
        "WhatsApp was down again yesterday",
        "the telegram arrived in 1912",
        "I deleted instagram, life is good",
        "see you at 8",
        "search or at shop.com",
    ],
)
def test_to_speak_of_a_service_is_no_invitation(text):
    assert of(text)["contacts"] == []


@pytest.mark.parametrize(
    "text",
    [
        "my number is zero seven seven nine one two three four five six",
        "call me o77oo9oo123",
        "0️⃣7️⃣7️⃣0️⃣0️⃣9️⃣0️⃣0️⃣1️⃣2️⃣3️⃣",
        "null eins fünf eins zwei drei vier fünf sechs sieben",
    ],
)
def test_a_number_that_hides_is_a_number_in_disguise(text):
    assert (of(text)["contacts"], of(text)["disguised"]) == (["phone"], ["phone"])


@pytest.mark.parametrize(
    "text", ["one or two of them", "see one two three of my pictures", "order 20260301-12345 is late"]
)
def test_counting_is_no_number_in_disguise(text):
    assert of(text)["disguised"] == []


@pytest.mark.parametrize(
    ("text", "payments"),
    [
        ("pay with steam gift cards only", ["gift-card"]),
        ("send it in bitcoin", ["crypto"]),
        ("western union or bank transfer", ["transfer"]),
        ("my cashapp is $fastmoney", ["app"]),
        ("there is a small processing fee", ["fee"]),
        ("I found my wallet again", []),
        ("it costs 40 euros", []),
    ],
)
def test_ways_to_pay_are_named(text, payments):
    assert of(text)["payments"] == payments


def test_amounts_and_their_currencies_are_counted():
    found = of("Win £1,000 or $250, only 5 euros, or 0.2 btc! Room 101 at 7")
    assert (found["amounts"], found["currencies"]) == (4, ["BTC", "EUR", "GBP", "USD"])


def test_a_wall_of_figures_costs_no_more_than_another_text():
    begun = time.process_time()
    assert of("1,1." * 5_000)["amounts"] == 0
    assert time.process_time() - begun < 2  # it took four when each figure was looked at from each of its digits
    assert of("1,200.50 usd,100 eur 3,4 btc")["amounts"] == 3


def test_haste_calls_and_codes_are_counted():
    found = of("URGENT! Last chance to claim your prize, reply YES or txt WIN to 85555, 150p per msg")
    assert (found["urgency"], found["calls"], found["short_codes"], found["premium"]) == (2, 3, 1, True)


@pytest.mark.parametrize(
    ("text", "field", "least"),
    [
        ("BUY THE BEST SHOES TODAY", "shouting", 1.0),
        ("💰💰💰💰💰 rich 💰💰💰", "emoji", 8),
        ("wow!!!! now??? $$$", "punctuation", 3),
        ("https://bit.ly/abc", "link_share", 1.0),
        ("https://bit.ly/abc", "shorteners", 1),
    ],
)
def test_how_it_looks_is_measured(text, field, least):
    assert of(text)[field] >= least


def test_a_short_shout_is_none():
    assert of("OMG YES")["shouting"] == 0.0


def test_a_throw_away_mailbox_is_named_and_the_address_is_not():
    found = of("write to secretperson@mailinator.com")
    assert found["disposable_mail"] == ["mailinator.com"]
    assert "secretperson" not in repr(found)
    assert of("write to secretperson@gmail.com")["disposable_mail"] == []


@pytest.mark.parametrize(
    ("address", "found"),
    [
        ("0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed", ["ethereum"]),
        ("0xfB6916095ca1df60bB79Ce92cE3Ea74c37c5d359", ["ethereum"]),
        ("0xfb6916095ca1df60bb79ce92ce3ea74c37c5d359", ["ethereum"]),
        ("0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAeD", []),
        ("1A1zP1eP5QGefi2DMPTfTL5SLmv7DivfNa", ["bitcoin"]),
        ("1A1zP1eP5QGefi2DMPTfTL5SLmv7DivfNb", []),
        ("bc1qw508d6qejxtdg4y5r3zarvary0c5xw7kv8f3t4", ["bitcoin"]),
        ("bc1qw508d6qejxtdg4y5r3zarvary0c5xw7kv8f3t5", []),
    ],
)
def test_a_wallet_proves_itself_by_its_checksum(address, found):
    assert of(f"send to {address}")["wallets"] == found


def test_keccak_is_ethereums():
    assert keccak256(b"").hex() == "c5d2460186f7233c927e7db2dcc703c0e500b653ca82273b7bfad8045d85a470"
    assert keccak256(b"abc").hex() == "4e03657aea45a94fc7d47ba826c8d667c0d1e6e33a64a036ec44f58fa12d6c45"
    assert len({keccak256(b"a" * n) for n in (134, 135, 136, 137, 271, 272)}) == 6


def test_a_thousand_addresses_take_bounded_time():
    text = " ".join("0x" + f"{n:040x}".replace("a", "A") for n in range(10_000_000, 10_000_400))
    assert len(list(wallets(text))) >= 300


def test_a_score_comes_with_what_raised_it():
    advert = of("Claim your £900 prize now! Call 09061701461, valid 12 hours only")
    assert advert["score"] > 0.9
    assert set(advert["reasons"]) >= {"premium-rate", "amounts"}
    friend = of("Are you coming to dinner tonight? I will bring the salad")
    assert friend["score"] < 0.1
    assert friend["reasons"] == []


def test_labelled_messages_are_told_apart_as_the_reference_says():
    from pathlib import Path

    lines = (Path(__file__).parents[1] / "data" / "sms-spam.tsv").read_text("utf-8").splitlines()
    rows = [line.split("\t", 1) for line in lines]
    ham = [of(text)["score"] >= 0.5 for label, text in rows if label == "ham"]
    spam = [of(text)["score"] >= 0.5 for label, text in rows if label == "spam"]
    assert sum(spam) / len(spam) >= 0.75
    assert sum(ham) / len(ham) <= 0.01
