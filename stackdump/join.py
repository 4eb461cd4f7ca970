"""Answers brought to their questions, wherever both stand in the dump, in bounded memory.

As rows come, each is put aside with the others whose question lies in the same range of ids, one file a range. Then
range after range is read, joined, sorted and converted: a range is small, and the ranges one after another are the
output in order of the question id, whatever the order of the rows in the dump.
"""

from __future__ import annotations

import re
from collections import Counter, deque
from collections.abc import Iterable, Iterator
from concurrent.futures import Executor, Future
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path

import orjson

from stackdump.errors import DumpError
from stackdump.lookup import Lookup
from stackdump.records import ANSWER, QUESTION, Row, Style, make_record, number
from stackdump.rows import parse_rows

IDS_IN_RANGE = 4096  # some 5 MB of rows on real sites
BUFFER = 1 << 24  # bytes of rows held back, to write each range's file in large pieces
RANGES_AHEAD = 2  # a worker: what it works on, and what waits for it

# Two planted posts in every site's dump since mid-2025. By id, for real posts of the community too have the owner -1.
PLANTED = (b"1000000001", b"1000000010")

OWN_MARKDOWN, SAME_DOCUMENT = (
    "author's Markdown",
    "author's Markdown that renders to the same document",
)  # counts of posts

ID = re.compile(rb'\sId="(-?\d+)"')
POST_TYPE = re.compile(rb'\sPostTypeId="(\d+)"')
OWNER = re.compile(rb'OwnerUserId="(-?\d+)"')  # begins with a literal: with \s in front it takes four times as long
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


@dataclass(frozen=True)
class Joined:
    """What one range has become: its records as JSON lines, and counts of pairs and of answers left out."""

    lines: bytes
    counts: Counter[str]


@dataclass(frozen=True)
class Range:
    """The rows of one range with all that is needed to convert them, on whatever machine.

    table: names the rows' file in errors. names: of users by id. own: the authors' own Markdown by post id, where
    that is to be taken.
    """

    rows: bytes
    table: str
    style: Style
    names: dict[str, str]
    own: dict[str, str]

    def join(self) -> Joined:
        """Join, sort and convert."""
        counts: Counter[str] = Counter()
        questions, answers = self._posts(counts)
        lines: list[bytes] = []
        current, instruction = "", ""
        for answer in sorted(answers.values(), key=_order):
            question = questions.get(answer.get("ParentId", ""))
            if question is None:
                counts["orphans"] += 1
                continue
            response = self._body(answer, counts)
            if not response:
                counts["without text"] += 1
                continue
            if question["Id"] != current:
                parts = self.style.title(question.get("Title", "")), self._body(question, counts)
                current, instruction = question["Id"], "\n\n".join(part for part in parts if part)
            if not instruction:
                counts["to a question without text"] += 1
                continue
            record = make_record(self.style.site, instruction, response, question, answer, self.names)
            lines.append(orjson.dumps(record, option=orjson.OPT_APPEND_NEWLINE))
            counts["pairs"] += 1
        return Joined(b"".join(lines), counts)

    def _posts(self, counts: Counter[str]) -> tuple[dict[str, Row], dict[str, Row]]:
        """The questions and the answers by id. Of posts with one id the same is taken, whatever their order in the
        dump, for the rows are sorted."""
        questions: dict[str, Row] = {}
        answers: dict[str, Row] = {}
        for post in parse_rows(sorted(self.rows.split(b"\n")), self.table):
            is_answer = post["PostTypeId"] == ANSWER
            if (answers if is_answer else questions).setdefault(post["Id"], post) is not post and is_answer:
                counts["repeated ids"] += 1
        return questions, answers

    def _body(self, post: Row, counts: Counter[str]) -> str:
        """A post's body as Markdown: the author's own where it is known, else ours."""
        html = post.get("Body", "")
        if not html or post["Id"] not in self.own:
            return self.style.markdown(html)
        from stackdump.history import clean, renders_to  # a Markdown reader, only where it is needed: it takes 10 MB

        markdown = clean(self.own[post["Id"]])
        counts[OWN_MARKDOWN] += 1
        counts[SAME_DOCUMENT] += renders_to(markdown, html, self.style)
        return markdown


def _order(answer: Row) -> tuple[int, int, int]:
    """By question id, then score from high to low, then answer id."""
    return number(answer, "ParentId"), -number(answer, "Score"), number(answer, "Id")


def join_all(
    spool: Spool, style: Style, names: Lookup, bodies: Lookup, pool: Executor, workers: int
) -> Iterator[tuple[int, Joined]]:
    """Each range joined, in order, with the size of its rows in bytes; its file is removed as it is read."""
    waiting: deque[tuple[int, Future[Joined]]] = deque()
    ranges = (_take_range(path, spool.path, style, names, bodies) for path in spool.ranges())
    try:
        while True:
            for range_ in islice(ranges, workers * RANGES_AHEAD - len(waiting)):
                waiting.append((len(range_.rows), pool.submit(range_.join)))
            if not waiting:
                return
            size, future = waiting.popleft()
            yield size, future.result()
    except BrokenProcessPool:
        raise DumpError(f"{spool.path}: a worker was killed, perhaps for want of memory; try fewer --workers") from None
    finally:
        for _, future in waiting:
            future.cancel()


def _take_range(path: Path, table: str, style: Style, names: Lookup, bodies: Lookup) -> Range:
    rows = path.read_bytes().rstrip(b"\n")
    path.unlink()
    own = bodies.of(set(ID.findall(rows))) if bodies.exists() else {}
    return Range(rows, table, style, names.of(set(OWNER.findall(rows))), own)
