"""Sets that nothing was trained on: HateCheck, HatemojiCheck and XSTest, each recognised by the columns of its CSV.

`python -m benchmarks quality --outside FILE [FILE ...]`. HatemojiCheck's file is in `tests/data`; the others are fetched by
whoever measures (github.com/paul-rottger/hatecheck-data, `test_suite_cases.csv`, and exaggerated-safety, `xstest_prompts.csv`).
"""

import csv
from collections.abc import Callable, Collection, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from benchmarks.quality import measures, published
from benchmarks.quality.measures import Floats, Measure
from safehold.signals.harm import score_texts
from safehold.signals.harm.training.example import key

Rows = Sequence[Mapping[str, str]]

#: XSTest's prompts ask about violence, drugs, discrimination, privacy: what could be raised by words alone.
ALARMS = ("toxicity", "severe_toxicity", "identity_attack", "threat", "self_harm", "sexual")


class OutsideSet(NamedTuple):
    """A set's name, its texts as they stand, its rows, and what to measure of it: rows and scores to figures."""

    name: str
    texts: list[str]
    rows: Rows
    figures: Callable[[Rows, Mapping[str, Floats]], dict[str, object]]


def read(path: Path) -> OutsideSet:
    """Raises ValueError naming the column that is missing, or the line and column of a label that is none."""
    try:
        with path.open(encoding="utf-8-sig", newline="") as lines:
            rows = list(csv.DictReader(lines))
    except (UnicodeDecodeError, csv.Error) as error:
        raise ValueError(f"{path} is no CSV in UTF-8: {error}") from error
    if not rows:
        raise ValueError(f"{path} has no rows")
    for name, (text, label, labels, others, figures) in _KNOWN.items():
        if text not in rows[0]:
            continue
        for column in (label, *others):
            if column not in rows[0]:
                raise ValueError(f"{path} has a column {text}, as {name} has, but no column {column}")
        for line, row in enumerate(rows, 2):
            if row[label] not in labels or row[text] is None:
                raise ValueError(f"{path}, row {line}, column {label}: {row[label]!r} is none of {', '.join(labels)}")
        return OutsideSet(name, [row[text] for row in rows], rows, figures)
    known = ", ".join(f"{text} ({name})" for name, (text, *_) in _KNOWN.items())
    raise ValueError(f"{path} is no set that is known here: it has none of the columns {known}")


def read_all(paths: Sequence[Path]) -> list[OutsideSet]:
    """Raises ValueError as `read` does, and if a set is given twice."""
    sets = [read(path) for path in paths]
    for at, each in enumerate(sets):
        if each.name in {other.name for other in sets[:at]}:
            raise ValueError(f"{paths[at]}: {each.name} is given twice")
    return sets


def measure(each: OutsideSet, trained: Collection[str]) -> dict[str, object]:
    """The set's figures. `trained`: the keys of the texts that training saw, of which none should be here."""
    scored = score_texts(each.texts)
    scores = {name: np.array([one.scores.get(name, 0.0) for one in scored]) for name in ALARMS}
    return {
        "cases": len(each.rows),
        "not read": sum(not one.supported for one in scored),
        "also in training": len(seen(each.texts, trained)),
        **each.figures(each.rows, scores),
    }


def seen(texts: Sequence[str], trained: Collection[str]) -> list[str]:
    """Those that training saw too: the same letters, digits and pictures."""
    return [text for text in texts if key(text) in trained]


def hatemoji_check(rows: Rows, scores: Mapping[str, Floats]) -> dict[str, object]:
    """`identity_attack` at 0.5."""
    wanted = np.array([float(row["label_gold"]) for row in rows])
    said = scores["identity_attack"]
    right = (said >= measures.THRESHOLD) == (wanted > 0.5)
    kinds = np.array([row["functionality"] for row in rows])
    return {
        "accuracy": round(float(right.mean()), 3),
        "f1": round(measures.f1(wanted, said), 3),
        "macro_f1": round(measures.macro_f1(wanted, said), 3),
        "auc": round(measures.auc(wanted, said), 3),
        "non_hate_accuracy": round(1 - measures.false_positives(wanted, said), 3),
        "by functionality": {str(kind): round(float(right[kinds == kind].mean()), 3) for kind in np.unique(kinds)},
        "published": published.HATEMOJI_CHECK,
    }


