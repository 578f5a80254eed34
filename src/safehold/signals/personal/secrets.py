"""Keys, tokens and passwords that open something for whoever reads them.

A format that can't be anything else, or a checksum, or an assignment (`password = ...`) of something that looks random.
Called by the personal signal. To add a format, add one line to `_FORMATS`.
"""

import base64
import binascii
import json
import math
import re
import zlib
from collections import Counter
from collections.abc import Callable, Iterator

from safehold.signals.personal.finding import Finding

_BASE62 = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"


def entropy(text: str) -> float:
    """Shannon's entropy of the characters, bits a character. Random base64 of 40 has about 4.8, a word about 2.5."""
    return -sum(n / len(text) * math.log2(n / len(text)) for n in Counter(text).values())


def _random(least: float) -> Callable[[str], bool]:
    return lambda value: entropy(value) >= least and not _PLACEHOLDER.search(value)


def _crc(value: str) -> bool:
    """The last six characters are the CRC-32 of the part between the prefix and them, in base 62 (GitHub, npm)."""
    body, check = value.rpartition("_")[2][:-6], value[-6:]
    number, digits = zlib.crc32(body.encode()), ""
    while number:
        number, rest = divmod(number, 62)
        digits = _BASE62[rest] + digits
    return digits.rjust(6, "0") == check


def _jwt(value: str) -> bool:
    """A JSON Web Token says so itself: its first part is JSON with `alg` (RFC 7515)."""
    head = value.split(".")[0]
    try:
        decoded = json.loads(base64.urlsafe_b64decode(head + "=" * (-len(head) % 4)))
    except (ValueError, binascii.Error, RecursionError):
        return False
    return isinstance(decoded, dict) and "alg" in decoded


def _not_placeholder(value: str) -> bool:
    return not _PLACEHOLDER.search(value)


_PLACEHOLDER = re.compile(
    r"example|changeme|placeholder|your|dummy|redacted|xxxx|\*{3}|\.\.\.|<|\$\{|1234567890", re.IGNORECASE
)

#: (detail, a literal that must be there, pattern, what else must hold). The literal keeps most texts from any pattern.
_FORMATS: tuple[tuple[str, str, re.Pattern[str], Callable[[str], bool]], ...] = (
    ("aws-access-key", "A", re.compile(r"(?<!\w)(?:AKIA|ASIA|ABIA|ACCA)[A-Z2-7]{16}(?!\w)"), _random(3.0)),
    ("github-token", "gh", re.compile(r"(?<!\w)gh[pousr]_[A-Za-z0-9]{36}(?!\w)"), _crc),
    ("github-token", "github_pat_", re.compile(
        r"(?<!\w)github_pat_[A-Za-z0-9]{22}_[A-Za-z0-9]{59}(?!\w)"), _random(4.0)),
    ("npm-token", "npm_", re.compile(r"(?<!\w)npm_[A-Za-z0-9]{36}(?!\w)"), _crc),
    ("gitlab-token", "glpat-", re.compile(r"(?<!\w)glpat-[\w-]{20,27}(?![\w-])"), _random(3.5)),
    ("slack-token", "xox", re.compile(r"(?<!\w)xox[abeprs]-[A-Za-z0-9-]{20,250}(?![\w-])"), _random(3.0)),
    ("slack-webhook", "hooks.slack.com", re.compile(
        r"hooks\.slack\.com/(?:services|workflows)/T\w{8,12}/\w{8,12}/\w{20,26}(?!\w)"), _random(3.5)),
    ("stripe-key", "k_live_", re.compile(r"(?<!\w)[sr]k_live_[A-Za-z0-9]{24,247}(?!\w)"), _random(3.5)),
    ("google-api-key", "AIza", re.compile(r"(?<!\w)AIza[\w-]{35}(?![\w-])"), _random(3.5)),
    ("google-oauth-secret", "GOCSPX-", re.compile(r"(?<!\w)GOCSPX-[\w-]{28}(?![\w-])"), _random(3.5)),
    ("sendgrid-key", "SG.", re.compile(r"(?<!\w)SG\.[\w-]{22}\.[\w-]{43}(?![\w-])"), _random(4.0)),
    ("pypi-token", "pypi-", re.compile(r"(?<!\w)pypi-AgEIcHlwaS5vcmc[\w-]{50,250}"), _random(4.0)),
    ("telegram-bot-token", ":AA", re.compile(r"(?<!\w)\d{8,10}:AA[\w-]{33}(?![\w-])"), _random(4.0)),
    ("discord-bot-token", ".", re.compile(
        r"(?<![\w.])[MNO][A-Za-z0-9_-]{23,27}\.[\w-]{6}\.[\w-]{27,38}(?![\w.-])"), _random(4.0)),
    ("jwt", "eyJ", re.compile(r"(?<![\w.])eyJ[\w-]{8,2000}\.eyJ[\w-]{4,4000}\.[\w-]{20,1000}(?![\w-])"), _jwt),
    ("private-key", "PRIVATE KEY", re.compile(
        r"-----BEGIN (?:[A-Z0-9]{2,10} ){0,2}PRIVATE KEY(?: BLOCK)?-----(?=\s{0,4}[A-Za-z0-9+/=:\s]{40})"),
        _not_placeholder),
    ("credentials-in-url", "://", re.compile(
        r"(?<!\w)(?:https?|ftp|postgres(?:ql)?|mysql|mariadb|mongodb(?:\+srv)?|rediss?|amqps?|smtps?)://[^\s:/@]{1,64}:"
        r"[^\s:/@]{4,128}@[\w.-]{3,253}"), _not_placeholder),
)  # fmt: skip

_ASSIGNED = re.compile(
    r"(?P<name>pass(?:word|wd|phrase|wort)?|pwd|mot de passe|contraseña|secret(?:[_ -]?(?:access)?[_ -]?key)?|"
    r"api[_ -]?key|access[_ -]?token|auth[_ -]?token|client[_ -]?secret)[\"']?\s{0,3}(?:is\s|[:=]{1,2}|=>)\s{0,3}"
    r"[\"']?(?P<value>[^\s\"'`,;<>]{8,128})",
    re.IGNORECASE,
)


def secrets(text: str) -> Iterator[Finding]:
    """Secrets by format or checksum (`detail` names the issuer), then by assignment (`detail` is `assigned`)."""
    for detail, literal, pattern, valid in _FORMATS:
        if literal not in text:
            continue
        for match in pattern.finditer(text):
            if valid(match[0]):
                yield Finding("secret", detail, match.start(), match.end(), _masked(match[0]))
    for match in _ASSIGNED.finditer(text):
        if _looks_random(match["value"]):
            yield Finding("password", "assigned", match.start("value"), match.end("value"), "••••")


def _looks_random(value: str) -> bool:
    """At least three of lower, upper, digit, sign, or 20 characters of two; no placeholder, no link, no plain word."""
    if _PLACEHOLDER.search(value) or "://" in value or entropy(value) < 2.75:
        return False
    classes = sum(any(test(c) for c in value) for test in (str.islower, str.isupper, str.isdigit, _is_sign))
    return classes >= 3 or (classes == 2 and len(value) >= 20 and any(c.isdigit() for c in value))


def _is_sign(character: str) -> bool:
    return not character.isalnum() and character not in ".!?)"


def _masked(value: str) -> str:
    """The public part: a prefix that names the issuer, or a URL's scheme."""
    return f"{value[: min(4, len(value) // 4)]}••••"
