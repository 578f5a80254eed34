"""Signing checkpoints: the only place that uses the log's key. The site runs `keep_signing` in a worker thread.

A log must never sign two roots that contradict each other, so before each signature the tree of the last checkpoint is
built again from what is stored; if it has another root now, nothing is signed and the record says so until it is mended.
"""

import threading
from collections.abc import Iterator

import structlog
from django.db import connection, transaction
from django.utils import timezone

from safehold.ledger.checkpoint import sign_checkpoint
from safehold.ledger.tiles import resume
from safehold.ledger.tree import leaf_hash, read_frontier
from safehold.record.log import latest_checkpoint, read_row, reader, signer
from safehold.record.models import Checkpoint, LedgerEntry, Tile

#: PostgreSQL's advisory lock of whoever signs: the first eight bytes of SHA-256("safehold checkpoint"), signed.
SIGNING_LOCK = 7668577668080839582
#: Entries taken into one checkpoint, so that on SQLite the writers never wait for long.
AT_ONCE = 65_536

log = structlog.get_logger(__name__)


class LedgerAltered(Exception):
    """What is stored is no longer what was signed. `safehold ledger verify` says where."""


def checkpoint_once() -> Checkpoint:
    """Sign what was appended since the last checkpoint, if anything was; return the newest checkpoint.

    The first of all is signed even over an empty log, so that a witness can begin at the beginning.

    Signs at most AT_ONCE entries: call again until the size stays the same. Raises LedgerAltered rather than sign
    a log that contradicts an earlier checkpoint.
    """
    last = latest_checkpoint()
    if last and not LedgerEntry.objects.filter(index__gte=last.size).exists():
        return last
    with transaction.atomic():
        if connection.vendor == "postgresql":
            with connection.cursor() as cursor:
                cursor.execute("SELECT pg_advisory_xact_lock(%s)", (SIGNING_LOCK,))
        return _sign_next(latest_checkpoint())


def _sign_next(last: Checkpoint | None) -> Checkpoint:
    start = last.size if last else 0
    frontier = read_frontier(start, reader(start))
    if last and frontier.root() != bytes(last.root):
        raise LedgerAltered(f"the first {start} entries no longer have the root that was signed for them")
    leaves = list(_leaves(start))
    if last and not leaves:
        return last
    frontier.extend(leaves)
    tiles = resume(start, read_row).extend(leaves)
    Tile.objects.bulk_create(
        (Tile(level=tile.level, index=tile.index, hashes=tile.hashes, root=tile.root) for tile in tiles), batch_size=500
    )
    root = frontier.root()
    return Checkpoint.objects.create(
        size=frontier.size, root=root, note=str(sign_checkpoint(signer(), frontier.size, root)), at=timezone.now()
    )


def _leaves(start: int) -> Iterator[bytes]:
    """Leaf hashes of the next entries, made from their texts. Raises LedgerAltered for a gap or another stored hash."""
    entries = LedgerEntry.objects.filter(index__gte=start, index__lt=start + AT_ONCE).order_by("index")
    columns = entries.values_list("index", "body", "leaf_hash")
    for expected, (index, body, stored) in enumerate(columns.iterator(chunk_size=5000), start):
        hash_ = leaf_hash(body.encode())
        if index != expected or hash_ != bytes(stored):
            raise LedgerAltered(f"entry {expected} is {'missing' if index != expected else 'not what was appended'}")
        yield hash_


def keep_signing(stop: threading.Event, every: float = 10.0) -> None:
    """Sign a checkpoint whenever there is something new, looking every `every` seconds, until `stop` is set.

    A failure is logged and tried again at the next turn: the platform's decisions must not wait for it.
    """
    while not stop.wait(every):
        try:
            size = -1
            while (signed := checkpoint_once().size) != size and not stop.is_set():
                size = signed
        except LedgerAltered as error:
            log.critical("ledger_altered", problem=str(error), what_to_do="run `safehold ledger verify`")
        except Exception:
            log.exception("checkpoint_failed")
        finally:
            connection.close()
