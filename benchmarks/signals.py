"""Texts a CPU-second through each signal that ships, beside what else does that job, on the same messages.

The messages are those of the SMS Spam Collection, of the starter packs' tests and of the personal data set in `tests/data`. What
both find is compared before anything is timed, and is under `more`: languages named rightly, areas under the curve, domains,
telephone numbers and terms that both find, copies that meet their originals. Each contender gets one text at a time, as an event
comes. `ours` is one text through all signals that have a peer, one after the other, and its peer is all of theirs; each pair is
under `more`, with signals that have none. Hashes of media are in `pdq` and `pdq-10m`, windows over copies in `copies`.
"""

import csv
import json
import random
import re
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

import phonenumbers
import tldextract
from profanity_check import predict_prob
from py3langid.langid import MODEL_FILE, LanguageIdentifier
from rensa import RMinHash, RMinHashLSH
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import SGDClassifier
from sklearn.metrics import roc_auc_score
from sklearn.pipeline import make_pipeline

from benchmarks import Result, per_cpu_second
from safehold.engine import installed_signals
from safehold.engine.event import Event
from safehold.engine.signal import Signal
from safehold.signals.lexicon.lists import shipped

DATA = Path(__file__).parents[1] / "tests" / "data"
SECONDS = 0.6
_LINK = re.compile(r"(?:https?://|www\.)([a-z0-9.-]+\.[a-z]{2,})", re.IGNORECASE)
Found = dict[str, float]


class Pair(NamedTuple):
    """A signal, and what stands beside it: `peer` does the job for one text, `alike` says how what both find compares."""

    name: str
    peer: Callable[[str], Any]
    alike: Callable[[], Found]


def run() -> Result:
    signals = {signal.name: signal for signal in installed_signals()}
    messages = _messages()
    draw = random.Random(3)
    texts = draw.sample(messages["ordinary"] + messages["spam"] + messages["packs"] + messages["personal"], 400)
    more: Found = {"texts": len(texts)}
    pairs = _pairs(signals, messages)
    for pair in pairs:
        more |= {f"{pair.name}: {what}": value for what, value in pair.alike().items()}
    events = [_event(text) for text in texts]
    ours, theirs = {}, {}
    for pair in pairs:
        ours[pair.name] = _rate(signals[pair.name].run, events)
        theirs[pair.name] = _rate(pair.peer, texts)
        more[f"{pair.name}: texts/CPU-s"] = ours[pair.name]
        more[f"{pair.name}: rate / {_PEERS[pair.name]}'s"] = ours[pair.name] / theirs[pair.name]
    for name in ("text", "fingerprint", "spam", "phishing"):
        if name not in ours:
            more[f"{name}: texts/CPU-s, no peer"] = _rate(signals[name].run, events)
    return Result(
        _together(ours), "texts/CPU-s through all signals with a peer", {"the peers together": _together(theirs)}, more
    )


#: Signal -> the peer's name.
_PEERS = {
    "language": "py3langid", "harm": "alt-profanity-check", "spam": "TF-IDF and logistic regression", "copies": "rensa's index",
    "links": "a pattern and tldextract", "personal": "phonenumbers' matcher", "lexicon": "one pattern of all terms",
}  # fmt: skip


def _pairs(signals: dict[str, Signal], messages: dict[str, list[str]]) -> list[Pair]:
    bare = LanguageIdentifier.from_model_file(MODEL_FILE, norm_probs=True)
    classifier = _classifier(messages)
    pattern = _terms()
    return [
        Pair("language", bare.classify, lambda: _languages(signals["language"], bare.classify)),
        Pair("harm", lambda text: predict_prob([text]), lambda: _hateful(signals["harm"])),
        Pair(
            "spam", lambda text: classifier.predict_proba([text]), lambda: _spam(signals["spam"], messages, classifier)
        ),
        Pair("copies", _indexed, lambda: _copies(signals["copies"], messages["spam"])),
        Pair("links", _domains, lambda: _links(signals["links"], messages)),
        Pair("personal", _phones, lambda: _personal(signals["personal"], messages["personal"])),
        Pair("lexicon", pattern.findall, lambda: _lexicon(signals["lexicon"], pattern, messages)),
    ]


