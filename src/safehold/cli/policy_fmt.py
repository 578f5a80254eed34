"""`safehold policy fmt`: the files of a folder in one form, their meaning untouched."""

import difflib
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.markup import escape

console = Console(highlight=False, soft_wrap=True)
errors = Console(stderr=True, highlight=False, soft_wrap=True)


def fmt(
    paths: Annotated[
        list[Path] | None,
        typer.Argument(metavar="DIR|FILE...", help="Folders of policies, or files. [default: policies]"),
    ] = None,
    check: Annotated[
        bool, typer.Option("--check", help="Change nothing; fail when a file is not in its form.")
    ] = False,
    diff: Annotated[bool, typer.Option("--diff", help="Show what would change; change nothing.")] = False,
) -> None:
    """Put policies, event types and lists into the one form: order of keys, indentation, expressions.

    Comments and prose stay as they are. Nothing changes its meaning: a bundle has the same hash before and after, and a file
    that could not be kept whole is left alone and named.

    Exits with 0, or 1 when a file could not be formatted or, with --check and --diff, is not in its form.

    Example: safehold policy fmt policies --check
    """
    texts, failed = {}, False
    for path in _files(paths or [Path("policies")]):
        result = _formatted(path)
        if result is None:
            failed = True
        elif result != path.read_text(encoding="utf-8"):
            texts[path] = result
    for folder in {_root(path) for path in texts}:
        if not _same_bundle(folder, {path: text for path, text in texts.items() if _root(path) == folder}):
            errors.print(f"[red]{escape(str(folder))}: formatting would change the bundle; nothing was written[/red]")
            raise typer.Exit(1)
    for path, text in texts.items():
        if diff:
            _print_diff(path, text)
        elif check:
            console.print(f"{escape(str(path))} is not formatted")
        else:
            path.write_text(text, encoding="utf-8")
            console.print(f"formatted {escape(str(path))}")
    if failed or (texts and (check or diff)):
        raise typer.Exit(1)


def _files(paths: list[Path]) -> list[Path]:
    found: list[Path] = []
    for path in paths:
        if not path.exists():
            raise typer.BadParameter(f"there is no {path}")
        inside = (
            sorted(part for part in path.rglob("*") if part.suffix in (".yaml", ".yml")) if path.is_dir() else [path]
        )
        found += inside
    return found


def _formatted(path: Path) -> str | None:
    from safehold.engine.authoring.fmt import Unformattable, formatted
    from safehold.engine.policies.located import YamlProblem

    kind = {"events": "event type", "lists": "list"}.get(path.parent.name, "policy")
    try:
        return formatted(path.read_text(encoding="utf-8"), kind)
    except YamlProblem as problem:
        errors.print(f"{escape(str(path))}:{problem.line}:{problem.column}: [red]{escape(str(problem))}[/red]")
    except (Unformattable, UnicodeDecodeError) as problem:
        errors.print(f"{escape(str(path))}: [red]not formatted: {escape(str(problem))}[/red]")
    return None


def _root(path: Path) -> Path:
    """The folder of policies that a file is in: the nearest one above it with events/ in it, or its own."""
    return next((parent for parent in path.parents if (parent / "events").is_dir()), path.parent)


def _same_bundle(folder: Path, texts: Mapping[Path, str]) -> bool:
    """Whether the folder has the same hash with the new texts; true where it could not be loaded before either."""
    from safehold.engine import PolicyProblems, load_bundle
    from safehold.engine.policies.bundle import policy_paths

    new = {path.relative_to(folder).as_posix(): text for path, text in texts.items()}
    try:
        before = load_bundle(folder)
    except PolicyProblems:
        return True
    policies = {path: new.get(path) or (folder / path).read_text(encoding="utf-8") for path in policy_paths(folder)}
    return load_bundle(folder, policies=policies).hash == before.hash


def _print_diff(path: Path, text: str) -> None:
    before = path.read_text(encoding="utf-8").splitlines()
    for line in difflib.unified_diff(before, text.splitlines(), str(path), str(path), lineterm=""):
        colour = {"+": "green", "-": "red", "@": "cyan"}.get(line[:1], "")
        console.print(f"[{colour}]{escape(line)}[/]" if colour else escape(line))
