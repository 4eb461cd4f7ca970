"""The sentences of an answer's own paragraphs, and the edits that take one away or its first words."""

from __future__ import annotations

import re
from bisect import bisect_left
from collections.abc import Iterator
from itertools import pairwise
from typing import NamedTuple

from review.criteria.parsed_response import OBJECT
from review.repairs.verified_edits import Edit, Element, MarkdownText

# Behind "e.g." or "Mike F." no sentence ends.
_END = re.compile(
    r"[.!?](?<!\be\.g\.)(?<!\bi\.e\.)(?<!\bcf\.)(?<!\bal\.)(?<!\bvs\.)(?<!\b[DM]r\.)(?<!\bMrs\.)(?<!\b[Nn]o\.)(?<!\bpp\.)"
    rf"(?<!\b[A-Z]\.)[.!?]*[*_\"'”’)]{{0,4}}(?=\s+[*_\"“(\[`$]{{0,3}}[A-Z0-9{OBJECT}`$@+]|\s*\Z)"
)
# A sentence that begins so may lean on the one before it; "I do" and "that is" are answers to it.
_LEANS = re.compile(
    r"\W*(?:it|its|this|that|these|those|they|them|their|there|he|she|his|her|such|both|neither|either|which|but|"
    r"however|although|though|yet|still|so|thus|hence|therefore|then|and|or|nor|also|too|again|instead|otherwise|rather|"
    r"in (?:it|that|this|which|fact|addition|contrast)|on the other hand|the (?:answer|comment|author|second|other|"
    r"same|latter|former|above|only|problem|difference)|another|other|others|one (?:more|other)|more(?:over)?|"
    r"further(?:more)?|besides|nevertheless|nonetheless|similarly|likewise|conversely|unlike|indeed|anyway|no|yes|not|"
    r"because|while|(?:I|we) (?:only|just|also|do|did|would (?:add|only|just)|wanted)|"
    r"I['’]d (?:add|only|just|like to add)|my|your|I['’]ll (?:only|just|also|add)|for (?:that|this)|as such|what)\b",
    re.I,
)
_FIRST_LETTER = re.compile(r"[*_\[\"“(]{0,3}([a-z])")
_HAS_CAPITALS = re.compile(r"[\w.]*[a-z.][A-Z_]|\w*[\d_(]")  # mRNA, e.coliK12, my_name, f(x)


# With these words no sentence begins.
NO_BEGINNING = re.compile(
    r"\W*(?:but|and|or|though|although|yet|which|who|whose|whom|so that|except|then|is|are|was|were|has|have|by|to|in "
    r"(?:his|her|their))\b|\s*\Z"
)
_RULE_BEFORE = re.compile(r"\s*\n\n(?:-{3,}|\*{3,}|_{3,})\Z")
_RULE_AFTER = re.compile(r"(?:-{3,}|\*{3,}|_{3,})\n\s*")
_BLOCKS = {"Paragraph", "List", "CodeBlock", "BlockQuote", "HtmlBlock", "Heading", "Table"}
_SPACE = re.compile(r"\s*")
LONGEST = 200  # characters of a sentence that may go as a whole


def pattern(text: str) -> re.Pattern[str]:
    r"""A space in it is any white space, " ?" any or none."""
    return re.compile(text.replace(" ?", r"\s*").replace(" ", r"\s+"))


def has_between(places: list[int], start: int, end: int) -> bool:
    """Whether one of the places, which are in order, is in start:end."""
    first = bisect_left(places, start)
    return first < len(places) and places[first] < end


class Hints:
    """Patterns of which one is in what a rule finds, each with a part of it that is looked for first, which is fast."""

    def __init__(self, patterns: dict[str, str]):
        self.patterns = [(word, pattern(text)) for word, text in patterns.items()]

    def are_in(self, text: str) -> bool:
        for word, hint in self.patterns:  # noqa: SIM110 - a generator would take twice as long
            if word in text and hint.search(text):
                return True
        return False

    def places(self, text: str) -> list[int]:
        """Where they are in a text, in order."""
        found = (hint.finditer(text) for word, hint in self.patterns if word in text)
        return sorted(match.start() for matches in found for match in matches)


class Sentence(NamedTuple):
    """text[start:end], without the space around it."""

    start: int
    end: int
    block_end: int  # of the paragraph or list item
    is_first: bool  # there
    is_last: bool


