"""The fuzz targets run and find nothing in a few hundred inputs; `make fuzz` gives each of them ten minutes."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

from safehold.engine import load_bundle
from safehold.gateway.cloudevents import structured
from tests.fuzz import event, policy_file
from tests.fuzz.__main__ import TARGETS


@pytest.mark.parametrize("target", TARGETS)
def test_a_target_withstands_a_few_hundred_inputs(target: str, tmp_path: Path) -> None:
    options = ["-runs=300", "-seed=1", "-max_len=2000", "-len_control=0", str(tmp_path)]
    done = subprocess.run(
        [sys.executable, "-m", "tests.fuzz", target, *options], capture_output=True, text=True, timeout=300
    )
    assert done.returncode == 0, done.stderr[-3000:]
    ended = re.search(r"Done (\d+) runs", done.stderr)
    assert ended and int(ended[1]) >= 300, done.stderr[-3000:]


def test_mutations_start_from_what_is_taken() -> None:
    """Otherwise a fuzzer spends its night at the first check."""
    for seed in policy_file.SEEDS:
        (policy_file.FOLDER / "policy.yaml").write_bytes(seed)
        assert load_bundle(policy_file.FOLDER, []).policies
    assert len(event.SEEDS) > 40
    taken = [event.DECLARED.prepare("plaza", structured(seed, event.NOW), event.NOW) for seed in event.SEEDS]
    assert {prepared.event.type for prepared in taken} >= {"message.sent", "login.attempted", "review.posted"}
