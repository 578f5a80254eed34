"""A word is read however it is disguised, and what isn't disguised is left alone."""

import random
from datetime import UTC, datetime

import pytest

from safehold.engine.event import Event
from safehold.signals.text import Text
from safehold.signals.text.characters import prototypes, skeleton
from safehold.signals.text.normalise import bare, normalise, squashed


def said(text, **more):
    return Event(
        id="e", source="/t", type="message.sent", time=datetime(2026, 3, 1, tzinfo=UTC), text=text,
        data={"text": text, **more.pop("data", {})}, **more,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("written", "read", "trick"),
    [
        ("раураl", "paypal", "confusables"),
        ("НELLO", "hello", "confusables"),
        ("buy ѕех now", "buy sex now", "confusables"),
        ("ꜰʀᴇᴇ money", "free money", "confusables"),
        ("ｆｒｅｅ 𝐦𝐨𝐧𝐞𝐲", "free money", "styled"),
        ("🅵🆁🅴🅴", "free", "styled"),
        ("fr\u200bee", "free", "invisible"),
        ("f\u00adr\u2060ee", "free", "invisible"),
        ("z̷̢̛a̸̧l̶g̵o̶", "zalgo", "marks"),
        ("m0ney", "money", "leet"),
        ("sh1t a$$hole", "shit asshole", "leet"),
        ("v i a g r a", "viagra", "spacing"),
        ("s.e.x", "sex", "spacing"),
        ("f-r-e-e m_o_n_e_y", "free money", "spacing"),
        ("looooooser", "looser", "repeats"),
    ],
)
def test_a_disguise_is_undone_and_named(written, read, trick):
    normal = normalise(written)
    assert normal.text == read
    assert trick in normal.tricks


@pytest.mark.parametrize(
    "text",
    [
        "привет мир, сор и мусор",
        "für élise, año, garçon",
        "हिन्दी में लिखा",
        "שלום עולם",
        "สวัสดีครับ",
        "你好,世界",
        "iphone手机",
        "mp3 covid19 gr8 b2b 2024 h264",
        "mail jo@example.com or see https://example.com/a1b2c3",
        "how r u a lot",
        "3 kids, 1 dog and 20% off",
    ],
)
def test_ordinary_writing_stays_as_it_is(text):
    normal = normalise(text)
    assert normal.text == text
    assert not normal.tricks


def test_every_character_knows_where_it_was():
    text = "He said: f u c k   yoооu раураl ﬁne e\u0301"
    normal = normalise(text)
    at = normal.text.index("paypal")
    start, end = normal.span(at, at + 6)
    assert text[start:end] == "раураl"
    at = normal.text.index("fuck")
    start, end = normal.span(at, at + 4)
    assert text[start:end] == "f u c k"
    at = normal.text.index("é")
    start, end = normal.span(at, at + 1)
    assert text[start:end] == "e\u0301"


def test_two_words_that_look_alike_have_one_skeleton():
    # UTS #39 section 4, with its own examples
    assert skeleton("раураl") == skeleton("paypal")
    assert skeleton("ѕсоре") == skeleton("scope")
    assert skeleton("arnazon") == skeleton("amazon")
    assert skeleton("amazon") != skeleton("amaton")
    assert len(prototypes()) == 6311


def test_bare_text_keeps_its_length_so_that_places_stay_true():
    for text in ("a$$hóle mp3 5ex", "über 4life!!", "1234", "ＡＢＣ"):
        assert len(bare(text)) == len(text)
    assert bare("a$$hóle") == "asshole"
    assert squashed("f.r.e.e  m0ney!!") == "freemoney"


def test_nine_in_ten_words_are_read_through_any_one_disguise():
    """Random words under each disguise. The letter maps are the test's own, with letters UTS #39 doesn't list."""
    chance = random.Random(3)
    words = ["viagra", "password", "bitcoin", "winner", "cocaine", "escort", "lottery", "casino", "telegram", "prize"]
    cyrillic = dict(zip("aceopxyiknmtbh", "асеорхуікпмтвн", strict=True))
    greek = dict(zip("aoiuvpkn", "αοιυνρκη", strict=True))
    accents = dict(zip("aeioucnsz", "áêïõûçñšž", strict=True))

    def some(word, table):
        return "".join(table.get(c, c) if chance.random() < 0.5 else c for c in word)

    disguises = {
        "cyrillic": lambda w: some(w, cyrillic),
        "greek": lambda w: some(w, greek),
        "accents": lambda w: some(w, accents),
        "fullwidth": lambda w: "".join(chr(ord(c) + 0xFEE0) for c in w),
        "zero width": lambda w: "\u200b".join(w),
        "dots": ".".join,
        "spaces": " ".join,
        "leet": lambda w: w[0] + some(w[1:-1], {"a": "4", "e": "3", "i": "1", "o": "0", "s": "5"}) + w[-1],
        "case": lambda w: "".join(c.upper() if chance.random() < 0.5 else c for c in w),
    }
    for name, disguise in disguises.items():
        tries = [(word, disguise(word)) for word in words for _ in range(10)]
        read = sum(squashed(normalise(f"get {written} here").text) == f"get{word}here" for word, written in tries)
        assert read / len(tries) >= 0.9, f"{name}: {read} of {len(tries)}"


def test_a_policy_sees_how_a_text_is_written():
    values = Text().run(said("WIN A FREE iPhone!!!!! 🎉🎉👨‍👩‍👧 @anna #promo #win 123"))
    assert values["words"] == 8
    assert values["emoji"] == 3
    assert values["mentions"] == 1
    assert values["hashtags"] == 2
    assert values["longest_run"] == 5
    assert 0.3 < values["caps_ratio"] < 0.4
    assert values["length"] == len("WIN A FREE iPhone!!!!! 🎉🎉👨‍👩‍👧 @anna #promo #win 123")
    assert values["truncated"] is False


def test_a_text_longer_than_what_is_looked_at_says_so():
    values = Text().run(said("ab " * 50_000))
    assert values["truncated"] is True
    assert values["length"] == 20_000


def test_a_flood_of_marks_keeps_the_letters():
    normal = normalise("h" + "\u0301\u0323\u0335" * 3000 + "ello")
    assert "ello" in normal.text
    assert len(normal.text) < 20


@pytest.mark.parametrize("text", ["aⅧⅧ", "Ⓐb Ⓑ", "ABC", "Ⅷ"])
def test_signs_that_are_capitals_and_no_letters_make_no_share_above_one(text: str) -> None:
    assert 0.0 <= Text().run(said(text))["caps_ratio"] <= 1.0
