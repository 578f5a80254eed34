"""A comment as Akismet's clients send it, a form, and what is made of it here: names for the comment and its author, and the
data of an event. Who calls: `akismet`.

Parameters: https://akismet.com/developers/comment-check/. Clients send many more (WordPress all `HTTP_` variables of the
visitor's request); those are not kept.
"""

import hashlib
import re
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import msgspec

#: Where comments are checked, which is how the record knows such events again.
CHECK = "/1.1/comment-check"
#: Characters at most, as the event type `content.checked` has them. What is longer is cut: whoever comments could otherwise
#: choose to be refused, and clients publish what could not be checked.
_LONGEST = {
    "text": 100_000,
    "content_type": 64,
    "url": 2048,
    "community": 1024,
    "language": 35,
    "role": 64,
    "link": 2048,
}
_PERSONAL = 1024
_MOST_CONTEXT = 100
#: A list as PHP and JavaScript send it: `comment_context[]`, `comment_context[0]`.
_INDEXED = re.compile(r"\[\d*\]$")
_LANGUAGE = re.compile(r"[A-Za-z]{2,3}(?:[-_][A-Za-z0-9]{2,8})*")
_GUID = re.compile(r"[0-9A-Za-z_-]{8,64}")
_YES = frozenset({"1", "true", "yes", "on"})


class Comment(msgspec.Struct, frozen=True, kw_only=True):
    """One comment. Empty texts and None stand for what was not said; `fields` are all that came, each with its first value."""

    blog: str
    user_ip: str
    user_agent: str
    permalink: str
    kind: str
    author: str
    email: str
    url: str
    content: str
    written_at: datetime | None
    language: str
    role: str
    user_id: str
    recheck: str
    context: list[str]
    honeypot: bool
    is_test: bool
    test_discard: bool
    guid: str

    @property
    def id(self) -> str:
        """By what this comment is known: the GUID that its check was answered with, if the client kept it, else the same made
        again. It is of what a client has at hand later too, so without dates, addresses and what a moderator may change."""
        if self.guid:
            return self.guid
        return _digest(
            "comment",
            site_of(self.blog),
            self.permalink,
            self.author,
            self.email.lower(),
            " ".join(self.content.split()),
        )

    @property
    def actor(self) -> dict[str, Any]:
        """Who wrote it. The id is a digest of the best that is known: an account of the site, an address of mail, a name, an IP
        address; addresses themselves are no names for people."""
        site = site_of(self.blog)
        if self.user_id.strip("0"):
            name = f"user-{_digest('user', site, self.user_id)[:24]}"
        elif self.email:
            name = f"mail-{_digest('mail', self.email.lower())[:24]}"
        elif self.author or self.url:
            name = f"name-{_digest('name', site, self.author, self.url)[:24]}"
        else:
            name = f"ip-{_digest('ip', self.user_ip)[:24]}"
        said = {"id": name, "name": self.author[:_PERSONAL], "email": self.email[:_PERSONAL], "kind": self.role[:64]}
        return {field: value for field, value in said.items() if value}

    @property
    def origin(self) -> dict[str, Any]:
        """From where it came: the event's `context`."""
        said = {"ip": self.user_ip[:_PERSONAL], "user_agent": self.user_agent[:_PERSONAL]}
        return {field: value for field, value in said.items() if value}

    @property
    def data(self) -> dict[str, Any]:
        """The event's `data`, without actor and context."""
        said: dict[str, Any] = {
            "content_id": self.id,
            "content_type": self.kind or "comment",
            "thread_id": _digest("thread", site_of(self.blog), self.permalink) if self.permalink else "",
            "language": self.language,
            "url": self.permalink,
            "community": self.blog,
            "role": self.role,
            "recheck_reason": self.recheck,
        }
        data = {field: value[: _LONGEST.get(field, 256)] for field, value in said.items() if value}
        data |= {"api": "akismet", "text": self.content[: _LONGEST["text"]]}
        if self.url:
            data["links"] = [self.url[: _LONGEST["link"]]]
        if self.context:
            data["replies_to"] = self.context
        if self.honeypot:
            data["honeypot"] = True
        return data


def read_comment(form: Mapping[str, list[str]]) -> Comment:
    """The comment in a form. Nothing is refused: what can't be read counts as not said."""
    fields = {name: values[0].replace("\0", "").strip() for name, values in form.items()}

    def text(*names: str) -> str:
        return next((fields[name] for name in names if fields.get(name)), "")

    honeypot = text("honeypot_field_name")
    return Comment(
        blog=text("blog"),
        user_ip=text("user_ip", "comment_author_IP"),
        user_agent=text("user_agent", "comment_agent"),
        permalink=text("permalink"),
        kind=text("comment_type"),
        author=text("comment_author"),
        email=text("comment_author_email"),
        url=text("comment_author_url"),
        # Browsers send other line ends than databases give back; the words are the same.
        content=text("comment_content").replace("\r\n", "\n"),
        written_at=_moment(text("comment_date_gmt")),
        language=_language(text("blog_lang")),
        role=text("user_role"),
        user_id=text("user_ID", "user_id"),
        recheck=text("recheck_reason"),
        context=_listed(form, "comment_context"),
        honeypot=bool(honeypot and (fields.get(honeypot) or fields.get(f"POST_{honeypot}"))),
        is_test=text("is_test").lower() in _YES,
        test_discard=text("test_discard").lower() in _YES,
        guid=guid if _GUID.fullmatch(guid := text("guid")) else "",
    )


def _listed(form: Mapping[str, list[str]], wanted: str) -> list[str]:
    found = [
        value.replace("\0", "")[: _LONGEST["text"]]
        for name, values in form.items()
        if _INDEXED.sub("", name) == wanted
        for value in values
        if value.strip()
    ]
    return found[:_MOST_CONTEXT]


def _language(said: str) -> str:
    """BCP 47 of the first of `en, fr_CA`; empty if it is none."""
    first = said.split(",")[0].strip()
    return first.replace("_", "-") if _LANGUAGE.fullmatch(first) else ""


def _moment(said: str) -> datetime | None:
    """A time in GMT: ISO 8601, or as WordPress keeps it (`2026-02-01 09:30:00`, zeros for none). None for one that can't be."""
    try:
        moment = datetime.fromisoformat(said)
    except ValueError:
        return None
    moment = moment if moment.tzinfo is not None else moment.replace(tzinfo=UTC)
    return moment if moment.year >= 1971 and moment <= datetime.now(UTC) else None


def site_of(blog: str) -> str:
    """A site's address without what differs between ways of writing it."""
    return blog.lower().removeprefix("https://").removeprefix("http://").removeprefix("www.").rstrip("/")


def _digest(*parts: str) -> str:
    """32 hex digits that stand for these texts together."""
    joined = "\0".join(parts).encode("utf-8", "surrogatepass")
    return hashlib.sha256(joined).hexdigest()[:32]
