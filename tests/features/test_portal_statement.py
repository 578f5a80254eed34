"""What the affected person reads, without an account: everything the law asks for, what holds now first, in their language."""

import re
from datetime import timedelta
from pathlib import Path

import pytest
from django.core.cache import cache
from django.utils import timezone

from safehold.desk.decisions.actions import LANGUAGES
from safehold.desk.decisions.actions.base import date_in
from safehold.desk.decisions.decide import decide
from safehold.desk.decisions.outbox import carry_on_once
from safehold.desk.entities.subjects import Thing
from safehold.desk.portal.words import NAMES, VERIFY, WORDS
from safehold.desk.transparency.models import StatementOfReasons
from safehold.desk.transparency.statements import appeal_deadline, statement_url
from safehold.desk.transparency.texts import PARTS
from tests import desk_rows
from tests.world import happens, person, policy, report

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def fresh_limits():
    cache.clear()


def carried():
    while carry_on_once():
        pass


def told(decision) -> StatementOfReasons:
    carried()
    return StatementOfReasons.objects.get(decision=decision)


def path_of(statement) -> str:
    return "/portal/statements/" + statement_url(statement).partition("/portal/statements/")[2]


def read(client, statement, language="en", **more):
    return client.get(path_of(statement), {"lang": language}, **more)


def words_of(answer) -> str:
    """The page's text, as somebody reads it."""
    page = re.sub(r"<script.*?</script>", "", answer.content.decode(), flags=re.DOTALL)
    text = re.sub(r"<[^>]+>", " ", page).replace("&#x27;", "'").replace("&quot;", '"').replace("&amp;", "&")
    return flat(text)


def flat(text: str) -> str:
    """The text with its white space as a browser shows it, narrow spaces as wide ones."""
    return re.sub(r"\s+", " ", text)


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("action", ["remove", "suspend", "limit"])
def test_every_part_that_the_law_asks_for_is_on_the_page(client, action, language):
    statement = told(happens(action, seconds=86_400 if action == "suspend" else None))
    answer = read(client, statement, language)
    assert answer.status_code == 200 and f'<html lang="{language}"' in answer.content.decode()
    page = words_of(answer)
    for part in PARTS:
        assert statement.texts[language][part] in page, part
    assert date_in(language, statement.decision.decided_at) in page
    assert date_in(language, appeal_deadline(statement)) in page
    assert 'href="https://plaza.example/terms#4-2"' in answer.content.decode()
    assert statement.decision.pk in page


def test_the_author_reads_their_own_words(client):
    answer = read(client, told(happens("remove")))
    assert '<blockquote class="quote">hi, earn 500 a day</blockquote>' in answer.content.decode()


def test_harsh_words_are_blurred_until_the_author_asks_for_them(client):
    policy("abuse.threats", dsa={"category": "CYBER_VIOLENCE", "ground": "incompatible"})
    page = read(client, told(happens("remove", key="abuse.threats"))).content.decode()
    assert 'class="harm-toggle check"> Show it' in page and "<blockquote" not in page
    assert "hi, earn 500 a day" in page


def test_what_was_reported_is_quoted_from_what_the_platform_told_us_before(client):
    sent = happens("allow", by="u2")
    reported = report(Thing("message", sent.subject_id, "u2"), by="reporter-77")
    carried()
    removed = decide(person(), over=reported, action="remove", policy=policy(), reason="Fraud.")
    page = words_of(read(client, told(removed)))
    assert "hi, earn 500 a day" in page and "Somebody told us about it." in page
    assert "reporter-77" not in page


def test_a_page_whose_policy_is_in_no_other_language_still_says_the_rest_in_it(client):
    page = words_of(read(client, told(happens("remove")), "fr"))
    assert "Nous avons supprimé votre message." in page and "Si vous n'êtes pas d'accord" in page


def test_the_browsers_language_is_the_first_and_the_switch_has_all(client):
    statement = told(happens("remove"))
    first = client.get(path_of(statement), headers={"Accept-Language": "pt-BR, de-AT;q=0.9, en;q=0.8"})
    assert '<html lang="de"' in first.content.decode() and first["Vary"].startswith("Accept-Language")
    for code, name in NAMES.items():
        assert f'href="?lang={code}" lang="{code}" hreflang="{code}"' in first.content.decode()
        assert name in words_of(first)
    assert '<html lang="it"' in client.get(path_of(statement), {"lang": "it"}).content.decode()
    assert '<html lang="en"' in client.get(path_of(statement), {"lang": "xx"}).content.decode()


def test_no_cache_no_search_engine_and_no_other_site_learns_of_the_page(client):
    answer = read(client, told(happens("remove")))
    assert answer["Cache-Control"] == "private, no-store"
    assert (
        answer["X-Robots-Tag"] == "noindex, nofollow" and 'name="robots" content="noindex"' in answer.content.decode()
    )
    assert answer["Referrer-Policy"] == "same-origin"
    for link in re.findall(r"<a [^>]*href=\"https?://[^>]*>", answer.content.decode()):
        assert "noreferrer" in link


def test_a_wrong_link_is_the_same_plain_page_whatever_is_wrong_with_it(client):
    one, other = told(happens("remove")), told(happens("remove"))
    withheld = told(happens("remove", by="", subject=Thing("message", "m-nobody", "")))
    token = path_of(one).rpartition("/")[2]
    pages = [
        client.get(f"/portal/statements/{statement}/{given}")
        for statement, given in [
            (one.pk, token[:-1] + ("0" if token[-1] != "0" else "1")),
            (one.pk, token.upper() + "é"),
            (other.pk, token),
            ("sor_nothing", token),
            (withheld.pk, path_of(withheld).rpartition("/")[2]),
        ]
    ]
    pages += [client.get(f"/portal/reports/ntc_nothing/{token}")]
    assert {page.status_code for page in pages} == {404}
    assert len({words_of(page) for page in pages}) == 1 and "There is nothing here" in words_of(pages[0])
    assert client.get(path_of(one)).status_code == client.get(path_of(one) + "/").status_code == 200


