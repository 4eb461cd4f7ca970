"""Splits texts into passages of suitable length: whole paragraphs, with short neighbours joined."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from markdown_it import MarkdownIt

from generation.qa.texts import Skipped, Text

MIN_WORDS = 80  # about the 500 characters that SQuAD requires of a paragraph: https://arxiv.org/abs/1606.05250
MAX_WORDS = 300  # with the longest prompt and its answer about 1,300 tokens: fits contexts of 2,048
LONG_WORD = 12  # characters; English words have five or six, including the space

_BLANK_LINES = re.compile(r"\n[^\S\n]*\n")
_BLOCKS = MarkdownIt("commonmark").disable("inline")
_INLINE = MarkdownIt("commonmark")
_SHOWN = {"text", "text_special", "code_inline"}
_BREAKS = {"softbreak", "hardbreak"}


@dataclass(frozen=True)
class Passage:
    """One or more paragraphs of a text, as one line of plain text."""

    text: Text
    paragraph: int  # number of the first one, from 1
    body: str

    @property
    def id(self) -> str:
        return f"{self.text.id}#{self.paragraph}"


def find_passages(text: Text, min_words: int = MIN_WORDS, max_words: int = MAX_WORDS) -> Iterator[Passage | Skipped]:
    """The passages of a text, in order, and the parts that are skipped.

    A paragraph below `min_words` is joined with those directly after it. Markdown paragraphs become plain text;
    headings, lists, quotations, tables and code are skipped.
    """
    pending: list[str] = []
    number = 0
    for number, paragraph in enumerate(_markdown(text.body) if text.is_markdown else _plain(text.body), 1):
        words = _words(paragraph) if paragraph else 0
        if pending and (not paragraph or sum(map(_words, pending)) + words > max_words):
            yield Skipped(f"{text.id}#{number - len(pending)}", f"below {min_words} words")
            pending = []
        if paragraph is None:
            yield Skipped(f"{text.id}#{number}", "no paragraph, but a heading, list, quotation, table or code")
        elif words > max_words:
            yield Skipped(f"{text.id}#{number}", f"above {max_words} words")
        elif words:
            pending.append(_one_line(paragraph, text.is_markdown))
            if sum(map(_words, pending)) >= min_words:
                yield Passage(text, number - len(pending) + 1, " ".join(pending))
                pending = []
    if pending:
        yield Skipped(f"{text.id}#{number - len(pending) + 1}", f"below {min_words} words")


def _words(paragraph: str) -> int:
    """The number of words, and at least one per LONG_WORD characters: text without spaces must not fill the prompt."""
    return max(len(paragraph.split()), len(paragraph) // LONG_WORD)


def _plain(body: str) -> Iterator[str | None]:
    yield from filter(str.strip, _BLANK_LINES.split(body.replace("\r\n", "\n").replace("\r", "\n")))


def _markdown(body: str) -> Iterator[str | None]:
    """The source of each paragraph at the top level; None for any other block."""
    tokens = _BLOCKS.parse(body)
    for at, token in enumerate(tokens):
        if token.level == 0 and token.nesting >= 0:
            yield tokens[at + 1].content if token.type == "paragraph_open" else None


def _one_line(paragraph: str, is_markdown: bool) -> str:
    if is_markdown:
        [inline] = _INLINE.parseInline(paragraph)
        paragraph = "".join(
            token.content if token.type in _SHOWN else " " if token.type in _BREAKS else ""
            for token in inline.children or []
        )
    return " ".join(paragraph.split())
