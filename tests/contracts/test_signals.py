"""Each signal that comes with Safehold keeps the promise that plug-ins inherit."""

from importlib.metadata import entry_points

import pytest

from safehold.engine.signal import Signal
from safehold.signals.contract import SignalContract
from safehold.signals.fingerprint import Fingerprint
from safehold.signals.harm import Harm
from safehold.signals.hashes.kinds import text_digest
from safehold.signals.hashes.matching import BankView, Item, Shelf
from safehold.signals.hashes.signal import Hashes
from safehold.signals.language import Language
from safehold.signals.lexicon import Lexicon
from safehold.signals.links import Links
from safehold.signals.personal import Personal
from safehold.signals.spam import Spam
from safehold.signals.text import Text


class TestText(SignalContract):
    def signal(self) -> Signal:
        return Text()


class TestLinks(SignalContract):
    def signal(self) -> Signal:
        return Links()


class TestLexicon(SignalContract):
    def signal(self) -> Signal:
        return Lexicon()


class TestPersonal(SignalContract):
    def signal(self) -> Signal:
        return Personal()


class TestFingerprint(SignalContract):
    def signal(self) -> Signal:
        return Fingerprint()


class TestHarm(SignalContract):
    examples = 40

    def signal(self) -> Signal:
        return Harm()


class TestHashes(SignalContract):
    def signal(self) -> Signal:
        shelf = Shelf()
        shelf.describe({"bad": BankView("bad", False, 1.0, ("spam",), 31, 30, 1, "1")})
        shelf.put(
            [Item(1, "bad", "raw_text", text_digest("buy pills now")), Item(2, "bad", "url", "https://evil.example/")]
        )
        shelf.ready = True
        return Hashes(shelf)


class TestLanguage(SignalContract):
    def signal(self) -> Signal:
        return Language()


class TestSpam(SignalContract):
    def signal(self) -> Signal:
        return Spam()


def test_all_of_them_are_found_through_entry_points():
    found = {point.name: point.load()() for point in entry_points(group="safehold.signals")}
    assert {"text", "links", "lexicon", "personal", "fingerprint", "language", "spam", "harm"} <= set(found)
    assert {"text", "links", "lexicon", "personal", "fingerprint", "language", "spam", "hashes"} <= set(found)
    for name, signal in found.items():
        assert signal.name == name


class Sloppy:
    """Breaks a promise at a time."""

    name, version, cost, reads = "sloppy", "1.0.0", 1.0, ("text",)
    fields = {"score": "double"}  # noqa: RUF012

    def __init__(self, answer):
        self._answer = answer

    def run(self, event):
        return self._answer(event)


@pytest.mark.parametrize(
    ("promise", "answer"),
    [
        ("test_what_it_returns_has_the_declared_types_and_is_json", lambda event: {"score": 1}),
        ("test_what_it_returns_has_the_declared_types_and_is_json", lambda event: {"other": 1.0}),
        ("test_what_it_returns_has_the_declared_types_and_is_json", lambda event: {"score": float("nan")}),
        ("test_the_same_event_gives_the_same_answer", lambda event: {"score": float(id(object()) + len(seen(event)))}),
        ("test_it_leaves_the_event_as_it_was", lambda event: event.data.update(x=1) or {"score": 1.0}),
        ("test_it_fails_loudly_on_what_it_cannot_read", lambda event: {"score": 0.0}),
    ],
)
def test_the_contract_notices_a_broken_promise(promise, answer):
    class Broken(SignalContract):
        examples = 20

        def signal(self):
            return Sloppy(answer)

    with pytest.raises((AssertionError, ValueError, pytest.fail.Exception)):
        getattr(Broken(), promise)()


_SEEN = []


def seen(event):
    _SEEN.append(event.id)
    return _SEEN
