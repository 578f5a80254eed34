"""National identity and tax numbers of a dozen countries, each by its own check digits.

Numbers without check digits or whose check passes by chance once in ten count only beside a word that names them.
Called by the personal signal. To add a country, add one line to `_IDS` and one check.
"""

import datetime
import re
from collections.abc import Callable, Iterator
from typing import NamedTuple

from safehold.signals.personal.finding import Finding, labelled, last_digits
from safehold.signals.personal.numbers import luhn


class _Id(NamedTuple):
    detail: str
    pattern: re.Pattern[str]
    valid: Callable[[str], bool]
    words: frozenset[str] = frozenset()


def _weighted(digits: str, weights: tuple[int, ...], modulus: int) -> int:
    return sum(int(d) * w for d, w in zip(digits, weights, strict=False)) % modulus


def _ssn(value: str) -> bool:
    """US: no check digit; areas 000, 666 and 900 to 999, group 00 and serial 0000 are never issued (SSA)."""
    area, group, serial = value[:3], value[3:5], value[5:]
    return area not in ("000", "666") and area < "900" and group != "00" and serial != "0000" and len(set(value)) > 1


def _nino(value: str) -> bool:
    """UK: prefixes that HMRC doesn't allocate (NIM39110)."""
    return value[:2] not in ("BG", "GB", "NK", "KN", "TN", "NT", "ZZ")


def _nir(value: str) -> bool:
    """France: 97 minus the first 13 digits modulo 97, with Corsica's 2A and 2B as 19 and 18."""
    return int(value[13:]) == 97 - int(value[:13].replace("2A", "19").replace("2B", "18")) % 97


def _dni(value: str) -> bool:
    """Spain: one letter for the number modulo 23; a foreigner's X, Y, Z count as 0, 1, 2."""
    number = value[:-1].translate(str.maketrans("XYZ", "012"))
    return "TRWAGMYFPDXBNJZSQVHLCKE"[int(number) % 23] == value[-1]


_CF_ODD = dict(zip("0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ", (
    1, 0, 5, 7, 9, 13, 15, 17, 19, 21, 1, 0, 5, 7, 9, 13, 15, 17, 19, 21, 2, 4, 18, 20, 11, 3, 6, 8, 12, 14, 16, 10, 22,
    25, 24, 23), strict=True))  # fmt: skip


def _codice_fiscale(value: str) -> bool:
    """Italy: D.M. 23 December 1976, odd places by table, even places by alphabet, modulo 26."""
    total = sum(_CF_ODD[c] if i % 2 == 0 else int(c, 36) - (10 if c.isalpha() else 0) for i, c in enumerate(value[:15]))
    return chr(ord("A") + total % 26) == value[15]


def _steuer_id(value: str) -> bool:
    """Germany: ISO 7064 MOD 11,10."""
    product = 10
    for digit in value[:10]:
        product = ((int(digit) + product) % 10 or 10) * 2 % 11
    return (11 - product) % 10 == int(value[10]) and value[0] != "0"


def _bsn(value: str) -> bool:
    """The Netherlands: the eleven test with the last weight -1."""
    return _weighted(value, (9, 8, 7, 6, 5, 4, 3, 2, -1), 11) == 0 and len(set(value)) > 1


def _pesel(value: str) -> bool:
    return _weighted(value, (1, 3, 7, 9, 1, 3, 7, 9, 1, 3, 1), 10) == 0


def _personnummer(value: str) -> bool:
    return _date(value[4:6], value[2:4]) and luhn(value)


def _hetu(value: str) -> bool:
    """Finland: 31 characters for the number modulo 31."""
    number = int(value[:6] + value[-4:-1])
    return _date(value[:2], value[2:4]) and "0123456789ABCDEFHJKLMNPRSTUVWXY"[number % 31] == value[-1]


def _cpf(value: str) -> bool:
    """Brazil: two check digits modulo 11."""

    def check(digits: str) -> int:
        return sum(int(d) * w for d, w in zip(digits, range(len(digits) + 1, 1, -1), strict=True)) * 10 % 11 % 10

    return check(value[:9]) == int(value[9]) and check(value[:10]) == int(value[10]) and len(set(value)) > 1


