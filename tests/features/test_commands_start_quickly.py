"""A command that measures nothing doesn't wait for what only measuring needs; a page makes only the signals that it shows."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from safehold.desk.decisions.measured import scores_of, signal_of
from safehold.engine import installed_signal, installed_signals

ROOT = Path(__file__).parents[2]
DEAR = ("numpy", "PIL", "onnxruntime", "tokenizers", "pdqhash", "phonenumbers", "tldextract", "requests", "py3langid")
ASKED = """
import json, sys
from safehold.cli import app
try:
    app(sys.argv[2:])
except SystemExit as ended:
    assert not ended.code, ended
found = [name for name in json.loads(sys.argv[1]) if name in sys.modules]
print("BROUGHT", *found)
"""


@pytest.mark.parametrize("command", ["policy check", "signals list --policies"])
def test_a_command_that_measures_nothing_brings_no_model(tmp_path: Path, command: str) -> None:
    (tmp_path / "policies").mkdir()
    (tmp_path / "policies" / "events").symlink_to(ROOT / "policies" / "events")
    (tmp_path / "policies" / "p.yaml").write_text(
        "policy: abuse.model\ntitle: A model's word\non: [message.sent]\nrules:\n"
        "  - {id: coarse, when: signals.harm.insult >= 0.5 || signals.hashes.matched, then: {action: hold, queue: abuse}}\n"
    )
    asked = [sys.executable, "-c", ASKED, json.dumps(DEAR), *command.split(), str(tmp_path / "policies")]
    done = subprocess.run(asked, capture_output=True, text=True, timeout=300, cwd=tmp_path)
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.splitlines()[-1] == "BROUGHT"


def test_one_signal_is_made_without_the_others(monkeypatch: pytest.MonkeyPatch) -> None:
    for signal in installed_signals():
        alone = installed_signal(signal.name)
        assert (type(alone), alone.version if alone else "") == (type(signal), signal.version)
    assert installed_signal("nobodys") is None
    signal_of.cache_clear()
    monkeypatch.setattr("safehold.desk.decisions.measured.installed_signals", None)
    monkeypatch.setattr("safehold.engine.policies.bundle.installed_signals", None)
    verdict = {"signals": [{"signal": "harm", "version": "1", "values": {"insult": 0.9, "supported": True}}]}
    assert [(score.field, score.value) for score in scores_of(verdict)] == [("insult", 0.9)]
