"""`python -m tests.fuzz TARGET [libFuzzer options]`: fuzz one target, in a folder of its own for what it finds."""

import sys
import tempfile
from importlib import import_module
from pathlib import Path

import atheris

TARGETS = ("agreement", "expression", "policy_file", "event")


def main() -> None:
    name, *options = sys.argv[1:] or ["none"]
    if name not in TARGETS:
        sys.exit(f"no fuzz target {name}; there are {', '.join(TARGETS)}")
    with atheris.instrument_imports(include=["safehold"]):
        target = import_module(f"tests.fuzz.{name}")
    limits = ["-timeout=20", "-rss_limit_mb=3000", f"-artifact_prefix={Path('/tmp')}/safehold-fuzz-{name}-"]
    with tempfile.TemporaryDirectory(prefix=f"safehold-fuzz-{name}-") as seeds:
        for number, seed in enumerate(getattr(target, "SEEDS", [])):
            (Path(seeds) / str(number)).write_bytes(seed)
        # libFuzzer keeps what it learns in the first folder that it is given.
        folders = [seeds] if any(Path(seeds).iterdir()) else []
        atheris.Setup([f"fuzz {name}", *limits, *options, *folders], target.one_input)
        atheris.Fuzz()


if __name__ == "__main__":
    main()
