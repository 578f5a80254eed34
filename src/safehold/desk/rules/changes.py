"""The life of a change: written, proposed, approved by somebody else, in force. Called by the console's pages, the
command line and the Git sync. Each function is one transaction, moves the change by its table, and says so in the ledger.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from django.conf import settings
from django.db.models import QuerySet
from django.utils import timezone

from safehold.accounts.models import User
from safehold.accounts.roles import Permission
from safehold.desk.moves import move
from safehold.desk.rules.in_force import bundle_of, files_of, lock, newest, put_in_force, sha, texts_of
from safehold.desk.rules.lives import release
from safehold.desk.rules.models import Kind, PolicyChange, Source
from safehold.desk.rules.needs import moved, needs_approval, only_disarms
from safehold.desk.rules.states import CHANGE
from safehold.engine import Bundle
from safehold.engine.examples import Outcome, run_examples
from safehold.engine.policies.bundle import check_policies, file_name
from safehold.engine.policies.model import Policy
from safehold.record.recording import Record, recording


class ChangeRefused(Exception):
    """It can't be done; the message is for the person, and says what to do. Nothing was written."""


class Stale(ChangeRefused):
    """What the change was made from no longer holds."""


class OwnChange(ChangeRefused):
    """Somebody would approve what they wrote."""

    def __init__(self) -> None:
        super().__init__("You wrote this change, so somebody else has to approve it.")


@dataclass(frozen=True)
class File:
    """One file of a change: `text` None takes it away; `base` is what it replaces ('' if it is new)."""

    path: str
    text: str | None
    base: str = ""

    def as_json(self, key: str) -> dict[str, str | None]:
        return {"path": self.path, "key": key, "base": self.base, "text": self.text}


@dataclass(frozen=True)
class Effect:
    """What files would make of the policies: the whole bundle, and the policies they touch before and after."""

    bundle: Bundle
    touched: list[tuple[Policy | None, Policy | None]]

    @property
    def needs_approval(self) -> bool:
        return any(needs_approval(before, after) for before, after in self.touched)

    @property
    def only_disarms(self) -> bool:
        return all(only_disarms(before, after) for before, after in self.touched)

    @property
    def rules(self) -> list[Any]:
        """Every rule that it adds, removes, rewrites or moves."""
        return [each for before, after in self.touched for each in moved(before, after)]

    def examples(self) -> list[Outcome]:
        """How the examples of the policies it touches come out."""
        return run_examples(self.bundle, keys={after.key for _, after in self.touched if after is not None})


def effect_on(live: Bundle, files: Mapping[str, str | None]) -> Effect:
    """What these files (path -> text, None for one that goes) would make of a bundle, all together. Raises PolicyProblems."""
    folder = settings.SAFEHOLD_POLICIES
    bundle = check_policies(live, folder, files)
    names = [file_name(folder, path) for path in files]
    before, after = (
        {policy.key: policy for policy in sorted(each.policies, key=lambda policy: policy.file) if policy.file in names}
        for each in (live, bundle)
    )
    # By key: a policy that moves to another file is the same one.
    return Effect(bundle, [(before.get(key), after.get(key)) for key in dict.fromkeys([*after, *before])])


# Writing


def draft(
    author: User | None,
    files: Sequence[File],
    *,
    title: str,
    note: str = "",
    kind: str = Kind.EDIT,
    source: str = Source.CONSOLE,
    rule: str = "",
    policy: str = "",
    author_name: str = "",
    provenance: Mapping[str, str] | None = None,
) -> PolicyChange:
    """A new change, seen by its author until it is proposed. `files` may be wrong still: `propose` checks them."""
    if author is not None:
        _permit(author, Permission.WRITE_POLICIES)
    with recording() as record:
        number = newest()
        keys = {path: row.key for path, row in files_of(number).items()}
        change = PolicyChange.objects.create(
            kind=kind, source=source, policy=policy or next((keys.get(file.path, "") for file in files), ""), rule=rule,
            title=title.strip()[:200] or "A change", note=note.strip(), base=number, author=author,
            files=[file.as_json(keys.get(file.path, "")) for file in files],
            author_name=author_name, provenance=dict(provenance or {}),
        )  # fmt: skip
        _audit(record, change, "drafted", author)
        return change


def rewrite(person: User, change_id: str, texts: Mapping[str, str], *, title: str, note: str) -> PolicyChange:
    """The author goes on writing: new texts by path, for files that the change has."""
    with recording() as record:
        change = _of(person, change_id)
        if change.state != "draft":
            raise ChangeRefused("It was proposed meanwhile. Take it back first to change it.")
        change.files = [{**file, "text": texts.get(file["path"], file["text"])} for file in change.files]
        change.title, change.note = title.strip()[:200] or change.title, note.strip()
        change.changed_at = timezone.now()
        change.save(update_fields=["files", "title", "note", "changed_at"])
        _audit(record, change, "rewritten", person)
        return change


