"""Lists and paragraphs of nothing but links, which go with the words that lead to them: "See also:", "References"."""

from __future__ import annotations

import re
from bisect import bisect_left
from collections.abc import Iterator
from operator import attrgetter

from review.criteria.parsed_response import Span, blanked
from review.repairs import pointing_words as words
from review.repairs.linked_text import Block, Link
from review.repairs.verified_edits import Edit, Element, MarkdownText

LONGEST_REST = 60  # characters for each link, of a line that has nothing else
LONGEST_LAST = 200  # characters at the end of a text in which the list may be announced

_LINE = re.compile(r"[^\n]+")
# "[1]" for the first entry of a list, with the space before it.
_NUMBER = re.compile(r"[ \t]?\\?\[(?P<number>\d{1,2})\\?\]")


def find(parsed: MarkdownText, blocks: list[Block]) -> list[Edit]:
    """The edits, in order, that take such lists out, and "[1]" that lead to them.

    Lists without leading words go only at the end of the text.
    """
    tops = list(_outermost(parsed))
    ordered = sorted((block for block in blocks if block.kind), key=attrgetter("start"))
    by_start = {block.start: block for block in ordered if not any(block.around)}
    only = [_has_only_links(top, ordered) for top in tops]
    edits: list[Edit] = []
    for at, top in enumerate(tops):
        if not only[at] or (at and only[at - 1]):
            continue
        last = next((n for n in range(at, len(tops)) if not only[n]), len(tops)) - 1
        is_last = last + 1 == len(tops)
        start = _start_of_lead(parsed.text, by_start.get(tops[at - 1].start)) if at else None
        if start is None and is_last and at and _can_end_before(parsed.text, tops[at - 1], top):
            names = any(_is_name(link) for block in ordered for link in block.urls_in(top.start, tops[last].end))
            start = None if names else top.start
        if start is not None and (is_last or not words.LEANS_ON_BLOCK.match(parsed.text, tops[last].end)):
            edits.append(Edit(_before_rule(parsed.text, tops[:at], start) if is_last else start, tops[last].end))
    return sorted(edits + _numbers(parsed, blocks, edits)) if edits else []


def has_numbers(rest: str) -> bool:
    """Whether a text without its code and links refers to entries of a list as "[1]"."""
    return bool(_NUMBER.search(rest))


def _outermost(parsed: MarkdownText) -> Iterator[Element]:
    depth = 0
    for element in parsed.elements:
        if element.kind == "Start":
            if not depth:
                yield element
            depth += 1
        elif element.kind == "End":
            depth -= 1
        elif not depth and element.kind != "Text":
            yield element._replace(value=element.value or element.kind)


def _has_only_links(top: Element, ordered: list[Block]) -> bool:
    """Whether each line of a paragraph or a list is nothing but links that can go."""
    if top.value not in {"Paragraph", "List"}:
        return False
    first = bisect_left(ordered, top.start, key=attrgetter("start"))
    inside = ordered[first : bisect_left(ordered, top.end, key=attrgetter("start"))]
    return bool(inside) and all(
        (block.kind == "Item" and block.has_blocks and not block.urls)
        or (block.kind in {"Paragraph", "Item"} and _is_only_links(block))
        for block in inside
    )


def _is_only_links(block: Block) -> bool:
    return (
        bool(block.urls)
        and block.size_of_rest <= LONGEST_REST * len(block.urls)
        and all(link.can_be_cut for link in block.urls)
        and all(words.LINE_OF_LINKS.fullmatch(line) or words.HEADING_OF_LINKS.fullmatch(line) for line in _lines(block))
    )


def _lines(block: Block) -> Iterator[str]:
    for match in _LINE.finditer(block.source, block.start, block.end):
        if line := block.shape[match.start() - block.start : match.end() - block.start].strip():
            yield line


def _start_of_lead(text: str, block: Block | None) -> int | None:
    """Where the words before links begin that only lead to them: a heading, a paragraph or its last sentence."""
    if block is None or (block.urls and block.kind == "Heading"):
        return None
    if words.HEADING_OF_LINKS.fullmatch(text[block.start : block.end]):
        return block.start
    if block.kind != "Paragraph":
        return None
    at = bisect_left(block.sentence_ends, block.text_end)
    start = block.sentence_ends[at - 1] if at else block.start
    sentence = text[start : block.text_end].strip().replace("\n", " ")
    return start if words.LEADS_TO_LIST.fullmatch(sentence) else None


def _can_end_before(text: str, before: Element, top: Element) -> bool:
    """Whether a text that ends with links is complete without them."""
    rest = text[max(0, top.start - LONGEST_LAST) : top.start].rstrip()
    if before.value == "Paragraph":
        return bool(words.COMPLETE.search(rest)) and not words.ANNOUNCES.search(rest)
    return before.value in {"CodeBlock", "List", "BlockQuote", "Rule"} and not rest.endswith((":", ","))


def _is_name(link: Link) -> bool:
    """Whether it names what the text before may be about: "There is a tool for that." and "[RopeKnotter](..)"."""
    return not link.only_points and len(link.text.split()) == 1


def _before_rule(text: str, tops: list[Element], start: int) -> int:
    """Where a cut at the end of the text begins, with the line of dashes before it."""
    rules = [top for top in tops if top.value == "Rule" and top.end <= start]
    return rules[-1].start if rules and not text[rules[-1].end : start].strip() else start


def _numbers(parsed: MarkdownText, blocks: list[Block], cuts: list[Edit]) -> list[Edit]:
    gone = [Span(cut.start, cut.end) for cut in cuts]
    starts = sorted(link.start for block in blocks for link in block.urls)
    count = sum(bisect_left(starts, span.end) - bisect_left(starts, span.start) for span in gone)
    links = [Span(link.start, link.end) for block in blocks for link in block.links]
    rest = blanked(parsed.text, gone + links + parsed.protected)
    edits = []
    for match in _NUMBER.finditer(rest):
        if 0 < int(match["number"]) <= count:
            doubled = rest[match.start() - 1 : match.start()] == "." == rest[match.end() : match.end() + 1]
            edits.append(Edit(match.start(), match.end() + doubled))
    return edits
