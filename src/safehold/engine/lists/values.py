"""The normal form of entries and of what is looked up, for each kind of list. Whoever takes in an entry calls `normal`;
tables call the functions that turn an item into what they are keyed by.
"""

import ipaddress
import re
import socket
import unicodedata

import idna
import re2

from safehold.engine.lists.entry import MAX_VALUE_BYTES, BadEntry

#: Hexadecimal digits of a digest -> its algorithm.
ALGORITHMS = {32: "md5", 40: "sha1", 64: "sha256"}
#: The memory one pattern may take when it is compiled, in bytes.
PATTERN_MEMORY = 1 << 20
_LABELS = re.compile(r"[a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?(\.[a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?)*")
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")


def normal(kind: str, text: str, fold: bool = False) -> str:
    """The value of an entry as a list of this kind keeps it. Raises BadEntry.

    `fold` is for lists of kind `exact` whose lookups take no account of case and width (NFKC and case folding).
    """
    # Most of a long list of domains is in normal form already, and says so in one look; a digit may end an address.
    if kind == "domain_suffix" and len(text) <= 253 and _LABELS.fullmatch(text) and not text[-1].isdecimal():
        return text
    text = text.strip()
    if not text:
        raise BadEntry("an entry must not be empty")
    if len(text.encode("utf-8", "surrogatepass")) > MAX_VALUE_BYTES:
        raise BadEntry(f"an entry may have {MAX_VALUE_BYTES:,} bytes; this has more")
    if found := _CONTROL.search(text):
        raise BadEntry(f"an entry must not have the control character U+{ord(found[0]):04X}")
    try:
        text.encode()
    except UnicodeEncodeError:
        raise BadEntry("an entry must be text: half of a surrogate pair is none") from None
    if kind == "exact":
        return folded(text) if fold else text
    return {"domain_suffix": _domain, "cidr": _block, "regex_set": _pattern, "hash": _digest}[kind](text)


def folded(text: str) -> str:
    """Without differences of case, width and composition."""
    return unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", text).casefold())


def ascii_domain(text: str) -> str | None:
    """A domain in lower case and in Punycode, without a final dot; None for a text that can't be one.

    After UTS 46, without IDNA 2008's further restrictions: domains with emoji resolve, so they can be on a list.
    """
    if text.isascii():
        return text.lower().rstrip(".")
    try:
        mapped = idna.uts46_remap(text, std3_rules=False, transitional=False)
        labels = [
            label if label.isascii() else f"xn--{label.encode('punycode').decode()}" for label in mapped.split(".")
        ]
    except (idna.IDNAError, UnicodeError, IndexError):
        return None
    return ".".join(labels).rstrip(".")


def address_of(text: str) -> tuple[bool, int] | None:
    """(is it IPv6, the number) of an IP address; an IPv4 address inside IPv6 (`::ffff:192.0.2.1`) is the IPv4 one."""
    try:
        if ":" not in text:
            return False, int.from_bytes(socket.inet_pton(socket.AF_INET, text), "big")
        number = int.from_bytes(socket.inet_pton(socket.AF_INET6, text), "big")
    except (OSError, ValueError):
        return None
    return (False, number & 0xFFFF_FFFF) if number >> 32 == 0xFFFF else (True, number)


def digest_of(text: str) -> bytes | None:
    """The bytes of an MD5, SHA-1 or SHA-256 in hexadecimal, in either case; None for anything else."""
    if len(text) not in ALGORITHMS:
        return None
    try:
        found = bytes.fromhex(text)
    except ValueError:
        return None
    return found if len(found) * 2 == len(text) else None  # fromhex passes over spaces


def pattern_options() -> re2.Options:
    options = re2.Options()
    options.max_mem = PATTERN_MEMORY
    options.log_errors = False
    return options


def _domain(text: str) -> str:
    if "://" in text or "/" in text:
        raise BadEntry("this is a URL or a path; write only its domain")
    if "@" in text:
        raise BadEntry("this is a mail address; write only what stands behind the @")
    domain = ascii_domain(text.removeprefix("*").lstrip("."))
    if domain is None or len(domain) > 253 or not _LABELS.fullmatch(domain):
        raise BadEntry("this is not a domain; write one such as evil.example or bücher.example")
    if domain.rpartition(".")[2].isdecimal() and address_of(domain) is None:
        raise BadEntry("this is neither a domain nor an IPv4 address; blocks belong on a list of kind `cidr`")
    return domain


def _block(text: str) -> str:
    # Most of a long list is plain addresses in their one spelling; `ipaddress` takes ten times as long to say so.
    if "/" not in text and ":" not in text and (found := address_of(text)) is not None and not found[0]:
        return text
    try:
        block = ipaddress.ip_network(text)
    except ValueError as error:
        if "has host bits set" in str(error):
            nearest = ipaddress.ip_network(text, strict=False)
            raise BadEntry(f"the block has bits behind its prefix; did you mean {nearest}?") from None
        raise BadEntry("this is not an IP address or block; write 192.0.2.7, 192.0.2.0/24 or 2001:db8::/32") from None
    if isinstance(block, ipaddress.IPv6Network):
        if block.network_address.scope_id:
            raise BadEntry("an address on a list has no zone; leave out what follows the %")
        if block.network_address.ipv4_mapped is not None and block.prefixlen >= 96:
            block = ipaddress.IPv4Network((block.network_address.ipv4_mapped, block.prefixlen - 96))
    return str(block.network_address) if block.prefixlen == block.max_prefixlen else str(block)


def _pattern(text: str) -> str:
    try:
        re2.compile(text, pattern_options())
    except re2.error as error:
        reason = error.args[0].decode("utf-8", "replace") if isinstance(error.args[0], bytes) else str(error)
        raise BadEntry(f"RE2 can't use this pattern: {reason}") from None
    return text


def _digest(text: str) -> str:
    found = digest_of(text)
    if found is None:
        raise BadEntry("this is not a digest; write 32 (MD5), 40 (SHA-1) or 64 (SHA-256) hexadecimal digits")
    return found.hex()
