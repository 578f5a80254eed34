"""Managed lists, on both databases: a second person approves, imports take effect in one moment and can be taken back whole."""

import io
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace

import pytest
from django.db import DatabaseError, IntegrityError, connection, transaction

from safehold.accounts.models import User
from safehold.accounts.people import Refused
from safehold.desk.lists import feed, importing, sql
from safehold.desk.lists.changing import Busy, add_entry, move_entry
from safehold.desk.lists.declared import NoSuchList
from safehold.desk.lists.importing import BadImport, apply, discard, resume, revert, stage
from safehold.desk.lists.models import Change, Entry, Head, Revision, Staged
from safehold.desk.lists.states import ENTRY
from safehold.engine.lists import BadEntry
from safehold.record.models import AuditEvent
from safehold.record.verification import verify_record
from safehold.states import InvalidTransition

DECLARED = "list: bad\nkind: domain_suffix\nmanaged: true\nsource: us\n"


@pytest.fixture
def place(fresh_database: SimpleNamespace, tmp_path: Path, settings: object) -> SimpleNamespace:
    return declared(fresh_database, tmp_path, settings)


@pytest.fixture
def sqlite_place(fresh_sqlite: SimpleNamespace, tmp_path: Path, settings: object) -> SimpleNamespace:
    return declared(fresh_sqlite, tmp_path, settings)


def declared(database: SimpleNamespace, tmp_path: Path, settings: object) -> SimpleNamespace:
    (tmp_path / "policies/lists").mkdir(parents=True)
    (tmp_path / "policies/lists/bad.yaml").write_text(DECLARED)
    (tmp_path / "policies/lists/fixed.yaml").write_text("list: fixed\nentries: [a]\n")
    settings.SAFEHOLD_POLICIES = tmp_path / "policies"
    ann, bob = (User.objects.create_user(email=f"{name}@example.org", password=None) for name in ("ann", "bob"))
    return SimpleNamespace(ann=ann, bob=bob, vendor=database.vendor)


def brought(text: str, by: User | None = None, **more: object) -> Revision:
    return stage(by, "bad", io.BytesIO(text.encode()), "plain", **more)


def in_effect() -> list[str]:
    number = feed.versions().get("bad", (0, ""))[0]
    return sorted(entry.value for entry in feed.active("bad", number))


def test_a_persons_entry_counts_when_somebody_else_has_approved_it(place: SimpleNamespace) -> None:
    entry = add_entry(place.ann, "bad", "Evil.Example", {"note": "ticket 5"})
    assert (entry.value, entry.state, in_effect()) == ("evil.example", "proposed", [])
    with pytest.raises(Refused, match="somebody else"):
        move_entry(place.ann, entry.pk, "approved")
    with pytest.raises(IntegrityError), transaction.atomic():
        Entry.objects.filter(pk=entry.pk).update(approved_by=place.ann)
    move_entry(place.bob, entry.pk, "approved")
    assert in_effect() == ["evil.example"]
    move_entry(place.ann, entry.pk, "disputed", "it was sold")
    assert in_effect() == []
    move_entry(place.bob, entry.pk, "reinstated")
    with pytest.raises(InvalidTransition):
        move_entry(place.bob, entry.pk, "approved")
    move_entry(place.bob, entry.pk, "retired")
    assert add_entry(place.bob, "bad", "evil.example").state == "proposed"
    verbs = list(AuditEvent.objects.filter(object_kind="list_entry").order_by("id").values_list("verb", flat=True))
    assert verbs == [
        "list.proposed",
        "list.approved",
        "list.disputed",
        "list.reinstated",
        "list.retired",
        "list.proposed_again",
    ]
    assert [number for number, _ in Revision.objects.order_by("number").values_list("number", "id")] == [
        1,
        2,
        3,
        4,
        5,
        6,
    ]
    assert verify_record().findings == []


def test_at_the_shell_an_entry_is_active_at_once(place: SimpleNamespace) -> None:
    assert add_entry(None, "bad", "evil.example").state == "active"
    with pytest.raises(Refused, match="already: it is active"):
        add_entry(None, "bad", "evil.example.")
    with pytest.raises(BadEntry):
        add_entry(None, "bad", "https://evil.example/")
    with pytest.raises(NoSuchList, match="all in its files"):
        add_entry(None, "fixed", "b")
    with pytest.raises(NoSuchList, match="there are bad, fixed"):
        add_entry(None, "worse", "b")


