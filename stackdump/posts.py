"""Posts as they come in the dump, each made ready for its range of question ids: Markdown where that can be made at once.

A post is put aside as one line, `<what is needed of its row, as JSON>\\t<its text, as a JSON string>`. The text is
Markdown, or HTML that waits for the join: of a question that says to have no answers, and of all posts where the
authors' own Markdown is to be taken.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from dataclasses import dataclass
from zlib import crc32

import orjson

from stackdump.errors import DumpError
from stackdump.records import ANSWER, QUESTION, Style
from stackdump.rows import Row, parse_rows

IDS_IN_RANGE = 4096  # some 5 MB of posts on real sites

# Two planted posts in every site's dump since mid-2025. By id, for real posts of the community too have the owner -1.
PLANTED = ("1000000001", "1000000010")

KEPT = ("Id", "PostTypeId", "ParentId", "Score", "Title", "Tags", "AcceptedAnswerId", "OwnerUserId",
        "OwnerDisplayName", "ContentLicense", "CreationDate")  # fmt: skip
BODY_SUM = "BodySum"  # a check sum, so that of posts with one id the same is taken whatever their order in the dump
WAITS = "Waits"  # the text is HTML


@dataclass
class Placed:
    """What rows have become: posts by range, one a line; counts of rows by what they are."""

    ranges: dict[int, bytes]
    counts: Counter[str]
    replaced: int  # characters that XML forbids


@dataclass(frozen=True)
class Batch:
    """Rows of a table with all that is needed to place them, on whatever machine.

    table: names the rows' file in errors. all_wait: no Markdown is to be made.
    """

    rows: bytes
    table: str
    style: Style
    all_wait: bool

    def place(self) -> Placed:
        """Parse the rows; posts that make no pairs are counted and left out. Raises DumpError."""
        posts, replaced = parse_rows(self.rows, self.table)
        counts: Counter[str] = Counter()
        ranges: defaultdict[int, list[bytes]] = defaultdict(list)
        for post in posts:
            kind, question = _kind(post, self.table)
            counts[kind] += 1
            if question is not None:
                ranges[question // IDS_IN_RANGE].append(self._line(post))
        return Placed({range_: b"".join(lines) for range_, lines in ranges.items()}, counts, replaced)

    def _line(self, post: Row) -> bytes:
        html = post.get("Body", "")
        row: dict[str, str | int] = {name: post[name] for name in KEPT if name in post}
        row[BODY_SUM] = crc32(html.encode())
        if self.all_wait or post.get("AnswerCount") == "0":
            row[WAITS] = 1
            text = html
        elif post["PostTypeId"] == ANSWER:
            text = self.style.markdown(html)
        else:
            text = instruction(self.style.title(post.get("Title", "")), self.style.markdown(html))
        return b"%s\t%s\n" % (orjson.dumps(row), orjson.dumps(text))


def instruction(title: str, body: str) -> str:
    """A question, both parts as Markdown."""
    return "\n\n".join(part for part in (title, body) if part)


def _kind(post: Row, table: str) -> tuple[str, int | None]:
    """What a post is, and the id of the question that it belongs to, if it is wanted."""
    try:
        id_, type_ = post["Id"], post["PostTypeId"]
        if id_ in PLANTED:
            return "planted posts", None
        if type_ == QUESTION:
            return "questions", int(id_)
        if type_ == ANSWER:
            return "answers", int(post.get("ParentId", id_))
    except (KeyError, ValueError):
        seen = " ".join(f'{name}="{value}"' for name, value in post.items())[:60]
        raise DumpError(
            f"{table}: the row {seen}... has no Id or no PostTypeId that is a number; it is no Posts.xml of a dump"
        ) from None
    return "posts of other types", None
