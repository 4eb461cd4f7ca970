"""Texts by id, on disk because there may be millions: users' names, and authors' own Markdown."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Iterator
from contextlib import closing
from pathlib import Path

from stackdump.posts import number
from stackdump.xml_rows import Row

BODY_REVISIONS = {"2", "5", "8"}  # PostHistoryTypeId: the first body, an edit of it, a rollback

Entry = tuple[int, int, str]  # id, version, text


class Lookup:
    """A text for each id, of the highest version."""

    def __init__(self, path: Path):
        self.path = path

    def exists(self) -> bool:
        return self.path.exists()

    def write(self, entries: Iterable[Entry]) -> None:
        with closing(sqlite3.connect(self.path)) as database, database:
            database.execute("PRAGMA journal_mode = OFF")  # the file is removed after a failure
            database.execute("CREATE TABLE texts (id INTEGER PRIMARY KEY, version INTEGER, text TEXT)")
            database.executemany(
                "INSERT INTO texts VALUES (?, ?, ?) ON CONFLICT (id) DO UPDATE"
                " SET version = excluded.version, text = excluded.text WHERE excluded.version > version",
                entries,
            )

    def of(self, ids: Iterable[int]) -> dict[int, str]:
        """The texts of those of the ids that have one."""
        if not self.exists():
            return {}
        wanted = ",".join(map(str, ids))  # one query: one for each id takes seven times as long
        with closing(sqlite3.connect(f"file:{self.path}?mode=ro", uri=True)) as database:
            return dict(database.execute(f"SELECT id, text FROM texts WHERE id IN ({wanted})"))


def names(users: Iterable[Row]) -> Iterator[Entry]:
    """The display names in the rows of Users.xml, by user id."""
    for user in users:
        if "DisplayName" in user:
            yield number(user, "Id", "user"), 0, user["DisplayName"]


def own_markdown(revisions: Iterable[Row]) -> Iterator[Entry]:
    """The authors' Markdown in the rows of PostHistory.xml, by post id: each revision of a body."""
    for revision in revisions:
        if revision.get("PostHistoryTypeId") in BODY_REVISIONS and "Text" in revision:
            yield number(revision, "PostId", "revision"), number(revision, "Id", "revision"), revision["Text"]
