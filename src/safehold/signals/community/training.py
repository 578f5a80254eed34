"""Training: labels in, a model and its report out. Pure: the same labels and seed give the same bytes,
whether texts are read now or were read before.

A share of the texts, drawn by a salted hash of what they say once disguises are undone, is never trained on: the maps to
probabilities are fitted and all figures measured on it. Copies of a text are one text, and on one side.
"""

import hashlib
import hmac
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import NamedTuple

import msgspec
import numpy as np
from numpy.typing import NDArray

from safehold.signals.community import features, measures
from safehold.signals.community.attributes import ATTRIBUTES
from safehold.signals.community.calibration import Calibration, calibrated
from safehold.signals.community.features import Reading, Rows, readings, same_as
from safehold.signals.community.languages import LEAST as LEAST_SPOKEN
from safehold.signals.community.languages import LEAST_SHARE, language_of
from safehold.signals.community.learner import Design, Weights, fit, inverse_frequency
from safehold.signals.community.measures import Figure, Figures
from safehold.signals.community.model import FORMAT, Head, Model, Packed, pack, packed

Doubles = NDArray[np.float64]
Places = NDArray[np.int64]
Progress = Callable[[str, int, int], None]
#: Reads texts; `readings`, or something that knows some of them already.
Reader = Callable[[Sequence[str]], Sequence[Reading]]

#: The share of texts that no weight sees.
AUDIT_SHARE = 0.2
#: So many texts of either kind, outside the audit share, and an attribute is learned.
LEAST = 20
#: The inverse of regularisation.
STRENGTH = 1.0
#: Texts that are read at a time.
CHUNK = 500
#: Points of a learning curve, each with twice the labels of the one before.
POINTS = 6


class Example(NamedTuple):
    """A text, and what is said of it: attribute -> (value, weight)."""

    text: str
    says: Mapping[str, tuple[float, float]]


class Point(msgspec.Struct, frozen=True):
    """One point of a learning curve: with so many labels, so many of which say yes."""

    labels: int
    auc: Figure
    positives: int = 0


class Spoken(msgspec.Struct, frozen=True):
    """One language of an attribute's labels: how many, how many say yes, the AUC on those of the audit share. `taught`: there
    are enough of them for the model to answer texts in it."""

    labels: int
    positives: int
    auc: Figure
    taught: bool


class Lesson(msgspec.Struct, frozen=True, kw_only=True):
    """What became of one attribute. `why` says why it is not in the model, empty if it is. `curve` is with labels by lot,
    `chosen` with those of which a model of the labels before was least sure, as `What to label next` chooses. `live` is how the
    model that was live does on the same texts, and `better` the AUC of this one less that one's.
    `languages` has those with LEAST labels."""

    labels: int
    positives: int
    why: str = ""
    audit: Figures | None = None
    curve: list[Point] = []
    chosen: list[Point] = []
    languages: dict[str, Spoken] = {}
    live: Figures | None = None
    better: Figure | None = None


class Lessons(msgspec.Struct, frozen=True, kw_only=True):
    """The report of a training: texts after copies were joined, those of them in the audit share, and attribute by attribute."""

    texts: int
    audit_texts: int
    copies: int
    attributes: dict[str, Lesson]


class Share(msgspec.Struct, frozen=True):
    """How the audit share is drawn."""

    salt: str
    share: float = AUDIT_SHARE

    def has(self, text: str) -> bool:
        """Whether a text is in it."""
        return self.has_same(same_as(text))

    def has_same(self, same: str) -> bool:
        """Whether the texts are in it that have this in common."""
        drawn = hmac.digest(self.salt.encode(), same.encode("utf-8", "replace"), "sha256")
        return int.from_bytes(drawn[:8], "big") < self.share * 2**64


class Gathered(NamedTuple):
    """Examples with copies joined, ready to be learned from."""

    rows: Rows
    audit: NDArray[np.bool_]
    values: Doubles  # a row a text, a column an attribute of ATTRIBUTES; not a number where nothing is said
    weights: Doubles
    languages: NDArray[np.str_]
    copies: int
    digest: str


