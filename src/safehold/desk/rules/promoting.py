"""A rule moved one step without opening the editor: its file with another mode, as a change like every other. And the way
back to an earlier version. Called by the page of a rule and of a policy.
"""

from collections.abc import Mapping

from safehold.accounts.models import User
from safehold.desk.decisions.models import PolicyVersion
from safehold.desk.rules.changes import ChangeRefused, File, apply_first, draft, propose
from safehold.desk.rules.in_force import bundle_of, file_of, newest
from safehold.desk.rules.models import Kind, PolicyChange, PolicyFile, Rule
from safehold.desk.rules.states import ACTING
from safehold.engine.policies.model import MODES
from safehold.engine.policies.model import Rule as Written
from safehold.engine.policies.rewriting import NoSuchRule, with_mode

WORDS: Mapping[str, str] = {
    "draft": "Back to draft", "shadow": "To shadow", "canary": "To canary", "live": "Live", "retired": "Retire",
}  # fmt: skip


def set_mode(
    person: User, name: str, mode: str, *, share: float = 1.0, note: str = "", first: bool = False
) -> PolicyChange:
    """Propose another mode for a rule (`policy/rule`); what somebody can feel waits for somebody else. `first`: an
    emergency, in force now and confirmed afterwards, if it disarms.

    A rule that the breaker throttled is released by asking for the mode that its file has. Raises what `changes` raises.
    """
    if mode not in MODES:
        raise ChangeRefused(f"{mode!r} is no mode; it is one of {', '.join(MODES)}.")
    key, _, rule_id = name.rpartition("/")
    file = file_of(key)
    if file is None or file.text is None:
        raise ChangeRefused(f"There is no file of the policy {key}.")
    title = f"{WORDS[mode]}: {rule_id}" + (f" ({100 * share:g} %)" if mode == "canary" else "")
    written, rule = _written(name), Rule.objects.get(name=name)
    if rule.state == "throttled" and written.mode == mode and (mode != "canary" or written.share == share):
        change = draft(person, [], title=f"Release {rule_id}", note=note, kind=Kind.RELEASE, rule=name, policy=key)
        return propose(person, change.pk)
    try:
        text = with_mode(file.text, rule_id, mode, share)
    except (NoSuchRule, ValueError) as error:
        raise ChangeRefused(str(error)) from error
    if text == file.text:
        raise ChangeRefused(f"The rule is {mode} already.")
    change = draft(
        person, [File(file.path, text, file.sha256)], title=title, note=note, kind=Kind.MODE, rule=name, policy=key
    )  # fmt: skip
    return apply_first(person, change.pk) if first else propose(person, change.pk)


def return_to(person: User, key: str, version: PolicyVersion, *, note: str = "", first: bool = False) -> PolicyChange:
    """Propose the text that an earlier version of a policy had. `first`: in force now, confirmed afterwards.

    Raises ChangeRefused for a version whose text was not kept, or that holds, and what `changes` raises.
    """
    kept = PolicyFile.objects.filter(version=version, key=key).order_by("-edition_id").first()
    if kept is None or kept.text is None:
        raise ChangeRefused("The text of that version was not kept: it is from before texts were.")
    now = file_of(key)
    if now is not None and now.text == kept.text:
        raise ChangeRefused("That is what is in force.")
    title = f"Return to the version of {version.effective_from:%Y-%m-%d %H:%M} UTC"
    path, base = (now.path, now.sha256) if now else (kept.path, "")
    change = draft(
        person, [File(path, kept.text, base)], title=title, note=note, kind=Kind.RETURN, policy=key,
        provenance={"version": version.pk},
    )  # fmt: skip
    return apply_first(person, change.pk) if first else propose(person, change.pk)


def is_acting(name: str) -> bool:
    """Whether a rule acts on people now."""
    return Rule.objects.filter(name=name, state__in=ACTING).exists()


def _written(name: str) -> Written:
    """The rule as its file has it. Raises ChangeRefused."""
    try:
        return bundle_of(newest()).rule(name)
    except KeyError:
        raise ChangeRefused(f"There is no rule {name} in force.") from None
