"""Joins answers to their questions, range after range, and makes records of them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import groupby
from operator import attrgetter
from pathlib import Path

import orjson

from stackdump.lookup import Lookup
from stackdump.pair_record import make_record, thread_authors
from stackdump.posts import COMMUNITY, Post, Style, from_line, instruction

OWN_MARKDOWN, SAME_DOCUMENT = (
    "author's Markdown",
    "author's Markdown that renders to the same document",
)  # counts of posts

SUSPECT_QUESTIONS, SUSPECT_ANSWERS = "questions that look planted", "answers that look planted"

EMPTY = b'""'  # no text, as JSON


@dataclass(frozen=True)
class Joined:
    """The result of one range: its records as JSON lines, or the file with them; counts of pairs and of answers left
    out."""

    lines: bytes | Path
    counts: Counter[str]
    size: int  # of the range's posts, in bytes

    def take(self) -> bytes:
        """Return the lines, and remove their file."""
        if isinstance(self.lines, bytes):
            return self.lines
        lines = self.lines.read_bytes()
        self.lines.unlink()
        return lines


@dataclass(frozen=True)
class Range:
    """The posts of one range with all that is needed to join them, on any machine.

    posts: in an order that does not depend on the dump's. names: of users by id, as JSON. own: the authors' own
    Markdown by post id, if that is wanted. size: as in Joined. suspect_from: see `posts.suspect_from`; None keeps all
    posts.
    """

    posts: list[Post]
    style: Style
    names: dict[int, bytes]
    own: dict[int, str]
    size: int
    suspect_from: int | None

    def join(self) -> Joined:
        """Join and sort; deferred texts become Markdown."""
        counts: Counter[str] = Counter()
        questions, answers = self._by_id(counts)
        lines: list[bytes] = []
        for question_id, thread in groupby(sorted(answers.values(), key=_order), attrgetter("question_id")):
            lines += self._lines(questions.get(question_id), list(thread), counts)
        counts["pairs"] = len(lines)
        return Joined(b"".join(lines), counts, self.size)

    def _lines(self, question: Post | None, answers: list[Post], counts: Counter[str]) -> Iterator[bytes]:
        """The records of a question's answers."""
        if question is None:
            counts["orphans"] += len(answers)
            return
        authors = thread_authors([question, *answers], self.names)
        asked = None
        for answer in answers:
            response = self._answer_text(answer, counts)
            if response == EMPTY:
                counts["without text"] += 1
                continue
            if asked is None:
                asked = self._question_text(question, counts)
            if asked == EMPTY:
                counts["to a question without text"] += 1
                continue
            yield make_record(self.style.site, asked, response, question, answer, self.names, authors)

    def _by_id(self, counts: Counter[str]) -> tuple[dict[int, Post], dict[int, Post]]:
        """The questions and the answers, of several with the same id the first, without those that look planted."""
        questions: dict[int, Post] = {}
        answers: dict[int, Post] = {}
        for post in self.posts:
            if self.suspect_from and post.id >= self.suspect_from and post.owner_id == COMMUNITY:
                counts[SUSPECT_ANSWERS if post.is_answer else SUSPECT_QUESTIONS] += 1
            elif (answers if post.is_answer else questions).setdefault(post.id, post) is not post and post.is_answer:
                counts["repeated ids"] += 1
        return questions, answers

    def _answer_text(self, post: Post, counts: Counter[str]) -> bytes:
        return orjson.dumps(self._markdown(post, counts)) if post.deferred else post.text

    def _question_text(self, post: Post, counts: Counter[str]) -> bytes:
        if not post.deferred:
            return post.text
        return orjson.dumps(instruction(self.style.title(orjson.loads(post.title)), self._markdown(post, counts)))

    def _markdown(self, post: Post, counts: Counter[str]) -> str:
        """A deferred body as Markdown: the author's own if it is known, else ours."""
        html: str = orjson.loads(post.text)
        if not html or post.id not in self.own:
            return self.style.markdown(html)
        from stackdump.history import clean, renders_to  # a Markdown reader, loaded only if needed: it takes 10 MB

        markdown = clean(self.own[post.id])
        counts[OWN_MARKDOWN] += 1
        counts[SAME_DOCUMENT] += renders_to(markdown, html, self.style)
        return markdown


def _order(answer: Post) -> tuple[int, int, int]:
    """By question id, then score from high to low, then answer id."""
    return answer.question_id, -answer.score, answer.id


@dataclass(frozen=True)
class SpooledRange:
    """A range in files of this machine, with the names and own Markdown of all ranges."""

    range_: int
    files: list[Path]
    style: Style
    names: Lookup
    bodies: Lookup
    suspect_from: int | None

    def load(self) -> Range:
        """Read the range, and remove its files."""
        lines: list[bytes] = []
        for file in self.files:
            lines += file.read_bytes().splitlines()
            file.unlink()
        posts = list(map(from_line, sorted(lines)))
        owners = {post.owner_id for post in posts if post.owner_id is not None}
        own = self.bodies.of([post.id for post in posts]) if self.bodies.exists() else {}
        names = {id_: orjson.dumps(name) for id_, name in self.names.of(owners).items() if name}
        return Range(posts, self.style, names, own, sum(map(len, lines)), self.suspect_from)

    def join(self) -> Joined:
        """Join the range in this process."""
        return self.load().join()

    def join_into_file(self) -> Joined:
        """Join the range in a worker of this machine; the lines stay in a file."""
        joined = self.join()
        path = self.files[0].with_name(f"{self.range_}.jsonl")
        path.write_bytes(joined.take())
        return Joined(path, joined.counts, joined.size)
