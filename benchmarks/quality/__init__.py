"""How well the harm model judges: held-back texts by attribute, source, kind, group and length, beside peers (3 minutes).

`python -m benchmarks quality [--outside hatemoji-check.csv hatecheck.csv xstest.csv] [--card docs/reference/model-card.md]`.
Prints one JSON line; exits with 1 if a floor or a gate (fairness, dilution) is broken. Each figure is [value, low, high], an
interval of 95%.
"""

import argparse
import json
import sys
import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from benchmarks import Result, language, machine
from benchmarks.quality import card, dilution, fairness, kinds, measures, outside, peers, thresholds
from benchmarks.quality.measures import Floats
from safehold.signals.harm import ATTRIBUTES, model_version, score_texts
from safehold.signals.harm.reading import readable
from safehold.signals.harm.training import calibrate, corpus
from safehold.signals.harm.training.disguise import TRICKS, disguise
from safehold.signals.harm.training.example import Example, key, matrix

TRAINING = Path(__file__).parents[2] / "training"
LENGTHS = (40, 80, 160, 100_000)
LANGUAGES = ("ar", "de", "en", "es", "fr", "hi", "it", "ja", "nl", "pl", "pt", "ru", "tr", "uk", "zh")
REPORTED = ("toxicity", "identity_attack", "spam")


def run() -> Result:
    """For `python -m benchmarks all`: the AUC of toxicity on real texts, ours and the peers'. Raises if a gate is broken."""
    figures = measure()
    if figures["misses"]:
        raise SystemExit("; ".join(map(str, figures["misses"])))
    ours = figures["attributes"]["toxicity"]["real"]["auc"][0]  # type: ignore[index]
    beside = {name: each["toxicity"]["auc"][0] for name, each in figures["peers"].items()}  # type: ignore[attr-defined]
    return Result(float(ours), "AUC of toxicity", beside)


def main(arguments: Sequence[str]) -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks quality", description=__doc__)
    parser.add_argument(
        "--outside",
        type=Path,
        nargs="+",
        default=[],
        metavar="FILE",
        help="CSVs of HatemojiCheck, HateCheck or XSTest, known by their columns, which no training may see",
    )
    parser.add_argument("--card", type=Path, help="write the model card there")
    parser.add_argument("--figures", type=Path, help="write the figures there, as JSON")
    parser.add_argument("--thresholds", action="store_true", help="only choose the thresholds of the starter packs")
    asked = parser.parse_args(arguments)
    if asked.thresholds:
        print(thresholds.table(thresholds.choose(corpus.examples(TRAINING))), flush=True)
        return 0
    try:
        sets = outside.read_all(asked.outside)
    except (OSError, ValueError) as error:
        parser.error(str(error))
    figures = measure(sets)
    print(json.dumps({"name": "quality", **figures, "machine": machine()}), flush=True)
    if asked.figures:
        asked.figures.write_text(json.dumps(figures, indent=1) + "\n", "utf-8")
    if asked.card:
        asked.card.write_text(card.text(figures), "utf-8")
    for miss in figures["misses"]:  # type: ignore[attr-defined]
        print(miss, file=sys.stderr)
    return 1 if figures["misses"] else 0


def measure(outside_sets: Sequence[outside.OutsideSet] = ()) -> dict[str, object]:
    """Every figure. Nothing here was trained, tuned or given a threshold on what it is measured on."""
    examples = corpus.examples(TRAINING)
    test = [each for each in examples if each.split == "test"]
    fit = [each for each in examples if each.split == "fit"]
    scores, unread = _scores([each.text for each in test])
    labels = matrix(test).astype(np.float64)
    ours = [row for row, each in enumerate(test) if each.source == "templates"]
    held = [test[row] for row in ours]
    told = kinds.by_kind(held, scores[ours])
    suite = kinds.functional(held, scores[ours])
    groups = fairness.by_group(test, scores)
    among = dilution.figures(test)
    return {
        "version": model_version(),
        "texts": {"fit": len(fit), "test": len(test), "not read": unread},
        "microseconds a short text": _microseconds([each.text for each in test if len(each.text) <= 100][:300]),
        "attributes": _by_attribute(test, labels, scores),
        "sources": _by_source(test, labels, scores),
        "lengths": _by_length(test, labels, scores),
        "disguises": _disguised(test, labels),
        "languages": _by_language(),
        "peers": _peers(fit, test, labels),
        "functional": suite,
        "kinds": told,
        "fairness": groups,
        "dilution": among,
        **_outside(outside_sets, examples),
        "misses": kinds.misses(told, suite) + fairness.misses(groups) + dilution.misses(among),
    }


def _scores(texts: Sequence[str]) -> tuple[Floats, int]:
    """Probabilities (texts, attributes); a text that the model doesn't read counts as not found."""
    scored = score_texts(texts)
    rows = np.array([[each.scores.get(name, 0.0) for name in ATTRIBUTES] for each in scored])
    return rows, sum(not each.supported for each in scored)


def _outside(sets: Sequence[outside.OutsideSet], examples: Sequence[Example]) -> dict[str, object]:
    trained = {key(each.text) for each in examples if each.split != "test"} if sets else set()
    return {each.name: outside.measure(each, trained) for each in sets}


def _microseconds(texts: Sequence[str]) -> dict[str, int]:
    """Processor time of a text on one core, half of them and 99 of 100 at most: the best of five, because other work on the
    machine only adds. Another number before it each time, so that nothing is remembered.
    """
    took = []
    for text in texts:
        rounds = []
        for number in range(1, 6):
            begun = time.thread_time()
            score_texts([f"{number} {text}"])
            rounds.append((time.thread_time() - begun) * 1e6)
        took.append(min(rounds))
    return {"p50": round(float(np.percentile(took, 50))), "p99": round(float(np.percentile(took, 99)))}


def _by_attribute(test: Sequence[Example], labels: Floats, scores: Floats) -> dict[str, object]:
    """Real texts and our own templates apart; calibration error with as many positives as calibration assumes."""
    synthetic = np.array([each.source == "templates" for each in test])
    told: dict[str, object] = {}
    for column, name in enumerate(ATTRIBUTES):
        parts: dict[str, object] = {}
        for part, chosen in (("real", ~synthetic), ("synthetic", synthetic)):
            rows = chosen & ~np.isnan(labels[:, column])
            if (labels[rows, column] > 0.5).sum() >= 10:
                parts[part] = measures.figures(labels[rows, column], scores[rows, column])
        known = ~np.isnan(labels[:, column])
        wanted = labels[known, column]
        weights = calibrate.balance(wanted, np.array([each.weight for each in test], dtype=np.float32)[known])
        weights = weights * np.array([each.weight for each in test])[known]
        off = calibrate.error(scores[known, column].astype(np.float32), wanted.astype(np.float32), weights)
        told[name] = {**parts, "calibration_error": round(off, 3)}
    return told


def _by_source(test: Sequence[Example], labels: Floats, scores: Floats) -> dict[str, object]:
    told: dict[str, dict[str, object]] = {}
    for source in sorted({each.source for each in test}):
        of = np.array([each.source == source for each in test])
        for name in REPORTED:
            column = ATTRIBUTES.index(name)
            rows = of & ~np.isnan(labels[:, column])
            positive = int((labels[rows, column] > 0.5).sum())
            if 10 <= positive <= rows.sum() - 10:
                told.setdefault(source, {})[name] = measures.figures(labels[rows, column], scores[rows, column])
    return told  # type: ignore[return-value]


def _by_length(test: Sequence[Example], labels: Floats, scores: Floats) -> dict[str, object]:
    """Toxicity of real texts, by characters."""
    column, least = ATTRIBUTES.index("toxicity"), 0
    told: dict[str, object] = {}
    for most in LENGTHS:
        rows = np.array([least <= len(each.text) < most and each.source != "templates" for each in test])
        rows &= ~np.isnan(labels[:, column])
        told[f"{least} to {most - 1}" if most < 100_000 else f"{least} and more"] = measures.figures(
            labels[rows, column], scores[rows, column]
        )
        least = most
    return told


def _by_language() -> dict[str, float]:
    """The share of texts of 20 letters and more that the model reads, by language: Django's own messages."""
    told: dict[str, list[bool]] = {}
    for code, text in language.texts():
        if sum(map(str.isalpha, text)) >= 20:
            told.setdefault(code if code in LANGUAGES else "others", []).append(readable(text))
    return {code: round(sum(read) / len(read), 3) for code, read in sorted(told.items())}


def _disguised(test: Sequence[Example], labels: Floats) -> dict[str, object]:
    """Toxicity of the first 600 real texts as they are, and under each disguise: [AUC, low, high]."""
    import random

    column = ATTRIBUTES.index("toxicity")
    rows = [row for row, each in enumerate(test) if each.source in ("surge", "davidson") and labels[row, column] >= 0][
        :600
    ]
    told: dict[str, object] = {}
    for name in ("none", *TRICKS):
        chance = random.Random(1)
        texts = [test[row].text if name == "none" else disguise(test[row].text, chance, name) for row in rows]
        said = _scores(texts)[0][:, column]
        told[name] = [round(value, 3) for value in measures.interval(measures.auc, labels[rows, column], said)]
    return told


def _peers(fit: Sequence[Example], test: Sequence[Example], labels: Floats) -> dict[str, object]:
    """On real texts: the attributes that a peer can say something about."""
    real = np.array([each.source != "templates" for each in test])
    texts = [each.text for each in test]
    check = peers.profanity_check(texts)
    said = {
        "alt-profanity-check": {"toxicity": check, "profanity": check},
        "TF-IDF and logistic regression": peers.tfidf(fit, texts, (*REPORTED, "profanity")),
    }
    told: dict[str, object] = {}
    for name, columns in said.items():
        found = {}
        for attribute, values in columns.items():
            rows = real & ~np.isnan(labels[:, ATTRIBUTES.index(attribute)])
            found[attribute] = measures.figures(labels[rows, ATTRIBUTES.index(attribute)], values[rows])
        told[name] = found
    return told
