"""Random expressions that type-check, and random values for their variables: for holding evaluators against each other.

Numbers are drawn from the edges of their types, texts from what breaks naive code; a variable may be missing.
"""

import re
from datetime import UTC, datetime, timedelta
from typing import Any

from hypothesis import strategies as st

from safehold.engine.language import types
from safehold.engine.language.types import Type

VARIABLES: dict[str, Type] = {
    "b": types.BOOL,
    "c": types.BOOL,
    "i": types.INT,
    "j": types.INT,
    "d": types.DOUBLE,
    "e": types.DOUBLE,
    "s": types.STRING,
    "t": types.STRING,
    "y": types.BYTES,
    "w": types.TIMESTAMP,
    "v": types.DURATION,
    "li": types.list_of(types.INT),
    "ls": types.list_of(types.STRING),
    "m": types.map_of(types.STRING, types.INT),
    "x": types.DYN,
}

_INTS = [0, 1, -1, 2, 3, 7, 60, 1 << 31, (1 << 53) + 1, (1 << 63) - 1, -(1 << 63)]
_DOUBLES = [0.0, -0.0, 1.0, -1.5, 0.1, 1e16, 1e308, 5e-324, float("inf"), float("-inf"), float("nan"), 2.0**63]
_TEXTS = [
    "",
    "a",
    "ab",
    "Ab c",
    "é",
    "日本",
    "👋🏽",
    "e\u0301",
    "a,b,,c",
    "\x00",
    "\u200b",
    "1",
    "-7",
    "1.5",
    "true",
    "3h",
    "(a|b)+",
]
ints = st.sampled_from(_INTS) | st.integers(-100, 100)
doubles = st.sampled_from(_DOUBLES) | st.floats(allow_nan=True, width=64)
texts = st.sampled_from(_TEXTS) | st.text(st.characters(exclude_categories=["Cs"]), max_size=5)
#: The judge's binding cuts bound texts and bytes at the first NUL; those written in expressions may have it.
bound_texts = texts.map(lambda text: text.replace("\x00", "0"))
times = st.sampled_from(
    [datetime(1970, 1, 1, tzinfo=UTC), datetime(2024, 2, 29, 23, 59, 59, 999999, tzinfo=UTC)]
) | st.datetimes(min_value=datetime(1800, 1, 1), max_value=datetime(2200, 1, 1), timezones=st.just(UTC))
spans = st.sampled_from([timedelta(0), timedelta(hours=-3), timedelta(microseconds=1)]) | st.timedeltas(
    timedelta(days=-4000), timedelta(days=4000)
)
plain: st.SearchStrategy[Any] = st.none() | st.booleans() | ints | doubles | bound_texts
_VALUES: dict[str, st.SearchStrategy[Any]] = {
    "b": st.booleans(), "c": st.booleans(), "i": ints, "j": ints, "d": doubles, "e": doubles, "s": bound_texts, "t": bound_texts,
    "y": st.binary(max_size=4).map(lambda raw: raw.replace(b"\x00", b"0")), "w": times, "v": spans,
    "li": st.lists(ints, max_size=4),
    "ls": st.lists(bound_texts, max_size=4), "m": st.dictionaries(bound_texts, ints, max_size=3),
    "x": plain | st.lists(plain, max_size=3) | st.dictionaries(bound_texts, plain, max_size=2),
}  # fmt: skip


@st.composite
def activations(draw: st.DrawFn) -> dict[str, Any]:
    """A value for most variables; the others are missing."""
    missing = draw(st.sets(st.sampled_from(sorted(VARIABLES)), max_size=4))
    return {name: draw(values) for name, values in _VALUES.items() if name not in missing}


