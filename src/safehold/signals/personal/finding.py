"""What every detector of personal data returns: a kind, a place, and a mask. Never the value itself."""

from typing import NamedTuple


class Finding(NamedTuple):
    """Something found at [start, end) of the text looked at. `kind` is what a policy asks for (`card`, `secret`),
    `detail` says which (`visa`, `github-token`), `masked` is what may be shown to people and kept in records.
    """

    kind: str
    detail: str
    start: int
    end: int
    masked: str


def last_digits(value: str, shown: int) -> str:
    """`•••• 1111`: enough for the owner to recognise it, useless to anybody else."""
    kept = "".join(c for c in value if c.isalnum())[-shown:]
    return f"•••• {kept}"


def labelled(text: str, start: int, words: frozenset[str], reach: int = 32) -> bool:
    """Whether one of `words` (lower-case, ASCII or not) stands within `reach` characters before `start`."""
    before = text[max(0, start - reach) : start].lower()
    return any(word in before for word in words)
