"""What single characters become before anything is matched: compatibility forms, case, look-alikes, leet.

`normalise` and the look-alike test for hosts read these tables. They are built once, at first use (about a tenth of a
second), from Python's own Unicode data and the Unicode Consortium's list of confusable characters (`confusables.txt`,
UTS #39).
"""

import unicodedata
from functools import cache, lru_cache
from importlib.resources import files

#: Characters that draw nothing (UCD Default_Ignorable_Code_Point, the ranges in use) and bidirectional controls.
IGNORABLE_RANGES = (
    (0x00AD, 0x00AD),
    (0x034F, 0x034F),
    (0x061C, 0x061C),
    (0x115F, 0x1160),
    (0x17B4, 0x17B5),
    (0x180B, 0x180F),
    (0x200B, 0x200F),
    (0x202A, 0x202E),
    (0x2060, 0x206F),
    (0x3164, 0x3164),
    (0xFE00, 0xFE0F),
    (0xFEFF, 0xFEFF),
    (0xFFA0, 0xFFA0),
    (0xFFF0, 0xFFF8),
    (0x1BCA0, 0x1BCA3),
    (0x1D173, 0x1D17A),
    (0xE0000, 0xE0FFF),
)
IGNORABLE = frozenset(c for low, high in IGNORABLE_RANGES for c in range(low, high + 1))

#: Variation selectors, the joiner and tags belong to emoji and to the scripts that join letters: dropping them is no
#: sign of hiding. Everything else in IGNORABLE is, when it stands inside a word.
HARMLESS_IGNORABLE = frozenset([0x200C, 0x200D, *range(0xFE00, 0xFE10), *range(0xE0020, 0xE0080), 0x200E, 0x200F])

#: Look-alikes of Latin letters that UTS #39 leaves out: small capitals and white-on-black letters.
SMALL_CAPITALS = dict(zip("ᴀʙᴄᴅᴇꜰɢʜɪᴊᴋʟᴍɴᴏᴘʀꜱᴛᴜᴠᴡʏᴢĸʍ", "abcdefghijklmnoprstuvwyzkm", strict=True))
BLOCK_LETTERS = {chr(first + i): chr(ord("a") + i) for first in (0x1F150, 0x1F170) for i in range(26)}

#: Letters that pass for Latin ones beside Latin ones only. UTS #39 doesn't list them; people use them all the same.
PASSING = dict(zip("пшщяьъгнвтмкэєηωμβεκτσ", "nwwrbbrhbtmkeenwubekto", strict=True))

#: Digits and signs that stand for letters: "sh1t", "b|tch". 8 is left out: in messages it says "ate" (l8r, m8).
LEET = {"0": "o", "1": "i", "3": "e", "4": "a", "5": "s", "7": "t", "@": "a", "$": "s", "!": "i", "|": "i", "€": "e"}

#: Combining marks kept after one letter. Unicode's own stream-safe format allows 30 (UAX #15); no orthography needs
#: more than four, and towers of marks are how text is made unreadable.
MAX_MARKS = 4

#: A character whose NFKC form is longer stays as it is. Only Arabic ligatures for whole phrases are (U+FDFA is 18
#: characters): a flood of them would make a text many times its length.
MAX_EXPANSION = 4


@cache
def prototypes() -> dict[str, str]:
    """The UTS #39 mapping: character -> the one that stands for all that look like it. 6,311 entries."""
    table = {}
    for line in files(__package__).joinpath("confusables.txt").read_text("utf-8").splitlines():
        if line and not line.startswith("#"):
            source, target = line.split(";")
            table[chr(int(source, 16))] = "".join(chr(int(point, 16)) for point in target.split())
    return table


@cache
def _skeleton_table() -> dict[int, str]:
    table = {ord(source): target for source, target in prototypes().items()}
    return table | dict.fromkeys(IGNORABLE, "")


def skeleton(text: str) -> str:
    """UTS #39 section 4: two strings with the same skeleton look alike. `skeleton("раураl") == skeleton("paypal")`.

    For comparing only: it isn't meant to be read (`m` becomes `rn`).
    """
    decomposed = unicodedata.normalize("NFD", text)
    return unicodedata.normalize("NFD", decomposed.translate(_skeleton_table()))


@cache
def plain_table() -> dict[int, str]:
    """Characters that change by NFKC and case folding alone; those that draw nothing become ''."""
    table: dict[int, str] = {}
    for first, last in ((0x80, 0x2FFFF), (0xE0000, 0xE0FFF)):
        for point in range(first, last + 1):
            character = chr(point)
            folded = unicodedata.normalize("NFKC", character.casefold())
            if folded != character and len(folded) <= MAX_EXPANSION:
                table[point] = unicodedata.normalize("NFKC", folded.casefold())
    table[0x130] = "i"  # casefold leaves a lone dot behind the Turkish capital
    return table | dict.fromkeys(IGNORABLE, "") | {ord(k): v for k, v in BLOCK_LETTERS.items()}


@cache
def latin_table() -> dict[int, str]:
    """The plain table, with letters that look like one ASCII letter folded to it, small. For words that only pretend
    to be in another script; see `normalise`.
    """
    table = dict(plain_table())
    by_shape = dict(prototypes())
    for source, shape in by_shape.items():
        if ord(source) < 0x80 or not unicodedata.category(source).startswith("L"):
            continue
        letter = shape if shape.isascii() else SMALL_CAPITALS.get(shape, "")
        if len(letter) == 1 and letter.isalpha():
            table[ord(source)] = letter.lower()
    for source, letter in SMALL_CAPITALS.items():
        table[ord(source)] = letter
    for point in range(0x80, 0x250):  # Latin letters with accents keep their accents: "für" is not "fur"
        if unicodedata.decomposition(chr(point)):
            table.pop(point, None)
            if point in plain_table():
                table[point] = plain_table()[point]
    return table


@cache
def mixed_table() -> dict[int, str]:
    """The Latin table and what passes for Latin in a word that mixes scripts."""
    return latin_table() | {ord(source): letter for source, letter in PASSING.items()}


@lru_cache(maxsize=4096)
def is_latin(character: str) -> bool:
    """Whether a letter belongs to the Latin script, by its Unicode name."""
    return character.isascii() or unicodedata.name(character, "").startswith(("LATIN", "FULLWIDTH LATIN"))


@lru_cache(maxsize=4096)
def keeps_marks(character: str) -> bool:
    """Whether marks on this letter carry meaning that composing does not catch (Indic, Arabic, Thai, Hebrew...)."""
    return not unicodedata.name(character, "").startswith(("LATIN", "CYRILLIC", "GREEK", "DIGIT", "FULLWIDTH"))
