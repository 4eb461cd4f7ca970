"""A question with an answer to it as one record of the data set."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import islice
from typing import Any

import orjson

from stackdump.posts import Post
from stackdump.sites import Site

MOST_PARTICIPANTS = 100  # in a record; a thread of a thousand answers would name a million people


def make_record(
    site: Site,
    instruction: bytes,
    response: bytes,
    question: Post,
    answer: Post,
    names: dict[int, str],
    authors: list[str],
) -> dict[str, Any]:
    """The record of an answer, its texts as JSON strings.

    names: the authors' display names by user id. authors: of all posts of the thread, as from `thread_authors`.
    """
    host, url = site.host, site.url
    author = _author(answer, names)
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
            "answer_author": author,
            "answer_author_url": _author_url(answer, url),
            "participants": list(islice((name for name in authors if name != author), MOST_PARTICIPANTS)),
            "question_license": question.license,
            "answer_license": answer.license,
            "question_created": question.created,
            "answer_created": answer.created,
        },
    }


def thread_authors(posts: Iterable[Post], names: dict[int, str]) -> list[str]:
    """The display names of the posts' authors, each once, in the order of the posts; deleted users may have none."""
    found = (_author(post, names) for post in posts)
    return list(dict.fromkeys(name for name in found if name))


def _author(post: Post, names: dict[int, str]) -> str | None:
    return (post.owner_id is not None and names.get(post.owner_id)) or post.owner_name or None


def _author_url(post: Post, url: str) -> str | None:
    """The author's profile, or None if there is none."""
    return None if post.owner_id is None else f"{url}/users/{post.owner_id}"
