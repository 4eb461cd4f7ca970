"""Numbered lists that their authors typed as text: lines, or paragraphs, that begin with `1)`, `2)` and so on.

Sites that ran MarkdownSharp, until 2020, knew no `1)` and no list right after a line of text."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Final, NamedTuple

_LINE: Final = re.compile(r"([1-9][0-9]{0,8})([.)])[ \t]+(.*)", re.S)
ESCAPED_NUMBER: Final = re.compile(r"([1-9][0-9]{0,8})\\\)[ \t\n]+(?=\S)")
_HARD_BREAK: Final = re.compile(r"(?<!\\)(?:\\\\)*\\\n")


class TypedList(NamedTuple):
    """What stands before the first number, "" for nothing; the items without their numbers; the mark after each."""

    intro: str
    items: list[str]
    mark: str


def typed_list(body: str) -> TypedList | None:
    """The list in a paragraph's lines; None if it has none, or not surely.

    Its numbers go from 1 without a gap, and after a hard break in the last item it would not be clear what follows."""
    lines = body.split("\n")
    starts = [n for n, line in enumerate(lines) if _LINE.match(line)]
    if len(starts) < 2:
        return None
    intro = "\n".join(lines[: starts[0]])
    items, mark = [], ""
    for number, (start, end) in enumerate(zip(starts, [*starts[1:], len(lines)], strict=True), 1):
        found = _LINE.match("\n".join(lines[start:end]))
        if not found or int(found[1]) != number or mark not in ("", found[2]):
            return None
        mark = found[2]
        items.append(found[3])
    if _HARD_BREAK.search(items[-1]) or (starts[0] and not intro.strip("\\")):
        return None
    items = [_without_break(item) for item in items[:-1]] + items[-1:]
    return TypedList(_without_break(intro), items, mark) if all(item.strip() for item in items) else None


def _without_break(text: str) -> str:
    """Without the hard break that ends it."""
    backslashes = len(text) - len(text.rstrip("\\"))
    return text[:-1] if backslashes % 2 else text


class TypedNumber(NamedTuple):
    """A paragraph that begins with `1)` and the like: its place in the output, its number, whether a list with the
    same mark stands right before it."""

    at: int
    number: int
    after_list: bool


def sequences(numbers: Sequence[TypedNumber]) -> list[list[TypedNumber]]:
    """The runs of paragraphs that number from 1 without a gap, whatever stands between them; each of two at least."""
    runs: list[list[TypedNumber]] = []
    for each in numbers:
        if each.number == 1:
            runs.append([each])
        elif runs and runs[-1][-1].number == each.number - 1:
            runs[-1].append(each)
    return [run for run in runs if len(run) > 1]
