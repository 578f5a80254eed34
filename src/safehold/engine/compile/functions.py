"""Every strict function of the language by CEL's name, over values of any type.

`compile.exact` calls them for every node, `compile.emit` for all nodes it has no shorter form for. (`&&`, `||` and
`? :` are not strict and live there.)
"""

from collections.abc import Callable
from typing import Any

from safehold.engine.compile import arithmetic, conversions, lists, numbers, optionals, regexes, strings, times
from safehold.engine.compile.formatting import format_string

FUNCTIONS: dict[str, Callable[..., Any]] = {
    "_+_": arithmetic.add,
    "_-_": arithmetic.subtract,
    "_*_": arithmetic.multiply,
    "_/_": arithmetic.divide,
    "_%_": arithmetic.modulo,
    "-_": arithmetic.negate,
    "!_": arithmetic.negation,
    "_==_": arithmetic.equal,
    "_!=_": arithmetic.unequal,
    "_<_": arithmetic.less,
    "_<=_": arithmetic.less_equal,
    "_>_": arithmetic.greater,
    "_>=_": arithmetic.greater_equal,
    "@in": arithmetic.contained,
    "_[_]": arithmetic.index,
    "int": conversions.to_int,
    "uint": conversions.to_uint,
    "double": conversions.to_double,
    "string": conversions.to_string,
    "bytes": conversions.to_bytes,
    "bool": conversions.to_bool,
    "timestamp": conversions.to_timestamp,
    "duration": conversions.to_duration,
    "dyn": conversions.to_dyn,
    "type": conversions.type_of,
    "size": strings.size,
    "contains": strings.contains,
    "startsWith": strings.starts_with,
    "endsWith": strings.ends_with,
    "matches": strings.matches,
    "charAt": strings.char_at,
    "indexOf": strings.index_of,
    "lastIndexOf": strings.last_index_of,
    "join": strings.join,
    "split": strings.split,
    "replace": strings.replace,
    "substring": strings.substring,
    "lowerAscii": strings.lower_ascii,
    "upperAscii": strings.upper_ascii,
    "trim": strings.trim,
    "reverse": strings.reverse,
    "strings.quote": strings.quote,
    "format": format_string,
    "base64.encode": strings.base64_encode,
    "base64.decode": strings.base64_decode,
    **times.READINGS,
    **numbers.FUNCTIONS,
    **lists.FUNCTIONS,
    **regexes.FUNCTIONS,
    **optionals.FUNCTIONS,
}
