"""The lists' pages: somebody proposes, somebody else approves; imports are looked at first; what was done can be taken back."""

import re
import threading
import time
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client

from safehold.accounts.models import User
from safehold.accounts.people import add_person
from safehold.accounts.roles import Role
from safehold.desk.lists import importing
from safehold.desk.lists.changing import add_entry
from safehold.desk.lists.models import Entry, Revision, Staged
from safehold.record.models import AuditEvent

LIST = "list: bad\nkind: domain_suffix\ntitle: Bad domains\nmanaged: true\nentries: [seed.example]\n"


@pytest.fixture
def place(fresh_sqlite: SimpleNamespace, tmp_path: Path, settings: object) -> SimpleNamespace:
    (tmp_path / "policies/lists").mkdir(parents=True)
    (tmp_path / "policies/lists/bad.yaml").write_text(LIST)
    (tmp_path / "policies/lists/fixed.yaml").write_text("list: fixed\nentries: [a]\n")
    settings.SAFEHOLD_POLICIES = tmp_path / "policies"
    people = {
        "moderator": Role.MODERATOR, "senior": Role.SENIOR_MODERATOR, "author": Role.POLICY_AUTHOR, "reader": Role.READ_ONLY,
    }  # fmt: skip
    made = SimpleNamespace()
    for name, role in people.items():
        client = Client()
        client.force_login(add_person(None, f"{name}@example.org", name, [role]))
        setattr(made, name, client)
    return made


def page(client: Client, address: str, status: int = 200) -> str:
    answer = client.get(address)
    assert answer.status_code == status
    return answer.content.decode()


def test_somebody_proposes_and_somebody_else_approves(place: SimpleNamespace) -> None:
    assert "Bad domains" in page(place.reader, "/lists/")
    assert "Propose an entry" not in page(place.reader, "/lists/bad/")
    page(place.reader, "/lists/bad/add/", 403)
    wrong = place.moderator.post("/lists/bad/add/", {"value": "https://evil.example/"})
    assert wrong.status_code == 422 and "write only its domain" in wrong.content.decode()
    place.moderator.post("/lists/bad/add/", {"value": "Evil.example", "note": "ticket 7", "confidence": "80"})
    entry = Entry.objects.get()
    address = f"/lists/bad/entries/{entry.pk}/"
    own = page(place.moderator, address)
    assert "Somebody else has to approve it" in own and "Approve<" not in own
    place.moderator.post(f"{address}move/", {"activity": "approved"})
    assert Entry.objects.get().state == "proposed"
    assert "Approve" in page(place.senior, address)
    place.senior.post(f"{address}move/", {"activity": "approved"})
    assert Entry.objects.get().state == "active"
    place.reader.post(f"{address}move/", {"activity": "retired"})
    assert Entry.objects.get().state == "active"
    place.moderator.post(f"{address}move/", {"activity": "disputed", "note": "it was sold"})
    shown = page(place.reader, address)
    assert "it was sold" in shown and "ticket 7" in shown and "80 %" in shown
    verbs = AuditEvent.objects.filter(object_kind="list_entry").order_by("id").values_list("verb", flat=True)
    assert list(verbs) == ["list.proposed", "list.approved", "list.disputed"]


def test_entries_are_found_by_any_spelling_state_and_source(place: SimpleNamespace) -> None:
    for value, source in (("bücher.example", "us"), ("other.example", "feed")):
        add_entry(None, "bad", value, {"source": source})
    assert "xn--bcher-kva.example" in page(place.reader, "/lists/bad/?q=BÜCHER.example")
    assert "other.example" not in page(place.reader, "/lists/bad/?q=source:us")
    assert "is matched by" in page(place.reader, "/lists/bad/?q=www.seed.example")
    assert "is no filter here" in page(place.reader, "/lists/bad/?q=colour:red", 400)
    page(place.reader, "/lists/worse/", 404)
    assert "Propose an entry" not in page(place.author, "/lists/fixed/")


def until_applied(revision_id: str) -> None:
    until = time.monotonic() + 60
    while Revision.objects.get(pk=revision_id).state == "applying" and time.monotonic() < until:
        time.sleep(0.05)


def test_an_import_is_looked_at_approved_and_taken_back(place: SimpleNamespace) -> None:
    feed = SimpleUploadedFile("feed.csv", b"domain,confidence\na.example,70\nb.example,\n")
    sent = place.author.post("/lists/bad/import/", {"file": feed, "mode": "add", "source": "https://feed.example"})
    revision = Revision.objects.get()
    address = f"/lists/bad/revisions/{revision.pk}/"
    assert sent.headers["Location"] == address
    shown = page(place.author, address)
    assert "a.example" in shown and "Added" in shown and "somebody else has to approve it" in shown
    place.author.post(f"{address}act/", {"act": "apply"})
    assert Revision.objects.get().state == "staged"
    place.moderator.post(f"{address}act/", {"act": "apply"})
    assert Revision.objects.get().state == "staged"
    place.senior.post(f"{address}act/", {"act": "apply"})
    until_applied(revision.pk)
    assert sorted(Entry.objects.filter(state="active").values_list("value", flat=True)) == ["a.example", "b.example"]
    assert "Take back" in page(place.senior, address)
    assert page(place.reader, f"{address}progress/").count("list-progress") == 1
    back = place.senior.post(f"{address}act/", {"act": "revert"}).headers["Location"]
    until_applied(back.rstrip("/").rpartition("/")[2])
    assert not Entry.objects.filter(state="active").exists()
    assert "Taken back" in page(place.reader, "/lists/bad/history/")


