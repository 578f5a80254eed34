"""A platform sends a file to `POST /v1/media` and gets back what it is: hashes for its events, kept once, for a bounded time."""

import hashlib
import os
import re
import signal
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import httpx
import msgspec
import pytest
from django.core.exceptions import ImproperlyConfigured
from django.test import override_settings

from safehold.accounts.keys import create_key
from safehold.accounts.roles import Scope
from safehold.engine import load_bundle
from safehold.engine.examples import run_examples
from safehold.gateway.media import Uploads
from safehold.signals.media import hashing
from safehold.signals.media.store import Full, MediaStore, Record
from safehold.signals.media.taking import take
from safehold.signals.media.workers.messages import Nudity
from safehold.site.gateway import _uploads
from tests.features.test_hostile_media import png, video
from tests.features.test_media_hashing import encoded, picture
from tests.gateway_server import database_of_its_own, message, policy_folder, serving
from tests.world import service

HOW_TO = (Path(__file__).parents[2] / "docs" / "how-to" / "send-media.md").read_text("utf-8")
[GUIDED] = re.findall(r"```yaml\n(.*?)```", HOW_TO, re.DOTALL)
#: The how-to's policy, and one rule that needs what this server does not measure.
POLICY = GUIDED.replace(
    "examples:\n",
    "  - id: naked\n    mode: live\n    when: signals.nudity.score > 0.8\n    then: {action: remove, queue: abuse}\nexamples:\n",
)


