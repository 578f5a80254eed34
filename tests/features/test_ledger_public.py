"""Anybody can follow the log and check a proof: over HTTP, with a file and no network, and by the command line."""

import json
from datetime import timedelta
from pathlib import Path
from types import SimpleNamespace

import pytest
from django.test import Client
from typer.testing import CliRunner

from safehold.cli.ledger import app
from safehold.ledger.checkpoint import open_checkpoint
from safehold.ledger.note import parse_verifier
from safehold.ledger.proof import check_proof, parse_proof
from safehold.ledger.tiles import TilePath, node_reader, width_at
from safehold.ledger.tree import check_consistency, consistency_proof, leaf_hash, read_root, root_of
from safehold.record import checkpointer, views
from safehold.record.checkpointer import checkpoint_once
from safehold.record.log import signer
from safehold.record.models import AuditEvent, Checkpoint
from safehold.record.recording import recording

pytestmark = pytest.mark.usefixtures("fresh_database", "log_key")


@pytest.fixture
def log_key(settings: SimpleNamespace, tmp_path: Path) -> None:
    settings.SAFEHOLD_LEDGER_KEY_FILE = tmp_path / "keys" / "ledger"
    settings.SAFEHOLD_ORIGIN = "example.com/ledger"
    signer.cache_clear()


@pytest.fixture
def visitor() -> Client:
    return Client()


def record_some(count: int) -> list[AuditEvent]:
    with recording() as record:
        return [record.audit("look", "event", f"evt_{number}", actor="usr_secret") for number in range(count)]


def fetch_row(visitor: Client, size: int):  # type: ignore[no-untyped-def]
    """Reads tiles as a mirror does: by HTTP, partial ones at the width the checkpoint's size gives them."""

    def read_row(level: int, index: int, width: int) -> list[bytes]:
        answer = visitor.get(f"/tile/{TilePath(level, index, width)}")
        assert answer.status_code == 200, answer.content
        assert len(answer.content) == width * 32
        return [answer.content[at : at + 32] for at in range(0, len(answer.content), 32)]

    return read_row


def test_a_mirror_follows_the_log_over_http(visitor: Client) -> None:
    seen = []
    for count in (10, 600, 90):
        record_some(count)
        checkpoint_once()
        answer = visitor.get("/checkpoint")
        assert answer["Content-Type"] == "text/plain; charset=utf-8"
        assert answer["Access-Control-Allow-Origin"] == "*"
        seen.append(open_checkpoint(answer.content.decode(), signer().verifier))
    old, middle, new = seen
    assert [checkpoint.size for checkpoint in seen] == [10, 610, 700]

    read = node_reader(fetch_row(visitor, new.size), new.size)

    assert read_root(new.size, read) == new.root
    for earlier in (old, middle):
        proof = consistency_proof(earlier.size, new.size, read)
        check_consistency(earlier.size, new.size, earlier.root, new.root, proof)


def test_the_entries_of_a_tile_hash_to_it_and_say_nothing_of_people(visitor: Client) -> None:
    record_some(300)
    checkpoint_once()
    hashes = visitor.get("/tile/0/001.p/44").content
    data = visitor.get("/tile/entries/001.p/44").content
    bodies = []
    while data:
        length = int.from_bytes(data[:2], "big")
        bodies.append(data[2 : 2 + length])
        data = data[2 + length :]
    assert b"".join(map(leaf_hash, bodies)) == hashes
    assert json.loads(bodies[0])["kind"] == "audit"
    assert not any(b"usr_secret" in body for body in bodies)


def test_complete_tiles_are_cached_for_ever_and_what_is_not_promised_is_not_served(visitor: Client) -> None:
    record_some(300)
    checkpoint_once()
    record_some(20)
    assert "immutable" in visitor.get("/tile/0/000")["Cache-Control"]
    assert visitor.get("/tile/0/000.p/3").content == visitor.get("/tile/0/000").content[:96]
    for path in ("0/001.p/45", "0/001", "0/002", "1/000.p/2", "2/000.p/1", "nonsense", "entries/001.p/45"):
        assert visitor.get(f"/tile/{path}").status_code == 404, path
    assert visitor.post("/checkpoint").status_code == 405


