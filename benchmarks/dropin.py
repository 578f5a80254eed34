"""Texts a second of one core that OpenAI's, Perspective's, Akismet's and HMA's APIs answer, and how long each takes to answer.

64 connections send short comments as fast as they are answered to one `safehold serve` on SQLite: moderations of one text and
of 32, Perspective's comments:analyze, Akismet's comment-check scored by the model, and the same decided by the starter packs and
on disk before it is answered; beside them a bare ASGI echo and the model called directly. Then one connection, one request at a
time: what each address takes, HMA's /h/hash of a picture and /m/lookup of a hash among 2,000 too (`more`, milliseconds).
All in texts a second of the servers' CPU time, since other programs share the machine. `ours` is the moderation of 32 texts; the
model called directly, 32 at a time, is the limit. Answers are compared with the model's own scores before anything is timed.
"""

import io
import itertools
import json
import random
import tempfile
import time
import urllib.parse
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import httpx
import uvloop
from PIL import Image

from benchmarks import Result, _load, per_cpu_second
from benchmarks.http import _SERVE, _Contender, _django, _prepared, _server
from safehold.signals.harm import Scored, score_texts
from safehold.signals.media.hashing import pdq

ROUND_SECONDS = 2.0
TOGETHER = 32
_HEAD = (
    "POST {path} HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {{secret}}\r\n"
    "Content-Type: {kind}\r\nContent-Length: %d\r\n\r\n"
)
_JSON = _HEAD.format(path="/v1/moderations", kind="application/json")
_FORM = _HEAD.format(path="/1.1/comment-check", kind="application/x-www-form-urlencoded")
_ANALYZE = _HEAD.format(path="/v1alpha1/comments:analyze", kind="application/json")
#: Requests one after the other to each address.
ONE_BY_ONE = 150
_WORDS = (
    "I read this twice and still think that the garden at the old mill needs water more than words thank you for "
    "writing it you idiot buy cheap pills now at a good price tomorrow we will meet at eight near the station"
)


def run() -> Result:
    with tempfile.TemporaryDirectory() as name, ExitStack() as stack:
        folder = Path(name)
        environment, recording = _prepared(folder, f"sqlite:///{folder / 'safehold.sqlite3'}")
        environment["SAFEHOLD_POLICIES"] = str(Path(__file__).parents[1] / "policies")
        scoring, recording, matching = _keys(environment)
        process, port = stack.enter_context(_server(["-c", _SERVE.format(1)], environment, "/readyz"))
        ours = _Contender(process, port, scoring, environment)
        process, port = stack.enter_context(_server(["-m", "benchmarks._echo"], {}, "/"))
        echo = _Contender(process, port, "none", {})
        _check(ours.port, scoring)
        texts = _texts()
        rates = {
            "one": _rate(ours, _JSON, lambda: _moderation(texts, 1), 1),
            "many": _rate(ours, _JSON, lambda: _moderation(texts, TOGETHER), TOGETHER),
            "analyze": _rate(ours, _ANALYZE, lambda: _analyze(texts), 1),
            "scored": _rate(ours, _FORM, lambda: _comment(texts, scoring), 1),
            "recorded": _rate(ours, _FORM, lambda: _comment(texts, recording), 1),
            "echo": _rate(echo, _JSON, lambda: _moderation(texts, 1), 1),
        }
        took = _latencies(ours.port, scoring, recording, matching, texts)

    def scored_directly() -> int:
        return len(score_texts([next(texts) for _ in range(TOGETHER)]))

    direct = per_cpu_second(scored_directly, 2.0)
    more = {
        "moderations of one text per CPU second": rates["one"],
        "comments:analyze per CPU second": rates["analyze"],
        "comment-checks by the model per CPU second": rates["scored"],
        "comment-checks decided and recorded per CPU second": rates["recorded"],
        **took,
    }
    peers = {"the model called directly": direct, "bare ASGI echo, one text a request": rates["echo"]}
    return Result(rates["many"], f"texts per CPU second, {TOGETHER} a request", peers, more)


def _texts() -> Iterator[str]:
    draw, words = random.Random(4), _WORDS.split()
    return (" ".join(draw.choices(words, k=draw.randint(6, 24))) for _ in itertools.count())


def _moderation(texts: Iterator[str], together: int) -> bytes:
    return json.dumps({"input": [next(texts) for _ in range(together)]}).encode()


def _analyze(texts: Iterator[str]) -> bytes:
    return json.dumps(
        {"comment": {"text": next(texts)}, "requestedAttributes": {"TOXICITY": {}, "INSULT": {}}}
    ).encode()


