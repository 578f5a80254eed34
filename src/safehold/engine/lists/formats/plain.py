"""One entry a line. `#` begins a comment; `!` before an entry makes it an exception."""

from collections.abc import Iterable, Iterator

from safehold.engine.lists.formats.rows import About, Problem, Row


def read(lines: Iterable[tuple[int, str]]) -> Iterator[Row | Problem]:
    for number, line in lines:
        text = line.strip()
        if text and not text.startswith("#"):
            allow = text.startswith("!")
            yield Row(line=number, value=text[1:].strip() if allow else text, allow=allow)


def write(about: About, rows: Iterable[Row]) -> Iterator[str]:
    yield f"# {about.title or about.name} ({about.kind}), {about.at:%Y-%m-%d}\n"
    for label, text in (("Source", about.source), ("Licence", about.licence)):
        if text:
            yield f"# {label}: {text}\n"
    for row in rows:
        yield f"!{row.value}\n" if row.allow else f"{row.value}\n"
