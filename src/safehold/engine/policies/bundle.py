"""A folder of policies, loaded: `load_bundle(folder)` is what the gateway, the CLI and scripts call.

    policies/                 policies, in any depth
    policies/events/*.yaml    event types
    policies/lists/*.yaml     lists, their entries beside them

Nothing is half loaded: either the Bundle is whole, or PolicyProblems says everything that is wrong.
"""

from collections.abc import Iterable, Mapping, Sequence
from importlib.metadata import entry_points
from pathlib import Path, PurePosixPath

from safehold.engine.language.types import parse_type
from safehold.engine.lists.policy_list import PolicyList
from safehold.engine.policies.events import EventType, EventTypes, read_event_type
from safehold.engine.policies.lists import read_list
from safehold.engine.policies.located import MAX_BYTES, Located, YamlProblem, parse_yaml, read_yaml
from safehold.engine.policies.model import Bundle, Policy
from safehold.engine.policies.problems import PolicyProblems, Report
from safehold.engine.policies.read import digest
from safehold.engine.policies.reread import context_of, read_policy
from safehold.engine.policies.scope import Scope
from safehold.engine.signal import Signal, limits

#: Part of every bundle's hash: it changes when the same expression could be answered otherwise by the engine itself.
LANGUAGE = "safehold-1"
_SUFFIXES = (".yaml", ".yml")


def installed_signals() -> list[Signal]:
    """The signals that packages registered under the entry point group `safehold.signals`, by name.

    An entry point is a class (or a function) without parameters that makes the signal.
    """
    found = [entry_point.load()() for entry_point in entry_points(group="safehold.signals")]
    return sorted(found, key=lambda signal: signal.name)


def installed_signal(name: str) -> Signal | None:
    """One of them, the others not made where its entry point has its name, as is usual; None if there is none."""
    for entry_point in entry_points(group="safehold.signals", name=name):
        made: Signal = entry_point.load()()
        if made.name == name:
            return made
    return next((signal for signal in installed_signals() if signal.name == name), None)


def load_bundle(
    folder: str | Path, signals: Iterable[Signal] | None = None, *, policies: Mapping[str, str] | None = None
) -> Bundle:
    """Load and check everything in a folder. `signals` are those that policies may read; by default the installed ones.

    With `policies`, texts by their path in the folder, those stand for the folder's own policies; event types and lists
    are the folder's.

    Raises PolicyProblems, which carries all problems with file, line and column.
    """
    folder = Path(folder)
    report = Report()
    if not folder.is_dir():
        report.add_file(str(folder), "there is no such folder")
        raise PolicyProblems(report.problems)
    signals = list(installed_signals() if signals is None else signals)
    event_types = event_types_of(folder, report)
    lists = _lists(folder, report)
    nodes = _policy_nodes(folder, report) if policies is None else _parsed(policies, folder, report)
    found = _policies(nodes, event_types, signals, lists, report)
    if not event_types.types and not report.problems:
        report.add_file(str(folder / "events"), "there are no event types", "put at least one into events/")
    if report.problems:
        raise PolicyProblems(report.problems)
    return make_bundle(found, event_types, lists, signals)


def check_policy(
    bundle: Bundle, folder: str | Path, path: str, text: str, signals: Iterable[Signal] | None = None
) -> Bundle:
    """The bundle with the policy of this text in the place of the one in the file `path`, or beside the others if there
    is none: a file of an editor, checked against everything else as it stands, which is not read again.

    Raises PolicyProblems.
    """
    report = Report()
    folder = Path(folder)
    signals = list(installed_signals() if signals is None else signals)
    nodes = _parsed({path: text}, folder, report)
    found = _policies(nodes, bundle.event_types, signals, bundle.lists, report)
    name = file_name(folder, path)
    others = {policy.file: policy for policy in bundle.policies if policy.file != name}
    for policy in found:
        if taken := next((other for other in others.values() if other.key == policy.key), None):
            report.add(nodes[0], f"the policy `{policy.key}` is also in {taken.file}")
        others[name] = policy
    if not found and not report.problems:
        report.add_file(name, "there is no policy in it")
    if report.problems:
        raise PolicyProblems(report.problems)
    policies = tuple(others[file] for file in sorted(others, key=PurePosixPath))
    return make_bundle(policies, bundle.event_types, dict(bundle.lists), signals)


def check_policies(bundle: Bundle, folder: str | Path, texts: Mapping[str, str | None]) -> Bundle:
    """The bundle with all of these files changed together, path -> text, None for one that goes. Raises PolicyProblems."""
    files = {policy.file: policy.key for policy in bundle.policies}
    # What goes, goes first: a policy may move from one file to another.
    for path, text in texts.items():
        if text is None and (key := files.get(file_name(folder, path))):
            bundle = without_policy(bundle, key)
    for path, text in texts.items():
        if text is not None:
            bundle = check_policy(bundle, folder, path, text)
    return bundle


def without_policy(bundle: Bundle, key: str, signals: Iterable[Signal] | None = None) -> Bundle:
    """The bundle without one of its policies."""
    policies = tuple(policy for policy in bundle.policies if policy.key != key)
    signals = list(installed_signals() if signals is None else signals)
    return make_bundle(policies, bundle.event_types, dict(bundle.lists), signals)


