"""Copies of a message share a key even when each is changed a little, and different messages don't."""

import random
import re
from collections import Counter
from pathlib import Path

from msgspec import structs

from safehold.signals.fingerprint import Fingerprint
from tests.features.test_reading_disguised_text import said

DATA = Path(__file__).parents[1] / "data" / "sms-spam.tsv"
ROWS = [line.split("\t", 1) for line in DATA.read_text("utf-8").splitlines()]
SPAM = [text for label, text in ROWS if label == "spam" and len(text.split()) >= 10]
HAM = [text for label, text in ROWS if label == "ham"]
SIGNAL = Fingerprint()


def key(text, field="near"):
    return SIGNAL.run(said(text)).get(field)


def campaign(change, field):
    """The share of 20 changed copies of a message that have the commonest key, on average over 60 messages."""
    chance = random.Random(5)
    shares = []
    for text in SPAM[:60]:
        keys = Counter(key(change(text, chance), field) for _ in range(20))
        shares.append(keys.most_common(1)[0][1] / 20)
    return sum(shares) / len(shares)


def disguised(text, chance):
    letters = dict(zip("aceopxyi", "асеорхуі", strict=True))
    return "".join(
        letters[c] if c in letters and chance.random() < 0.25 else c + "\u200b" if chance.random() < 0.05 else c
        for c in text
    )


def addressed(text, chance):
    text = re.sub(r"\d", lambda _: str(chance.randrange(10)), text)
    return f"Hi {chance.choice(['Anna', 'Ben', 'Carla', 'Dave', 'Eve'])}, {text}"


def reworded(text, chance):
    words = text.split()
    for _ in range(max(1, len(words) // 10)):
        words[chance.randrange(len(words))] = chance.choice(chance.choice(HAM).split() or ["so"])
    return " ".join(words)


def test_disguises_change_neither_key():
    assert campaign(disguised, "exact") >= 0.97
    assert campaign(disguised, "near") >= 0.97


def test_other_numbers_and_names_keep_most_copies_together():
    assert campaign(addressed, "exact") <= 0.15
    assert campaign(addressed, "near") >= 0.75


def test_a_tenth_of_the_words_replaced_keeps_half_together():
    assert campaign(reworded, "near") >= 0.55


def test_unrelated_messages_do_not_share_a_key():
    keys = Counter(key(text) for text in HAM if len(text.split()) >= 5)
    shared = sum(n for n in keys.values() if n > 1)
    assert shared / sum(keys.values()) <= 0.01


def test_a_text_that_says_nothing_is_a_copy_of_nothing():
    empty, other = said("  \u200b "), structs.replace(said(""), id="another")
    assert SIGNAL.run(empty)["words"] == 0
    assert SIGNAL.run(empty)["near"] != SIGNAL.run(other)["near"]
    assert SIGNAL.run(empty) == SIGNAL.run(empty)
    assert key("12345") == key("12345", "exact")
    assert key("12345") != key("12346")
    assert key("🔥🔥", "exact") == key(" 🔥  🔥", "exact")


def test_word_order_and_links_do_not_matter_to_near():
    one = key("Earn dollars tonight! Register https://a.example/x")
    assert one == key("tonight register: Earn DOLLARS www.b.example")
    assert one != key("Earn dollars tomorrow! Subscribe")
