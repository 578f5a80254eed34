"""The openly licensed texts, each source with the attributes that its labels speak about; others stay unknown.

Sources disagree about what they call hate. What each says is translated here, in one table a source, and nowhere else.
"""

import csv
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import pyarrow.parquet as parquet

from safehold.signals.harm.training import templates
from safehold.signals.harm.training.example import Example, key, portion, split_of
from safehold.signals.lexicon.lists import Term, shipped
from safehold.signals.lexicon.match import Matcher
from safehold.signals.text.normalise import normalise

Labels = Mapping[str, float]

#: What nobody asked, but which is known of talk on social networks: it is (nearly) never one of these.
_NO_FRAUD = {"spam": 0.0, "scam": 0.0, "phishing": 0.0}

#: Categories of the word lists that make a text profane: a weak label, for every source alike. Of the mildest words on sex
#: only these are coarse, and of all words none that a lesson, a doctor, a court or a prayer needs.
_PROFANE = ("profanity", "sexual")
_COARSE_WORDS = frozenset(
    "arse arsehole ass asses asshat asshole assholes ballbag bollocks bugger cock cocks dick dicks douche douchebag "
    "dumbasses pussies pussy tits titties titty wank wanker".split()
)
_PLAIN_WORDS = frozenset(
    "barely legal|bastinado|bondage|christ|incest|jesus|jesus christ|molester|nambla|nip|orgasm|panties|pedo|rape|raping|"
    "rapist|sex|sheet|shota|sperm|threesome|viagra".split("|")
)

#: Where a source calls a text no attack though the worst slurs stand in it, sources disagree: then nothing is learned from it.
_SLURS = ("slur-race", "slur-religion", "slur-orientation", "slur-disability")
_DOUBTED = ("toxicity", "identity_attack")

#: Sources whose toxic texts are insults where they have an insult in them.
_COARSE = ("davidson", "surge")

#: Real texts without any of these categories of words are taken not to be about the attribute.
_ABSENT = {
    "sexual": ("sexual", "adult-ad", "profanity"),
    "self_harm": (
        "self-harm-risk",
        "self-harm-hint",
        "self-harm-urging",
        "self-harm-promotion",
        "worried-about-someone",
    ),
}

#: Rows of the identity templates that are used: there are 20,000, and they all look alike.
_IDENTITY_ROWS = 5_000

_SURE, _UNSURE = 1.0, 0.4


def examples(folder: Path, share: float = 1.0) -> list[Example]:
    """Every text once, real sources first, with its split. A text that several sources have keeps the first's labels.
    `share` of them, the same at each call, for trying something out.

    Raises ValueError naming a file that is missing.
    """
    for name in ("abuse.parquet", "sms-spam.tsv", "youtube-spam.csv", "identity-templates.parquet"):
        if not (folder / "data" / name).is_file():
            raise ValueError(
                f"{folder / 'data' / name} is missing: point --data at the `training` folder of a checkout"
            )

    def wanted(example: Example) -> bool:
        return share >= 1 or portion("share", example.text) < share

    found: dict[str, Example] = {}
    for reader in READERS:
        for example in filter(wanted, reader(folder / "data")):
            found.setdefault(key(example.text), example)
    for example in filter(wanted, templates.examples(folder / "templates")):
        found.setdefault(key(example.text), example)
    found.pop("", None)
    split = [each if each.split else each._replace(split=_split(words, each.source)) for words, each in found.items()]
    return list(map(_WordLists().add, split))


def _split(words: str, source: str) -> str:
    """Small sources give a larger share to the tests: a figure on twenty texts says nothing."""
    return split_of(portion("real", words), test=0.2 if source in ("sms-spam", "youtube-spam") else 0.12)


def _abuse(folder: Path) -> Iterator[Example]:
    for row in parquet.read_table(folder / "abuse.parquet").to_pylist():
        source, text, kind = row["src"], row["text"], row["kind"] or ""
        labels, weight = _READ[source](row["label"], kind)
        kind = kind.removesuffix(".txt").removesuffix("_1k") if source == "toxigen-prompts" else kind
        yield Example(text, labels, source, kind, "", "", weight)


def _davidson(label: int, kind: str) -> tuple[Labels, float]:
    if kind == "hate":
        return {"toxicity": 1, "identity_attack": 1, **_NO_FRAUD}, _SURE
    if kind == "offensive":  # coarse talk, mostly about women; not hate by this source's reading
        return {"toxicity": 1, "identity_attack": 0, "severe_toxicity": 0, **_NO_FRAUD}, 0.25
    clean = ("toxicity", "identity_attack", "severe_toxicity", "insult", "threat", "self_harm")
    return {**dict.fromkeys(clean, 0), **_NO_FRAUD}, _SURE


def _edos(label: int, kind: str) -> tuple[Labels, float]:
    if label:
        threat = kind.startswith("1")
        severe = {} if kind.startswith("2") else {"severe_toxicity": float(threat)}
        return {"toxicity": 1, "identity_attack": 1, "threat": float(threat), **severe, **_NO_FRAUD}, _SURE
    # "Not sexist" was asked; other hatred occurs in it, seldom.
    return {
        "toxicity": 0,
        "identity_attack": 0,
        "threat": 0,
        "severe_toxicity": 0,
        "self_harm": 0,
        **_NO_FRAUD,
    }, _UNSURE


