"""The checker's errors in the words of somebody who writes policies, with the column they should look at."""

import re

from safehold.engine.language import library
from safehold.engine.language.environment import Environment
from safehold.engine.language.problem import Problem, did_you_mean

_ERROR = re.compile(r"ERROR: <input>:(\d+):(\d+): (.*?)(?=\n \||\nERROR: |\Z| \[INVALID_ARGUMENT\])", re.DOTALL)
_OPERATORS = {
    "_&&_": "&&", "_||_": "||", "!_": "!", "_?_:_": "? :", "_==_": "==", "_!=_": "!=", "_<_": "<", "_<=_": "<=",
    "_>_": ">", "_>=_": ">=", "_+_": "+", "_-_": "-", "_*_": "*", "_/_": "/", "_%_": "%", "-_": "-", "@in": "in",
    "_[_]": "[ ]",
}  # fmt: skip
_FUNCTIONS = tuple(function.name for function in library.NAMED)


def explain(error: str, text: str, environment: Environment) -> list[Problem]:
    """Read the error text of `Environment.checker.compile`. Lines and columns count from 1."""
    found = [
        _translate(int(line), int(column), message.strip(), text, environment)
        for line, column, message in _ERROR.findall(error)
        if "'*error*'" not in message  # what follows from another one
    ]
    if "recursion" in error:
        return [
            Problem(
                1, 1, "the expression is nested too deeply", "split it into several rules, or flatten it", "too-large"
            )
        ]
    return list(dict.fromkeys(found)) or [Problem(1, 1, error.strip().splitlines()[0])]


def _translate(line: int, column: int, message: str, text: str, environment: Environment) -> Problem:
    if match := re.match(r"undefined field '(.+?)' not found in struct '(.+?)'", message):
        return _undefined_field(line, column, match[1], match[2], text, environment)
    if match := re.match(r"undeclared reference to '(.+?)'", message):
        return _unknown_name(line, column, match[1], text, environment)
    if match := re.match(r"found no matching overload for '(.+?)' applied to '(.*)'", message, re.DOTALL):
        return _no_overload(line, column, match[1], match[2], environment)
    if message.startswith("Syntax error"):
        return Problem(line, column, _syntax(message), code="syntax")
    return Problem(line, column, message.removesuffix(".").replace("google.protobuf.", "").lower())


def _undefined_field(line: int, column: int, field: str, message: str, text: str, environment: Environment) -> Problem:
    owner = environment.object_named(message)
    rest = text.splitlines()[line - 1][column - 1 :] if line <= len(text.splitlines()) else ""
    column += len(rest) - len(rest.removeprefix(".").lstrip()) if rest.startswith(".") else 0
    if owner is None:
        return Problem(line, column, f"no field `{field}` here", code="unknown-name")
    hint = did_you_mean(field, owner.fields, f"{owner.path}.")
    known = ", ".join(owner.fields) or "none"
    return Problem(
        line, column, f"`{owner.path}` has no field `{field}`", hint or f"its fields are: {known}", "unknown-name"
    )


def _unknown_name(line: int, column: int, name: str, text: str, environment: Environment) -> Problem:
    """The checker points at the last dot of a dotted name and at the bracket of a call: point at the name instead."""
    row = text.splitlines()[line - 1] if line <= len(text.splitlines()) else ""
    last = name.rsplit(".", 1)[-1]
    if row[column - 1 : column] == "(":
        called = re.search(rf"{re.escape(last)}\s*$", row[: column - 1])
        column = called.start() + 1 if called else column
        if known := library.named(name) or library.named(last):
            return Problem(
                line, column, f"`{last}` does not take this", f"it is written {known.signature}", "unknown-function"
            )
        return Problem(line, column, f"unknown function `{name}`", did_you_mean(last, _FUNCTIONS), "unknown-function")
    first = re.search(rf"{re.escape(name.split('.')[0])}[\w.\s]*$", row[:column])
    column = first.start() + 1 if first and "." in name else column
    root = name.split(".")[0]
    return Problem(
        line,
        column,
        f"unknown name `{name}`",
        did_you_mean(root, environment.variables) or f"a condition can read: {', '.join(environment.variables)}",
        "unknown-name",
    )


def _no_overload(line: int, column: int, function: str, arguments: str, environment: Environment) -> Problem:
    for message, kind in environment.objects.items():
        arguments = arguments.replace(message, f"object {kind.path}")
    arguments = arguments.strip("()").replace("google.protobuf.", "").replace("Duration", "duration")
    arguments = arguments.replace("Timestamp", "timestamp")
    hint = "the two sides must have the same type" if function in ("_==_", "_!=_", "_<_", "_<=_", "_>_", "_>=_") else ""
    if "duration" in arguments and "int" in arguments:
        hint = 'write a duration as duration("72h")'
    if "timestamp" in arguments and "string" in arguments:
        hint = 'write a time as timestamp("2026-03-01T00:00:00Z")'
    if function in _OPERATORS:
        return Problem(line, column, f"`{_OPERATORS[function]}` does not work on ({arguments})", hint)
    return Problem(line, column, f"`{function}` does not take ({arguments})", hint)


def _syntax(message: str) -> str:
    message = message.removeprefix("Syntax error:").strip()
    if match := re.match(r"(?:mismatched|extraneous) input '(.*?)' expecting", message, re.DOTALL):
        return "the expression ends too early" if match[1] == "<EOF>" else f"unexpected `{match[1]}`"
    if match := re.match(r"token recognition error at: '(.*)'", message, re.DOTALL):
        return f"`{match[1]}` cannot be read; is a quote or a bracket not closed?"
    if match := re.match(r"no viable alternative at input '(.*?)'", message, re.DOTALL):
        return f"`{match[1]}` cannot be read here"
    return message
