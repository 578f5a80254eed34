"""The Merkle tree of RFC 9162, section 2.1 (the same as RFC 6962's): hashes, roots, and the two kinds of proof.

A tree is only ever a size and a way to read hashes. `Frontier` grows one leaf at a time in a few hundred bytes of
memory; proofs read the complete subtrees they need through a `NodeReader`, which `tiles.py` makes from tiles.
"""

import hashlib
from collections.abc import Callable, Iterable, Sequence

EMPTY_ROOT = hashlib.sha256(b"").digest()  # RFC 9162, section 2.1.1: the hash of an empty list

#: (level, index) -> the hash of the complete subtree of 2**level leaves that starts at leaf `index * 2**level`.
NodeReader = Callable[[int, int], bytes]


class BadProof(ValueError):
    """A proof that does not prove what it claims; the text says which check failed."""


def leaf_hash(data: bytes) -> bytes:
    return hashlib.sha256(b"\x00" + data).digest()


def node_hash(left: bytes, right: bytes) -> bytes:
    return hashlib.sha256(b"\x01" + left + right).digest()


def root_of(hashes: Sequence[bytes]) -> bytes:
    """The root over these leaf hashes (any number, also none)."""
    frontier = Frontier()
    frontier.extend(hashes)
    return frontier.root()


class Frontier:
    """A growing tree, kept as the roots of its complete subtrees, largest first: one for each 1 bit of `size`."""

    def __init__(self, size: int = 0, roots: Iterable[bytes] = ()) -> None:
        self.size = size
        self.roots = list(roots)
        if len(self.roots) != size.bit_count():
            raise ValueError(f"a tree of {size} leaves has {size.bit_count()} complete subtrees, not {len(self.roots)}")

    def append(self, leaf: bytes) -> None:
        sha256, roots, size = hashlib.sha256, self.roots, self.size
        while size & 1:
            leaf = sha256(b"\x01" + roots.pop() + leaf).digest()
            size >>= 1
        roots.append(leaf)
        self.size += 1

    def extend(self, leaves: Iterable[bytes]) -> None:
        for leaf in leaves:
            self.append(leaf)

    def root(self) -> bytes:
        if not self.roots:
            return EMPTY_ROOT
        root = self.roots[-1]
        for left in reversed(self.roots[:-1]):
            root = node_hash(left, root)
        return root


def read_frontier(size: int, read: NodeReader) -> Frontier:
    """The frontier of the tree's first `size` leaves."""
    return Frontier(size, [read(level, index) for level, index in _complete(0, size)])


def read_root(size: int, read: NodeReader) -> bytes:
    return read_frontier(size, read).root()


def inclusion_proof(index: int, size: int, read: NodeReader) -> list[bytes]:
    """The hashes that lead from leaf `index` to the root of the tree of `size` leaves, the leaf's sibling first.

    RFC 9162, section 2.1.3.1. Raises ValueError unless 0 <= index < size.
    """
    if not 0 <= index < size:
        raise ValueError(f"leaf {index} is not in a tree of {size} leaves")
    return _path(index, 0, size, read)


def _path(index: int, start: int, end: int, read: NodeReader) -> list[bytes]:
    """Siblings on the way from leaf `index` up to the root of leaves [start, end)."""
    proof: list[bytes] = []
    while end - start > 1:
        middle = start + _split(end - start)
        if index < middle:
            proof.append(_range_root(middle, end, read))
            end = middle
        else:
            proof.append(_range_root(start, middle, read))
            start = middle
    return proof[::-1]


def consistency_proof(old: int, new: int, read: NodeReader) -> list[bytes]:
    """The hashes that show that the first `old` leaves of the tree of `new` leaves are the tree of `old` leaves.

    RFC 9162, section 2.1.4.1. Empty if `old` is 0 or `new`. Raises ValueError unless 0 <= old <= new.
    """
    if not 0 <= old <= new:
        raise ValueError(f"a tree of {old} leaves cannot grow into one of {new}")
    proof: list[bytes] = []
    start, end, whole = 0, new, True  # whole: the subtree [0, old) itself is still a node of the old tree's spine
    if old in (0, new):
        return proof
    while old != end:
        middle = start + _split(end - start)
        if old <= middle:
            proof.append(_range_root(middle, end, read))
            end = middle
        else:
            proof.append(_range_root(start, middle, read))
            start, whole = middle, False
    if not whole:
        proof.append(_range_root(start, end, read))
    return proof[::-1]


def check_inclusion(leaf: bytes, index: int, size: int, proof: Sequence[bytes], root: bytes) -> None:
    """Raise BadProof unless `proof` leads from `leaf` at `index` to `root`. RFC 9162, section 2.1.3.2."""
    if not 0 <= index < size:
        raise BadProof(f"leaf {index} is not in a tree of {size} leaves")
    _check_lengths([leaf, root, *proof])
    node, last, current = index, size - 1, leaf
    for sibling in proof:
        if last == 0:
            raise BadProof("the inclusion proof is too long")
        if node & 1 or node == last:
            current = node_hash(sibling, current)
            while not node & 1 and node:
                node, last = node >> 1, last >> 1
        else:
            current = node_hash(current, sibling)
        node, last = node >> 1, last >> 1
    if last:
        raise BadProof("the inclusion proof is too short")
    if current != root:
        raise BadProof("the inclusion proof leads to another root")


def check_consistency(old: int, new: int, old_root: bytes, new_root: bytes, proof: Sequence[bytes]) -> None:
    """Raise BadProof unless `proof` shows that the old tree is a prefix of the new one. RFC 9162, section 2.1.4.2."""
    if not 0 <= old <= new:
        raise BadProof(f"a tree of {old} leaves cannot grow into one of {new}")
    if old in (0, new):
        if proof:
            raise BadProof("the consistency proof should be empty")
        if old == new and old_root != new_root:
            raise BadProof("two roots for one size")
        return
    _check_lengths([old_root, new_root, *proof])
    hashes = [old_root, *proof] if old & (old - 1) == 0 else list(proof)
    if not hashes:
        raise BadProof("the consistency proof is too short")
    node, last = old - 1, new - 1
    while node & 1:
        node, last = node >> 1, last >> 1
    first = second = hashes[0]
    for hash_ in hashes[1:]:
        if last == 0:
            raise BadProof("the consistency proof is too long")
        if node & 1 or node == last:
            first, second = node_hash(hash_, first), node_hash(hash_, second)
            while not node & 1 and node:
                node, last = node >> 1, last >> 1
        else:
            second = node_hash(second, hash_)
        node, last = node >> 1, last >> 1
    if last:
        raise BadProof("the consistency proof is too short")
    if first != old_root:
        raise BadProof("the consistency proof leads to another old root")
    if second != new_root:
        raise BadProof("the consistency proof leads to another new root")


def _check_lengths(hashes: Iterable[bytes]) -> None:
    if any(len(hash_) != 32 for hash_ in hashes):
        raise BadProof("a hash has not 32 bytes")


def _split(count: int) -> int:
    """The largest power of two below `count`, which is at least 2."""
    return 1 << (count - 1).bit_length() - 1


def _complete(start: int, end: int) -> list[tuple[int, int]]:
    """The complete subtrees that leaves [start, end) fall into, largest first; `start` is a multiple of the largest."""
    nodes = []
    for level in reversed(range((end - start).bit_length())):
        if (end - start) >> level & 1:
            nodes.append((level, start >> level))
            start += 1 << level
    return nodes


def _range_root(start: int, end: int, read: NodeReader) -> bytes:
    nodes = _complete(start, end)
    return Frontier(end - start, [read(level, index) for level, index in nodes]).root()