def test_an_import_is_staged_looked_at_and_applied_by_somebody_else(place: SimpleNamespace) -> None:
    add_entry(None, "bad", "old.example", {"source": "feed"})
    add_entry(None, "bad", "same.example", {"source": "feed"})
    add_entry(None, "bad", "other.example", {"source": "else"})
    disputed = add_entry(None, "bad", "disputed.example", {"source": "feed"})
    move_entry(place.bob, disputed.pk, "disputed")
    text = "new.example\nsame.example\nother.example\ndisputed.example\nnew.example\n"
    revision = brought(text, place.ann, source="feed", mode="replace", filename="feed.txt")
    assert revision.counts == {
        "rows": 5, "skipped": 0, "bad": 0, "added": 1, "changed": 1, "unchanged": 1, "disputed": 1, "retired": 1, "twice": 1,
    }  # fmt: skip
    before = in_effect()
    assert before == ["old.example", "other.example", "same.example"]
    with pytest.raises(Refused, match="somebody else"):
        apply(place.ann, revision.pk)
    with pytest.raises(IntegrityError), transaction.atomic():
        Revision.objects.filter(pk=revision.pk).update(approved_by=place.ann)
    apply(place.bob, revision.pk)
    assert in_effect() == ["new.example", "other.example", "same.example"]
    assert Entry.objects.get(value="disputed.example").state == "disputed"
    assert Entry.objects.get(value="other.example").source == "feed"
    applied = Revision.objects.get(pk=revision.pk)
    assert (applied.state, applied.counts["added"], applied.counts["changed"], applied.counts["retired"]) == (
        "applied",
        1,
        1,
        1,
    )
    assert Head.objects.get().digest == applied.digest
    assert not Staged.objects.exists()
    audits = AuditEvent.objects.filter(object_id=revision.pk).order_by("id").values_list("verb", "actor")
    assert list(audits) == [
        ("list.import_staged", place.ann.pk), ("list.import_approved", place.bob.pk), ("list.imported", place.bob.pk),
    ]  # fmt: skip
    # Taken back whole, to what was known before; what was changed since stays.
    move_entry(place.ann, Entry.objects.get(value="new.example").pk, "disputed")
    undone = revert(place.ann, revision.pk)
    assert in_effect() == before
    assert Entry.objects.get(value="other.example").source == "else"
    assert Entry.objects.get(value="new.example").state == "disputed"
    assert undone.counts["kept"] == 1
    assert Revision.objects.get(pk=revision.pk).state == "reverted"
    with pytest.raises(InvalidTransition):
        revert(place.ann, revision.pk)
    assert verify_record().findings == []


def test_an_import_with_bad_rows_leaves_nothing(place: SimpleNamespace) -> None:
    with pytest.raises(BadImport) as refused:
        brought("good.example\nhttps://evil.example/\n\na b\n")
    assert refused.value.count == 2
    assert [problem.line for problem in refused.value.problems] == [2, 4]
    assert not Revision.objects.exists() and not Staged.objects.exists()
    apply(None, brought("good.example\na b\n", skip_bad=True).pk)
    assert in_effect() == ["good.example"]
    with pytest.raises(Refused, match="name the source"):
        brought("x.example", mode="replace")


def test_an_import_can_be_thrown_away(place: SimpleNamespace) -> None:
    revision = brought("a.example\nb.example", place.ann)
    discard(place.ann, revision.pk)
    assert Revision.objects.get().state == "discarded"
    assert not Staged.objects.exists()
    with pytest.raises(InvalidTransition):
        apply(place.bob, revision.pk)


def test_what_is_half_applied_is_not_in_effect_and_goes_on(
    place: SimpleNamespace, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The process dies after two of four chunks, and again while it retires."""
    monkeypatch.setattr(importing, "CHUNK", 2)
    apply(None, brought("".join(f"old{number}.example\n" for number in range(5)), source="feed").pk)
    before = in_effect()
    text = "".join(f"new{number}.example\n" for number in range(6)) + "old0.example\n"
    revision = brought(text, source="feed", mode="replace")
    real, calls = sql.apply_chunk, []

    def dying(*arguments: object) -> bool:
        calls.append(1)
        if len(calls) == 3:
            raise KeyboardInterrupt
        return real(*arguments)

    monkeypatch.setattr(sql, "apply_chunk", dying)
    with pytest.raises(KeyboardInterrupt):
        apply(None, revision.pk)
    assert in_effect() == before
    assert Entry.objects.filter(value__startswith="new").count() == 4
    with pytest.raises(Busy):
        add_entry(None, "bad", "x.example")
    monkeypatch.setattr(sql, "apply_chunk", real)
    real_retire = sql.retire_chunk

    def dying_later(*arguments: object) -> bool:
        real_retire(*arguments)
        raise KeyboardInterrupt

    monkeypatch.setattr(sql, "retire_chunk", dying_later)
    with pytest.raises(KeyboardInterrupt):
        resume(None)
    assert in_effect() == before  # two are retired already; they are read as they were
    monkeypatch.setattr(sql, "retire_chunk", real_retire)
    assert [done.pk for done in resume(None)] == [revision.pk]
    assert in_effect() == sorted([f"new{number}.example" for number in range(6)] + ["old0.example"])
    assert Change.objects.filter(revision=revision).count() == 10
    revert(None, revision.pk)
    assert in_effect() == before


def test_what_changed_is_told_up_to_a_limit(place: SimpleNamespace) -> None:
    ends = datetime(2030, 1, 1, tzinfo=UTC)
    add_entry(None, "bad", "a.example", {"expires_at": ends, "source": "us"})
    move_entry(None, add_entry(None, "bad", "b.example").pk, "retired")
    number, version = feed.versions()["bad"]
    assert version == f"3-{Head.objects.get().digest[:8]}"
    told = feed.changed("bad", 0, number, 10)
    assert [(entry.value, entry.expires_at, active) for entry, active in told] == [
        ("a.example", ends, True), ("b.example", None, False),
    ]  # fmt: skip
    assert feed.changed("bad", number, number, 10) == []
    assert feed.changed("bad", 0, number, 1) is None


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE lists_change SET after = 'active'", "DELETE FROM lists_change", "DELETE FROM lists_entry",
        "UPDATE lists_entry SET value = 'x.example'", "UPDATE lists_entry SET state = 'liked'",
        "UPDATE lists_entry SET confidence = 101", "UPDATE lists_revision SET number = NULL",
    ],
)  # fmt: skip
def test_the_database_refuses_to_rewrite_a_list(sqlite_place: SimpleNamespace, statement: str) -> None:
    add_entry(None, "bad", "evil.example")
    with pytest.raises(DatabaseError), transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(statement)


def test_only_active_entries_count_and_every_state_is_reached() -> None:
    assert ENTRY.states == ["proposed", "active", "disputed", "retired"]
    assert ENTRY.possible("retired") == ["proposed_again", "imported", "reverted"]
