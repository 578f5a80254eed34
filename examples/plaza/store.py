"""What Plaza keeps: people, posts and messages, and what Safehold told it about them, in one SQLite file."""

import json
import sqlite3
import threading
import time
from pathlib import Path

SCHEMA = """
CREATE TABLE IF NOT EXISTS account (id TEXT PRIMARY KEY, name TEXT UNIQUE, created_at REAL, standing TEXT DEFAULT 'ok');
CREATE TABLE IF NOT EXISTS item (id TEXT PRIMARY KEY, kind TEXT, author TEXT, thread TEXT, recipient TEXT, text TEXT,
                                 at REAL, standing TEXT DEFAULT 'ok');
CREATE TABLE IF NOT EXISTS restriction (id TEXT PRIMARY KEY, kind TEXT, target TEXT, type TEXT, params TEXT, ends_at TEXT);
CREATE TABLE IF NOT EXISTS letter (id TEXT PRIMARY KEY, account TEXT, text TEXT, url TEXT, at REAL);
CREATE TABLE IF NOT EXISTS seen (id TEXT PRIMARY KEY);
CREATE INDEX IF NOT EXISTS item_of_thread ON item (thread, at);
"""

#: Which standing a restriction gives its target, strongest first.
STANDINGS = {"terminate": "closed", "suspend": "suspended", "remove": "removed", "hold": "held", "limit": "limited"}


class Store:
    """One connection behind a lock: Plaza is an example, not a platform."""

    def __init__(self, path: Path) -> None:
        self.lock = threading.Lock()
        self.db = sqlite3.connect(path, check_same_thread=False, isolation_level=None)
        self.db.row_factory = sqlite3.Row
        self.db.execute("PRAGMA journal_mode=WAL")
        self.db.executescript(SCHEMA)

    def run(self, sql: str, *values: object) -> list[sqlite3.Row]:
        with self.lock:
            return self.db.execute(sql, values).fetchall()

    def account(self, name: str, created_at: float | None = None) -> sqlite3.Row:
        """The account with this name; a new one if there is none."""
        number = self.run("SELECT count(*) FROM account")[0][0] + 1
        self.run(
            "INSERT OR IGNORE INTO account (id, name, created_at) VALUES (?, ?, ?)",
            f"u{number}", name, created_at or time.time(),
        )  # fmt: skip
        return self.run("SELECT * FROM account WHERE name = ?", name)[0]

    def add(self, kind: str, author: str, text: str, at: float, thread: str = "", recipient: str = "") -> str:
        """Keep a post or a message; returns its id."""
        number = self.run("SELECT count(*) FROM item WHERE kind = ?", kind)[0][0] + 1
        id = f"{kind[0]}{number}"
        self.run(
            "INSERT INTO item (id, kind, author, thread, recipient, text, at) VALUES (?, ?, ?, ?, ?, ?, ?)",
            id, kind, author, thread, recipient, text, at,
        )  # fmt: skip
        return id

    def restrict(
        self, id: str, kind: str, target: str, type: str, params: dict[str, object], ends_at: str | None
    ) -> None:
        self.run(
            "INSERT OR REPLACE INTO restriction VALUES (?, ?, ?, ?, ?, ?)",
            id,
            kind,
            target,
            type,
            json.dumps(params),
            ends_at,
        )
        self._derive(kind, target)

    def lift(self, id: str) -> None:
        """Take a restriction away; what else holds stays."""
        for row in self.run("DELETE FROM restriction WHERE id = ? RETURNING kind, target", id):
            self._derive(row["kind"], row["target"])

    def _derive(self, kind: str, target: str) -> None:
        types = {
            row["type"] for row in self.run("SELECT type FROM restriction WHERE kind = ? AND target = ?", kind, target)
        }
        standing = next((word for type, word in STANDINGS.items() if type in types), "ok")
        table = "account" if kind == "account" else "item"
        self.run(f"UPDATE {table} SET standing = ? WHERE id = ?", standing, target)  # noqa: S608 - one of two names
