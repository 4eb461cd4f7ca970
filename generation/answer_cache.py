"""A model's answers on disk, in SQLite. What was saved survives a kill; only one run can use a cache at a time."""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from records.errors import InputError

OPENING = (
    "PRAGMA locking_mode = exclusive",
    "PRAGMA journal_mode = wal",
    "PRAGMA synchronous = normal",
    "BEGIN IMMEDIATE",
    "CREATE TABLE IF NOT EXISTS answers(key BLOB PRIMARY KEY, text TEXT, logprob REAL, tokens INTEGER, end TEXT)"
    " WITHOUT ROWID",
    "COMMIT",
    "SELECT key, text, logprob, tokens, end FROM answers LIMIT 0",
)


class Cache:
    """Maps keys to rows (text, logprob, tokens, finish reason). Without a path it is kept in memory.

    Raises InputError if the file is not such a cache, or if another run uses it.
    """

    def __init__(self, path: str | Path | None):
        self.path = path

    def __enter__(self) -> Cache:
        if self.path:
            Path(self.path).parent.mkdir(parents=True, exist_ok=True)
        self._database = sqlite3.connect(self.path or ":memory:", timeout=0, isolation_level=None)
        try:
            tables = self._database.execute("SELECT name FROM sqlite_master WHERE type = 'table'").fetchall()
            if tables not in ([], [("answers",)]):
                raise sqlite3.DatabaseError("it has other tables")
            for statement in OPENING:
                self._database.execute(statement)
        except sqlite3.DatabaseError as error:
            self._database.close()
            if "locked" in str(error):
                raise InputError(
                    f"{self.path}: another run uses this cache; wait until it ends, or give another --cache"
                ) from None
            raise InputError(
                f"{self.path}: not a cache of model answers, or damaged ({error}); give another --cache"
            ) from None
        return self

    def __exit__(self, *_: object) -> None:
        self._database.close()

    def get(self, key: bytes) -> tuple[Any, ...] | None:
        row: tuple[Any, ...] | None = self._database.execute(
            "SELECT text, logprob, tokens, end FROM answers WHERE key = ?", (key,)
        ).fetchone()
        return row

    def put(self, answers: Mapping[bytes, Sequence[Any]]) -> None:
        """Save a batch, all of it or nothing: asked for again, the rest of a batch would be padded differently."""
        rows = ((key, *answer) for key, answer in answers.items())
        try:
            self._database.execute("BEGIN")
            self._database.executemany("INSERT OR REPLACE INTO answers VALUES (?, ?, ?, ?, ?)", rows)
            self._database.execute("COMMIT")
        except sqlite3.DatabaseError as error:  # a full disk
            raise InputError(f"{self.path}: cannot be written ({error}); what was saved before is kept") from None
