"""cel-python (Cloud Custodian's): its interpreted runner, which is the default. Its parser is one for the whole process."""

import celpy
import msgspec
from celpy.adapter import json_to_cel

from benchmarks.peers import Case, Decide, in_cel


def make(case: Case) -> Decide:
    lists = {name: frozenset(entries) for name, entries in case.lists.items()}

    def listed(name: str, item: str) -> celpy.celtypes.BoolType:
        return celpy.celtypes.BoolType(item in lists[name])

    environment = celpy.Environment()
    compiled = [
        (name, environment.program(environment.compile(in_cel(kind, what)), functions={"listed": listed}))
        for name, kind, what in case.rules
    ]

    def decide(line: bytes) -> list[str]:
        data = msgspec.json.decode(line)["data"]
        actor = data["actor"]
        seen = json_to_cel({"data": data, "actor": actor, "labels": case.labels.get(actor["id"], [])})
        return [name for name, program in compiled if program.evaluate(seen)]

    return decide
