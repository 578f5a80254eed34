"""Payment cards, bank accounts, wallets: numbers that prove themselves by a check digit.

Called by the personal signal. Sources: ISO/IEC 7812 and the schemes' published ranges (cards), ISO 13616 with the
IBAN registry's lengths, Base58Check as in Bitcoin, BIP-173 for bech32, EIP-55 for Ethereum's capitals.
"""

import hashlib
import re
from collections.abc import Iterator

from safehold.signals.personal.finding import Finding, labelled, last_digits
from safehold.signals.personal.keccak import keccak256

_CARD = re.compile(r"(?<![\w.+#/-])(?<!\d[ ])\d(?:[ -]?\d){11,18}(?![\w])(?![-/.]\w)")
_IBAN_START = re.compile(r"(?<![A-Za-z0-9])[A-Za-z]{2}[ ]?\d{2}(?=[ -]?[A-Za-z0-9])")
_WALLET = re.compile(r"(?<!\w)(?:0x[0-9a-fA-F]{40}|bc1[02-9ac-hj-np-z]{11,71}|[13][1-9A-HJ-NP-Za-km-z]{25,34})(?!\w)")

_CARD_WORDS = frozenset(
    "card karte carte tarjeta carta visa master maestro amex credit debit kredit kreditkarte cc number".split()
)

#: (first digits from, to, lengths, scheme). The longest range that fits names the scheme.
_SCHEMES = (
    (4, 4, (13, 16, 19), "visa"),
    (51, 55, (16,), "mastercard"),
    (2221, 2720, (16,), "mastercard"),
    (34, 34, (15,), "amex"),
    (37, 37, (15,), "amex"),
    (6011, 6011, (16, 17, 18, 19), "discover"),
    (644, 659, (16, 17, 18, 19), "discover"),
    (622126, 622925, (16, 17, 18, 19), "unionpay"),
    (62, 62, (16, 17, 18, 19), "unionpay"),
    (300, 305, (14, 15, 16, 17, 18, 19), "diners"),
    (36, 36, (14, 15, 16, 17, 18, 19), "diners"),
    (38, 39, (14, 15, 16, 17, 18, 19), "diners"),
    (3528, 3589, (16, 17, 18, 19), "jcb"),
    (1800, 1800, (15,), "jcb"),
    (2131, 2131, (15,), "jcb"),
    (2200, 2204, (16, 17, 18, 19), "mir"),
    (50, 50, (12, 13, 14, 15, 16, 17, 18, 19), "maestro"),
    (56, 69, (12, 13, 14, 15, 16, 17, 18, 19), "maestro"),
)

#: Numbers that payment companies print in their documentation. They pay for nothing and leak nobody.
_TEST_CARDS = frozenset(
    "4111111111111111 4242424242424242 4012888888881881 4000056655665556 4222222222222 5555555555554444 "
    "5105105105105100 5200828282828210 2223003122003222 378282246310005 371449635398431 378734493671000 "
    "6011111111111117 6011000990139424 30569309025904 38520000023237 3056930009020004 3530111333300000 "
    "3566002020360505 6200000000000005".split()
)

_IBAN_LENGTHS = {
    entry[:2]: int(entry[2:])
    for entry in (
        "AD24 AE23 AL28 AT20 AZ28 BA20 BE16 BG22 BH22 BI27 BR29 BY28 CH21 CR22 CY28 CZ24 DE22 DJ27 DK18 DO28 EE20 EG29 "
        "ES24 FI18 FK18 FO18 FR27 GB22 GE22 GI23 GL18 GR27 GT28 HN28 HR21 HU28 IE22 IL23 IQ23 IS26 IT27 JO30 KW30 KZ20 "
        "LB28 LC32 LI21 LT20 LU20 LV21 LY25 MC27 MD24 ME22 MK19 MN20 MR27 MT31 MU30 NI28 NL18 NO15 OM23 PK24 PL28 PS29 "
        "PT25 QA29 RO24 RS22 RU33 SA24 SC31 SD18 SE24 SI19 SK24 SM27 SO23 ST25 SV28 TL23 TN24 TR26 UA29 VA22 VG24 XK20 "
        "YE30"
    ).split()
}


def luhn(digits: str) -> bool:
    """ISO/IEC 7812-1 Annex B: the check digit of cards and of many ids."""
    total = 0
    for i, digit in enumerate(reversed(digits)):
        n = int(digit) * (1 + i % 2)
        total += n - 9 if n > 9 else n
    return total % 10 == 0


