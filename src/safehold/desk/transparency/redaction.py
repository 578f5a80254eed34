"""Takes out of a text what identifies somebody, for the EU's public database (DSA Art. 24(5): no personal data)."""

import re
from collections.abc import Iterable

from safehold.signals.personal import find

#: What people are called on platforms, and web addresses, which often hold a name.
_NAMES = re.compile(r"(?<![\w@])@[\w.\-]{2,}|\bhttps?://\S+|\bwww\.\S+", re.IGNORECASE)


def redacted(text: str, identifiers: Iterable[str] = ()) -> str:
    """The text with personal data, handles, web addresses and the given identifiers replaced by what they were."""
    for finding in sorted(find(text), key=lambda each: each.start, reverse=True):
        text = f"{text[: finding.start]}[{finding.kind}]{text[finding.end :]}"
    text = _NAMES.sub(lambda match: "[account]" if match[0].startswith("@") else "[link]", text)
    for identifier in sorted({each for each in identifiers if len(each) > 1}, key=len, reverse=True):
        text = re.sub(rf"(?<!\w){re.escape(identifier)}(?!\w)", "[id]", text)
    return text
