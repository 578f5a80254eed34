"""Hash banks, on both databases: a second person activates, imports take effect in one moment, nothing wrong gets in, and what
was overturned on appeal matches no more.
"""

import json
from pathlib import Path
from types import SimpleNamespace

import pytest
from django.core.exceptions import ValidationError
from django.db import DatabaseError, IntegrityError, transaction
from typer.testing import CliRunner

from safehold.accounts.models import User
from safehold.accounts.people import Refused
from safehold.cli import app
from safehold.desk.banks import importing
from safehold.desk.banks.changing import Busy, add_item, change_bank, create_bank, move_item, say
from safehold.desk.banks.feed import Feed
from safehold.desk.banks.hits import look_again, note_hits
from safehold.desk.banks.importing import BadImport, abandon, activate_all, import_file
from safehold.desk.banks.migrations import __name__ as migrations
from safehold.desk.banks.models import Bank, BankChange, BankHit, BankItem, ItemChange, SignalOpinion
from safehold.desk.banks.reading import BadFile
from safehold.desk.banks.states import ITEM
from safehold.desk.decisions.models import Decision
from safehold.record.models import AuditEvent
from safehold.record.recording import recording
from safehold.record.verification import verify_record
from safehold.signals.hashes.kinds import BadHash, in_share, normal
from safehold.states import InvalidTransition
from tests.world import happens, service

MD5 = "9e107d9d372bb6826bd81d3542a419d6"


@pytest.fixture
def place(fresh_database: SimpleNamespace) -> SimpleNamespace:
    return made(fresh_database)


@pytest.fixture
def sqlite_place(fresh_sqlite: SimpleNamespace) -> SimpleNamespace:
    return made(fresh_sqlite)


def made(database: SimpleNamespace) -> SimpleNamespace:
    ann, bob = (User.objects.create_user(email=f"{name}@example.org", password=None) for name in ("ann", "bob"))
    create_bank(None, "bad", categories=["terrorism"])
    return SimpleNamespace(ann=ann, bob=bob, vendor=database.vendor)


def counting(bank: str = "bad") -> list[str]:
    """The values that the gateway is told of."""
    return sorted(item.value for item in Feed().items(bank, Bank.objects.get(pk=bank).number))


def test_a_persons_hash_counts_when_somebody_else_has_activated_it(place: SimpleNamespace) -> None:
    item = add_item(place.ann, "bad", "md5", f" {MD5.upper()} ", reference="case 5")
    assert (item.value, item.state, counting()) == (MD5, "quarantined", [])
    with pytest.raises(Refused, match="somebody else"):
        move_item(place.ann, item.pk, "activated")
    with pytest.raises(IntegrityError), transaction.atomic():
        BankItem.objects.filter(pk=item.pk).update(approved_by=place.ann)
    assert move_item(place.bob, item.pk, "activated").approved_by == place.bob
    assert counting() == [MD5]
    verbs = AuditEvent.objects.filter(object_kind="bank").order_by("at").values_list("verb", "actor")
    assert list(verbs)[-2:] == [("bank.item_added", place.ann.pk), ("bank.item_activated", place.bob.pk)]
    assert not verify_record().findings


def test_where_one_person_is_enough_and_at_the_shell_a_hash_counts_at_once(place: SimpleNamespace) -> None:
    assert add_item(None, "bad", "md5", MD5).state == "active"
    create_bank(None, "quick", two_people=False)
    assert add_item(place.ann, "quick", "md5", MD5).state == "active"


def test_a_disputed_item_counts_no_more_until_it_is_upheld_or_cleared(place: SimpleNamespace) -> None:
    item = add_item(None, "bad", "md5", MD5)
    move_item(place.ann, item.pk, "disputed", "a medical picture")
    assert counting() == []
    move_item(place.bob, item.pk, "upheld")
    assert counting() == [MD5]
    move_item(place.ann, item.pk, "disputed")
    assert move_item(place.bob, item.pk, "cleared").state == "negative"
    [told] = list(Feed().items("bad", Bank.objects.get(pk="bad").number))
    assert told.negative
    said = SignalOpinion.objects.filter(item=item).order_by("id").values_list("belief", flat=True)
    assert list(said) == ["positive", "disputed", "positive", "disputed", "negative"]
    moves = list(ItemChange.objects.filter(item=item).order_by("id").values_list("before", "after"))
    assert moves[0] == ("", "active") and moves[-1] == ("disputed", "negative")
    with pytest.raises(InvalidTransition):
        move_item(place.bob, item.pk, "activated")


def test_the_database_knows_the_same_moves_as_the_table(place: SimpleNamespace) -> None:
    assert migrations == "safehold.desk.banks.migrations"
    item = add_item(None, "bad", "md5", MD5)
    allowed = {(before, after) for moves in ITEM.table.values() for before, after in moves.items()} | {
        ("retired", "active")
    }
    for before in ITEM.states:
        for after in ITEM.states:
            if before == after:
                continue
            route = {"quarantined": ["retired", "quarantined"], "active": [], "disputed": ["disputed"]}
            for step in route.get(before, ["disputed", before] if before == "negative" else [before]):
                BankItem.objects.filter(pk=item.pk).update(state=step)
            change = BankItem.objects.filter(pk=item.pk)
            if (before, after) in allowed:
                assert change.update(state=after) == 1
            else:
                with pytest.raises(DatabaseError, match="does not move so"), transaction.atomic():
                    change.update(state=after)
            BankItem.objects.filter(pk=item.pk).exclude(state="retired").update(state="retired")
            BankItem.objects.filter(pk=item.pk).update(state="active")
    with pytest.raises(DatabaseError, match="keeps"), transaction.atomic():
        BankItem.objects.filter(pk=item.pk).update(value="0" * 32)
    with pytest.raises(DatabaseError, match="append-only"), transaction.atomic():
        SignalOpinion.objects.all().update(belief="negative")


def test_a_bank_takes_only_settings_that_mean_something(place: SimpleNamespace) -> None:
    for wrong in ({"enabled_ratio": 1.5}, {"pdq_distance": -1}, {"title": "x" * 200}):
        with pytest.raises((ValidationError, IntegrityError, DatabaseError)):
            change_bank(None, "bad", **wrong)
    with pytest.raises(IntegrityError), transaction.atomic():
        Bank.objects.filter(pk="bad").update(pdq_distance=40)
    with pytest.raises(Refused, match="already"):
        create_bank(None, "bad")
    with pytest.raises(ValidationError):
        create_bank(None, "No Spaces")
    before = Bank.objects.get(pk="bad").number
    assert change_bank(place.ann, "bad", enabled_ratio=0.25).number == before + 1


def test_a_canary_takes_the_same_hashes_each_time_and_grows() -> None:
    values = [f"{number:032x}" for number in range(4_000)]
    small, large = ({value for value in values if in_share(value, ratio)} for ratio in (0.1, 0.3))
    assert small < large and abs(len(small) / 4_000 - 0.1) < 0.03 and abs(len(large) / 4_000 - 0.3) < 0.03
    assert all(in_share(value, 1) for value in values) and not any(in_share(value, 0) for value in values)


def test_hashes_are_written_in_one_way_and_wrong_ones_are_explained() -> None:
    assert normal("tlsh", "t1" + "ab" * 35) == normal("tlsh", "AB" * 35) == "T1" + "AB" * 35
    assert normal("url", "HTTPS://Evil.Example:443/a/../b#part") == "https://evil.example/b"
    digest = normal("raw_text", "Join   us, brothers!")
    assert digest == normal("raw_text", "j0in us br0thers") == normal("raw_text", f"sha256:{digest}")
    for kind, wrong, said in (
        ("pdq", "f" * 63, "64 hexadecimal digits"), ("md5", MD5 + "0", "32"), ("url", "javascript:x", "http"),
        ("raw_text", "...", "letters"), ("phash", "0", "no kind of hash"), ("tlsh", "T1", "70"),
    ):  # fmt: skip
        with pytest.raises(BadHash, match=said):
            normal(kind, wrong)


def put(where: Path, text: str, name: str = "feed.csv") -> Path:
    path = where / name
    path.write_text(text)
    return path


def test_an_import_names_line_and_column_of_what_is_wrong_and_writes_nothing(
    place: SimpleNamespace, tmp_path: Path
) -> None:
    text = f"type,value,note\nmd5,{MD5},fine\nmd5,xyz,\nphash,{MD5},\npdq,{'0' * 64},ok\nmd5\n"
    with pytest.raises(BadImport) as refused:
        import_file(None, "bad", put(tmp_path, text), "csv")
    assert [str(problem).partition(":")[0] for problem in refused.value.problems] == [
        "line 3, column `value`", "line 4, column `type`", "line 6",
    ]  # fmt: skip
    assert not BankItem.objects.exists() and not BankChange.objects.filter(act="import").exists()
    for wrong, said in (
        ("", "empty"),
        ("type,hash\n", "value"),
        ("value,colour\n", "colour"),
        ("type,value\n", "no rows"),
    ):
        with pytest.raises(BadFile, match=said):
            import_file(None, "bad", put(tmp_path, wrong), "csv")
    with pytest.raises(BadImport, match="line 2, column `note`: it must be a string"):
        rows = [{"type": "md5", "value": MD5}, {"type": "md5", "value": MD5, "note": 3}]
        lines = "\n".join(map(json.dumps, rows))
        import_file(None, "bad", put(tmp_path, lines, "feed.ndjson"), "ndjson")


