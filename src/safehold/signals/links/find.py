"""Find the links in a text the way a reader would, whole or disguised, and parse them the way a browser would.

`find(text)` is the one entry: it knows URLs with a scheme, bare domains, and the spellings people use to get past a
filter (`hxxp://`, `evil[.]com`, `evil dot com`). Parsing is the WHATWG URL standard (ada-url), so that `http://3232235777`
is an address and `https://paypal.com@evil.example` goes to evil.example. The links signal calls it.
"""

import re
from functools import cache
from typing import TYPE_CHECKING, NamedTuple

import ada_url

if TYPE_CHECKING:
    from tldextract import TLDExtract

#: Ways to write the dot of a domain.
_DOT = r"(?:\.|\s?[\[({<]\s?(?:\.|dot)\s?[\])}>]\s?|\sdot\s|[。．｡])"
_LABEL = r"[^\W_](?:[\w-]{0,61}[^\W_])?"
_SCHEMED = r"(?:h(?:tt|xx|\*\*)ps?|ftp)\s?(?::|\[:\])//[^\s<>\"`]{1,2000}"
_BARE = rf"(?<![\w@.:/=-]){_LABEL}(?:{_DOT}{_LABEL}){{1,8}}(?::\d{{2,5}})?(?:[/?#][^\s<>\"`]{{0,2000}})?"
_LINK = re.compile(f"(?P<schemed>{_SCHEMED})|(?P<bare>{_BARE})", re.IGNORECASE)
_FANGS = re.compile(_DOT, re.IGNORECASE)
_SCHEME = re.compile(r"(h)(?:tt|xx|\*\*)(ps?)\s?(?::|\[:\])//|(ftp)\s?(?::|\[:\])//", re.IGNORECASE)
_PAIRS = {")": "(", "]": "[", "}": "{"}

#: Endings that make a bare name a link at sight, beside country codes that aren't in _WORDS. All others (`.now`,
#: `.love`, `.compare`) need a sign that two sentences didn't just run together: a scheme, `www.`, a path, a subdomain,
#: a digit.
_PLAIN = frozenset(
    "com net org info biz edu gov mil int xyz top online site website store icu cyou mobi pro dev app asia cat".split()
)

#: Country codes that are words, abbreviations or file endings: "see you.so what", "readme.md", "at 9.pm".
_WORDS = frozenset(
    "in it is so to me my no am at be do as us id pm ms la de es va al ye ma pa ph py md rs sh st li re se si ad ag an "
    "ba by ca gs ht hm im je kn ky mo mu ne nu om pe pg pn pr ps pt sa sc sm sr td tf th tk tm ug um vi vu".split()
)


class Link(NamedTuple):
    """One link. `url` is normalised and carries no user or password; `host` is lower-case ASCII (punycode), without
    `www.`, for an IPv6 address in brackets; `tricks` names what is unusual about how it is written.
    """

    url: str
    host: str
    is_ip: bool
    tricks: frozenset[str]


@cache
def _extractor() -> "TLDExtract":
    """The Public Suffix List that ships with tldextract, private part included; never fetched, never cached to disk."""
    from tldextract import (
        TLDExtract,  # here: it brings an HTTP client, which a process that reads no link needn't wait for
    )

    return TLDExtract(suffix_list_urls=(), include_psl_private_domains=True, cache_dir=None)


def registrable(host: str) -> str:
    """What somebody registered: `a.b.evil.co.uk` -> `evil.co.uk`, `x.pages.dev` -> `x.pages.dev`; an address is itself.

    By the Public Suffix List (https://publicsuffix.org), private part included, as browsers count sites.
    """
    return _extractor()(host).top_domain_under_public_suffix or host


def is_hosted(host: str) -> bool:
    """Whether anybody can have a host like this within a minute: a name under a free hoster's or builder's suffix."""
    parts = _extractor()(host)
    return bool(parts.is_private and parts.domain)


def find(text: str, most: int = 100) -> tuple[list[Link], bool]:
    """The links of a text in order, without repeats of one URL, and whether there were more than `most`."""
    found: dict[str, Link] = {}
    for match in _LINK.finditer(text):
        link = _parse(_trim(match[0]), bare=match["schemed"] is None)
        if link is None:
            continue
        if len(found) == most:
            return list(found.values()), True
        found.setdefault(link.url, link)
    return list(found.values()), False


def _parse(written: str, *, bare: bool) -> Link | None:
    tricks = set()
    refanged = _SCHEME.sub(lambda m: (m[3] or m[1] + "tt" + m[2]) + "://", written)
    head, slash, tail = _split_host(refanged, bare)
    dotted = _FANGS.sub(".", head)
    if (refanged + dotted).casefold() != (written + head).casefold():
        tricks.add("defanged")
    try:
        url = ada_url.URL(("http://" if bare else "") + dotted + slash + tail)
    except ValueError:
        return None
    host = url.hostname.rstrip(".")
    is_ip = url.host_type != ada_url.HostType.DEFAULT
    if not host or (not is_ip and "." not in host) or (bare and not _believable(dotted, host, is_ip, bool(slash))):
        return None
    if "@" in head or url.username:
        tricks.add("userinfo")
        url.username = url.password = ""
    if url.port:
        tricks.add("port")
    if is_ip:
        tricks.add("ip")
    if "xn--" in host:
        tricks.add("punycode")
    return Link(url.href, host.removeprefix("www."), is_ip, frozenset(tricks))


def _split_host(url: str, bare: bool) -> tuple[str, str, str]:
    """(scheme and authority, first character of the rest, the rest)"""
    start = 0 if bare else url.index("//") + 2
    for i in range(start, len(url)):
        if url[i] in "/?#\\":
            return url[:i], url[i], url[i + 1 :]
    return url, "", ""


def _believable(written: str, host: str, is_ip: bool, has_path: bool) -> bool:
    """Whether something without a scheme is meant as a link: a known suffix, and not just a missing space."""
    if is_ip:
        return has_path and written.split(":")[0].count(".") == 3
    parts = _extractor()(host)
    if not parts.domain or not parts.suffix:
        return False
    if has_path or written[:4].lower() == "www." or parts.is_private:
        return True
    if len(parts.domain) == 1 and parts.suffix not in ("com", "org", "net"):
        return False
    ending = parts.suffix.rpartition(".")[2]
    country = len(ending) == 2 or ending.startswith("xn--")
    if "." in parts.suffix or ending in _PLAIN or (country and ending not in _WORDS):
        return not written[0].isupper() or not written.rpartition(".")[2][:1].isupper() or written.isupper()
    return any(c.isdigit() or c == "-" for c in parts.domain[1:]) or bool(parts.subdomain)


def _trim(link: str) -> str:
    """Without the punctuation that belongs to the sentence: a full stop, a quote, a bracket opened before the link."""
    while link:
        last = link[-1]
        unopened = last in _PAIRS and link.count(last) > link.count(_PAIRS[last])
        if not unopened and last not in ".,;:!?'\"*_~|…»”’":
            break
        link = link[:-1]
    return link
