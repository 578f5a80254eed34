"""What the public pages say: one file a language, the same keys in each. The statement's own sentences are
`safehold.desk.transparency.words`; these are the headings, buttons, steps and letters around it.
"""

from safehold.desk.portal.words import de, en, es, fr, it

WORDS: dict[str, dict[str, str]] = {"en": en.WORDS, "de": de.WORDS, "fr": fr.WORDS, "es": es.WORDS, "it": it.WORDS}
#: What the check in the browser says, by the names in verify.js, which has the English itself.
VERIFY: dict[str, dict[str, str]] = {"en": {}, "de": de.VERIFY, "fr": fr.VERIFY, "es": es.VERIFY, "it": it.VERIFY}
#: What each language calls itself, in the order in which the switch has them.
NAMES = {"en": "English", "de": "Deutsch", "fr": "Français", "es": "Español", "it": "Italiano"}
