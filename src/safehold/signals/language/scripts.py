"""Which script a text is written in, as ISO 15924 codes, and which scripts tell the language by themselves."""

import unicodedata
from collections import Counter
from functools import lru_cache

#: By the first word of a letter's name in Unicode.
_CODES = {
    "LATIN": "Latn", "CYRILLIC": "Cyrl", "GREEK": "Grek", "ARABIC": "Arab", "HEBREW": "Hebr", "DEVANAGARI": "Deva",
    "BENGALI": "Beng", "GURMUKHI": "Guru", "GUJARATI": "Gujr", "ORIYA": "Orya", "TAMIL": "Taml", "TELUGU": "Telu",
    "KANNADA": "Knda", "MALAYALAM": "Mlym", "SINHALA": "Sinh", "THAI": "Thai", "LAO": "Laoo", "MYANMAR": "Mymr",
    "GEORGIAN": "Geor", "HANGUL": "Kore", "ETHIOPIC": "Ethi", "KHMER": "Khmr", "MONGOLIAN": "Mong", "HIRAGANA": "Jpan",
    "KATAKANA": "Jpan", "KATAKANA-HIRAGANA": "Jpan", "CJK": "Hani", "IDEOGRAPHIC": "Hani", "ARMENIAN": "Armn",
    "TIBETAN": "Tibt", "THAANA": "Thaa", "CHEROKEE": "Cher",
}  # fmt: skip

#: Scripts that one language writes nearly alone.
ONE_LANGUAGE = {
    "Grek": "el", "Guru": "pa", "Gujr": "gu", "Orya": "or", "Taml": "ta", "Telu": "te", "Knda": "kn", "Mlym": "ml",
    "Sinh": "si", "Thai": "th", "Laoo": "lo", "Mymr": "my", "Geor": "ka", "Kore": "ko", "Khmr": "km", "Armn": "hy",
    "Jpan": "ja", "Hani": "zh", "Thaa": "dv", "Tibt": "bo", "Cher": "chr",
}  # fmt: skip


def script_of(text: str) -> tuple[str, int]:
    """The script of most letters ("" if there are none), and how many letters it has.

    Kana among Chinese characters make the text Japanese, as Hangul makes it Korean.
    """
    counts: Counter[str] = Counter()
    for character in text:
        if character.isascii():
            if character.isalpha():
                counts["Latn"] += 1
        elif character.isalpha():
            counts[_script(character)] += 1
    if not counts:
        return "", 0
    han = counts.get("Hani", 0)
    for mixed in ("Jpan", "Kore"):
        if han and counts.get(mixed, 0) * 10 >= han:
            counts[mixed] += counts.pop("Hani")
            break
    script, letters = max(counts.items(), key=lambda entry: (entry[1], entry[0]))
    return script, letters


@lru_cache(maxsize=4096)
def _script(letter: str) -> str:
    return _CODES.get(unicodedata.name(letter, "").partition(" ")[0], "Zyyy")
