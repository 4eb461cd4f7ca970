"""Posts as they come in the dump, each prepared for the join: Markdown where it can be made at once.

The HTML of questions that claim to have no answers, and of all posts if the authors' own Markdown is wanted, is
deferred to the join.
"""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from dataclasses import dataclass
from typing import NamedTuple

from orjson import dumps as as_json
from orjson import loads as from_json

from records.errors import InputError, RowError
from stackdump.markdown import html_to_markdown, text_to_markdown
from stackdump.sites import Site
from stackdump.xml_rows import Row, parse_rows

IDS_IN_RANGE = 4096  # some 5 MB of posts on real sites

# Two planted posts in every site's dump since mid-2025. By id, because real posts of the community have owner -1 too.
PLANTED = ("1000000001", "1000000010")
COMMUNITY, ANSWER_BOT = -1, -2  # not people; real wikis belong to the first, nothing real to the second

# A post of COMMUNITY looks planted too if its id is this many times, and this much, above all others': a site numbers
# its posts consecutively. The two known ones are 12 times Stack Overflow's largest id.
FAR, FAR_ON_SMALL_SITES = 10, 100_000

QUESTION, ANSWER = "1", "2"  # PostTypeId; 3 to 8 are wikis, nominations and the like

LARGEST = 2**63 - 1  # integer in JSON for most readers, and in SQLite

# The first days of the newer licences, by a post's date. Source: https://stackoverflow.com/help/licensing
CC_BY_SA_3, CC_BY_SA_4 = "2011-04-08", "2018-05-02"


@dataclass(frozen=True)
class Style:
    """How a site's posts are written as Markdown."""

    site: Site
    math: bool
    keep_nbsp: bool = False

    def markdown(self, html: str) -> str:
        return html_to_markdown(
            html, self.math, base_url=self.site.url, dollar=self.site.dollar, keep_nbsp=self.keep_nbsp
        )

    def title(self, text: str) -> str:
        return text_to_markdown(text, self.math, dollar=self.site.dollar, keep_nbsp=self.keep_nbsp)


class Post(NamedTuple):
    """A question or an answer, with JSON for what a record has of it.

    text: Markdown, or HTML if it is `deferred`, as a JSON string.
    """

    question_id: int  # of a question its own
    score: int
    id: int
    is_answer: bool
    deferred: bool
    accepted_id: int
    owner_id: int | None  # None for a deleted user, whose name may be in `owner_name`
    owner_name: bytes
    title: bytes
    tags: bytes
    license: bytes
    created: bytes
    text: bytes


def make_post(row: Row, deferred: bool, text: str) -> Post:
    """The post of a row that has an Id, a PostTypeId and, of an answer, a ParentId. Raises RowError."""
    is_answer = row["PostTypeId"] == ANSWER
    id_ = number(row, "Id")
    return Post(
        number(row, "ParentId") if is_answer else id_,
        number(row, "Score"),
        id_,
        is_answer,
        deferred,
        number(row, "AcceptedAnswerId") if row.get("AcceptedAnswerId") else 0,
        number(row, "OwnerUserId") if row.get("OwnerUserId") else None,
        as_json(row.get("OwnerDisplayName") or None),
        as_json(row.get("Title", "")),
        as_json(tags(row["Tags"]) if "Tags" in row else []),
        as_json(license_of(row)),
        as_json(row.get("CreationDate")),
        as_json(text),
    )


def number(row: Row, name: str, kind: str = "post") -> int:
    """An integer among a row's attributes, 0 if it is absent.

    kind: what the row is, for errors. Raises RowError if the value is not an integer of 64 bits.
    """
    value = row.get(name, "0")
    try:
        found = int(value)
        if -LARGEST <= found <= LARGEST:
            return found
        raise ValueError
    except ValueError:
        problem = f"has the {name} {value[:40]!r}, which is not a whole number"
        raise RowError(f"the {kind} {row.get('Id')} {problem}") from None


