"""The language that a text is learned in, and asked in: a community model says of a language only what it was taught in it."""

from safehold.signals.harm.reading import readable
from safehold.signals.language import identify

#: So many texts of either kind in a language, outside the audit share, and an attribute is learned in it; and so much of all its
#: texts, so that a large heap's few that were taken for another language make no language.
LEAST, LEAST_SHARE = 50, 0.01


def language_of(text: str) -> str:
    """`en` of an English text, and of one in Latin letters that is too short to tell, as the shipped model takes it; "" of any
    other one that is."""
    found = identify(text)
    if found:
        return found[0][0].partition("-")[0]
    return "en" if any(sign.isascii() and sign.isalpha() for sign in text) and readable(text) else ""