_LEAVES: dict[str, list[str]] = {
    "bool": ["b", "c", "true", "false"],
    "int": ["i", "j", "0", "1", "7", "(-1)", "9223372036854775807", "(-9223372036854775807 - 1)"],
    "uint": ["0u", "1u", "7u", "18446744073709551615u"],
    "double": ["d", "e", "0.0", "1.5", "(-2.0)", "1.0e300", "9223372036854775808.0"],
    "string": ["s", "t", "TEXT"],
    "bytes": ["y", 'b"ab"', 'b"\\xff"'],
    "timestamp": ["w", 'timestamp("2024-02-29T12:30:45.5Z")', 'timestamp("9999-12-31T23:59:59Z")'],
    "duration": ["v", 'duration("1h30m")', 'duration("-1.5s")', 'duration("2562047h")'],
    "ints": ["li", "[1, 2, 3]", "[i, j]"],
    "strings": ["ls", '["a", "b"]', "[s, t]"],
    "dyn": ["x", "dyn(i)", "dyn(d)", "dyn(s)", "dyn(1u)", "dyn(b)", "dyn(ls)", "dyn(m)", "dyn(null)"],
    "order": ["<", "<=", ">", ">=", "==", "!="],
    "arithmetic": ["+", "-", "*", "/", "%"],
    "pattern": ['"a"', '"^a|b$"', '"(?i)AB"', '"\\\\d+"', '"."', '"[^a-z]"', '""'],
    "intopt": ["optional.none()", "optional.of(i)", "li.first()", "m[?s]"],
    "reading": ["getFullYear", "getMonth", "getDate", "getDayOfMonth", "getDayOfWeek", "getDayOfYear", "getHours"],
    "zone": ["", '"UTC"', '"+05:30"', '"-08:00"', '"Europe/Berlin"', '"Asia/Kathmandu"'],
}
#: What an expression of each type can be made of: `<type>` is an expression of that type.
_FORMS: dict[str, list[str]] = {
    "bool": [
        "(<int> <order> <int>)", "(<uint> <order> <uint>)", "(<double> <order> <double>)", "(<string> <order> <string>)",
        "(<bytes> <order> <bytes>)", "(<timestamp> <order> <timestamp>)", "(<duration> <order> <duration>)",
        "(<dyn> <order> <dyn>)", "(<dyn> <order> <int>)", "(<ints> == <ints>)", "(<strings> != <strings>)", "(!<bool>)",
        "(<bool> && <bool>)", "(<bool> || <bool>)", "(<bool> ? <bool> : <bool>)", "<string>.contains(<string>)",
        "<string>.startsWith(<string>)", "<string>.endsWith(<string>)", "<string>.matches(<pattern>)",
        "(<string> in <strings>)", "(<int> in <ints>)", "(<string> in m)", "(<string> in [<string>, \"a\"])",
        "<ints>.all(n, <bool> || n > j)", "<ints>.exists(n, n == <int> || <bool>)", "<strings>.exists_one(k, k == <string>)",
        "(dyn(<dyn> && <bool>) == true)", "(<dyn> in [1, 2])", "cel.bind(z, <int>, z > 0 && z == <int>)",
        "(<bool> == <bool>)", "(<dyn> in <dyn>)", "sets.contains(<ints>, <ints>)", "sets.equivalent(<strings>, <strings>)",
        "sets.intersects(<ints>, [<int>])", "<ints>.all(p, q, p <order> q || <bool>)", "m.exists(p, q, p == <string> || q > i)",
        "<strings>.existsOne(p, q, q == <string> && p > 0)", "<intopt>.hasValue()", "(<intopt> == <intopt>)",
    ],
    "int": [
        "(<int> <arithmetic> <int>)", "(-<int>)", "size(<string>)", "size(<bytes>)", "size(<ints>)", "int(<double>)",
        "int(<uint>)", "int(<string>)", "int(<timestamp>)", "<ints>[<int>]", "m[<string>]", "(<bool> ? <int> : <int>)",
        "<timestamp>.<reading>(<zone>)", "<duration>.getMinutes()", "<string>.indexOf(<string>)",
        "math.greatest(<int>, <int>)", "<intopt>.orValue(<int>)", "<intopt>.value()", "<ints>.distinct().size()",
    ],
    "uint": ["(<uint> <arithmetic> <uint>)", "uint(<int>)", "uint(<double>)"],
    "double": ["(<double> + <double>)", "(<double> * <double>)", "(<double> / <double>)", "double(<int>)", "(-<double>)"],
    "string": [
        "(<string> + <string>)", "string(<int>)", "string(<uint>)", "string(<bool>)", "string(<duration>)",
        "string(<bytes>)", "<strings>[<int>]", "(<bool> ? <string> : <string>)", "<string>.lowerAscii()", "<string>.trim()",
        "<strings>.join(<string>)", "<string>.replace(<string>, <string>)", "<string>.charAt(<int>)", "<string>.reverse()",
        "regex.replace(<string>, <pattern>, <string>)", "strings.quote(<string>)",
        "regex.extract(<string>, <pattern>).orValue(<string>)",
        "<string>.substring(<int>)",
    ],
    "bytes": ["(<bytes> + <bytes>)", "bytes(<string>)"],
    "timestamp": ["(<timestamp> + <duration>)", "(<timestamp> - <duration>)"],
    "duration": ["(<timestamp> - <timestamp>)", "(<duration> + <duration>)", "(<duration> - <duration>)"],
    "ints": [
        "(<ints> + <ints>)", "<ints>.map(n, n + <int>)", "<ints>.filter(n, n < <int>)", "[<int>, <int>]",
        "<ints>.map(n, <bool>, n)", "<ints>.distinct()", "<ints>.reverse()", "<ints>.sort()", "<ints>.slice(<int>, <int>)",
        "<ints>.sortBy(n, -n)", "lists.range(3)", "<ints>.transformList(p, q, p + q)",
        "[<ints>, <ints>].flatten().map(n, int(n))",
        "<ints>.transformList(p, q, <bool>, q)", "[?<intopt>, <int>]",
    ],
    "intopt": [
        "optional.of(<int>)", "optional.none()", "<ints>.first()", "<ints>.last()", "<ints>[?<int>]", "m[?<string>]", "m.?a",
        "optional.ofNonZeroValue(<int>)", "<intopt>.or(<intopt>)", "<intopt>.optMap(n, n + <int>)",
        "<intopt>.optFlatMap(n, optional.ofNonZeroValue(n))",
    ],
    "strings": [
        "<string>.split(<string>)", "<strings>.filter(k, <bool>)", "<strings>.map(k, k + <string>)", "[<string>]",
        "<strings>.sort()", "<strings>.distinct()", "regex.extractAll(<string>, <pattern>)", "<strings>.sortBy(k, size(k))",
        "<strings>.transformList(p, q, q + string(p))",
    ],
    "dyn": ["dyn(<int>)", "dyn(<string>)", "dyn(<double>)", "dyn(<ints>)", "(<bool> ? <dyn> : <dyn>)", "<dyn>[<int>]"],
}  # fmt: skip
_SLOT = re.compile(r"<([a-z]+)>")


