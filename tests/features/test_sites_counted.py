"""What each site had checked through Akismet's API is counted from the record alone, the same on both databases."""

from datetime import UTC, datetime, timedelta

from safehold.desk.entities.subjects import Thing
from safehold.desk.learning.sites import sites
from safehold.desk.learning.taking import submit_labels
from safehold.gateway.store import LabelSubmission, SiteActivity
from tests.world import happens

AT = datetime(2026, 2, 10, 9, tzinfo=UTC)
BEGIN, END = AT.replace(day=1, hour=0), datetime(2026, 3, 1, tzinfo=UTC)


def test_sites_are_counted_by_how_they_were_answered_and_what_was_submitted(fresh_database, monkeypatch):
    monkeypatch.setattr("tests.world.SOURCE", "https://safehold.example/1.1/comment-check")

    def checked(number: int, blog: str, action: str = "allow", at: datetime = AT) -> None:
        said = {"content_id": f"c{number}", "api": "akismet", "text": 'A "quote"', "community": blog}
        happens(action, type="content.checked", subject=Thing("content", f"c{number}", "u1"), data=said, at=at)

    checked(1, "https://www.blog.example/", "remove")
    checked(2, "http://blog.example", "hold")
    checked(3, "https://BLOG.example", "label")
    checked(4, "https://other.example")
    checked(5, "https://early.example", at=BEGIN - timedelta(seconds=1))
    checked(6, "https://late.example", at=END)
    happens("remove", at=AT)  # an event of another kind
    for number, value in [(1, 0.0), (4, 1.0), (4, 0.0), (99, 1.0)]:
        label = LabelSubmission(
            text=f"words {number}", attribute="spam", value=value, source="akismet", at=AT, reference=f"c{number}"
        )
        submit_labels("plaza", [label])
    assert {one.site: one for one in sites("plaza", BEGIN, END)} == {
        "blog.example": SiteActivity(site="blog.example", spam=2, ham=1, false_positives=1),
        "other.example": SiteActivity(site="other.example", ham=1, missed_spam=1, false_positives=1),
    }
