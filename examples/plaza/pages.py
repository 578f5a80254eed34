"""Plaza's pages: plain HTML with forms, escaped by hand, nothing clever. The product is next door."""

import datetime
import html
from collections.abc import Iterable
from sqlite3 import Row

from plaza.store import Store

PAGE = """<!doctype html><html lang="en"><meta charset="utf-8"><meta name="viewport" content="width=device-width">
<title>{title} · Plaza</title><link rel="stylesheet" href="/style.css"><header><a href="/">Plaza</a>
<nav>{who}</nav></header><main>{body}</main></html>"""

STYLE = """body{font:16px/1.5 system-ui,sans-serif;margin:0;color:#222;background:#faf8f4}header{background:#6b3f2a;color:#fff;
padding:.7rem 1rem;display:flex;justify-content:space-between}header a{color:#fff;font-weight:700;text-decoration:none}
main{max-width:44rem;margin:1rem auto;padding:0 1rem}article{background:#fff;border:1px solid #e5ddd2;border-radius:8px;
padding:.6rem .9rem;margin:.6rem 0}article p{margin:.2rem 0;overflow-wrap:anywhere}small{color:#665}
.gone{color:#665;font-style:italic}input,textarea,button{font:inherit}textarea{width:100%;box-sizing:border-box}
form.inline{display:inline}"""

#: What others see in place of something that is not shown, by standing.
INSTEAD = {"held": "This is waiting for a moderator.", "removed": "This was removed."}


def page(title: str, body: str, me: Row | None) -> str:
    who = f'<a href="/me">{html.escape(me["name"])}</a>' if me else "Welcome"
    return PAGE.format(title=html.escape(title), who=who, body=body)


def home(store: Store, me: Row | None) -> str:
    threads = store.run(
        "SELECT thread, count(*) AS posts, max(at) AS last FROM item WHERE kind = 'post' GROUP BY thread ORDER BY last DESC"
    )
    links = "".join(
        f'<article><a href="/t/{html.escape(row["thread"])}">{html.escape(row["thread"].replace("-", " "))}</a> '
        f"<small>{row['posts']} posts</small></article>"
        for row in threads
    )
    join = (
        '<form method="post" action="/signup"><label>Your name <input name="name" required maxlength="40"></label> '
        "<button>Join</button></form>"
    )
    return page("Forum", f"<h1>Forum</h1>{'' if me else join}{links}", me)


def thread(store: Store, name: str, me: Row | None) -> str:
    items = store.run(
        "SELECT item.*, account.name, account.standing AS author_standing FROM item JOIN account ON account.id = author "
        "WHERE kind = 'post' AND thread = ? ORDER BY at DESC LIMIT 100", name
    )  # fmt: skip
    write = (
        f'<form method="post" action="/post"><input type="hidden" name="thread" value="{html.escape(name)}">'
        '<label>Write something<textarea name="text" required></textarea></label><button>Post</button></form>'
    )
    body = f"<h1>{html.escape(name.replace('-', ' '))}</h1>{write if me else ''}{_items(items, me)}"
    return page(name, body, me)


def mine(store: Store, me: Row) -> str:
    """Somebody's own page: how they stand, the letters they got, the messages sent to them."""
    letters = "".join(
        f'<article><p>{html.escape(row["text"])}</p><a href="{html.escape(row["url"])}">Read why, and what you can do</a> '
        f"<small>{_when(row['at'])}</small></article>"
        for row in store.run("SELECT * FROM letter WHERE account = ? ORDER BY at DESC", me["id"])
    )
    inbox = store.run(
        "SELECT item.*, account.name, account.standing AS author_standing FROM item JOIN account ON account.id = author "
        "WHERE kind = 'message' AND recipient = ? AND item.standing = 'ok' ORDER BY at DESC LIMIT 50", me["id"]
    )  # fmt: skip
    standing = "" if me["standing"] == "ok" else f"<p><strong>Your account is {me['standing']}.</strong></p>"
    write = (
        '<form method="post" action="/message"><label>To <input name="to" required></label>'
        '<label>Message<textarea name="text" required></textarea></label><button>Send</button></form>'
    )
    return page(me["name"], f"<h1>{html.escape(me['name'])}</h1>{standing}<h2>Letters</h2>{letters or '<p>None.</p>'}"
                f"<h2>Messages</h2>{write}{_items(inbox, me)}", me)  # fmt: skip


def _items(rows: Iterable[Row], me: Row | None) -> str:
    return "".join(_item(row, me) for row in rows)


def _item(row: Row, me: Row | None) -> str:
    hidden = INSTEAD.get(row["standing"])
    if row["author_standing"] in {"suspended", "closed"}:
        hidden = "The author's account is closed for now."
    text = f'<p class="gone">{hidden}</p>' if hidden else f"<p>{html.escape(row['text'])}</p>"
    report = (
        f'<form class="inline" method="post" action="/report"><input type="hidden" name="item" value="{row["id"]}">'
        '<input name="reason" placeholder="What is wrong?" required aria-label="What is wrong with it"> '
        "<button>Report</button></form>"
        if me and not hidden and me["id"] != row["author"]
        else ""
    )
    return f'<article id="{row["id"]}"><small>{html.escape(row["name"])}, {_when(row["at"])}</small>{text}{report}</article>'


def _when(at: float) -> str:
    return datetime.datetime.fromtimestamp(at).strftime("%d %b %H:%M")
