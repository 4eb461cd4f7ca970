"""Passages of a text: whole paragraphs, short neighbours taken together, of a fitting number of words."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from markdown_it import MarkdownIt

from generation.qa.texts import Skipped, Text

MIN_WORDS = (
    80  # SQuAD leaves out paragraphs below 500 characters, which is about as much: https://arxiv.org/abs/1606.05250
)
MAX_WORDS = 300  # with the longest of the prompts and its answer 1,300 tokens or so: fits contexts of 2,048
LONG_WORD = 12  # characters; English words have five or six with their space

_BLANK_LINES = re.compile(r"\n[^\S\n]*\n")
_BLOCKS = MarkdownIt("commonmark").disable("inline")
_INLINE = MarkdownIt("commonmark")
_SHOWN = {"text", "text_special", "code_inline"}
_BREAKS = {"softbreak", "hardbreak"}


@dataclass(frozen=True)
class Passage:
    """One or several paragraphs of a text, as one line of plain text."""

    text: Text
    paragraph: int  # the first of them, counted from 1
    body: str

    @property
    def id(self) -> str:
        return f"{self.text.id}#{self.paragraph}"


def find_passages(text: Text, min_words: int = MIN_WORDS, max_words: int = MAX_WORDS) -> Iterator[Passage | Skipped]:
    """The passages of a text, in order, and what is left out.

    A paragraph below `min_words` is taken together with those that follow it, as far as nothing else than paragraphs stands
    between. In Markdown a paragraph loses its marks; headings, lists, quotations, tables and code are no paragraphs.
    """
    held: list[str] = []
    number = 0
    for number, paragraph in enumerate(_markdown(text.body) if text.is_markdown else _plain(text.body), 1):
        words = _words(paragraph) if paragraph else 0
        if held and (not paragraph or sum(map(_words, held)) + words > max_words):
            yield Skipped(f"{text.id}#{number - len(held)}", f"below {min_words} words")
            held = []
        if paragraph is None:
            yield Skipped(f"{text.id}#{number}", "no paragraph, but a heading, list, quotation, table or code")
        elif words > max_words:
            yield Skipped(f"{text.id}#{number}", f"above {max_words} words")
        elif words:
            held.append(_one_line(paragraph, text.is_markdown))
            if sum(map(_words, held)) >= min_words:
                yield Passage(text, number - len(held) + 1, " ".join(held))
                held = []
    if held:
        yield Skipped(f"{text.id}#{number - len(held) + 1}", f"below {min_words} words")


def _words(paragraph: str) -> int:
    """Its words, but at least one for so many characters: the prompt must not grow with a text without spaces."""
    return max(len(paragraph.split()), len(paragraph) // LONG_WORD)


def _plain(body: str) -> Iterator[str | None]:
    yield from filter(str.strip, _BLANK_LINES.split(body.replace("\r\n", "\n").replace("\r", "\n")))


def _markdown(body: str) -> Iterator[str | None]:
    """The paragraphs at the top level as they are written; None for another block."""
    tokens = _BLOCKS.parse(body)
    for at, token in enumerate(tokens):
        if token.level == 0 and token.nesting >= 0:
            yield tokens[at + 1].content if token.type == "paragraph_open" else None


def _one_line(paragraph: str, is_markdown: bool) -> str:
    if is_markdown:
        [inline] = _INLINE.parseInline(paragraph)
        shown = (
            token.content if token.type in _SHOWN else " " if token.type in _BREAKS else ""
            for token in inline.children or []
        )
        paragraph = "".join(shown)
    return " ".join(paragraph.split())
