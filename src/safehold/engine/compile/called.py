"""What generated code calls where Python has no syntax for it: `compile.emit` binds these by name. Each raises EvalError, or what
any use of MISSING raises, for a value that CEL refuses there; the exact evaluator then says what that means.
"""

from collections.abc import Callable, Iterable, Iterator
from typing import Any

from safehold.engine.compile import arithmetic
from safehold.engine.compile.bounds import gathered
from safehold.engine.compile.faults import EvalError
from safehold.engine.compile.missing import MISSING, fail
from safehold.engine.language.values import Optional


def truth(value: Any) -> bool:
    """A dynamic value as a condition; whatever is not a boolean raises."""
    if value is True or value is False:
        return bool(value)
    raise EvalError("a condition must be a boolean")


def elements(value: Any) -> list[Any]:
    """What a macro goes over: a list's items or a map's keys."""
    if type(value) is list:
        return value
    if type(value) is dict:
        return [arithmetic.from_map_key(key) for key in value]
    raise EvalError("a macro needs a list or a map")


def entries(value: Any) -> list[tuple[Any, Any]]:
    """What a macro over two variables goes over: a list's items with their index, a map's with their key."""
    if type(value) is list:
        return list(enumerate(value))
    if type(value) is dict:
        return [(arithmetic.from_map_key(key), item) for key, item in value.items()]
    raise EvalError("a macro needs a list or a map")


def get_key(value: Any, key: str) -> Any:
    if type(value) is dict:
        return value[key]
    raise EvalError("only maps have fields")


def has_key(value: Any, key: str) -> bool:
    if type(value) is dict:
        return key in value
    raise EvalError("only maps have fields")


def mapped(pairs: Iterable[tuple[Any, Any]]) -> dict[Any, Any]:
    """A map of these pairs, refused once its values hold too much together."""
    keys: list[Any] = []
    values = gathered(_noted(pairs, keys))
    return {arithmetic.map_key(key): value for key, value in zip(keys, values, strict=True)}


def _noted(pairs: Iterable[tuple[Any, Any]], keys: list[Any]) -> Iterator[Any]:
    for key, value in pairs:
        keys.append(key)
        yield value


def optionally(value: Any) -> Any:
    if type(value) is Optional:
        return value
    raise EvalError("only an optional value may have another one in its place")


def certainly(value: Any) -> Any:
    return fail() if value is MISSING else value


def no_function(function: str) -> Callable[..., Any]:
    def missing(*_: Any) -> Any:
        raise EvalError(f"there is no function `{function}`")

    return missing
