"""Trying a text before it touches anybody: its examples, and the newest events decided with it and with what holds.

It runs in a process of its own, with a low priority, so that no event waits for somebody who types, nor another page: `start`
starts one, ends the one that the same person started before, and `answer` has what it found. `main` is that process.
"""

import json
import os
import re
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from django.conf import settings

from safehold.ids import new_id

#: Events that a text is tried on.
EVENTS = 10_000
#: Changed events that are shown one by one.
SAMPLES = 12
#: A trial that takes longer is given up; answers are kept as long again.
SECONDS = 120.0
_ID = re.compile(r"trl_[0-9a-z]{26}")
#: Person -> what runs for them in this process.
_running: dict[str, "subprocess.Popen[bytes]"] = {}


def trial(path: str, text: str, edition: int, events: int = EVENTS) -> dict[str, Any]:
    """What would be otherwise with this text in the file `path`: {"problems"} if it can't be loaded, else {"examples",
    "diff", "rules", "needs_approval", "accounts"}. Reads the record; writes nothing."""
    import msgspec

    from safehold.desk.history.recent import recent
    from safehold.desk.rules.in_force import bundle_of
    from safehold.desk.rules.needs import moved, needs_approval
    from safehold.engine import PolicyProblems
    from safehold.engine.examples import run_examples
    from safehold.engine.policies.bundle import check_policy, file_name

    live = bundle_of(edition)
    try:
        new = check_policy(live, settings.SAFEHOLD_POLICIES, path, text)
    except PolicyProblems as found:
        return {"problems": len(found.problems)}
    name = file_name(settings.SAFEHOLD_POLICIES, path)
    before = next((policy for policy in live.policies if policy.file == name), None)
    after = next(policy for policy in new.policies if policy.file == name)
    diff = recent(new, live, events)
    changes = [msgspec.to_builtins(each) for each in diff.changes[:SAMPLES]]
    return {
        "examples": [
            {"name": each.example.name, "passed": each.passed, "differences": list(each.differences)}
            for each in run_examples(new, keys={after.key})
        ],
        "diff": msgspec.to_builtins(diff) | {"changes": changes},
        "rules": [
            {"name": each.name, "before": each.modes[0], "after": each.modes[1], "rewritten": each.rewritten}
            for each in moved(before, after)
        ],
        "needs_approval": needs_approval(before, after),
    }


def start(person: str, path: str, text: str, edition: int) -> str:
    """Begin a trial for somebody (their id), and give up the one they had. Returns at once, with the trial's id."""
    before = _running.pop(person, None)
    if before is not None and before.poll() is None:
        before.kill()
        before.wait()
    trial_id = new_id("trl")
    where = _folder()
    asked = where / f"{trial_id}.asked"
    asked.write_text(json.dumps({"path": path, "text": text, "edition": edition}), errors="surrogateescape")
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
    found = trial(asked["path"], asked["text"], asked["edition"])
    whole, part = Path(sys.argv[1]), Path(sys.argv[1] + ".part")
    part.write_text(json.dumps(found))
    part.replace(whole)


if __name__ == "__main__":
    main()
