"""Templates that we wrote, filled with words: the only labelled text for threats, sex, self-harm, scams and phishing.

A line such as `(he|she) is a {job}` is filled at random but reproducibly. Held-back lines are filled with held-back words
and go to the `test` split, so that a figure on them says something about wordings never seen; it is still synthetic.
"""

import random
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import yaml

from safehold.signals.harm.attributes import ATTRIBUTES
from safehold.signals.harm.training.example import Example, portion
from safehold.signals.lexicon.lists import shipped

_CHOICE = re.compile(r"\(([^()]*\|[^()]*)\)")
_SLOT = re.compile(r"\{(\w+)\}")
_GROUP_SLOTS = {"group": "plural", "member": "member", "adjective": "adjective"}

#: How often a line is filled for training, and for the tests. A line that names a group is filled for so many of the groups,
#: chosen by chance; for the tests once for each.
FILLS = 14
HELD_FILLS = 10
GROUPS = 12

#: What a line weighs in training together, however many sentences it gives: about as much as so many real texts. Lines weigh
#: together about as much as the real texts do: at 12, with three times the lines, real texts were judged worse than before.
LINE_WEIGHT = 8.0


class Words(NamedTuple):
    """`slots[name][held]` and `groups[name][form][held]` are the words to choose from."""

    slots: Mapping[str, Mapping[bool, Sequence[str]]]
    groups: Mapping[str, Mapping[str, Mapping[bool, Sequence[str]]]]


def examples(folder: Path) -> list[Example]:
    """Every line of every file in `folder`, filled. Raises ValueError naming the file, the kind and what is wrong."""
    words = _words(folder / "slots.yaml")
    found: dict[str, Example] = {}
    for path in sorted(folder.glob("*.yaml")):
        if path.name == "slots.yaml":
            continue
        for kind in yaml.safe_load(path.read_text("utf-8"))["kinds"]:
            for example in _kind(path, kind, words):
                found.setdefault(example.text.lower(), example)
    return list(found.values())


def _kind(path: Path, kind: Mapping[str, Any], words: Words) -> list[Example]:
    where = f"{path.name}, kind {kind.get('kind')!r}"
    known = set(kind["labels"]) | set(kind.get("unknown", ()))
    if unknown := known - set(ATTRIBUTES):
        raise ValueError(f"{where}: {sorted(unknown)[0]!r} is no attribute; there are {', '.join(ATTRIBUTES)}")
    labels = {name: float(name in kind["labels"]) for name in ATTRIBUTES if name not in kind.get("unknown", ())}
    if not kind.get("plain"):  # of words that are coarse elsewhere ("the cock crowed")
        labels.pop("profanity", None)  # word lists say it, for every source alike
    filled: list[Example] = []
    for held in (False, True):
        for line in filter(None, map(str.strip, str(kind.get("held" if held else "train", "")).splitlines())):
            split = "test" if held else "calibrate" if portion("template", line) < 0.15 else "fit"
            try:
                texts = _fill(line, words, held)
            except KeyError as error:
                raise ValueError(f"{where}: no words for {error} in slots.yaml (line {line!r})") from error
            weight = min(3.0, LINE_WEIGHT / len(texts))
            filled += [Example(text, labels, "templates", kind["kind"], split, group, weight) for text, group in texts]
    return filled


def _fill(line: str, words: Words, held: bool) -> list[tuple[str, str]]:
    """(text, group) pairs, each text once."""
    chance = random.Random(f"{held} {line}")  # noqa: S311 - reproducible, not secret
    if any(slot in _GROUP_SLOTS for slot in _SLOT.findall(line)):
        groups = list(words.groups)
        groups = groups if held else sorted(chance.sample(groups, min(GROUPS, len(groups))))
    else:
        groups = [""] * (HELD_FILLS if held else FILLS)
    return list(dict.fromkeys((_once(line, group, words, held, chance), group) for group in groups))


def _once(line: str, group: str, words: Words, held: bool, chance: random.Random) -> str:
    def slot(match: re.Match[str]) -> str:
        form = _GROUP_SLOTS.get(match[1])
        options = words.groups[group][form][held] if form else words.slots[match[1]][held]
        return chance.choice(options)

    text = _CHOICE.sub(lambda m: chance.choice(m[1].split("|")), line)
    while _SLOT.search(text):
        text = _SLOT.sub(slot, text)
    if chance.random() < 0.25:
        text = f"{chance.choice(words.slots['opener'][held])}{chance.choice((', ', ' '))}{text}"
    if chance.random() < 0.25:
        text = f"{text} {chance.choice(words.slots['closer'][held])}"
    return " ".join(re.sub(r"\ba (?=[aeiouAEIOU])", "an ", text).split())


def _words(path: Path) -> Words:
    table = yaml.safe_load(path.read_text("utf-8"))
    slots = {
        name: {held: _options(each["held" if held else "train"]) for held in (False, True)}
        for name, each in table["slots"].items()
    }
    slurs = sorted(
        {
            term.text
            for each in shipped()
            for term in each.terms
            if term.category.startswith("slur-") and term.severity == 3 and term.text.isalpha() and term.text.isascii()
        }
    )
    slots["slur"] = {held: [slur for slur in slurs if (portion("slur", slur) < 0.3) == held] for held in (False, True)}
    groups = {
        name: {
            form: {held: _options(each[f"held_{form}" if held else form]) for held in (False, True)}
            for form in _GROUP_SLOTS.values()
        }
        for name, each in table["groups"].items()
    }
    return Words(slots, groups)


def _options(words: str) -> list[str]:
    return [word.strip() for word in words.split("|")]
