"""Every function, macro and operator of the language, in words: what completion, hover and the reference show.

Each row is `signature | what it does | example | what the example gives`. A test holds every example against both
evaluators and the judge, and every name against the checker. The words before the dot of a signature are the types a
method is for; `T` is any type.
"""

import re
from dataclasses import dataclass

_ROWS = {
    "Logic and comparison": """
    bool && bool -> bool | True where both are; false and unknown is false | true && 1 < 2 | true
    bool || bool -> bool | True where one is; true or unknown is true | false || 1 < 2 | true
    !bool -> bool | Turns true and false | !(1 == 2) | true
    bool ? T : T -> T | The first where the condition is true, otherwise the second | 1 < 2 ? "yes" : "no" | "yes"
    T == T -> bool | Whether both are equal; `!=` is its opposite | "a" == "a" | true
    T < T -> bool | Order of numbers, texts, times and durations; also `<=`, `>`, `>=` | 2 < 3 | true
    T in list(T) -> bool | Whether it is an item of a list, a key of a map, or in a list of `lists` | "a" in ["a", "b"] | true
    T[int] -> T | An item of a list, counted from 0; of a map, by its key | ["a", "b"][1] | "b"
    has(field) -> bool | Whether a field or a key is there | has({"a": 1}.a) | true
    """,
    "Arithmetic": """
    T + T -> T | Adds numbers, durations and times; joins texts, bytes and lists | "a" + "b" | "ab"
    T - T -> T | Subtracts; a time minus a time is a duration | 5 - 3 | 2
    T * T -> T | Multiplies numbers | 2 * 3 | 6
    T / T -> T | Divides; whole numbers are cut towards zero | 7 / 2 | 3
    T % T -> T | What remains of a division of whole numbers | 7 % 2 | 1
    """,
    "Text": """
    string.contains(string) -> bool | Whether the part is in it | "hello".contains("ell") | true
    string.startsWith(string) -> bool | Whether it begins so | "hello".startsWith("he") | true
    string.endsWith(string) -> bool | Whether it ends so | "hello".endsWith("lo") | true
    string.matches(string) -> bool | Whether the RE2 pattern is found anywhere in it | "hello".matches("l+") | true
    string.size() -> int | How many characters; also of bytes, lists and maps, and as size(x) | "hello".size() | 5
    string.lowerAscii() -> string | A to Z in lower case | "Hello".lowerAscii() | "hello"
    string.upperAscii() -> string | a to z in upper case | "hello".upperAscii() | "HELLO"
    string.trim() -> string | Without white space at both ends | " a ".trim() | "a"
    string.charAt(int) -> string | The character at a position, counted from 0 | "abc".charAt(1) | "b"
    string.indexOf(string) -> int | Where the part is first found, or -1; from a position with a second argument | "abcb".indexOf("b") | 1
    string.lastIndexOf(string) -> int | Where the part is last found, or -1 | "abcb".lastIndexOf("b") | 3
    string.substring(int) -> string | From a position; up to another one with a second argument | "hello".substring(1, 3) | "el"
    string.replace(string, string) -> string | Each of one text replaced by another; so many with a third argument | "a-a".replace("a", "b") | "b-b"
    string.split(string) -> list(string) | Cut at a separator; into so many parts with a second argument | "a,b".split(",") | ["a", "b"]
    string.reverse() -> string | Back to front | "abc".reverse() | "cba"
    string.format(list) -> string | With %s, %d, %.2f, %x and others filled in | "%s has %d".format(["a", 2]) | "a has 2"
    strings.quote(string) -> string | With quotes around it and escapes inside | strings.quote("a\\"b") | "\\"a\\\\\\"b\\""
    list(string).join(string) -> string | One text of many, with a separator between them or none | ["a", "b"].join("-") | "a-b"
    """,
    "Patterns": """
    regex.extract(string, string) -> optional(string) | The first match of a pattern, or its group | regex.extract("id 42", "id ([0-9]+)").orValue("") | "42"
    regex.extractAll(string, string) -> list(string) | All matches of a pattern, or their groups | regex.extractAll("a1b2", "[0-9]") | ["1", "2"]
    regex.replace(string, string, string) -> string | Each match replaced; \\\\1 is the first group; so many with a fourth argument | regex.replace("a1b2", "[0-9]", "_") | "a_b_"
    """,
    "Macros": """
    list(T).exists(x, bool) -> bool | Whether the condition is true for one | [1, 2].exists(x, x > 1) | true
    list(T).all(x, bool) -> bool | Whether the condition is true for each | [1, 2].all(x, x > 1) | false
    list(T).exists_one(x, bool) -> bool | Whether the condition is true for exactly one | [1, 2].exists_one(x, x > 1) | true
    list(T).filter(x, bool) -> list(T) | Those for which the condition is true | [1, 2, 3].filter(x, x > 1) | [2, 3]
    list(T).map(x, T) -> list(T) | The expression's value for each; with three arguments, for those that fulfil the second | [1, 2].map(x, x * 2) | [2, 4]
    list(T).existsOne(i, x, bool) -> bool | As exists_one, with the index or key; exists and all take two variables too | [5, 1].existsOne(i, x, x == i) | true
    list(T).transformList(i, x, T) -> list(T) | As map, with the index or the key | {"a": 1}.transformList(k, v, k + string(v)) | ["a1"]
    list(T).transformMap(k, x, T) -> map(T, T) | A map with the same keys and new values | {"a": 1}.transformMap(k, v, v + 1) | {"a": 2}
    list(T).transformMapEntry(k, x, map) -> map(T, T) | A map of the entries that the expression gives | {"a": 1}.transformMapEntry(k, v, {v: k}) | {1: "a"}
    list(T).sortBy(x, T) -> list(T) | In the order of the expression's values | ["bb", "a"].sortBy(x, size(x)) | ["a", "bb"]
    cel.bind(name, T, T) -> T | A name for a value, to be used in the last argument | cel.bind(n, 2 + 1, n * n) | 9
    """,
    "Lists and sets": """
    list(T).size() -> int | How many items; also as size(x) | [1, 2].size() | 2
    list(T).first() -> optional(T) | The first item, or nothing | [1, 2].first().orValue(0) | 1
    list(T).last() -> optional(T) | The last item, or nothing | [1, 2].last().orValue(0) | 2
    list(T).distinct() -> list(T) | Each value once | [1, 2, 1].distinct() | [1, 2]
    list(T).flatten() -> list(T) | The items of the lists inside; so many levels with an argument | [[1], [2]].flatten() | [1, 2]
    list(T).reverse() -> list(T) | Back to front | [1, 2].reverse() | [2, 1]
    list(T).slice(int, int) -> list(T) | From one position up to another | [1, 2, 3].slice(0, 2) | [1, 2]
    list(T).sort() -> list(T) | In order | [2, 1].sort() | [1, 2]
    lists.range(int) -> list(int) | The numbers from 0, without the end; 1,000 at most | lists.range(3) | [0, 1, 2]
    sets.contains(list(T), list(T)) -> bool | Whether the first has all of the second | sets.contains([1, 2], [2]) | true
    sets.equivalent(list(T), list(T)) -> bool | Whether both have the same values | sets.equivalent([1, 2], [2, 1, 1]) | true
    sets.intersects(list(T), list(T)) -> bool | Whether they have a value in common | sets.intersects([1, 2], [2, 3]) | true
    """,
    "Optional values": """
    object.?field -> optional(T) | A field that may be absent, or a map's key: nothing where it is not there | {"a": 1}.?a.orValue(0) | 1
    T[?key] -> optional(T) | An item or a key, or nothing where there is none | [1][?3].orValue(0) | 0
    optional(T).orValue(T) -> T | The value, or another where there is none | optional.none().orValue(3) | 3
    optional(T).or(optional(T)) -> optional(T) | This one, or another where there is none | optional.none().or(optional.of(1)).value() | 1
    optional(T).hasValue() -> bool | Whether there is a value | optional.of(1).hasValue() | true
    optional(T).value() -> T | The value; an error where there is none | optional.of(1).value() | 1
    optional(T).optMap(x, T) -> optional(T) | The expression's value, or nothing | optional.of(1).optMap(x, x + 1).value() | 2
    optional(T).optFlatMap(x, optional(T)) -> optional(T) | The expression's optional value, or nothing | optional.of(1).optFlatMap(x, optional.of(x)).value() | 1
    optional.of(T) -> optional(T) | A value that is there | optional.of(1).value() | 1
    optional.ofNonZeroValue(T) -> optional(T) | Nothing for 0, "", false and what is empty | optional.ofNonZeroValue("").hasValue() | false
    optional.none() -> optional(T) | Nothing | optional.none().hasValue() | false
    """,
    "Time": """
    duration(string) -> duration | A period in h, m, s, ms, us, ns | duration("1h30m") > duration("80m") | true
    timestamp(string) -> timestamp | A time in RFC 3339; of an int, seconds since 1970 | timestamp("2026-03-01T12:00:00Z").getHours() | 12
    timestamp.getFullYear() -> int | The year; every reading takes a time zone: getHours("Europe/Berlin") | timestamp(0).getFullYear() | 1970
    timestamp.getMonth() -> int | The month, from 0 | timestamp(0).getMonth() | 0
    timestamp.getDate() -> int | The day of the month, from 1 | timestamp(0).getDate() | 1
    timestamp.getDayOfMonth() -> int | The day of the month, from 0 | timestamp(0).getDayOfMonth() | 0
    timestamp.getDayOfWeek() -> int | The day of the week; Sunday is 0 | timestamp(0).getDayOfWeek() | 4
    timestamp.getDayOfYear() -> int | The day of the year, from 0 | timestamp(0).getDayOfYear() | 0
    timestamp.getHours() -> int | The hour, 0 to 23; of a duration, all its hours | timestamp(3600).getHours() | 1
    timestamp.getMinutes() -> int | The minute; of a duration, all its minutes | duration("90m").getMinutes() | 90
    timestamp.getSeconds() -> int | The second; of a duration, all its seconds | duration("2m").getSeconds() | 120
    timestamp.getMilliseconds() -> int | The thousandths of the second | timestamp(0).getMilliseconds() | 0
    """,
    "Numbers": """
    math.greatest(T) -> T | The greatest of two or more numbers, or of a list | math.greatest(1, 3, 2) | 3
    math.least(T) -> T | The least of two or more numbers, or of a list | math.least(1, 3, 2) | 1
    math.abs(T) -> T | Without its sign | math.abs(-2) | 2
    math.sign(T) -> T | -1, 0 or 1 | math.sign(-2) | -1
    math.ceil(double) -> double | Rounded up | math.ceil(1.2) | 2.0
    math.floor(double) -> double | Rounded down | math.floor(1.8) | 1.0
    math.round(double) -> double | Rounded; halves away from zero | math.round(1.5) | 2.0
    math.trunc(double) -> double | Cut towards zero | math.trunc(-1.8) | -1.0
    math.sqrt(T) -> double | The square root; NaN of a negative number | math.sqrt(9.0) | 3.0
    math.isNaN(double) -> bool | Whether it is not a number | math.isNaN(0.0 / 0.0) | true
    math.isInf(double) -> bool | Whether it is infinite | math.isInf(1.0 / 0.0) | true
    math.isFinite(double) -> bool | Whether it is neither infinite nor NaN | math.isFinite(1.0) | true
    math.bitAnd(int, int) -> int | Bits that both have; also of uint | math.bitAnd(6, 3) | 2
    math.bitOr(int, int) -> int | Bits that one has | math.bitOr(6, 3) | 7
    math.bitXor(int, int) -> int | Bits that only one has | math.bitXor(6, 3) | 5
    math.bitNot(int) -> int | The other bits | math.bitNot(0) | -1
    math.bitShiftLeft(int, int) -> int | Bits moved to the left | math.bitShiftLeft(1, 3) | 8
    math.bitShiftRight(int, int) -> int | Bits moved to the right; zeros come in | math.bitShiftRight(8, 3) | 1
    """,
    "Conversions": """
    int(T) -> int | Of a uint, double (cut), text, or time (seconds since 1970) | int("42") | 42
    uint(T) -> uint | Of an int, double or text | uint(3) | 3u
    double(T) -> double | Of a number or text | double("1.5") | 1.5
    string(T) -> string | Of a number, bool, bytes, time or duration | string(1.5) | "1.5"
    bytes(string) -> bytes | The text in UTF-8 | bytes("a").size() | 1
    bool(string) -> bool | Of true, false, t, f, 1, 0 | bool("true") | true
    type(T) -> type | The type of a value | type(1) == int | true
    dyn(T) -> dyn | The value, its type no longer checked before the event comes | dyn(1) == 1.0 | true
    base64.encode(bytes) -> string | In base64 | base64.encode(b"a") | "YQ=="
    base64.decode(string) -> bytes | Out of base64 | base64.decode("YQ==") == b"a" | true
    """,
}  # fmt: skip
#: Namespaces of functions that are not methods.
NAMESPACES = ("math", "sets", "lists", "regex", "strings", "base64", "optional", "cel")