def test_a_wrong_file_names_its_lines_and_leaves_nothing(place: SimpleNamespace) -> None:
    feed = SimpleUploadedFile("feed.txt", b"a.example\nhttps://b.example/\n")
    sent = place.author.post("/lists/bad/import/", {"file": feed, "mode": "add"})
    assert sent.status_code == 422 and "line 2" in sent.content.decode()
    assert not Revision.objects.exists()
    feed = SimpleUploadedFile("feed.txt", b"a.example\n")
    place.author.post("/lists/bad/import/", {"file": feed, "mode": "add"})
    revision = Revision.objects.get()
    place.author.post(f"/lists/bad/revisions/{revision.pk}/act/", {"act": "discard"})
    assert Revision.objects.get().state == "discarded"


def test_a_list_leaves_as_a_file_and_that_is_recorded(place: SimpleNamespace) -> None:
    add_entry(None, "bad", "evil.example")
    answer = place.reader.get("/lists/bad/export/?format=csv")
    assert answer.content.decode().splitlines()[1:] == ["seed.example,,,,,,", "evil.example,,,,,,"]
    assert answer.headers["Content-Disposition"] == 'attachment; filename="bad.csv"'
    assert AuditEvent.objects.get(verb="list.exported").actor == User.objects.get(email="reader@example.org").pk
    assert place.reader.get("/lists/bad/export/?format=misp").status_code == 404


def test_an_interrupted_import_can_be_gone_on_with(place: SimpleNamespace) -> None:
    feed = SimpleUploadedFile("feed.txt", b"a.example\n")
    place.author.post("/lists/bad/import/", {"file": feed, "mode": "add"})
    revision = Revision.objects.get()
    importing.begin(User.objects.get(email="senior@example.org"), revision.pk)
    address = f"/lists/bad/revisions/{revision.pk}/"
    assert "Go on" in page(place.senior, address)
    place.senior.post(f"{address}act/", {"act": "resume"})
    until_applied(revision.pk)
    assert Entry.objects.get().state == "active"


def test_a_long_file_is_read_while_its_page_shows_how_far_it_is(
    place: SimpleNamespace, settings: object, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings.FILE_UPLOAD_MAX_MEMORY_SIZE = 1_000  # what is longer is on the disk
    settings.SAFEHOLD_LISTS = tmp_path / "var/lists"
    monkeypatch.setattr(importing, "CHUNK", 100)
    gate, real = threading.Event(), importing.sql.stage_rows

    def waiting(*arguments: object) -> None:
        assert Staged.objects.count() < 300 or gate.wait(10)
        real(*arguments)

    monkeypatch.setattr(importing.sql, "stage_rows", waiting)
    rows = "".join(f"h{number}.example\n" for number in range(1_000))
    sent = place.author.post("/lists/bad/import/", {"file": SimpleUploadedFile("a.txt", rows.encode()), "mode": "add"})
    revision = Revision.objects.get()
    until(lambda: Revision.objects.get().counts.get("rows") == 300)
    shown = page(place.senior, sent.headers["Location"])
    assert "300 rows read" in shown and "Approve and apply" not in shown and "Discard" in shown
    expected = re.search(r'<progress value="300" max="(\d+)"', shown)
    assert expected is not None and 950 < int(expected[1]) < 1_200  # the first lines are shorter
    gate.set()
    until(lambda: not Revision.objects.get().unread)
    assert "Approve and apply" in page(place.senior, sent.headers["Location"])
    assert place.senior.get(f"{sent.headers['Location']}progress/").headers["HX-Refresh"] == "true"
    assert Revision.objects.get(pk=revision.pk).counts["added"] == 1_000


def test_a_long_file_that_is_wrong_says_so_on_its_page(
    place: SimpleNamespace, settings: object, tmp_path: Path
) -> None:
    settings.FILE_UPLOAD_MAX_MEMORY_SIZE = 10
    settings.SAFEHOLD_LISTS = tmp_path / "var/lists"
    feed = SimpleUploadedFile("feed.txt", b"a.example\nhttps://b.example/\n")
    sent = place.author.post("/lists/bad/import/", {"file": feed, "mode": "add"})
    until(lambda: Revision.objects.get().state == "discarded")
    until(lambda: not Staged.objects.exists())
    shown = page(place.author, sent.headers["Location"])
    assert "1 rows are wrong" in shown and "line 2, column `value`" in shown


def test_a_file_that_is_too_long_is_refused_with_the_limit(place: SimpleNamespace, settings: object) -> None:
    settings.SAFEHOLD_LIST_UPLOAD_MB = 1
    feed = SimpleUploadedFile("feed.txt", b"a.example\n" * 200_000)
    sent = place.author.post("/lists/bad/import/", {"file": feed, "mode": "add"})
    assert sent.status_code == 422 and "more than 1 MB" in sent.content.decode()
    assert not Revision.objects.exists()


def until(true: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 60
    while not true():
        assert time.monotonic() < deadline
        time.sleep(0.02)
