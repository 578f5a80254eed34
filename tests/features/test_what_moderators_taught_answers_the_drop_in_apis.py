"""A forum in German, which the shipped model doesn't read, gets scores from Perspective's, OpenAI's and Akismet's addresses as
soon as the model that its own moderators taught is live, and only of what they taught; the record says which model it was.
"""

import json
import os
import random
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import httpx
import pytest
from django.utils import timezone
from openai import OpenAI

from safehold.accounts.keys import create_key
from safehold.accounts.roles import Scope
from safehold.desk.entities.models import Event
from safehold.desk.learning.models import AuditShare
from safehold.desk.learning.promoting import promote, watch
from safehold.desk.learning.taking import submit_many
from safehold.desk.learning.training import lessons_of, train_now
from safehold.gateway.store import LabelSubmission
from tests.gateway_server import Server, database_of_its_own, policy_folder, serving
from tests.world import service

NICE = "Du bist wirklich ein guter Freund und ein toller Koch, das weiß hier jeder."
RUDE = "Du bist wirklich ein Vollpfosten und ein elender Schwachkopf, das weiß hier jeder."
LURE = "Jetzt Gewinn sichern und Bonus im Casino abholen, kostenlos und ganz ohne Risiko!"
CHAT = "Wir wollen am Abend Kuchen backen und morgen den Garten gießen, wie immer."
ENGLISH = "You are a stupid idiot and everybody hates you."
_WHO = ["Du bist", "Sie sind", "Der Kerl ist", "Meine Güte, du bist", "Glaub mir, der Autor ist"]
_HOW = ["wirklich", "einfach nur", "ja wohl", "offensichtlich", "nach wie vor", "wie immer"]
_INSULTS = [
    "ein Vollpfosten",
    "ein elender Schwachkopf",
    "ein dummer Idiot",
    "ein ekelhafter Versager",
    "eine hohle Nuss",
]
_PRAISE = [
    "ein guter Freund",
    "eine große Hilfe",
    "sehr freundlich",
    "ein toller Koch",
    "immer willkommen",
    "sehr geduldig",
]
_LURES = [
    "Bonus im Casino abholen",
    "schnell Geld verdienen",
    "Gewinn sichern",
    "billige Pillen bestellen",
    "Kredit ohne Risiko",
]
_CHAT = [
    "morgen Kuchen backen",
    "den Garten gießen",
    "am Abend ins Kino gehen",
    "die Anleitung lesen",
    "Fahrrad fahren",
]


def _lessons() -> Iterator[LabelSubmission]:
    """What moderators said: 300 sentences about somebody, an insult or none, and 300 that lure or don't."""
    draw = random.Random(4)
    for number in range(600):
        yes = draw.random() < 0.5
        if number % 2:
            end = draw.choice(_INSULTS if yes else _PRAISE)
            text = f"{draw.choice(_WHO)} {draw.choice(_HOW)} {end}, das weiß hier jeder seit {number} Tagen."
            attributes = ["insult", "identity_attack"]
        else:
            text = f"Wir wollen jetzt {draw.choice(_HOW)} {draw.choice(_LURES if yes else _CHAT)}, schon zum {number}. Mal!"
            attributes = ["spam"]
        for attribute in attributes:
            yield LabelSubmission(text=text, attribute=attribute, value=float(yes), source="manual", at=timezone.now())