def _quoted(text: str) -> str:
    parts = (letter if letter.isascii() and letter.isalnum() else f"\\U{ord(letter):08x}" for letter in text)
    return f'"{"".join(parts)}"'


#: What columns have an exact form for on every backend: no lists of computed values, no times beyond 64 bits.
_CORE_FORMS: dict[str, list[str]] = {
    "bool": [
        "(<int> <order> <int>)", "(<double> <order> <double>)", "(<string> <order> <string>)",
        "(<timestamp> <order> <timestamp>)", "(<duration> <order> <duration>)", "(!<bool>)", "(<bool> && <bool>)",
        "(<bool> || <bool>)", "(<bool> ? <bool> : <bool>)", "<string>.contains(<string>)", "<string>.startsWith(<string>)",
        "<string>.endsWith(<string>)", "<string>.matches(<pattern>)", "(<string> in <strings>)", "(<int> in <ints>)",
        '(<string> in [<string>, "a"])', "(<int> in [<int>, 7])", "[1, 2, <int>].exists(n, n == <int> || <bool>)",
        '["a", "é"].all(k, <string>.contains(k) || <bool>)', "[0, 1].exists_one(n, n == <int>)",
        "cel.bind(z, <int>, z > 0 && z == <int>)", "(<bool> == <bool>)", "(<bool> < <bool>)", "(<string> in [])",
    ],
    "int": [
        "(<int> <arithmetic> <int>)", "(-<int>)", "size(<string>)", "size(<ints>)", "int(<double>)", "int(<timestamp>)",
        "(<bool> ? <int> : <int>)", "<timestamp>.<clock>()", "<duration>.<span>()",
    ],
    "double": [
        "(<double> + <double>)", "(<double> - <double>)", "(<double> * <double>)", "(<double> / <double>)",
        "double(<int>)", "(-<double>)", "(<bool> ? <double> : <double>)",
    ],
    "string": [
        "(<string> + <string>)", "string(<int>)", "string(<bool>)", "(<bool> ? <string> : <string>)",
        "<string>.lowerAscii()", "<string>.upperAscii()",
    ],
    "duration": ["(<timestamp> - <timestamp>)", "(<duration> + <duration>)", "(<duration> - <duration>)"],
}  # fmt: skip
_CORE_LEAVES: dict[str, list[str]] = {
    **_LEAVES,
    "timestamp": ["w", 'timestamp("2024-02-29T12:30:45.5Z")', 'timestamp("1969-12-31T23:59:59.999999999Z")'],
    "ints": ["li", "[1, 2, 3]"],
    "strings": ["ls", '["a", "b"]'],
    "clock": ["getHours", "getMinutes", "getSeconds", "getMilliseconds", "getDayOfWeek"],
    "span": ["getHours", "getMinutes", "getSeconds"],
}


@st.composite
def expressions(
    draw: st.DrawFn, depth: int = 4, forms: dict[str, list[str]] = _FORMS, leaves: dict[str, list[str]] = _LEAVES
) -> str:
    """The text of an expression of any type, at most `depth` operators deep."""

    def grow(kind: str, left: int) -> str:
        found = forms.get(kind)
        if found is None or left == 0 or draw(st.integers(0, 3)) == 0:
            leaf = draw(st.sampled_from(leaves[kind]))
            return _quoted(draw(texts)) if leaf == "TEXT" else leaf
        return _SLOT.sub(lambda slot: grow(slot[1], left - 1), draw(st.sampled_from(found)))

    return grow(draw(st.sampled_from(sorted(forms))), depth)


def core_expressions(depth: int = 4) -> st.SearchStrategy[str]:
    """Expressions that columns can answer alone. NUL is left to the exact evaluator: SQL cannot write it."""
    return expressions(depth, _CORE_FORMS, _CORE_LEAVES).filter(lambda text: "\\U00000000" not in text)
