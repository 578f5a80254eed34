"""Trying texts before they touch anybody: their examples, and the newest events decided with them and with what holds.

It runs in a process of its own, with a low priority, so that no event waits for somebody who types, nor another page: `start`
starts one, ends the one that the same person started before, and `answer` has what it found. `main` is that process.
"""

import json
import os
import re
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from django.conf import settings

from safehold.ids import new_id

if TYPE_CHECKING:
    from safehold.engine import Bundle

#: Events that a text is tried on.
EVENTS = 10_000
#: Changed events that are shown one by one.
SAMPLES = 12
#: A trial that takes longer is given up; answers are kept as long again.
SECONDS = 120.0
_ID = re.compile(r"trl_[0-9a-z]{26}")
#: Person -> what runs for them in this process.
_running: dict[str, "subprocess.Popen[bytes]"] = {}


def trial(
    files: Mapping[str, str | None],
    edition: int,
    events: int = EVENTS,
    progress: Callable[[int, int], None] | None = None,
) -> dict[str, Any]:
    """What would be otherwise with these files (path -> text, None for one that goes), all together: {"problems"} if they
    can't be loaded, else {"examples", "diff", "rules", "needs_approval"}. Reads the record; writes nothing."""
    import msgspec

    from safehold.desk.history.recent import recent
    from safehold.desk.rules.changes import effect_on
    from safehold.desk.rules.in_force import bundle_of
    from safehold.engine import PolicyProblems

    live = bundle_of(edition)
    try:
        effect = effect_on(live, files)
    except PolicyProblems as found:
        return {"problems": len(found.problems)}
    armed = {each.name for each in effect.rules if each.arms > 0}
    disarmed = {each.name for each in effect.rules if each.arms < 0}
    diff = recent(_without(effect.bundle, disarmed), _without(live, armed), events, progress=progress)
    changes = [msgspec.to_builtins(each) for each in diff.changes[:SAMPLES]]
    return {
        "examples": [
            {"name": each.example.name, "passed": each.passed, "differences": list(each.differences)}
            for each in effect.examples()
        ],
        "diff": msgspec.to_builtins(diff) | {"changes": changes},
        "rules": [
            {"name": each.name, "before": each.modes[0], "after": each.modes[1], "rewritten": each.rewritten}
            for each in effect.rules
        ],
        "needs_approval": effect.needs_approval,
    }


def _without(bundle: "Bundle", names: set[str]) -> "Bundle":
    """The bundle with these rules retired: what a promotion changes is what the rule does that did nothing before."""
    policies = tuple(
        replace(
            policy,
            rules=tuple(
                replace(rule, mode="retired") if f"{policy.key}/{rule.id}" in names else rule for rule in policy.rules
            ),
        )
        for policy in bundle.policies
    )
    return replace(bundle, policies=policies)


def start(person: str, files: Mapping[str, str | None], edition: int) -> str:
    """Begin a trial for somebody (their id), and give up the one they had. Returns at once, with the trial's id."""
    before = _running.pop(person, None)
    if before is not None and before.poll() is None:
        before.kill()
        before.wait()
    trial_id = new_id("trl")
    where = _folder()
    asked = where / f"{trial_id}.asked"
    asked.write_text(json.dumps({"files": dict(files), "edition": edition}), errors="surrogateescape")
    with asked.open("rb") as stdin:
        _running[person] = subprocess.Popen(  # noqa: S603  our own module
            [sys.executable, "-m", "safehold.desk.rules.trial", str(where / f"{trial_id}.json")],
            stdin=stdin,
            env=os.environ | {"SAFEHOLD_POLICIES": str(settings.SAFEHOLD_POLICIES), "SAFEHOLD_VAR": str(settings.VAR)},
        )
    return trial_id


def answer(person: str, trial_id: str) -> dict[str, Any] | None:
    """What a trial found, None while it runs, {"failed": why} if it came to nothing."""
    if not _ID.fullmatch(trial_id):
        return {"failed": "there is no such trial"}
    found = _folder() / f"{trial_id}.json"
    if found.exists():
        done: dict[str, Any] = json.loads(found.read_text())
        return done
    asked = found.with_suffix(".asked")
    if not asked.exists() or time.time() - asked.stat().st_mtime > SECONDS:
        return {"failed": "it took too long, or another one took its place"}
    process = _running.get(person)
    if process is not None and process.poll() not in (None, 0):
        return {"failed": "it ended with an error; the server's log says more"}
    return None


def progress(trial_id: str) -> dict[str, int]:
    """{"done", "of"}: how many events a trial that runs has decided; nothing before it is so far."""
    if not _ID.fullmatch(trial_id):
        return {}
    try:
        found: dict[str, int] = json.loads((_folder() / f"{trial_id}.progress").read_text())
    except (FileNotFoundError, ValueError):  # it has not begun, or writes just now
        return {}
    return found


def _folder() -> Path:
    """Where trials are asked and answered, old ones swept: several processes may serve one person."""
    where: Path = settings.VAR / "trials"
    where.mkdir(parents=True, exist_ok=True)
    for old in where.iterdir():
        if time.time() - old.stat().st_mtime > 2 * SECONDS:
            old.unlink(missing_ok=True)
    return where


def main() -> None:
    """Read what to try from standard input, write the answer to the file that is named, whole or not at all."""
    os.nice(5)
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "safehold.site.settings")
    import django

    django.setup()
    asked = json.load(sys.stdin)
    whole, part = Path(sys.argv[1]), Path(sys.argv[1] + ".part")
    so_far = whole.with_suffix(".progress")
    found = trial(asked["files"], asked["edition"], progress=lambda done, of: _write(so_far, {"done": done, "of": of}))
    part.write_text(json.dumps(found))
    part.replace(whole)


def _write(where: Path, value: Any) -> None:
    where.write_text(json.dumps(value))


if __name__ == "__main__":
    main()
