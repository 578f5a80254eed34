"""The lexicon signal: words and phrases of named lists, however they are disguised. It knows words, not meanings."""

import hashlib
from collections.abc import Mapping, Sequence
from functools import cache
from typing import ClassVar

from safehold.engine.event import Event
from safehold.signals.lexicon.lists import WordList, shipped
from safehold.signals.lexicon.match import Entry, Match, Matcher
from safehold.signals.reading import read
from safehold.signals.text.normalise import normalise

#: Matches of one event that are reported; `truncated` says when there were more.
MOST = 100


class Lexicon:
    """`signals.lexicon`: the lists that come with Safehold, or `lists` under another `name` for a plug-in.

    English lists and lists of phrases (`language: *`) are always looked for, a list in another language only in texts
    that `data.language` or `context.locale` says are in it: a French insult is an English verb.
    """

    title = "Words and phrases of lists"
    cost = 80.0
    basis = ""
    reads = ("text", "data.language", "context.locale")
    fields: ClassVar[Mapping[str, str]] = {
        "count": "int",
        "categories": "list(string)",
        "lists": "list(string)",
        "severity": "int",
        "terms": "list(map(string, dyn))",
        "truncated": "bool",
    }

    def __init__(self, lists: Sequence[WordList] | None = None, name: str = "lexicon") -> None:
        lists, self._matcher = _shipped() if lists is None else (lists, Matcher(lists))
        self.name = name
        self.version = f"1.0.0+{hashlib.sha256(repr(lists).encode()).hexdigest()[:12]}"
        self._ordinary = {(each.name, *pair) for each in lists for pair in each.ordinary}

    def run(self, event: Event) -> Mapping[str, object]:
        """Find terms. `severity` is the highest found, 0 if there is none or none that hurts."""
        text, truncated = read(event)
        said = language_of(event)
        matches = [m for m in self._matcher.find(normalise(text)) if self._counts(m.entry, said)]
        return {
            "count": len({(m.start, m.end) for m in matches}),
            "categories": sorted({m.entry.term.category for m in matches}),
            "lists": sorted({m.entry.word_list for m in matches}),
            "severity": max((m.entry.term.severity for m in matches), default=0),
            "terms": [_describe(m) for m in matches[:MOST]],
            "truncated": truncated or len(matches) > MOST,
        }

    def _counts(self, entry: Entry, said: str | None) -> bool:
        """Whether an entry is looked for in a text that is `said` to be in a language."""
        if entry.language not in ("*", "en", said):
            return False
        return said is None or (entry.word_list, said, entry.term.text) not in self._ordinary


@cache
def _shipped() -> tuple[Sequence[WordList], Matcher]:
    """The lists that come with Safehold, made ready once: every bundle that is loaded makes its own Lexicon."""
    lists = shipped()
    return lists, Matcher(lists)


def language_of(event: Event) -> str | None:
    """The primary language (BCP 47) that the event says the text is in: `data.language`, else `context.locale`."""
    for said in (event.data.get("language"), event.context.get("locale")):
        if isinstance(said, str) and said:
            return said.replace("_", "-").split("-")[0].lower()
    return None


def _describe(match: Match) -> dict[str, object]:
    term = match.entry.term
    return {
        "term": term.text,
        "list": match.entry.word_list,
        "category": term.category,
        "severity": term.severity,
        "start": match.start,
        "end": match.end,
    }


__all__ = ["Lexicon", "WordList", "language_of"]
