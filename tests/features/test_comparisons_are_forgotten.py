"""Comparisons with the service that is being left go after the days that are set; the comments themselves are kept only where
that is asked for, for as long as that says, and who reads them is known.
"""

import json
from datetime import timedelta
from pathlib import Path

from django.conf import settings
from django.utils import timezone
from typer.testing import CliRunner

from safehold.cli import app
from safehold.desk.sidebyside import keeping
from safehold.desk.sidebyside.keeping import forget_old, keep_comparisons, say_that_texts_are_kept
from safehold.desk.sidebyside.models import ComparedText, Comparison
from safehold.gateway.perspective.upstream import ScorePair
from safehold.record.models import AuditEvent
from tests.world import service

PAIRS = [ScorePair(attribute=name, ours=0.5, theirs=0.25) for name in ("TOXICITY", "INSULT")]


def told(verb: str) -> list[dict[str, object]]:
    return [event.detail for event in AuditEvent.objects.filter(verb=verb).order_by("at")]


def test_comparisons_go_after_their_days_and_no_text_is_kept_unasked(fresh_database, monkeypatch):
    service()
    monkeypatch.setattr(settings, "SAFEHOLD_COMPARISON_DAYS", 30)
    monkeypatch.setattr(keeping, "CHUNK", 3)
    for _ in range(4):
        keep_comparisons("plaza", PAIRS, "a comment", "harm 1")
    assert Comparison.objects.count() == 8 and not ComparedText.objects.exists()
    now = timezone.now()
    Comparison.objects.filter(attribute="INSULT").update(at=now - timedelta(days=31))
    assert forget_old(now) == (4, 0)
    assert set(Comparison.objects.values_list("attribute", flat=True)) == {"TOXICITY"}
    assert [one["count"] for one in told("comparisons.forgotten")] == [3, 1]
    monkeypatch.setattr(settings, "SAFEHOLD_COMPARISON_DAYS", 0)
    assert forget_old(now + timedelta(days=9_000)) == (0, 0)


def test_texts_are_kept_where_that_is_asked_read_on_the_record_and_go_first(
    fresh_database, monkeypatch, tmp_path: Path
):
    service()
    monkeypatch.setattr(settings, "SAFEHOLD_COMPARISON_TEXT_DAYS", 7)
    say_that_texts_are_kept()
    say_that_texts_are_kept()  # another process
    assert told("comparisons.texts_kept") == [{"days": 7}]
    keep_comparisons("plaza", PAIRS, "a comment\0", "harm 1")
    keep_comparisons("plaza", [], "nothing was said of it", "harm 1")
    out = tmp_path / "texts.ndjson"
    done = CliRunner().invoke(app, ["perspective", "texts", "--service", "plaza", "--out", str(out)])
    assert done.exit_code == 0, done.output
    scores = {"ours": 0.5, "theirs": 0.25}
    assert json.loads(out.read_text()) == {"text": "a comment\ufffd", "scores": {"TOXICITY": scores, "INSULT": scores}}
    assert told("comparisons.texts_read") == [{"count": 1}]
    assert forget_old(timezone.now() + timedelta(days=6)) == (0, 0)
    assert forget_old(timezone.now() + timedelta(days=8)) == (0, 1)
    assert not ComparedText.objects.exists()
    assert list(Comparison.objects.values_list("text", "ours")) == [(None, 0.5)] * 2
    monkeypatch.setattr(settings, "SAFEHOLD_COMPARISON_TEXT_DAYS", 0)
    say_that_texts_are_kept()
    assert told("comparisons.texts_kept") == [{"days": 7}, {"days": 0}]
