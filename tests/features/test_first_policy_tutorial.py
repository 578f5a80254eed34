"""What the tutorial promises happens, with the very text of the page."""

import re
import shutil
import subprocess
import sys
from pathlib import Path

from typer.testing import CliRunner

from safehold.cli import app

PROJECT = Path(__file__).parents[2]
PAGE = (PROJECT / "docs/tutorial/first-policy.md").read_text(encoding="utf-8")


def test_the_first_policy_tutorial_works_as_written(tmp_path: Path) -> None:
    (policy,) = re.findall(r"```yaml\n(.*?)```", PAGE, re.DOTALL)
    events, script = re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)
    mine = tmp_path / "mine"
    shutil.copytree(PROJECT / "policies/events", mine / "events")
    (mine / "outreach.yaml").write_text(policy, encoding="utf-8")
    assert "ok  1 policy, 1 rule, 19 event types" in CliRunner().invoke(app, ["policy", "check", str(mine)]).stdout
    assert CliRunner().invoke(app, ["policy", "test", str(mine)]).stdout == "2 passed, 0 failed\n"
    made = _python(events, tmp_path)
    (tmp_path / "events.ndjson").write_text(made, encoding="utf-8")
    verdicts = CliRunner().invoke(app, ["decide", "--policies", str(mine)], input=made).stdout.splitlines()
    assert ['"action":"hold"' in line for line in verdicts] == [False] * 20 + [True] * 2
    assert _python(script, tmp_path).splitlines()[-1] == "hold Cold outreach by new accounts: 22 people in an hour."

    (mine / "outreach.yaml").write_text(policy.replace("actor.age <", "actor.agee <"), encoding="utf-8")
    shown = CliRunner().invoke(app, ["policy", "check", str(mine)]).stderr
    promised = re.search(r"mine/outreach.yaml:16.*?1 problem\n", PAGE, re.DOTALL)
    assert promised is not None and shown == promised[0]


def _python(code: str, where: Path) -> str:
    return subprocess.run([sys.executable, "-c", code], cwd=where, capture_output=True, text=True, check=True).stdout
