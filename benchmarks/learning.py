"""Training time for 100,000 labels beside scikit-learn; what active learning gains at a base rate of 6 %, and calibration.

Texts are of the open sets in SAFEHOLD_DATA/text: 100,000 of the abuse set, cut to 12 words and turned round where there are not
enough, are for time alone. The experiment is on text-message spam with hashed words and letters only, so that nothing which was
trained on these texts takes part. `SAFEHOLD_LEARNING=full` takes more rounds.

From labels in a database to a model that is kept: `_learning_whole`, with `SAFEHOLD_LEARNING=full` for 100,000 on both databases.

ours: labels a second of processor time, learned from texts that were read already (`fit`); peers: scikit-learn on the same
matrix.
"""

import json
import os
import subprocess
import sys
import time
from contextlib import ExitStack
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import NamedTuple

import numpy as np
import pyarrow.parquet as pq
from numpy.typing import NDArray
from scipy.sparse import csr_matrix
from sklearn.linear_model import LogisticRegression, SGDClassifier

from benchmarks import Result
from benchmarks.http import _postgresql
from safehold.signals.community import features, measures
from safehold.signals.community.calibration import calibrated
from safehold.signals.community.choosing import most_unsure
from safehold.signals.community.features import BUCKETS, Rows
from safehold.signals.community.learner import Design, Weights, fit, inverse_frequency
from safehold.signals.community.training import AUDIT_SHARE, STRENGTH

DATA = Path(os.environ.get("SAFEHOLD_DATA", Path(__file__).parents[2] / "shared/data")) / "text"
FULL = os.environ.get("SAFEHOLD_LEARNING") == "full"
LABELS = 100_000
#: The experiment: texts to choose from and to measure on, at this base rate; labels that are bought, so many at a time.
RATE, POOL, HELD, STEP, BOUGHT = 0.06, 2_400, 800, 25, 500
ROUNDS = 10 if FULL else 3


def run() -> Result:
    rows, truth = _many()
    inverse = inverse_frequency(rows)
    begun = time.process_time()
    ours = fit(Design(rows, inverse), truth, np.ones(len(truth)), strength=STRENGTH)
    took = time.process_time() - begun
    matrix = _matrix(rows, inverse)
    peers, scores = {}, {"ours": _scores(ours, rows, inverse)}
    for name, peer in (
        ("scikit-learn SGDClassifier", SGDClassifier(loss="log_loss", alpha=1.0 / len(truth), random_state=0)),
        ("scikit-learn LogisticRegression", LogisticRegression(max_iter=300)),
    ):
        begun = time.process_time()
        peer.fit(matrix, truth)
        peers[name] = LABELS / (time.process_time() - begun)
        scores[name] = peer.decision_function(matrix)
    agree = float(np.corrcoef(scores["ours"], scores["scikit-learn LogisticRegression"])[0, 1])
    assert agree > 0.98, f"ours and LogisticRegression have the same minimum, but agree only to {agree:.3f}"
    return Result(LABELS / took, "labels/s", peers, {"train s": took, **_whole(), **_experiment()})


def _whole() -> dict[str, float]:
    """From labels in a database to a model that is kept, and again after some more; seconds of processor time, in processes of
    their own. 600 labels, or with `full` 100,000 on SQLite and PostgreSQL."""
    found: dict[str, float] = {}
    count, more = (LABELS, 1_000) if FULL else (600, 60)
    with TemporaryDirectory() as folder, ExitStack() as stack:
        urls = {"SQLite": ""}
        if FULL:
            urls["PostgreSQL"] = stack.enter_context(_postgresql(Path(folder) / "server"))("whole")
        for name, url in urls.items():
            place = Path(folder) / name
            place.mkdir()
            environment = os.environ | {
                "SAFEHOLD_VAR": str(place),
                "SAFEHOLD_SERVICE": "plaza",
                "SAFEHOLD_LOG_LEVEL": "ERROR",
            }
            if url:
                environment["SAFEHOLD_DATABASE_URL"] = url
            done = subprocess.run(
                [sys.executable, "-m", "benchmarks._learning_whole", str(count), str(more)],
                env=environment, stdout=subprocess.PIPE, check=True, text=True,
            )  # fmt: skip
            found |= {f"{name}, {count:,} labels: {what}": value for what, value in json.loads(done.stdout).items()}
    return found


