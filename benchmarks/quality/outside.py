"""Sets that nothing was trained on: HatemojiCheck, per functionality, beside what others published of it."""

import csv
from pathlib import Path

import numpy as np

from benchmarks.quality import measures
from safehold.signals.harm import score_texts

#: HatemojiCheck, accuracy and F1 of the hateful: Kirk et al. 2022 (https://arxiv.org/abs/2108.05921) and its model's card.
PUBLISHED = {
    "Perspective IDENTITY_ATTACK (2021)": {"accuracy": 0.689, "f1": 0.754},
    "Perspective TOXICITY (2021)": {"accuracy": 0.650, "f1": 0.711},
    "BERT on Davidson et al.": {"accuracy": 0.578, "f1": 0.636},
}


def hatemoji_check(path: Path) -> dict[str, object]:
    """`identity_attack` at 0.5. Raises ValueError if `path` is not HatemojiCheck's CSV."""
    with path.open(encoding="utf-8", newline="") as lines:
        rows = list(csv.DictReader(lines))
    if not rows or not {"text", "functionality", "label_gold"} <= set(rows[0]):
        raise ValueError(f"{path} has no columns text, functionality and label_gold: it is not HatemojiCheck's CSV")
    wanted = np.array([float(row["label_gold"]) for row in rows])
    scored = score_texts([row["text"] for row in rows])
    said = np.array([each.scores.get("identity_attack", 0.0) for each in scored])
    right = (said >= measures.THRESHOLD) == (wanted > 0.5)
    kinds = np.array([row["functionality"] for row in rows])
    return {
        "cases": len(rows),
        "not read": sum(not each.supported for each in scored),
        "accuracy": round(float(right.mean()), 3),
        "f1": round(measures.f1(wanted, said), 3),
        "macro_f1": round(measures.macro_f1(wanted, said), 3),
        "auc": round(measures.auc(wanted, said), 3),
        "non_hate_accuracy": round(1 - measures.false_positives(wanted, said), 3),
        "by functionality": {str(kind): round(float(right[kinds == kind].mean()), 3) for kind in np.unique(kinds)},
        "published": PUBLISHED,
    }
