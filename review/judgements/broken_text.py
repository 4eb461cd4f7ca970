"""A judgement file that is not YAML: each entry is read alone, so that a mistake has its line, and hides no other.

A parser stops where it can make no sense of the text any more, which may be pages after the mistake: an open quote
ends at the next quote of the file. But an entry begins on a line of its own, and ends where the next one begins; so the
mistake is in the entry that cannot be read alone.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from itertools import pairwise
from typing import NamedTuple

import yaml

from records.yaml_nodes import NotYamlError, TooDeepError, parse
from review.judgements.judgement import EXAMPLE

QUOTES = 'and text with any of , : # [ ] { } in "double quotes"'
CLOSED_BY = {"[": "]", "{": "}"}
SHOWN = 30  # characters of what cannot be read

LINE = re.compile("[^\n\r\x85\u2028\u2029]*(?:\r\n|[\n\r\x85\u2028\u2029])|[^\n\r\x85\u2028\u2029]+")  # as in YAML 1.1
NOT_TEXT = re.compile("[^\t\n\r\x20-\x7e\x85\xa0-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")  # what YAML 1.1 forbids
CONFLICT = re.compile(r"(<{7}|\|{7}|={7}|>{7})(\s|$)")  # as git marks two versions of the same lines
DOCUMENT = re.compile(r"(---|\.\.\.)\s*(#|$)|%[A-Z]+ ")  # a line that begins or ends a document, or says its version
CONTINUES = re.compile(r"[]},]|:\s")  # a line that belongs to the one above, however little it is indented
NAME_ALONE = re.compile(r"([^#]|(?<=\S)#)*:\s*(#|$)")
WITHOUT_COLON = re.compile(
    r"(?P<name>[^\s'\"{#?][^\s'\"{]*?)(?P<colon>\s*:?\s*)(?P<value>(accept|reject|later)(?=\s*(#|$))|{.*)"
)


class Mistake(NamedTuple):
    """What is wrong in a line, counted from 1, and what to do."""

    line: int
    message: str


class Piece(NamedTuple):
    """The text of what should be one entry or one field, and the number of lines before it."""

    before: int
    text: str


def lines_of(text: str) -> list[str]:
    """The lines as YAML counts them, with their ends."""
    return LINE.findall(text)


def without_strange_characters(text: str) -> tuple[str, list[Mistake]]:
    """A text decoded with "surrogateescape", without what is not text; each line that had some of that is a mistake."""
    mistakes = []
    for number, line in enumerate(lines_of(text), 1):
        if found := NOT_TEXT.search(line):
            what = f"the control character U+{ord(found[0]):04X}" if found[0] < "\ud800" else "bytes that are not UTF-8"
            mistakes.append(Mistake(number, f"is not YAML: it has {what}; save it as plain UTF-8 text"))
    return NOT_TEXT.sub("\N{REPLACEMENT CHARACTER}", text), mistakes


def read_pieces(text: str, mistakes: list[Mistake]) -> Iterator[tuple[Piece, yaml.Node]]:
    """The entries that can be read alone, each as a piece of the text and the YAML in it; the others are mistakes."""
    lines = lines_of(text)
    _blank_conflicts(lines, mistakes)
    _blank_document_marks(lines, mistakes)
    pieces = list(_pieces(lines))
    if len(pieces) > 1 and _indent(pieces[0].text) > _indent(pieces[1].text):
        mistakes.append(Mistake(pieces[0].before + 1, "is indented, unlike what follows; delete the space before it"))
    for piece in pieces:
        try:
            root = parse(piece.text)
        except NotYamlError as error:
            if not (error.unknown_alias and "&" in text):  # the anchor may be in another piece
                mistakes += _mistakes(piece, error)
        else:
            if isinstance(root, yaml.ScalarNode):
                mistakes.append(_no_mapping(piece))
            elif root is not None:
                yield piece, root


def missing_colon(text: str, start: int = 0) -> str | None:
    """What is wrong with a line such as `<id>:accept` or `<id> {judgement: ..}` at `start`; None for other lines."""
    line = LINE.match(text, start)
    found = WITHOUT_COLON.match(line[0].strip()) if line else None
    if not found or re.fullmatch(r"\s*:\s+", found["colon"]):
        return None
    return f"has no `: ` between id and judgement; write `{found['name']}: {found['value']}`"


# ---- lines -----------------------------------------------------------------------------------------------------------


def _blank_conflicts(lines: list[str], mistakes: list[Mistake]) -> None:
    """Empty the lines from `<<<<<<<` to `>>>>>>>`, and what is left of such marks; each is a mistake."""
    open_marks, left_over = list[int](), list[int]()
    for number, line in enumerate(lines):
        if not CONFLICT.match(line):
            continue
        if line.startswith("<"):
            left_over += open_marks
            open_marks = [number]
        elif not open_marks:
            left_over.append(number)
        elif line.startswith(">"):
            first, open_marks = open_marks[0], []
            lines[first : number + 1] = ["\n"] * (number + 1 - first)
            message = f"two versions are in conflict up to line {number + 1}; keep one of them, and delete the marks"
            mistakes.append(Mistake(first + 1, message))
        else:
            open_marks.append(number)
    for number in left_over + open_marks:
        lines[number] = "\n"
        mistakes.append(Mistake(number + 1, "is a mark of two versions in conflict; delete this line"))


def _blank_document_marks(lines: list[str], mistakes: list[Mistake]) -> None:
    """Empty the lines that begin and end the document; one that has judgements on the wrong side is a mistake."""
    content = [number for number, line in enumerate(lines) if _has_content(line) and not DOCUMENT.match(line)]
    first, last = (content[0], content[-1]) if content else (len(lines), -1)
    for number, line in enumerate(lines):
        if DOCUMENT.match(line):
            lines[number] = "\n"
            misplaced = number < last if line.startswith("...") else number > first
            if misplaced:
                mistakes.append(Mistake(number + 1, "divides the file into two documents; delete this line"))


def _pieces(lines: Sequence[str], before: int = 0) -> Iterator[Piece]:
    """The lines split where one begins at the left; blank lines and comments after a piece do not belong to it."""
    content = [number for number, line in enumerate(lines) if _has_content(line)]
    left = min((_indent(lines[number]) for number in content), default=0)
    starts = [
        number
        for number in content
        if number == content[0] or (_indent(lines[number]) == left and not CONTINUES.match(lines[number].lstrip()))
    ]
    for start, end in pairwise([*starts, len(lines)]):
        while not _has_content(lines[end - 1]):
            end -= 1
        yield Piece(before + start, "".join(lines[start:end]))


def _has_content(line: str) -> bool:
    stripped = line.lstrip()
    return stripped != "" and not stripped.startswith("#")


def _indent(line: str) -> int:
    return len(line) - len(line.lstrip(" \t"))


# ---- mistakes --------------------------------------------------------------------------------------------------------


def _mistakes(piece: Piece, error: NotYamlError) -> list[Mistake]:
    """The mistakes of an entry that cannot be read; of its fields, if each is in lines of its own."""
    head, *rest = lines_of(piece.text)
    below = next(filter(_has_content, rest), "")
    if _indent(below) > _indent(head) and not isinstance(error, TooDeepError):
        if NAME_ALONE.match(head):
            fields = _pieces(rest, piece.before + 1)
            return [mistake for field in fields for mistake in _field_mistakes(field)] or [_mistake(piece, error)]
        if re.fullmatch(r"[^\s:'\"{#?]+(:[^\s:]+)*", head.strip()):
            return [Mistake(piece.before + 1, f"has no colon; write `{head.strip()}:`")]
    return [_mistake(piece, error)]


def _field_mistakes(field: Piece) -> Iterator[Mistake]:
    try:
        root = parse(field.text)
    except NotYamlError as error:
        if not error.unknown_alias:
            yield _mistake(field, error)
    else:
        if isinstance(root, yaml.ScalarNode):
            yield Mistake(field.before + 1, "has no `: `; write a field as `note: ..`, and begin a comment with #")


def _no_mapping(piece: Piece) -> Mistake:
    message = missing_colon(piece.text) or f"is not a judgement; {EXAMPLE}, and begin a comment with #"
    return Mistake(piece.before + 1, message)


def _mistake(piece: Piece, error: NotYamlError) -> Mistake:
    """The line of a mistake, and what it is, by the place where the parser stopped and by what was open there."""
    text = piece.text
    lines = lines_of(text)
    if message := missing_colon(text):
        return Mistake(piece.before + 1, message)
    start, stop = error.start, error.stop or 0
    rest, opened = text[stop:].strip(), text[start] if start is not None and start < len(text) else ""
    at_start, at_stop = (piece.before + min(len(lines), 1 + _breaks(text[:at])) for at in (start or 0, stop))
    if isinstance(error, TooDeepError):
        return Mistake(at_stop, f"{error}; {EXAMPLE}")
    if opened in ("'", '"') and not rest:
        return Mistake(at_start, f"the quote {opened} is not closed; close it or delete it")
    if opened == "[" and rest.startswith("}"):
        return Mistake(at_start, "`[` is not closed; write `]` at its end")
    if not rest and (bracket := _open_bracket(text)):
        opened, line = bracket[0], piece.before + 1 + _breaks(text[: bracket.start()])
        which = f"`{opened}`" if line == at_stop else f"`{opened}` of line {line}"
        return Mistake(at_stop, f"{which} is not closed; write `{CLOSED_BY[opened]}` at its end")
    if lines[at_stop - piece.before - 1].startswith("\t"):
        return Mistake(at_stop, "is not YAML: it begins with a tab; use spaces")
    where = f"from `{' '.join(rest.split())[:SHOWN]}` on" if rest else "at its end"
    return Mistake(at_stop if rest or start is None else at_start, f"is not YAML {where}; {EXAMPLE}, {QUOTES}")


def _open_bracket(text: str) -> re.Match[str] | None:
    """The last bracket that is not closed."""
    still_open: list[re.Match[str]] = []
    for bracket in re.finditer(r"[][{}]", text):
        if bracket[0] in CLOSED_BY:
            still_open.append(bracket)
        elif still_open and CLOSED_BY[still_open[-1][0]] == bracket[0]:
            still_open.pop()
    return still_open[-1] if still_open else None


def _breaks(text: str) -> int:
    return len(lines_of(text + "x")) - 1
