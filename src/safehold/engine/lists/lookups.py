"""From an item to the line of its key: how texts, domains and digests are looked up in an index of keys. Tables call
`lookups` once and keep the two functions; they run for every event, so each is written out.
"""

from binascii import a2b_base64, b2a_base64
from collections.abc import Callable, Collection, Iterator
from zlib import crc32

from safehold.engine.lists.keys import MARKED, PASSED, Marks, line
from safehold.engine.lists.values import ALGORITHMS, address_of, ascii_domain, digest_of, folded

#: Takes an item, and whatever else a lookup has at hand: what holds at all times needs no clock, and is called as if it did.
Has = Callable[..., bool]
All = Callable[[str], list[int]]
#: Whether a line, whose CRC-32 comes with it, is there.
HasAt = Callable[[bytes, int], bool]
#: What a domain ends with that needs a second look: digits (an IPv4 address?), a dot, a hyphen. All stand before this.
_LETTERS = ord("9") + 1


def key_of(kind: str, value: str) -> bytes:
    """What an entry in normal form is found by: its bytes; of a digest a shorter text, which has no line breaks."""
    return b2a_base64(bytes.fromhex(value), newline=False) if kind == "hash" else value.encode()


def digest_text(key: bytes) -> str:
    """The digest, in hexadecimal, that has this key."""
    return a2b_base64(key).hex()


def depths_of(values: Collection[str]) -> list[int]:
    """The numbers of labels that the domains of a list have. An IPv4 address among them has none."""
    return sorted({value.count(".") + 1 for value in values if not _is_address(value)})


def endings(value: str, least: int) -> Iterator[bytes]:
    """The lines of a domain's endings that have `least` labels or more, the shortest first; of an IPv4 address none."""
    if not _is_address(value):
        labels = value.encode().split(b".")
        for start in range(len(labels) - least, -1, -1):
            yield line(b".".join(labels[start:]))


def _is_address(value: str) -> bool:
    return value[-1].isdecimal() and address_of(value) is not None


def _bytes(text: str) -> bytes:
    """Of any text: an item may have half of a surrogate pair, no entry does."""
    return text.encode("utf-8", "surrogatepass")


def texts(find: Callable[[bytes], int | None], has_at: HasAt, fold: bool) -> tuple[Has, All]:
    """(whether an item matches any entry, the positions of all it matches) of a list of kind `exact`."""

    def has_text(item: str, _: object = None) -> bool:
        if type(item) is not str:
            return False
        try:
            wanted = f"{item}\n".encode()  # with the name of an error handler it takes twice as long
        except UnicodeEncodeError:
            wanted = _bytes(f"{item}\n")
        return has_at(wanted, crc32(wanted))

    def has_folded(item: str, _: object = None) -> bool:
        return type(item) is str and has_at(wanted := _bytes(f"{folded(item)}\n"), crc32(wanted))

    def all_texts(item: str) -> list[int]:
        at = find(_bytes(f"{folded(item) if fold else item}\n"))
        return [] if at is None else [at]

    return has_folded if fold else has_text, all_texts


def digests(find: Callable[[bytes], int | None], has_at: HasAt) -> tuple[Has, All]:
    """The same for a list of digests."""
    fromhex = bytes.fromhex

    def has_digest(item: str, _: object = None) -> bool:
        if type(item) is not str or len(item) not in ALGORITHMS:
            return False
        try:
            digest = fromhex(item)
        except ValueError:
            return False
        # fromhex passes over spaces; the line break of the line is b2a_base64's own.
        return len(digest) * 2 == len(item) and has_at(wanted := b2a_base64(digest), crc32(wanted))

    def all_digests(item: str) -> list[int]:
        digest = digest_of(item)
        at = find(b2a_base64(digest)) if digest is not None else None
        return [] if at is None else [at]

    return has_digest, all_digests


def suffixes(
    find: Callable[[bytes], int | None], has_at: HasAt, depths: Collection[int], marks: Marks
) -> tuple[Has, All]:
    """The same for a list of domains. `depths` are the numbers of labels that entries have, `marks` those of `endings`.

    An item's endings are asked for from the shortest one that an entry can be, and no further once no entry ends so. A host
    that is an IPv4 address is only ever the whole of an entry: its parts are no domains.
    """
    least, most = min(depths, default=1), max(depths, default=0)
    above = range(least - 1)  # the labels at the end that are no entry by themselves
    asked = tuple(depth in depths for depth in range(least, most + 1))
    blob, base, shift = marks

    def has_ending(item: str, _: object = None) -> bool:
        if type(item) is not str:
            return False
        whole = item.lower().encode() if item.isascii() else _bytes(ascii_domain(item) or "")
        if not whole:
            return False
        if whole[-1] < _LETTERS:
            whole = whole.rstrip(b".")
            if whole[whole.rfind(b".") + 1 :].isdigit():
                return has_at(whole := whole + b"\n", crc32(whole))
            if not whole:
                return False
        dot = len(whole)
        whole += b"\n"
        for _ in above:
            dot = whole.rfind(b".", 0, dot)
        if dot < 0:
            return False
        for wanted in asked:
            dot = whole.rfind(b".", 0, dot)
            if wanted:
                ending = whole[dot + 1 :]
                crc = crc32(ending)
                flags = blob[base + (crc >> shift)] >> (crc & 3)
                if not flags & PASSED:
                    return False
                if flags & MARKED and has_at(ending, crc):
                    return True
            if dot < 0:
                return False
        return False

    def all_endings(item: str) -> list[int]:
        domain = ascii_domain(item)
        if not domain:
            return []
        labels = _bytes(domain).split(b".")
        if labels[-1].isdigit():
            at = find(line(b".".join(labels)))
            return [] if at is None else [at]
        count, found = len(labels), []
        for start in range(max(0, count - most), count):
            if count - start in depths:
                ending = line(b".".join(labels[start:]))
                crc = crc32(ending)
                if blob[base + (crc >> shift)] >> (crc & 3) & MARKED and (at := find(ending)) is not None:
                    found.append(at)
        return found

    return has_ending, all_endings
