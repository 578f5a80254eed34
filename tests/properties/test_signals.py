"""What holds of the signals for any text."""

import json
from datetime import UTC, datetime

from hypothesis import given
from hypothesis import strategies as st

from safehold.engine.event import Event
from safehold.signals.contract import PIECES
from safehold.signals.fingerprint import Fingerprint
from safehold.signals.lexicon import Lexicon
from safehold.signals.links.find import find as find_links
from safehold.signals.personal import find as find_personal
from safehold.signals.text.characters import skeleton
from safehold.signals.text.normalise import bare, normalise
from tests.cases import cases

texts = st.one_of(st.lists(st.sampled_from(PIECES), max_size=10).map(" ".join), st.text(max_size=120))
LEXICON = Lexicon()


def event(text):
    return Event(id="e", source="/p", type="message.sent", time=datetime(2026, 1, 1, tzinfo=UTC), text=text)


@cases(200)
@given(texts)
def test_every_place_is_in_the_original_and_in_order(text):
    normal = normalise(text)
    assert len(bare(normal.text)) == len(normal.text)
    if normal.origins is not None:
        assert len(normal.origins) == len(normal.text)
        assert normal.origins == sorted(normal.origins)
    for i in range(len(normal.text)):
        start, end = normal.span(i, i + 1)
        assert 0 <= start < end <= len(text)


@cases(200)
@given(st.text(st.characters(max_codepoint=126, min_codepoint=32), max_size=80))
def test_plain_words_survive(text):
    """What is read of ASCII text has no letter that wasn't there or that a digit or sign can stand for."""
    letters = set(text.lower()) | set("oieast")
    assert all(c in letters for c in normalise(text).text)


@cases(200)
@given(texts)
def test_a_skeleton_is_its_own_skeleton(text):
    assert skeleton(skeleton(text)) == skeleton(text)


@cases(200)
@given(texts)
def test_findings_are_places_apart_and_masks_do_not_hold_the_value(text):
    last = 0
    for finding in find_personal(text):
        assert last <= finding.start < finding.end <= len(text)
        last = finding.end
        assert text[finding.start : finding.end] not in finding.masked


@cases(200)
@given(texts)
def test_hosts_are_lower_case_ascii(text):
    for link in find_links(text)[0]:
        assert link.host.isascii()
        assert link.host == link.host.lower()
        json.dumps(link.url)


@cases(150)
@given(texts, st.sampled_from(["kill yourself", "i'll kill you", "you have won"]))
def test_a_phrase_between_other_sentences_is_found_where_it_stands(text, phrase):
    whole = f"{text} | {phrase} | {text}"
    places = [(t["start"], t["end"]) for t in LEXICON.run(event(whole))["terms"]]
    start = len(text) + 3
    assert any(a <= start + len(phrase) and b >= start for a, b in places)


@cases(150)
@given(texts)
def test_case_and_space_do_not_change_the_fingerprint(text):
    one, other = (Fingerprint().run(event(t)) for t in (text, f"  {text}  "))
    assert one == other
