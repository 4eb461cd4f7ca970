"""A question with an answer to it as one record of the data set."""

from __future__ import annotations

from collections.abc import Iterable
from functools import cache
from itertools import islice

import orjson

from stackdump.posts import Post
from stackdump.sites import Site

NOBODY = b"null"
MOST_PARTICIPANTS = 100  # in a record; a thread of a thousand answers would name a million people


def make_record(
    site: Site,
    instruction: bytes,
    response: bytes,
    question: Post,
    answer: Post,
    names: dict[int, bytes],
    authors: list[bytes],
) -> bytes:
    """The record of an answer as a line of JSON. All texts are JSON, too.

    names: the authors' display names by user id. authors: of all posts of the thread, as from `thread_authors`.
    """
    form, url = _form(site)
    author = _author(answer, names)
    participants = islice((name for name in authors if name != author), MOST_PARTICIPANTS)
    return form % (
        answer.id,
        instruction,
        response,
        question.id,
        answer.id,
        question.title,
        question.tags,
        question.score,
        answer.score,
        b"true" if question.accepted_id == answer.id else b"false",
        question.id,
        answer.id,
        _author(question, names),
        _author_url(question, url),
        author,
        _author_url(answer, url),
        b",".join(participants),
        question.license,
        answer.license,
        question.created,
        answer.created,
    )


@cache
def _form(site: Site) -> tuple[bytes, bytes]:
    """The format of the site's records (half of the time of serializing a dictionary), and the site's address."""
    host, url = (orjson.dumps(text)[1:-1] for text in (site.host, site.url))
    form = (
        b'{"id":"HOST/a/%d","source":"stackexchange","instruction":%b,"response":%b,"meta":{"site":"HOST",'
        b'"question_id":%d,"answer_id":%d,"title":%b,"tags":%b,"question_score":%d,"answer_score":%d,"accepted":%b,'
        b'"question_url":"URL/q/%d","answer_url":"URL/a/%d","question_author":%b,"question_author_url":%b,'
        b'"answer_author":%b,"answer_author_url":%b,"participants":[%b],"question_license":%b,"answer_license":%b,'
        b'"question_created":%b,"answer_created":%b}}\n'
    )
    return form.replace(b"HOST", host.replace(b"%", b"%%")).replace(b"URL", url.replace(b"%", b"%%")), url


def thread_authors(posts: Iterable[Post], names: dict[int, bytes]) -> list[bytes]:
    """The display names of the posts' authors, each once, in the order of the posts; deleted users may have none."""
    found = dict.fromkeys(_author(post, names) for post in posts)
    found.pop(NOBODY, None)
    return list(found)


def _author(post: Post, names: dict[int, bytes]) -> bytes:
    return post.owner_name if post.owner_id is None else names.get(post.owner_id, post.owner_name)


def _author_url(post: Post, url: bytes) -> bytes:
    """The author's profile, or null if there is none."""
    return NOBODY if post.owner_id is None else b'"%b/users/%d"' % (url, post.owner_id)