def cards(text: str) -> Iterator[Finding]:
    """Card numbers: a range that a scheme uses, its length, Luhn. Ten in a hundred numbers pass Luhn by chance, so
    those shorter than any modern card (12 to 14 digits) count only beside a word such as "card".
    """
    for match in _CARD.finditer(text):
        digits = re.sub(r"\D", "", match[0])
        scheme = _scheme(digits)
        if scheme is None or not luhn(digits) or digits in _TEST_CARDS or len(set(digits)) < 3:
            continue
        if len(digits) < 15 and not labelled(text, match.start(), _CARD_WORDS, 48):
            continue
        yield Finding("card", scheme, match.start(), match.end(), last_digits(digits, 4))


def _scheme(digits: str) -> str | None:
    best, size = None, 0
    for low, high, lengths, scheme in _SCHEMES:
        width = len(str(low))
        if width > size and len(digits) in lengths and low <= int(digits[:width]) <= high:
            best, size = scheme, width
    return best


def ibans(text: str) -> Iterator[Finding]:
    """Bank accounts: a country of the IBAN registry, its length, remainder 1 when divided by 97 (ISO 7064)."""
    for match in _IBAN_START.finditer(text):
        country = match[0][:2].upper()
        length = _IBAN_LENGTHS.get(country)
        end = None if length is None else _alphanumerics(text, match.start(), length)
        if length is None or end is None:
            continue
        account = re.sub(r"[^A-Z0-9]", "", text[match.start() : end].upper())
        if mod97(account[4:] + account[:4]) == 1:
            yield Finding("iban", country.lower(), match.start(), end, f"{country}{last_digits(account, 4)}")


def _alphanumerics(text: str, start: int, count: int) -> int | None:
    """Where `count` ASCII letters or digits with at most one space or hyphen between them end; None if they don't."""
    seen, i = 0, start
    while i < len(text):
        if text[i].isascii() and text[i].isalnum():
            seen += 1
            if seen == count:
                return None if text[i + 1 : i + 2].isalnum() else i + 1
        elif text[i] not in " -" or text[i - 1] in " -":
            return None
        i += 1
    return None


def mod97(text: str) -> int:
    """ISO 7064 MOD 97-10, letters as 10 to 35."""
    return int("".join(str(int(c, 36)) for c in text)) % 97


def wallets(text: str) -> Iterator[Finding]:
    """Addresses to send coins to, with their checksums; one of Ethereum's in small letters only has none.

    A hash takes 0.7 ms: of more than a hundred of Ethereum's, the others count by their form.
    """
    hashed = 0
    for match in _WALLET.finditer(text):
        address = match[0]
        if address.startswith("0x"):
            hashed += 1
            if hashed <= 100 and not _eip55(address[2:]):
                continue
            detail = "ethereum"
        elif _bech32(address) if address.startswith("bc1") else _base58check(address):
            detail = "bitcoin"
        else:
            continue
        yield Finding("wallet", detail, match.start(), match.end(), f"{address[:4]}…{address[-4:]}")


def _eip55(digits: str) -> bool:
    """Whether the capitals among 40 hexadecimal digits are where EIP-55 puts them; all small or all capital has none."""
    if digits in (digits.lower(), digits.upper()):
        return True
    places = keccak256(digits.lower().encode()).hex()
    return all(c.isupper() == (place > "7") for c, place in zip(digits, places, strict=False) if c.isalpha())


_BASE58 = "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz"
_BECH32 = "qpzry9x8gf2tvdw0s3jn54khce6mua7l"


def _base58check(address: str) -> bool:
    number = 0
    for character in address:
        number = number * 58 + _BASE58.index(character)
    if number >= 1 << 200:
        return False
    raw = number.to_bytes(25, "big")
    return hashlib.sha256(hashlib.sha256(raw[:21]).digest()).digest()[:4] == raw[21:]


def _bech32(address: str) -> bool:
    values = [3, 3, 0, 2, 3, *(_BECH32.index(c) for c in address[3:])]  # "bc" expanded as BIP-173 says
    checksum = 1
    for value in values:
        top = checksum >> 25
        checksum = (checksum & 0x1FFFFFF) << 5 ^ value
        for i, generator in enumerate((0x3B6A57B2, 0x26508E6D, 0x1EA119FA, 0x3D4233DD, 0x2A1462B3)):
            if top >> i & 1:
                checksum ^= generator
    return checksum in (1, 0x2BC830A3)  # BIP-173, BIP-350
