"""The `git` command, for `syncing`: a clone of our own under `var/git`, read and committed to without anybody's hooks, prompts
or attributes. Nothing here knows of policies.
"""

import os
import subprocess
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

SECONDS = 120
_SAFE = (
    "-c",
    "core.hooksPath=/dev/null",
    "-c",
    "protocol.ext.allow=never",
    "-c",
    "core.autocrlf=false",
    "-c",
    "gc.auto=0",
)
#: Mode of an ordinary file in a tree; links and submodules are not followed.
_FILE = ("100644", "100755")


class GitFailed(Exception):
    """`git` said no; the message is its own last line, without addresses."""


@dataclass(frozen=True)
class Commit:
    """Who wrote it, and what they said."""

    id: str
    author: str
    email: str
    subject: str


class Clone:
    """A clone of one branch in a folder of ours."""

    def __init__(self, folder: Path, remote: str, branch: str) -> None:
        self._folder, self._remote, self._branch = folder, remote, branch

    def fetch(self) -> str:
        """Bring the branch here; its newest commit, '' if the branch isn't there yet. Raises GitFailed."""
        if not (self._folder / ".git").is_dir():
            self._folder.mkdir(parents=True, exist_ok=True)
            self._git("init", "--quiet", "--initial-branch", self._branch)
            self._git("remote", "add", "origin", self._remote)
        self._git("remote", "set-url", "origin", self._remote)
        listed = self._git("ls-remote", "origin", f"refs/heads/{self._branch}").split()
        if not listed:
            return ""
        self._git(
            "fetch", "--quiet", "--no-tags", "origin", f"+refs/heads/{self._branch}:refs/remotes/origin/{self._branch}"
        )
        return self._git("rev-parse", f"refs/remotes/origin/{self._branch}").strip()

    def files(self, commit: str, under: str) -> dict[str, str]:
        """Ordinary files of a commit below a folder, path below it -> text. Raises GitFailed for what is not UTF-8."""
        if not commit:
            return {}
        found = {}
        prefix = "" if under == "." else f"{under}/"
        for line in self._git("ls-tree", "-r", "-z", "--full-tree", commit).split("\0"):
            head, _, path = line.partition("\t")
            if head and head.split()[0] in _FILE and path.startswith(prefix) and path.endswith((".yaml", ".yml")):
                found[path.removeprefix(prefix)] = self._git("cat-file", "blob", head.split()[2])
        return found

    def between(self, old: str, new: str) -> list[Commit]:
        """The commits of `new` that `old` doesn't have, newest first; the newest alone if there is no `old`."""
        span = (f"{old}..{new}",) if old else ("-1", new)
        lines = self._git("log", "--format=%H%x1f%an%x1f%ae%x1f%s", *span).splitlines()
        return [Commit(*line.split("\x1f", 3)) for line in lines if line.count("\x1f") == 3]

    def start(self, commit: str) -> None:
        """The working tree as of a commit; empty for ''."""
        if commit:
            self._git("checkout", "--quiet", "--force", "--detach", commit)
            self._git("clean", "-qfd")
        else:
            self._git("checkout", "--quiet", "--orphan", "safehold-first")

    def commit(
        self, under: str, files: Mapping[str, str | None], author: str, message: str, trailers: Iterable[str]
    ) -> bool:
        """Write the files (None: remove) and commit them; False if that changes nothing."""
        for path, text in files.items():
            where = self._folder / under / path
            if not where.resolve().is_relative_to(self._folder.resolve()):
                raise GitFailed(f"{path} leads out of the repository")
            if text is None:
                where.unlink(missing_ok=True)
            else:
                where.parent.mkdir(parents=True, exist_ok=True)
                where.write_text(text)
        self._git("add", "--all", "--", under)
        if not self._git("status", "--porcelain").strip():
            return False
        body = f"{message}\n\n" + "\n".join(trailers)
        self._git("commit", "--quiet", "--no-gpg-sign", f"--author={author}", "-m", body)
        return True

    def push(self) -> str:
        """Send what was committed to the branch, never over what others sent; the commit. Raises GitFailed."""
        self._git("push", "--quiet", "origin", f"HEAD:refs/heads/{self._branch}")
        return self._git("rev-parse", "HEAD").strip()

    def _git(self, *arguments: str) -> str:
        environment = {
            **{name: value for name, value in os.environ.items() if not name.startswith("GIT_")},
            "GIT_TERMINAL_PROMPT": "0", "GIT_SSH_COMMAND": "ssh -oBatchMode=yes", "LC_ALL": "C",
            "GIT_COMMITTER_NAME": "Safehold", "GIT_COMMITTER_EMAIL": "safehold@localhost",
        }  # fmt: skip
        try:
            done = subprocess.run(  # noqa: S603  arguments are ours; no shell
                ["git", *_SAFE, *arguments],  # noqa: S607  the one that the machine has
                cwd=self._folder,
                env=environment,
                capture_output=True,
                timeout=SECONDS,
            )
        except FileNotFoundError:
            raise GitFailed(
                "there is no `git` on this machine: install it (Debian, Ubuntu: `apt install git`) and sync again"
            ) from None
        except subprocess.TimeoutExpired:
            raise GitFailed(f"git {arguments[0]} took longer than {SECONDS} seconds") from None
        if done.returncode:
            said = done.stderr.decode(errors="replace").replace(self._remote, "the remote").strip().splitlines()
            raise GitFailed(f"git {arguments[0]}: {said[-1] if said else 'it failed'}")
        try:
            return done.stdout.decode()
        except UnicodeDecodeError:
            raise GitFailed(f"git {arguments[0]}: a file is not UTF-8") from None