def _rijksregister(value: str) -> bool:
    """Belgium: 97 minus the first nine digits modulo 97, with a 2 in front for those born from 2000 on."""
    return any(97 - int(century + value[:9]) % 97 == int(value[9:]) for century in ("", "2"))


_VERHOEFF = (
    "0123456789 1234067895 2340178956 3401289567 4012395678 5987604321 6598710432 7659821043 8765932104 9876543210"
).split()
_VERHOEFF_PLACES = "0123456789 1576283094 5803796142 8916043527 9453126870 4286573901 2793806415 7046913258".split()


def _aadhaar(value: str) -> bool:
    """India: Verhoeff's check digit (1969)."""
    check = 0
    for i, digit in enumerate(reversed(value)):
        check = int(_VERHOEFF[check][int(_VERHOEFF_PLACES[i % 8][int(digit)])])
    return check == 0


def _date(day: str, month: str) -> bool:
    try:
        datetime.date(2000, int(month), int(day))
    except ValueError:
        return False
    return True


def _pattern(body: str) -> re.Pattern[str]:
    return re.compile(rf"(?<![\w./-]){body}(?![\w/-])(?!\.\d)", re.IGNORECASE | re.ASCII)


_IDS = (
    _Id("us-ssn", _pattern(r"\d{3}-\d{2}-\d{4}"), _ssn),
    _Id("us-ssn", _pattern(r"\d{9}|\d{3} \d{2} \d{4}"), _ssn, frozenset({"ssn", "social security"})),
    _Id("gb-nino", _pattern(r"[ABCEGHJ-PRSTW-Z][ABCEGHJ-NPRSTW-Z] ?\d{2} ?\d{2} ?\d{2} ?[A-D]"), _nino),
    _Id("fr-nir", _pattern(r"[12] ?\d{2} ?(?:0[1-9]|1[0-2]|[2-9]\d) ?(?:\d{2}|2[AB]) ?\d{3} ?\d{3} ?\d{2}"), _nir),
    _Id("es-dni", _pattern(r"(?:\d{8}|[XYZ]-?\d{7})-?[A-Z]"), _dni),
    _Id("it-codice-fiscale", _pattern(r"[A-Z]{6}\d{2}[A-EHLMPRST]\d{2}[A-Z]\d{3}[A-Z]"), _codice_fiscale),
    _Id("de-steuer-id", _pattern(r"\d{2} ?\d{3} ?\d{3} ?\d{3}"), _steuer_id, frozenset({"steuer", "idnr", "tin"})),
    _Id("nl-bsn", _pattern(r"\d{9}"), _bsn, frozenset({"bsn", "burgerservice", "sofinummer"})),
    _Id("pl-pesel", _pattern(r"\d{11}"), _pesel, frozenset({"pesel"})),
    _Id("se-personnummer", _pattern(r"(?:19|20)?\d{6}[-+]\d{4}"), lambda v: _personnummer(v[-10:])),
    _Id("fi-hetu", _pattern(r"\d{6}[-+A]\d{3}[0-9A-FHJ-NPR-Y]"), _hetu),
    _Id("br-cpf", _pattern(r"\d{3}\.\d{3}\.\d{3}-\d{2}"), _cpf),
    _Id("be-rijksregister", _pattern(r"\d{2}\.\d{2}\.\d{2}-\d{3}\.\d{2}"), _rijksregister),
    _Id("in-aadhaar", _pattern(r"[2-9]\d{3} \d{4} \d{4}"), _aadhaar, frozenset({"aadhaar", "adhar", "uidai"})),
)


def national_ids(text: str) -> Iterator[Finding]:
    """Identity numbers. `detail` is the country and the number's name, such as `es-dni`."""
    for kind in _IDS:
        for match in kind.pattern.finditer(text):
            value = re.sub(r"[^0-9A-Z]" if kind.detail != "fi-hetu" else r"[^0-9A-Z+-]", "", match[0].upper())
            if (not kind.words or labelled(text, match.start(), kind.words)) and kind.valid(value):
                yield Finding("national_id", kind.detail, match.start(), match.end(), last_digits(value, 2))
