"""Texts a CPU-second whose language is told, and how often rightly, by length: Django's own messages in 75 languages.

Django's translations (BSD) are in its package and were in no training set of the model. They are the words of an
administrator's pages, not chat; English is not among them. The peer is the same model without our abstention, scripts and
choice of languages; how often each is right is compared first. Norwegian is one language, as is each with its regions.
"""

import gettext
import random
import re
from collections import defaultdict
from collections.abc import Callable
from pathlib import Path

import django
from py3langid.langid import MODEL_FILE, LanguageIdentifier

from benchmarks import Result, per_cpu_second
from safehold.signals import language

LENGTHS = (10, 20, 50, 1_000_000)
_NOT_TEXT = re.compile(r"<[^>]+>|%\(\w+\)[sd]|%[sd]|\{[^}]*\}|&\w+;|https?://\S+|\s")
_ONE = {"nb": "no", "nn": "no", "zh-hans": "zh", "zh-hant": "zh", "yue": "zh", "wuu": "zh"}
Guess = Callable[[str], str | None]


def texts(each: int = 120) -> list[tuple[str, str]]:
    """(language, text), the same ones every time."""
    found: dict[str, set[str]] = defaultdict(set)
    for path in Path(django.__file__).parent.glob("**/locale/*/LC_MESSAGES/*.mo"):
        with path.open("rb") as file:
            messages = gettext.GNUTranslations(file)._catalog  # type: ignore[attr-defined]
        for key, text in messages.items():
            plain = _plain(text)
            if key and plain != _plain(key if isinstance(key, str) else key[0]) and any(map(str.isalpha, plain)):
                found[_code(path.parts[-3])].add(plain)
    draw = random.Random(7)
    known = [code for code in sorted(found) if code in language.LANGUAGES]
    return [(code, text) for code in known for text in draw.sample(sorted(found[code]), min(each, len(found[code])))]


def _plain(text: str) -> str:
    return " ".join(_NOT_TEXT.sub(" ", text).split())


def _code(written: str) -> str:
    code = written.replace("_", "-").lower()
    return _ONE.get(code, _ONE.get(code.split("-")[0], code.split("-")[0]))


def _ours(text: str) -> str | None:
    found = language.identify(text)
    return found[0][0] if found else None


def run() -> Result:
    bare = LanguageIdentifier.from_model_file(MODEL_FILE, norm_probs=True)

    def peer(text: str) -> str | None:
        return _code(str(bare.classify(text)[0]))

    chosen = texts()
    more: dict[str, float] = {"texts": len(chosen), "languages": len({code for code, _ in chosen})}
    shown = {name: _right(chosen, guess, more, name) for name, guess in (("ours", _ours), ("py3langid alone", peer))}
    assert shown["ours"] > shown["py3langid alone"], shown
    rates = {name: per_cpu_second(lambda g=guess: _all(chosen, g)) for name, guess in (("ours", _ours), ("bare", peer))}
    return Result(rates["ours"], "texts/CPU-s", {"py3langid alone": rates["bare"]}, more)


def _all(chosen: list[tuple[str, str]], guess: Guess) -> int:
    for _, text in chosen:
        guess(text)
    return len(chosen)


def _right(chosen: list[tuple[str, str]], guess: Guess, more: dict[str, float], name: str) -> float:
    """The share of named texts that were named rightly, overall; by length under `more`."""
    counts = {most: [0, 0, 0] for most in LENGTHS}
    for code, text in chosen:
        letters, named = sum(map(str.isalpha, text)), guess(text)
        count = counts[next(most for most in LENGTHS if letters < most)]
        count[0] += 1
        count[1] += named is not None
        count[2] += named == code
    for least, most in zip((0, *LENGTHS), LENGTHS, strict=False):
        asked, told, right = counts[most]
        length = f"{least} to {most - 1} letters" if most < LENGTHS[-1] else f"{least} letters and more"
        more[f"{name}: {length}, named"] = told / asked
        more[f"{name}: {length}, right of those"] = right / told if told else 0.0
    return sum(count[2] for count in counts.values()) / sum(count[1] for count in counts.values())
