"""All windows of a stream from a log, as one generated Python function.

    def values(log, time):
        first, events = log[0], len(log)
        from_600 = 0 if first > time - 600000000 else bisect_right(log[::3], time - 600000000) * 3
        values_600_1 = log[from_600 + 1::3]
        ...
        return [(events - from_600) // 3, total(values_600_1), ...]

Made from the windows' kinds, spans and columns, which are numbers; no expression of a policy is in it. Who calls: `log.Plan`.
"""

import ast
from bisect import bisect_right
from collections.abc import Callable, Mapping
from typing import Any

from safehold.engine.compile.emit import call, compare, constant, name
from safehold.engine.compile.reads import assign
from safehold.engine.policies.model import Window
from safehold.engine.windows.store import EMPTY, SECOND
from safehold.engine.windows.streams import Stream

_NAMESPACE: dict[str, Any] = {
    "bisect_right": bisect_right, "len": len, "set": set, "min": min, "max": max, "sum": sum, "EMPTY": EMPTY, "__builtins__": {},
}  # fmt: skip
#: Kinds that need no values.
_COUNTS = ("count", "rate")


def solver(
    stream: Stream, places: tuple[int, ...], width: int, functions: Mapping[str, Callable[..., Any] | None]
) -> Callable[[tuple[Any, ...], int], list[Any]]:
    """`places` are the windows' columns in the log. `functions` are `total`, of a column's values, and `shown`, of one of
    them, which may be None."""
    windows = list(zip(stream.windows, places, strict=True))
    body = [
        assign("first", _item(name("log"), 0)),
        assign("events", call(name("len"), name("log"))),
        *(_begin(seconds, width) for seconds in sorted({window.seconds for window, _ in windows})),
        *(
            _column(seconds, place, width)
            for seconds, place in sorted({(window.seconds, place) for window, place in windows if place >= 0})
        ),
        ast.Return(
            ast.List([_window(each, place, width, functions["shown"] is None) for each, place in windows], ast.Load())
        ),
    ]
    parameters = ast.arguments([], [ast.arg("log"), ast.arg("time")], None, [], [], None, [])
    module = ast.fix_missing_locations(ast.Module([ast.FunctionDef("values", parameters, body, [], None)], []))
    namespace = {**_NAMESPACE, **functions}
    exec(compile(module, "<windows from a log>", "exec"), namespace)  # noqa: S102
    made: Callable[[tuple[Any, ...], int], list[Any]] = namespace["values"]
    return made


def _begin(seconds: int, width: int) -> ast.stmt:
    """Where the events of a span begin; mostly all of a log is within it."""
    cutoff = ast.BinOp(name("time"), ast.Sub(), constant(seconds * SECOND))
    times = ast.Subscript(name("log"), ast.Slice(None, None, constant(width)), ast.Load())
    after = ast.BinOp(call(name("bisect_right"), times, cutoff), ast.Mult(), constant(width))
    return assign(f"from_{seconds}", ast.IfExp(compare(name("first"), ast.Gt(), cutoff), constant(0), after))


def _column(seconds: int, place: int, width: int) -> ast.stmt:
    start = ast.BinOp(name(f"from_{seconds}"), ast.Add(), constant(place + 1))
    values = ast.Subscript(name("log"), ast.Slice(start, None, constant(width)), ast.Load())
    return assign(f"values_{seconds}_{place}", values)


def _window(window: Window, place: int, width: int, is_plain: bool) -> ast.expr:
    """`is_plain` is whether the log has the values themselves."""
    if window.kind in _COUNTS:
        spanned = ast.BinOp(name("events"), ast.Sub(), name(f"from_{window.seconds}"))
        many = ast.BinOp(spanned, ast.FloorDiv(), constant(width))
        return many if window.kind == "count" else ast.BinOp(many, ast.Div(), constant(window.seconds))
    values = name(f"values_{window.seconds}_{place}")
    if window.kind == "sum":
        ints = is_plain and bool(window.value) and all(tree.type.name == "int" for tree in window.value.values())
        return call(name("sum" if ints else "total"), values)
    if window.kind == "distinct":
        return call(name("len"), call(name("set"), values))
    if window.kind in ("min", "max"):
        found = call(name(window.kind), values)
    else:
        found = _item(values, 0 if window.kind == "first" else -1)
    return ast.IfExp(values, found if is_plain else call(name("shown"), found), name("EMPTY"))


def _item(of: ast.expr, at: int) -> ast.expr:
    return ast.Subscript(of, constant(at), ast.Load())
