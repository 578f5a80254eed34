"""Lists: what `x in lists.phishing` asks. Declared in `policies/lists/*.yaml`, their entries beside them.

list: phishing
kind: domain_suffix        # or exact
title: Domains reported for phishing
source: https://example.org/feed
licence: CC0-1.0
file: phishing.txt         # one entry a line, # begins a comment; or `entries: [...]` here
"""

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from safehold.engine.policies.fields import Fields
from safehold.engine.policies.located import Located
from safehold.engine.policies.problems import Report

KINDS = ("exact", "domain_suffix")
FIELDS = ("list", "kind", "title", "description", "source", "licence", "file", "entries")


@dataclass(frozen=True, slots=True)
class PolicyList:
    """`item in list`: for `exact` whether the text is an entry; for `domain_suffix` whether the domain or one above it is.

    `mail.example.co.uk` is in a suffix list that has `example.co.uk`; case and a final dot do not matter.
    """

    name: str
    kind: str
    entries: frozenset[str]
    title: str = ""
    source: str = ""
    licence: str = ""
    is_policy_list = True

    def __contains__(self, item: object) -> bool:
        if not isinstance(item, str):
            return False
        if self.kind == "exact":
            return item in self.entries
        domain = item.lower().rstrip(".")
        while domain:
            if domain in self.entries:
                return True
            domain = domain.partition(".")[2]
        return False

    def digest(self) -> str:
        """SHA-256 of the kind and the sorted entries."""
        body = "\n".join((self.kind, *sorted(self.entries)))
        return hashlib.sha256(body.encode()).hexdigest()


def make_list(name: str, kind: str, entries: Iterable[str], **about: str) -> PolicyList:
    """A list from entries; domains are brought to lower case without a final dot."""
    if kind not in KINDS:
        raise ValueError(f"`{kind}` is not a kind of list; one of: {', '.join(KINDS)}")
    clean = (entry.strip() for entry in entries)
    if kind == "domain_suffix":
        clean = (entry.lower().strip(".").removeprefix("*.") for entry in clean)
    return PolicyList(name, kind, frozenset(entry for entry in clean if entry), **about)


def read_list(node: Located, folder: Path, report: Report) -> PolicyList | None:
    """A list's declaration and its entries; None after a problem was reported."""
    fields = Fields(node, report, "a list", FIELDS)
    name = fields.text("list", required=True)
    kind = fields.choice("kind", KINDS, "exact")
    if not name.isidentifier():
        if name:
            report.add(
                fields.values["list"], f"`{name}` cannot be written as lists.{name}", "letters, digits and _ only"
            )
        return None
    entries = [str(part.value) for part in fields.texts("entries")]
    if file := fields.get("file"):
        path = folder / str(file.value)
        if not path.resolve().is_relative_to(folder.resolve()):
            report.add(file, "the file must be beside the list's declaration")
        elif not path.is_file():
            report.add(file, f"there is no file {file.value}")
        else:
            lines = path.read_text(encoding="utf-8").splitlines()
            entries += [line for line in lines if line.strip() and not line.lstrip().startswith("#")]
    elif "entries" not in fields.values:
        report.add(node, "a list needs `entries` or `file`")
    return make_list(
        name, kind, entries,
        title=fields.text("title"), source=fields.text("source"), licence=fields.text("licence"),
    )  # fmt: skip
