"""The memory of the simulator in one SQLite file, so that restarts and duplicates behave as in a real house."""

import json
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path

from chsim.scenarios import Rule

_SCHEMA = """
CREATE TABLE IF NOT EXISTS numbers (name TEXT PRIMARY KEY, value INTEGER NOT NULL);
CREATE TABLE IF NOT EXISTS received (
    name TEXT NOT NULL, sha256 TEXT NOT NULL, outcome TEXT NOT NULL, archived INTEGER NOT NULL DEFAULT 0);
CREATE TABLE IF NOT EXISTS interchanges (
    sender TEXT NOT NULL, receiver TEXT NOT NULL, control TEXT NOT NULL, PRIMARY KEY (sender, receiver, control));
CREATE TABLE IF NOT EXISTS claims (
    id INTEGER PRIMARY KEY, claim_number TEXT NOT NULL, fingerprint TEXT NOT NULL, state TEXT NOT NULL,
    body TEXT NOT NULL);
CREATE INDEX IF NOT EXISTS claims_by_fingerprint ON claims (fingerprint);
CREATE TABLE IF NOT EXISTS deductibles (
    member TEXT NOT NULL, year TEXT NOT NULL, met INTEGER NOT NULL, PRIMARY KEY (member, year));
CREATE TABLE IF NOT EXISTS outbox (
    id INTEGER PRIMARY KEY, folder TEXT NOT NULL, name TEXT NOT NULL, body BLOB NOT NULL, due INTEGER NOT NULL,
    delivered INTEGER NOT NULL DEFAULT 0);
CREATE TABLE IF NOT EXISTS rules (id INTEGER PRIMARY KEY, body TEXT NOT NULL);
"""
_TABLES = ("numbers", "received", "interchanges", "claims", "deductibles", "outbox", "rules")


class State:
    """Reads and writes of the simulator's tables; the caller holds the transaction."""

    def __init__(self, path: Path) -> None:
        self._connection = sqlite3.connect(path, check_same_thread=False, isolation_level=None)
        self._connection.executescript(f"PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL; {_SCHEMA}")

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """All or nothing."""
        self._connection.execute("BEGIN IMMEDIATE")
        try:
            yield
        except BaseException:
            self._connection.execute("ROLLBACK")
            raise
        self._connection.execute("COMMIT")

    def close(self) -> None:
        """Lets the file go."""
        self._connection.close()

    def number(self, name: str) -> int:
        """A stored number, 0 at first."""
        row = self._connection.execute("SELECT value FROM numbers WHERE name = ?", (name,)).fetchone()
        return int(row[0]) if row else 0

    def add(self, name: str, step: int = 1) -> int:
        """Raises a stored number and returns it."""
        statement = (
            "INSERT INTO numbers VALUES (?, ?) ON CONFLICT (name) DO UPDATE SET value = value + excluded.value "
            "RETURNING value"
        )
        return int(self._connection.execute(statement, (name, step)).fetchone()[0])

    def is_unarchived(self, name: str, sha256: str) -> bool:
        """True when this file was taken in but a crash left it in its folder."""
        where = "name = ? AND sha256 = ? AND NOT archived"
        return bool(self._connection.execute(f"SELECT 1 FROM received WHERE {where}", (name, sha256)).fetchone())

    def receive(self, name: str, sha256: str, outcome: str) -> None:
        """Remembers a file that was taken in."""
        self._connection.execute("INSERT INTO received VALUES (?, ?, ?, 0)", (name, sha256, outcome))

    def archive(self, name: str) -> None:
        """Remembers that a file has left its folder."""
        self._connection.execute("UPDATE received SET archived = 1 WHERE name = ?", (name,))

    def unarchived(self) -> list[str]:
        """Names of files that were taken in and may still lie in their folder."""
        return [row[0] for row in self._connection.execute("SELECT name FROM received WHERE NOT archived")]

    def is_new_interchange(self, sender: str, receiver: str, control: str) -> bool:
        """Remembers a control number; False when it was used before."""
        statement = "INSERT OR IGNORE INTO interchanges VALUES (?, ?, ?)"
        return self._connection.execute(statement, (sender, receiver, control)).rowcount == 1

    def has_accepted(self, fingerprint: str) -> bool:
        """True when the same claim was accepted before."""
        statement = "SELECT 1 FROM claims WHERE fingerprint = ? AND state <> 'rejected'"
        return bool(self._connection.execute(statement, (fingerprint,)).fetchone())

    def book(self, number: str, fingerprint: str, state: str, body: dict[str, object]) -> None:
        """Writes a claim into the ledger."""
        values = (number, fingerprint, state, json.dumps(body))
        self._connection.execute("INSERT INTO claims (claim_number, fingerprint, state, body) VALUES (?,?,?,?)", values)

    def ledger(self) -> list[dict[str, object]]:
        """Every claim that came in, oldest first."""
        rows = self._connection.execute("SELECT claim_number, state, body FROM claims ORDER BY id")
        return [{"claim_number": number, "state": state, **json.loads(body)} for number, state, body in rows]

    def deductible_met(self, member: str, year: str) -> int:
        """Cents that a member has paid toward the deductible of a year."""
        statement = "SELECT met FROM deductibles WHERE member = ? AND year = ?"
        row = self._connection.execute(statement, (member, year)).fetchone()
        return int(row[0]) if row else 0

    def meet_deductible(self, member: str, year: str, cents: int) -> None:
        """Adds to it."""
        statement = (
            "INSERT INTO deductibles VALUES (?, ?, ?) ON CONFLICT (member, year) DO UPDATE SET met = met + excluded.met"
        )
        self._connection.execute(statement, (member, year, cents))

    def post(self, folder: str, name: str, body: bytes, due: int) -> None:
        """Puts a file into the outbox."""
        statement = "INSERT INTO outbox (folder, name, body, due) VALUES (?, ?, ?, ?)"
        self._connection.execute(statement, (folder, name, body, due))

    def due(self, now: int) -> list[tuple[int, str, str, bytes]]:
        """Files to deliver by now."""
        statement = "SELECT id, folder, name, body FROM outbox WHERE NOT delivered AND due <= ? ORDER BY id"
        return list(self._connection.execute(statement, (now,)))

    def delivered(self, outbox_id: int) -> None:
        """Remembers that a file lies in its folder."""
        self._connection.execute("UPDATE outbox SET delivered = 1 WHERE id = ?", (outbox_id,))

    def rules(self) -> list[Rule]:
        """Rules that tests have set, oldest first."""
        return [Rule(**json.loads(row[0])) for row in self._connection.execute("SELECT body FROM rules ORDER BY id")]

    def add_rule(self, rule: Rule) -> None:
        """Adds one."""
        self._connection.execute("INSERT INTO rules (body) VALUES (?)", (json.dumps(asdict(rule)),))

    def clear(self) -> None:
        """Forgets everything."""
        for table in _TABLES:
            self._connection.execute(f"DELETE FROM {table}")
