"""`"%s has %d".format([name, count])`, as the `strings` extension specifies it (cel-go, ext/README.md, "Format")."""

import math
import re
from typing import Any

from safehold.engine.compile.arithmetic import no_overload, type_name
from safehold.engine.compile.bounds import bounded
from safehold.engine.compile.conversions import format_double, to_string
from safehold.engine.compile.faults import EvalError
from safehold.engine.language.values import Duration, Timestamp, TypeValue, Uint

_CLAUSE = re.compile(r"%(?:(%)|(?:\.(\d+))?([a-zA-Z])|(.?))", re.DOTALL)
#: Digits after the point that may be asked for.
MAX_PRECISION = 1_000


def format_string(template: Any, arguments: Any) -> str:
    """Raises EvalError for a clause without an argument or of the wrong type, and for results that are too long."""
    if type(template) is not str or type(arguments) is not list:
        raise no_overload("format", template, arguments)
    rest = iter(arguments)

    def put(match: re.Match[str]) -> str:
        if match[1]:
            return "%"
        if not match[3]:
            raise EvalError(f"`%{match[4] or ''}` is not a formatting clause")
        try:
            value = next(rest)
        except StopIteration:
            raise EvalError("the format has more clauses than arguments") from None
        precision = int(match[2]) if match[2] else None
        if precision is not None and precision > MAX_PRECISION:
            raise EvalError(f"a precision may be {MAX_PRECISION}")
        return _clause(match[3], precision, value)

    result = _CLAUSE.sub(put, template)
    bounded(len(result))
    return result


def _clause(letter: str, precision: int | None, value: Any) -> str:
    number = type(value) in (int, Uint)
    if letter == "s":
        return _text(value)
    if letter == "d" and number:
        return str(int(value))
    if letter in "def" and type(value) in (int, Uint, float):
        return _real(letter, precision, float(value)) if letter != "d" else _whole(value)
    if letter == "b" and (number or type(value) is bool):
        return format(int(value), "b")
    if letter == "o" and number:
        return format(int(value), "o")
    if letter in "xX" and (number or type(value) in (str, bytes)):
        text = format(int(value), "x") if number else (value if type(value) is bytes else value.encode()).hex()
        return text.upper() if letter == "X" else text
    raise EvalError(f"`%{letter}` cannot format a {type_name(value)}")


def _whole(value: Any) -> str:
    if math.isfinite(value):
        raise EvalError("`%d` cannot format a double")
    return _infinite(value)


def _infinite(value: float) -> str:
    return "NaN" if value != value else "Infinity" if value > 0 else "-Infinity"


def _real(letter: str, precision: int | None, value: float) -> str:
    if not math.isfinite(value):
        return _infinite(value)
    return f"{value:.{6 if precision is None else precision}{letter}}"


def _text(value: Any) -> str:
    if type(value) is float:
        return _infinite(value) if not math.isfinite(value) else format_double(value)
    if value is None:
        return "null"
    if type(value) is list:
        return f"[{', '.join(map(_text, value))}]"
    if type(value) is dict:
        pairs = ((_text(key[1] if type(key) is tuple else key), _text(part)) for key, part in value.items())
        return f"{{{', '.join(f'{key}: {part}' for key, part in sorted(pairs))}}}"
    if type(value) is TypeValue:
        return value.name
    if type(value) is bytes:
        return value.decode(errors="replace")
    if type(value) in (Timestamp, Duration):
        return str(value)
    return to_string(value)
