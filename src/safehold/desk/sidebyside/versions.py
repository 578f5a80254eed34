"""Versions of a calibration as files, and which of them is in force. A version is never changed; going back is naming an earlier
one. Every change is in the audit trail. Who calls: `safehold perspective`, and the console's page Comparisons.
"""

import fcntl
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import msgspec
from django.utils import timezone

from safehold.accounts.models import User
from safehold.accounts.people import AT_THE_SHELL, Refused
from safehold.accounts.roles import Permission
from safehold.gateway.perspective.calibration import IN_FORCE, Calibration, Map, read_calibration, version_file
from safehold.record.recording import recording


def versions(folder: Path) -> list[Calibration]:
    """All versions, the oldest first. Raises ValueError for a file that isn't one."""
    return [read_calibration(path) for path in sorted(folder.glob("[0-9][0-9][0-9][0-9].json"))]


def in_force(folder: Path) -> int:
    """The version in force, 0 for none."""
    try:
        return int((folder / IN_FORCE).read_text())
    except (FileNotFoundError, ValueError):
        return 0


def write(folder: Path, maps: Mapping[str, Map], model: str) -> Calibration:
    """A new version; it is not in force yet."""
    folder.mkdir(parents=True, exist_ok=True)
    number = max((int(path.stem) for path in folder.glob("[0-9][0-9][0-9][0-9].json")), default=0) + 1
    made = Calibration(version=number, made_at=timezone.now().isoformat(), model=model, maps=dict(maps))
    body = msgspec.json.format(msgspec.json.encode(made), indent=1)
    with recording() as record:
        fresh = os.open(version_file(folder, number), os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o644)
        with os.fdopen(fresh, "wb") as file:
            file.write(body)
        attributes = {name: one.after.n if one.after else 0 for name, one in made.maps.items()}
        record.audit("calibration.made", "calibration", str(number), detail={"attributes": attributes})
    return made


def use(folder: Path, number: int, *, by: User | None = None, instead_of: int | None = None) -> None:
    """Put a version in force, or none with 0. Gateways take it up within a second. `by` is who wants it, None at the shell;
    `instead_of` is what they saw in force.

    Raises ValueError for a version there isn't or that can't be read, Refused where `by` may not, and where another one was
    put in force since they looked.
    """
    if by is not None and not by.may(Permission.APPROVE_POLICIES):
        raise Refused(f"Your roles don't let you {Permission.APPROVE_POLICIES.label}; it takes somebody whose do.")
    if number and not version_file(folder, number).exists():
        raise ValueError(f"there is no version {number} in {folder}")
    if number:
        read_calibration(version_file(folder, number))
    folder.mkdir(parents=True, exist_ok=True)
    with recording() as record, _alone(folder):
        before = in_force(folder)
        if instead_of is not None and before != instead_of:
            raise Refused("Another calibration was put in force since you looked: look again.")
        told: dict[str, object] = {"before": before}
        record.audit(
            "calibration.used", "calibration", str(number), actor=by.pk if by else "",
            detail=told if by else told | AT_THE_SHELL,
        )  # fmt: skip
        beside = folder / f"{IN_FORCE}.new"
        beside.write_text(str(number))
        beside.replace(folder / IN_FORCE)  # last: what can fail has not


@contextmanager
def _alone(folder: Path) -> Iterator[None]:
    """One process at a time changes what is in force."""
    with (folder / f"{IN_FORCE}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield
