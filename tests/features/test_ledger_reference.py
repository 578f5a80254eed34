"""The worked example in docs/reference/ledger.md is true: whoever implements the page gets these bytes."""

import hashlib
import json
import re
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from safehold.ledger.canonical import canonical
from safehold.ledger.checkpoint import open_checkpoint
from safehold.ledger.note import Signer, parse_verifier
from safehold.ledger.proof import check_proof, parse_proof
from safehold.ledger.tree import leaf_hash, root_of

PAGE = (Path(__file__).parents[2] / "docs/reference/ledger.md").read_text(encoding="utf-8")
JSON = re.findall(r"^```json\n(.*?)\n```$", PAGE, re.MULTILINE | re.DOTALL)
TEXT = re.findall(r"^```text\n(.*?\n)```$", PAGE, re.MULTILINE | re.DOTALL)


def test_the_worked_example_of_the_reference_holds() -> None:
    row, entry, before, after = JSON
    commitment, hashes, note, vkey, proof = TEXT
    assert hashlib.sha256(b"\x5f" * 32 + row.encode()).hexdigest() == commitment.strip()
    assert json.loads(entry)["commitment"] == commitment.strip()
    for text in JSON:
        assert canonical(json.loads(text)).decode() == text
    leaves = [leaf_hash(text.encode()) for text in (before, entry, after)]
    assert hashes.split() == [leaves[1].hex(), root_of(leaves).hex()]

    log = parse_verifier(vkey.strip())
    signer = Signer("example.com/ledger", Ed25519PrivateKey.from_private_bytes(bytes(range(32))))
    assert signer.verifier == log
    checkpoint = open_checkpoint(note, log)
    assert (checkpoint.size, checkpoint.root) == (3, root_of(leaves))
    assert str(signer.sign(checkpoint.text)) == note

    assert check_proof(parse_proof(proof), entry.encode(), log) == checkpoint
    assert parse_proof(proof).extra == entry.encode()
