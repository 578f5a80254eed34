"""The reference of webhooks names what is sent: every type, and every field of the messages about actions."""

import json
import re
from pathlib import Path

import pytest

from safehold.desk.decisions.deliveries import TYPES
from safehold.desk.decisions.endpoints import add_endpoint
from safehold.desk.decisions.models import Delivery
from safehold.desk.decisions.outbox import carry_on_once
from safehold.desk.decisions.sending import JITTER, SCHEDULE
from safehold.desk.transparency.texts import PARTS
from safehold.record.recording import recording
from tests.world import happens, service

PAGE = (Path(__file__).parents[2] / "docs/reference/webhooks.md").read_text()


def test_every_type_has_its_place():
    headings = re.findall(r"^### (.+)$", PAGE, re.MULTILINE)
    assert sorted(name for heading in headings for name in heading.split(", ")) == sorted(TYPES)


@pytest.mark.django_db
def test_every_field_is_named():
    with recording() as record:
        add_endpoint(record, service().pk, "https://plaza.example/hooks")
    happens("remove")
    while carry_on_once():
        pass
    for delivery in Delivery.objects.all():
        for name in json.loads(delivery.payload)["data"]:
            assert f"`{name}`" in PAGE, (delivery.type, name)
    assert all(f"`{part}`" in PAGE for part in PARTS)


def test_the_schedule_is_the_one_that_is_kept():
    units = {"s": 1, "min": 60, "h": 3_600}
    said = re.search(r"Tries: at once, then after (.+?) \(each up to (\d+)%", PAGE)
    assert said
    waits = [int(number) * units[unit] for number, unit in re.findall(r"(\d+) (s|min|h)\b", said[1])]
    assert tuple(waits) == SCHEDULE and int(said[2]) == JITTER * 100