def tags(value: str) -> list[str]:
    """The tags of a question, written `<a><b>` or, in dumps of 2024, `|a|b|`."""
    return re.findall(r"[^<>|]+", value)


def license_of(post: Row) -> str:
    """The post's licence: by its date if the dump, from before 2020, does not name it."""
    date = post.get("CreationDate")
    if (named := post.get("ContentLicense")) or not date:
        return named or "CC BY-SA"
    version = "4.0" if date >= CC_BY_SA_4 else "3.0" if date >= CC_BY_SA_3 else "2.5"
    return f"CC BY-SA {version}"


def suspect_from(largest: int) -> int | None:
    """The lowest id at which a post of COMMUNITY looks planted, given the largest id of all others' posts (0: none)."""
    return largest * FAR + FAR_ON_SMALL_SITES if largest else None


@dataclass
class Placed:
    """What a batch of rows became: posts by range of question ids, one a line; counts of rows by what they are.

    largest: the largest id of posts that people wrote, 0 if there are none.
    """

    ranges: dict[int, bytes]
    counts: Counter[str]
    replaced: int  # characters that XML forbids
    largest: int


@dataclass(frozen=True)
class Batch:
    """Rows of a table with all that is needed to place them, on any machine.

    table: names the rows' file in errors. defer_all: make no Markdown yet.
    """

    rows: bytes
    table: str
    style: Style
    defer_all: bool

    def place(self) -> Placed:
        """Parse the rows; posts that make no pairs are counted and left out. Raises InputError, and RowError."""
        rows, replaced = parse_rows(self.rows, self.table)
        counts: Counter[str] = Counter()
        ranges: defaultdict[int, list[bytes]] = defaultdict(list)
        largest = 0
        for row in rows:
            kind = _kind(row, self.table)
            counts[kind] += 1
            if kind in ("questions", "answers"):
                post = self._post(row)
                if post.owner_id != COMMUNITY:
                    largest = max(largest, post.id)
                ranges[post.question_id // IDS_IN_RANGE].append(to_line(post))
        return Placed({range_: b"".join(lines) for range_, lines in ranges.items()}, counts, replaced, largest)

    def _post(self, row: Row) -> Post:
        html = row.get("Body", "")
        deferred = self.defer_all or row.get("AnswerCount") == "0"
        if deferred:
            text = html
        elif row["PostTypeId"] == ANSWER:
            text = self.style.markdown(html)
        else:
            text = instruction(self.style.title(row.get("Title", "")), self.style.markdown(html))
        return make_post(row, deferred, text)


def instruction(title: str, body: str) -> str:
    """A question, both parts as Markdown."""
    return "\n\n".join(part for part in (title, body) if part)


def to_line(post: Post) -> bytes:
    """A post as a line: its numbers as JSON, then its other fields, between tabs, which JSON does not have."""
    return b"%b\t%b\n" % (as_json(post[:7]), b"\t".join(post[7:]))


def from_line(line: bytes) -> Post:
    """The post of a line of `to_line`, without its end."""
    numbers, *others = line.split(b"\t")
    return Post(*from_json(numbers), *others)


def _kind(row: Row, table: str) -> str:
    """What a post is."""
    try:
        id_, type_ = row["Id"], row["PostTypeId"]
        if id_ in PLANTED:
            return "planted posts"
        if type_ in (QUESTION, ANSWER) and row.get("OwnerUserId") == str(ANSWER_BOT):
            return "posts of the Answer Bot"
        if type_ == QUESTION:
            int(id_)
            return "questions"
        if type_ == ANSWER:
            int(row.get("ParentId", id_))
            return "answers"
    except (KeyError, ValueError):
        seen = " ".join(f'{name}="{value}"' for name, value in row.items())[:60]
        raise InputError(
            f"{table}: the row {seen}... has no Id or no PostTypeId that is a number; it is not the Posts.xml of a dump"
        ) from None
    return "posts of other types"
