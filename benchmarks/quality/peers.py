"""What else could be used, on the same texts: alt-profanity-check, and TF-IDF with logistic regression trained here."""

from collections.abc import Sequence

import numpy as np
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import SGDClassifier
from sklearn.pipeline import make_union

from benchmarks.quality.measures import Floats
from safehold.signals.harm import ATTRIBUTES
from safehold.signals.harm.training.example import Example, matrix


def profanity_check(texts: Sequence[str]) -> Floats:
    """alt-profanity-check's probability that a text is profane, which its users take for toxic."""
    from profanity_check import predict_prob

    return np.asarray(predict_prob(list(texts)), dtype=np.float64)


def tfidf(fit: Sequence[Example], texts: Sequence[str], attributes: Sequence[str]) -> dict[str, Floats]:
    """Probabilities of words, pairs and runs of letters by TF-IDF and logistic regression, trained on the same split."""
    union = make_union(
        TfidfVectorizer(lowercase=True, ngram_range=(1, 2), min_df=3, sublinear_tf=True),
        TfidfVectorizer(lowercase=True, analyzer="char_wb", ngram_range=(2, 4), min_df=5, sublinear_tf=True),
    )
    rows, labels = union.fit_transform([each.text for each in fit]), matrix(list(fit))
    asked = union.transform(list(texts))
    weights = np.array([each.weight for each in fit])
    found: dict[str, Floats] = {}
    for name in attributes:
        wanted = labels[:, ATTRIBUTES.index(name)]
        known = ~np.isnan(wanted)
        learner = SGDClassifier(
            loss="log_loss", alpha=3e-6, max_iter=8, tol=None, class_weight="balanced", random_state=1
        )
        learner.fit(rows[known], wanted[known] > 0.5, sample_weight=weights[known])
        found[name] = learner.predict_proba(asked)[:, 1]
    return found
