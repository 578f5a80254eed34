"""E-mail addresses, telephone numbers and public IP addresses: ways to reach or find a person.

Called by the personal signal. Telephone numbers are judged by libphonenumber's metadata (`phonenumbers`).
"""

import ipaddress
import re
from collections.abc import Iterator

from safehold.signals.personal.finding import Finding, labelled, last_digits

_LOCAL_PART = re.compile(r"[\w.!#$%&'*+/=?^`{|}~-]{1,64}\Z")
_DOMAIN = re.compile(r"(?:[^\W_](?:[\w-]{0,61}[^\W_])?\.){1,8}[^\W\d_]{2,24}(?![\w@])")
_SPELT_OUT = re.compile(
    r"(?<![\w.])(?P<local>[a-z0-9][\w.+-]{1,63})\s{0,2}(?:\(at\)|\[at\]|\{at\}|\sat\s)\s{0,2}(?P<domain>[a-z0-9-]{2,63})"
    r"\s{0,2}(?:\(dot\)|\[dot\]|\{dot\}|\sdot\s|\.)\s{0,2}(?P<end>com|net|org|edu|de|fr|es|it|nl|pl|uk|co|io|me|ru)(?!\w)",
    re.IGNORECASE,
)
_PHONE = re.compile(
    r"(?<![\w.,$€£#/+-])(?:\+|\(\+|00)?\(?\d[\d ().\-/]{5,24}\d(?:\s?(?:x|ext\.?)\s?\d{1,6})?(?![\w%$€£])"
)
_NANP = re.compile(r"(?:\+?1[-. ])?(?:\(\d{3}\) ?|\d{3}[-.])\d{3}[-.]\d{4}")
_NOT_A_PHONE = re.compile(r"\d{4}[-/.]\d{1,2}[-/.]\d{1,2}|\d{1,2}[-/.]\d{1,2}[-/.]\d{2,4}|\d{1,3}(?:\.\d{1,3}){3}")
_PHONE_WORD = re.compile(
    r"(?<!\w)(?:tele)?(?:phones?|call|called|calling|ring|tel|mob|mobile|cell|desk|fax|sms|whats ?app|te?xt|reach|fone|"
    r"(?:my|his|her|their) numbers? is|messages? to|answering|registered|"
    r"telefon|anruf\w{0,3}|ruf|handy|(?:ruf|handy)nummer|"
    r"tél(?:éphone)?|appel\w{0,3}|"
    r"portable|numéro|llam\w{1,4}|teléfono|móvil|chiam\w{1,4}|cellulare|telefono)(?!\w)",
    re.IGNORECASE,
)
_PHONE_WORD_AFTER = re.compile(r"[\s,-]{0,2}(?:office|fax|mobile|cell|home|work|desk)(?!\w)", re.IGNORECASE)
_IPV4 = re.compile(r"(?<![\w.-])(?:\d{1,3}\.){3}\d{1,3}(?![\w-])(?!\.\d)")
_IPV6 = re.compile(r"(?<![\w:.])(?=[0-9a-fA-F:]{4,39}(?![\w:.]))[0-9a-fA-F]{0,4}(?::[0-9a-fA-F]{0,4}){2,7}")


def emails(text: str) -> Iterator[Finding]:
    """Addresses as written and spelt out (`jo at example dot com`). The mask keeps the first letter and the ending."""
    at = text.find("@")
    while at != -1:
        local = _LOCAL_PART.search(text, max(0, at - 64), at)
        domain = _DOMAIN.match(text, at + 1)
        if local and domain:
            name = local[0].strip(".!'`*/=?{|}")
            if name:
                start = local.end() - len(local[0].lstrip(".!'`*/=?{|}"))
                yield Finding("email", "", start, domain.end(), _mask(name, domain[0]))
        at = text.find("@", at + 1)
    for match in _SPELT_OUT.finditer(text):
        masked = _mask(match["local"], f"{match['domain']}.{match['end']}")
        yield Finding("email", "spelt-out", match.start(), match.end(), masked)


def _mask(local: str, domain: str) -> str:
    return f"{local[0]}•••@•••.{domain.rpartition('.')[2]}"


def phones(text: str, region: str | None) -> Iterator[Finding]:
    """Telephone numbers: international ones, those valid in `region` (ISO 3166 alpha-2, None: unknown), those in the
    North American form, and those beside a word such as "call" that have 7 to 15 digits (ITU-T E.164).
    """
    for match in _PHONE.finditer(text):
        written = match[0]
        if _NOT_A_PHONE.fullmatch(written.strip()):
            continue
        digits = sum(c.isdigit() for c in written)
        detail = _phone(text, match.start(), written, digits, region)
        if detail:
            yield Finding("phone", detail, match.start(), match.end(), last_digits(written, 2))


def _phone(text: str, start: int, written: str, digits: int, region: str | None) -> str:
    """Which evidence makes this a telephone number; '' if none does."""
    if digits > 17:
        return ""
    if written.startswith(("+", "(+")):
        return "international" if _valid(written, None) else ""
    if written.startswith("00") and _valid("+" + written[2:], None):
        return "international"
    if region is not None and _valid(written, region):
        return "national"
    if _NANP.match(written) and _valid(written, "US"):
        return "national"
    near = text[max(0, start - 24) : start]
    beside = _PHONE_WORD.search(near) or _PHONE_WORD_AFTER.match(text, start + len(written))
    return "labelled" if beside and 7 <= digits <= 15 else ""


def _valid(written: str, region: str | None) -> bool:
    import phonenumbers  # here: a tenth of a second, which a process that reads no number needn't wait for

    try:
        return phonenumbers.is_valid_number(phonenumbers.parse(written, region))
    except phonenumbers.NumberParseException:
        return False


def addresses(text: str) -> Iterator[Finding]:
    """Public IP addresses, as could lead to somebody. Private, loopback and documentation ranges lead to nobody."""
    for pattern in (_IPV4, _IPV6):
        for match in pattern.finditer(text):
            try:
                address = ipaddress.ip_address(match[0])
            except ValueError:
                continue
            if address.is_global and not labelled(
                text, match.start(), frozenset({"version", "firmware", "release"}), 12
            ):
                yield Finding("ip", f"v{address.version}", match.start(), match.end(), match[0][:2] + "•••")
