"""Fit the spam signal's small score, and say what it can do: `python -m training.spam_features DIR [--write]`.

DIR holds `sms-spam.tsv` (label, text) and `youtube-spam.csv` (label, text), both of the UCI repository, CC BY 4.0. Texts that
are near copies of each other (Jaccard of 4-grams from 0.5) are always on one side of a split. Intervals are of 95%, by
resampling such groups. `--write` puts the weights, fitted on both sets, into the package.
"""

import argparse
import csv
import json
import sys
from collections import defaultdict
from importlib.resources import files
from pathlib import Path

import numpy as np
from sklearn.linear_model import LogisticRegression

from safehold.signals.spam import measure, vector
from safehold.signals.text.normalise import normalise

SEED, FOLDS, RESAMPLED = 20261126, 5, 400
_NAMES = (
    "shouting link-share link many-links shorteners punctuation words-with-digits phone email another-app "
    "disguised-contact payment amounts wallet urgency calls-to-act short-code premium-rate disposable-mail"
).split()
#: So rare in the two sets that a weight would be fitted on a handful: set by hand, and said so in the file.
_BY_HAND = {"disguised-contact": 1.5, "wallet": 1.5, "disposable-mail": 1.5, "shorteners": 0.7, "another-app": 1.2}
Rows = list[tuple[str, int]]


def sms(folder: Path) -> Rows:
    lines = (folder / "sms-spam.tsv").read_text("utf-8").splitlines()
    return [
        (text, int(label == "spam"))
        for label, _, text in (line.partition("\t") for line in lines)
        if label in ("ham", "spam")
    ]


def youtube(folder: Path) -> Rows:
    with (folder / "youtube-spam.csv").open(encoding="latin-1", newline="") as file:
        return [(row[1], int(row[0] == "spam")) for row in csv.reader(file) if len(row) > 1]


def grouped(rows: Rows) -> np.ndarray:
    """A number for each text, the same for near copies of each other."""
    grams = [_grams(text) for text, _ in rows]
    by_gram: dict[str, list[int]] = defaultdict(list)
    parent = list(range(len(rows)))

    def root(i: int) -> int:
        while parent[i] != i:
            parent[i] = parent[parent[i]]
            i = parent[i]
        return i

    for i, own in enumerate(grams):
        near: dict[int, int] = defaultdict(int)
        for gram in own:
            if len(by_gram[gram]) < 200:  # what nearly every text has says nothing
                for j in by_gram[gram]:
                    near[j] += 1
                by_gram[gram].append(i)
        for j, shared in near.items():
            if shared / len(own | grams[j]) >= 0.5:
                parent[root(i)] = root(j)
    return np.array([root(i) for i in range(len(rows))])


def _grams(text: str) -> frozenset[str]:
    plain = normalise(text).text
    return frozenset(plain[i : i + 4] for i in range(max(1, len(plain) - 3)))


def matrix(rows: Rows) -> tuple[np.ndarray, np.ndarray]:
    vectors = [vector(measure(text)) for text, _ in rows]
    return np.array([[v.get(name, 0.0) for name in _NAMES] for v in vectors]), np.array([label for _, label in rows])


def fitted(x: np.ndarray, y: np.ndarray) -> LogisticRegression:
    free = [i for i, name in enumerate(_NAMES) if name not in _BY_HAND]
    model = LogisticRegression(C=1.0, max_iter=1000, random_state=SEED).fit(x[:, free], y)
    weights = np.array([_BY_HAND.get(name, 0.0) for name in _NAMES])
    weights[free] = model.coef_[0]
    model.coef_, model.n_features_in_ = weights[None, :], len(_NAMES)
    return model


