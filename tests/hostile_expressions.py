"""Expressions and values that were made to hurt, run under hard limits: `python -m tests.hostile_expressions` reads one
{"text", "values"} a line and answers one outcome a line. Called by tests/features/test_hostile_policies.py.

The limits are the system's: whoever takes more processor time or memory is killed, and the lines after it are missing.
"""

import json
import resource
import sys

CPU_SECONDS, MEMORY_BYTES = 30, 2 << 30


def outcome(text: str, values: dict[str, object]) -> str:
    """`refused: why`, `error: why`, or the value."""
    from safehold.engine.compile.faults import Fault
    from safehold.engine.language.check import check
    from safehold.engine.language.environment import Environment
    from safehold.engine.language.problem import ExpressionProblems
    from tests.language.evaluation import exact, generated, same
    from tests.properties.expressions import VARIABLES

    try:
        tree = check(text, Environment(VARIABLES), guards=False)
    except ExpressionProblems as problems:
        return f"refused: {problems.problems[0].message}"
    found = exact(tree, values)
    answered, fast = generated(tree, values)
    assert not answered or same(fast, found), "the evaluators differ"
    return f"error: {found}" if isinstance(found, Fault) else json.dumps(found)[:100]


def main() -> None:
    resource.setrlimit(resource.RLIMIT_CPU, (CPU_SECONDS, CPU_SECONDS))
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY_BYTES, MEMORY_BYTES))
    for line in sys.stdin:
        case = json.loads(line)
        values = {name: eval(source, {"__builtins__": {}}) for name, source in case["values"].items()}  # noqa: S307 - ours
        print(outcome(case["text"], values), flush=True)


if __name__ == "__main__":
    main()
