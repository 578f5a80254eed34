"""The reference of the starter packs says what the packs do now, and the figures on it are measured."""

from safehold.desk.review.queues import STARTERS
from safehold.engine import load_bundle
from tests.starter_packs_page import ROOT, measured, page

BUNDLE = load_bundle(ROOT / "policies")
QUEUES = [(each.slug, each.description, each.max_wait_seconds) for each in STARTERS]


def test_the_page_is_what_the_packs_are():
    written = (ROOT / "docs" / "reference" / "starter-packs.md").read_text("utf-8")
    assert written == page(BUNDLE, QUEUES), "run `python -m tests.starter_packs_page > docs/reference/starter-packs.md`"


def test_no_live_rule_that_acts_meets_one_in_two_hundred_innocent_messages():
    many, found = measured(BUNDLE)
    assert many["ham"] > 500
    assert {key: hits for key, hits in found.items() if hits["ham hit"] / many["ham"] >= 0.005} == {}