def abuse(count: int) -> tuple[list[str], list[float]]:
    """Texts of the abuse set cut to 12 words, and again with their words turned round where there are not enough; what they
    are labelled."""
    table = pq.read_table(DATA / "abuse.parquet", columns=["text", "label"]).to_pydict()
    texts = [" ".join(text.split()[:12]) for text in table["text"]]
    texts += [" ".join(reversed(text.split())) for text in texts]
    again = -(-count // len(texts))
    return (texts * again)[:count], ([float(label) for label in table["label"] * 2] * again)[:count]


def _many() -> tuple[Rows, NDArray[np.float64]]:
    texts, labels = abuse(LABELS)
    return _bucketed(texts), np.array(labels)


def _bucketed(texts: list[str]) -> Rows:
    found = [features.buckets(text) for text in texts]
    starts = np.concatenate(([0], np.cumsum([len(each) for each in found]))).astype(np.int64)
    return Rows(starts, np.concatenate(found), np.zeros((len(texts), 0), dtype=np.float32))


def _matrix(rows: Rows, inverse: NDArray[np.float64]) -> csr_matrix:
    values = inverse[rows.buckets]
    length = np.sqrt(np.add.reduceat(values**2, rows.starts[:-1]))
    scaled = values / np.repeat(np.maximum(length, 1e-6), np.diff(rows.starts))
    return csr_matrix((scaled, rows.buckets, rows.starts), shape=(len(rows), BUCKETS))


def _scores(weights: Weights, rows: Rows, inverse: NDArray[np.float64]) -> NDArray[np.float64]:
    length = np.sqrt(np.add.reduceat(inverse[rows.buckets] ** 2, rows.starts[:-1]))
    return np.asarray(
        np.add.reduceat(weights.buckets[rows.buckets], rows.starts[:-1]) / np.maximum(length, 1e-6) + weights.bias
    )


class Bought(NamedTuple):
    """What a model is worth that was taught so many labels: on held-back texts, and the violations among the labels."""

    labels: int
    f1: float
    auc: float
    calibration_error: float
    found: int


def _experiment() -> dict[str, float]:
    """Means over rounds: F1 and AUC on held-back texts, violations found, and calibration error, at the same number of labels."""
    texts, spam = messages(DATA / "sms-spam.tsv")
    more = {}
    for way in ("uncertainty", "random"):
        rounds = [buy(texts, spam, way, seed, pool=POOL, held=HELD)[-1] for seed in range(ROUNDS)]
        _, f1, auc, error, violations = np.mean(np.array(rounds, dtype=np.float64), axis=0)
        more |= {f"{way} F1": f1, f"{way} AUC": auc, f"{way} calibration error": error, f"{way} found": violations}
    return more


def messages(path: Path) -> tuple[Rows, NDArray[np.bool_]]:
    """Text messages of a file in the format of the SMS Spam Collection, by their words and letters alone."""
    pairs = [line.split("\t", 1) for line in path.read_text("utf-8").splitlines()]
    return _bucketed([text for _, text in pairs]), np.array([label == "spam" for label, _ in pairs])


def buy(
    texts: Rows, spam: NDArray[np.bool_], way: str, seed: int, *, pool: int, held: int, bought: int = BOUGHT, step: int = STEP
) -> list[Bought]:  # fmt: skip
    """Labels bought `step` at a time from a pool with a base rate of RATE, 20 % of them by lot for calibration, the others by
    `uncertainty` or at `random`; what each model is worth on as many held-back texts as `held`."""
    draw = np.random.Generator(np.random.PCG64(seed))
    chosen = _at_rate(spam, pool + held, draw)
    apart, order = chosen[:held], chosen[held:]
    inverse = inverse_frequency(texts.some(order))  # texts cost nothing; labels do
    audit = order[: round(bought * AUDIT_SHARE)]
    left = order[len(audit) :]
    learned, left = left[:step], left[step:]
    points = []
    while True:
        weights = fit(
            Design(texts.some(learned), inverse), spam[learned].astype(float), np.ones(len(learned)), strength=STRENGTH
        )
        points.append(_worth(weights, inverse, texts, spam, audit, learned, apart))
        wanted = min(step, bought - len(audit) - len(learned))
        if wanted <= 0:
            return points
        places = list(range(wanted))
        if way == "uncertainty":
            rows = texts.some(left)
            places = most_unsure(rows, 1 / (1 + np.exp(-_scores(weights, rows, inverse))), 0.5, wanted)
        learned = np.concatenate((learned, left[places]))
        left = np.delete(left, places)


def _at_rate(spam: NDArray[np.bool_], count: int, draw: np.random.Generator) -> NDArray[np.int64]:
    bad = draw.permutation(np.flatnonzero(spam))[: round(count * RATE)]
    good = draw.permutation(np.flatnonzero(~spam))[: count - len(bad)]
    return draw.permutation(np.concatenate((bad, good)))


def _worth(
    weights: Weights,
    inverse: NDArray[np.float64],
    texts: Rows,
    spam: NDArray[np.bool_],
    audit: NDArray[np.int64],
    learned: NDArray[np.int64],
    held: NDArray[np.int64],
) -> Bought:
    known = np.concatenate((audit, learned))
    map_ = calibrated(_scores(weights, texts.some(audit), inverse), spam[audit])
    scores = _scores(weights, texts.some(held), inverse)
    best = measures.best_threshold(_scores(weights, texts.some(known), inverse), spam[known])
    return Bought(
        len(known),
        measures.f1(scores, spam[held], best) or 0.0,
        measures.auc(scores, spam[held]) or 0.0,
        measures.calibration_error(map_(scores), spam[held]) or 0.0,
        int(spam[known].sum()),
    )
