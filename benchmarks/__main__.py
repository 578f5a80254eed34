"""`python -m benchmarks NAME...`, `all`, or `--list`. Each benchmark prints one line of JSON."""

import argparse
import json
import sys
from importlib import import_module
from pathlib import Path

from benchmarks import Result, machine


def names() -> list[str]:
    """Every benchmark there is, by name."""
    here = Path(__file__).parent
    found = [path.stem for path in here.glob("*.py") if not path.stem.startswith("_")]
    return sorted(name.replace("_", "-") for name in [*found, "quality"])


def main() -> int:
    if sys.argv[1:2] == ["quality"]:  # has options of its own
        return int(_module("quality").main(sys.argv[2:]))
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME", help="which to run, or `all`")
    parser.add_argument("--list", action="store_true", help="name them, with what they measure")
    asked = parser.parse_args()
    if asked.list or not asked.names:
        for name in names():
            print(f"{name:16} {(_module(name).__doc__ or '').strip().splitlines()[0]}")
        return 0
    chosen = names() if asked.names == ["all"] else asked.names
    unknown = [name for name in chosen if name not in names()]
    if unknown:
        print(f"no benchmark {', '.join(unknown)}; there are {', '.join(names())}", file=sys.stderr)
        return 2
    for name in chosen:
        result: Result = _module(name).run()
        line = {"name": name, "ours": _round(result.ours), "unit": result.unit}
        line["peers"] = {peer: _round(value) for peer, value in result.peers.items()}
        if result.more:
            line["more"] = {figure: _round(value) for figure, value in result.more.items()}
        print(json.dumps({**line, "ratios": result.ratios(), "machine": machine()}), flush=True)
    return 0


def _module(name: str):  # type: ignore[no-untyped-def]
    return import_module(f"benchmarks.{name.replace('-', '_')}")


def _round(value: float) -> float:
    """Four digits say what such a measurement can."""
    return float(f"{value:.4g}")


if __name__ == "__main__":
    sys.exit(main())
