"""Disguises as people write them, for training: what the normaliser undoes only in part, a model must have seen."""

import random
from collections.abc import Callable

_LEET = {"a": "4@", "e": "3", "i": "1!", "o": "0", "s": "5$", "t": "7", "b": "8", "g": "9", "l": "1|"}
_ALIKE = {"a": "аɑ", "e": "еé", "i": "іí", "o": "оöο", "c": "сç", "p": "р", "x": "х", "y": "уý", "s": "ѕš", "u": "υü"}
_UNSEEN = "\u200b\u200c\u2060\u00ad"


def disguise(text: str, chance: random.Random, name: str | None = None) -> str:
    """`text` with one kind of disguise, that of `name` if it is said, on some of its longer words."""
    name = name or chance.choice(TRICKS)
    words = text.split(" ")
    share = chance.choice((0.3, 0.6, 1.0))
    if name == _JOINED:
        return words[0] + "".join(word if chance.random() < share else f" {word}" for word in words[1:])
    trick = _TRICKS[name]
    return " ".join(trick(word, chance) if len(word) > 3 and chance.random() < share else word for word in words)


def _swap(table: dict[str, str]) -> Callable[[str, random.Random], str]:
    def swap(word: str, chance: random.Random) -> str:
        return "".join(
            chance.choice(table[c.lower()]) if c.lower() in table and chance.random() < 0.6 else c for c in word
        )

    return swap


def _unseen(word: str, chance: random.Random) -> str:
    at = chance.randrange(1, len(word))
    return word[:at] + chance.choice(_UNSEEN) + word[at:]


def _spaced(word: str, chance: random.Random) -> str:
    return chance.choice(" .-_*").join(word)


def _stretched(word: str, chance: random.Random) -> str:
    at = chance.randrange(1, len(word))
    return word[:at] + word[at] * chance.randrange(1, 5) + word[at:]


def _starred(word: str, chance: random.Random) -> str:
    at = chance.randrange(1, len(word) - 1)
    return word[:at] + chance.choice("*#-_") + word[at + 1 :]


def _mistyped(word: str, chance: random.Random) -> str:
    at = chance.randrange(1, len(word) - 1)
    return word[:at] + word[at + 1] + word[at] + word[at + 2 :] if chance.random() < 0.5 else word[:at] + word[at + 1 :]


def _shortened(word: str, chance: random.Random) -> str:
    at = chance.randrange(1, len(word))
    return word[:at] + word[at + 1 :]


def _loud(word: str, chance: random.Random) -> str:
    return word.upper()


_TRICKS = {
    "leet": _swap(_LEET),
    "look-alikes": _swap(_ALIKE),
    "invisible characters": _unseen,
    "spacing": _spaced,
    "stretching": _stretched,
    "stars": _starred,
    "typing errors": _mistyped,
    "missing letters": _shortened,
    "capitals": _loud,
}

#: The one that is on the text between the words.
_JOINED = "missing spaces"

#: The names of the disguises.
TRICKS = (*_TRICKS, _JOINED)