def _hatemoji(label: int, kind: str) -> tuple[Labels, float]:
    severe = {"animosity": 0.0, "none": 0.0, "threateninglanguage": 1.0, "dehumanizinglanguage": 1.0}
    known = {"severe_toxicity": severe[kind]} if kind in severe else {}
    threat = {"threat": float(kind == "threateninglanguage")}
    if label:
        return {"toxicity": 1, "identity_attack": 1, **threat, **known, **_NO_FRAUD}, _SURE
    return {"identity_attack": 0, **threat, **known, **_NO_FRAUD}, _SURE


def _hateful(label: int, kind: str) -> tuple[Labels, float]:
    return {"toxicity": label, "identity_attack": label, **_NO_FRAUD}, _SURE


def _noisy(label: int, kind: str) -> tuple[Labels, float]:
    return {"toxicity": label, "identity_attack": label, **_NO_FRAUD}, _UNSURE


def _surge(label: int, kind: str) -> tuple[Labels, float]:
    if label:
        return {"toxicity": 1, **_NO_FRAUD}, _SURE
    clean = ("toxicity", "identity_attack", "severe_toxicity", "insult", "threat", "sexual", "self_harm")
    return {**dict.fromkeys(clean, 0), **_NO_FRAUD}, _SURE


_READ: Mapping[str, Callable[[int, str], tuple[Labels, float]]] = {
    "davidson": _davidson,
    "edos": _edos,
    "hatemoji": _hatemoji,
    "implicithate": _noisy,
    "surge": _surge,
    "toxigen-eval": _hateful,
    "toxigen-prompts": _hateful,
}


def _sms(folder: Path) -> Iterator[Example]:
    with (folder / "sms-spam.tsv").open(encoding="utf-8", newline="") as lines:
        for row in csv.DictReader(lines, delimiter="\t", quoting=csv.QUOTE_NONE):
            yield _mail(row["text"], row["label"] == "spam", "sms-spam")


def _youtube(folder: Path) -> Iterator[Example]:
    with (folder / "youtube-spam.csv").open(encoding="utf-8", newline="") as lines:
        for label, text in csv.reader(lines):
            yield _mail(text, label == "spam", "youtube-spam")


def _mail(text: str, spam: bool, source: str) -> Example:
    """Spam may be a scam too (a prize, a premium number): unknown. What isn't spam is neither scam nor phishing."""
    clean = ("scam", "phishing", "threat", "self_harm", "identity_attack", "severe_toxicity")
    labels: Labels = {"spam": 1} if spam else {"spam": 0, **dict.fromkeys(clean, 0)}
    return Example(text, labels, source, "spam" if spam else "ham", "")


def _identity(folder: Path) -> Iterator[Example]:
    """Sentences such as "Morgan is an excellent latina": what is said of somebody, whoever they are."""
    rows = parquet.read_table(folder / "identity-templates.parquet").to_pylist()
    for row in rows[:_IDENTITY_ROWS]:
        text, template, toxic = row["phrase"], row["template"], float(row["toxicity"] == "toxic")
        job = template == "you_occupation"
        said: Labels = {"insult": toxic, "identity_attack": 0} if job else {"identity_attack": toxic}
        calm: Labels = {} if toxic else {"threat": 0, "severe_toxicity": 0, "insult": 0}
        labels = {"toxicity": toxic, "self_harm": 0, "sexual": 0, **said, **calm, **_NO_FRAUD}
        group = "" if job else text.split(" is ")[0].split()[-1] if template == "being_adj" else text.split()[-1]
        yield Example(text, labels, "identity-templates", template, "", group, 0.3)


class _WordLists:
    """Weak labels: what the word lists find in a text, and what they don't find in talk that is seldom about it."""

    def __init__(self) -> None:
        self._matcher = Matcher([each for each in shipped() if each.language in ("en", "*")])

    def add(self, example: Example) -> Example:
        """`profanity` for every text; for real ones also insults that are named so, and what they are not about."""
        terms = [match.entry.term for match in self._matcher.find(normalise(example.text[:2000]))]
        found = {term.category for term in terms}
        labels = {"profanity": float(any(map(_coarse, terms))), **example.labels}
        if example.source != "templates":
            if any(term.category in _SLURS and term.severity == 3 for term in terms):
                labels = {name: value for name, value in labels.items() if value or name not in _DOUBTED}
            if example.source in _COARSE and labels.get("toxicity") and "insult" in found:
                labels["insult"] = 1.0
            for attribute, categories in _ABSENT.items():
                if not found.intersection(categories):
                    labels.setdefault(attribute, 0.0)
        return example._replace(labels=labels)


def _coarse(term: Term) -> bool:
    if term.category not in _PROFANE or term.text in _PLAIN_WORDS:
        return False
    return term.category == "profanity" or term.severity > 1 or term.text in _COARSE_WORDS


#: Everything real, in the order in which a text that several have is taken.
READERS: tuple[Callable[[Path], Iterator[Example]], ...] = (_abuse, _sms, _youtube, _identity)
