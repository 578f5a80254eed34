"""From an item to the line of its key: how texts, domains and digests are looked up in an index of keys. Tables call
`lookups` once and keep the two functions; they run for every event, so each is written out.
"""

from binascii import a2b_base64, b2a_base64
from collections.abc import Callable, Collection

from safehold.engine.lists.values import ascii_domain, digest_of, folded

Has = Callable[[str], bool]
All = Callable[[str], list[int]]
_DIGITS = frozenset(b"0123456789")


def key_of(kind: str, value: str) -> bytes:
    """What an entry in normal form is found by: its bytes; of a digest a shorter text, which has no line breaks."""
    return b2a_base64(bytes.fromhex(value), newline=False) if kind == "hash" else value.encode()


def digest_text(key: bytes) -> str:
    """The digest, in hexadecimal, that has this key."""
    return a2b_base64(key).hex()


def lookups(
    kind: str,
    fold: bool,
    depths: Collection[int],
    find: Callable[[bytes], int | None],
    has: Callable[[bytes], bool],
) -> tuple[Has, All]:
    """(whether an item matches any entry, the positions of all it matches) for a kind that is found by keys.

    `depths` are the numbers of labels that the entries of a list of domains have.
    """
    if kind == "domain_suffix":
        return _suffixes(find, has, depths)
    if kind == "hash":
        return _digests(find, has)
    return _texts(find, has, fold)


def _texts(find: Callable[[bytes], int | None], has: Callable[[bytes], bool], fold: bool) -> tuple[Has, All]:
    def has_text(item: str) -> bool:
        return has(f"\n{folded(item) if fold else item}\n".encode("utf-8", "surrogatepass"))

    def all_texts(item: str) -> list[int]:
        at = find(f"\n{folded(item) if fold else item}\n".encode("utf-8", "surrogatepass"))
        return [] if at is None else [at]

    return has_text, all_texts


def _digests(find: Callable[[bytes], int | None], has: Callable[[bytes], bool]) -> tuple[Has, All]:
    def has_digest(item: str) -> bool:
        digest = digest_of(item)
        return digest is not None and has(b"\n" + b2a_base64(digest))

    def all_digests(item: str) -> list[int]:
        digest = digest_of(item)
        at = find(b"\n" + b2a_base64(digest)) if digest is not None else None
        return [] if at is None else [at]

    return has_digest, all_digests


def _suffixes(
    find: Callable[[bytes], int | None], has: Callable[[bytes], bool], depths: Collection[int]
) -> tuple[Has, All]:
    """No other ending of a domain is asked for than one with a number of labels that an entry has. A host that is an IPv4
    address is only ever the whole of an entry: its parts are no domains."""
    asked = tuple(depth in depths for depth in range(max(depths, default=0) + 1))[1:]

    def has_ending(item: str) -> bool:
        domain = ascii_domain(item)
        if not domain:
            return False
        whole = domain.encode("utf-8", "surrogatepass") + b"\n"
        if whole[-2] in _DIGITS and whole[whole.rfind(b".") + 1 : -1].isdigit():
            return has(b"\n" + whole)
        dot = len(whole)
        for wanted in asked:
            dot = whole.rfind(b".", 0, dot)
            if wanted and has(b"\n" + whole[dot + 1 :]):
                return True
            if dot < 0:
                return False
        return False

    def all_endings(item: str) -> list[int]:
        domain = ascii_domain(item)
        if not domain:
            return []
        labels = domain.encode("utf-8", "surrogatepass").split(b".")
        starts = [0] if labels[-1].isdigit() else range(len(labels))
        lines = (b"\n%b\n" % b".".join(labels[start:]) for start in starts)
        return [at for line in lines if (at := find(line)) is not None]

    return has_ending, all_endings
