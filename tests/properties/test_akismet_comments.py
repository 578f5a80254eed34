"""No comment can be written so that it is refused: clients publish what could not be checked, and whoever comments would choose
that. Whatever is in the fields, the event fits its type; and what is the same comment keeps its name.
"""

from datetime import UTC, datetime
from pathlib import Path

import msgspec
from hypothesis import given, settings
from hypothesis import strategies as st

from safehold.engine.policies.bundle import event_types_of
from safehold.engine.policies.problems import Report
from safehold.gateway import cloudevents
from safehold.gateway.akismet.comment import read_comment
from safehold.gateway.declared import Declared

NOW = datetime(2026, 11, 26, 12, tzinfo=UTC)
FIELDS = (
    "blog", "user_ip", "user_agent", "referrer", "permalink", "comment_type", "comment_author", "comment_author_email",
    "comment_author_url", "comment_content", "comment_date_gmt", "comment_post_modified_gmt", "blog_lang", "user_role",
    "recheck_reason", "honeypot_field_name", "comment_context[]", "comment_context[3]", "guid", "user_ID", "is_test",
)  # fmt: skip
DECLARED = Declared(event_types_of(Path(__file__).parents[2] / "policies", Report()))

#: What people type, what programs send, and what is too long for the event type.
texts = (
    st.text(st.characters(exclude_categories=["Cs"]), max_size=30)
    | st.sampled_from(["\0", "2026-02-01 09:30:00", "0000-00-00 00:00:00", "9999-12-31", "en, fr_CA", "true", "x\r\ny"])
    | st.builds(lambda letter, times: letter * times, st.characters(exclude_categories=["Cs"]), st.integers(900, 3_000))
)
forms = st.dictionaries(st.sampled_from(FIELDS) | texts, st.lists(texts, min_size=1, max_size=2), max_size=25)


@settings(max_examples=150, deadline=None)
@given(forms)
def test_whatever_is_in_the_fields_the_event_fits_its_type(form):
    comment = read_comment(form)
    document = {
        "specversion": "1.0", "id": "txt_1", "source": "http://safehold.example/1.1/comment-check", "type": "content.checked",
        "time": (comment.written_at or NOW).isoformat(),
        "data": {**comment.data, "actor": comment.actor, "context": comment.origin},
    }  # fmt: skip
    event = cloudevents.structured(msgspec.json.encode(document), datetime.now(UTC))
    incoming = DECLARED.prepare("plaza", event, datetime.now(UTC))
    assert incoming.subject_id == comment.id
    assert incoming.account_id == comment.actor["id"]


@given(
    forms, st.sampled_from(["user_ip", "user_agent", "referrer", "comment_date_gmt", "comment_type", "is_test"]), texts
)
def test_what_differs_when_a_moderator_submits_it_is_not_in_its_name(form, field, other):
    assert read_comment(form).id == read_comment({**form, field: [other]}).id


@given(forms, st.sampled_from(["permalink", "comment_author", "comment_content"]))
def test_other_words_pages_and_authors_are_other_comments(form, field):
    form.pop("guid", None)
    one, two = read_comment({**form, field: ["one"]}), read_comment({**form, field: ["two"]})
    assert one.id != two.id
