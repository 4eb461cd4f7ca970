"""Posts as they come in the dump, each made ready for the join: Markdown where that can be made at once.

Of a question that says to have no answers, and of all posts where the authors' own Markdown is to be taken, the HTML
waits for the join.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from dataclasses import dataclass

import orjson

from stackdump.errors import DumpError
from stackdump.records import ANSWER, QUESTION, Post, Style, make_post
from stackdump.rows import Row, parse_rows

IDS_IN_RANGE = 4096  # some 5 MB of posts on real sites

# Two planted posts in every site's dump since mid-2025. By id, for real posts of the community too have the owner -1.
PLANTED = ("1000000001", "1000000010")


@dataclass
class Placed:
    """What rows have become: posts by range of question ids, one a line; counts of rows by what they are."""

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
        rows, replaced = parse_rows(self.rows, self.table)
        counts: Counter[str] = Counter()
        ranges: defaultdict[int, list[bytes]] = defaultdict(list)
        for row in rows:
            kind = _kind(row, self.table)
            counts[kind] += 1
            if kind in ("questions", "answers"):
                post = self._post(row)
                ranges[post.question_id // IDS_IN_RANGE].append(to_line(post))
        return Placed({range_: b"".join(lines) for range_, lines in ranges.items()}, counts, replaced)

    def _post(self, row: Row) -> Post:
        html = row.get("Body", "")
        waits = self.all_wait or row.get("AnswerCount") == "0"
        if waits:
            text = html
        elif row["PostTypeId"] == ANSWER:
            text = self.style.markdown(html)
        else:
            text = instruction(self.style.title(row.get("Title", "")), self.style.markdown(html))
        return make_post(row, waits, orjson.dumps(text))


def instruction(title: str, body: str) -> str:
    """A question, both parts as Markdown."""
    return "\n\n".join(part for part in (title, body) if part)


def to_line(post: Post) -> bytes:
    """A post as a line: all but its text as JSON, a tab, its text."""
    return b"%s\t%s\n" % (orjson.dumps(post[:-1]), post.text)


def from_line(line: bytes) -> Post:
    """The post of a line of `to_line`."""
    rest, _, text = line.rstrip(b"\n").partition(b"\t")
    return Post._make([*orjson.loads(rest), text])


def _kind(row: Row, table: str) -> str:
    """What a post is."""
    try:
        id_, type_ = row["Id"], row["PostTypeId"]
        if id_ in PLANTED:
            return "planted posts"
        if type_ == QUESTION:
            int(id_)
            return "questions"
        if type_ == ANSWER:
            int(row.get("ParentId", id_))
            return "answers"
    except (KeyError, ValueError):
        seen = " ".join(f'{name}="{value}"' for name, value in row.items())[:60]
        raise DumpError(
            f"{table}: the row {seen}... has no Id or no PostTypeId that is a number; it is no Posts.xml of a dump"
        ) from None
    return "posts of other types"
