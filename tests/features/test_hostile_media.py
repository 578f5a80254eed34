"""Media that was made to do harm fails within its bounds, and nobody else waits for it: bombs, torn files, endless ones, and
a worker that has been taken over."""

import io
import os
import random
import socket
import struct
import threading
import time
import zlib
from collections.abc import Iterator
from pathlib import Path

import av
import numpy as np
import pytest

from safehold.signals.media.kinds import Kind, kind_of
from safehold.signals.media.workers import ask, opening
from safehold.signals.media.workers.messages import Bounds, Job, Measured
from safehold.signals.media.workers.pool import Pool, Unavailable, Unreadable
from tests.features.test_media_hashing import encoded, picture

MISBEHAVING = Path(__file__).parents[1] / "misbehaving_worker.py"
FORMS = ("PNG", "JPEG", "GIF", "WEBP", "AVIF", "BMP")


def measure(data: bytes, **bounds: object) -> Measured:
    return ask.measure(kind_of(data), data, Bounds(**bounds))  # type: ignore[arg-type]


def png(width: int, height: int, rows: bytes) -> bytes:
    """A grey PNG of one bit a pixel, whatever its rows really are."""

    def chunk(name: bytes, body: bytes) -> bytes:
        return struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))

    head = struct.pack(">IIBBBBB", width, height, 1, 0, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")


def video(seconds: float, form: str = "mp4", size: int = 64) -> bytes:
    """Ten frames a second; another picture every second."""
    out = io.BytesIO()
    with av.open(out, "w", format=form) as container:
        stream = container.add_stream("libvpx" if form == "webm" else "mpeg4", rate=10)
        stream.width = stream.height = size
        stream.pix_fmt = "yuv420p"
        stills = [np.asarray(picture(seed, (size, size))) for seed in range(4)]
        for number in range(int(seconds * 10)):
            frame = av.VideoFrame.from_ndarray(stills[number // 10 % 4], format="rgb24")
            container.mux(stream.encode(frame))
        container.mux(stream.encode())
    return out.getvalue()


@pytest.fixture(scope="module")
def taken_over() -> Iterator[Pool]:
    pool = Pool(2, 512, MISBEHAVING)
    yield pool
    pool.close()


def job(form: str, seconds: float = 30.0) -> Job:
    return Job(what="measure", medium="image", form=form, bounds=Bounds(seconds=seconds, processor_seconds=1.0))


@pytest.mark.parametrize("form", FORMS)
def test_an_image_is_measured(form: str) -> None:
    data = encoded(picture(), form)
    found = ask.measure(kind_of(data), data, variants=("cropped",))
    assert (found.width, found.height, found.animated, found.truncated) == (400, 300, False, False)
    assert len(found.pdq) == 64
    assert len(found.forms) == 8
    assert {"crop2", "crop5", "crop10"} <= set(found.variants)


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (png(100_000, 100, b""), "30,000 is the longest side"),
        (png(29_000, 29_000, bytes(3000)), "50,000,000 is the most"),
        (png(0, 10, b""), "begins as a png"),
        (b"\x89PNG\r\n\x1a\n", "begins as a png"),
        (b"\xff\xd8\xff\xe0" + bytes(100), "begins as a jpeg"),
        (b"GIF89a" + bytes(4), "begins as a gif"),
        (png(400, 400, bytes(10)), "damaged"),
        (b"\x1a\x45\xdf\xa3" + bytes(200), "damaged"),
        (b"\x00\x00\x00\x18ftypmp42" + bytes(200), "damaged"),
    ],
    ids=["side", "pixels", "none", "png", "jpeg", "gif", "rows", "webm", "mp4"],
)
def test_what_is_too_large_or_no_file_is_refused_with_the_reason(data: bytes, said: str) -> None:
    with pytest.raises(Unreadable, match=said):
        measure(data)


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("share", [0.3, 0.7])
def test_a_torn_image_is_no_image(form: str, share: float) -> None:
    whole = encoded(picture(), form)
    with pytest.raises(Unreadable):
        measure(whole[: int(len(whole) * share)])


def test_a_bomb_that_keeps_to_the_pixels_meets_the_limit_of_memory() -> None:
    pool = Pool(1, 230)
    data = png(7000, 7000, bytes(7000 * 876))
    assert len(data) < 10_000
    with pytest.raises(Unreadable, match="memory"):
        pool.run(Job(what="measure", medium="image", form="png"), data)
    assert isinstance(pool.run(Job(what="measure", medium="image", form="png"), encoded(picture())), Measured)
    pool.close()


def test_what_comes_after_the_first_frame_of_an_animation_is_looked_at() -> None:
    stills = [picture(seed, (60, 60)) for seed in range(30)]
    for form in ("GIF", "WEBP"):
        data = encoded(stills[0], form, save_all=True, append_images=stills[1:])
        found = measure(data)
        assert found.animated
        assert len(found.frames) == 30
        assert not found.truncated
        few = measure(data, stills=50)
        assert len(few.frames) == 5
        assert few.truncated


@pytest.mark.parametrize("form", ["mp4", "webm", "avi"])
def test_a_video_is_measured_second_by_second(form: str) -> None:
    found = measure(video(4, form))
    assert [round(float(frame.split(",")[2])) for frame in found.frames] == [0, 1, 2, 3]
    assert (found.width, found.height, found.animated, found.truncated) == (64, 64, True, False)
    assert found.seconds is not None
    assert 3.5 < found.seconds < 4.5


def test_an_endless_video_is_looked_at_in_part_and_says_so() -> None:
    data = video(200)
    for bounds in ({"stills": 5}, {"frames": 45}):
        found = measure(data, **bounds)
        assert len(found.frames) == 5
        assert found.truncated
    hurried = opening.measure(
        Job(what="measure", medium="video", form="mp4", bounds=Bounds(processor_seconds=0.1)), data
    )
    assert 0 < len(hurried.frames) < 200
    assert hurried.truncated


@pytest.mark.parametrize(
    ("box", "at", "lie", "refused"),
    [
        ("mvhd", 20, b"\xff\xff\xff\xfe", False),  # how long it is
        ("mp4v", 28, b"\xff\xff\xff\xff", False),  # 65,535 x 65,535: the stream itself says otherwise
        ("mp4v", 28, b"\0\0\0\0", False),
        ("stts", 8, b"\x7f\xff\xff\xff", True),  # how long each frame is
        ("stsz", 12, b"\x7f\xff\xff\xff", True),  # how many frames there are
        ("stco", 12, b"\x7f\xff\xff\xff", True),  # where they are
    ],
)
def test_a_video_whose_head_lies_is_measured_by_what_is_in_it_or_refused(
    box: str, at: int, lie: bytes, refused: bool
) -> None:
    data = bytearray(video(2))
    start = data.find(box.encode()) + at
    data[start : start + 4] = lie
    if refused:
        with pytest.raises(Unreadable):
            measure(bytes(data))
        return
    found = measure(bytes(data))
    assert (found.width, found.height, len(found.frames)) == (64, 64, 2)


def test_a_video_that_names_other_files_gets_none_of_them(tmp_path: Path) -> None:
    (tmp_path / "secret.mp4").write_bytes(video(1))
    for playlist in (
        f"#EXTM3U\n#EXTINF:1,\n{tmp_path}/secret.mp4\n",
        f"ffconcat version 1.0\nfile {tmp_path}/secret.mp4\n",
    ):
        with pytest.raises(Unreadable):
            ask.measure(Kind("mp4", "video/mp4", "video"), playlist.encode())


@pytest.mark.parametrize("form", [*FORMS, "mp4"])
def test_damaged_bytes_are_measured_or_refused_and_nothing_else(form: str) -> None:
    """Seeded damage: bytes changed, left out, repeated, at the head more than elsewhere."""
    draw = random.Random(form)
    whole = video(1) if form == "mp4" else encoded(picture(size=(64, 48)), form)
    kind = kind_of(whole)
    refused = 0
    for _ in range(25):
        data = bytearray(whole)
        for _ in range(draw.randint(1, 8)):
            place = min(int(draw.expovariate(8 / len(data))), len(data) - 1)
            what = draw.randrange(3)
            if what == 0:
                data[place] = draw.randrange(256)
            elif what == 1:
                del data[place : place + draw.randint(1, 20)]
            else:
                data[place:place] = data[place : place + draw.randint(1, 40)]
        try:
            ask.measure(kind, bytes(data))
        except Unreadable:
            refused += 1
    assert refused


def test_a_pool_goes_on_after_whatever_its_workers_do(taken_over: Pool) -> None:
    for form, said in {
        "crash": "too much memory or processor time",
        "spin": "too much memory or processor time",
        "hang": "longer than 0.5 seconds",
        "drip": "no sensible answer|longer than 0.5",
        "flood": "no sensible answer",
        "lie": "no sensible answer",
    }.items():
        with pytest.raises(Unreadable, match=said):
            taken_over.run(job(form, 30.0 if form == "spin" else 0.5), b"x")
        with pytest.raises(Unreadable, match="done"):
            taken_over.run(job("nothing"), b"")


def test_others_are_answered_while_one_hangs(taken_over: Pool) -> None:
    def hang() -> None:
        with pytest.raises(Unreadable):
            taken_over.run(job("hang", 1.5), b"")

    thread = threading.Thread(target=hang)
    with pytest.raises(Unreadable, match="done"):
        taken_over.run(job("nothing"), b"")
    thread.start()
    begun = time.monotonic()
    for _ in range(5):
        with pytest.raises(Unreadable, match="done"):
            taken_over.run(job("nothing"), b"")
    assert thread.is_alive() or time.monotonic() - begun > 1.5
    thread.join()


def test_who_waits_too_long_for_a_worker_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("safehold.signals.media.workers.pool.PATIENCE", 0.1)
    with pytest.raises(Unavailable, match="try again"):
        Pool(0, 512).run(job("png", 0.1), b"")


def test_a_worker_has_no_network_no_files_no_settings_and_little_memory(taken_over: Pool, tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = str(server.getsockname()[1]).encode()
        for form, data, said in (
            ("connect", port, "PermissionError"),
            ("write", str(tmp_path / "it").encode(), "OSError"),
            ("allocate", b"900000000", "MemoryError"),
            ("environment", b"", r": LANG LC_CTYPE MALLOC_ARENA_MAX|: LANG MALLOC_ARENA_MAX"),
        ):
            with pytest.raises(Unreadable, match=said):
                taken_over.run(job(form), data)
        if os.geteuid() == 0:  # others may not be given a network of their own by their system
            with pytest.raises(Unreadable, match=r"errno (101|1|13)\b"):
                taken_over.run(job("connect below Python"), port)


def test_a_pool_that_is_closed_leaves_no_process() -> None:
    pool = Pool(1, 512, MISBEHAVING)
    with pytest.raises(Unreadable):
        pool.run(job("nothing"), b"")
    [pid] = pool.pids
    pool.close()
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)