def train(
    examples: Iterable[Example],
    *,
    share: Share,
    seed: int = 0,
    live: Model | None = None,
    reader: Reader = readings,
    progress: Progress | None = None,
) -> tuple[Packed, Lessons]:
    """A model of these labels. `live` is one to compare with on the same audit share."""
    say = progress or (lambda step, done, total: None)
    gathered = gather(examples, share, reader, say)
    learned = np.flatnonzero(~gathered.audit)
    inverse = inverse_frequency(gathered.rows.some(learned)) if len(learned) else np.zeros(features.BUCKETS)
    inverse = inverse.astype(np.float16).astype(np.float64)  # as it is kept
    heads: dict[str, Head] = {}
    lessons: dict[str, Lesson] = {}
    for done, attribute in enumerate(ATTRIBUTES):
        say(f"Learning {attribute}", done, len(ATTRIBUTES))
        column = gathered.values[:, done]
        if not (said := ~np.isnan(column)).any():
            continue
        head, lesson = _learn(gathered, attribute, done, inverse, seed)
        if head is not None:
            heads[attribute] = head
        lessons[attribute] = _compared(lesson, gathered, attribute, said, live, head, inverse, seed)
    content = Packed(
        format=FORMAT, features=features.version(), seed=seed, taught=gathered.digest,
        inverse=packed(inverse.astype(np.float16)), heads=heads,
    )  # fmt: skip
    return content, Lessons(
        texts=len(gathered.audit), audit_texts=int(gathered.audit.sum()), copies=gathered.copies, attributes=lessons
    )


def gather(examples: Iterable[Example], share: Share, reader: Reader, say: Progress) -> Gathered:
    """Read the texts, join copies, draw the audit share. The order of the examples makes no difference."""
    given = sorted(examples, key=lambda each: (each.text, sorted(each.says.items())))
    firsts: list[Reading] = []  # of each text that is not a copy of one before it
    languages: list[str] = []
    said: dict[str, list[Mapping[str, tuple[float, float]]]] = {}
    for start in range(0, len(given), CHUNK):
        say("Reading texts", start, len(given))
        some = given[start : start + CHUNK]
        for example, reading in zip(some, reader([each.text for each in some]), strict=True):
            if reading.same not in said:
                firsts.append(reading)
                languages.append(language_of(example.text))
            said.setdefault(reading.same, []).append(example.says)
    values = np.full((len(firsts), len(ATTRIBUTES)), np.nan)
    weights = np.zeros_like(values)
    hashing = hashlib.sha256()
    for place, first in enumerate(firsts):
        for attribute, words in sorted(_together(said[first.same]).items()):
            column, total = ATTRIBUTES.index(attribute), sum(weight for _, weight in words)
            values[place, column] = sum(value * weight for value, weight in words) / total
            weights[place, column] = max(weight for _, weight in words)
            hashing.update(msgspec.json.encode([first.same, attribute, words]))
    return Gathered(
        rows=features.joined(firsts),
        audit=np.array([share.has_same(first.same) for first in firsts], dtype=np.bool_),
        values=values, weights=weights, languages=np.array(languages, dtype=np.str_),
        copies=len(given) - len(firsts), digest=hashing.hexdigest(),
    )  # fmt: skip


def _together(said: Iterable[Mapping[str, tuple[float, float]]]) -> dict[str, list[tuple[float, float]]]:
    """attribute -> the words on it, of all copies of a text."""
    found: dict[str, list[tuple[float, float]]] = {}
    for says in said:
        for attribute, word in says.items():
            found.setdefault(attribute, []).append(word)
    return found


def _learn(gathered: Gathered, attribute: str, column: int, inverse: Doubles, seed: int) -> tuple[Head | None, Lesson]:
    values = gathered.values[:, column]
    said = ~np.isnan(values)
    learned, audit = np.flatnonzero(said & ~gathered.audit), np.flatnonzero(said & gathered.audit)
    positives = int((values[learned] >= 0.5).sum())
    lesson = Lesson(labels=len(learned) + len(audit), positives=int((values[said] >= 0.5).sum()))
    if (why := _too_few(positives, len(learned) - positives)) != "":
        return None, msgspec.structs.replace(lesson, why=why)
    weights = _fitted(gathered, learned, column, inverse)
    rough = pack(weights, Calibration(kind="none"), 0.5)
    scores = _scores(gathered.rows.some(audit), rough, inverse)
    truth = values[audit] >= 0.5
    probabilities, threshold = crossed(scores, truth, seed)
    map_ = calibrated(scores, truth)
    final = measures.best_threshold(map_(scores), truth) if truth.any() else 0.5
    spoken = _spoken(gathered, learned, audit, values, scores, seed)
    lesson = msgspec.structs.replace(lesson, languages=spoken)
    head = pack(weights, map_, round(final, 4), [language for language, each in spoken.items() if each.taught])
    if not len(audit):
        return head, lesson
    found = measures.figures(scores, probabilities, truth, threshold, seed)
    last = Point(len(learned), found.auc, positives)
    curve, chosen = (_curve(gathered, learned, audit, column, inverse, seed, choose) for choose in (False, True))
    return head, msgspec.structs.replace(
        lesson, audit=found, curve=[*curve, last], chosen=[*chosen, last] if chosen else []
    )


