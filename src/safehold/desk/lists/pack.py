"""The tables of large lists as files, packed by a process of its own: `python -m safehold.desk.lists.pack NAME KIND FOLD
NUMBER FILE`. A million entries take seconds of a processor, which the process that decides must not lose.
"""

import fcntl
import os
import subprocess
import sys
from pathlib import Path

from safehold.engine.lists.table import FORMAT

#: Files of earlier versions that are kept: another worker may be about to load one.
KEPT = 2


def packed(folder: Path, name: str, kind: str, fold: bool, number: int, version: str) -> Path:
    """The file of a table, made if it isn't there. Raises OSError, and CalledProcessError when it can't be made."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{name}-{kind}{'-fold' if fold else ''}-{version}.{FORMAT}.table"
    with (folder / f"{name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # the workers of a machine take turns, and all but one find the file there
        if not path.exists():
            command = [
                sys.executable,
                "-m",
                "safehold.desk.lists.pack",
                name,
                kind,
                str(int(fold)),
                str(number),
                str(path),
            ]
            subprocess.run(command, check=True, stdin=subprocess.DEVNULL, env=_environment())  # noqa: S603
            older = sorted(folder.glob(f"{name}-*.table"), key=lambda other: other.stat().st_mtime_ns)
            for other in older[:-KEPT]:
                other.unlink(missing_ok=True)
    return path


def _environment() -> dict[str, str]:
    """This process's database and policies, whatever the settings were made from."""
    from django.db import connection

    settings = connection.settings_dict
    environment = {
        **os.environ,
        "DJANGO_SETTINGS_MODULE": os.environ.get("DJANGO_SETTINGS_MODULE", "safehold.site.settings"),
    }
    if connection.vendor == "sqlite":
        environment["SAFEHOLD_DATABASE_URL"] = f"sqlite:///{settings['NAME']}"
    return environment


def main(name: str, kind: str, fold: str, number: str, path: str) -> None:
    import django

    django.setup()
    from safehold.desk.lists import feed
    from safehold.engine.lists import save
    from safehold.gateway.lists import usable

    folds = fold == "1"
    entries = (entry for entry in feed.active(name, int(number)) if usable(kind, folds, entry))
    save(kind, entries, Path(path), fold=folds)


if __name__ == "__main__":
    os.nice(5)
    main(*sys.argv[1:])
