"""A change of the policies: written by one person, approved by another, in force at once; the folder and the record agree."""

from pathlib import Path

import pytest
from django.conf import settings
from django.db import DatabaseError, IntegrityError, transaction

from safehold.accounts.roles import Role
from safehold.desk.decisions.models import PolicyVersion
from safehold.desk.rules import trial as trial_module
from safehold.desk.rules.breaker import throttle
from safehold.desk.rules.changes import (
    ChangeRefused,
    File,
    OwnChange,
    Stale,
    apply_first,
    approve,
    draft,
    propose,
    reject,
    rewrite,
    take_back,
    withdraw,
)
from safehold.desk.rules.folder import merge, open_policies, write_back
from safehold.desk.rules.in_force import bundle_of, newest, sha, texts_of
from safehold.desk.rules.models import Edition, PolicyChange, PolicyFile, Rule
from safehold.desk.rules.needs import needs_approval
from safehold.desk.rules.promoting import return_to, set_mode
from safehold.desk.rules.trial import trial
from safehold.engine import Bundle, PolicyProblems, load_bundle
from safehold.engine.policies.bundle import check_policy
from safehold.engine.policies.rewriting import NoSuchRule, with_mode
from safehold.record.models import AuditEvent, Transition
from safehold.record.moves import check_moves
from tests.gateway_server import POLICY, policy_folder
from tests.world import happens, person

HARDER = POLICY.replace("windows.sent_1h > 5", "windows.sent_1h > 3")
SHADOWED = POLICY.replace("watched word", "watched phrase")
DISARMED = POLICY.replace("  - id: flood\n    mode: live", "  - id: flood\n    mode: shadow")