def _comment(texts: Iterator[str], key: str) -> bytes:
    form = {"api_key": key, "blog": "https://blog.example", "user_ip": "203.0.113.7", "comment_content": next(texts)}
    return urllib.parse.urlencode(form).encode()


def _rate(contender: _Contender, head: str, body: Callable[[], bytes], texts: int) -> float:
    """Texts a second of the server's CPU time, of the second of two rounds."""
    bodies = iter(body, b"")
    rate = 0.0
    for seconds in (0.5, ROUND_SECONDS):
        before = contender.spent()
        answers, _ = uvloop.run(_load.as_fast_as_it_goes([contender.port], contender.secret, bodies, seconds, head))
        rate = len(answers) * texts / (contender.spent() - before)
    return rate


def _latencies(port: int, scoring: str, recording: str, matching: str, texts: Iterator[str]) -> dict[str, float]:
    """p50 and p99 of one request after the other, in milliseconds, the client's own time included."""
    picture = _picture()
    file = {"photo": ("cat.png", picture, "image/png")}
    found: dict[str, float] = {}
    with httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=60) as client:
        score = {"Authorization": f"Bearer {scoring}", "content-type": "application/json"}
        match = {"Authorization": f"Bearer {matching}"}
        form = {"content-type": "application/x-www-form-urlencoded"}
        hashed = client.post("/h/hash", files=file, headers=match).raise_for_status().json()
        asked = {"signal_type": "pdq", "signal": hashed["pdq"]}
        assert "bad" in client.get("/m/lookup", params=asked, headers=match).raise_for_status().json(), "not found"
        requests: dict[str, Callable[[], httpx.Response]] = {
            "moderations": lambda: client.post("/v1/moderations", content=_moderation(texts, 1), headers=score),
            "comments:analyze": lambda: client.post(
                "/v1alpha1/comments:analyze", content=_analyze(texts), headers=score
            ),
            "comment-check": lambda: client.post("/1.1/comment-check", content=_comment(texts, scoring), headers=form),
            "comment-check, recorded": lambda: client.post(
                "/1.1/comment-check", content=_comment(texts, recording), headers=form
            ),
            "/h/hash": lambda: client.post("/h/hash", files=file, headers=match),
            "/m/lookup": lambda: client.get("/m/lookup", params=asked, headers=match),
        }
        for name, send in requests.items():
            took = []
            for _ in range(ONE_BY_ONE):
                begun = time.perf_counter()
                send().raise_for_status()
                took.append(1000 * (time.perf_counter() - begun))
            took.sort()
            found[f"{name}: p50 ms"], found[f"{name}: p99 ms"] = took[len(took) // 2], took[len(took) * 99 // 100]
    return found


def _picture() -> bytes:
    out = io.BytesIO()
    Image.effect_mandelbrot((320, 240), (-2, -1.2, 1.1, 1.2), 60).convert("RGB").save(out, "PNG")
    return out.getvalue()


def _keys(environment: dict[str, str]) -> tuple[str, str, str]:
    """A key that may only score, one whose texts are recorded, and one that may look up in the bank with the picture's hash."""
    shown = pdq(Image.open(io.BytesIO(_picture()))).hash
    made = _django(
        environment,
        "from safehold.accounts.keys import create_key\n"
        "from safehold.desk.banks.changing import add_items, create_bank\n"
        "create_bank(None, 'bad')\n"
        "import random; draw = random.Random(9)\n"
        f"hashes = ['{shown}', *('%064x' % draw.getrandbits(256) for _ in range(2000))]\n"
        "add_items(None, 'bad', [('pdq', each) for each in hashes], {})\n"
        "print(create_key(None, 'scores', ['text:score'], service='bench')[1])\n"
        "print(create_key(None, 'records', ['text:score', 'events:write'], service='bench')[1])\n"
        "print(create_key(None, 'matches', ['hashes:match'], service='bench')[1])",
    )
    scoring, recording, matching = made.split()
    return scoring, recording, matching


def _check(port: int, key: str) -> None:
    """What is answered is what the model says."""
    texts = list(itertools.islice(_texts(), 64))
    headers = {"Authorization": f"Bearer {key}"}
    answer = httpx.post(f"http://127.0.0.1:{port}/v1/moderations", json={"input": texts}, headers=headers, timeout=60)
    results = answer.raise_for_status().json()["results"]
    expected: list[Scored] = score_texts(texts)
    got = [result["category_scores"]["harassment/threatening"] for result in results]
    assert got == [one.scores["threat"] for one in expected], "the answers are not the model's scores"
