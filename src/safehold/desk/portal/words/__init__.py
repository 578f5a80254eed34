"""What the public pages say: one file a language, the same keys in each. The statement's own sentences are
`safehold.desk.transparency.words`; these are the headings, buttons, steps and letters around it.
"""

import re

from safehold.desk.portal.words import de, en, es, fr, it


def _spaced(words: dict[str, str]) -> dict[str, str]:
    """French, with the narrow spaces that its punctuation has in print and that no line may break at."""
    return {
        name: re.sub(r"« | (?=[;:!?»])", lambda met: met[0].strip() + "\u202f", text) for name, text in words.items()
    }


WORDS: dict[str, dict[str, str]] = {
    "en": en.WORDS,
    "de": de.WORDS,
    "fr": _spaced(fr.WORDS),
    "es": es.WORDS,
    "it": it.WORDS,
}
#: What the check in the browser says, by the names in verify.js, which has the English itself.
VERIFY: dict[str, dict[str, str]] = {
    "en": {},
    "de": de.VERIFY,
    "fr": _spaced(fr.VERIFY),
    "es": es.VERIFY,
    "it": it.VERIFY,
}
#: What each language calls itself, in the order in which the switch has them.
NAMES = {"en": "English", "de": "Deutsch", "fr": "Français", "es": "Español", "it": "Italiano"}
