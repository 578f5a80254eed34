"""What a file says, whatever white space its expressions have: what hashes are made of, and what formatting must not change."""

from typing import Any

from safehold.engine.language.layout import one_line
from safehold.engine.policies.vocabulary import TABLES, Table

#: Shapes of fields that hold expressions.
EXPRESSIONS = ("condition", "expression", "expressions")


def settled(value: Any, table: Table | None) -> Any:
    """Plain values with every expression in one line: equal for files that mean the same."""
    if not isinstance(value, dict):
        return [settled(part, table) for part in value] if isinstance(value, list) else value
    found = {}
    for name, part in value.items():
        entry = (table or {}).get(name)
        inner = TABLES.get(entry.table) if entry else None
        if entry is not None and entry.shape in EXPRESSIONS:
            texts = part if isinstance(part, list) else [part]
            whole = [one_line(text) if isinstance(text, str) else text for text in texts]
            found[name] = whole if isinstance(part, list) else whole[0]
        elif entry is not None and entry.shape == "named" and isinstance(part, dict):
            found[name] = {key: settled(inside, inner) for key, inside in part.items()}
        else:
            found[name] = settled(part, inner)
    return found
