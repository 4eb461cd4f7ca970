"""Edits of a Markdown text that are made only if they change nothing else.

Whether the rest still means the same is not argued but looked up: the result is parsed again, and must have the
elements of the original without those that were taken out. So no repair turns a word into a list, or two stars into
emphasis, and none touches code or math.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Sequence
from functools import cached_property
from operator import attrgetter
from typing import Any, NamedTuple

import pyromark

from review.criteria.parsed_response import (
    OPTIONS,
    SPACED_DOLLARS,
    ParsedResponse,
    Span,
    characters_by_byte,
    environments,
    math_of_escaped_dollars,
    parsable,
)

PIECES_OF_TEXT = {"Text": None, "SoftBreak": "\n"}
PROTECTED = {"Code", "InlineMath", "DisplayMath", "InlineHtml", "Html"}


class Edit(NamedTuple):
    """text[start:end] becomes `new`, which is plain text."""

    start: int
    end: int
    new: str = ""


class Found(NamedTuple):
    """The places that a rule would repair, each by one or more edits, and whether it saw others that it must leave."""

    places: tuple[tuple[Edit, ...], ...] = ()
    left: bool = False


NOTHING = Found()


class Element(NamedTuple):
    """The start or end of an element, or a piece of text, code or math; it is text[start:end] in the source."""

    kind: str  # "Start", "End", "Text", "Code" ..
    value: Any  # of a start or end its tag, of a piece its text, which may be shorter than in the source
    start: int
    end: int
    attributes: dict[str, Any] | None = None  # of a start


class MarkdownText:
    """A Markdown text with its elements."""

    def __init__(self, text: str, participants: Sequence[str] = ()):
        """participants: the names of the thread's other authors, as in meta.participants."""
        self.text, self.participants = text, participants
        self.elements = _elements(text)

    @cached_property
    def protected(self) -> list[Span]:
        """Code, raw HTML, and math, also in the forms that only some sites know."""
        spans = [
            Span(element.start, element.end)
            for element in self.elements
            if element.kind in PROTECTED or (element.kind == "Start" and element.value == "CodeBlock")
        ]
        if "\\" in self.text:
            spans += environments(self.text)[0] + math_of_escaped_dollars(self.text)
            spans += [Span(*match.span()) for match in SPACED_DOLLARS.finditer(self.text)]
        return spans

    @cached_property
    def response(self) -> ParsedResponse:
        """It as the criteria see an answer."""
        return ParsedResponse.of("", self.text, self.participants)

    @property
    def protected_texts(self) -> list[str]:
        return [self.text[span.start : span.end] for span in self.protected]

    @cached_property
    def paragraphs(self) -> list[Element]:
        return [element for element in self.elements if element.kind == "Start" and element.value == "Paragraph"]

    def paragraph_at(self, place: int) -> Element | None:
        """The paragraph that a character is in."""
        before = bisect_right(self.paragraphs, place, key=attrgetter("start"))
        paragraph = self.paragraphs[before - 1] if before else None
        return paragraph if paragraph and place < paragraph.end else None

    def edited(self, edits: Iterable[Edit]) -> MarkdownText | None:
        """The text after the edits; None if they overlap, touch code or math, or would change more than they say."""
        ordered = sorted(set(edits))
        if any(one.end > other.start for one, other in zip(ordered, ordered[1:], strict=False)):
            return None
        if any(_touching(ordered, span) for span in self.protected):
            return None
        expected = _edited_elements(self, ordered)
        if expected is None:
            return None
        after = MarkdownText(replaced(self.text, ordered), self.participants)
        if self.protected_texts != after.protected_texts or _outline(expected) != _outline(after.elements):
            return None
        return after


def replaced(text: str, edits: Iterable[Edit]) -> str:
    """The text after edits that are in order and do not overlap."""
    parts, end = [], 0
    for edit in edits:
        parts += [text[end : edit.start], edit.new]
        end = edit.end
    return "".join([*parts, text[end:]])


def _elements(text: str) -> list[Element]:
    text = parsable(text)
    place = characters_by_byte(text)
    elements = []
    for event, where in pyromark.events_with_range(text, options=OPTIONS):
        kind, value = (event, None) if isinstance(event, str) else next(iter(event.items()))
        attributes = None
        if isinstance(value, dict):  # of a start or end with attributes
            [(value, attributes)] = value.items()
            attributes = attributes if kind == "Start" else None
        # As Element(..) does, but in half the time.
        elements.append(tuple.__new__(Element, (kind, value, place[where["start"]], place[where["end"]], attributes)))
    return elements


def _touching(edits: list[Edit], place: Element | Span) -> list[Edit]:
    """Those of the edits, which are in order and do not overlap, that share a character with a place."""
    first = bisect_right(edits, place.start, key=attrgetter("end"))
    return edits[first : bisect_left(edits, place.end, first, key=attrgetter("start"))]


def _edited_elements(parsed: MarkdownText, edits: list[Edit]) -> list[Element] | None:
    """The elements that the text should have after the edits; None if an edit takes a part of one that has no parts."""
    kept = []
    for element in parsed.elements:
        touching = _touching(edits, element)
        if not touching:
            kept.append(element)
            continue
        first = touching[0]
        if first.start <= element.start and not parsed.text[first.end : element.end].strip():
            continue
        if element.kind == "Text":
            if parsed.text[element.start : element.end] != element.value:
                return None
            inside = [
                Edit(
                    max(edit.start, element.start) - element.start, min(edit.end, element.end) - element.start, edit.new
                )
                for edit in touching
            ]
            kept.append(element._replace(value=replaced(element.value, inside)))
        elif element.value == "Link" and first.start == element.start:
            # Its text stays, perhaps between quotation marks.
            kept.append(Element("Text", first.new, element.start, element.end))
        elif element.kind not in ("Start", "End"):
            return None
        else:
            kept.append(element)
    return kept


def _outline(elements: Iterable[Element]) -> list[tuple[Any, ...]]:
    """What two texts have in common that read the same: spaces do not count, nor where an element is in the source."""
    outline: list[tuple[Any, ...]] = []
    text: list[str] = []
    for element in [*elements, Element("End", "Text", 0, 0)]:
        if element.kind in PIECES_OF_TEXT:
            text.append(PIECES_OF_TEXT[element.kind] or element.value)
            continue
        if words := "".join(text).split():
            outline.append(("Text", *words))
        text.clear()
        outline.append((element.kind, element.value, element.attributes))
    return outline
