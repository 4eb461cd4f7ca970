"""Answers brought to their questions, wherever both stand in the dump, in bounded memory.

As posts come, each is put aside with the others whose question lies in the same range of ids, one file a range. Then
range after range is read, joined and sorted: a range is small, and the ranges one after another are the output in
order of the question id, whatever the order of the rows in the dump.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

import orjson

from stackdump.lookup import Lookup
from stackdump.posts import WAITS, Placed, instruction
from stackdump.records import ANSWER, Style, make_record, number

BUFFER = 1 << 24  # bytes of posts held back, to write each range's file in large pieces

OWN_MARKDOWN, SAME_DOCUMENT = (
    "author's Markdown",
    "author's Markdown that renders to the same document",
)  # counts of posts

# In JSON, where a quote inside a text has a backslash before it.
ID = re.compile(rb'"Id":"(-?\d+)"')
OWNER = re.compile(rb'"OwnerUserId":"(-?\d+)"')

EMPTY = b'""'  # no text, as JSON


@dataclass
class Spool:
    """The questions and answers, put aside by ranges of the question id in files under `folder`.

    counts: rows by what they are.
    """

    folder: Path
    path: str  # of the table, for errors
    counts: Counter[str] = field(default_factory=Counter)
    _held: dict[int, list[bytes]] = field(default_factory=dict)
    _held_size: int = 0

    def add(self, placed: Placed) -> None:
        """Put posts aside. The last ones are in the files only after `close`."""
        self.counts += placed.counts
        for range_, posts in placed.ranges.items():
            self._held.setdefault(range_, []).append(posts)
            self._held_size += len(posts)
        if self._held_size > BUFFER:
            self.close()

    def close(self) -> None:
        """Write what is held back."""
        self.folder.mkdir(parents=True, exist_ok=True)
        for range_, posts in self._held.items():
            with (self.folder / f"{range_}.posts").open("ab") as out:
                out.writelines(posts)
        self._held.clear()
        self._held_size = 0

    def ranges(self) -> list[Path]:
        """The files, in order of the question id."""
        return sorted(self.folder.glob("*.posts"), key=lambda path: int(path.stem))


class Post(NamedTuple):
    """A post as it was put aside."""

    row: dict[str, Any]
    text: bytes  # a JSON string

    @property
    def waits(self) -> bool:
        return WAITS in self.row


@dataclass(frozen=True)
class Joined:
    """What one range has become: its records as JSON lines, and counts of pairs and of answers left out."""

    lines: bytes
    counts: Counter[str]
    size: int  # of the posts put aside, in bytes


@dataclass(frozen=True)
class Range:
    """The posts of one range with all that is needed to join them, on whatever machine.

    names: of users by id. own: the authors' own Markdown by post id, where that is to be taken.
    """

    posts: bytes
    style: Style
    names: dict[str, str]
    own: dict[str, str]

    def join(self) -> Joined:
        """Join and sort; texts that wait become Markdown."""
        counts: Counter[str] = Counter()
        questions, answers = self._posts(counts)
        lines: list[bytes] = []
        current, asked = "", b""
        for answer in sorted(answers.values(), key=_order):
            question = questions.get(answer.row.get("ParentId", ""))
            if question is None:
                counts["orphans"] += 1
                continue
            response = self._answer_text(answer, counts)
            if response == EMPTY:
                counts["without text"] += 1
                continue
            if question.row["Id"] != current:
                current, asked = question.row["Id"], self._question_text(question, counts)
            if asked == EMPTY:
                counts["to a question without text"] += 1
                continue
            texts = orjson.Fragment(asked), orjson.Fragment(response)
            record = make_record(self.style.site, *texts, question.row, answer.row, self.names)
            lines.append(orjson.dumps(record, option=orjson.OPT_APPEND_NEWLINE))
            counts["pairs"] += 1
        return Joined(b"".join(lines), counts, len(self.posts))

    def _posts(self, counts: Counter[str]) -> tuple[dict[str, Post], dict[str, Post]]:
        """The questions and the answers by id. Of posts with one id the same is taken, whatever their order in the
        dump, for the lines are sorted."""
        questions: dict[str, Post] = {}
        answers: dict[str, Post] = {}
        for line in sorted(self.posts.splitlines()):
            row, _, text = line.partition(b"\t")
            post = Post(orjson.loads(row), text)
            is_answer = post.row["PostTypeId"] == ANSWER
            if (answers if is_answer else questions).setdefault(post.row["Id"], post) is not post and is_answer:
                counts["repeated ids"] += 1
        return questions, answers

    def _answer_text(self, post: Post, counts: Counter[str]) -> bytes:
        return orjson.dumps(self._markdown(post, counts)) if post.waits else post.text

    def _question_text(self, post: Post, counts: Counter[str]) -> bytes:
        if not post.waits:
            return post.text
        title = self.style.title(post.row.get("Title", ""))
        return orjson.dumps(instruction(title, self._markdown(post, counts)))

    def _markdown(self, post: Post, counts: Counter[str]) -> str:
        """A body that waits as Markdown: the author's own where it is known, else ours."""
        html: str = orjson.loads(post.text)
        if not html or post.row["Id"] not in self.own:
            return self.style.markdown(html)
        from stackdump.history import clean, renders_to  # a Markdown reader, only where it is needed: it takes 10 MB

        markdown = clean(self.own[post.row["Id"]])
        counts[OWN_MARKDOWN] += 1
        counts[SAME_DOCUMENT] += renders_to(markdown, html, self.style)
        return markdown


def _order(answer: Post) -> tuple[int, int, int]:
    """By question id, then score from high to low, then answer id."""
    return number(answer.row, "ParentId"), -number(answer.row, "Score"), number(answer.row, "Id")


def take_ranges(spool: Spool, style: Style, names: Lookup, bodies: Lookup) -> Iterator[Range]:
    """Each range, in order; its file is removed as it is read."""
    for path in spool.ranges():
        posts = path.read_bytes()
        path.unlink()
        own = bodies.of(set(ID.findall(posts))) if bodies.exists() else {}
        yield Range(posts, style, names.of(set(OWNER.findall(posts))), own)
