"""Which of a paragraph's escapes does it need, now that all of it is known?

`escape` sees one run of text, and escapes whatever might be markup. Here an escape is taken back where CommonMark and
GFM (https://spec.commonmark.org/0.31.2/, https://github.github.com/gfm/) see no markup without it: a delimiter of
emphasis needs another that it can pair with, a code span as many backticks again, a tag an end, an entity a name.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from html.entities import html5
from typing import Final

from stackdump.markdown.emphasis import Pair, Run, misread
from stackdump.markdown.escape import BREAK, HARD_BREAK

_ESCAPED: Final = re.compile(r"\\[!-/:-@\[-`{-~]")
_OPENS_TAG: Final = re.compile(
    r"""< (?: /?[A-Za-z][A-Za-z0-9-]*+ [\s/>\0] | [!?]  # a tag, a comment, an instruction
      | [A-Za-z][A-Za-z0-9+.-]{1,31}: | [\w.!\#$%&'*+/=?^`{|}~-]{1,99}@ )  # an address""",
    re.X,
)
_ENTITY: Final = re.compile(r"&(?:#|([A-Za-z0-9]{1,32};))")
_DESTINATION: Final = re.compile(r"""\]\(\s*+(?:<|[^\s)]{0,200}+(?:[^\s]|\s++[)"'(]))""")
_PLAIN_AFTER_BACKSLASH: Final = re.compile(r"[ \t\f\r]++[^\s\0]|[^\w\s\0\x01!-/:-@\[-`{-~]|\Z")
_BACKTICKS: Final = re.compile("`+")


class Known:
    """A paragraph's text without its escapes, with offsets of what is in it."""

    __slots__ = ("links", "pairs", "text")

    def __init__(self, text: str, pairs: list[Pair], links: list[tuple[int, int]]):
        self.text, self.pairs, self.links = text, pairs, links


def relax(
    pieces: list[str],
    escaped: Sequence[int],
    marks: Sequence[tuple[int, int, str]],
    links: Sequence[tuple[int, int]],
    one_line: bool,
) -> None:
    """Take back the needless escapes in a paragraph's pieces.

    escaped: the pieces of text that hold escapes. marks: both pieces of each emphasis, and its mark. links: both of
    each link's text. one_line: hard breaks are tags."""
    plain = pieces[:]
    places: list[tuple[int, int, str]] = []  # of the escapes: piece, offset in it without them, character
    for n in escaped:
        piece, parts, pos = pieces[n], [], 0
        for count, found in enumerate(_ESCAPED.finditer(piece)):
            start = found.start()
            parts.append(piece[pos:start])
            pos = start + 1
            places.append((n, start - count, piece[pos]))
        plain[n] = "".join([*parts, piece[pos:]])
    starts, total = [], 0
    for piece in plain:
        starts.append(total)
        total += len(piece)
    text = "".join(plain)
    if BREAK in text:  # white space around a hard break is not written
        text = HARD_BREAK.sub(lambda found: (">" if one_line else BREAK) * len(found[0]), text)
    escapes: dict[str, list[int]] = {}  # places in the text, by character
    for n, offset, char in places:
        escapes.setdefault(char, []).append(starts[n] + offset)
    known = Known(
        text,
        [(starts[opening], starts[closing], mark) for opening, closing, mark in marks],
        [(starts[first], starts[last]) for first, last in links],
    )
    needless: set[int] = set()
    for char, its_places in escapes.items():
        if judge := _JUDGES.get(char):
            needless.update(judge(known, its_places))
    if needless:
        for n in escaped:
            pieces[n] = _without(pieces[n], starts[n], needless)


def _without(piece: str, start: int, needless: set[int]) -> str:
    """The piece without the escapes at these places of the text. start: the piece's own place."""
    out, pos = [], 0
    for count, found in enumerate(_ESCAPED.finditer(piece)):
        if start + found.start() - count in needless:
            out.append(piece[pos : found.start()])
            pos = found.start() + 1
    return "".join([*out, piece[pos:]])


# ---- judges: the needless ones among the escapes of one character at these places --------------------------------


def _runs(places: Sequence[int]) -> list[tuple[int, int]]:
    """Start and end of each row of places next to each other."""
    runs: list[tuple[int, int]] = []
    for place in places:
        if runs and runs[-1][1] == place:
            runs[-1] = (runs[-1][0], place + 1)
        else:
            runs.append((place, place + 1))
    return runs


def _is_part_of_longer(text: str, start: int, end: int) -> bool:
    """Would the run without escapes be one with what stands before or after it?"""
    char = text[start]
    return text[start - 1 : start] == char or text[end : end + 1] == char


def _starts_line(text: str, place: int) -> bool:
    while place and text[place - 1] in " \t\f\r":
        place -= 1
    return not place or text[place - 1] in ("\n", BREAK)


def _delimiters(known: Known, places: Sequence[int]) -> list[int]:
    """Of emphasis and strike-through: those that have no partner, and stand in no emphasis of the same character.

    (Three at the start of a line, a rule or a fence, get an escape there, which leaves a run of two.)"""
    text = known.text
    char = text[places[0]]
    pairs = [pair for pair in known.pairs if pair[2][0] == char]
    runs = [Run(text, start, end) for start, end in _runs(places)]
    paired = _with_partners(runs)
    loose: list[Run] = []
    for run, has_partner in zip(runs, paired, strict=True):
        may_be_split = run.length > 2 and len(runs) + len(pairs) > 1 and _starts_line(text, run.start)
        if not (has_partner or may_be_split or _is_part_of_longer(text, run.start, run.end)):
            loose.append(run)
    if pairs and loose:
        loose = [run for run, is_inside in zip(loose, _inside(loose, pairs), strict=True) if not is_inside]
        if loose and misread(text, pairs, known.links, [(run.start, run.end) for run in loose]):
            return []
    return [place for run in loose for place in range(run.start, run.end)]


def _with_partners(runs: Sequence[Run]) -> list[bool]:
    """For each run: could it pair with one before or after it? Tildes do with as many, others with any."""
    paired = [False] * len(runs)
    for order in (1, -1):
        waiting: set[int] = set()
        for n in range(len(runs))[::order]:
            run = runs[n]
            kind = min(run.length, 2) if run.char == "~" else 0
            is_first, is_second = (run.opens, run.closes) if order == 1 else (run.closes, run.opens)
            paired[n] = paired[n] or is_second and kind in waiting
            if is_first:
                waiting.add(kind)
    return paired


def _inside(runs: Sequence[Run], pairs: Sequence[Pair]) -> list[bool]:
    """For each run, in order: does it stand between the delimiters of a pair?"""
    inside, end, n = [], 0, 0
    pairs = sorted(pairs)
    for run in runs:
        while n < len(pairs) and pairs[n][0] < run.start:
            end = max(end, pairs[n][1])
            n += 1
        inside.append(run.start < end)
    return inside


def _backticks(known: Known, places: Sequence[int]) -> list[int]:
    """All, if none has a run of the same length after it, which would make it a code span; none otherwise."""
    text = known.text
    last = {len(found[0]): found.start() for found in _BACKTICKS.finditer(text)}
    for start, end in _runs(places):
        is_fence = end - start > 2 and _starts_line(text, start)
        if is_fence or last.get(end - start) != start or _is_part_of_longer(text, start, end):
            return []
    return list(places)


def _backslashes(known: Known, places: Sequence[int]) -> list[int]:
    """Those alone before what a backslash cannot escape (a letter follows only in `\\begin`, which opens a formula)."""
    after = _PLAIN_AFTER_BACKSLASH
    return [start for start, end in _runs(places) if end == start + 1 and after.match(known.text, end)]


def _angles(known: Known, places: Sequence[int]) -> list[int]:
    """Those that open no tag or address, and do not begin a line, where an unfinished one would do harm too."""
    text = known.text
    last = len(text) if known.pairs else text.rfind(">")  # (delimiters may become tags)
    return [
        place for place in places if not (_starts_line(text, place) or place < last and _OPENS_TAG.match(text, place))
    ]


def _ampersands(known: Known, places: Sequence[int]) -> list[int]:
    """Those of no entity of HTML."""
    found = [(place, _ENTITY.match(known.text, place)) for place in places]
    return [place for place, entity in found if not entity or entity[1] and entity[1] not in html5]


def _brackets(known: Known, places: Sequence[int]) -> list[int]:
    """Those that end no link's text; in a link's own text all stay."""
    text = known.text
    first = text.find("[")
    if known.links:
        return []
    return [place for place in places if first < 0 or place < first or not _DESTINATION.match(text, place)]


_JUDGES: Final[dict[str, Callable[[Known, Sequence[int]], list[int]]]] = {
    "*": _delimiters,
    "_": _delimiters,
    "~": _delimiters,
    "`": _backticks,
    "\\": _backslashes,
    "<": _angles,
    "&": _ampersands,
    "]": _brackets,
}
