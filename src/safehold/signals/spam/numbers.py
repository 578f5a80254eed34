"""Telephone numbers and short codes as advertisements write them, also so that a filter should not see a number."""

import re
import unicodedata

from safehold.signals.personal.contacts import phones

_DIGITS = {
    "zero": "0", "oh": "0", "one": "1", "two": "2", "three": "3", "four": "4", "five": "5", "six": "6", "seven": "7",
    "eight": "8", "nine": "9", "null": "0", "eins": "1", "zwei": "2", "drei": "3", "vier": "4", "fünf": "5",
    "sechs": "6", "sieben": "7", "acht": "8", "neun": "9", "cero": "0", "uno": "1", "dos": "2", "tres": "3",
    "cuatro": "4", "cinco": "5", "seis": "6", "siete": "7", "ocho": "8", "nueve": "9", "zéro": "0", "deux": "2",
    "trois": "3", "quatre": "4", "cinq": "5", "sept": "7", "huit": "8", "neuf": "9",
}  # fmt: skip
_NAMES = "|".join(sorted(_DIGITS, key=len, reverse=True))
_NAME = re.compile(rf"(?:{_NAMES})")
#: Digits, names of digits, and letters that pose as digits, with little between them.
_SPELT = re.compile(rf"(?<![\w+])\+?(?:(?:\d|{_NAMES}|[oil])[ .,*_~()/|-]{{0,3}}){{8,20}}(?!\w)")
_KEYCAP = re.compile("[\ufe0f\u20e3]")
_SHORT_CODE = re.compile(r"(?<!\w)(?:txt|text|sms|send|reply)\b[^.!?\n]{0,30}?(?:\bto|no:?|@)\s?:?\s?(\d{4,6})(?!\d)")
_PREMIUM = re.compile(
    r"(?<![\d+])(?:0(?:9\d|87|84)\d{6,9}|0900[ -]?\d{5,7}|1-?900-?\d{3}-?\d{4})(?!\d)|"
    r"\d{2,3} ?(?:p|pence|ppm|ppt|pm)(?: ?(?:/|per) ?(?:min\w*|msg|text|sms|wk|week))?(?!\w)"
)


def phone_kinds(text: str, region: str | None) -> tuple[bool, bool]:
    """(whether there is a telephone number, whether there is one only when digits' names and look-alikes are read).

    `text` is as it was written. Eight digits and more are a number in disguise if three of them are names of digits, or
    letters stand among five real ones.
    """
    written = any(True for _ in phones(text, region))
    keycaps = _KEYCAP.sub("", text)
    if keycaps != text and not written and any(True for _ in phones(f"call {keycaps}", region)):
        return True, True
    if not written and len(text) >= 8:
        for match in _SPELT.finditer(unicodedata.normalize("NFKC", text).lower()):
            named = len(_NAME.findall(match[0]))
            digits = sum(c.isdigit() for c in match[0])
            posed = sum(c in "oil" for c in _NAME.sub("", match[0]))
            if 8 <= named + digits + posed <= 15 and (named >= 3 or (posed >= 1 and digits >= 5)):
                return True, True
    return written, False


def short_codes(plain: str) -> int:
    """Invitations to send a word to a number of four to six digits."""
    return sum(1 for _ in _SHORT_CODE.finditer(plain))


def premium(plain: str) -> bool:
    """A number or a price of a premium-rate service."""
    return _PREMIUM.search(plain) is not None
