"""A question and an answer to it, as one record of the data set."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

import orjson

from stackdump.errors import DumpError
from stackdump.markdown import html_to_markdown, text_to_markdown
from stackdump.rows import Row
from stackdump.sites import Site

QUESTION, ANSWER = "1", "2"  # PostTypeId; 3 to 8 are wikis, nominations and the like

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


def make_record(
    site: Site,
    instruction: orjson.Fragment,
    response: orjson.Fragment,
    question: Row,
    answer: Row,
    names: dict[str, str],
) -> dict[str, Any]:
    """The record of an answer, its texts as JSON strings; `names` has the authors' display names by user id."""
    return {
        "id": f"{site.host}/a/{answer['Id']}",
        "source": "stackexchange",
        "instruction": instruction,
        "response": response,
        "meta": {
            "site": site.host,
            "question_id": number(question, "Id"),
            "answer_id": number(answer, "Id"),
            "title": question.get("Title", ""),
            "tags": tags(question.get("Tags", "")),
            "question_score": number(question, "Score"),
            "answer_score": number(answer, "Score"),
            "accepted": question.get("AcceptedAnswerId") == answer["Id"],
            "question_url": f"{site.url}/q/{question['Id']}",
            "answer_url": f"{site.url}/a/{answer['Id']}",
            "question_author": author(question, names),
            "question_author_url": author_url(question, site),
            "answer_author": author(answer, names),
            "answer_author_url": author_url(answer, site),
            "question_license": license_of(question),
            "answer_license": license_of(answer),
            "question_created": question.get("CreationDate"),
            "answer_created": answer.get("CreationDate"),
        },
    }


def number(post: Row, name: str) -> int:
    """A whole number among a post's attributes, 0 where it is absent. Raises DumpError where it is no number."""
    value = post.get(name, "0")
    try:
        return int(value)
    except ValueError:
        raise DumpError(f"the post {post.get('Id')} has the {name} {value[:40]!r}, which is no whole number") from None


def tags(value: str) -> list[str]:
    """The tags of a question, written `<a><b>` or, in dumps of 2024, `|a|b|`."""
    return re.findall(r"[^<>|]+", value)


def author(post: Row, names: dict[str, str]) -> str | None:
    """The author's name; a deleted user's is in the post itself, if anywhere."""
    return names.get(post.get("OwnerUserId", "")) or post.get("OwnerDisplayName") or None


def author_url(post: Row, site: Site) -> str | None:
    """The author's profile, where the author has one."""
    user = post.get("OwnerUserId")
    return f"{site.url}/users/{user}" if user else None


def license_of(post: Row) -> str:
    """The post's licence, by its date where the dump, from before 2020, does not tell it."""
    date = post.get("CreationDate")
    if (told := post.get("ContentLicense")) or not date:
        return told or "CC BY-SA"
    version = "4.0" if date >= CC_BY_SA_4 else "3.0" if date >= CC_BY_SA_3 else "2.5"
    return f"CC BY-SA {version}"