def file_name(folder: str | Path, path: str) -> str:
    """How problems, and a policy's `file`, call the file at `path` in the folder."""
    return f"{Path(folder).name}/{path}"


def policy_paths(folder: str | Path) -> list[str]:
    """Every file of a folder that is read as a policy, as its path in the folder, in the order of reading."""
    folder = Path(folder)
    reserved = (folder / "events", folder / "lists")
    return [
        path.relative_to(folder).as_posix()
        for path in sorted(folder.rglob("*"))
        if path.suffix in _SUFFIXES and not any(path.is_relative_to(other) for other in reserved)
    ]


def make_bundle(
    policies: tuple[Policy, ...], event_types: EventTypes, lists: dict[str, PolicyList], signals: Iterable[Signal]
) -> Bundle:
    """The bundle of these parts, with the hash of everything that can change a verdict."""
    versions = {signal.name: signal.version for signal in signals}
    identity = {
        "language": LANGUAGE,
        "policies": [_policy_identity(policy) for policy in policies],
        "events": {name: kind.identity for name, kind in event_types.types.items()},
        "lists": {name: entries.digest() for name, entries in lists.items()},
        "signals": versions,
    }
    return Bundle(policies, event_types, lists, versions, digest(identity))


def _policy_identity(policy: Policy) -> object:
    rules = [[rule.id, rule.hash, rule.mode, round(rule.share * 10_000)] for rule in policy.rules]
    windows = {window.name: window.hash for window in policy.windows}
    return {"key": policy.key, "severity": policy.severity, "rules": rules, "windows": windows}


def _files(where: Path, root: Path, report: Report) -> list[Located]:
    """Every YAML file directly in a folder, in the order of names."""
    return _read(sorted(path for path in where.glob("*") if path.suffix in _SUFFIXES), root, report)


def _read(paths: Iterable[Path], root: Path, report: Report) -> list[Located]:
    found = []
    for path in paths:
        name = str(path.relative_to(root.parent)) if path.is_relative_to(root.parent) else str(path)
        try:
            found.append(read_yaml(path, name))
        except YamlProblem as error:
            report.add_file(name, str(error), error.hint, error.line, error.column, "not-yaml")
    return found


def _event_types(nodes: list[Located], report: Report) -> EventTypes:
    found: dict[str, EventType] = {}
    for node in nodes:
        event_type = read_event_type(node, report)
        if event_type is None:
            continue
        if event_type.name in found:
            report.add(node, f"the event type `{event_type.name}` is declared twice")
        found[event_type.name] = event_type
    return EventTypes(found)


def _lists(folder: Path, report: Report) -> dict[str, PolicyList]:
    found: dict[str, PolicyList] = {}
    for node in _files(folder / "lists", folder, report):
        entries = read_list(node, folder / "lists", report)
        if entries is None:
            continue
        if entries.name in found:
            report.add(node, f"the list `{entries.name}` is declared twice")
        found[entries.name] = entries
    return found


def _policy_nodes(folder: Path, report: Report) -> list[Located]:
    return _read((folder / path for path in policy_paths(folder)), folder, report)


def _parsed(texts: Mapping[str, str], folder: Path, report: Report) -> list[Located]:
    """Texts as `_read` reads files: in the order of their paths, under the names that the files would have."""
    found = []
    for path in sorted(texts, key=PurePosixPath):
        name = file_name(folder, path)
        try:
            if len(texts[path].encode()) > MAX_BYTES:
                raise YamlProblem(1, 1, f"the file has more than {MAX_BYTES:,} bytes", "split it")
            found.append(parse_yaml(texts[path], name))
        except UnicodeEncodeError as error:
            report.add_file(name, "the file is not UTF-8", line=texts[path].count("\n", 0, error.start) + 1)
        except YamlProblem as error:
            report.add_file(name, str(error), error.hint, error.line, error.column, "not-yaml")
    return found


def event_types_of(folder: Path, report: Report) -> EventTypes:
    """The event types of a folder that can be read; what is wrong with the others is reported."""
    return _event_types(_files(folder / "events", folder, report), report)


def _policies(
    nodes: Iterable[Located], event_types: EventTypes, signals: Sequence[Signal], lists: Iterable[str], report: Report
) -> tuple[Policy, ...]:
    found: dict[str, Policy] = {}
    lists = sorted(lists)
    scopes = {name: Scope(kind, signals, lists) for name, kind in event_types.types.items()}
    context = context_of(event_types, signals, lists)
    for node in nodes:
        policy = read_policy(node, event_types, scopes, context, report)
        if policy is None:
            continue
        if policy.key in found:
            report.add(node, f"the policy `{policy.key}` is also in {found[policy.key].file}")
        found[policy.key] = policy
    return tuple(found.values())


def check_signal(signal: Signal) -> None:
    """Raises ValueError, naming the field, for a signal whose declared types cannot be read, or limits of what is no number."""
    for name, text in signal.fields.items():
        try:
            parse_type(text)
        except ValueError as error:
            raise ValueError(f"signal `{signal.name}`, field `{name}`: {error}") from None
    for name in limits(signal):
        if signal.fields.get(name) not in ("int", "double"):
            raise ValueError(
                f"signal `{signal.name}`: `limits` names `{name}`, which is not a field of type int or double"
            )
