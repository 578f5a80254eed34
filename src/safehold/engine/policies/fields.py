"""Reading the fields of a YAML mapping: each wrong one becomes a problem, and reading goes on."""

from collections.abc import Iterable
from typing import Any

from safehold.engine.language.values import SECOND, parse_duration
from safehold.engine.policies.located import Located
from safehold.engine.policies.problems import Report, nearest


class Fields:
    """One mapping of a file. Every reader returns None (or its default) after it has reported what is wrong."""

    def __init__(self, node: Located, report: Report, what: str, known: Iterable[str]) -> None:
        self.node, self.report, self.what = node, report, what
        self.values: dict[str, Located] = {}
        if not isinstance(node.value, dict):
            report.add(node, f"{what} must be a mapping", "write `key: value` lines")
            return
        known = tuple(known)
        for key, value in node.items():
            if str(key.value) not in known:
                report.add(key, f"{what} has no field `{key.value}`", nearest(str(key.value), known), "unknown-field")
            self.values[str(key.value)] = value

    def get(self, name: str) -> Located | None:
        found = self.values.get(name)
        return None if found is None or found.value is None else found

    def need(self, name: str) -> Located | None:
        if (found := self.get(name)) is None:
            self.report.add(self.node, f"{self.what} needs `{name}`", code="missing-field")
        return found

    def text(self, name: str, default: str = "", *, required: bool = False) -> str:
        found = self.need(name) if required else self.get(name)
        if found is None:
            return default
        if isinstance(found.value, (dict, list)):
            self.report.add(found, f"`{name}` must be a text")
            return default
        return str(found.value).strip()

    def choice(self, name: str, choices: Iterable[str], default: str) -> str:
        found, choices = self.get(name), tuple(choices)
        if found is None:
            return default
        if found.value not in choices:
            self.report.add(found, f"`{found.value}` is not a value of `{name}`", nearest(str(found.value), choices))
            return default
        return str(found.value)

    def texts(self, name: str) -> list[Located]:
        """A list of texts, located; a single text counts as a list of one."""
        found = self.get(name)
        if found is None:
            return []
        parts = found.value if isinstance(found.value, list) else [found]
        wrong = [part for part in parts if not isinstance(part.value, str)]
        for part in wrong:
            self.report.add(part, f"`{name}` must be a list of texts")
        return [part for part in parts if isinstance(part.value, str)]

    def seconds(self, name: str, default: int | None = None) -> int | None:
        """A duration such as `30d`, `12h` or `1h30m`, in seconds."""
        found = self.get(name)
        if found is None:
            return default
        try:
            return read_seconds(found.value)
        except ValueError as error:
            self.report.add(found, str(error), "write 30d, 12h, 90m or 45s")
            return default

    def number(self, name: str, default: int) -> int:
        found = self.get(name)
        if found is None:
            return default
        if type(found.value) is not int or found.value < 0:
            self.report.add(found, f"`{name}` must be a whole number")
            return default
        return found.value


#: A hundred years: longer than anything a policy can mean, short enough to be added to any date.
MAX_SECONDS = 36_525 * 86_400


def read_seconds(value: Any) -> int:
    """Whole seconds of `30d` or of Go's notation. Raises ValueError."""
    text = str(value).strip()
    days, _, rest = text.rpartition("d") if "d" in text else ("0", "", text)
    if not days.isdecimal():
        raise ValueError(f"`{text}` is not a duration")
    seconds = int(days) * 86400 + (int(parse_duration(rest)) // SECOND if rest else 0)
    if seconds > MAX_SECONDS:
        raise ValueError(f"`{text}` is longer than a hundred years")
    if seconds < 1:
        raise ValueError(f"`{text}` must be at least a second")
    return seconds
