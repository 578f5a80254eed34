"""`python -m benchmarks.peers NAME CASE`: one contender. `race` talks to it over its standard input and output.

`check N` answers the rules that match in each of the first N events; `time N` answers the CPU seconds that N events
took. Each answer is a line of JSON; the first line says that the rules are compiled.
"""

import gc
import itertools
import json
import sys
import time
from importlib import import_module
from pathlib import Path

from benchmarks.peers import read_case


def main(name: str, path: str) -> None:
    case = read_case(Path(path))
    decide = import_module(f"benchmarks.peers.{name}").make(case)
    gc.collect()
    gc.freeze()  # for every contender alike: what was compiled stays
    stream = itertools.cycle(case.events)
    _say("ready")
    for line in sys.stdin:
        command, number = line.split()
        if command == "check":
            _say([decide(event) for event in case.events[: int(number)]])
            continue
        events = list(itertools.islice(stream, int(number)))
        begun = time.process_time()
        for event in events:
            decide(event)
        _say(time.process_time() - begun)


def _say(answer: object) -> None:
    print(json.dumps(answer), flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
