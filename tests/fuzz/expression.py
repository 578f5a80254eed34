"""An expression put together from CEL's pieces and from noise: it is refused with a place, or both evaluators agree."""

import atheris

from safehold.engine.language.check import check
from safehold.engine.language.environment import Environment
from safehold.engine.language.problem import ExpressionProblems
from tests.language.evaluation import exact, generated, same
from tests.properties.expressions import VARIABLES

ENVIRONMENT = Environment(VARIABLES)
PIECES = """b c i j d e s t y w v li ls m x ( ) [ ] { } , . ? : && || ! == != < <= > >= + - * / % in true false null 0 1 -1
    9223372036854775807 1u 1.5 1e308 'a' "é" b'a' r'\\d' .size() .contains(s) .matches('a+') .matches(t) .startsWith(t)
    .map(n,n) .map(n,n+n) .filter(n,b) .exists(n,n==i) .all(n,n>0) .exists_one(n,n==s) n has(m.a) m['a'] li[0] int( double(
    string( timestamp( duration( type( dyn( size( cel.bind(a,s+s,a+a) math.greatest( .split(t) .join(s) .replace(s,t)
    .format([s,i]) .getHours() .lowerAscii() .substring(1) .reverse() '\\u00e9' // /* */""".split()
VALUES = {
    "b": True, "i": 7, "d": 0.5, "s": "ab", "t": "(a|b)+", "li": [1, -7, 1 << 62], "ls": ["a", ""], "m": {"a": 1}, "x": [1.5],
}  # fmt: skip


def one_input(data: bytes) -> None:
    source = atheris.FuzzedDataProvider(data)
    parts = []
    while source.remaining_bytes() and len(parts) < 12:
        if source.ConsumeIntInRange(0, 15):
            parts.append(PIECES[source.ConsumeIntInRange(0, len(PIECES) - 1)])
        else:
            parts.append(source.ConsumeUnicodeNoSurrogates(4))
    text = " ".join(parts)
    try:
        tree = check(text, ENVIRONMENT, guards=False)
    except ExpressionProblems as refused:
        rows = text.splitlines() or [""]
        assert all(1 <= problem.line <= len(rows) + 1 and problem.column >= 1 for problem in refused.problems), text
        return
    found = exact(tree, VALUES)
    answered, fast = generated(tree, VALUES)
    assert not answered or same(fast, found), text
