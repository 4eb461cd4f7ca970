"""A post as the join needs it, and a question with an answer to it as one record of the data set."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any, NamedTuple

import orjson

from stackdump.errors import DumpError
from stackdump.markdown import html_to_markdown, text_to_markdown
from stackdump.rows import Row
from stackdump.sites import Site

QUESTION, ANSWER = "1", "2"  # PostTypeId; 3 to 8 are wikis, nominations and the like

LARGEST = 2**63 - 1  # whole number in JSON for most readers, and in SQLite

# The first days of the newer licences, by a post's date. Source: https://stackoverflow.com/help/licensing
CC_BY_SA_3, CC_BY_SA_4 = "2011-04-08", "2018-05-02"


@dataclass(frozen=True)
class Style:
    """How a site's posts are written as Markdown."""

    site: Site
    math: bool

    def markdown(self, html: str) -> str:
        return html_to_markdown(html, self.math, base_url=self.site.url, dollar=self.site.dollar)

    def title(self, text: str) -> str:
        return text_to_markdown(text, self.math, dollar=self.site.dollar)


class Post(NamedTuple):
    """A question or an answer. `text` is a JSON string: Markdown, or HTML where it `waits`."""

    question_id: int  # of a question its own
    score: int
    id: int
    is_answer: bool
    waits: bool
    title: str
    tags: list[str]
    accepted_id: int
    owner_id: int | None  # None for a deleted user, whose name may be in `owner_name`
    owner_name: str | None
    license: str
    created: str | None
    text: bytes


def make_post(row: Row, waits: bool, text: bytes) -> Post:
    """The post of a row that has an Id, a PostTypeId and, of an answer, a ParentId. Raises DumpError."""
    is_answer = row["PostTypeId"] == ANSWER
    id_ = number(row, "Id")
    return Post(
        number(row, "ParentId") if is_answer else id_,
        number(row, "Score"),
        id_,
        is_answer,
        waits,
        row.get("Title", ""),
        tags(row["Tags"]) if "Tags" in row else [],
        number(row, "AcceptedAnswerId") if row.get("AcceptedAnswerId") else 0,
        number(row, "OwnerUserId") if row.get("OwnerUserId") else None,
        row.get("OwnerDisplayName"),
        license_of(row),
        row.get("CreationDate"),
        text,
    )


def make_record(
    site: Site, instruction: bytes, response: bytes, question: Post, answer: Post, names: dict[int, str]
) -> dict[str, Any]:
    """The record of an answer, its texts as JSON strings; `names` has the authors' display names by user id."""
    host, url = site.host, site.url
    return {
        "id": f"{host}/a/{answer.id}",
        "source": "stackexchange",
        "instruction": orjson.Fragment(instruction),
        "response": orjson.Fragment(response),
        "meta": {
            "site": host,
            "question_id": question.id,
            "answer_id": answer.id,
            "title": question.title,
            "tags": question.tags,
            "question_score": question.score,
            "answer_score": answer.score,
            "accepted": question.accepted_id == answer.id,
            "question_url": f"{url}/q/{question.id}",
            "answer_url": f"{url}/a/{answer.id}",
            "question_author": _author(question, names),
            "question_author_url": _author_url(question, url),
            "answer_author": _author(answer, names),
            "answer_author_url": _author_url(answer, url),
            "question_license": question.license,
            "answer_license": answer.license,
            "question_created": question.created,
            "answer_created": answer.created,
        },
    }


def _author(post: Post, names: dict[int, str]) -> str | None:
    return (post.owner_id is not None and names.get(post.owner_id)) or post.owner_name or None


def _author_url(post: Post, url: str) -> str | None:
    """The author's profile, where the author has one."""
    return None if post.owner_id is None else f"{url}/users/{post.owner_id}"


def number(post: Row, name: str) -> int:
    """A whole number among a post's attributes, 0 where it is absent. Raises DumpError where it is none of 64 bits."""
    value = post.get(name, "0")
    try:
        found = int(value)
        if -LARGEST <= found <= LARGEST:
            return found
        raise ValueError
    except ValueError:
        raise DumpError(f"the post {post.get('Id')} has the {name} {value[:40]!r}, which is no whole number") from None


def tags(value: str) -> list[str]:
    """The tags of a question, written `<a><b>` or, in dumps of 2024, `|a|b|`."""
    return re.findall(r"[^<>|]+", value)


def license_of(post: Row) -> str:
    """The post's licence, by its date where the dump, from before 2020, does not tell it."""
    date = post.get("CreationDate")
    if (told := post.get("ContentLicense")) or not date:
        return told or "CC BY-SA"
    version = "4.0" if date >= CC_BY_SA_4 else "3.0" if date >= CC_BY_SA_3 else "2.5"
    return f"CC BY-SA {version}"
