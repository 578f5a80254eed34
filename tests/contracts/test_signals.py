"""Each signal that comes with Safehold keeps the promise that plug-ins inherit."""

from importlib.metadata import entry_points
from pathlib import Path

import msgspec
import pytest

from safehold.engine.event import Event
from safehold.engine.signal import Signal
from safehold.signals.contract import SignalContract
from safehold.signals.copies import Copies
from safehold.signals.fingerprint import Fingerprint
from safehold.signals.harm import Harm
from safehold.signals.hashes.kinds import text_digest
from safehold.signals.hashes.matching import BankView, Item, Shelf
from safehold.signals.hashes.signal import Hashes
from safehold.signals.language import Language
from safehold.signals.lexicon import Lexicon
from safehold.signals.links import Links
from safehold.signals.media.image_text import ImageText, InPictures
from safehold.signals.media.nudity import Nudity
from safehold.signals.media.signal import Media
from safehold.signals.media.store import MediaStore, Record
from safehold.signals.media.workers.messages import Measured
from safehold.signals.media.workers.messages import Nudity as Scored
from safehold.signals.media.workers.messages import Text as Read
from safehold.signals.personal import Personal
from safehold.signals.phishing import Phishing
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


class TestPhishing(SignalContract):
    def signal(self) -> Signal:
        return Phishing()


class TestCopies(SignalContract):
    def signal(self) -> Signal:
        return Copies()


class AboutMedia(SignalContract):
    """The contract for signals that read `data.media`: two pictures that were sent, and one that the platform hashed."""

    examples = 20
    store: MediaStore

    @pytest.fixture(autouse=True)
    def _kept(self, tmp_path: Path) -> None:
        self.store = MediaStore(tmp_path)
        measured = Measured(width=40, height=30, pdq="0f" * 32, quality=80)
        for digit in "ab":
            record = Record(
                sha256=digit * 64, sha1=digit * 40, md5=digit * 32, size=9, type="png", mime="image/png", medium="image",
                keep="short", measured=measured, nudity=Scored(score=0.25, stills=1),
                text=Read(lines=["buy pills at evil.example"], confidence=[0.9]),
            )  # fmt: skip
            self.store.put(record, b"not looked at")

    def event(self, text: object) -> Event:
        event = super().event(text)
        media = [{"sha256": "a" * 64, "mime": "image/png"}, {"sha256": "B" * 64, "note": text}]
        return msgspec.structs.replace(event, data={"media": media if text else None})


class TestMedia(AboutMedia):
    def signal(self) -> Signal:
        return Media(self.store)


class TestNudity(AboutMedia):
    def signal(self) -> Signal:
        return Nudity(self.store)


class TestImageText(AboutMedia):
    def signal(self) -> Signal:
        return ImageText(self.store)


class TestTextSignalInPictures(AboutMedia):
    def signal(self) -> Signal:
        return InPictures(Links(), self.store)


def test_all_of_them_are_found_through_entry_points():
    found = {point.name: point.load()() for point in entry_points(group="safehold.signals")}
    assert {
        "text",
        "links",
        "lexicon",
        "personal",
        "fingerprint",
        "language",
        "spam",
        "copies",
        "harm",
        "hashes",
    } <= set(found)
    assert "phishing" in found
    assert {"media", "nudity", "image_text", "image_links", "image_lexicon"} <= set(found)
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


def test_the_contract_notices_a_signal_that_looks_at_more_than_it_says():
    class Broken(SignalContract):
        def signal(self):
            signal = Sloppy(lambda event: {"score": float(len(event.actor["id"] + event.source))})
            signal.basis = ""
            return signal

    with pytest.raises(AssertionError, match="more than its `reads`"):
        Broken().test_what_it_goes_by_is_what_it_says()


_SEEN = []


def seen(event):
    _SEEN.append(event.id)
    return _SEEN
