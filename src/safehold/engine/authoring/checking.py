"""A whole folder checked: `safehold policy check`. Errors are those that keep it from being loaded; warnings are lint."""

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from safehold.engine.authoring.lint.check import Finding, silenced
from safehold.engine.authoring.workspace import Workspace
from safehold.engine.language.tree import Node, paths
from safehold.engine.policies.bundle import file_name, installed_signals, load_bundle, policy_paths
from safehold.engine.policies.located import YamlProblem, read_yaml
from safehold.engine.policies.model import Bundle, Policy
from safehold.engine.policies.problems import PolicyProblem, PolicyProblems
from safehold.engine.signal import Signal


@dataclass(frozen=True, slots=True)
class Checked:
    """`bundle` is None where there are errors. Both lists are in the order of files and lines."""

    bundle: Bundle | None
    errors: list[PolicyProblem]
    warnings: list[PolicyProblem]

    @property
    def problems(self) -> list[PolicyProblem]:
        return sorted([*self.errors, *self.warnings], key=lambda problem: (problem.file, problem.line, problem.column))


def check_folder(folder: str | Path, signals: Iterable[Signal] | None = None) -> Checked:
    """Everything that is wrong with a folder, and what is hardly meant in the files that have no errors."""
    folder = Path(folder)
    signals = list(installed_signals() if signals is None else signals)
    bundle, errors = None, []
    try:
        bundle = load_bundle(folder, signals)
    except PolicyProblems as found:
        errors = found.problems
    wrong = {problem.file for problem in errors}
    workspace = Workspace(folder, signals)
    warnings: list[PolicyProblem] = []
    for path in policy_paths(folder) if folder.is_dir() else []:
        name = file_name(folder, path)
        if name not in wrong:
            text = (folder / path).read_text(encoding="utf-8")
            warnings += [
                problem for problem in workspace.diagnostics(text, path, name) if problem.severity == "warning"
            ]
    if bundle is not None:
        warnings += _unused_lists(folder, bundle, workspace)
    return Checked(bundle, errors, sorted(warnings, key=lambda problem: (problem.file, problem.line, problem.column)))


def _unused_lists(folder: Path, bundle: Bundle, workspace: Workspace) -> list[PolicyProblem]:
    asked = {
        part[1] for policy in bundle.policies for tree in trees_of(policy) for part in paths(tree) if part[0] == "lists"
    }
    found: list[PolicyProblem] = []
    for name, path in workspace.surroundings.lists.items():
        try:
            node = read_yaml(path, file_name(folder, path.relative_to(folder).as_posix()))
        except YamlProblem:
            continue
        where = node.value["list"]
        unused = Finding(
            "list-unused", where, where.line, where.column, f"no policy asks `lists.{name}`", "", node.line
        )
        found += silenced([] if name in asked else [unused], node)
    return found


def trees_of(policy: Policy) -> Iterable[Node]:
    """Every expression of a policy's rules and windows."""
    for rule in policy.rules:
        yield from rule.when.values()
    for window in policy.windows:
        yield from window.where.values()
        yield from window.value.values()
        for parts in window.by.values():
            yield from parts
