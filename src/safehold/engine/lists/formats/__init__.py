"""The formats that lists come in and leave in, one module each: `read(name, file)` and `write(name, list, entries)`.

A module has `read(lines or document)`, which yields Rows and Problems in the order of the file, and where the format can be
written `write(about, rows)`, which yields pieces of text. Reading is bounded: lines, documents and nesting have limits, and
nothing is fetched or unpacked. To add a format, add a module and a line to FORMATS.
"""

from collections.abc import Iterable, Iterator
from importlib import import_module
from pathlib import PurePath
from types import ModuleType

from safehold.engine.lists.formats.rows import About, FormatError, Problem, Readable, Row, document, text_lines

#: name -> (module, what people call it, endings of file names, whether it is read as one document).
FORMATS: dict[str, tuple[str, str, tuple[str, ...], bool]] = {
    "plain": ("plain", "Plain text, one entry a line", (".txt", ".list"), False),
    "csv": ("table", "CSV with a header or one column", (".csv", ".tsv"), False),
    "json": ("objects", "JSON: an array, or an object a line", (".json", ".ndjson", ".jsonl"), False),
    "hosts": ("hosts", "A hosts file (0.0.0.0 evil.example)", (".hosts",), False),
    "stix": ("stix", "STIX 2.1 bundle", (".stix",), True),
    "misp": ("misp", "MISP event or feed", (".misp",), True),
    "threatexchange": ("threatexchange", "ThreatExchange signals or descriptors", (), True),
}
#: What `write` can make.
WRITTEN = ("plain", "csv", "json", "hosts", "stix")


def format_of(name: str, start: bytes) -> str:
    """The format of a file, from its name and its first bytes. Raises FormatError."""
    suffix = PurePath(name).suffix.lower()
    opening = start.lstrip(b"\xef\xbb\xbf \t\r\n")
    if opening[:1] in (b"{", b"["):
        marks = {"stix": b'"bundle"', "misp": b'"Attribute"', "threatexchange": b'"indicator"'}
        return next((found for found, mark in marks.items() if mark in opening[:4096]), "json")
    for found, (_, _, endings, _) in FORMATS.items():
        if suffix in endings:
            return found
    if PurePath(name).name == "hosts":
        return "hosts"
    raise FormatError(0, f"`{name}` does not say what format it is; name one of: {', '.join(FORMATS)}")


def read(name: str, file: Readable, columns: dict[str, str] | None = None) -> Iterator[Row | Problem]:
    """The rows of a file and what is wrong with it. `columns` says which column of a CSV file is what
    (`{"value": "domain"}`). Raises FormatError when nothing more can be read, and KeyError for a format that there isn't."""
    module, _, _, whole = FORMATS[name]
    reader = _module(module)
    if whole:
        yield from reader.read(document(file))
    elif name == "csv":
        yield from reader.read(text_lines(file), columns or {})
    else:
        yield from reader.read(text_lines(file))


def write(name: str, about: About, rows: Iterable[Row]) -> Iterator[str]:
    """The pieces of a file with these rows. Raises FormatError for a format that is only read, or a kind it can't say."""
    if name not in WRITTEN:
        raise FormatError(0, f"lists are not written as {name}; name one of: {', '.join(WRITTEN)}")
    pieces: Iterator[str] = _module(FORMATS[name][0]).write(about, rows)
    return pieces


def _module(name: str) -> ModuleType:
    return import_module(f"safehold.engine.lists.formats.{name}")


__all__ = ["FORMATS", "WRITTEN", "About", "FormatError", "Problem", "Row", "format_of", "read", "write"]
