"""Training time for 100,000 labels beside scikit-learn; what active learning gains at a base rate of 6 %, and calibration.

Texts are of the open sets in SAFEHOLD_DATA/text: 100,000 of the abuse set, cut to 12 words and turned round where there are not
enough, are for time alone. The experiment is on text-message spam with hashed words and letters only, so that nothing which was
trained on these texts takes part. `SAFEHOLD_LEARNING=full` takes more rounds.

ours: labels a second of processor time, learned from texts that were read already (`fit`); peers: scikit-learn on the same
matrix.
"""

import os
import time
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
from numpy.typing import NDArray
from scipy.sparse import csr_matrix
from sklearn.linear_model import LogisticRegression, SGDClassifier

from benchmarks import Result
from safehold.signals.community import features, measures
from safehold.signals.community.calibration import calibrated
from safehold.signals.community.choosing import most_unsure
from safehold.signals.community.features import BUCKETS, Rows
from safehold.signals.community.learner import Design, Weights, fit, inverse_frequency
from safehold.signals.community.training import STRENGTH

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
        ("scikit-learn LogisticRegression", LogisticRegression(max_iter=25)),
    ):
        begun = time.process_time()
        peer.fit(matrix, truth)
        peers[name] = LABELS / (time.process_time() - begun)
        scores[name] = peer.decision_function(matrix)
    agree = float(np.corrcoef(scores["ours"], scores["scikit-learn LogisticRegression"])[0, 1])
    assert agree > 0.98, f"ours and LogisticRegression have the same minimum, but agree only to {agree:.3f}"
    return Result(LABELS / took, "labels/s", peers, {"train s": took, **_experiment()})


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


def _experiment() -> dict[str, float]:
    """Means over rounds: F1 and AUC on held-back texts, violations found, and calibration error, at the same number of labels."""
    pairs = [line.rstrip("\n").split("\t", 1) for line in (DATA / "sms-spam.tsv").read_text("utf-8").splitlines()]
    texts = _bucketed([text for _, text in pairs])
    spam = np.array([label == "spam" for label, _ in pairs])
    found: dict[str, list[tuple[float, ...]]] = {"uncertainty": [], "random": []}
    for seed in range(ROUNDS):
        draw = np.random.Generator(np.random.PCG64(seed))
        chosen = _at_rate(spam, POOL + HELD, draw)
        held, pool = chosen[:HELD], chosen[HELD:]
        for way, results in found.items():
            results.append(_bought(texts, spam, pool, held, way, draw))
    more = {}
    for way, results in found.items():
        f1, auc, error, violations = np.mean(results, axis=0)
        more |= {f"{way} F1": f1, f"{way} AUC": auc, f"{way} calibration error": error, f"{way} found": violations}
    return more


def _at_rate(spam: NDArray[np.bool_], count: int, draw: np.random.Generator) -> NDArray[np.int64]:
    bad = draw.permutation(np.flatnonzero(spam))[: round(count * RATE)]
    good = draw.permutation(np.flatnonzero(~spam))[: count - len(bad)]
    return draw.permutation(np.concatenate((bad, good)))


def _bought(
    texts: Rows,
    spam: NDArray[np.bool_],
    pool: NDArray[np.int64],
    held: NDArray[np.int64],
    way: str,
    draw: np.random.Generator,
) -> tuple[float, ...]:
    """Labels bought in steps, 15 % of them by lot for calibration; what the last model is worth on held-back texts."""
    order = draw.permutation(pool)
    audit = order[: round(BOUGHT * 0.15)]
    left = order[len(audit) :]
    learned, left = left[:STEP], left[STEP:]
    while True:
        inverse = inverse_frequency(texts.some(pool))  # texts cost nothing; labels do
        weights = fit(
            Design(texts.some(learned), inverse), spam[learned].astype(float), np.ones(len(learned)), strength=STRENGTH
        )
        wanted = min(STEP, BOUGHT - len(audit) - len(learned))
        if wanted <= 0:
            break
        places = list(range(wanted))
        if way == "uncertainty":
            rows = texts.some(left)
            scores = _scores(weights, rows, inverse)
            places = most_unsure(rows, 1 / (1 + np.exp(-scores)), 0.5, wanted)
        learned = np.concatenate((learned, left[places]))
        left = np.delete(left, places)
    known = np.concatenate((audit, learned))
    map_ = calibrated(_scores(weights, texts.some(audit), inverse), spam[audit])
    scores = _scores(weights, texts.some(held), inverse)
    probabilities = map_(scores)
    best = measures.best_threshold(_scores(weights, texts.some(known), inverse), spam[known])
    return (
        measures.f1(scores, spam[held], best) or 0.0,
        measures.auc(scores, spam[held]) or 0.0,
        measures.calibration_error(probabilities, spam[held]) or 0.0,
        float(spam[known].sum()),
    )
