"""Images, files, texts and videos get the hashes that hash exchanges have for them, and altered copies are found again."""

import functools
import io

import numpy as np
import pytest
from PIL import Image, ImageDraw, ImageEnhance
from threatexchange.extensions.tlsh.text_tlsh import TextTLSHSignal
from threatexchange.signal_type.md5 import VideoMD5Signal
from threatexchange.signal_type.pdq.signal import PdqSignal

from safehold.signals.media import hashing, kinds, vpdq
from safehold.signals.media.index import DISTANCE

TEXT = (
    "Earn 5000 a week from home, no experience needed! Write to me on the other app and I will tell you how it works."
)


@functools.cache
def picture(seed: int = 1, size: tuple[int, int] = (400, 300)) -> Image.Image:
    """A picture with large and small structures."""
    rng = np.random.default_rng(seed)
    whole = np.zeros((size[1], size[0], 3))
    for cells in (6, 24, 90):
        layer = Image.fromarray(rng.integers(0, 256, (cells, cells, 3), np.uint8)).resize(
            size, Image.Resampling.BICUBIC
        )
        whole += np.asarray(layer) / 3
    return Image.fromarray(whole.astype(np.uint8))


def encoded(image: Image.Image, form: str = "PNG", **how: object) -> bytes:
    out = io.BytesIO()
    image.save(out, form, **how)
    return out.getvalue()


def distance(one: hashing.Pdq, other: hashing.Pdq) -> int:
    return hashing.pdq_distance(one.hash, other.hash)


@pytest.mark.parametrize("mode", ["RGB", "L", "RGBA"])
def test_pdq_is_what_exchanges_have(mode: str) -> None:
    image = picture().convert(mode)
    assert hashing.pdq(image).hash == PdqSignal.hash_from_bytes(encoded(image))


def test_a_flat_picture_has_a_low_quality() -> None:
    assert hashing.pdq(Image.new("RGB", (300, 300), "white")).quality < hashing.QUALITY
    assert hashing.pdq(picture()).quality >= hashing.QUALITY


@pytest.mark.parametrize(
    "altered",
    [
        lambda image: Image.open(io.BytesIO(encoded(image, "JPEG", quality=30))),
        lambda image: image.resize((320, 240)),
        lambda image: ImageEnhance.Brightness(image).enhance(1.3),
        lambda image: image.convert("L"),
        lambda image: image.convert("P", palette=Image.Palette.ADAPTIVE),
    ],
    ids=["recompressed", "smaller", "brighter", "grey", "palette"],
)
def test_a_copy_of_lesser_quality_is_near(altered: object) -> None:
    assert distance(hashing.pdq(altered(picture())), hashing.pdq(picture())) <= DISTANCE  # type: ignore[operator]


@pytest.mark.parametrize("turned", list(Image.Transpose), ids=lambda turned: turned.name.lower())
def test_a_turned_or_mirrored_copy_is_found_by_its_eight_forms(turned: Image.Transpose) -> None:
    copy = picture().transpose(turned)
    assert distance(hashing.pdq(copy), hashing.pdq(picture())) > DISTANCE
    forms = hashing.dihedral(copy)
    assert len(set(forms)) == 8
    assert min(hashing.pdq_distance(form, hashing.pdq(picture()).hash) for form in forms) <= DISTANCE // 2


def test_bars_and_captions_are_taken_off() -> None:
    boxed, captioned = Image.new("RGB", (400, 420), "black"), Image.new("RGB", (400, 360), "white")
    boxed.paste(picture(), (0, 60))
    captioned.paste(picture(), (0, 60))
    ImageDraw.Draw(captioned).text((12, 8), "WHEN SHE SAYS SHE IS FINE", fill="black", font_size=27)
    for altered in (boxed, captioned):
        assert distance(hashing.pdq(altered), hashing.pdq(picture())) > DISTANCE
        assert distance(hashing.variants(altered)["unbarred"], hashing.pdq(picture())) <= DISTANCE // 2
    assert "unbarred" not in hashing.variants(picture())
    assert "unbarred" not in hashing.variants(Image.new("RGB", (100, 100), "white"))


