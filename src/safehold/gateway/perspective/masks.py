"""Answers in part, as Google's APIs give them: `?fields=attributeScores/TOXICITY/summaryScore,clientToken`. Commas between
paths, slashes into them, parentheses for several below one, `*` for every name of a level. A mask is read, and checked against
the answer's message, before anything is scored. Called by the routes.
"""

import re
from collections.abc import Iterator, Mapping
from typing import Any

from safehold.gateway.perspective.errors import Violation, unreadable
from safehold.gateway.perspective.messages import MESSAGES, Field, camel

#: Name -> what is chosen below it; None: all of it.
Mask = Mapping[str, "Mask | None"]
#: Characters of a mask, and levels of it, that are read; the deepest path of an answer has five.
_MOST, _DEEPEST = 2_000, 10
_TOKEN = re.compile(r"[A-Za-z0-9_.-]+|\*|[,/()]")


def read_mask(given: str, message: str) -> Mask | None:
    """The mask that a `fields` parameter means for the answer `message`; None for an empty one, which is all.

    Raises Refusal 400 for what can't be read and for a path that the answer does not have.
    """
    if not given.strip():
        return None
    tokens = _TOKEN.findall(given[:_MOST])
    if len(given) > _MOST or "".join(tokens) != given.replace(" ", ""):
        raise _wrong("fields", "It has names, '*', ',', '/' and parentheses, up to 2,000 characters.")
    reader = _Reader(iter([*tokens, ""]))
    mask = reader.several(1)
    if reader.next:
        raise _wrong("fields", f"There is a '{reader.next}' too many.")
    _check(mask, MESSAGES[message], "")
    return mask


def chosen(answer: Mapping[str, Any], mask: Mask) -> dict[str, Any]:
    """What the mask chooses. A part of which nothing is chosen is left out."""
    found: dict[str, Any] = {}
    for name, value in answer.items():
        if name not in mask and "*" not in mask:
            continue
        several = [mask[each] for each in (name, "*") if each in mask]
        below = several[0] if len(several) == 1 else _joined(*several)
        part = value if below is None else _below(value, below)
        if below is None or part:
            found[name] = part
    return found


def _below(value: Any, mask: Mask) -> Any:
    if isinstance(value, list):
        return [part for one in value if (part := _below(one, mask))]
    return chosen(value, mask) if isinstance(value, Mapping) else None


class _Reader:
    """A reading of tokens, the last of which is empty, one ahead: `next` is the one to read next."""

    def __init__(self, tokens: Iterator[str]) -> None:
        self._tokens = tokens
        self.next = next(tokens)

    def several(self, depth: int) -> dict[str, Any]:
        """Paths with commas between them; of a name that comes twice all that either chooses."""
        found = self._path(depth)
        while self.next == ",":
            self._go_on()
            found = _joined(found, self._path(depth))
        return found

    def _path(self, depth: int) -> dict[str, Any]:
        if depth > _DEEPEST:
            raise _wrong("fields", "It goes deeper than any answer.")
        name = self.next
        if name in ("", ",", "/", "(", ")"):
            raise _wrong("fields", f"A name is missing before {name!r}." if name else "A name is missing at its end.")
        self._go_on()
        key = name if name == "*" else camel(name)
        if self.next == "/":
            self._go_on()
            return {key: self._path(depth + 1)}
        if self.next != "(":
            return {key: None}
        self._go_on()
        below = self.several(depth + 1)
        if self.next != ")":
            raise _wrong("fields", "A parenthesis is not closed.")
        self._go_on()
        return {key: below}

    def _go_on(self) -> None:
        self.next = next(self._tokens)


def _joined(one: Mask | None, other: Mask | None) -> Any:
    if one is None or other is None:
        return None
    return {
        name: _joined(one[name], other[name]) if name in one and name in other else one.get(name, other.get(name))
        for name in {**one, **other}
    }


def _check(mask: Mask, fields: Mapping[str, Field] | Field, path: str) -> None:
    """Every path must be one that the message has; a map's names are anybody's."""
    for name, below in mask.items():
        at = f"{path}/{name}" if path else name
        found = list(fields.values()) if isinstance(fields, Mapping) and name == "*" else [_field(fields, name, at)]
        if below is not None:
            inner = [each for field in found if (each := _inside(field)) is not None]
            if not inner:
                raise _wrong(f"{at}/{next(iter(below))}")
            for each in inner:
                _check(below, each, at)


def _field(fields: Mapping[str, Field] | Field, name: str, at: str) -> Field:
    if isinstance(fields, Field):
        return fields
    if name not in fields:
        raise _wrong(at)
    return fields[name]


def _inside(field: Field) -> Mapping[str, Field] | Field | None:
    """What a path goes on in: a message's fields, those of a list's members, or, of a map, what each of its names has."""
    match field.kind:
        case "message":
            return MESSAGES[field.of]
        case "map":
            of: Field = field.of
            return of
        case "list":
            return _inside(field.of)
    return None


def _wrong(path: str, why: str = "") -> Exception:
    """In Google's words."""
    says = why or f"Cannot find matching fields for path '{path}'."
    return unreadable([Violation(path, f"Error expanding 'fields' parameter. {says}")])