@pytest.fixture(scope="module")
def forum(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[SimpleNamespace]:
    folder = tmp_path_factory.mktemp("forum")
    with database_of_its_own("sqlite", request, folder) as url:
        service()
        AuditShare.objects.create(service_id="plaza", salt="of this test", share=0.2)
        for _ in submit_many("plaza", list(_lessons())):
            pass
        model = train_now(None, "plaza")
        watch(None, model.pk)
        promote(None, model.pk)
        scoring = create_key(None, "page", [Scope.SCORE_TEXTS], service="plaza")[1]
        whole = create_key(None, "forum", [Scope.SCORE_TEXTS, Scope.WRITE_EVENTS], service="plaza")[1]
        with serving(url, policy_folder(folder / "policies"), folder, answers_by="community") as server:
            yield SimpleNamespace(server=server, model=model, scoring=scoring, whole=whole)


def asked(server: Server, key: str, text: str, *attributes: str, **more: Any) -> httpx.Response:
    body = {"comment": {"text": text}, "requestedAttributes": {name: {} for name in attributes}, **more}
    return httpx.post(f"{server.url}/v1alpha1/comments:analyze", params={"key": key}, json=body, timeout=60)


def scores(answer: httpx.Response) -> dict[str, float]:
    assert answer.status_code == 200, answer.text
    return {name: each["summaryScore"]["value"] for name, each in answer.json()["attributeScores"].items()}


def test_the_model_says_which_languages_it_was_taught(forum):
    lessons = lessons_of(forum.model).attributes
    assert {name: list(lesson.languages) for name, lesson in lessons.items()} == {
        "identity_attack": ["de"], "insult": ["de"], "spam": ["de"],
    }  # fmt: skip
    insult = lessons["insult"].languages["de"]
    assert insult.taught and insult.labels == 300 and insult.auc.value is not None and insult.auc.value > 0.9


def test_perspectives_clients_get_german_scores_of_what_was_taught(forum):
    rude, nice = (scores(asked(forum.server, forum.scoring, text, "INSULT"))["INSULT"] for text in (RUDE, NICE))
    assert rude > 0.7 > 0.3 > nice
    answer = asked(forum.server, forum.scoring, f"{NICE} {RUDE}", "INSULT", languages=["de"], spanAnnotations=True)
    spans = answer.json()["attributeScores"]["INSULT"]["spanScores"]
    assert [span["score"]["value"] > 0.5 for span in spans] == [False, True]
    assert answer.json()["languages"] == ["de"]


def test_what_was_not_taught_is_refused_or_left_out_as_before(forum):
    refused = asked(forum.server, forum.scoring, RUDE, "INSULT", "TOXICITY").json()["error"]
    assert refused["details"][0]["errorType"] == "LANGUAGE_NOT_SUPPORTED_BY_ATTRIBUTE"
    assert "TOXICITY" in refused["message"]
    left = asked(forum.server, forum.scoring, RUDE, "INSULT", "TOXICITY", dropUnsupportedAttributes=True)
    assert set(scores(left)) == {"INSULT"}
    french = asked(forum.server, forum.scoring, "Merci beaucoup pour cette belle recette de famille.", "INSULT")
    assert french.status_code == 400
    # English was not taught: the shipped model answers it.
    assert scores(asked(forum.server, forum.scoring, ENGLISH, "INSULT", "TOXICITY"))["TOXICITY"] > 0.5


def test_the_record_says_which_model_it_was(forum):
    given = scores(asked(forum.server, forum.whole, RUDE, "INSULT"))
    said = json.loads(Event.objects.filter(type="content.checked").latest("position").body)["data"]
    assert said["scores"] == given
    assert said["model"].startswith("harm ") and said["model"].endswith(f", community {forum.model.name}")
    asked(forum.server, forum.whole, ENGLISH, "INSULT")
    said = json.loads(Event.objects.filter(type="content.checked").latest("position").body)["data"]
    assert "community" not in said["model"]


def test_openais_clients_get_the_categories_that_were_taught(forum):
    with OpenAI(base_url=f"{forum.server.url}/v1", api_key=forum.scoring, max_retries=0) as client:
        answer = client.moderations.create(input=[RUDE, NICE])
    rude, nice = answer.results
    assert rude.categories.hate and not nice.categories.hate
    assert rude.category_applied_input_types.hate == ["text"]
    assert rude.category_applied_input_types.harassment == []  # it takes threats too, which nobody taught
    assert answer.model.endswith(f"-community-{forum.model.name}")


@pytest.mark.parametrize(("text", "spam"), [(LURE, "true"), (CHAT, "false")])
def test_akismets_clients_get_a_verdict_in_german(forum, text, spam):
    form = {"api_key": forum.scoring, "blog": "https://forum.example", "user_ip": "192.0.2.7", "comment_content": text}
    answer = httpx.post(f"{forum.server.url}/1.1/comment-check", data=form, timeout=60)
    assert answer.text == spam
    assert "safehold-measured" not in answer.headers


def test_another_word_than_harm_or_community_is_refused_at_the_start(tmp_path: Path):

    environment = {**os.environ, "SAFEHOLD_ANSWERS_BY": "both", "DJANGO_SETTINGS_MODULE": "safehold.site.settings"}
    ran = subprocess.run(
        [sys.executable, "-c", "from django.conf import settings; settings.DEBUG"],
        env={**environment, "SAFEHOLD_VAR": str(tmp_path)}, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert ran.returncode != 0
    assert "SAFEHOLD_ANSWERS_BY: `harm` or `community`, not `both`" in ran.stderr
