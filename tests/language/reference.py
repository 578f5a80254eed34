"""cel-expr-python's own evaluator, the judge: CEL text and values in, a value in Safehold's form out."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

from safehold.engine.compile.arithmetic import from_map_key, map_key
from safehold.engine.language.environment import Environment
from safehold.engine.language.values import Duration, Timestamp, TypeValue, Uint

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)

_TYPES = {
    "NULL": "null_type", "TIMESTAMP": "google.protobuf.Timestamp", "DURATION": "google.protobuf.Duration",
}  # fmt: skip


class NoValue(Exception):
    """The judge answered with an error, or refused the expression."""


class NotPython(Exception):
    """The judge has a value that its Python binding cannot hand over, such as an optional one."""


def judged(text: str, environment: Environment, values: dict[str, Any], *, checked: bool = True) -> Any:
    """Raises NoValue and NotPython. Times are cut to microseconds: the binding has no finer ones."""
    return judge(text, environment, checked=checked)(values)


def judge(text: str, environment: Environment, *, checked: bool = True) -> Callable[[dict[str, Any]], Any]:
    """What `judged` says, for many values of one expression, which is compiled once."""
    try:
        program = environment.checker.compile(text, disable_check=not checked)
    except (RuntimeError, ValueError) as error:
        refused = str(error)
        program = None

    def answer(values: dict[str, Any]) -> Any:
        if program is None:
            raise NoValue(refused)
        try:
            result = program.eval(data={name: _theirs(value) for name, value in values.items()})
        except (RuntimeError, ValueError) as error:
            raise NoValue(str(error)) from None
        try:  # the binding calls optional values errors too, but has no text for them
            if result.type().name() == "ERROR":
                raise NoValue(str(result.value()))
            return ours(result)
        except TypeError as error:
            raise NotPython(str(error)) from None

    return answer


def ours(result: Any) -> Any:
    """A value of the binding in Safehold's form."""
    kind, value = result.type().name(), result.value()
    if kind.startswith("LIST"):
        return [ours(part) for part in value]
    if kind.startswith("MAP"):
        return {map_key(key): ours(part) for key, part in value.items()}
    if kind == "BYTES":
        return bytes(value)
    if kind == "UINT":
        return Uint(value)
    if kind == "TIMESTAMP":
        return Timestamp(((value - _EPOCH) // timedelta(microseconds=1)) * 1000)
    if kind == "DURATION":
        return Duration((value // timedelta(microseconds=1)) * 1000)
    if kind.startswith("TYPE"):
        name = str(value).partition("<")[0]
        return TypeValue(_TYPES.get(name, name.lower()))
    return value


def _theirs(value: Any) -> Any:
    if isinstance(value, Timestamp):
        return _EPOCH + timedelta(microseconds=int(value) // 1000)
    if isinstance(value, Duration):
        return timedelta(microseconds=int(value) // 1000)
    if isinstance(value, list):
        return [_theirs(part) for part in value]
    if isinstance(value, dict):
        return {from_map_key(key): _theirs(part) for key, part in value.items()}
    return int(value) if isinstance(value, Uint) else value