@dataclass(frozen=True, slots=True)
class Function:
    """One row. `receiver` is the type before the dot of a method (`string`, `list`, ...), or empty."""

    name: str
    group: str
    receiver: str
    signature: str
    result: str
    says: str
    example: str
    gives: str

    @property
    def is_macro(self) -> bool:
        return self.group == "Macros" or self.name in ("optMap", "optFlatMap", "has")


def _function(group: str, row: str) -> Function:
    # An operator may be `||` and an example may use it: only a bar with spaces around it parts the columns.
    signature, says, example, gives = (part.strip() for part in row.strip().replace(" || ", " \x00 ").split(" | "))
    signature, example = signature.replace("\x00", "||"), example.replace("\x00", "||")
    head, _, result = signature.partition(" -> ")
    receiver = ""
    if head.startswith(("list(", "optional(")) and ")." in head:
        receiver, called = head.partition("(")[0], head.split(").")[-1].partition("(")[0]
    else:
        called = head.partition("(")[0]
        if "." in called and called.partition(".")[0] not in NAMESPACES:
            receiver, _, called = called.partition(".")
    return Function(called, group, receiver, signature, result, says, example, gives)


FUNCTIONS: tuple[Function, ...] = tuple(
    _function(group, row) for group, rows in _ROWS.items() for row in rows.strip().splitlines()
)
GROUPS = tuple(_ROWS)
#: Those that are written as a word: not operators, and not `.?field` or `[?key]`.
NAMED = tuple(
    function
    for function in FUNCTIONS
    if "(" in function.signature and re.fullmatch(r"[A-Za-z_0-9]+(\.[A-Za-z]+)?", function.name)
)
#: Methods that more than one type has, beside the one in their row.
_ALSO = {"size": ("bytes", "map"), "getHours": ("duration",), "getMinutes": ("duration",), "getSeconds": ("duration",)}
_ALSO |= {"getMilliseconds": ("duration",)}
_OVER_MAPS = (
    "exists", "all", "exists_one", "filter", "map", "existsOne", "transformList", "transformMap", "transformMapEntry",
)  # fmt: skip


def methods(kind: str) -> list[Function]:
    """What can stand after the dot of a value of this type: `string`, `list`, `dyn`, ..."""
    return [function for function in NAMED if _takes(function, kind)]


def _takes(function: Function, kind: str) -> bool:
    if not function.receiver:
        return False
    if kind in (function.receiver, "dyn") or kind in _ALSO.get(function.name, ()):
        return True
    return kind == "map" and function.receiver == "list" and function.name in _OVER_MAPS


def plain_functions() -> list[Function]:
    """What is not a method: `duration(...)`, `math.abs(...)`, `has(...)`."""
    return [function for function in NAMED if not function.receiver]


def named(name: str, receiver: str = "") -> Function | None:
    """The row of a function, for hover; of several with one name, the one for that type."""
    found = [function for function in NAMED if function.name == name]
    return next((function for function in found if _takes(function, receiver)), found[0] if found else None)
