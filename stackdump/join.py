"""Answers brought to their questions, wherever both stand in the dump, in bounded memory.

As rows come, each is put aside with the others whose question lies in the same range of ids, one file a range. Then
range after range is read, joined, sorted and converted: a range is small, and the ranges one after another are the
output in order of the question id, whatever the order of the rows in the dump.
"""

from __future__ import annotations

import re
import sqlite3
from collections import Counter
from collections.abc import Iterable, Iterator
from concurrent.futures import Executor, Future
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path

import orjson

from stackdump.errors import DumpError
from stackdump.records import ANSWER, QUESTION, Row, Style, make_record, number
from stackdump.rows import parse_rows

IDS_IN_RANGE = 4096  # some 5 MB of rows on real sites
BUFFER = 1 << 24  # bytes of rows held back, to write each range's file in large pieces
RANGES_AHEAD = 2  # a worker: what it works on, and what waits for it

# Two planted posts in every site's dump since mid-2025. By id, for real posts of the community too have the owner -1.
PLANTED = (b"1000000001", b"1000000010")

ID = re.compile(rb'\sId="(-?\d+)"')
POST_TYPE = re.compile(rb'\sPostTypeId="(\d+)"')
PARENT = re.compile(rb'\sParentId="(\d+)"')
MATH_MARK = b"&lt;span class=&quot;math-container&quot;&gt;"  # as the raw row has it; in code the & is &amp;


@dataclass
class Spool:
    """The rows of the questions and answers, put aside by ranges of the question id in files under `folder`.

    counts: rows by what they are. marked_math: some post has a formula that the site has marked, which only
    sites with MathJax do.
    """

    folder: Path
    path: str  # of the table, for errors
    counts: Counter[str] = field(default_factory=Counter)
    marked_math: bool = False
    _held: dict[int, list[bytes]] = field(default_factory=dict)
    _held_size: int = 0

    def add(self, rows: Iterable[bytes]) -> None:
        """Put rows aside; those that make no pairs are counted and left out."""
        for row in rows:
            kind, question = self._place(row)
            self.counts[kind] += 1
            if question is None:
                continue
            self._held.setdefault(question // IDS_IN_RANGE, []).append(row)
            self._held_size += len(row)
            if self._held_size > BUFFER:
                self._write()
            if not self.marked_math and MATH_MARK in row:
                self.marked_math = True
        self._write()

    def _place(self, row: bytes) -> tuple[str, int | None]:
        """What a row is, and the id of the question that it belongs to, if it is wanted."""
        id_, type_ = ID.search(row), POST_TYPE.search(row)
        if not id_ or not type_:
            seen = row[:60].decode("utf-8", "replace")
            raise DumpError(f"{self.path}: the row {seen}... has no Id or no PostTypeId; it is no Posts.xml of a dump")
        if id_[1] in PLANTED:
            return "planted posts", None
        if type_[1] == QUESTION.encode():
            return "questions", int(id_[1])
        if type_[1] == ANSWER.encode():
            parent = PARENT.search(row)
            return "answers", int(parent[1]) if parent else int(id_[1])
        return "posts of other types", None

    def _write(self) -> None:
        self.folder.mkdir(parents=True, exist_ok=True)
        for range_, rows in self._held.items():
            with (self.folder / f"{range_}.rows").open("ab") as out:
                out.write(b"\n".join(rows) + b"\n")
        self._held.clear()
        self._held_size = 0

    def ranges(self) -> list[Path]:
        """The files, in order of the question id."""
        return sorted(self.folder.glob("*.rows"), key=lambda path: int(path.stem))


class Names:
    """The users' display names by id, in a file, for there may be millions."""

    def __init__(self, path: Path):
        self.path = path

    def write(self, rows: Iterable[bytes], table: str) -> int:
        """Take them from the raw rows of Users.xml, `table` naming it in errors. Returns how many there are."""
        with sqlite3.connect(self.path) as database:
            database.execute("PRAGMA journal_mode = OFF")
            database.execute("CREATE TABLE names (id INTEGER PRIMARY KEY, name TEXT)")
            rows = iter(rows)
            while batch := list(islice(rows, 1000)):
                users = parse_rows(batch, table)
                pairs = [
                    (int(user["Id"]), user["DisplayName"]) for user in users if user.keys() >= {"Id", "DisplayName"}
                ]
                database.executemany("INSERT OR IGNORE INTO names VALUES (?, ?)", pairs)
            (count,) = database.execute("SELECT count(*) FROM names").fetchone()
        database.close()
        return int(count)

    def of(self, users: Iterable[str]) -> dict[str, str]:
        """The names of these users, as far as they are known."""
        if not self.path.exists():
            return {}
        database = sqlite3.connect(f"file:{self.path}?mode=ro", uri=True)
        select = "SELECT name FROM names WHERE id = ?"
        found = {user: database.execute(select, (user,)).fetchone() for user in users}
        database.close()
        return {user: row[0] for user, row in found.items() if row}


@dataclass(frozen=True)
class Joined:
    """What one range has become: its records as JSON lines, and counts of pairs and of answers left out."""

    lines: bytes
    counts: Counter[str]


def join_range(path: Path, table: str, names: Names, style: Style) -> Joined:
    """Join, sort and convert the rows of one range."""
    rows = path.read_bytes().rstrip(b"\n").split(b"\n")
    rows.sort()  # so that of rows with one id the same is taken, whatever their order in the dump
    counts: Counter[str] = Counter()
    questions: dict[str, Row] = {}
    answers: dict[str, Row] = {}
    for row in parse_rows(rows, table):
        posts = questions if row["PostTypeId"] == QUESTION else answers
        if posts.setdefault(row["Id"], row) is not row:
            counts["repeated ids" if posts is answers else "repeated ids of questions"] += 1

    authors = {row["OwnerUserId"] for row in (*questions.values(), *answers.values()) if "OwnerUserId" in row}
    known = names.of(authors)
    lines: list[bytes] = []
    current, instruction = "", ""
    for answer in sorted(answers.values(), key=_order):
        question = questions.get(answer.get("ParentId", ""))
        if question is None:
            counts["orphans"] += 1
            continue
        response = style.markdown(answer.get("Body", ""))
        if not response:
            counts["without text"] += 1
            continue
        if question["Id"] != current:
            current, instruction = question["Id"], style.instruction(question)
        if not instruction:
            counts["to a question without text"] += 1
            continue
        record = make_record(style, instruction, response, question, answer, known)
        lines.append(orjson.dumps(record, option=orjson.OPT_APPEND_NEWLINE))
        counts["pairs"] += 1
    return Joined(b"".join(lines), counts)


def _order(answer: Row) -> tuple[int, int, int]:
    """By question id, then score from high to low, then answer id."""
    return number(answer, "ParentId"), -number(answer, "Score"), number(answer, "Id")


def join_all(
    spool: Spool,
    names: Names,
    style: Style,
    pool: Executor,
    workers: int,
) -> Iterator[tuple[int, Joined]]:
    """Each range joined, in order, with the size of its rows in bytes; its file is removed then."""
    waiting: list[tuple[Path, Future[Joined]]] = []
    paths = iter(spool.ranges())
    try:
        while True:
            for path in islice(paths, workers * RANGES_AHEAD - len(waiting)):
                waiting.append((path, pool.submit(join_range, path, spool.path, names, style)))
            if not waiting:
                return
            path, future = waiting.pop(0)
            joined = future.result()
            size = path.stat().st_size
            path.unlink()
            yield size, joined
    finally:
        for _, future in waiting:
            future.cancel()
