"""What people and programs say of texts is kept as labels: from reviews and appeals by itself, from APIs, from files."""

import json
from datetime import timedelta
from pathlib import Path

import pytest
from django.db import IntegrityError, connection, transaction
from django.utils import timezone
from hypothesis import given
from hypothesis import strategies as st
from typer.testing import CliRunner

from safehold.cli import app
from safehold.desk.appeals.filing import file_appeal
from safehold.desk.appeals.hearing import hear
from safehold.desk.decisions.decide import decide
from safehold.desk.decisions.intake import Intake
from safehold.desk.learning.models import Label, Text
from safehold.desk.learning.sources import SOURCES
from safehold.desk.learning.standing import fold, standing, taught
from safehold.desk.learning.taking import BadLabel, digest_of, forget, submit_labels
from safehold.desk.review.claims import claim
from safehold.gateway.store import LabelSubmission
from safehold.record.models import AuditEvent
from tests import desk_rows as rows

pytestmark = pytest.mark.django_db
CLI = CliRunner()


def said(text: str = "win money now", attribute: str = "spam", value: float = 1.0, **more: object) -> LabelSubmission:
    fields = {"source": "akismet", "reference": "c1", "key": "key_1", "at": timezone.now()} | more
    return LabelSubmission(text=text, attribute=attribute, value=value, **fields)  # type: ignore[arg-type]


def words_of(label: Label) -> str:
    return Text.objects.get(digest=label.digest).words


def hate_policy():
    return rows.policy("abuse.hate", dsa={"category": "ILLEGAL_OR_HARMFUL_SPEECH", "keywords": ["HATE_SPEECH"]})


class TestVerdictsOfPeople:
    def test_a_verdict_under_a_policy_is_a_label_of_what_the_policy_is_about(self) -> None:
        held, _ = rows.flagged(text="You people are vermin")
        reviewer = rows.person()
        made = decide(reviewer, over=held, action="remove", policy=hate_policy(), reason="Hate")
        labels = list(Label.objects.order_by("attribute"))
        assert [(label.attribute, label.value, label.source) for label in labels] == [
            ("identity_attack", 1.0, "review"),
            ("toxicity", 1.0, "review"),
        ]
        assert {words_of(label) for label in labels} == {"You people are vermin"}
        assert {(label.reference, label.person) for label in labels} == {(made.pk, reviewer)}

    def test_allow_says_that_it_is_not_what_the_rule_took_it_for(self) -> None:
        held, _ = rows.flagged(text="My bank called me")  # spam.links: SCAMS_AND_FRAUD
        decide(rows.person(), over=held, action="allow")
        label = Label.objects.get()
        assert (label.attribute, label.value) == ("scam", 0.0)

    def test_an_overturned_appeal_corrects_the_earlier_label_and_the_first_stays(self) -> None:
        rows.webhook()
        held, _ = rows.flagged(text="Meet me at the bank")
        removed = decide(rows.person(), over=held, action="remove", policy=rows.policy(), reason="A scam")
        appeal = file_appeal(removed, grounds="It is about a river bank.")
        hearer = rows.person()
        claim(hearer, appeal.task_id)
        appeal.task.refresh_from_db()
        hear(hearer, appeal.pk, version=appeal.task.version, over=removed, outcome="overturned", explanation="A river.")
        assert list(Label.objects.order_by("position").values_list("value", "source")) == [
            (1.0, "review"),
            (0.0, "appeal"),
        ]
        assert standing("plaza") == {(digest_of("Meet me at the bank"), "scam"): (0.0, "appeal")}

    def test_what_nobody_looked_at_by_itself_is_no_label(self) -> None:
        event, _ = rows.post("Earn 500 a day")
        first = rows.carried(rows.decision(event, "hold"))
        second = rows.carried(rows.decision(event, "hold"))
        decide(rows.person(), over=first, action="allow")
        assert second.overridden_by.params == {"settled_by": first.overridden_by.pk}
        assert Label.objects.count() == 1

    def test_a_policy_can_be_told_to_teach_something_else(self, settings) -> None:
        settings.SAFEHOLD_LABELS_OF = {"spam.links": ("spam", "scam")}
        held, _ = rows.flagged()
        decide(rows.person(), over=held, action="remove", policy=rows.policy(), reason="Spam")
        assert set(Label.objects.values_list("attribute", flat=True)) == {"spam", "scam"}