def test_an_import_takes_effect_in_one_moment_and_goes_on_after_a_crash(
    place: SimpleNamespace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(importing, "CHUNK", 10)
    path = put(tmp_path, "\n".join(f"{number:032x}" for number in range(35)), "feed.txt")
    add_item(None, "bad", "md5", f"{3:032x}")

    def died(step: str, done: int, total: int) -> None:
        if step == "Writing" and done == 20:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        import_file(None, "bad", path, "plain", kind="md5", progress=died)
    assert BankItem.objects.count() == 20 and counting() == [f"{3:032x}"]
    with pytest.raises(Busy):
        add_item(None, "bad", "md5", MD5)
    steps = []
    change = import_file(None, "bad", path, "plain", kind="md5", progress=lambda *step: steps.append(step))
    assert ("Writing", 30, 35) in steps and ("Writing", 10, 35) not in steps
    assert change.counts == {"rows": 35, "added": 34, "known": 1} and len(counting()) == 35
    again = import_file(None, "bad", path, "plain", kind="md5")
    assert again.counts["added"] == 0 and not verify_record().findings


def test_an_interrupted_import_can_be_given_up(
    sqlite_place: SimpleNamespace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(importing, "CHUNK", 10)
    path = put(tmp_path, "\n".join(f"{number:032x}" for number in range(25)), "feed.txt")

    def died(step: str, done: int, total: int) -> None:
        if step == "Writing":
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        import_file(None, "bad", path, "plain", kind="md5", progress=died)
    abandon(None, "bad")
    assert counting() == [] and set(BankItem.objects.values_list("state", flat=True)) == {"retired"}
    assert add_item(None, "bad", "md5", f"{1:032x}").state == "active"


def test_what_a_person_imports_is_activated_as_a_whole_by_somebody_else(place: SimpleNamespace, tmp_path: Path) -> None:
    path = put(tmp_path, "\n".join(f"{number:032x}" for number in range(5)), "feed.txt")
    change = import_file(place.ann, "bad", path, "plain", kind="md5")
    assert counting() == []
    with pytest.raises(Refused, match="somebody else"):
        activate_all(place.ann, "bad", change.number)
    activate_all(place.bob, "bad", change.number)
    assert len(counting()) == 5 and set(BankItem.objects.values_list("approved_by", flat=True)) == {place.bob.pk}
    with pytest.raises(Refused, match="Nothing"):
        activate_all(place.bob, "bad", change.number)


def decided_by(item: BankItem) -> Decision:
    """A removal that rested on an item, as the gateway's verdict says it."""
    service()
    decision = happens("remove", by="")
    match = {"bank": "bad", "item": str(item.pk), "type": item.kind, "distance": 4, "categories": []}
    decision.verdict = {"signals": [{"signal": "hashes", "values": {"matches": [match]}}]}
    with recording() as record:
        note_hits(decision, record)
        note_hits(decision, record)  # the outbox may come again
    return decision


@pytest.mark.parametrize(
    ("on_appeal", "state", "belief"), [(True, "disputed", "disputed"), (False, "active", "negative")]
)
def test_an_item_whose_decision_is_overturned_on_appeal_is_disputed_and_in_review_doubted(
    place: SimpleNamespace, on_appeal: bool, state: str, belief: str
) -> None:
    item = add_item(None, "bad", "md5", MD5)
    decision = decided_by(item)
    assert BankHit.objects.get().distance == 4
    other = SimpleNamespace(
        pk="dec_other", root=decision.root, override_of_id=decision.pk, action="allow", person_id=place.ann.pk,
        on_appeal=on_appeal,
    )  # fmt: skip
    with recording() as record:
        look_again(other, record)
    item.refresh_from_db()
    said = SignalOpinion.objects.filter(item=item).order_by("-id").first()
    assert (item.state, said.belief, said.decision) == (state, belief, "dec_other")
    assert counting() == ([] if on_appeal else [MD5])


def test_an_opinion_changes_no_state_and_says_whose_it_is(place: SimpleNamespace) -> None:
    item = add_item(None, "bad", "md5", MD5)
    say(place.ann, item.pk, "positive", "seen it")
    assert BankItem.objects.get().state == "active"
    with pytest.raises(IntegrityError), transaction.atomic():
        SignalOpinion.objects.create(item=item, belief="seed")


def test_banks_are_kept_at_the_shell(sqlite_place: SimpleNamespace, tmp_path: Path) -> None:
    def run(*arguments: str, code: int = 0) -> str:
        result = CliRunner().invoke(app, ["banks", *arguments])
        assert result.exit_code == code, result.output
        return result.output

    run("create", "kept", "--category", "csam", "--retention-days", "30")
    assert "md5 is 32" in run("add", "kept", "md5", "zz", code=1)
    run("add", "kept", "md5", MD5, "--reference", "case 1")
    number = str(BankItem.objects.get().pk)
    assert "already: it is active" in run("add", "kept", "md5", MD5, code=1)
    run("change", "kept", "--ratio", "0.5")
    assert "0.5" not in run("list") and "50%" in run("list")
    assert "disputed now" in run("review", number, "dispute", "--note", "why")
    run("opinion", number, "seed")
    assert "negative now" in run("review", number, "clear")
    assert MD5 in run("show", "kept", "--state", "negative")
    path = put(tmp_path, f"{'0' * 64}\n{'1' * 64}\n", "pdq.txt")
    assert "2 added" in run("import", "kept", str(path), "--type", "pdq", "--quarantine")
    assert "2 items" in run("activate", "kept", str(Bank.objects.get(pk="kept").number))
    assert "no bank `none`" in run("show", "none", code=1)
    assert "no import" in run("abandon", "kept", code=1)
