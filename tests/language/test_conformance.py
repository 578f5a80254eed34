"""CEL's own conformance tests, through the exact evaluator and the generated code."""

import json
import re
from collections.abc import Callable
from functools import lru_cache
from pathlib import Path
from typing import Any

import pytest
from cel.expr import checked_pb2, syntax_pb2
from google.protobuf import any_pb2

from safehold.engine.compile.arithmetic import map_key
from safehold.engine.compile.faults import Fault
from safehold.engine.language import types
from safehold.engine.language.check import check
from safehold.engine.language.environment import Environment
from safehold.engine.language.problem import ExpressionProblems
from safehold.engine.language.read import read_checked
from safehold.engine.language.tree import Node
from safehold.engine.language.types import Type
from safehold.engine.language.values import Duration, Timestamp, TypeValue, Uint
from tests.language.evaluation import exact, generated, same
from tests.language.reference import NotPython, NoValue, judged

FOLDER = Path(__file__).parent / "conformance"
_PRIMITIVES = {
    "INT64": "int",
    "UINT64": "uint",
    "DOUBLE": "double",
    "STRING": "string",
    "BYTES": "bytes",
    "BOOL": "bool",
}
_VALUES: dict[str, Callable[..., Any]] = {
    "null": lambda: None,
    "bool": bool,
    "int": int,
    "uint": Uint,
    "double": float,
    "string": str,
    "bytes": bytes.fromhex,
    "type": TypeValue,
    "list": lambda items: [value_of(item) for item in items],
    "map": lambda pairs: {map_key(value_of(key)): value_of(value) for key, value in pairs},
    "duration": lambda seconds, nanos: Duration(seconds * 10**9 + nanos),
    "timestamp": lambda seconds, nanos: Timestamp(seconds * 10**9 + nanos),
}


def value_of(encoded: list[Any]) -> Any:
    return _VALUES[encoded[0]](*encoded[1:])


def type_of(declaration: str) -> Type:
    """The type in a declaration's protobuf text. Raises ValueError for functions and abstract types."""
    text = re.search(r"ident \{ type \{ (.*) \} \}", declaration)
    if text is None or "abstract" in declaration:
        raise ValueError("not a plain variable")
    words = re.findall(r"list_type|map_type|null|message_type|primitive: (\w+)", text[1])
    primitives = [types.Type(_PRIMITIVES[word]) for word in words if word]
    if "list_type" in text[1]:
        return types.list_of(primitives[0])
    if "map_type" in text[1]:
        return types.map_of(primitives[0], primitives[1])
    if "google.protobuf.Duration" in text[1]:
        return types.DURATION
    return primitives[0] if primitives else types.NULL


@lru_cache(maxsize=64)
def environment(declared: tuple[tuple[str, str], ...]) -> Environment:
    return Environment({name: type_of(text) for name, text in declared})


def tree_of(test: dict[str, Any]) -> Node:
    """The expression as a policy would be read; what only CEL without its type checker takes is parsed."""
    variables = environment(tuple(sorted(test["types"].items())))
    try:
        return check(test["expr"], variables, guards=False)
    except ExpressionProblems:
        if not test["disable_check"] or test["kind"] == "eval_error":
            raise
        return parsed(test["expr"], variables)


def parsed(text: str, variables: Environment) -> Node:
    """Names that nobody declared are variables without a value: the tests ask what evaluating them does."""
    found, wrapped = syntax_pb2.ParsedExpr(), any_pb2.Any()
    any_pb2.Any.FromString(variables.checker.compile(text, disable_check=True).serialize()).Unpack(found)
    wrapped.Pack(checked_pb2.CheckedExpr(expr=found.expr, source_info=found.source_info))
    try:
        return read_checked(wrapped.SerializeToString(), text, variables)
    except ExpressionProblems as refused:
        unknown = re.search(r"unknown name `(\w+)`", str(refused))
        if unknown is None:
            raise
        return parsed(text, Environment({**variables.variables, unknown[1]: types.DYN}))


