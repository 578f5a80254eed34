"""Whatever is sent to Perspective's API, it is answered or refused in the API's words; places that are answered are those of the
text that was sent.
"""

import html
import re
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from safehold.gateway.learned import Answers
from safehold.gateway.perspective.analysis import analyse
from safehold.gateway.perspective.errors import ApiError
from safehold.gateway.perspective.messages import MESSAGES, read_message
from safehold.gateway.perspective.texts import MOST_PARTS, plain, sentences, utf16

TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=60)
PROSE = st.lists(st.sampled_from(["One", "\U0001f600", "two,", ".", "!?", "…", '."', " ", "\n", "é"]), max_size=60).map(
    "".join
)
NAMES = sorted({name for fields in MESSAGES.values() for name in fields} | {"requested_attributes", "TOXICITY", "foo"})
VALUES: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers(-3, 3) | st.floats() | TEXT | st.sampled_from(["HTML", "RAW", "en", "de"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(NAMES), inner, max_size=4),
    max_leaves=12,
)


@settings(max_examples=200, deadline=None)
@given(st.dictionaries(st.sampled_from(NAMES), VALUES, max_size=6) | VALUES)
def test_any_json_is_a_message_or_refused(document):
    for name in ("AnalyzeCommentRequest", "SuggestCommentScoreRequest"):
        try:
            message = read_message(name, document)
            if name == "AnalyzeCommentRequest":
                answer = analyse(message, lambda _, score: score, Answers()).answer
                assert set(answer) <= set(MESSAGES["AnalyzeCommentResponse"])
        except ApiError as refused:
            assert refused.code == 400 and refused.detail


@settings(max_examples=200, deadline=None)
@given(PROSE | TEXT)
def test_sentences_are_the_text_without_white_space(text):
    parts = sentences(text)
    assert "".join("".join(text[begin:end].split()) for begin, end in parts) == "".join(text.split())
    assert all(begin < end for begin, end in parts) and len(parts) <= MOST_PARTS
    units = utf16(text, [place for part in parts for place in part])
    raw = text.encode("utf-16-le")
    cut = [raw[2 * begin : 2 * end].decode("utf-16-le") for begin, end in zip(units[::2], units[1::2], strict=True)]
    assert cut == [text[begin:end] for begin, end in parts]


@settings(max_examples=200, deadline=None)
@given(st.lists(TEXT.map(lambda text: re.sub("[<>&]", "", text)), min_size=1, max_size=5))
def test_the_text_of_html_is_what_stood_between_its_tags(pieces):
    markup = "<b class='x'>".join(html.escape(f"{piece}&<") for piece in pieces)
    text, places = plain(markup)
    assert text == " ".join(f"{piece}&<" for piece in pieces)
    assert len(places) == len(text) + 1 and places == sorted(places) and places[-1] == len(markup)
    assert all(markup[place] in (sign, "&", "<") for sign, place in zip(text, places, strict=False))


@pytest.mark.parametrize("piece", ["...", "?!", "\n", ". ", '."', "<!--", "<a", "<style>", "&#", "&amp;", "<script "])
def test_a_hostile_comment_is_read_in_one_pass(piece):
    text = (piece * 20_480)[:20_480]
    assert len(plain(text)[1]) > 0 and len(sentences(text)) <= MOST_PARTS
