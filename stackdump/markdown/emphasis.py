"""Would these `*`, `**` and `~~` be read as the emphasis that is meant?

A reader of Markdown pairs delimiter runs by rules of their own (https://spec.commonmark.org/0.31.2/#phase-2-inline-structure):
`**Note:**this` is not strong. `misread` follows the rules over the delimiters that a paragraph's writer has placed.
"""

import unicodedata
from bisect import bisect_right
from collections.abc import Sequence

from stackdump.markdown.escape import BREAK, FORMULA

# An emphasis as it is meant: offsets of its two delimiters in the paragraph, and the delimiter.
Pair = tuple[int, int, str]


class Run:
    """A delimiter run: `left` of its `length` characters are not paired yet."""

    __slots__ = ("char", "start", "end", "left", "length", "opens", "closes")

    def __init__(self, text: str, start: int, end: int):
        self.char, self.start, self.end = text[start], start, end
        self.left = self.length = end - start
        before = _kind(text[start - 1]) if start and text[start - 1] != BREAK else " "
        after = _kind(text[end]) if end < len(text) else " "
        # (left-flanking and right-flanking, in CommonMark's words)
        left = after != " " and (after != "." or before != "a")
        right = before != " " and (before != "." or after != "a")
        is_underscore = self.char == "_"
        self.opens = left and not (is_underscore and right and before != ".")
        self.closes = right and not (is_underscore and left and after != ".")


def _kind(char: str) -> str:
    """White space is " ", punctuation ".", anything else "a"."""
    if char.isalnum():
        return "a"
    if char.isspace():
        return " "
    return "." if char in (BREAK, FORMULA) or unicodedata.category(char)[0] in "PS" else "a"


def is_clear(text: str, opening: int, closing: int, mark: str) -> bool:
    """Can the delimiters at two offsets only be read as meant, whatever others there are? Nearly all are so."""
    end, start = opening + len(mark), closing + len(mark)
    before, first = text[opening - 1] if opening else " ", text[end]
    last, after = text[closing - 1], text[start] if start < len(text) else " "
    if mark[0] in (before, first, last, after):  # of longer runs, perhaps
        return False
    return _faces(_kind(first), " " if before == BREAK else _kind(before)) and _faces(_kind(last), _kind(after))


def _faces(inner: str, outer: str) -> bool:
    """Is a delimiter between these kinds of characters one for the inner side, and none for the outer?"""
    return inner != " " and (outer == " " or inner == "a" and outer == ".")


def misread(
    text: str, pairs: Sequence[Pair], links: Sequence[tuple[int, int]], others: Sequence[tuple[int, int]] = ()
) -> list[int]:
    """Indices of the pairs that a reader would not pair so, the surest culprits first; empty if all is well.

    links: (start, end) of the links' labels, in order, inside which delimiters are paired among themselves.
    others: (start, end) of runs of the same character that are meant to be text."""
    runs = _runs(text, pairs)
    if others:
        runs = sorted([*runs, *(Run(text, start, end) for start, end in others)], key=lambda run: run.start)
    run_at = {offset: n for n, run in enumerate(runs) for offset in range(run.start, run.end)}
    meant = [(run_at[opening], run_at[closing], len(mark)) for opening, closing, mark in pairs]
    groups: dict[int, list[int]] = {}  # runs by the link that they are in
    starts = [start for start, _ in links]
    for n, run in enumerate(runs):
        link = bisect_right(starts, run.start) - 1
        groups.setdefault(link if link >= 0 and run.start < links[link][1] else -1, []).append(n)
    found: list[tuple[int, int, int]] = []
    for group in groups.values():
        _pair_up(runs, group, found)
    if sorted(found) == sorted(meant):
        return []

    known = set(found)
    bad = [n for n, each in enumerate(meant) if each not in known]

    def surety(n: int) -> tuple[bool, int]:
        opening, closing, _ = pairs[n]
        return runs[run_at[opening]].opens and runs[run_at[closing]].closes, closing - opening

    return sorted(bad or range(len(pairs)), key=surety)


def _runs(text: str, pairs: Sequence[Pair]) -> list[Run]:
    """The delimiters, adjoining ones of one character joined."""
    runs: list[Run] = []
    start = end = -1
    for offset, mark in sorted([(pair[0], pair[2]) for pair in pairs] + [(pair[1], pair[2]) for pair in pairs]):
        if offset == end and text[start] == mark[0]:
            end += len(mark)
        else:
            if start >= 0:
                runs.append(Run(text, start, end))
            start, end = offset, offset + len(mark)
    if start >= 0:
        runs.append(Run(text, start, end))
    return runs


def _pair_up(runs: list[Run], among: Sequence[int], found: list[tuple[int, int, int]]) -> None:
    """CommonMark's `process emphasis`; adds (opening run, closing run, length) to `found`."""
    openers: list[int] = []
    for n in among:
        closer = runs[n]
        at = len(openers) - 1
        while closer.closes and closer.left and at >= 0:
            opener = runs[openers[at]]
            if opener.char != closer.char or (
                closer.char == "*"
                and (opener.closes or closer.opens)
                and (opener.length + closer.length) % 3 == 0
                and (opener.length % 3 or closer.length % 3)
            ):
                at -= 1
                continue
            length = 2 if closer.char == "~" or min(opener.left, closer.left) > 1 else 1
            found.append((openers[at], n, length))
            opener.left -= length
            closer.left -= length
            del openers[at + 1 :]
            if not opener.left:
                openers.pop()
                at -= 1
        if closer.opens and closer.left:
            openers.append(n)
