"""What comparisons of the same two values say together: not `a < b` and `b <= a`, whatever a and b are.

`satisfy.consistent` asks `pairs_agree` of a case.
"""

from typing import Any

from safehold.engine.authoring.lint.reading import FLIPPED, Case, pair

#: Two values of one type are less, equal, greater, or (NaN) nothing of it; and what each sign is true for.
_ALL = frozenset({"less", "equal", "greater", "neither"})
_TRUE = {
    "_<_": {"less"}, "_<=_": {"less", "equal"}, "_>_": {"greater"}, "_>=_": {"greater", "equal"}, "_==_": {"equal"},
    "_!=_": {"less", "greater", "neither"},
}  # fmt: skip


def pairs_agree(case: Case) -> bool:
    """False where two values would have to be, say, less and not less than each other."""
    left: dict[tuple[Any, Any], frozenset[str]] = {}
    for test, outcome in case:
        found = pair(test)
        if found is None:
            continue
        one, other, sign = found
        if (other, one) in left:
            one, other, sign = other, one, FLIPPED[sign]
        true = _TRUE[sign]
        still = left.get((one, other), _ALL) & (true if outcome else _ALL - true)
        if not still:
            return False
        left[one, other] = still
    return True