def test_an_empty_log_promises_nothing_yet(visitor: Client) -> None:
    assert visitor.get("/tile/0/000.p/1").status_code == 404
    signed = open_checkpoint(visitor.get("/checkpoint").content.decode(), signer().verifier)
    assert (signed.size, signed.root) == (0, root_of([]))
    assert width_at(0, 0, 0) == 0


def test_the_proof_of_a_new_entry_is_signed_on_demand(visitor: Client) -> None:
    (event,) = record_some(1)

    answer = visitor.get(f"/ledger/proof/audit/{event.id}")

    assert answer.status_code == 200
    told = answer.json()
    proof = parse_proof(told["tlog_proof"])
    assert check_proof(proof, told["entry"].encode(), parse_verifier(told["vkey"])).size == told["size"] == 1
    assert json.loads(told["entry"])["id"] == event.id


def test_checkpoints_are_not_signed_faster_than_once_a_second_on_demand(
    visitor: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert views.ON_DEMAND_EVERY.total_seconds() == 1
    monkeypatch.setattr(views, "ON_DEMAND_EVERY", timedelta(hours=1))  # a second may go by between two lines here
    record_some(1)
    checkpoint_once()
    (event,) = record_some(1)

    answer = visitor.get(f"/ledger/proof/audit/{event.id}")

    assert (answer.status_code, answer["Retry-After"]) == (202, "1")
    assert Checkpoint.objects.count() == 1


def test_there_is_no_proof_of_what_never_was(visitor: Client) -> None:
    answer = visitor.get("/ledger/proof/decision/dec_nothing")
    assert answer.status_code == 404
    assert answer.json() == {"error": "The ledger has no entry about decision dec_nothing."}


def test_a_proof_is_made_and_checked_by_the_command_line(tmp_path: Path) -> None:
    events = record_some(20)
    run = CliRunner().invoke
    proof, key = tmp_path / "decision.tlog-proof", tmp_path / "log.vkey"
    proof.write_text(run(app, ["prove", events[7].id]).stdout)
    key.write_text(run(app, ["key"]).stdout)

    checked = run(app, ["check-proof", str(proof), "--key", str(key)])
    assert checked.exit_code == 0
    assert f"audit {events[7].id} is entry 7 of the log example.com/ledger" in checked.stdout.replace("\n", " ")
    assert run(app, ["check-proof", str(proof), "--key", key.read_text().strip()]).exit_code == 0

    lines = proof.read_text().split("\n")
    lines[4] = lines[5]
    proof.write_text("\n".join(lines))
    refused = run(app, ["check-proof", str(proof), "--key", str(key)])
    assert refused.exit_code == 1
    assert "Not proven: the inclusion proof leads to another root" in refused.stderr

    assert "no entry about 'dec_none'" in run(app, ["prove", "dec_none"]).stderr
    assert "is no Ed25519 key" in run(app, ["check-proof", str(proof), "--key", "a+b"]).stderr
    assert "No such file" in run(app, ["check-proof", str(proof), "--key", str(tmp_path / "none")]).stderr


def test_the_command_line_signs_and_prints_the_newest_checkpoint() -> None:
    run = CliRunner().invoke
    assert open_checkpoint(run(app, ["checkpoint"]).stdout, signer().verifier).size == 0
    record_some(3)
    first = run(app, ["checkpoint"]).stdout
    assert open_checkpoint(first, signer().verifier).size == 3
    assert run(app, ["checkpoint"]).stdout == first


def test_the_worker_signs_what_is_new_until_it_is_stopped(monkeypatch: pytest.MonkeyPatch) -> None:
    import threading
    import time

    monkeypatch.setattr(checkpointer, "AT_ONCE", 100)  # catches up in several checkpoints
    record_some(250)
    stop = threading.Event()
    worker = threading.Thread(target=checkpointer.keep_signing, args=(stop, 0.01))
    worker.start()
    try:
        for _ in range(3000):  # a minute
            if Checkpoint.objects.filter(size=250).exists():
                break
            time.sleep(0.02)
    finally:
        stop.set()
        worker.join()
    assert list(Checkpoint.objects.order_by("size").values_list("size", flat=True)) == [100, 200, 250]
