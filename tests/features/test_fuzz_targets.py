"""The fuzz targets run and find nothing in a few hundred inputs; `make fuzz` gives each of them ten minutes."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.fuzz.__main__ import TARGETS

POLICY = b"policy: a.b\ntitle: t\non: [message.sent]\nrules: [{id: r, when: size(data.text) > 3, then: hold}]\n"
STARTERS = {"policy_file": POLICY, "event": b'{"specversion": "1.0", "data": {}}'}


@pytest.mark.parametrize("target", TARGETS)
def test_a_target_withstands_a_few_hundred_inputs(target: str, tmp_path: Path) -> None:
    (tmp_path / "starter").write_bytes(STARTERS.get(target, b"\x01"))
    options = ["-runs=300", "-seed=1", "-max_len=2000", "-len_control=0", str(tmp_path)]
    done = subprocess.run(
        [sys.executable, "-m", "tests.fuzz", target, *options], capture_output=True, text=True, timeout=300
    )
    assert done.returncode == 0, done.stderr[-3000:]
    ended = re.search(r"Done (\d+) runs", done.stderr)
    assert ended and int(ended[1]) >= 300, done.stderr[-3000:]
