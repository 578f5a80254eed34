"""The managed lists that the policies declare: what the shell and the console may change. Read from the files, and read
again when one of them changes.
"""

from dataclasses import dataclass
from pathlib import Path
from threading import Lock

from django.conf import settings

from safehold.engine.lists import PolicyList
from safehold.engine.policies.lists import read_list
from safehold.engine.policies.located import YamlProblem, read_yaml
from safehold.engine.policies.problems import PolicyProblems, Report

_lock = Lock()
_known: dict[Path, tuple[tuple[tuple[str, int], ...], dict[str, PolicyList]]] = {}


class NoSuchList(LookupError):
    """The message names the list, and those there are."""


@dataclass(frozen=True, slots=True)
class Problems(Exception):
    """The declarations can't be read."""

    problems: PolicyProblems


def all_lists(folder: Path | None = None) -> dict[str, PolicyList]:
    """Every list that is declared, by name. Raises PolicyProblems."""
    where = Path(folder or settings.SAFEHOLD_POLICIES) / "lists"
    files = sorted(path for path in where.glob("*") if path.is_file())
    stamp = tuple((path.name, path.stat().st_mtime_ns) for path in files)
    with _lock:
        if where in _known and _known[where][0] == stamp:
            return _known[where][1]
        report, found = Report(), {}
        for path in files:
            if path.suffix not in (".yaml", ".yml"):
                continue
            try:
                made = read_list(read_yaml(path, f"lists/{path.name}"), where, report)
            except YamlProblem as error:
                report.add_file(f"lists/{path.name}", str(error), error.hint, error.line, error.column)
                continue
            if made is not None:
                found[made.name] = made
        if report.problems:
            raise PolicyProblems(report.problems)
        _known[where] = (stamp, found)
        return found


def declared(name: str) -> PolicyList:
    """A list by name. Raises NoSuchList, and PolicyProblems."""
    lists = all_lists()
    if name not in lists:
        raise NoSuchList(f"there is no list `{name}`; there are {', '.join(sorted(lists)) or 'none'}")
    return lists[name]


def managed(name: str) -> PolicyList:
    """A managed list by name. Raises NoSuchList, also for one that is all in files; and PolicyProblems."""
    found = declared(name)
    if not found.managed:
        raise NoSuchList(f"the list `{name}` is all in its files; write `managed: true` into lists/ to change it here")
    return found
