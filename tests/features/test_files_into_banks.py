"""A file is shown to a hash bank in the console: what came of it is seen before anything is added, somebody chooses, says why,
and somebody else activates. Hostile, flat and too large files are told apart, and no file is kept."""

import io
import re
from types import SimpleNamespace
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from PIL import Image

from safehold.console import bank_files
from safehold.desk.banks.changing import add_item, change_bank
from safehold.desk.banks.feed import Feed
from safehold.desk.banks.models import BankChange, BankItem
from safehold.gateway.banks import BankKeeper
from safehold.record.models import AuditEvent
from safehold.record.verification import verify_record
from safehold.signals.media import hashing
from safehold.signals.media.forms import VARIANTS
from safehold.signals.media.kinds import kind_of
from safehold.signals.media.workers import ask
from tests.features.test_bank_pages import page, place
from tests.features.test_hash_matching import asked
from tests.features.test_hostile_media import video
from tests.features.test_media_hashing import encoded, picture

__all__ = ["place"]
AT = "/banks/in/bad/file/"


def shown(client: Client, data: bytes, name: str = "cat.png") -> str:
    """Show a file to the bank; where that leads."""
    answer = client.post(AT, {"file": SimpleUploadedFile(name, data)})
    assert answer.status_code == 302, answer.content.decode()
    return str(answer["location"])


def refused(client: Client, data: bytes) -> str:
    answer = client.post(AT, {"file": SimpleUploadedFile("x.png", data)})
    assert answer.status_code == 422
    return answer.content.decode()


def offered(text: str) -> dict[str, bool]:
    """kind -> whether it is ticked, of the hashes that can be chosen."""
    boxes = re.findall(r'<input[^>]*name="hashes"[^>]*>', text)
    return {re.findall(r'value="(\w+)"', box)[0]: "checked" in box for box in boxes if "disabled" not in box}


SAID = {"source": "A user's report", "reference": "case 12", "note": "Recruits for a listed group"}


def test_a_picture_becomes_hashes_that_wait_with_where_they_come_from(place: SimpleNamespace) -> None:
    page(place.reader, AT, 403)
    assert "Add a file" not in page(place.reader, "/banks/in/bad/")
    assert f'action="{AT}"' in page(place.moderator, "/banks/in/bad/"), "a file can be dropped on the bank's page"
    data = encoded(picture(5))
    there = shown(place.moderator, data)
    assert not BankItem.objects.exists()
    text = page(place.moderator, there)
    digests = hashing.digests(data)
    for said in (hashing.pdq(picture(5)).hash, digests.sha256, digests.md5, digests.sha1, "100 of 100", "400 × 300"):
        assert said in text, said
    assert offered(text) == {"pdq": True, "sha256": True, "md5": True, "sha1": False}
    wrong = place.moderator.post(there, {"hashes": ["pdq"], "source": "x"})
    assert wrong.status_code == 422 and not BankItem.objects.exists(), "why is asked"
    none = place.moderator.post(there, SAID)
    assert none.status_code == 422 and "Choose at least one hash" in none.content.decode()
    assert place.senior.get(there).status_code == 302, "what came of it is who showed it's alone"
    place.moderator.post(there, {"hashes": ["pdq", "md5"], "variants": ["turned"], **SAID})
    picked = BankItem.objects.get(kind="pdq")
    assert (picked.state, picked.source, picked.reference, picked.note) == ("quarantined", *SAID.values())
    assert set(picked.variants) == set(VARIANTS["turned"])
    assert set(BankItem.objects.values_list("kind", flat=True)) == {"pdq", "md5"}
    entry = AuditEvent.objects.filter(verb="bank.item_added").order_by("-id")[1]
    assert entry.detail["note"] == SAID["note"] and entry.detail["forms"] == sorted(VARIANTS["turned"])
    assert place.moderator.get(there).status_code == 302, "it is added once"
    assert SAID["note"] in page(place.reader, f"/banks/in/bad/items/{picked.pk}/")
    place.moderator.post(f"/banks/in/bad/items/{picked.pk}/move/", {"activity": "activated"})
    assert BankItem.objects.get(kind="pdq").state == "quarantined", "not by who added it"
    place.senior.post(f"/banks/in/bad/items/{picked.pk}/move/", {"activity": "activated"})
    keeper = BankKeeper(Feed())
    keeper.load()
    posted = encoded(picture(5).rotate(3, resample=Image.Resampling.BICUBIC))
    measured = ask.measure(kind_of(posted), posted)
    entry_of = {"pdq": measured.pdq, "quality": measured.quality, "forms": measured.forms}
    assert asked(keeper.shelf, entry_of)["matched"]
    assert not verify_record().findings


def test_what_the_bank_has_is_told_and_cannot_be_added_again(place: SimpleNamespace) -> None:
    data = encoded(picture(5))
    digests = hashing.digests(data)
    add_item(None, "bad", "md5", digests.md5)
    change_bank(None, "bad", variants=True, two_people=False)
    there = shown(place.moderator, data)
    text = page(place.moderator, there)
    assert "md5" not in offered(text) and offered(text)["pdq"]
    assert re.search(r'id="variants-cropped"[^>]*checked', text) and not re.search(
        r'id="variants-turned"[^>]*checked', text
    )
    again = place.moderator.post(there, {"hashes": ["md5"], **SAID})
    assert again.status_code == 422
    place.moderator.post(there, {"hashes": list(offered(text)), **SAID})
    assert set(BankItem.objects.values_list("state", flat=True)) == {"active"}
    assert "has all of it already" in page(place.moderator, shown(place.moderator, data))


def test_a_flat_a_hostile_and_a_strange_file_are_told_apart(place: SimpleNamespace) -> None:
    flat = page(place.moderator, shown(place.moderator, encoded(Image.new("RGB", (300, 300), "white"))))
    assert "too flat" in flat and "pdq" not in offered(flat) and offered(flat)["sha256"]
    bomb = io.BytesIO()
    Image.new("1", (29_000, 29_000)).save(bomb, "PNG")
    hostile = page(place.moderator, shown(place.moderator, bomb.getvalue()))
    assert "It was not opened" in hostile and "pixels" in hostile and set(offered(hostile)) == {"sha256", "md5", "sha1"}
    cut = page(place.moderator, shown(place.moderator, encoded(picture())[:4000]))
    assert "It was not opened" in cut and "variants-cropped" not in cut
    document = b"%PDF-1.7 " + bytes(range(256)) * 8
    text = page(place.moderator, shown(place.moderator, document, "a.pdf"))
    assert offered(text) == {"sha256": True, "md5": True, "sha1": False, "tlsh": True}
    assert "shorter than 50 bytes" in page(place.moderator, shown(place.moderator, b"short", "a.bin"))
    assert "The submitted file is empty" in refused(place.moderator, b"")


def test_a_large_file_gets_no_name_on_the_disk_and_a_too_large_one_is_refused(
    place: SimpleNamespace, settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    def no_file(*arguments: object, **more: object) -> None:
        raise AssertionError("a file was made")

    monkeypatch.setattr("tempfile.NamedTemporaryFile", no_file)
    monkeypatch.setattr("django.core.files.uploadhandler.TemporaryUploadedFile", no_file)
    shown(place.moderator, b"x" * (4 << 20), "large.bin")
    settings.SAFEHOLD_MEDIA_UPLOAD_MB = 1
    just_more = refused(place.moderator, b"x" * ((1 << 20) + 1))
    much_more = refused(place.moderator, b"x" * (3 << 20))
    assert all("more than 1 MB" in said and "SAFEHOLD_MEDIA_UPLOAD_MB" in said for said in (just_more, much_more))
    assert not BankChange.objects.exclude(act="settings")


def test_a_video_is_one_item_by_its_frames(place: SimpleNamespace) -> None:
    data = video(2)
    text = page(place.moderator, shown(place.moderator, data, "clip.mp4"))
    assert (
        offered(text)["vpdq"] and offered(text)["video_md5"] and "frames" in text.lower() and "md5" not in offered(text)
    )
    assert "variants-cropped" not in text


def test_the_form_is_refused_without_its_token_and_forgotten_after_an_hour(
    place: SimpleNamespace, monkeypatch: pytest.MonkeyPatch
) -> None:
    strict = Client(enforce_csrf_checks=True)
    strict.cookies = place.moderator.cookies
    assert strict.post(AT, {"file": SimpleUploadedFile("x.bin", b"x" * 99)}).status_code == 403
    there = shown(place.moderator, b"x" * 99, "x.bin")
    page(place.moderator, there)
    monkeypatch.setattr(bank_files, "KEPT_SECONDS", 0)
    gone = place.moderator.get(there, follow=True)
    assert "show it again" in gone.content.decode()