class OwnText:
    """A text with its own prose: `own` has blanks and marks instead of code, math, markup and quotations."""

    def __init__(self, parsed: MarkdownText, own: str):
        self.parsed, self.text, self.own = parsed, parsed.text, own

    def sentences_at(self, places: list[int]) -> Iterator[Sentence]:
        """The sentences that one of these places, which are in order, is in."""
        for start, end in _blocks(self.parsed):
            if has_between(places, start, end):
                for sentence in self._sentences(start, stripped_end(self.text, end)):
                    if has_between(places, sentence.start, sentence.end):
                        yield sentence

    def _sentences(self, start: int, end: int) -> Iterator[Sentence]:
        starts, ends = [start], []
        for match in _END.finditer(self.own, start, end):
            # The end of emphasis belongs to its sentence; of other markup, for which own has blanks, none ends.
            place = match.end()
            while place < end and self.text[place] in "*_":
                place += 1
            if place == end or self.text[place].isspace():
                ends.append(place)
                starts.append(min(self.next_word(place), end))
        if not ends or ends[-1] < end:
            ends.append(end)
        for number, (first, last) in enumerate(zip(starts, ends, strict=False)):
            yield Sentence(first, last, end, number == 0, number == len(ends) - 1)

    def next_word(self, place: int) -> int:
        """The first place from this one on that is no space."""
        return next_word(self.text, place)

    def without_parenthesis(self, start: int, end: int) -> tuple[Edit, ...]:
        """The edit that takes text[start:end] away, and the space before it."""
        return (Edit(stripped_end(self.text, start), end),)

    def words(self, sentence: Sentence) -> str:
        """Its own words, with one space between two; of a long sentence only the beginning."""
        return " ".join(self.own[sentence.start : min(sentence.end, sentence.start + 4 * LONGEST)].split())

    def leans_back(self, place: int) -> bool:
        """Whether the words from here on may lean on those before."""
        return _LEANS.match(self.own, place) is not None

    def without(self, sentence: Sentence) -> tuple[Edit, ...] | None:
        """The edit that takes a sentence away; None if it has code or math, what is next to it may need it, or nothing
        is left."""
        before, after = stripped_end(self.text, sentence.start), self.next_word(sentence.end)
        if OBJECT in self.own[sentence.start : sentence.end]:
            return None
        if before and self.text[before - 1] in ":," or self.leans_back(sentence.end):
            return None
        if not (before or after < len(self.text)):
            return None
        if not sentence.is_last:
            return (Edit(sentence.start, after), *self.capital(after))
        if not sentence.is_first:
            if self.text[before - 1] == "\\":  # a line break
                before = stripped_end(self.text, before - 1)
            return (Edit(before, sentence.end),)
        if sentence.start and self.text[sentence.start - 1] != "\n":  # an item of a list, or a quotation
            return None
        # A rule between it and the rest has then nothing to part.
        if before and after == len(self.text) and (rule := _RULE_BEFORE.search(self.text, max(0, before - 20), before)):
            return (Edit(rule.start(), len(self.text.rstrip())),)
        if not before:
            rule = _RULE_AFTER.match(self.text, after)
            return (Edit(0, rule.end() if rule else after),)
        return (Edit(before, sentence.end),)

    def without_opener(self, start: int, end: int) -> tuple[Edit, ...]:
        """The edits that take text[start:end] away and make what follows begin as a sentence does."""
        return (Edit(start, end), *self.capital(end))

    def capital(self, place: int) -> tuple[Edit, ...]:
        """The edit that makes the word at a place begin with a capital; none where it does, or is a name in code."""
        letter = _FIRST_LETTER.match(self.text, place)
        if not letter or _HAS_CAPITALS.match(self.text, letter.start(1)):
            return ()
        return (Edit(letter.start(1), letter.end(1), letter[1].upper()),)


def next_word(text: str, place: int) -> int:
    """The first place of a text from this one on that is no space."""
    match = _SPACE.match(text, place)
    return match.end() if match else place


def stripped_end(text: str, end: int) -> int:
    """The end of text[:end] without the space at its end."""
    while end and text[end - 1].isspace():
        end -= 1
    return end


def _blocks(parsed: MarkdownText) -> Iterator[tuple[int, int]]:
    """The paragraphs, and the texts of list items without paragraphs."""
    start = None
    for element, after in pairwise(parsed.elements):
        if element.kind == "Start" and element.value == "Paragraph":
            yield element.start, element.end
        elif element.kind == "Start" and element.value == "Item" and not _is_block(after):
            start = after.start
        if start is not None and (_is_block(after) or after.kind == "End" and after.value == "Item"):
            yield start, after.start if _is_block(after) else after.end
            start = None


def _is_block(element: Element) -> bool:
    return element.kind == "Start" and element.value in _BLOCKS
