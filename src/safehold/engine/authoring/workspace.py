"""A folder of policies that somebody is writing in: what their editor asks, answered from the text on their screen.

    workspace = Workspace("policies")
    workspace.diagnostics(text, "scams.yaml")             -> problems, the same as `safehold policy check`
    workspace.completions(text, line, column, "scams.yaml") -> what can be written there
    workspace.hover(text, line, column, "scams.yaml")       -> what the word there means, or None
    workspace.definition(text, line, column, "scams.yaml")  -> where it is declared, or None

`text` is the whole file as it is on the screen, saved or not; `file` is its path in the folder, and says by its first part
whether it is a policy, an event type (`events/`) or a list (`lists/`); lines and columns count from 1, columns in characters.
The language server and the console's editor call the same methods. Event types and the names of lists are read from the
folder and kept until one of their files changes; nothing is written, and no entry of a list is read.
"""

from collections.abc import Iterable, Mapping
from pathlib import Path

from safehold.engine.authoring.completing import Completion, complete_at
from safehold.engine.authoring.lint.check import warnings
from safehold.engine.authoring.meaning import Definition, Hover, define_at, hover_at
from safehold.engine.language.types import Type
from safehold.engine.policies.bundle import event_types_of, file_name, installed_signals, policy_paths
from safehold.engine.policies.events import EventTypes, read_event_type
from safehold.engine.policies.lists import read_list
from safehold.engine.policies.located import Located, YamlProblem, parse_yaml, read_yaml
from safehold.engine.policies.problems import PolicyProblem, Report
from safehold.engine.policies.reread import context_of, read_policy
from safehold.engine.policies.scope import Scope
from safehold.engine.signal import Signal


class Surroundings:
    """What a file of the folder can name: event types, signals and lists, with a Scope for each event type."""

    def __init__(self, event_types: EventTypes, lists: Mapping[str, Path], signals: Iterable[Signal]) -> None:
        self.event_types, self.lists = event_types, lists
        self.signals = list(signals)
        self.scopes = {name: Scope(kind, self.signals, lists) for name, kind in event_types.types.items()}
        self.context = context_of(event_types, self.signals, lists)

    def variables(self, name: str) -> Mapping[str, Type]:
        return self.scopes[name].variables


class Workspace:
    """One folder. `signals` are those that policies may read; by default the installed ones."""

    def __init__(self, folder: str | Path, signals: Iterable[Signal] | None = None) -> None:
        self.folder = Path(folder)
        self.signals = list(installed_signals() if signals is None else signals)
        self._seen: tuple[object, ...] | None = None
        self._surroundings = Surroundings(EventTypes(), {}, [])
        self._keys: dict[Path, tuple[object, str]] = {}

    @property
    def surroundings(self) -> Surroundings:
        files = [*self._files("events"), *self._files("lists")]
        seen = tuple((path, _stamp(path)) for path in files)
        if seen != self._seen:
            event_types = event_types_of(self.folder, Report())
            self._surroundings = Surroundings(event_types, self._list_names(), self.signals)
            self._seen = seen
        return self._surroundings

    def diagnostics(self, text: str, file: str, name: str = "") -> list[PolicyProblem]:
        """Everything that is wrong with the file as it is on the screen, errors and warnings, in its order.

        Problems call the file by its `name`; by default by its path in the folder.
        """
        report, name = Report(), name or file
        try:
            node = parse_yaml(text, name)
        except YamlProblem as error:
            report.add_file(name, str(error), error.hint, error.line, error.column, "not-yaml")
            return report.problems
        if self.kind(file) == "event type":
            read_event_type(node, report)
        elif self.kind(file) == "list":
            read_list(node, self.folder / "lists", report)
        else:
            self._policy(node, file, report)
        return sorted(report.problems, key=lambda problem: (problem.line, problem.column))

    def completions(self, text: str, line: int, column: int, file: str = "policy.yaml") -> list[Completion]:
        """What can be written at a place, best first. Each says which text of the line it replaces."""
        return complete_at(text, line, column, self.kind(file), self.surroundings)

    def hover(self, text: str, line: int, column: int, file: str = "policy.yaml") -> Hover | None:
        """What the word at a place means."""
        return hover_at(text, line, column, self.kind(file), self.surroundings)

    def definition(self, text: str, line: int, column: int, file: str = "policy.yaml") -> Definition | None:
        """Where the window or the list at a place is declared; `file` None means in this text."""
        return define_at(text, line, column, self.kind(file), self.surroundings)

    def _policy(self, node: Located, file: str, report: Report) -> None:
        around = self.surroundings
        policy = read_policy(node, around.event_types, around.scopes, around.context, report)
        if policy is None:
            return
        if not report.problems:
            report.problems += warnings(policy, node, around.scopes)
        for path in policy_paths(self.folder):
            if path != Path(file).as_posix() and self._key(self.folder / path) == policy.key:
                report.add(node, f"the policy `{policy.key}` is also in {file_name(self.folder, path)}")

    def kind(self, file: str) -> str:
        """`policy`, `event type` or `list`, by the first part of a file's path in the folder."""
        parts = Path(file).parts
        return {"events": "event type", "lists": "list"}.get(parts[0] if len(parts) > 1 else "", "policy")

    def _files(self, name: str) -> list[Path]:
        return sorted(path for path in (self.folder / name).glob("*") if path.suffix in (".yaml", ".yml"))

    def _list_names(self) -> dict[str, Path]:
        return {key: path for path in self._files("lists") if (key := self._key(path, "list")).isidentifier()}

    def _key(self, path: Path, field: str = "policy") -> str:
        """The key of another file, read again only when that file has changed; empty where it cannot be read."""
        stamp = _stamp(path)
        if self._keys.get(path, (None, ""))[0] != stamp:
            self._keys[path] = (stamp, _key_in(path, field))
        return self._keys[path][1]


def _key_in(path: Path, field: str) -> str:
    try:
        value = read_yaml(path, path.name).value
    except (YamlProblem, OSError):
        return ""
    found = value.get(field) if isinstance(value, dict) else None
    return str(found.value) if isinstance(found, Located) else ""


def _stamp(path: Path) -> tuple[int, int]:
    try:
        status = path.stat()
    except OSError:
        return (0, 0)
    return (status.st_mtime_ns, status.st_size)