def held_out(x: np.ndarray, y: np.ndarray, groups: np.ndarray) -> np.ndarray:
    """Each text's score by a model that saw no near copy of it."""
    order = np.random.default_rng(SEED).permutation(np.unique(groups))
    fold_of = {group: i % FOLDS for i, group in enumerate(order)}
    folds = np.array([fold_of[group] for group in groups])
    scores = np.zeros(len(y))
    for fold in range(FOLDS):
        scores[folds == fold] = fitted(x[folds != fold], y[folds != fold]).predict_proba(x[folds == fold])[:, 1]
    return scores


def figures(y: np.ndarray, scores: np.ndarray, groups: np.ndarray) -> dict[str, object]:
    draw = np.random.default_rng(SEED)
    of_group = [np.flatnonzero(groups == group) for group in np.unique(groups)]
    samples = []
    for _ in range(RESAMPLED):
        rows = np.concatenate([of_group[i] for i in draw.integers(0, len(of_group), len(of_group))])
        samples.append(_measures(y[rows], scores[rows]))
    point = _measures(y, scores)
    found = {}
    for name, value in point.items():
        low, high = np.nanpercentile([sample[name] for sample in samples], [2.5, 97.5])
        found[name] = [round(float(v), 3) for v in (value, low, high)]
    return {"texts": len(y), "spam": int(y.sum()), "groups": len(of_group), **found}


def _measures(y: np.ndarray, scores: np.ndarray) -> dict[str, float]:
    hit = scores >= 0.5
    true = float((hit & (y == 1)).sum())
    precision, recall = true / max(1.0, float(hit.sum())), true / max(1.0, float(y.sum()))
    ranks = np.argsort(np.argsort(scores, kind="stable"), kind="stable") + 1.0
    for value in np.unique(scores):  # ties share their mean rank
        ranks[scores == value] = ranks[scores == value].mean()
    ones, zeros = float(y.sum()), float((1 - y).sum())
    bins = np.minimum((scores * 10).astype(int), 9)
    error = sum(abs(scores[bins == b].mean() - y[bins == b].mean()) * (bins == b).mean() for b in np.unique(bins))
    return {
        "precision": precision,
        "recall": recall,
        "f1": 2 * precision * recall / max(1e-9, precision + recall),
        "false positives": float((hit & (y == 0)).sum()) / max(1.0, zeros),
        "auc": (ranks[y == 1].sum() - ones * (ones + 1) / 2) / max(1.0, ones * zeros),
        "calibration error": float(error),
    }


def main() -> int:
    asked = argparse.ArgumentParser(prog="python -m training.spam_features", description=__doc__)
    asked.add_argument("folder", type=Path)
    asked.add_argument("--write", action="store_true", help="put the weights into the package")
    given = asked.parse_args()
    sets = {"sms": sms(given.folder), "youtube": youtube(given.folder)}
    made = {name: (*matrix(rows), grouped(rows)) for name, rows in sets.items()}
    for name, (x, y, groups) in made.items():
        print(json.dumps({"held back": name, **figures(y, held_out(x, y, groups), groups)}))
    for one, other in (("sms", "youtube"), ("youtube", "sms")):
        x, y, groups = made[other]
        scores = fitted(*made[one][:2]).predict_proba(x)[:, 1]
        print(json.dumps({"fitted on": one, "asked of": other, **figures(y, scores, groups)}))
    x = np.concatenate([made[name][0] for name in made])
    y = np.concatenate([made[name][1] for name in made])
    model = fitted(x, y)
    lines = [
        "# Fitted by training/spam_features.py on UCI's SMS and YouTube spam (CC BY 4.0). By hand: "
        + ", ".join(_BY_HAND)
    ]
    lines += [f"{name}\t{weight:.4f}" for name, weight in zip(_NAMES, model.coef_[0], strict=True)]
    lines.append(f"bias\t{model.intercept_[0]:.4f}")
    if given.write:
        Path(str(files("safehold.signals.spam") / "weights.tsv")).write_text("\n".join(lines) + "\n", "utf-8")
    print("\n".join(lines))
    return 0


if __name__ == "__main__":
    sys.exit(main())