def test_no_log_has_the_link(client, caplog, capfd):
    statement = told(happens("remove"))
    token = path_of(statement).rpartition("/")[2]
    client.get(path_of(statement))
    assert client.post(path_of(statement), {"do": "appeal"}).status_code == 422
    assert client.get(path_of(statement) + "0").status_code == 404
    written = "".join(capfd.readouterr()) + caplog.text
    assert "portal/statements/" in written and token not in written


def test_overturned_is_said_first_and_with_an_apology(client):
    removed = happens("remove", strike=1)
    statement = told(removed)
    decide(person(), over=removed, action="allow", on_appeal=True)
    for language in LANGUAGES:
        answer = read(client, statement, language)
        page = words_of(answer)
        words = WORDS[language]
        assert page.index(words["lifted"]) < page.index(statement.texts[language]["what"])
        assert flat(words["lifted_appeal"]) in page and flat(words["superseded"]) in page
        assert 'data-tone="good"' in answer.content.decode() and "<textarea" not in answer.content.decode()


def test_it_is_undone_only_once_the_platform_has_said_so(client):
    desk_rows.webhook()
    removed = happens("remove")
    statement = told(removed)
    decide(person(), over=removed, action="allow", on_appeal=True)
    assert "Plaza is undoing it right now." in words_of(read(client, statement))
    desk_rows.platform_does_everything()
    assert "Plaza has told us that it is undone." in words_of(read(client, statement))


def test_a_hold_that_came_to_nothing_says_that_a_person_has_looked(client):
    held = happens("hold", queue="scams")
    statement = told(held)
    decide(person(), over=held, action="allow")
    assert WORDS["en"]["lifted_hold"] in words_of(read(client, statement))


def test_a_replaced_statement_leads_to_the_one_that_holds(client):
    held = happens("hold", queue="scams")
    old = told(held)
    removed = decide(person(), over=held, action="remove", policy=policy(), reason="Fraud.")
    answer = read(client, old)
    assert f'href="{statement_url(told(removed))}?lang=en"' in answer.content.decode()
    assert "A newer decision has taken this one's place" in words_of(answer)
    assert "<textarea" not in answer.content.decode() and "<textarea" in read(client, told(removed)).content.decode()


def test_a_suspension_that_is_over_says_so_and_can_still_be_appealed(client):
    long_ago = timezone.now() - timedelta(days=3)
    statement = told(happens("suspend", seconds=3_600, at=long_ago))
    page = read(client, statement)
    assert f"it ended on {date_in('en', long_ago + timedelta(hours=1))}" in words_of(page)
    assert "<textarea" in page.content.decode()


def test_what_colleagues_noted_and_who_decided_is_nowhere_on_the_page(client):
    held = happens("hold", queue="scams")
    told(held)
    moderator = person(name="Ada Secret")
    removed = decide(moderator, over=held, action="remove", policy=policy(), reason="Fraud.", note="A known ring.")
    page = read(client, told(removed)).content.decode()
    for kept in ("Ada Secret", moderator.pk, "A known ring.", "scams.outreach/r1"):
        assert kept not in page


def test_the_page_asks_the_database_as_often_after_a_long_history(client, django_assert_max_num_queries):
    sent = happens("allow", by="u2")
    reported = report(Thing("message", sent.subject_id, "u2"))
    carried()
    statement = told(decide(person(), over=reported, action="remove", policy=policy(), reason="Fraud."))
    with django_assert_max_num_queries(8):
        read(client, statement)
    for _ in range(15):
        happens("remove", by="u2")
        report(Thing("message", sent.subject_id, "u2"))
    carried()
    with django_assert_max_num_queries(8):
        read(client, statement)


def test_an_address_that_is_no_web_address_is_no_link(client):
    policy("bad.url", dsa={"category": "SCAMS_AND_FRAUD", "ground": "incompatible", "url": "javascript:alert(1)"})
    assert "javascript:" not in re.sub(
        r"<script.*?</script>",
        "",
        read(client, told(happens("remove", key="bad.url"))).content.decode(),
        flags=re.DOTALL,
    )


# The words


def test_all_languages_have_the_same_words_with_the_same_gaps():
    for language, words in WORDS.items():
        assert words.keys() == WORDS["en"].keys(), language
        for name, text in words.items():
            assert set(re.findall(r"{(\w+)}", text)) == set(re.findall(r"{(\w+)}", WORDS["en"][name])), (language, name)


def test_the_check_in_the_browser_speaks_every_language():
    import safehold.web

    script = (Path(safehold.web.__file__).parent / "static/safehold/verify.js").read_text()
    block = re.search(r"export const WORDS = {\n(.*?)\n};", script, re.DOTALL)[1]
    english = dict(re.findall(r'^  (\w+): "(.*)",$', block, re.MULTILINE))
    assert len(english) == len(block.splitlines())
    for language in LANGUAGES[1:]:
        assert VERIFY[language].keys() == english.keys(), language
        for name, text in VERIFY[language].items():
            assert set(re.findall(r"{(\w+)}", text)) == set(re.findall(r"{(\w+)}", english[name])), (language, name)
