"""What a policy author gets from `signals.language`: a language that can be relied on, and an honest "I don't know"."""

import gettext
from pathlib import Path

import django
import pytest

from safehold.signals.language import Language, identify
from tests.features.test_reading_disguised_text import said

SENTENCES = {
    "en": "Are you coming to the party tonight?",
    "de": "Kommst du heute Abend auch mit zu der Feier?",
    "fr": "Est-ce que tu viens à la fête ce soir avec nous ?",
    "es": "¿Vas a venir a la fiesta de esta noche con nosotros?",
    "pt": "Você também vem para a festa hoje à noite?",
    "it": "Vieni anche tu alla festa questa sera?",
    "pl": "Czy przyjdziesz dzisiaj wieczorem na imprezę?",
    "tr": "Bu akşam partiye sen de geliyor musun?",
    "ru": "Ты придёшь сегодня вечером на вечеринку?",
    "uk": "Ти прийдеш сьогодні ввечері на вечірку?",
    "ar": "هل ستأتي إلى الحفلة هذا المساء؟",
    "hi": "क्या आप आज रात पार्टी में आ रहे हैं?",
    "ja": "今夜のパーティーに来ますか",
    "ko": "오늘 밤 파티에 오세요?",
    "zh": "你今晚来参加聚会吗",
    "th": "คืนนี้คุณจะมางานปาร์ตี้ไหม",
    "el": "Θα έρθεις στο πάρτι απόψε;",
    "he": "האם אתה מגיע למסיבה הערב?",
}


@pytest.mark.parametrize("code", SENTENCES)
def test_a_sentence_is_told(code):
    found = identify(SENTENCES[code])
    assert found[0][0] == code
    assert found[0][1] >= 0.6


@pytest.mark.parametrize(
    "text", ["", "ok", "lol", "hahaha", "👍👍", "12345 678", "https://example.com/ein/langer/weg", "@jo"]
)
def test_where_nothing_can_be_said_nothing_is(text):
    answer = Language().run(said(text))
    assert identify(text) == []
    assert answer["sure"] is False
    assert "code" not in answer
    assert "confidence" not in answer


def test_a_link_in_english_does_not_make_a_text_english():
    plain = "Schaut euch das mal an, das ist wirklich sehr schön"
    assert identify(f"{plain} https://example.com/the-best-thing-that-you-will-see-this-year @thebestone")[0][0] == "de"


def test_letters_that_only_pose_as_latin_change_nothing():
    assert identify("Соmе аnd sее whаt wе hаvе fоr уоu tоdау")[0][0] == "en"


def test_the_script_is_told_even_where_the_language_is_not():
    assert Language().run(said("Да"))["script"] == "Cyrl"
    assert Language().run(said("ok"))["script"] == "Latn"
    assert Language().run(said("🎉 42"))["script"] == ""


def test_a_long_text_says_that_only_its_beginning_was_read():
    answer = Language().run(said("This is a sentence in English. " * 100))
    assert (answer["code"], answer["truncated"]) == ("en", True)


@pytest.mark.parametrize("code", ["de", "es", "fr", "it", "pl", "pt", "ru", "tr", "ar", "ja", "zh_Hans"])
def test_what_is_named_is_named_rightly(code):
    """Django's own messages, which nobody trained on: of those that get a name, 96 in 100 get the right one."""
    path = Path(django.__file__).parent / f"contrib/admin/locale/{code}/LC_MESSAGES/django.mo"
    with path.open("rb") as file:
        catalog = gettext.GNUTranslations(file)._catalog
    messages = [text for key, text in catalog.items() if key and text.isprintable() and "%" not in text]
    named = [found[0][0] for text in messages if (found := identify(text))]
    assert len(named) >= 20
    assert named.count(code.split("_")[0]) / len(named) >= 0.96
