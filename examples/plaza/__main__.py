"""Plaza, a small forum that leaves trust and safety to Safehold: sign up, post, message, report.

    PLAZA_KEY=sh_... PLAZA_SECRET=whsec_... python -m plaza --safehold http://127.0.0.1:8000 --port 8001 --replay 1700

PLAZA_KEY is an API key with the scope events:write, PLAZA_SECRET the secret of the webhook endpoint.

It sends what happens as CloudEvents and does what the signed webhooks say. `--replay` first lives through real messages.
"""

import argparse
import os
import threading
import time
from http.cookies import SimpleCookie
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from sqlite3 import Row
from urllib.parse import parse_qs, unquote

import httpx
from standardwebhooks import WebhookVerificationError

from plaza import pages, replay
from plaza.events import account_created, message_sent, post_created, report_filed
from plaza.safehold import Safehold
from plaza.store import Store


class Refused(Exception):
    """What somebody wanted is not possible; the text is for them."""


class Plaza:
    """What people can do. Everything they do is an event; a verdict is obeyed at once when the webhook comes."""

    def __init__(self, store: Store, safehold: Safehold) -> None:
        self.store, self.safehold = store, safehold

    def sign_up(self, name: str) -> Row:
        if self.store.run("SELECT 1 FROM account WHERE name = ?", name):
            raise Refused(f"There is somebody called {name} already.")
        account = self.store.account(name)
        self.safehold.send(account_created(account))
        return account

    def post(self, me: Row, thread: str, text: str) -> None:
        self._may_write(me)
        item = self.store.add("post", me["id"], text, time.time(), thread=thread)
        self.safehold.send(post_created(me, item, thread, text, time.time()))

    def message(self, me: Row, to: str, text: str) -> None:
        self._may_write(me)
        found = self.store.run("SELECT * FROM account WHERE name = ?", to)
        if not found:
            raise Refused(f"Nobody here is called {to}.")
        item = self.store.add("message", me["id"], text, time.time(), recipient=found[0]["id"])
        self.safehold.send(message_sent(me, item, found[0]["id"], text, time.time()))

    def report(self, me: Row, item: str, reason: str) -> None:
        found = self.store.run("SELECT * FROM item WHERE id = ?", item)
        if not found:
            raise Refused("That is no longer here.")
        self.safehold.send(report_filed(me, found[0], reason, time.time()))

    def _may_write(self, me: Row) -> None:
        if me["standing"] in {"suspended", "closed", "limited"}:
            raise Refused(f"Your account is {me['standing']}. Your letters say why, and how to appeal.")


class Handler(BaseHTTPRequestHandler):
    """Routes; the signed-in name is a plain cookie, since this is an example."""

    plaza: Plaza

    def me(self) -> Row | None:
        cookie = SimpleCookie(self.headers.get("Cookie", ""))
        name = unquote(cookie["name"].value) if "name" in cookie else ""
        return next(iter(self.plaza.store.run("SELECT * FROM account WHERE name = ?", name)), None)

    def do_GET(self) -> None:
        me, store = self.me(), self.plaza.store
        if self.path == "/style.css":
            self.answer(200, pages.STYLE, "text/css")
        elif self.path == "/":
            self.answer(200, pages.home(store, me))
        elif self.path.startswith("/t/"):
            self.answer(200, pages.thread(store, unquote(self.path[3:]), me))
        elif self.path == "/me" and me:
            self.answer(200, pages.mine(store, me))
        elif self.path.startswith("/as/"):  # look at Plaza as somebody else: it is only an example
            self.see_other("/me", cookie=self.path[4:])
        else:
            self.answer(404, pages.page("Not here", "<p>There is nothing here.</p>", me))

    def do_POST(self) -> None:
        body = self.rfile.read(min(int(self.headers.get("Content-Length") or 0), 1 << 20))
        if self.path == "/webhooks":
            return self.webhook(body)
        form = {name: values[0].strip() for name, values in parse_qs(body.decode()).items()}
        try:
            self.act(form)
        except Refused as refusal:
            self.answer(409, pages.page("Not possible", f"<p>{refusal}</p>", self.me()))
        except KeyError as missing:
            self.answer(400, pages.page("Incomplete", f"<p>Please fill in {missing}.</p>", self.me()))
        except httpx.HTTPError:
            self.answer(503, pages.page("Later", "<p>Safehold can't be reached; please try again.</p>", self.me()))

    def act(self, form: dict[str, str]) -> None:
        if self.path == "/signup":
            return self.see_other("/me", cookie=self.plaza.sign_up(form["name"])["name"])
        me = self.me()
        if me is None:
            raise Refused("Please join first.")
        if self.path == "/post":
            self.plaza.post(me, form["thread"], form["text"])
            self.see_other(f"/t/{form['thread']}")
        elif self.path == "/message":
            self.plaza.message(me, form["to"], form["text"])
            self.see_other("/me")
        elif self.path == "/report":
            self.plaza.report(me, form["item"], form["reason"])
            self.see_other("/")

    def webhook(self, body: bytes) -> None:
        try:
            self.plaza.safehold.obey(
                body, {name.lower(): value for name, value in self.headers.items()}, self.plaza.store
            )
        except WebhookVerificationError:
            self.answer(401, "not signed by Safehold", "text/plain")
        else:
            self.answer(204, "")

    def see_other(self, where: str, cookie: str = "") -> None:
        self.send_response(303)
        self.send_header("Location", where)
        if cookie:
            self.send_header("Set-Cookie", f"name={cookie}; Path=/; SameSite=Lax; HttpOnly")
        self.send_header("Content-Length", "0")
        self.end_headers()

    def answer(self, status: int, text: str, kind: str = "text/html") -> None:
        body = text.encode()
        self.send_response(status)
        self.send_header("Content-Type", f"{kind}; charset=utf-8")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:
        """Say nothing: the replay's progress is what the reader of the terminal wants."""


def main() -> None:
    parser = argparse.ArgumentParser(prog="plaza", description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--safehold", default="http://127.0.0.1:8000", help="where Safehold answers")
    parser.add_argument("--port", type=int, default=8001)
    parser.add_argument("--data", type=Path, default=Path("plaza.sqlite3"), help="where Plaza keeps its own data")
    parser.add_argument("--replay", type=int, default=0, metavar="N", help="live through N real messages first, once")
    options = parser.parse_args()
    if missing := [name for name in ("PLAZA_KEY", "PLAZA_SECRET") if not os.environ.get(name)]:
        parser.error(f"set {' and '.join(missing)}: see --help")
    # Secrets come by the environment: everybody on the machine can read a command line.
    safehold = Safehold(options.safehold, os.environ["PLAZA_KEY"], os.environ["PLAZA_SECRET"])
    plaza = Plaza(Store(options.data), safehold)
    server = ThreadingHTTPServer(("127.0.0.1", options.port), type("PlazaHandler", (Handler,), {"plaza": plaza}))
    if options.replay:
        threading.Thread(target=replay.live, args=(plaza.store, plaza.safehold, options.replay), daemon=True).start()
    server.serve_forever()


if __name__ == "__main__":
    main()
