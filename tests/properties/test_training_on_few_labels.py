"""Whatever few and odd labels a model is trained on, its probabilities are probabilities, rise with its scores and are never
turned round, and its report says nothing that was not measured.
"""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from safehold.signals.community import features
from safehold.signals.community.features import Reading
from safehold.signals.community.model import Model
from safehold.signals.community.training import LEAST, Example, Share, train

WIDTH = 3


@st.composite
def taught(draw):
    """(examples, what is read of their texts, share): texts that tell their kinds apart, or don't, or are all read the same; few
    of one kind perhaps, or none in the audit share; copies, doubts, light labels and heavy ones."""
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    some = st.sampled_from([30, 40, 60, 90, 120, 1 + LEAST, 2, 0])
    yes, no = draw(some), draw(some)
    told, texts = draw(st.sampled_from(["apart", "mixed", "alike", "turned"])), draw(st.sampled_from([500, 200, 90]))
    examples, readings = [], {}
    for place in range(yes + no):
        kind = place < yes
        value = float(rng.choice([1.0, 0.9, 0.5] if kind else [0.0, 0.1, 0.49]))
        text = f"text {place % texts}"
        near = {"apart": 50 * kind, "mixed": 0, "alike": 0, "turned": 50 * (kind ^ (place % 2 == 0))}[told]
        found = [1, 2] if told == "alike" else 1 + near + rng.choice(40, rng.integers(1, 12), replace=False)
        dense = np.zeros(WIDTH) if told == "alike" else rng.normal(near / 25, 1.0, WIDTH)
        buckets = np.unique(np.concatenate(([0], found))).astype(np.int32)
        readings.setdefault(text, Reading(text, buckets, dense.astype(np.float16)))
        examples.append(Example(text, {"spam": (value, float(rng.choice([0.3, 0.5, 1.0, 1.5])))}))
    return examples, readings, Share(str(draw(st.integers(0, 999))), draw(st.sampled_from([0.02, 0.1, 0.2])))


@settings(max_examples=40, deadline=None)
@given(taught())
def test_probabilities_rise_and_are_never_turned_round(labels):
    examples, readings, share = labels
    packed, lessons = train(examples, share=share, reader=lambda texts: [readings[text] for text in texts])
    rows = features.joined(list(readings.values())) if readings else None
    for lesson in lessons.attributes.values():
        assert ("spam" in packed.heads) == (not lesson.why)
        figures = [lesson.audit] if lesson.audit else []
        for each in figures:
            shown = [each.precision, each.recall, each.f1, each.auc, each.calibration_error]
            assert all(f.value is None or 0 <= f.low <= f.value <= f.high <= 1 for f in shown if f.low is not None)
            assert 0 <= each.threshold <= 1 and (each.auc.value is None) == (each.positives in {0, each.texts})
    if not packed.heads or rows is None:
        return
    model = Model(packed)
    scores, found = model.scores(rows)[:, 0], model.probabilities(rows)[:, 0]
    assert np.isfinite(scores).all() and np.isfinite(found).all() and found.min() > 0 and found.max() < 1
    assert (np.diff(found[np.argsort(scores, kind="stable")]) >= 0).all()
    far = packed.heads["spam"].calibration(np.array([-1e6, scores.min(), scores.max(), 1e6]))
    assert (np.diff(far) >= 0).all() and far[0] >= 0 and far[-1] <= 1
    assert 0 <= packed.heads["spam"].threshold <= 1