def _event(text: str) -> Event:
    return Event(
        id="b", source="/bench", type="content.created", time=datetime(2026, 3, 1, tzinfo=UTC),
        context={"country": "GB"}, data={"content_id": "c", "text": text}, text=text,
    )  # fmt: skip


def _rate(work: Callable[[Any], Any], items: Sequence[Any]) -> float:
    """A second of CPU time; what a contender remembers of a text before does not help it: the round is longer than that."""
    for item in items[:20]:
        work(item)

    def round_() -> int:
        for item in items:
            work(item)
        return len(items)

    return per_cpu_second(round_, SECONDS)


def _together(rates: dict[str, float]) -> float:
    return 1 / sum(1 / rate for rate in rates.values())


def _messages() -> dict[str, list[str]]:
    rows = [line.split("\t", 1) for line in (DATA / "sms-spam.tsv").read_text("utf-8").splitlines()]
    with (DATA / "pack-messages.tsv").open(encoding="utf-8", newline="") as file:
        packs = [row["text"] for row in csv.DictReader(file, delimiter="\t")]
    personal = [json.loads(line)["text"] for line in (DATA / "personal-data.ndjson").read_text("utf-8").splitlines()]
    return {
        "spam": [text for label, text in rows if label == "spam"],
        "ordinary": [text for label, text in rows if label == "ham"],
        "packs": packs,
        "personal": personal[:400],
    }


def _languages(language: Signal, classify: Callable[[str], Any]) -> Found:
    """Of the starter packs' messages in seven languages: how many ours names, and how many of those as the model alone does."""
    with (DATA / "pack-messages.tsv").open(encoding="utf-8", newline="") as file:
        rows = [(row["language"], row["text"]) for row in csv.DictReader(file, delimiter="\t")]
    named = [(said, text, language.run(_event(text)).get("code")) for said, text in rows]
    ours = [found == said for said, _, found in named if found is not None]
    theirs = [classify(text)[0] == said for said, text, _ in named]
    right, other = sum(ours) / len(ours), sum(theirs) / len(theirs)
    assert right >= other, (right, other)
    return {"named": len(ours) / len(rows), "right of those": right, "right, peer, which names all": other}


def _hateful(harm: Signal) -> Found:
    """Areas under the curve on 300 cases of HatemojiCheck, which neither has seen: how well hate is told from the rest."""
    with (DATA / "hatemoji-check.csv").open(encoding="utf-8", newline="") as file:
        rows = random.Random(5).sample(list(csv.DictReader(file)), 300)
    labels = [row["label_gold"] == "1" for row in rows]
    values = [harm.run(_event(row["text"])) for row in rows]
    ours = [
        max(float(str(value.get(name, 0.0))) for name in ("identity_attack", "toxicity", "threat")) for value in values
    ]
    found = roc_auc_score(labels, ours), roc_auc_score(labels, predict_prob([row["text"] for row in rows]))
    assert found[0] > found[1], found
    return {"AUC, hate": float(found[0]), "AUC, hate, peer": float(found[1])}


def _classifier(messages: dict[str, list[str]]) -> Any:
    """Trained on every second message, tested on the others."""
    spam, ordinary = messages["spam"][::2], messages["ordinary"][::2]
    made = make_pipeline(
        TfidfVectorizer(ngram_range=(1, 2), sublinear_tf=True), SGDClassifier(loss="log_loss", random_state=1)
    )
    return made.fit(spam + ordinary, [True] * len(spam) + [False] * len(ordinary))


def _spam(spam: Signal, messages: dict[str, list[str]], classifier: Any) -> Found:
    """Ours is not trained on these, and has reasons; the peer is, and has none."""
    texts = messages["spam"][1::2] + messages["ordinary"][1::2]
    labels = [True] * len(messages["spam"][1::2]) + [False] * len(messages["ordinary"][1::2])
    ours = [float(str(spam.run(_event(text))["score"])) for text in texts]
    assert roc_auc_score(labels, ours) > 0.9
    return {
        "AUC, SMS spam": float(roc_auc_score(labels, ours)),
        "AUC, SMS spam, peer": float(roc_auc_score(labels, classifier.predict_proba(texts)[:, 1])),
    }


