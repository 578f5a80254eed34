"""A moderator sees who posted nearly the same as what a task is about: accounts, things and how much alike, and what was not
looked at."""

import random
from types import SimpleNamespace

import pytest
from django.test import Client

from safehold.accounts.people import add_person
from safehold.accounts.roles import Role
from safehold.desk.entities import copies
from safehold.desk.entities.copies import copies_of
from safehold.signals.copies import keys, shingles, similarity
from tests.features.test_coordinated_copies import with_junk
from tests.features.test_near_duplicates import HAM, SPAM, addressed, disguised, reworded
from tests.world import happens, service

TEXT = "Nobody in our beautiful neighbourhood wants this terrible cycle path, everybody says so"


@pytest.fixture
def place(fresh_sqlite: SimpleNamespace) -> SimpleNamespace:
    service()
    made = SimpleNamespace(moderator=Client())
    made.moderator.force_login(add_person(None, "m@example.org", "m", [Role.MODERATOR]))
    return made


def posts(text: str, by: str, number: int) -> object:
    return happens("hold", by=by, data={"message_id": f"m{number}", "recipient_id": "u9", "text": text})


def test_who_posted_nearly_the_same_is_shown_with_how_much_alike(place: SimpleNamespace) -> None:
    first = posts(TEXT, "ann", 1)
    posts(TEXT.replace("terrible", "t e r r i b l e").upper(), "bob", 2)
    posts(TEXT.replace("beautiful", "quiet") + " my friends", "cyd", 3)
    posts("Has anybody seen a grey cat near the station since yesterday evening?", "dan", 4)
    posts(TEXT, "bob", 5)
    found = copies_of(first.event)
    assert [copy.event.account_id for copy in found.found] == ["bob", "bob", "cyd"]
    assert (found.count, found.accounts, found.looked_at, found.whole) == (3, 2, 4, True)
    assert [round(copy.similarity, 2) for copy in found.found[:2]] == [1.0, 1.0] and 0.5 <= found.found[
        2
    ].similarity < 1
    assert "Look for them" in place.moderator.get(f"/decisions/{first.pk}/").content.decode()
    shown = place.moderator.get(f"/decisions/{first.pk}/copies/").content.decode()
    assert '<strong class="num">3</strong> near copies' in shown and "within a day" in shown
    for copy in found.found:
        decided = copy.event.decisions.get()
        assert f"/decisions/{decided.pk}/" in shown and copy.event.id in shown
    assert "account:cyd" in shown and "account:dan" not in shown and "neighbourhood" not in shown
    assert "100 %" in shown


def test_what_was_not_looked_at_is_told_and_a_short_text_is_compared_with_nothing(
    place: SimpleNamespace, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(copies, "BEFORE", 2)
    for number in range(4):
        posts(TEXT, f"u{number}", number)
    last = posts(TEXT, "u0", 9)
    found = copies_of(last.event)
    assert (found.looked_at, found.count, found.whole) == (2, 2, False)
    assert "there are more within a day" in place.moderator.get(f"/decisions/{last.pk}/copies/").content.decode()
    short = posts("Good morning!", "u5", 10)
    assert copies_of(short.event).short
    assert "too short" in place.moderator.get(f"/decisions/{short.pk}/copies/").content.decode()


def measured(campaigns: int, innocent: int) -> dict[str, tuple[float, ...]]:
    """name -> (pairs of a campaign's 20 copies that are at least half alike, pairs that share a key, pairs of those that are half
    alike which share a key); and of innocent messages, those that have any other."""
    draw = random.Random(11)
    said: dict[str, tuple[float, ...]] = {}
    texts = [text for text in SPAM if len(text) >= 80][:campaigns]

    def both(text: str) -> str:
        return reworded(addressed(text, draw), draw)

    def all_of_it(text: str) -> str:
        return disguised(with_junk(both(text), draw), draw)

    changes = {
        "disguised": lambda text: disguised(text, draw), "numbers and names": lambda text: addressed(text, draw),
        "a tenth of the words": lambda text: reworded(text, draw), "both": both,
        "strange words more": lambda text: with_junk(text, draw), "all of it": all_of_it,
    }  # fmt: skip
    for name, change in changes.items():
        alike = met = both_ways = pairs = 0
        for text in texts:
            runs = [shingles(change(text)) for _ in range(20)]
            bands = [set(keys(each)) for each in runs]
            for i in range(20):
                for j in range(i):
                    pairs += 1
                    near_enough, meet = similarity(runs[i], runs[j]) >= copies.LEAST, bool(bands[i] & bands[j])
                    alike, met, both_ways = alike + near_enough, met + meet, both_ways + (near_enough and meet)
        said[name] = (alike / pairs, met / pairs, both_ways / max(1, alike))
    runs = [each for text in HAM[:innocent] if len(each := shingles(text)) >= copies.TOO_SHORT]
    bands = [set(keys(each)) for each in runs]
    by_key: dict[str, list[int]] = {}
    for number, found in enumerate(bands):
        for key in found:
            by_key.setdefault(key, []).append(number)
    meeting = {number for numbers in by_key.values() if len(numbers) > 1 for number in numbers}
    owners: dict[str, list[int]] = {}
    for number, each in enumerate(runs):
        for run in each:
            owners.setdefault(run, []).append(number)
    near = {
        number
        for number, each in enumerate(runs)
        if any(
            other != number and similarity(each, runs[other]) >= copies.LEAST
            for other in {one for run in each for one in owners[run]}
        )
    }
    return said | {"innocent": (len(near) / len(runs), len(meeting) / len(runs))}


def test_copies_are_found_and_others_are_not_taken_for_some() -> None:
    said = measured(campaigns=8, innocent=300)
    floors = {"disguised": 0.98, "numbers and names": 0.98, "a tenth of the words": 0.9}
    assert {name: said[name][0] for name, floor in floors.items() if said[name][0] < floor} == {}
    assert said["innocent"][0] <= 0.01
