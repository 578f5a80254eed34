"""What is made at the first start: whole, private, and one for all that start at once."""

from pathlib import Path
from threading import Barrier, Thread

from safehold.ledger.note import load_signer


def test_threads_that_start_at_once_sign_with_one_key(tmp_path: Path) -> None:
    path, keys, begin = tmp_path / "keys" / "ledger.pem", [], Barrier(8)

    def start() -> None:
        begin.wait()
        keys.append(load_signer(path, "safehold.example").verifier)

    threads = [Thread(target=start) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(keys) == 8 and len({str(key) for key in keys}) == 1
    assert [each.name for each in path.parent.iterdir()] == ["ledger.pem"]
    assert path.stat().st_mode & 0o777 == 0o600
