"""common-expression-language: Rust's CEL interpreter behind Python. Its module is called `cel`, like one of Google's."""

import cel
import msgspec

from benchmarks.peers import Case, Decide, in_cel


def make(case: Case) -> Decide:
    lists = {name: frozenset(entries) for name, entries in case.lists.items()}
    compiled = [(name, cel.compile(in_cel(kind, what))) for name, kind, what in case.rules]

    def listed(name: str, item: str) -> bool:
        return item in lists[name]

    def decide(line: bytes) -> list[str]:
        data = msgspec.json.decode(line)["data"]
        actor = data["actor"]
        seen = cel.Context(variables={"data": data, "actor": actor, "labels": case.labels.get(actor["id"], [])})
        seen.add_function("listed", listed)
        return [name for name, program in compiled if program.execute(seen) is True]

    return decide
