"""The language signal: which language a text is written in, in which script, and how sure that is.

Over py3langid (BSD-3-Clause; its model is in the package and is trained on none of our texts). The signal abstains where
its figures say that it guesses: docs/reference/signals.md has them by length and by language. `identify` is also what
the Perspective and moderation APIs ask for the language of a comment.
"""

import re
from collections.abc import Mapping
from functools import cache, lru_cache
from importlib.metadata import version
from typing import TYPE_CHECKING, ClassVar

from safehold.engine.event import Event
from safehold.signals.language.scripts import ONE_LANGUAGE, script_of
from safehold.signals.reading import read
from safehold.signals.text.normalise import normalise

if TYPE_CHECKING:
    from py3langid.langid import LanguageIdentifier

#: Characters that are looked at: of texts with fifty letters 995 in 1,000 that are named are named rightly, and each
#: costs time.
_LOOKED_AT = 300
#: Letters below which nothing is said.
_FEWEST = 10
#: Chinese characters alone may be Japanese while they are few; from eight on a Japanese text has kana too.
_FEWEST_OF = {**dict.fromkeys(ONE_LANGUAGE, 2), "Hani": 8}
#: The least confidence at which a language is named.
_SURE = 0.6
#: What messages are written in. The model knows more (extinct, liturgical, very close ones), and every language that
#: nobody writes in costs short texts of the others.
LANGUAGES = (
    "af am ar as az be bg bn bs ca cs cy da de el en eo es et eu fa fi fr ga gl gu ha he hi hr hu hy id ig is it ja ka kk "
    "km kn ko ky lo lt lv mk ml mn mr ms my ne nl no or pa pl ps pt ro ru si sk sl so sq sr sv sw ta te tg th tl tr ug uk "
    "ur uz vi xh yo zh zu"
).split()

#: Marks are letters' own in many scripts and stay; links, addresses, tags, pictures and numbers go.
_NO_WORDS = re.compile(
    r"(?:https?://|www\.)\S+|[^\s@]{1,64}@\S+|[@#]\w+|[\d_<>=+*/|~^$€£%\\]+|[←-⯿\U0001f000-\U0001faff]+"
)


def identify(text: str) -> list[tuple[str, float]]:
    """Languages (BCP 47) with their probabilities, best first, those below 0.01 left out; [] if nothing can be said.

    Links, mentions, numbers and pictures are no language. A text whose best language is below 0.6, or with fewer than
    ten letters (two in a script that one language writes, eight in Chinese characters), says nothing.
    """
    return _identify(_words(normalise(text).text))[0]


@lru_cache(maxsize=16)
def _identify(words: str) -> tuple[list[tuple[str, float]], str]:
    """The languages and the script of a text without links, mentions and numbers."""
    script, letters = script_of(words)
    if letters < _FEWEST_OF.get(script, _FEWEST):
        return [], script
    only = ONE_LANGUAGE.get(script)
    if only is not None:
        return [(only, 1.0)], script
    ranked = [(code, round(share, 4)) for code, share in _model().rank(words) if share >= 0.01]
    return (ranked if ranked and ranked[0][1] >= _SURE else []), script


def _words(normalised: str) -> str:
    return " ".join(_NO_WORDS.sub(" ", normalised[: 2 * _LOOKED_AT]).split())[:_LOOKED_AT]


@cache
def _model() -> "LanguageIdentifier":
    """Loaded when the first text is asked for (0.7 s, 40 MB); read only, so that threads share it."""
    import numpy as np  # here: with the model's package a tenth of a second
    from py3langid.langid import MODEL_FILE, LanguageIdentifier

    model = LanguageIdentifier.from_model_file(MODEL_FILE, norm_probs=True)
    model.set_languages(LANGUAGES)
    model.nb_ptc = np.ascontiguousarray(model.nb_ptc)  # by feature again: a text reads some hundred of 100,000 rows
    return model


class Language:
    """`signals.language`. `code` and `confidence` are unknown where nothing can be said; `sure` says whether it can."""

    name = "language"
    title = "Which language it is, if that can be said"
    version = f"1.0.0+py3langid.{version('py3langid')}"
    cost = 50.0
    basis = ""
    reads = ("text",)
    fields: ClassVar[Mapping[str, str]] = {
        "code": "string",
        "confidence": "double",
        "sure": "bool",
        "candidates": "list(string)",
        "script": "string",
        "letters": "int",
        "truncated": "bool",
    }
    limits: ClassVar[Mapping[str, tuple[float | None, float | None]]] = {"confidence": (0.0, 1.0), "letters": (0, None)}

    def run(self, event: Event) -> Mapping[str, object]:
        """`script` is the ISO 15924 code of most letters ("" without letters); `candidates` the languages above 0.01."""
        text, truncated = read(event)
        words = _words(normalise(text).text)
        found, script = _identify(words)
        answer: dict[str, object] = {
            "sure": bool(found),
            "candidates": [code for code, _ in found],
            "script": script,
            "letters": sum(map(str.isalpha, words)),
            "truncated": truncated or len(text) > 2 * _LOOKED_AT,
        }
        if found:
            answer["code"], answer["confidence"] = found[0]
        return answer