def difference(test: dict[str, Any]) -> str | None:
    """None when both evaluators give what the test expects, otherwise what they gave."""
    try:
        tree = tree_of(test)
        values = {name: value_of(value) for name, value in test["bindings"].items()}
    except ExpressionProblems as refused:
        return None if test["kind"] == "eval_error" else f"refused: {refused}"
    except (ValueError, KeyError) as unfit:
        return f"cannot be set up: {unfit}"
    if test["check_only"]:
        return None
    answer = exact(tree, values)
    answered, fast = generated(tree, values)
    if answered and not same(fast, answer):
        return f"the evaluators differ: {answer!r} and {fast!r}"
    if test["kind"] == "eval_error":
        return None if isinstance(answer, Fault) else f"gave {answer!r} instead of an error"
    expected = value_of(test["value"]) if test.get("value") else True
    return None if same(answer, expected) else f"gave {answer!r} instead of {expected!r}"


def reference_difference(test: dict[str, Any]) -> str | None:
    """None where cel-expr-python's own evaluator gives what the test expects, otherwise what it gave."""
    if test["check_only"]:
        return None
    try:
        values = {name: value_of(value) for name, value in test["bindings"].items()}
        variables = environment(tuple(sorted(test["types"].items())))
        try:
            found = judged(test["expr"], variables, values)
        except NoValue:
            found = judged(test["expr"], variables, values, checked=not test["disable_check"])
    except NoValue as error:
        return None if test["kind"] == "eval_error" else f"failed: {error}"
    except NotPython as error:
        return f"its Python binding cannot hand the value over: {error}"
    except (ValueError, KeyError) as unfit:
        return f"cannot be set up: {unfit}"
    if test["kind"] == "eval_error":
        return f"gave {found!r} instead of an error"
    expected = value_of(test["value"]) if test.get("value") else True
    return None if same(found, expected) else f"gave {found!r} instead of {expected!r}"


def all_tests() -> list[dict[str, Any]]:
    tests: list[dict[str, Any]] = json.loads((FOLDER / "conformance.json").read_text(encoding="utf-8"))
    return [test for test in tests if not test["proto"]]


def left_out() -> dict[str, str]:
    """What Safehold does not pass."""
    return listed("left-out.txt")


def listed(file: str) -> dict[str, str]:
    """Test name -> reason, from a file: a line `# reason`, then the names it holds for."""
    found, reason = {}, ""
    for line in (FOLDER / file).read_text(encoding="utf-8").splitlines():
        if line.startswith("#"):
            reason = line.lstrip("# ")
        elif line.strip():
            found[line.strip()] = reason
    return found


def test_every_conformance_test_passes_but_the_listed_ones() -> None:
    failing = {test["name"]: found for test in all_tests() if (found := difference(test)) is not None}
    listed = left_out()
    unexpected = {name: why for name, why in failing.items() if name not in listed}
    assert not unexpected, "\n".join(f"{name}: {why}" for name, why in unexpected.items())
    assert not sorted(set(listed) - set(failing)), "these pass now: take them off left-out.txt"


def test_every_omission_has_a_reason() -> None:
    assert all(left_out().values()) and all(listed("reference-failures.txt").values())


def test_what_the_judge_itself_fails_is_known() -> None:
    """The property tests hold ours against cel-expr-python's evaluator: where that one is wrong must be written down."""
    failing = {test["name"] for test in all_tests() if reference_difference(test) is not None}
    assert failing - left_out().keys() == listed("reference-failures.txt").keys()


@pytest.mark.parametrize(
    "name",
    [
        "comparisons", "lists", "logic", "macros", "macros2", "optionals", "string", "string_ext", "math_ext",
        "timestamps", "integer_math", "parse",
    ],
)  # fmt: skip
def test_the_core_of_the_language_is_covered(name: str) -> None:
    """The list of omissions must never swallow a whole part of the language."""
    names = {test["name"] for test in all_tests() if test["file"] == name}
    assert len(names & left_out().keys()) <= len(names) // 5