@pytest.mark.parametrize("share", [2, 5, 10])
def test_a_cropped_copy_is_near_a_variant(share: int) -> None:
    width, height = picture().size
    x, y = width * share // 100 + 2, height * share // 100 - 2
    cropped = hashing.pdq(picture().crop((x, y, width - x, height - y)))
    assert distance(hashing.variants(picture())[f"crop{share}"], cropped) <= DISTANCE
    assert all(distance(hashing.variants(picture(2))[name], cropped) > 80 for name in ("crop2", "crop5", "crop10"))


def test_a_very_large_picture_has_the_hash_of_its_smaller_self() -> None:
    assert distance(hashing.pdq(picture().resize((3600, 2700))), hashing.pdq(picture().resize((1200, 900)))) <= 8


def test_digests_of_bytes() -> None:
    found = hashing.digests(b"abc")
    assert found.md5 == "900150983cd24fb0d6963f7d28e17f72"
    assert found.sha1 == "a9993e364706816aba3e25717850c26c9cd0d89d"
    assert found.sha256 == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
    assert VideoMD5Signal.hash_from_bytes(b"abc") == found.md5


def test_a_texts_hash_is_what_exchanges_have() -> None:
    hash_ = hashing.text_hash(TEXT)
    assert hash_ == TextTLSHSignal.hash_from_str(TEXT) == TextTLSHSignal.validate_signal_str(hash_ or "")
    near = hashing.text_hash(TEXT.replace("5000", "7500")) or ""
    assert 0 < hashing.tlsh_distance(hash_ or "", near) <= hashing.TLSH_DISTANCE
    assert hashing.text_hash("too short") is None


def test_videos_are_compared_by_how_much_of_each_is_in_the_other() -> None:
    frames = [vpdq.Frame(hashing.pdq(picture(seed)).hash, 90, float(seed)) for seed in range(10)]
    excerpt = [vpdq.Frame(frame.hash, 80, frame.timestamp - 3) for frame in frames[3:7]]
    assert vpdq.compare(excerpt, frames) == (1.0, 0.4)
    assert vpdq.compare(excerpt, frames).matches  # type: ignore[union-attr]
    assert not vpdq.compare(frames, excerpt).matches  # type: ignore[union-attr]
    black = [vpdq.Frame("0" * 64, 0, 0.0)]
    assert vpdq.compare(black, frames) is None  # nothing can be said of frames without structure
    assert vpdq.read(vpdq.write(frames)) == frames


@pytest.mark.parametrize(
    ("written", "said"),
    [
        ("{", "JSON array"),
        ('{"0": 1}', "JSON array"),
        ('["abc"]', "frame 0"),
        (f'["{"0" * 64},50,1.000", "{"0" * 64},101,1"]', "frame 1"),
        (f'["{"0" * 63}g,50,1.0"]', "frame 0"),
        (f'["{"0" * 64},50,nan"]', "frame 0"),
    ],
)
def test_what_is_no_video_hash_is_refused(written: str, said: str) -> None:
    with pytest.raises(ValueError, match=said):
        vpdq.read(written)


def test_a_files_type_is_told_by_its_bytes() -> None:
    image = picture(size=(40, 40))
    for form in ("PNG", "JPEG", "GIF", "WEBP", "BMP", "AVIF"):
        kind = kinds.kind_of(encoded(image, form))
        assert kind.name == form.lower()
        assert kind.medium == "image"
        assert not kinds.disagrees(kind.mime, kind)
        assert kinds.disagrees("video/mp4", kind)
        assert not kinds.disagrees(None, kind)
        assert not kinds.disagrees("application/octet-stream", kind)
    assert not kinds.disagrees("image/jpg; charset=binary", kinds.kind_of(encoded(image, "JPEG")))
    assert kinds.kind_of(b"") is kinds.UNKNOWN
    assert kinds.disagrees("image/png", kinds.kind_of(b"<html>"))
    assert not kinds.disagrees("text/html", kinds.kind_of(b"<html>"))


def test_a_picture_that_is_something_else_as_well_is_told() -> None:
    png = encoded(picture(size=(40, 40)))
    kind = kinds.kind_of(png)
    assert kinds.also(png, kind) == []
    assert kinds.also(png + b"PK\x05\x06" + bytes(18), kind) == ["zip"]
    assert kinds.also(b"GIF89a/*<script>*/=1;", kinds.kind_of(b"GIF89a")) == ["html"]
    assert kinds.also(b"\xff\xd8\xff\xfe\x00\x20%PDF-1.4", kinds.kind_of(b"\xff\xd8\xff")) == ["pdf"]