def _runs(text: str) -> list[str]:
    plain = re.sub(r"\d+", "0", text.lower())
    return [plain[i : i + 4] for i in range(len(plain) - 3)]


def _sketch(text: str) -> Any:
    sketch = RMinHash(num_perm=96, seed=42)
    sketch.update(_runs(text))
    return sketch


@cache
def _index() -> Any:
    return RMinHashLSH(threshold=0.5, num_perm=96, num_bands=24)


def _indexed(text: str) -> None:
    """What a look-up costs beside the sketch; ours makes keys that a window looks up."""
    _index().query(_sketch(text))


def _copies(copies: Signal, spam: list[str]) -> Found:
    """Of copies with another greeting, other numbers and a look-alike letter: how many meet their original."""
    originals = [text for text in spam if len(text.split()) >= 10][:100]
    changed = [re.sub(r"\d", "7", f"Hi Anna, {text}").replace("o", "\u043e", 3) for text in originals]
    index = RMinHashLSH(threshold=0.5, num_perm=96, num_bands=24)
    for number, text in enumerate(originals):
        index.insert(number, _sketch(text))
    ours = [
        bool(set(_list(copies, one, "keys")) & set(_list(copies, other, "keys")))
        for one, other in zip(originals, changed, strict=True)
    ]
    theirs = [number in index.query(_sketch(text)) for number, text in enumerate(changed)]
    assert sum(ours) >= 0.95 * len(ours), sum(ours)
    return {"copies found": sum(ours) / len(ours), "copies found, peer": sum(theirs) / len(theirs)}


def _list(signal: Signal, text: str, field: str) -> list[Any]:
    found = signal.run(_event(text))[field]
    assert isinstance(found, list)
    return found


_extract = tldextract.TLDExtract(suffix_list_urls=())


def _domains(text: str) -> list[str]:
    return [_extract(host).top_domain_under_public_suffix for host in _LINK.findall(text)]


def _links(links: Signal, messages: dict[str, list[str]]) -> Found:
    """Every domain that a pattern finds, ours finds; and others without a scheme."""
    texts = messages["spam"] + messages["packs"]
    theirs = {(text, domain.lower()) for text in texts for domain in _domains(text) if domain}
    ours = {(text, domain) for text in texts for domain in _list(links, text, "registrable")}
    assert theirs, "no link at all"
    return {"of the peer's domains": len(theirs & ours) / len(theirs), "domains, peer's are 1": len(ours) / len(theirs)}


def _phones(text: str) -> list[str]:
    return [match.raw_string for match in phonenumbers.PhoneNumberMatcher(text, "GB")]


def _personal(personal: Signal, texts: list[str]) -> Found:
    """Texts with a telephone number in them, by both. Ours looks for eight more kinds at the same time."""
    ours = {text for text in texts if "phone" in _list(personal, text, "kinds")}
    theirs = {text for text in texts if _phones(text)}
    return {"telephone numbers, of the peer's": len(ours & theirs) / len(theirs), "kinds": 9}


def _terms() -> re.Pattern[str]:
    """All terms of the lists that are always looked for, as people write such a pattern by hand."""
    terms = {term.text for words in shipped() if words.language in ("en", "*") for term in words.terms}
    return re.compile(
        r"(?<!\w)(?:" + "|".join(map(re.escape, sorted(terms, key=len, reverse=True))) + r")(?!\w)", re.IGNORECASE
    )


def _lexicon(lexicon: Signal, pattern: re.Pattern[str], messages: dict[str, list[str]]) -> Found:
    """Texts with a term: undisguised ones, which both find, and the same with look-alike letters and digits."""
    texts = [text for text in messages["packs"] + messages["spam"] if pattern.search(text)]
    disguised = [text.translate(str.maketrans({"e": "\u0435", "o": "0", "a": "\u0430"})) for text in texts]
    plain = [bool(lexicon.run(_event(text))["count"]) for text in texts]
    ours = [bool(lexicon.run(_event(text))["count"]) for text in disguised]
    theirs = [bool(pattern.search(text)) for text in disguised]
    assert sum(ours) >= sum(theirs)
    return {
        "texts with terms, of the peer's": sum(plain) / len(plain),
        "of those in disguise": sum(ours) / len(ours),
        "of those in disguise, peer": sum(theirs) / len(theirs),
    }