class TestLabelsOfPrograms:
    def test_the_gateways_store_keeps_them_once_and_says_so_in_the_record(self) -> None:
        rows.service()
        store = Intake(lambda: 1, lambda rule, why: None, lambda found: None, submit_labels=submit_labels)
        assert store.submit_labels("plaza", [said(), said(attribute="scam")]) == 2
        assert store.submit_labels("plaza", [said()]) == 0
        assert Text.objects.count() == 1
        entry = AuditEvent.objects.get(verb="labels.brought")
        assert (entry.actor, entry.detail["labels"], entry.detail["source"]) == ("key_1", 2, "akismet")
        assert "win money" not in json.dumps(entry.detail)

    def test_who_changes_their_mind_is_heard_and_the_history_stays(self) -> None:
        rows.service()
        for value in (1.0, 0.0, 0.0, 1.0):
            submit_labels("plaza", [said(value=value)])
        assert list(Label.objects.order_by("position").values_list("reference", "value")) == [
            ("c1", 1.0), ("c1#2", 0.0), ("c1#3", 1.0),
        ]  # fmt: skip

    @pytest.mark.parametrize(
        ("wrong", "field"),
        [
            ({"text": "  "}, "text"),
            ({"text": "a\x00b"}, "text"),
            ({"attribute": "rudeness"}, "attribute"),
            ({"value": 1.5}, "value"),
            ({"value": float("nan")}, "value"),
            ({"source": "rumour"}, "source"),
            ({"reference": "x" * 200}, "reference"),
        ],
    )
    def test_what_cannot_be_a_label_is_refused_by_name_and_nothing_is_kept(self, wrong: dict, field: str) -> None:
        rows.service()
        with pytest.raises(BadLabel, match=f"^{field}: "):
            submit_labels("plaza", [said("a good one"), said(**wrong)])
        assert not Label.objects.exists() and not Text.objects.exists()

    def test_the_database_itself_refuses_changes_and_nonsense(self) -> None:
        rows.service()
        submit_labels("plaza", [said()])
        label = Label.objects.get()
        for change in (
            lambda: Label.objects.update(value=0.0),
            lambda: Label.objects.all().delete(),
            lambda: Text.objects.update(words="else"),
            lambda: Label.objects.create(service_id="plaza", digest="x", attribute="spam", value=2.0, source="manual"),
            lambda: Label.objects.create(service_id="plaza", digest="x", attribute="spam", value=1.0, source="rumour"),
            lambda: Label.objects.create(
                service_id="plaza", digest=label.digest, attribute="spam", value=1.0, source="akismet", reference="c1"
            ),
        ):
            with pytest.raises(IntegrityError), transaction.atomic():
                change()
                connection.check_constraints()

    def test_words_go_when_their_time_is_over_and_labels_stay(self, settings) -> None:
        rows.service()
        settings.SAFEHOLD_LABEL_DAYS = 30
        submit_labels("plaza", [said()])
        assert forget(timezone.now() + timedelta(days=29)) == 0
        submit_labels("plaza", [said(reference="c2", at=timezone.now() + timedelta(days=20))])
        assert forget(timezone.now() + timedelta(days=49)) == 0, "the newest label keeps them"
        assert forget(timezone.now() + timedelta(days=51)) == 1
        assert Label.objects.count() == 2 and list(taught("plaza")) == []


words = st.tuples(st.sampled_from(sorted(SOURCES)), st.sampled_from([0.0, 0.5, 1.0]))


