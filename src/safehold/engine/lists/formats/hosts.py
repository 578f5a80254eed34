"""Hosts files as blocklists are passed on: `0.0.0.0 evil.example other.example  # why`. The address does not matter."""

from collections.abc import Iterable, Iterator

from safehold.engine.lists.formats.rows import About, FormatError, Problem, Row
from safehold.engine.lists.values import address_of

#: Names of the machine itself, which every hosts file has.
_OWN = frozenset(
    (
        "localhost", "localhost.localdomain", "local", "broadcasthost", "ip6-localhost", "ip6-loopback", "ip6-localnet",
        "ip6-mcastprefix", "ip6-allnodes", "ip6-allrouters", "ip6-allhosts", "0.0.0.0",  # noqa: S104
    )
)  # fmt: skip


def read(lines: Iterable[tuple[int, str]]) -> Iterator[Row | Problem]:
    for number, line in lines:
        text, _, note = line.partition("#")
        address, *names = text.split() or [""]
        if not address:
            continue
        if address_of(address.partition("%")[0]) is None:
            yield Problem(line=number, message=f"`{address[:80]}` is no address; a line is `0.0.0.0 evil.example`")
            continue
        for name in names:
            if name not in _OWN:
                yield Row(line=number, value=name, what="domain", note=note.strip())


def write(about: About, rows: Iterable[Row]) -> Iterator[str]:
    if about.kind != "domain_suffix":
        raise FormatError(0, f"a hosts file has domains; {about.name} is a list of kind `{about.kind}`")
    return _lines(about, rows)


def _lines(about: About, rows: Iterable[Row]) -> Iterator[str]:
    yield f'# {about.title or about.name}, {about.at:%Y-%m-%d}. A hosts file can\'t say "and all below it".\n'
    for row in rows:
        if not row.allow:
            yield f"0.0.0.0 {row.value}\n"
