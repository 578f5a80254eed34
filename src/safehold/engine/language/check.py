"""From the text of an expression to its typed tree: `check` is the one way in.

The policy loader calls it for every condition, window and reason template.
"""

import re

import re2

from safehold.engine.language.environment import Environment
from safehold.engine.language.guards import unguarded
from safehold.engine.language.messages import explain
from safehold.engine.language.problem import ExpressionProblems, Problem
from safehold.engine.language.read import read_checked
from safehold.engine.language.tree import Call, Literal, Local, Node, Path, Select, children, walk
from safehold.engine.language.types import Type
from safehold.engine.language.values import parse_duration, parse_timestamp

#: Characters an expression may have.
MAX_TEXT = 10_000
#: The memory one compiled pattern may take, in bytes (RE2's own measure and default is 8 MB).
PATTERN_MEMORY = 1 << 20


def check(text: str, environment: Environment, *, guards: bool = True) -> Node:
    """Parse and type-check an expression.

    Raises ExpressionProblems, with line and column in `text`, for anything CEL refuses, for a read of an optional
    field without `has()` (unless `guards` is off), for an object or a list of `lists` used as a value, and for
    literal patterns, durations and timestamps that would fail on every event.
    """
    if len(text) > MAX_TEXT:
        raise ExpressionProblems(
            [Problem(1, 1, f"the expression has more than {MAX_TEXT:,} characters", code="too-large")]
        )
    if not text.strip():
        raise ExpressionProblems([Problem(1, 1, "the expression is empty", code="syntax")])
    try:
        checked = environment.checker.compile(text)
    except (RuntimeError, ValueError) as error:
        raise ExpressionProblems(explain(str(error), text, environment)) from None
    tree = read_checked(checked.serialize(), text, environment)
    problems = [*_misused(tree), *(problem for node in walk(tree) for problem in _hopeless(node))]
    if guards:
        problems += unguarded(tree, environment.variables)
    if problems:
        raise ExpressionProblems(sorted(problems, key=lambda problem: (problem.line, problem.column)))
    return tree


def check_type(tree: Node, expected: Type, what: str) -> None:
    """Raises ExpressionProblems unless the expression has the type (or CEL's `dyn`, which is seen at run time)."""
    if tree.type not in (expected, Type("dyn")):
        hint = "compare it with something" if expected.name == "bool" else ""
        problem = Problem(tree.line, tree.column, f"{what} must be {expected}, this is {tree.type}", hint)
        raise ExpressionProblems([problem])


def _misused(node: Node) -> list[Problem]:
    """Objects may only be selected from or gone over by a macro; `lists.x` may only stand on the right of `in`."""
    problems = [] if node.type.name != "object" or isinstance(node, Local) else [_object_misused(node)]
    return problems + [problem for child in children(node) for problem in _misused_child(node, child)]


def _misused_child(node: Node, child: Node) -> list[Problem]:
    if isinstance(child, Path) and child.parts[0] == "lists":
        asked = isinstance(node, Call) and node.function == "@in" and child is node.arguments[1]
        return [] if asked else [_list_misused(child)]
    if child.type.name == "object":
        inner = [problem for part in children(child) for problem in _misused_child(child, part)]
        return inner if isinstance(node, Select) else [*inner, _object_misused(child)]
    return [problem for part in children(child) for problem in _misused_child(child, part)]


def _list_misused(node: Path) -> Problem:
    return Problem(
        node.line, node.column, f"`{node.text}` can only be asked with `in`", f"write: data.x in {node.text}"
    )


def _object_misused(node: Node) -> Problem:
    name = node.text if isinstance(node, Path) else node.type.path
    some = ", ".join(f"{name}.{field}" for field in list(node.type.fields)[:3])
    return Problem(node.line, node.column, f"`{name}` is an object", f"name one of its fields: {some}" if some else "")


def compile_pattern(pattern: str) -> "re2._Regexp":
    """RE2's compiled form. Raises ValueError that says what is wrong with the pattern."""
    options = re2.Options()
    options.log_errors = False
    options.max_mem = PATTERN_MEMORY
    try:
        return re2.compile(pattern, options=options)
    except re2.error as error:
        reason = error.args[0] if error.args else "cannot be compiled"
        raise ValueError(reason.decode() if isinstance(reason, bytes) else str(reason)) from None


def _hopeless(node: Node) -> list[Problem]:
    """A literal argument that cannot be read, found now instead of at every event."""
    if not isinstance(node, Call) or not isinstance(node.arguments[-1] if node.arguments else None, Literal):
        return []
    literal = node.arguments[-1]
    readers = {"matches": compile_pattern, "duration": parse_duration, "timestamp": parse_timestamp}
    reader = readers.get(node.function)
    if reader is None or not isinstance(literal, Literal) or not isinstance(literal.value, str):
        return []
    try:
        reader(literal.value)
    except ValueError as error:
        kind = "pattern" if node.function == "matches" else node.function
        code = "bad-pattern" if kind == "pattern" else "bad-literal"
        return [Problem(literal.line, literal.column, f"bad {kind}: {error}", _hint(kind, literal.value), code)]
    return []


def _hint(kind: str, text: str) -> str:
    """What to write instead of what other regular expressions can do and RE2 cannot."""
    if kind != "pattern":
        return ""
    if any(part in text for part in ("(?=", "(?!", "(?<=", "(?<!")):
        return "RE2 cannot look ahead or behind: match it plainly, and exclude the rest with !x.matches(...)"
    if re.search(r"\\[1-9]", text):
        return "RE2 has no back-references such as \\1"
    return "RE2 has no possessive or atomic groups" if "(?>" in text or re.search(r"[*+?}]\+", text) else ""