@given(st.lists(words, min_size=1, max_size=12))
def test_the_newest_word_of_the_highest_authority_counts(history: list[tuple[str, float]]) -> None:
    counts = fold(("d", "spam", value, source) for source, value in history)
    highest = max(SOURCES[source].authority for source, _ in history)
    expected = [(value, source) for source, value in history if SOURCES[source].authority == highest][-1]
    assert counts == {("d", "spam"): expected}


class TestFiles:
    def test_what_is_written_is_read_again_as_the_same(self, tmp_path: Path) -> None:
        rows.service()
        texts = ['a, "quoted"\nline', "naïve 👍", "=SUM(A1)", "tab\there"]
        submit_labels(
            "plaza", [said(text, value=number / 4, reference=f"r{number}") for number, text in enumerate(texts)]
        )
        before = list(
            Label.objects.order_by("position").values("digest", "attribute", "value", "source", "reference", "at")
        )
        for name in ("labels.csv", "labels.ndjson"):
            assert CLI.invoke(app, ["labels", "export", "-o", str(tmp_path / name)]).exit_code == 0
            rows.Service.objects.get_or_create(slug=name.replace(".", "-"), defaults={"name": name})
            done = CLI.invoke(app, ["labels", "import", str(tmp_path / name), "--service", name.replace(".", "-")])
            assert done.stdout == "4 labels read, 4 of them new.\n"
            again = Label.objects.filter(service=name.replace(".", "-")).order_by("position")
            assert list(again.values("digest", "attribute", "value", "source", "reference", "at")) == before

    def test_a_file_with_wrong_rows_leaves_nothing_and_says_which(self, tmp_path: Path) -> None:
        rows.service()
        path = tmp_path / "labels.csv"
        path.write_text(
            "text,attribute,value,at\nok,spam,1,\nbad,spum,1,\nbad,spam,lots,\nbad,spam,1,yesterday\n,spam,1,\n"
        )
        done = CLI.invoke(app, ["labels", "import", str(path)])
        assert done.exit_code == 1 and not Label.objects.exists()
        assert [line.partition(":")[0] for line in done.stderr.splitlines() if line] == [
            "line 3, column attribute",
            "line 4, column value",
            "line 5, column at",
            "line 6, column text",
            "4 rows are wrong; nothing was brought in.",
        ]

    @pytest.mark.parametrize(
        ("content", "expected"),
        [
            ("text,value\nx,1\n", "line 1, column text: is missing: attribute (the columns are `text`, `value`)"),
            ("text,attribute,value\nx,spam\n", "line 2, column text: has not 3 columns as the first line has"),
            ("text,attribute,value,colour\nx,spam,1,red\n", "line 2, column colour: is no column"),
        ],
    )
    def test_columns_are_named(self, tmp_path: Path, content: str, expected: str) -> None:
        rows.service()
        (tmp_path / "l.csv").write_text(content)
        assert expected in CLI.invoke(app, ["labels", "import", str(tmp_path / "l.csv")]).stderr

    def test_what_is_not_labelled_yet_is_left_out(self, tmp_path: Path) -> None:
        rows.service()
        (tmp_path / "l.csv").write_text("text,attribute,value\nx,spam,1\ny,spam,\nz,spam, \n")
        done = CLI.invoke(app, ["labels", "import", str(tmp_path / "l.csv")])
        assert done.stdout == "1 labels read, 1 of them new. 2 without a value were left out.\n"

    def test_a_file_may_be_brought_again(self, tmp_path: Path) -> None:
        rows.service()
        path = tmp_path / "l.ndjson"
        path.write_text(
            "".join(json.dumps({"text": f"t{n}", "attribute": "spam", "value": n % 2}) + "\n" for n in range(50))
        )
        assert "50 of them new" in CLI.invoke(app, ["labels", "import", str(path)]).stdout
        assert "0 of them new" in CLI.invoke(app, ["labels", "import", str(path)]).stdout
        assert "spam" in CLI.invoke(app, ["labels", "count"]).stdout
