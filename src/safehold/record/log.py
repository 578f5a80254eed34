"""Reading the log out of its tables: hashes by tile, the newest checkpoint, and proofs for entries."""

from dataclasses import dataclass
from functools import cache

from django.conf import settings

from safehold.ledger.note import Signer, Verifier, load_signer, parse_verifier
from safehold.ledger.proof import Proof
from safehold.ledger.tiles import WIDTH, node_reader
from safehold.ledger.tree import NodeReader, inclusion_proof
from safehold.record.models import Checkpoint, LedgerEntry, Tile
from safehold.record.registry import RECORDED


@cache
def signer() -> Signer:
    """The log's key, from SAFEHOLD_LEDGER_KEY_FILE (made at the first start), under the name SAFEHOLD_ORIGIN."""
    return load_signer(settings.SAFEHOLD_LEDGER_KEY_FILE, settings.SAFEHOLD_ORIGIN)


def known_keys() -> list[Verifier]:
    """The log's own public key, then earlier ones (SAFEHOLD_LEDGER_OLD_KEYS, C2SP verifier keys) after a rotation."""
    return [signer().verifier, *map(parse_verifier, settings.SAFEHOLD_LEDGER_OLD_KEYS)]


def read_row(level: int, index: int, width: int) -> list[bytes]:
    """The first `width` hashes of a tile. They are there for every tile that a signed checkpoint covers."""
    if width == WIDTH:
        data = bytes(Tile.objects.values_list("hashes", flat=True).get(level=level, index=index))
        return [data[at : at + 32] for at in range(0, len(data), 32)]
    first = index * WIDTH
    if level == 0:
        leaves = LedgerEntry.objects.filter(index__gte=first, index__lt=first + width).order_by("index")
        return [bytes(hash_) for hash_ in leaves.values_list("leaf_hash", flat=True)]
    roots = Tile.objects.filter(level=level - 1, index__gte=first, index__lt=first + width).order_by("index")
    return [bytes(root) for root in roots.values_list("root", flat=True)]


def reader(size: int) -> NodeReader:
    """Reads nodes of the tree of `size` entries; each tile is fetched once for as long as the reader is kept."""
    return node_reader(cache(read_row), size)


def latest_checkpoint() -> Checkpoint | None:
    return Checkpoint.objects.order_by("-size").first()


@dataclass(frozen=True)
class ProvenEntry:
    """An entry and the proof that it is in the log; `size` entries are covered by the proof's checkpoint."""

    body: str
    size: int
    proof: Proof


def prove(entry: LedgerEntry, checkpoint: Checkpoint) -> ProvenEntry:
    """The proof that `entry` is among those that `checkpoint` covers. Raises ValueError if it isn't."""
    hashes = inclusion_proof(entry.index, checkpoint.size, reader(checkpoint.size))
    proof = Proof(entry.index, tuple(hashes), checkpoint.note, entry.body.encode())
    return ProvenEntry(entry.body, checkpoint.size, proof)


def find_entries(row_id: str) -> list[LedgerEntry]:
    """Every entry about a row with this id, oldest first: ids carry their kind, so there is usually one."""
    return list(LedgerEntry.objects.filter(kind__in=list(RECORDED), subject_id=row_id).order_by("index"))