@pytest.fixture
def place(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder of its own, taken up as at a first start; on both databases where a test asks for it."""
    database = "fresh_database" if "fresh_database" in request.fixturenames else "fresh_sqlite"
    request.getfixturevalue(database)
    bundle_of.cache_clear()
    monkeypatch.setattr(settings, "SAFEHOLD_POLICIES", policy_folder(tmp_path / "policies"))
    monkeypatch.setattr(settings, "VAR", tmp_path / "var")
    open_policies()
    return tmp_path / "policies"


@pytest.fixture(scope="module")
def loaded(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Bundle]:
    """The folder of `place`, loaded once for those who change nothing."""
    folder = policy_folder(tmp_path_factory.mktemp("loaded") / "policies")
    return folder, load_bundle(folder)


@pytest.fixture
def author(place):
    return person(Role.POLICY_AUTHOR, name="Ada")


@pytest.fixture
def other(place):
    return person(Role.POLICY_AUTHOR, name="Bo")


def written(author, text: str, base: str = POLICY, **more) -> PolicyChange:
    return draft(author, [File("spam.yaml", text, sha(base))], title="Flood earlier", **more)


def test_a_change_of_a_live_rule_holds_once_somebody_else_has_approved_it(fresh_database, place, author, other):
    change = propose(author, written(author, HARDER, note="Floods of four hurt too").pk)
    assert change.state == "proposed" and change.needs_approval
    assert change.checks["rules"] == [
        {"name": "spam.pills/flood", "before": "live", "after": "live", "rewritten": True}
    ]
    assert newest() == 1 and texts_of(1)["spam.yaml"] == POLICY
    change = approve(other, change.pk, note="Agreed")
    assert (change.state, change.edition, change.approver) == ("applied", 2, other)
    assert texts_of(2)["spam.yaml"] == HARDER
    version = PolicyVersion.objects.get(key="spam.pills", effective_to=None)
    assert version.digest == bundle_of(2).policy("spam.pills").hash
    assert PolicyFile.objects.get(edition=2).version == version
    assert PolicyVersion.objects.filter(key="spam.pills").count() == 2
    steps = Transition.objects.filter(entity_kind="policy_change").order_by("id").values_list("activity", "by")
    assert list(steps) == [("proposed", author.pk), ("approved", other.pk), ("applied", other.pk)]
    verbs = set(AuditEvent.objects.values_list("verb", flat=True))
    assert {"policy_change.drafted", "policy_change.proposed", "policy_change.approved", "policies.in_force"} <= verbs
    assert list(check_moves()) == []


def test_nobody_approves_what_they_wrote_an_admin_neither(author):
    boss = person(Role.ADMIN)
    for who in (author, boss):
        change = propose(who, written(who, HARDER).pk)
        with pytest.raises(OwnChange):
            approve(who, change.pk)
        with pytest.raises(OwnChange):
            reject(who, change.pk, reason="no")
    with pytest.raises(ChangeRefused, match="approve other people's changes"):
        approve(person(Role.MODERATOR), change.pk)


def test_the_database_says_so_too(fresh_database, author, other):
    change = propose(author, written(author, HARDER).pk)
    row = PolicyChange.objects.filter(pk=change.pk)
    with pytest.raises(IntegrityError), transaction.atomic():
        row.update(approver=author)
    with pytest.raises(IntegrityError), transaction.atomic():
        row.update(state="applied")
    with pytest.raises(DatabaseError), transaction.atomic():
        row.update(author=other)
    with pytest.raises(DatabaseError), transaction.atomic():
        row.update(files=[{"path": "spam.yaml", "key": "", "base": "", "text": POLICY}])
    with pytest.raises(DatabaseError), transaction.atomic():
        row.update(needs_approval=False)
    with pytest.raises(DatabaseError), transaction.atomic():
        Edition.objects.update(bundle="f" * 64)
    with pytest.raises(DatabaseError), transaction.atomic():
        PolicyFile.objects.all().delete()


def test_what_nobody_can_feel_needs_nobody_else(author):
    change = propose(author, written(author, SHADOWED).pk)
    assert change.state == "applied" and not change.needs_approval and newest() == 2
    assert Rule.objects.get(name="spam.pills/watched").state == "shadow"


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("mode: shadow", "mode: live"),
        ("mode: shadow", "mode: {canary: {share: 5%}}"),
        ("We don't allow advertising of medicine.", "Go away."),
        ("for: 1h", "for: 30d"),
        ("severity: high", "severity: low"),
        ("window: 184d", "window: 365d"),
        ("over: 1h}", "over: 2h}"),
    ],
)
def test_what_somebody_can_feel_needs_somebody_else(loaded, before, after):
    folder, bundle = loaded
    changed = check_policy(bundle, folder, "spam.yaml", POLICY.replace(before, after))
    assert needs_approval(bundle.policies[0], changed.policies[0])
    unfelt = check_policy(bundle, folder, "spam.yaml", SHADOWED)
    assert not needs_approval(bundle.policies[0], unfelt.policies[0])


def test_text_that_is_wrong_is_refused_with_its_place_and_nothing_is_proposed(author):
    change = written(author, POLICY.replace("windows.sent_1h > 5", "windows.sent_2h > 5"))
    with pytest.raises(PolicyProblems, match="sent_1h") as problems:
        propose(author, change.pk)
    assert problems.value.problems[0].file == "policies/spam.yaml"
    failing = written(author, POLICY.replace("buy pills now", "see you at eight"))
    with pytest.raises(ChangeRefused, match="an advertisement"):
        propose(author, failing.pk)
    assert set(PolicyChange.objects.values_list("state", flat=True)) == {"draft"}
    fixed = rewrite(author, change.pk, {"spam.yaml": HARDER}, title="Flood earlier", note="")
    assert propose(author, fixed.pk).state == "proposed"
    with pytest.raises(ChangeRefused, match="Take it back"):
        rewrite(author, change.pk, {"spam.yaml": POLICY}, title="", note="")
    assert take_back(author, change.pk).state == "draft"
    assert withdraw(author, change.pk).state == "withdrawn"


def test_of_two_changes_of_one_text_the_second_is_out_of_date_and_can_be_brought_up_to_date(author, other):
    first, second = propose(author, written(author, HARDER).pk), propose(author, written(author, DISARMED).pk)
    approve(other, first.pk)
    with pytest.raises(Stale, match=r"spam\.yaml was changed"):
        approve(other, second.pk)
    second.refresh_from_db()
    assert second.state == "stale" and newest() == 2
    take_back(author, second.pk)
    rewrite(author, second.pk, {"spam.yaml": HARDER.replace("title: Adv", "title: An adv")}, title="Both", note="")
    assert approve(other, propose(author, second.pk).pk).state == "applied"


def test_a_rejection_says_why(author, other):
    change = propose(author, written(author, HARDER).pk)
    with pytest.raises(ChangeRefused, match="Say why"):
        reject(other, change.pk, reason=" ")
    change = reject(other, change.pk, reason="Look at the families first")
    assert (change.state, change.approver, newest()) == ("rejected", other, 1)


def test_in_an_emergency_what_disarms_holds_at_once_and_is_confirmed_afterwards(author, other):
    with pytest.raises(ChangeRefused, match="disarms"):
        apply_first(author, written(author, HARDER).pk)
    change = apply_first(author, written(author, DISARMED).pk)
    assert (change.state, newest()) == ("unconfirmed", 2)
    assert Rule.objects.get(name="spam.pills/flood").state == "shadow"
    with pytest.raises(OwnChange):
        approve(author, change.pk)
    assert approve(other, change.pk).state == "applied"
    again = apply_first(author, written(author, POLICY.replace("mode: live", "mode: retired"), base=DISARMED).pk)
    assert reject(other, again.pk, reason="Too much").state == "contested"
    assert newest() == 3  # what should hold instead is another change
    waiting = propose(author, written(author, POLICY, base=texts_of(3)["spam.yaml"]).pk)
    with pytest.raises(ChangeRefused, match="disarms"):
        apply_first(author, waiting.pk)


def test_rules_are_where_their_files_have_them(author, other):
    states = dict(Rule.objects.values_list("name", "state"))
    assert states == {
        "spam.pills/pills": "live", "spam.pills/known-seller": "live", "spam.pills/flood": "live",
        "spam.pills/watched": "shadow",
    }  # fmt: skip
    text = POLICY.replace("mode: shadow", "mode: {canary: {share: 10%}}")
    text = text[: text.index("  - id: flood")] + text[text.index("  - id: watched") :]
    approve(other, propose(author, written(author, text).pk).pk)
    watched = Rule.objects.get(name="spam.pills/watched")
    assert (watched.state, watched.share) == ("canary", 0.1)
    assert Rule.objects.get(name="spam.pills/flood").state == "retired"
    assert list(check_moves()) == []


def test_a_restart_has_the_same_bundle_and_the_folder_is_written_too(place, author, other):
    approve(other, propose(author, written(author, HARDER).pk).pk)
    bundle = Edition.objects.get(number=2).bundle
    write_back(texts_of(2))  # what a gateway does when it follows
    assert (place / "spam.yaml").read_text() == HARDER
    assert load_bundle(place).hash == bundle
    assert open_policies().number == 2 and open_policies().bundle == bundle


def test_a_folder_that_cannot_be_written_changes_nothing_of_that(place, author, other, monkeypatch):
    approve(other, propose(author, written(author, HARDER).pk).pk)

    def full(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as context:
        context.setattr(Path, "write_text", lambda self, *a, **k: full() if place in self.parents else 0)
        context.setattr(Path, "replace", lambda self, to: None)
        write_back(texts_of(2))
    assert (place / "spam.yaml").read_text() == POLICY
    assert open_policies().number == 2 and texts_of(newest())["spam.yaml"] == HARDER


def test_what_was_changed_in_the_folder_is_taken_up_at_the_start(place):
    (place / "spam.yaml").write_text(HARDER)
    (place / "more.yaml").write_text(POLICY.replace("spam.pills", "spam.more"))
    edition = open_policies()
    assert (edition.number, edition.source) == (2, "folder") and set(texts_of(2)) == {"spam.yaml", "more.yaml"}
    (place / "spam.yaml").write_text(POLICY)  # and back again
    (place / "more.yaml").unlink()
    assert open_policies().number == 3 and texts_of(3) == {"spam.yaml": POLICY}
    (place / "spam.yaml").write_text("policy: [")
    with pytest.raises(PolicyProblems):
        open_policies()
    assert newest() == 3


def test_what_both_changed_is_shown_and_neither_is_written_over(place, author, other):
    approve(other, propose(author, written(author, HARDER).pk).pk)
    (place / "spam.yaml").write_text(DISARMED)
    assert open_policies().number == 2 and texts_of(2)["spam.yaml"] == HARDER
    open_policies()  # a second start proposes it no second time
    change = PolicyChange.objects.get(source="folder")
    assert change.files[0]["text"] == DISARMED and (place / "spam.yaml").read_text() == DISARMED
    assert approve(other, propose(author, change.pk).pk).state == "applied"
    assert texts_of(newest())["spam.yaml"] == DISARMED


def test_merging_never_loses_a_text():
    a, b, c = "a", "b", "c"
    seen = {"x": sha(a)}
    assert merge({"x": a}, {"x": b}, seen, {}, set()).texts == {"x": b}  # edited in the folder
    assert merge({"x": b}, {"x": a}, seen, {}, set()).texts == {"x": b}  # changed here
    both = merge({"x": b}, {"x": c}, seen, {}, set())
    assert (both.texts, both.conflicts) == ({"x": b}, {"x": c})
    assert merge({"x": a}, {}, seen, {}, set()).texts == {}  # removed in the folder
    assert merge({"x": b}, {}, seen, {}, set()).conflicts == {"x": None}
    assert merge({}, {"x": a}, seen, {}, set()).texts == {}  # removed here
    # A machine that never looked: an old copy is no edit, another text is one, if it came from a folder before.
    assert merge({"x": b}, {"x": a}, None, {"x": {sha(a)}}, set()).texts == {"x": b}
    assert merge({"x": b}, {"x": c}, None, {"x": {sha(a)}}, {"x"}).texts == {"x": c}
    assert merge({"x": b}, {"x": c}, None, {"x": {sha(a)}}, set()).conflicts == {"x": c}
    assert merge({"x": b}, {}, None, {}, set()).texts == {"x": b}


def test_a_rule_is_promoted_and_demoted_by_a_change_of_its_one_word(author, other):
    with_comment = POLICY.replace("mode: shadow", "mode: shadow  # since May")
    propose(author, written(author, with_comment).pk)
    change = set_mode(author, "spam.pills/watched", "canary", share=0.05, note="Looks right")
    assert change.state == "proposed" and change.title == "To canary: watched (5 %)"
    text = change.files[0]["text"]
    assert text == with_comment.replace("mode: shadow", "mode: {canary: {share: 5%}}")
    approve(other, change.pk)
    assert Rule.objects.get(name="spam.pills/watched").share == 0.05
    live = approve(other, set_mode(author, "spam.pills/watched", "live").pk)
    assert live.state == "applied" and Rule.objects.get(name="spam.pills/watched").state == "live"
    down = set_mode(author, "spam.pills/watched", "shadow", first=True)
    assert down.state == "unconfirmed" and Rule.objects.get(name="spam.pills/watched").state == "shadow"
    assert set_mode(author, "spam.pills/watched", "retired").state == "applied"  # nobody feels it
    with pytest.raises(ChangeRefused, match="retired already"):
        set_mode(author, "spam.pills/watched", "retired")
    with pytest.raises(ChangeRefused, match="no rule"):
        set_mode(author, "spam.pills/nonsense", "live")


def test_one_returns_to_an_earlier_version_by_a_change(author, other):
    first = PolicyVersion.objects.get(key="spam.pills")
    approve(other, propose(author, written(author, HARDER).pk).pk)
    change = return_to(author, "spam.pills", first, note="Too hard")
    assert change.state == "proposed" and change.files[0]["text"] == POLICY
    approve(other, change.pk)
    assert texts_of(newest())["spam.yaml"] == POLICY and bundle_of(newest()).hash == bundle_of(1).hash
    with pytest.raises(ChangeRefused, match="in force"):
        return_to(author, "spam.pills", first)
    second = PolicyVersion.objects.filter(key="spam.pills").order_by("effective_from")[1]
    back = return_to(author, "spam.pills", second)
    assert back.state == "proposed" and apply_first(author, back.pk).state == "unconfirmed"  # it can't wait after all
    assert list(check_moves()) == []


def test_the_history_says_who_changed_what_in_the_words_they_wrote(client, author, other):
    text = POLICY.replace("rules:\n", "rules:\n  # four hurt, too\n").replace("sent_1h > 5", "sent_1h > 3")
    change = written(author, text)
    approve(other, propose(author, change.pk).pk)
    client.force_login(author)
    page = client.get("/policies/spam.pills/").content.decode()
    assert f'<a href="/policies/changes/{change.pk}/">' in page and f"{author}, approved by {other}" in page
    old, new = PolicyVersion.objects.filter(key="spam.pills").order_by("effective_from").values_list("pk", flat=True)
    diff = client.get(f"/policies/spam.pills/{old}/{new}/").content.decode()
    assert "# four hurt, too" in diff and "hash:" not in diff and f"approved by {other}" in diff


@pytest.mark.parametrize(
    ("text", "rule", "after"),
    [
        ("rules:\n  - id: a  # why\n    when: x\n", "a", "rules:\n  - id: a  # why\n    mode: live\n    when: x\n"),
        ("rules:\n- {id: a, when: x}\n", "a", "rules:\n- {id: a, mode: live, when: x}\n"),
        (
            "rules:\n  - mode:\n      canary:\n        share: 5%\n    id: a\n",
            "a",
            "rules:\n  - mode: live\n    id: a\n",
        ),
        (
            "rules:\n  - id: a\n  - id: b\n    mode: 'shadow' # c\n",
            "b",
            "rules:\n  - id: a\n  - id: b\n    mode: live # c\n",
        ),
    ],
)
def test_one_word_is_changed_and_nothing_else(text, rule, after):
    assert with_mode(text, rule, "live") == after
    with pytest.raises(NoSuchRule):
        with_mode(text, "nobody", "live")


def test_the_pages_of_changes_and_rules(client, author, other, place):
    seen = propose(author, written(author, HARDER, note="Floods of four").pk)
    client.force_login(other)
    page = client.get(f"/policies/changes/{seen.pk}/").content.decode()
    assert "<del>5</del>" in page and "<ins>3</ins>" in page and "Floods of four" in page and "Approve" in page
    split = client.get(f"/policies/changes/{seen.pk}/?view=split").content.decode()
    assert 'data-view="split"' in split
    answer = client.post(f"/policies/changes/{seen.pk}/reject/", {"note": ""}, follow=True)
    assert "Say why" in answer.content.decode()
    client.post(f"/policies/changes/{seen.pk}/approve/", {"note": "ok"})
    seen.refresh_from_db()
    assert seen.state == "applied"
    assert "Floods" not in client.get("/policies/changes/").content.decode()
    rule = client.get("/policies/spam.pills/rules/flood/").content.decode()
    assert "Matches by day" in rule and "Demote" in rule
    there = client.post("/policies/spam.pills/rules/flood/mode/", {"mode": "shadow", "first": "1"})["Location"]
    assert "Needs confirmation" in client.get(there).content.decode()
    assert "Return to this" in client.get("/policies/spam.pills/").content.decode()


def test_the_page_of_a_release_says_what_acts_again_and_why_it_did_not(client, author, other, place):
    throttle("spam.pills/pills", "It matched 7 times within an hour.")
    client.force_login(author)
    assert "Release" in client.get("/policies/spam.pills/rules/pills/").content.decode()
    change = set_mode(author, "spam.pills/pills", "live", note="A wave")
    page = client.get(f"/policies/changes/{change.pk}/").content.decode()
    assert "matched 7 times" in page and "Throttled" in page and "Side by side" not in page and "examples" not in page
    approve(other, change.pk)
    assert client.get(f"/policies/changes/{change.pk}/").status_code == 200


def test_what_is_asked_while_somebody_types(client, author, place):
    client.force_login(author)
    ask = {"path": "spam.yaml", "text": POLICY.replace("sent_1h > 5", "sent_2h > 5")}
    found = client.post("/policies/check/", ask, content_type="application/json").json()["problems"]
    assert [(each["line"], each["severity"]) for each in found if each["severity"] == "error"] == [(29, "error")]
    line = ask["text"].splitlines()[28]
    ask |= {"line": 29, "column": line.index("windows.") + len("windows.") + 1}
    offered = client.post("/policies/complete/", ask, content_type="application/json").json()["completions"]
    assert "sent_1h" in [each["label"] for each in offered]
    ask["column"] = line.index("windows.") + 2
    assert client.post("/policies/hover/", ask, content_type="application/json").status_code == 200
    assert client.post("/policies/check/", b"{", content_type="application/json").status_code == 404


def test_a_text_is_tried_on_the_record_in_a_process_of_its_own(place, author):
    answer = trial({"spam.yaml": POLICY.replace("mode: shadow", "mode: live")}, newest())
    assert answer["needs_approval"] and [each["passed"] for each in answer["examples"]] == [True]
    assert answer["rules"] == [{"name": "spam.pills/watched", "before": "shadow", "after": "live", "rewritten": False}]
    assert answer["diff"]["events"] == 0
    happens("allow", data={"message_id": "m1", "recipient_id": "u9", "text": "a watched word"})
    promoted = trial({"spam.yaml": POLICY.replace("mode: shadow", "mode: live")}, newest())["diff"]
    assert (promoted["newly_hit"], promoted["actions_after"]) == (1, {"terminate": 1})  # what it would begin to do
    demoted = POLICY.replace("id: pills\n    mode: live", "id: pills\n    mode: shadow")
    happens("allow", data={"message_id": "m2", "recipient_id": "u9", "text": "buy pills"})
    assert trial({"spam.yaml": demoted}, newest())["diff"]["no_longer_hit"] == 1
    assert trial({"spam.yaml": POLICY.replace("Look at what", "See what")}, newest())["diff"]["changed"] == 0
    assert trial({"spam.yaml": "policy: ["}, newest()) == {"problems": 1}


def test_all_files_of_a_change_are_tried_together(place, author, client):
    happens("allow", data={"message_id": "m1", "recipient_id": "u9", "text": "buy pills"})
    moved = {"spam.yaml": None, "pills/bulk.yaml": POLICY.replace('"buy pills"', '"sell pills"')}
    other = POLICY.replace("spam.pills", "spam.other")
    files = moved | {"other.yaml": other}
    assert trial({"pills/bulk.yaml": moved["pills/bulk.yaml"]}, newest()) == {"problems": 1}  # alone it is there twice
    told: list[tuple[int, int]] = []
    answer = trial(files, newest(), progress=lambda done, of: told.append((done, of)))
    assert told == [(0, 1)] and answer["diff"]["events"] == 1
    assert answer["diff"]["rules"]["spam.pills/pills"] == {
        "before": 1, "after": 0, "gained": 0, "lost": 1, "undecided_before": 0, "undecided_after": 0
    }  # fmt: skip
    assert answer["diff"]["rules"]["spam.other/pills"]["gained"] == 1 and len(answer["examples"]) == 2
    rules = {each["name"]: (each["before"], each["rewritten"]) for each in answer["rules"]}
    assert rules["spam.pills/pills"] == ("live", True) and rules["spam.other/pills"] == ("-", False)
    base = sha(texts_of(newest())["spam.yaml"])
    change = draft(
        author, [File(path, text, base if text is None else "") for path, text in files.items()], title="Move"
    )
    client.force_login(author)
    page = client.get(f"/policies/changes/{change.pk}/").content.decode()
    assert f'data-change="{change.pk}"' in page and "Edit other.yaml" in page and "Edit spam.yaml" not in page
    typing = {"path": "pills/bulk.yaml", "text": moved["pills/bulk.yaml"]}
    said = [
        [
            each["message"]
            for each in client.post("/policies/check/", ask, content_type="application/json").json()["problems"]
        ]
        for ask in (typing, typing | {"change": change.pk})
    ]
    assert "also in" in said[0][0] and not any("also in" in message for message in said[1])
    editor = client.get(f"/policies/changes/{change.pk}/edit/?file=2").content.decode()
    assert '<a class="tab mono" href="?file=1">pills/bulk.yaml</a>' in editor and "<s>spam.yaml</s>" in editor
    assert client.get(f"/policies/changes/{change.pk}/edit/?file=0").status_code == 302  # it goes: there is no text
    asked = []
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(trial_module, "start", lambda person, files, edition: asked.append(files) or "trl_1")
        for typed in ({}, {"path": "other.yaml", "text": "policy: ["}):
            client.post("/policies/try/", {"change": change.pk} | typed, content_type="application/json")
    assert asked == [files, files | {"other.yaml": "policy: ["}]