def effect_of(change: PolicyChange, *, number: int | None = None) -> Effect:
    """What it would make of the policies that hold now. Raises PolicyProblems, and Stale where they are others by now
    than it was made from."""
    number = newest() if number is None else number
    texts = texts_of(number)
    for file in change.files:
        if sha(texts.get(file["path"])) != file["base"]:
            raise Stale(f"{file['path']} was changed meanwhile. Bring your change onto the newest version.")
    return effect_on(bundle_of(number), {file["path"]: file["text"] for file in change.files})


# Proposing and settling


def propose(person: User, change_id: str, *, checks: Mapping[str, Any] | None = None) -> PolicyChange:
    """Ask for approval. Where nobody can feel the change (drafts, shadow rules), it is in force at once.

    Raises PolicyProblems, Stale, and ChangeRefused where an example does not come out as it expects.
    """
    change = _of(person, change_id, held=False)
    effect = None if change.kind == Kind.RELEASE else effect_of(change)
    seen = dict(checks or {}) | (_check(effect) if effect else {})
    with recording() as record:
        change = _of(person, change_id)
        change.needs_approval = effect is None or effect.needs_approval
        change.proposed_at, change.checks, change.policy = timezone.now(), seen, _policy(change, effect)
        change.save(update_fields=["needs_approval", "proposed_at", "checks", "policy"])
        if change.needs_approval:
            move(record, change, CHANGE, "proposed", by=person.pk)
            _audit(record, change, "proposed", person)
            return change
    return _apply(change, "applied", person)


def take_back(person: User, change_id: str) -> PolicyChange:
    """Back to a draft, to be written further; a stale one is put onto what holds now, its text kept."""
    with recording() as record:
        change = _of(person, change_id)
        if change.state == "stale":
            texts = texts_of(newest())
            change.files = [{**file, "base": sha(texts.get(file["path"]))} for file in change.files]
            change.base = newest()
            change.save(update_fields=["files", "base"])
        move(record, change, CHANGE, "reopened", by=person.pk)
        _audit(record, change, "reopened", person)
        return change


def withdraw(person: User, change_id: str) -> PolicyChange:
    """The author wants it no more; what came from outside anybody who writes policies may put away."""
    with recording() as record:
        change = _of(person, change_id)
        change.settled_at = timezone.now()
        change.save(update_fields=["settled_at"])
        move(record, change, CHANGE, "withdrawn", by=person.pk)
        _audit(record, change, "withdrawn", person)
        return change


def approve(person: User, change_id: str, *, note: str = "") -> PolicyChange:
    """Agree to somebody else's change, which is in force from then on.

    Raises OwnChange, Stale (the change is marked so), PolicyProblems.
    """
    change = _to_settle(person, change_id, held=False)
    if change.state == "unconfirmed":
        return _settle(person, change_id, "confirmed", note)
    if change.state == "approved":  # what stopped it from being put in force then may be gone
        return _apply(change, "applied", person)
    with recording() as record:
        change = _to_settle(person, change_id)
        change.approver, change.approver_note = person, note.strip()
        change.save(update_fields=["approver", "approver_note"])
        move(record, change, CHANGE, "approved", by=person.pk)
        _audit(record, change, "approved", person)
    return _apply(change, "applied", person)


def reject(person: User, change_id: str, *, reason: str) -> PolicyChange:
    """Refuse somebody else's change, and say why. Of one that was put in force first, this leaves what it did: what
    should hold instead is another change."""
    if not reason.strip():
        raise ChangeRefused("Say why, so that its author knows what to do.")
    change = _to_settle(person, change_id, held=False)
    return _settle(person, change_id, "contested" if change.state == "unconfirmed" else "rejected", reason)


def apply_first(person: User, change_id: str) -> PolicyChange:
    """In an emergency: in force now, confirmed by somebody else afterwards. Only what disarms rules, or brings back a
    version that was in force before.

    Raises ChangeRefused for any other change, Stale, PolicyProblems.
    """
    change = _of(person, change_id, held=False)
    effect = effect_of(change)
    if not effect.only_disarms and change.kind != Kind.RETURN:
        raise ChangeRefused("Only what disarms rules, or returns to an earlier version, may come before its approval.")
    with recording():
        change = _of(person, change_id)
        change.needs_approval, change.policy = True, _policy(change, effect)
        change.proposed_at = timezone.now()
        change.save(update_fields=["needs_approval", "policy", "proposed_at"])
    return _apply(change, "applied_first", person)