@pytest.fixture(scope="module")
def place(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[SimpleNamespace]:
    folder = tmp_path_factory.mktemp("media")
    with database_of_its_own("sqlite", request, folder) as url:
        service()
        _, writer = create_key(None, "writer", [Scope.WRITE_EVENTS], service="plaza")
        _, reader = create_key(None, "reader", [Scope.READ_DECISIONS], service="plaza")
        policies = policy_folder(folder / "policies")
        (policies / "media.yaml").write_text(POLICY)
        settings = {"media_upload_mb": 2, "media_models": "none", "rate": 0}
        with serving(url, policies, folder, **settings) as server:
            yield SimpleNamespace(
                client=server.client(writer),
                reader=server.client(reader),
                folder=folder / "media",
                log=server.log,
                process=server.process.pid,
            )


def send(place: SimpleNamespace, data: bytes, mime: str = "application/octet-stream", **query: str) -> httpx.Response:
    answer: httpx.Response = place.client.post("/v1/media", content=data, headers={"Content-Type": mime}, params=query)
    return answer


def test_an_image_gets_its_hashes_and_is_kept_by_them(place: SimpleNamespace) -> None:
    data = encoded(picture(), "JPEG")
    answer = send(place, data, "image/jpeg")
    assert answer.status_code == 200
    found = answer.json()
    assert found["sha256"] == hashlib.sha256(data).hexdigest()
    assert found["sha1"] == hashlib.sha1(data, usedforsecurity=False).hexdigest()
    assert found["md5"] == hashlib.md5(data, usedforsecurity=False).hexdigest()
    assert (found["type"], found["mime"], found["mismatch"], found["size"]) == ("jpeg", "image/jpeg", False, len(data))
    assert (found["width"], found["height"], found["kept"]) == (400, 300, "standard")
    assert hashing.pdq_distance(found["pdq"], hashing.pdq(picture()).hash) <= 10
    assert found["quality"] > 50
    kept = place.folder / found["sha256"][:2] / found["sha256"]
    assert kept.read_bytes() == data
    assert kept.stat().st_mode & 0o077 == 0
    again = send(place, data, "image/jpeg").json()
    assert again == found
    assert len(list(kept.parent.glob(f"{found['sha256']}*"))) == 2
    assert hashlib.sha256(data).hexdigest() not in place.log.read_text()


def test_a_video_is_told_frame_by_frame(place: SimpleNamespace) -> None:
    found = send(place, video(3), "video/mp4").json()
    assert len(found["frames"]) == 3
    assert found["animated"]
    assert 2.5 < found["seconds"] < 3.5


def test_what_the_sender_says_it_is_does_not_count(place: SimpleNamespace) -> None:
    found = send(place, encoded(picture()), "video/mp4").json()
    assert (found["mime"], found["mismatch"]) == ("image/png", True)
    two_in_one = send(place, encoded(picture(3)) + b"PK\x05\x06" + bytes(18), "image/png").json()
    assert (two_in_one["also"], two_in_one["mismatch"]) == (["zip"], False)
    text = send(place, b"just a text", "text/plain").json()
    assert (text["type"], text["mismatch"]) == ("unknown", False)
    assert "pdq" not in text


def test_a_bomb_is_answered_with_its_digests_and_why_it_was_not_opened(place: SimpleNamespace) -> None:
    data = png(29_000, 29_000, bytes(3000))
    found = send(place, data, "image/png").json()
    assert found["sha256"] == hashlib.sha256(data).hexdigest()
    assert "50,000,000 is the most" in found["unreadable"]
    assert "pdq" not in found
    assert "width" not in found


def decided(place: SimpleNamespace, number: str, *media: dict[str, object]) -> dict[str, Any]:
    event = message(number)
    event["data"]["media"] = list(media)
    answer = place.client.post("/v1/events", json=event, headers={"Content-Type": "application/cloudevents+json"})
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


def test_an_event_that_names_what_was_sent_is_decided_by_what_it_is(place: SimpleNamespace) -> None:
    film = send(place, encoded(picture()), "video/mp4").json()
    verdict = decided(place, "film", film)
    assert (verdict["action"], verdict["winner"]) == ("hold", "media.disguised/two-in-one")
    bomb = send(place, png(29_000, 29_000, bytes(3000)), "image/png").json()
    verdict = decided(place, "bomb", bomb)
    assert (verdict["action"], verdict["winner"]) == ("hold", "media.disguised/not-opened")
    plain = send(place, encoded(picture()), "image/png").json()
    assert decided(place, "plain", plain)["action"] == "allow"


def test_what_was_not_measured_is_a_failed_signal_in_the_verdict(place: SimpleNamespace) -> None:
    plain = send(place, encoded(picture()), "image/png").json()
    verdict = decided(place, "not measured", plain)
    [failed] = [one for one in verdict["failed_signals"] if one["signal"] == "nudity"]
    assert "SAFEHOLD_MEDIA_MODELS" in failed["error"]
    assert "naked" in str(verdict["undecided"])
    assert not [one for one in decided(place, "no media")["failed_signals"] if one["signal"] == "nudity"]


def test_the_policy_of_the_guide_passes_its_own_examples(tmp_path: Path) -> None:
    folder = policy_folder(tmp_path / "policies")
    (folder / "media.yaml").write_text(GUIDED)
    outcomes = run_examples(load_bundle(folder))
    assert [outcome.differences for outcome in outcomes if outcome.differences] == []
    assert len(outcomes) >= 4


def test_events_are_decided_while_media_is_being_opened(place: SimpleNamespace) -> None:
    files = [encoded(picture().rotate(turn), "JPEG") for turn in range(6)]
    with ThreadPoolExecutor(6) as pool:
        uploads = [pool.submit(send, place, data) for data in files]
        for number in range(20):
            event = message(f"during-{number}")
            answer = place.client.post(
                "/v1/events", json=event, headers={"Content-Type": "application/cloudevents+json"}
            )
            assert answer.status_code == 200
        assert {upload.result().status_code for upload in uploads} == {200}


def workers_of(server: int) -> set[int]:
    """The processes that open media for a server, by what the system says of its children."""
    found = set()
    for path in Path("/proc").glob("[0-9]*/stat"):
        with suppress(FileNotFoundError, ProcessLookupError):
            parent = int(path.read_text().rpartition(")")[2].split()[1])
            if parent == server and b"workers/process.py" in (path.parent / "cmdline").read_bytes():
                found.add(int(path.parent.name))
    return found


def test_workers_that_are_killed_are_replaced_and_the_server_goes_on(place: SimpleNamespace) -> None:
    send(place, encoded(picture(6)))
    before = workers_of(place.process)
    assert before
    for worker in before:
        os.kill(worker, signal.SIGKILL)
    assert decided(place, "while there are none")["decision"]
    for seed in (7, 8, 9):
        found = send(place, encoded(picture(seed))).json()
        assert "unreadable" not in found
        assert len(found["pdq"]) == 64
    assert workers_of(place.process)
    assert not workers_of(place.process) & before


def test_bytes_that_are_not_to_be_kept_are_not(place: SimpleNamespace) -> None:
    data = encoded(picture(4))
    found = send(place, data, keep="none").json()
    assert found["kept"] == "none"
    kept = place.folder / found["sha256"][:2]
    assert [path.name for path in kept.glob(f"{found['sha256']}*")] == [f"{found['sha256']}.json"]
    week = send(place, encoded(picture(5)), keep="short").json()
    expires = (place.folder / week["sha256"][:2] / week["sha256"]).stat().st_mtime - time.time()
    assert 6.9 < expires / 86_400 < 7.1


@pytest.mark.parametrize(
    ("data", "headers", "query", "status", "kind"),
    [
        (b"", {}, {}, 400, "invalid-media"),
        (b"x", {}, {"keep": "forever"}, 400, "invalid-media"),
        (bytes(2 << 20) + b"x", {}, {}, 413, "too-large"),
        (b"x", {"Content-Encoding": "gzip"}, {}, 415, "unsupported-media-type"),
    ],
    ids=["empty", "keep", "large", "compressed"],
)
def test_what_cannot_be_taken_is_refused(place, data, headers, query, status, kind) -> None:
    answer = place.client.post("/v1/media", content=data, headers=headers, params=query)
    assert answer.status_code == status
    assert answer.json()["type"].endswith(kind)


def test_sending_needs_the_scope_and_nothing_is_ever_served_back(place: SimpleNamespace) -> None:
    assert place.reader.post("/v1/media", content=b"x").status_code == 403
    assert httpx.post(f"{place.client.base_url}/v1/media", content=b"x").status_code == 401
    found = send(place, encoded(picture())).json()
    for path in (f"/v1/media/{found['sha256']}", f"/media/{found['sha256']}", "/v1/media"):
        assert place.client.get(path).status_code in {404, 405}


def record(data: bytes, keep: str = "standard") -> Record:
    digests = hashing.digests(data)
    return Record(**digests._asdict(), size=len(data), type="unknown", mime="", medium="file", keep=keep)  # type: ignore[arg-type]


def test_the_folder_is_bounded_and_what_has_expired_makes_room(tmp_path: Path) -> None:
    store = MediaStore(tmp_path, most_bytes=9_000)
    old, new = bytes(5_000), bytes(6_000)
    store.put(record(old), old)
    with pytest.raises(Full):
        store.put(record(new), new)
    assert store.record(hashing.digests(new).sha256) is None
    store.put(record(new, "none"), new)  # no bytes, no room
    for path in tmp_path.rglob(f"{hashing.digests(old).sha256}*"):
        os.utime(path, (1, 1))
    assert store.record(hashing.digests(old).sha256) is None
    store.put(record(new), new)
    assert store.record(hashing.digests(new).sha256) is not None
    assert not list(tmp_path.rglob(f"{hashing.digests(old).sha256}*"))


def test_what_is_known_of_a_file_is_not_measured_again_nor_lost(tmp_path: Path) -> None:
    store, data = MediaStore(tmp_path), encoded(picture(4))
    first = take(data, "short", ["nudity"], store.record)
    assert first.nudity is not None
    marked = msgspec.structs.replace(first, nudity=Nudity(score=0.125, stills=1))  # what no model says of this picture
    store.put(marked, data)
    again = take(data, "standard", [], store.record)
    assert again == msgspec.structs.replace(marked, keep="standard")
    assert take(data, "short", ["nudity"], store.record).nudity == marked.nudity
    store.put(msgspec.structs.replace(marked, by="0"), data)  # by another version
    assert take(data, "short", ["nudity"], store.record) == first


def test_what_has_expired_is_deleted_also_where_nothing_is_sent_any_more(tmp_path: Path) -> None:
    MediaStore(tmp_path).put(record(b"it"), b"it")
    half = tmp_path / hashing.digests(b"it").sha256[:2] / ".half-written"
    half.write_bytes(b"i")
    for path in tmp_path.rglob("*"):
        if path.is_file():
            os.utime(path, (1, 1))
    uploads = Uploads(tmp_path, most_bytes=100, most_kept=100, models=())
    uploads.start()
    until = time.monotonic() + 60
    while any(path.is_file() for path in tmp_path.rglob("*")):
        assert time.monotonic() < until
        time.sleep(0.01)
    uploads.stop()


def test_a_file_that_is_no_picture_has_a_tlsh_hash(place: SimpleNamespace) -> None:
    document = b"%PDF-1.4 " + " ".join(f"word{number * 7919 % 1000}" for number in range(200)).encode()
    found = send(place, document, "application/pdf").json()
    assert (found["type"], found["tlsh"]) == ("pdf", hashing.tlsh(document))
    assert len(found["tlsh"]) == 72
    assert "tlsh" not in send(place, encoded(picture()), "image/png").json()


def test_a_file_that_is_sent_again_is_kept_for_the_longer_time(tmp_path: Path) -> None:
    store = MediaStore(tmp_path)
    store.put(record(b"it"), b"it")
    store.put(record(b"it", "short"), b"it")
    for path in tmp_path.rglob(f"{hashing.digests(b'it').sha256}*"):
        assert path.stat().st_mtime > time.time() + 80 * 86_400
    assert store.record("../../etc/passwd") is None


@override_settings(SAFEHOLD_MEDIA_MODELS=["nudity", "faces"])
def test_a_model_that_does_not_exist_stops_the_start() -> None:
    with pytest.raises(ImproperlyConfigured, match="there is no faces"):
        _uploads()
