"""Whether the model can read a text at all. It was trained on English; what it says of other languages means nothing."""

from safehold.signals.language import identify
from safehold.signals.text.normalise import normalise

#: Letters that a text must have before its script says something: names and shouts occur in any language.
LEAST_LETTERS = 8


def readable(text: str) -> bool:
    """False for a text that is surely in another language than English, or mostly in another script than Latin once
    disguises are undone. Where nothing can be said of the language, the text is read.
    """
    letters = [c for c in normalise(text).text if c.isalpha()]
    foreign = sum(ord(c) > 0x24F for c in letters)
    if len(letters) >= LEAST_LETTERS and foreign * 2 > len(letters):
        return False
    languages = identify(text)
    return not languages or languages[0][0].split("-")[0] == "en"
