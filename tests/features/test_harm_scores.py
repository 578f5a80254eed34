"""What a platform gets from the harm model: probabilities that follow the meaning, and words that explain them."""

import shutil
from pathlib import Path

import pytest

from safehold.engine.signal import SignalFailed
from safehold.signals.harm import ATTRIBUTES, FEATURES, features, model, score_texts
from safehold.signals.harm.reading import readable


def scores(text: str) -> dict[str, float]:
    return score_texts([text])[0].scores


def test_every_attribute_of_a_text_is_a_probability():
    for scored in score_texts(["you are an idiot", "see you at eight", "", "🔥" * 50]):
        assert tuple(scored.scores) == ATTRIBUTES
        assert all(0.0 <= score <= 1.0 for score in scored.scores.values())


@pytest.mark.parametrize(
    ("attribute", "harmful", "harmless"),
    [
        ("toxicity", "you are a pathetic loser and everyone hates you", "thank you, that was a lovely evening"),
        ("insult", "you are such an idiot", "you are such a good friend"),
        ("profanity", "what the fuck is this shit", "what on earth is this thing"),
        ("threat", "I will kill you tonight", "this deadline is killing me"),
        ("identity_attack", "all immigrants are vermin", "many immigrants live in this street"),
        ("sexual", "send me nudes, I'm so horny", "the clinic offers breast screening"),
        ("self_harm", "I want to end my life", "the crisis line answers day and night"),
        ("spam", "FREE followers!!! subscribe to my channel now", "I liked your video about gardening"),
        ("scam", "send $500 in bitcoin to this wallet and get double back within 24 hours", "I paid $500 for my bike"),
        (
            "phishing",
            "your account is locked, verify now at http://secure-login.com",
            "your parcel was left with a neighbour",
        ),
    ],
)
def test_what_harms_scores_above_its_innocent_twin(attribute, harmful, harmless):
    assert scores(harmful)[attribute] > 0.5 > scores(harmless)[attribute]


@pytest.mark.parametrize(
    "disguise",
    ["you are an 1d10t", "you are an i d i o t", "you are an id\u200biot", "you are an ιdiοt", "you are an idiooooot"],
)
def test_a_disguise_changes_little(disguise):
    assert scores(disguise)["insult"] == pytest.approx(scores("you are an idiot")["insult"], abs=0.2)


def test_spans_name_the_words_that_a_score_comes_from():
    text = "Dear all, the meeting is at nine. You are a fucking idiot."
    spans = score_texts([text], spans=True)[0].spans
    strongest = max(spans["profanity"], key=lambda span: span[2])
    assert text[strongest[0] : strongest[1]] == "fucking"
    assert set(spans) == set(ATTRIBUTES)


def test_one_bad_sentence_in_a_long_text_is_found_and_explained_where_it_stands():
    text = (
        "The committee met on Tuesday and agreed on the plan. " * 40 + "I will kill you tonight. " + "It rained. " * 60
    )
    scored = score_texts([text], spans=True)[0]
    assert scored.scores["threat"] > 0.5
    start, end, _ = max(scored.spans["threat"], key=lambda span: span[2])
    assert text[start:end] in ("kill", "you", "tonight.")
    assert text.index("I will") <= start


def test_what_lies_behind_twenty_thousand_characters_is_said_to_be_unread():
    assert score_texts(["word " * 5_000])[0].truncated
    assert not score_texts(["word " * 50])[0].truncated


def test_a_text_in_another_script_is_unknown_and_not_harmless():
    scored = score_texts(["Это совершенно обычное сообщение о погоде"])[0]
    assert scored.scores == {}
    assert not scored.supported
    assert readable("ok 👍")


@pytest.mark.parametrize(
    "text", ["Das ist doch nur eine ganz gewöhnliche Nachricht", "Je vous remercie pour cette soirée"]
)
def test_a_text_in_another_language_is_unknown_too(text):
    assert not score_texts([text])[0].supported


def test_features_are_the_same_each_time_and_tell_texts_apart():
    rows = features(["you are an idiot", "see you at eight", "you are an idiot"])
    assert rows.shape == (3, FEATURES)
    assert (rows[0] == rows[2]).all()
    assert (rows[0] != rows[1]).any()


def test_a_damaged_model_is_a_failed_signal_and_never_a_score(tmp_path, monkeypatch):
    for path in Path(str(model.FOLDER)).iterdir():
        shutil.copyfile(path, tmp_path / path.name)
    (tmp_path / "linear.npz").write_bytes(b"PK\x05\x06" + b"\0" * 18)
    monkeypatch.setattr(model, "FOLDER", tmp_path)
    model.shipped.cache_clear()
    try:
        with pytest.raises(SignalFailed, match=r"linear\.npz is not the file that model\.json names.*safehold train"):
            score_texts(["hello"])
    finally:
        model.shipped.cache_clear()


def test_a_text_scores_the_same_alone_and_among_others():
    texts = ["you are an idiot", "see you at eight", "I will kill you tonight", "hello " * 30]
    assert score_texts(texts) == [score_texts([text])[0] for text in texts]


def test_one_bad_sentence_in_fifteen_thousand_characters_is_found_too():
    topics = ("garden", "weather", "meeting", "library", "train", "recipe", "match", "garage")
    calm = [f"On day {day} we talked about the {topics[day % 8]} for a while. " for day in range(300)]
    assert score_texts(["".join(calm)])[0].scores["threat"] < 0.5
    calm.insert(150, "I will kill you tonight. ")
    assert score_texts(["".join(calm)])[0].scores["threat"] > 0.5
