"""The sentences of a statement of reasons: one file a language, the same keys in each."""

from safehold.desk.transparency.words import de, en, es, fr, it

WORDS: dict[str, dict[str, str]] = {"en": en.WORDS, "de": de.WORDS, "fr": fr.WORDS, "es": es.WORDS, "it": it.WORDS}