def hate_check(rows: Rows, scores: Mapping[str, Floats]) -> dict[str, object]:
    """`identity_attack` and `toxicity` at 0.5, each figure as [value, low, high]. The cases of one template stand and fall
    together, so the intervals resample templates. A group's cases are, as the authors count, those of templates that name
    each of the seven groups in turn.
    """
    wanted = np.array([float(row["label_gold"] == "hateful") for row in rows])
    templates = np.array([row["templ_id"] for row in rows])
    shared = np.array(["[IDENTITY" in row["case_templ"] for row in rows])
    said = {name: scores[name] for name in ("identity_attack", "toxicity")}

    def told(chosen: NDArray[np.bool_], names: Collection[str]) -> dict[str, dict[str, list[float]]]:
        return {
            attribute: {
                name: _interval(_HATE[name], wanted[chosen], values[chosen], templates[chosen]) for name in names
            }
            for attribute, values in said.items()
        }

    kinds = np.array([row["functionality"] for row in rows])
    groups = np.array([row["target_ident"] for row in rows])
    return {
        **told(np.ones(len(rows), dtype=bool), _HATE),
        "by functionality": {
            kind: {"hateful": bool(wanted[kinds == kind][0]), "cases": int((kinds == kind).sum())}
            | {name: each["accuracy"] for name, each in told(kinds == kind, ["accuracy"]).items()}
            for kind in dict.fromkeys(kinds.tolist())
        },
        "by group": {
            group: {"cases": int((shared & (groups == group)).sum())}
            | told(shared & (groups == group), ["accuracy", "hate_accuracy", "non_hate_accuracy"])
            for group in dict.fromkeys(groups[shared].tolist())
        },
        "published": published.HATE_CHECK,
    }


def xstest(rows: Rows, scores: Mapping[str, Floats]) -> dict[str, object]:
    """The share of prompts at 0.5 and above, by label and by type, for each alarm and for any of them."""
    said = {name: scores[name] >= measures.THRESHOLD for name in ALARMS}
    said["any"] = np.any([said[name] for name in ALARMS], axis=0)

    def told(column: str, value: str) -> dict[str, object]:
        of = np.array([row[column] == value for row in rows])
        return {"prompts": int(of.sum()), **{name: _share(alarm[of]) for name, alarm in said.items()}}

    return {
        **{label: told("label", label) for label in ("safe", "unsafe")},
        "by type": {
            kind: {"label": label, **told("type", kind)}
            for kind, label in dict.fromkeys((row["type"], row["label"]) for row in rows)
        },
    }


def _accuracy(wanted: Floats, scores: Floats) -> float:
    return float(((scores >= measures.THRESHOLD) == (wanted > 0.5)).mean()) if len(wanted) else float("nan")


_HATE: dict[str, Measure] = {
    "accuracy": _accuracy,
    "f1": measures.f1,
    "macro_f1": measures.macro_f1,
    "auc": measures.auc,
    "hate_accuracy": measures.recall,
    "non_hate_accuracy": lambda wanted, scores: 1 - measures.false_positives(wanted, scores),
}


def _interval(of: Measure, wanted: Floats, scores: Floats, templates: NDArray[np.str_]) -> list[float]:
    """The measure, and where 95% of the resamplings of whole templates lie."""
    chance = np.random.default_rng(20261126)
    _, place = np.unique(templates, return_inverse=True)
    rows = np.split(np.argsort(place, kind="stable"), np.cumsum(np.bincount(place))[:-1])
    found = []
    for _ in range(measures.RESAMPLES):
        drawn = np.concatenate([rows[at] for at in chance.integers(0, len(rows), len(rows))])
        found.append(of(wanted[drawn], scores[drawn]))
    known = np.array(found)[~np.isnan(found)]
    low, high = np.percentile(known, [2.5, 97.5]) if len(known) else (float("nan"), float("nan"))
    return [round(float(value), 3) for value in (of(wanted, scores), low, high)]


def _share(said: NDArray[np.bool_]) -> list[float]:
    """The share, and Wilson's interval of 95%, which is honest about none of 25, too."""
    many, share, z = len(said), float(said.mean()), 1.96
    middle = (share + z * z / (2 * many)) / (1 + z * z / many)
    reach = z * (share * (1 - share) / many + z * z / (4 * many * many)) ** 0.5 / (1 + z * z / many)
    return [round(share, 3), round(middle - reach, 3), round(middle + reach, 3)]


#: The column of the texts, that of the labels, what labels there are, the other columns that are read, and the figures.
_KNOWN: dict[str, tuple[str, str, tuple[str, ...], tuple[str, ...], Callable[..., dict[str, object]]]] = {
    "HateCheck": (
        "test_case",
        "label_gold",
        ("hateful", "non-hateful"),
        ("functionality", "target_ident", "templ_id", "case_templ"),
        hate_check,
    ),
    "XSTest": ("prompt", "label", ("safe", "unsafe"), ("type",), xstest),
    "HatemojiCheck": ("text", "label_gold", ("0", "1", "0.0", "1.0"), ("functionality",), hatemoji_check),
}