def hand_in(change_id: str, *, reviewed: bool = False) -> PolicyChange:
    """Propose a draft that came from outside (Git, the folder). `reviewed`: it was reviewed there, the setting says that
    this counts, and so it is in force at once.

    Raises PolicyProblems, Stale, and ChangeRefused where an example fails; it stays a draft then.
    """
    change = PolicyChange.objects.get(pk=change_id)
    effect = effect_of(change)
    seen = _check(effect)
    with recording() as record:
        change = _rows(True).get(pk=change_id)
        change.reviewed_elsewhere, change.needs_approval = reviewed, effect.needs_approval
        change.proposed_at, change.checks, change.policy = timezone.now(), seen, _policy(change, effect)
        change.save(update_fields=["reviewed_elsewhere", "needs_approval", "proposed_at", "checks", "policy"])
        if reviewed or change.needs_approval:
            move(record, change, CHANGE, "proposed")
            _audit(record, change, "proposed", None)
        if reviewed:
            move(record, change, CHANGE, "approved")
            _audit(record, change, "approved", None)
    return change if change.state == "proposed" else _apply(change, "applied", None)


def _apply(change: PolicyChange, activity: str, person: User | None) -> PolicyChange:
    """Put it in force. The bundle is made outside of the transaction, which nobody's events have to wait for."""
    for _ in range(5):
        number = newest()
        try:
            effect = effect_of(change, number=number)
        except Stale:
            _overtaken(change)
            raise
        with recording() as record:
            lock()
            if newest() != number:
                continue
            change = PolicyChange.objects.select_for_update(of=("self",)).get(pk=change.pk)
            texts = texts_of(number)
            for file in change.files:
                texts.pop(file["path"], None)
                if file["text"] is not None:
                    texts[file["path"]] = file["text"]
            by = person.pk if person else ""
            if change.kind == Kind.RELEASE:
                release(record, change.rule, effect.bundle, by=by)
            edition = put_in_force(record, texts, effect.bundle, source=change.source, change=change, by=by)
            change.edition, change.settled_at = edition.number, timezone.now()
            change.save(update_fields=["edition", "settled_at"])
            move(record, change, CHANGE, activity, by=by)
            _audit(record, change, activity, person)
        return change
    raise ChangeRefused("Others keep changing the policies. Try again.")


def _overtaken(change: PolicyChange) -> None:
    with recording() as record:
        change = PolicyChange.objects.select_for_update(of=("self",)).get(pk=change.pk)
        if "overtaken" in CHANGE.possible(change.state):
            move(record, change, CHANGE, "overtaken")


def _settle(person: User, change_id: str, activity: str, note: str) -> PolicyChange:
    with recording() as record:
        change = _to_settle(person, change_id)
        change.approver, change.approver_note, change.settled_at = person, note.strip(), timezone.now()
        change.save(update_fields=["approver", "approver_note", "settled_at"])
        move(record, change, CHANGE, activity, by=person.pk)
        _audit(record, change, activity, person)
        return change


def _check(effect: Effect) -> dict[str, Any]:
    """The examples' result, kept with the change. Raises ChangeRefused if one fails."""
    outcomes = effect.examples()
    failed = [outcome for outcome in outcomes if not outcome.passed]
    if failed:
        names = ", ".join(f"“{outcome.example.name}”" for outcome in failed[:3])
        more = f" and {len(failed) - 3} more" if len(failed) > 3 else ""
        raise ChangeRefused(f"Examples are tests, and {len(failed)} did not come out as expected: {names}{more}.")
    return {"examples": len(outcomes), "rules": [_summary(each) for each in effect.rules]}


def _summary(each: Any) -> dict[str, Any]:
    before, after = each.modes
    return {"name": each.name, "before": before, "after": after, "rewritten": each.rewritten}


def _policy(change: PolicyChange, effect: Effect | None) -> str:
    policies = (policy for pair in effect.touched for policy in reversed(pair) if policy) if effect else iter(())
    return next((policy.key for policy in policies), change.policy)


def _of(person: User, change_id: str, *, held: bool = True) -> PolicyChange:
    """The change for its author (or, where it came from outside, for anybody who writes policies). `held`: nobody else
    touches it until the transaction ends."""
    _permit(person, Permission.WRITE_POLICIES)
    change = _rows(held).get(pk=change_id)
    if change.author_id not in (None, person.pk):
        raise ChangeRefused("Only its author can do that. Say in your answer what you would change.")
    return change


def _to_settle(person: User, change_id: str, *, held: bool = True) -> PolicyChange:
    _permit(person, Permission.APPROVE_POLICIES)
    change = _rows(held).get(pk=change_id)
    if change.author_id == person.pk:
        raise OwnChange
    return change


def _rows(held: bool) -> QuerySet[PolicyChange]:
    return PolicyChange.objects.select_for_update(of=("self",)) if held else PolicyChange.objects.all()


def _permit(person: User, permission: Permission) -> None:
    if not person.may(permission):
        raise ChangeRefused(f"Your roles don't let you {permission.label}; ask somebody whose do.")


def _audit(record: Record, change: PolicyChange, verb: str, person: User | None) -> None:
    files = {file["path"]: sha(file["text"]) for file in change.files}
    record.audit(
        f"policy_change.{verb}", "policy_change", change.pk, actor=person.pk if person else "",
        detail={"policy": change.policy, "kind": change.kind, "files": files},
    )  # fmt: skip
