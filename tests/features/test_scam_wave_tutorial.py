"""The tutorial "stop a scam wave in ten minutes" works as it is written: its files load, and its examples come out."""

import re
import shutil
import textwrap
from pathlib import Path

from safehold.engine import load_bundle
from safehold.engine.authoring.checking import check_folder
from safehold.engine.examples import run_examples

ROOT = Path(__file__).parents[2]


def test_its_policies_load_and_its_examples_come_out(tmp_path: Path) -> None:
    text = (ROOT / "docs/tutorial/stop-a-scam-wave.md").read_text(encoding="utf-8")
    policy, entries, rule, example = re.findall(r"```yaml\n(.*?)```", text, re.DOTALL)
    shutil.copytree(ROOT / "policies/events", tmp_path / "events")
    (tmp_path / "lists").mkdir()
    (tmp_path / "lists/wave-domains.yaml").write_text(entries, encoding="utf-8")
    whole = policy.replace("examples:\n", textwrap.indent(textwrap.dedent(rule), "  ") + "examples:\n") + example
    (tmp_path / "wave.yaml").write_text(whole, encoding="utf-8")
    bundle = load_bundle(tmp_path)
    assert [rule.id for rule in bundle.policy("scams.wave").rules] == ["outreach", "copies", "known-domain"]
    outcomes = run_examples(bundle)
    assert len(outcomes) == 4 and all(outcome.passed for outcome in outcomes), outcomes
    assert not [warning for warning in check_folder(tmp_path).warnings if warning.code != "list-unused"]