def _spoken(
    gathered: Gathered, learned: Places, audit: Places, values: Doubles, scores: Doubles, seed: int
) -> dict[str, Spoken]:
    """Language by language, those with the most labels first."""
    names, counts = np.unique(gathered.languages[np.concatenate((learned, audit))], return_counts=True)
    found: dict[str, Spoken] = {}
    for name in names[np.argsort(-counts, kind="stable")].tolist():
        own, heard = learned[gathered.languages[learned] == name], gathered.languages[audit] == name
        yes, told = int((values[own] >= 0.5).sum()), values[audit][heard] >= 0.5
        labels = len(own) + len(told)
        enough = min(yes, len(own) - yes) >= LEAST_SPOKEN and len(own) >= LEAST_SHARE * len(learned)
        if name and labels >= LEAST:
            auc = measures.ranked(scores[heard], told, seed)
            found[name] = Spoken(labels, yes + int(told.sum()), auc, enough)
    return found


def _too_few(positives: int, negatives: int) -> str:
    lacking = [
        f"{LEAST - count} more labels that say {word}"
        for word, count in (("yes", positives), ("no", negatives))
        if count < LEAST
    ]
    return f"It takes {' and '.join(lacking)} outside the audit share." if lacking else ""


def _fitted(gathered: Gathered, places: Places, column: int, inverse: Doubles) -> Weights:
    design = Design(gathered.rows.some(places), inverse)
    return fit(design, gathered.values[places, column], gathered.weights[places, column], strength=STRENGTH)


def _scores(rows: Rows, head: Head, inverse: Doubles) -> Doubles:
    content = Packed(
        format=FORMAT, features=features.version(), seed=0, taught="",
        inverse=packed(inverse.astype(np.float16)), heads={"x": head},
    )  # fmt: skip
    return np.asarray(Model(content).scores(rows)[:, 0])


def crossed(scores: Doubles, truth: NDArray[np.bool_], seed: int) -> tuple[Doubles, float]:
    """(probabilities, threshold) as texts would get them that the map was not fitted on: each half of the audit share by the map
    of the other half; the threshold is the mean of those that were best there."""
    order = np.random.Generator(np.random.PCG64(seed)).permutation(len(truth))
    halves = order[::2], order[1::2]
    probabilities = np.zeros(len(truth))
    thresholds = []
    for own, other in (halves, halves[::-1]):
        map_ = calibrated(scores[other], truth[other])
        probabilities[own] = map_(scores[own])
        if truth[other].any():
            thresholds.append(measures.best_threshold(map_(scores[other]), truth[other]))
    return probabilities, float(np.mean(thresholds)) if thresholds else 0.5


def _curve(
    gathered: Gathered, learned: Places, audit: Places, column: int, inverse: Doubles, seed: int, choose: bool
) -> list[Point]:
    """AUC on the audit share with fewer labels than there are, twice as many at each point: the first of one seeded order, or,
    to `choose`, from the second point on those of which the model of the point before is least sure."""
    order = np.random.Generator(np.random.PCG64(seed)).permutation(learned)
    truth = gathered.values[audit, column] >= 0.5
    rows = gathered.rows.some(audit)
    points: list[Point] = []
    head: Head | None = None
    for power in range(POINTS - 1, 0, -1):
        count = len(learned) >> power
        if count < 2 * LEAST:
            continue
        if choose and head is not None:
            order = _surest_last(gathered, order, len(learned) >> power + 1, head, inverse)
        some = np.sort(order[:count])
        positives = int((gathered.values[some, column] >= 0.5).sum())
        if not 0 < positives < count:
            continue
        head = pack(_fitted(gathered, some, column, inverse), Calibration(kind="none"), 0.5)
        points.append(Point(count, measures.ranked(_scores(rows, head, inverse), truth, seed), positives))
    return points


def _surest_last(gathered: Gathered, order: Places, kept: int, head: Head, inverse: Doubles) -> Places:
    """The first `kept` as they are, then the others, those that the model is least sure of first."""
    others = np.sort(order[kept:])
    unsure = np.argsort(np.abs(_scores(gathered.rows.some(others), head, inverse)), kind="stable")
    return np.concatenate((order[:kept], others[unsure]))


def _compared(
    lesson: Lesson,
    gathered: Gathered,
    attribute: str,
    said: NDArray[np.bool_],
    live: Model | None,
    head: Head | None,
    inverse: Doubles,
    seed: int,
) -> Lesson:
    """The lesson beside the live model on the same texts of the audit share."""
    if live is None or attribute not in live.attributes:
        return lesson
    audit = np.flatnonzero(said & gathered.audit)
    if not len(audit):
        return lesson
    rows = gathered.rows.some(audit)
    place = live.attributes.index(attribute)
    theirs, scores = live.probabilities(rows)[:, place], live.scores(rows)[:, place]
    truth = gathered.values[audit, ATTRIBUTES.index(attribute)] >= 0.5
    figures = measures.figures(scores, theirs, truth, live.thresholds[attribute], seed)
    better = None
    if head is not None:
        better = measures.difference(_scores(rows, head, inverse), scores, truth, seed)
    return msgspec.structs.replace(lesson, live=figures, better=better)
