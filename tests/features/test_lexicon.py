"""Listed words are found through their disguises, at their place in the original, and not inside other words."""

import pytest

from safehold.signals.lexicon import Lexicon
from safehold.signals.lexicon.lists import WordList, shipped
from tests.features.test_reading_disguised_text import said

LEXICON = Lexicon()
WORDS = WordList.parse(
    "# name: ours\n# language: en\n[insult 1]\nblorp\n[insult 2]\nblorp face\n[threat 3]\nzaaking\n".splitlines()
)
OURS = Lexicon([WORDS], name="ours")


def found(text, lexicon=OURS, **more):
    terms = lexicon.run(said(text, **more))["terms"]
    return [(term["term"], text[term["start"] : term["end"]]) for term in terms]


@pytest.mark.parametrize(
    ("text", "written"),
    [
        ("you blorp!", "blorp"),
        ("BLORP", "BLORP"),
        ("such a bl0rp.", "bl0rp"),
        ("bl\u200borp", "bl\u200borp"),
        ("ЬLоrр? blоrр", "blоrр"),
        ("b.l.o.r.p", "b.l.o.r.p"),
        ("b l o r p", "b l o r p"),
        ("y o u b l o r p", "b l o r p"),
        ("blooooorp", "blooooorp"),
        ("bbbllloooorrrppp", "bbbllloooorrrppp"),
        ("bl*rp", "bl*rp"),
        ("bl**p", "bl**p"),
        ("blórp", "blórp"),
        ("ｂｌｏｒｐ", "ｂｌｏｒｐ"),
    ],
)
def test_a_word_is_found_through_its_disguise(text, written):
    assert ("blorp", written) in found(text)


@pytest.mark.parametrize("text", ["blorpish", "unblorp", "b lorp", "bl orp", "blop", "5*6*7", "*blo*", ""])
def test_another_word_is_not_found(text):
    assert found(text) == []


def test_a_phrase_is_found_across_spaces_case_and_punctuation():
    assert ("blorp face", "Blorp,   FACE") in found("hey Blorp,   FACE!")


def test_a_stretched_word_needs_at_least_the_letters_of_the_term():
    assert found("zaaaaking") == [("zaaking", "zaaaaking")]
    assert found("zakinggg") == []


def test_severity_and_categories_are_what_the_lists_say():
    values = OURS.run(said("blorp, zaaking"))
    assert values["severity"] == 3
    assert values["categories"] == ["insult", "threat"]
    assert values["lists"] == ["ours"]
    assert values["count"] == 2
    nothing = OURS.run(said("good morning"))
    assert (nothing["severity"], nothing["count"], nothing["categories"]) == (0, 0, [])


def test_a_list_in_another_language_needs_a_text_said_to_be_in_it():
    text = "une bite dans le texte"
    assert "ldnoobw-fr" not in LEXICON.run(said(text))["lists"]
    assert "ldnoobw-fr" in LEXICON.run(said(text, data={"language": "fr"}))["lists"]
    assert "ldnoobw-fr" in LEXICON.run(said(text, context={"locale": "fr-CA"}))["lists"]


@pytest.mark.parametrize(
    ("text", "language"),
    [("Le train a du retard", "fr"), ("Hoe gaat het vandaag", "nl"), ("Tengo dix pesos y un pedo", "es")],
)
def test_an_insult_that_is_an_everyday_word_of_the_texts_language_is_one_only_in_other_texts(text, language):
    def hurts(**more):
        return [t["term"] for t in LEXICON.run(said(text, **more))["terms"] if t["list"] in ("surge-en", "dsojevic-en")]

    assert hurts()
    assert len(hurts(data={"language": language})) < len(hurts())
    assert not {"retard", "hoe", "pedo"} & set(hurts(context={"locale": f"{language}-XX"}))


def test_an_everyday_word_has_to_be_in_the_list():
    lines = ["# name: x", "# language: en", "# ordinary-in: fr blorb", "[insult 1]", "blorp"]
    with pytest.raises(ValueError, match="`ordinary-in` names 'blorb'"):
        WordList.parse(lines)


@pytest.mark.parametrize(
    ("text", "category"),
    [
        ("I'll kill you", "threat"),
        ("I’LL KILL   YOU", "threat"),
        ("just k.y.s. already", "self-harm-urging"),
        ("kill yourselffff", "self-harm-urging"),
        ("ich weiß, wo du wohnst", "threat"),
        ("je vais te tuer", "threat"),
        ("ti ammazzo", "threat"),
        ("te voy a matar", "threat"),
        ("they are vermin", "dehumanising"),
        ("Go back to your country!", "exclusion"),
        ("You have won a guaranteed £1000 prize", "prize"),
        ("please verify your account", "account-lure"),
    ],
)
def test_the_shipped_phrases_name_what_they_are(text, category):
    assert category in LEXICON.run(said(text))["categories"]


@pytest.mark.parametrize(
    "text",
    [
        "The assassin passed the class in Scunthorpe",
        "Therapist from Essex, a classic cocktail in the Arsenal shop",
        "We had dick's birthday? No, Richard's.".replace("dick's", "Rick's"),
        "My lesbian friends and my gay brother are married",
        "The queer film festival and the trans choir",
        "Nigeria and Niger are countries",
        "She is black, he is white, they are Jewish and Muslim",
        "xx see you soon",
        "I fed the cat, and it is fed up",
        "Viens, il est tard, le fer est chaud",
        "U kunt hier wachten, wat een domme vraag",
    ],
)
def test_innocent_words_and_names_of_groups_are_not_listed(text):
    assert LEXICON.run(said(text))["terms"] == []


def test_nine_in_ten_slurs_are_found_through_any_one_disguise():
    """Every single word of severity 3 in the shipped lists, under each disguise."""
    words = sorted(
        {
            term.text
            for word_list in shipped()
            for term in word_list.terms
            if term.severity == 3 and term.text.isalpha() and len(term.text) > 3
        }
    )
    assert len(words) > 150
    disguises = {
        "zero width": "\u200b".join,
        "dots": ".".join,
        "spaces": " ".join,
        "stretched": lambda w: w[0] + w[1] * 4 + w[2:],
        "starred": lambda w: w[0] + "*" + w[2:],
        "cyrillic": lambda w: w.translate(str.maketrans("aceopxy", "асеорху")),
        "full width": lambda w: "".join(chr(ord(c) + 0xFEE0) for c in w),
        "leet": lambda w: w[0] + w[1:-1].translate(str.maketrans("aeios", "4310$")) + w[-1],
    }
    for name, disguise in disguises.items():
        hits = sum(any(start <= 8 for start in _starts(f"you are {disguise(word)} ok")) for word in words)
        assert hits / len(words) >= 0.9, f"{name}: {hits} of {len(words)}"


def _starts(text):
    return [term["start"] for term in LEXICON.run(said(text))["terms"] if term["end"] > 8]


@pytest.mark.parametrize(
    ("lines", "message"),
    [
        (["a term"], "list:1"),
        (["# name: x", "# language: en", "[insult 4]", "a"], "list:3"),
        (["[insult 1]", "a"], "# name"),
        (["# name: x", "[insult 1]", "a"], "# language"),
    ],
)
def test_a_bad_list_is_refused_with_its_line(lines, message):
    with pytest.raises(ValueError, match=message):
        WordList.parse(lines)
