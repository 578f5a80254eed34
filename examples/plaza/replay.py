"""Plaza's first day: people join, write to each other and post, with the words of real messages. Most of the day is sent
at once, as history; the rest happens live, a message at a time, so that somebody can watch decisions come in.
"""

import json
import random
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx

from plaza.events import account_created, message_sent, post_created, report_filed
from plaza.safehold import Safehold
from plaza.store import Store

MESSAGES = Path(__file__).parent / "data" / "messages.ndjson"
THREADS = (
    "welcome",
    "housing-and-rooms",
    "buy-and-sell",
    "politics",
    "music-and-films",
    "football",
    "help-and-questions",
)
NAMES = (Path(__file__).parent / "data" / "names.txt").read_text().split()
DAY = 86_400
LIVE_SHARE = 6  # one in six messages happens live
LIVE_SECONDS = 1.5


def live(store: Store, safehold: Safehold, count: int) -> None:
    """Live through the first `count` messages; goes on where an earlier run stopped."""
    _wait_until_ready(safehold)
    messages = [json.loads(line) for line in MESSAGES.read_text().splitlines()[:count]]
    done = store.run("SELECT count(*) FROM item")[0][0]
    if done >= len(messages):
        return
    people = _people(store)
    if not done:
        _send(safehold, [account_created(person) for person in people])
    history = len(messages) - len(messages) // LIVE_SHARE
    for first in range(done, history, 100):
        last = min(first + 100, history)
        events = [event for number in range(first, last) for event in _happen(store, people, messages, number, history)]
        _send(safehold, events)
        _say(f"Plaza: {last} of {len(messages)} messages sent, the rest follow live")
    for number in range(max(done, history), len(messages)):
        _send(safehold, list(_happen(store, people, messages, number, history)))
        time.sleep(LIVE_SECONDS)
    _say(f"Plaza: all {len(messages)} messages sent")


def _people(store: Store) -> list[dict[str, Any]]:
    """The members: most have been here for months, some joined today."""
    chance = random.Random(1)  # noqa: S311 - the same day for everybody
    now = time.time()
    ages = [chance.uniform(30, 900) if number % 5 else chance.uniform(0.2, 3) for number in range(len(NAMES))]
    return [dict(store.account(name, now - age * DAY)) for name, age in zip(NAMES, ages, strict=True)]


def _happen(
    store: Store, people: list[dict[str, Any]], messages: list[dict[str, str]], number: int, history: int
) -> Iterator[dict[str, Any]]:
    """The events of message `number`: a text message becomes a private message, a forum comment a post."""
    chance = random.Random(number)  # noqa: S311
    author, other = chance.sample(people, 2)
    message = messages[number]
    at = time.time() if number >= history else time.time() - DAY * (history - number) / max(history, 1)
    at = max(at, author["created_at"] + 60)
    if message["src"] == "sms":
        id = store.add("message", author["id"], message["text"], at, recipient=other["id"])
        yield message_sent(author, id, other["id"], message["text"], at)
    else:
        thread = chance.choice(THREADS)
        id = store.add("post", author["id"], message["text"], at, thread=thread)
        yield post_created(author, id, thread, message["text"], at)
    if number % 60 == 7:
        item = store.run("SELECT * FROM item WHERE id = ?", id)[0]
        yield report_filed(other, item, "I don't think this belongs here.", at + 30)


def _send(safehold: Safehold, events: list[dict[str, Any]]) -> None:
    """Send them, waiting while Safehold is away: Plaza's members don't lose what they wrote."""
    while events:
        try:
            safehold.send_batch(events)
            return
        except httpx.HTTPError as error:
            _say(f"Plaza: Safehold did not take {len(events)} events ({type(error).__name__}), trying again")
            time.sleep(3)


def _wait_until_ready(safehold: Safehold) -> None:
    while True:
        try:
            if safehold.http.get("/readyz").status_code == 200:
                return
        except httpx.TransportError:
            pass  # it is still starting: that is what we wait for
        time.sleep(0.2)


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)
