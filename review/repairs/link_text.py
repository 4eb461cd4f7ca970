"""Links become their text where it says enough (unlinked.py), and what only leads to a page elsewhere goes as a whole
(pointers.py, reference_lists.py). If a link remains that can do neither, or the rest of the text speaks of what would
go, all links are left for the reviewer.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from operator import attrgetter

from review.criteria.links import ADDRESS, HTML_ADDRESS, MAY_HOLD_ADDRESS
from review.criteria.parsed_response import Span, blanked
from review.repairs import pointers, reference_lists
from review.repairs.linked_text import FEWEST_WORDS, WORD, Block, blocks
from review.repairs.unlinked import TextAround
from review.repairs.verified_edits import NOTHING, Edit, Found, MarkdownText

FEWEST_KEPT = 12  # words of an answer, code included, of which more is cut than a word or two
LARGEST_CUT = 0.5  # of an answer's words

# Elsewhere in the answer.
_SPEAKS_OF_LINKS = re.compile(
    r"\b(?=[abcfhlstw])(?:"  # where a word begins, with one of their letters: half of the time
    r"links? (?:above|below|provided|i |here)|(?:have|has|the|this|that) linked\b(?! lists?\b)"
    r"|linked (?:above|below|here|there|earlier|to above)\b|wiki(?:pedia)?[- ]links?\b"
    r"|(?:the|this|that|these|those|above|following|both) (?:(?!to )\w+ ){0,2}(?:links?(?! (?:between|of|function|to))|"
    r"articles?|web ?pages?|blog posts?|videos?|tutorials?|essays?|slides|pdfs?)\b"
    r"|(?:(?:here are|a|some|few|couple of|several|two|three) (?:\w+ ){0,2}links|(?:this|that|above|linked) document)\b"
    r"|(?<!one of )(?:this|these|those|that(?! the| such)) (?:\w+ ){0,2}(?:papers?|pages?|posts?|blogs?|"
    r"websites?|reports?|scripts?|notes|talks?)\b|(?:these|those|that) sites?\b"
    r"|(?:first|second|last|latter|former|same|above) (?:books?|papers?|pages?|posts?|blogs?|(?:web)?sites?|reports?|"
    r"scripts?|talks?)\b"
    r"|(?:this|these|those|above|linked|first|second|last|latter|former) references?\b"
    r"|(?:this|that|these|those|above|linked) threads?\b"
    r"|(?:the|as in the|general) (?:general )?outline\b|as in the example\b"
    r"|slides? \d|see (?:section|sec\.|chapter|page|p\.|figure|fig\.|table|line))|see the \S{0,2}\.?\w+\S? file\b",
    re.I,
)
# Of what was taken out, and what a page that is only named may be a guide to.
_OF_A_SOURCE = re.compile(
    r"\b(?:tutorials?|articles?|papers?|pages?|posts?|books?|examples?|guides?|videos?|talks?|lists?|scripts?|"
    r"documents?|threads?|sites?|websites?|chapters?|courses?|documentation|manuals?|projects?|repository|slides|"
    r"discussions?|questions?|surveys?|references?|libraries|library|packages?|tools?)\b",
    re.I,
)
_OF_STEPS = re.compile(r"\b(?:tutorials?|outlines?|examples?|guides?|instructions|walk-?throughs?)\b", re.I)
_BLANK_LINES = re.compile(r"[ \t]*\n(?:[ \t]*\n)*")
_TARGET = re.compile(r"\]\([^)\s]*\)|<?\w+://\S*")  # addresses


def may_find(text: str) -> bool:
    return "](" in text or "://" in text or "www." in text


def find(parsed: MarkdownText) -> Found:
    """The edits that take the addresses out of a text, if all of them can go."""
    every = blocks(parsed)
    if not any(not link.is_image for block in every for link in block.urls):
        return NOTHING
    if HTML_ADDRESS.search(parsed.text) or _has_images(parsed):
        return Found(left=True)
    lists = reference_lists.find(parsed, every)
    places: list[tuple[Edit, ...]] = [(cut,) for cut in lists]
    for block in every:
        found = _repaired(block, lists)
        if found is None:
            return Found(left=True)
        places += found
    places = _joined(parsed.text, places)
    return Found(tuple(places)) if _rest_stands(parsed, places, bool(lists)) else Found(left=True)


def _has_images(parsed: MarkdownText) -> bool:
    return any(one.kind == "Start" and one.value == "Image" for one in parsed.elements)


def _repaired(block: Block, lists: list[Edit]) -> list[tuple[Edit, ...]] | None:
    """The edits of a block, but for its lists of references; None if one of its links must stay."""
    links = [link for link in block.urls if not link.is_image and not _is_in(lists, link.start)]
    if not links:
        return []
    around = TextAround(block)
    places: list[tuple[Edit, ...]] = []
    end = block.start
    for link in links:
        if link.start < end:
            continue
        pointer = pointers.aside_sentence(block, link, end) if around.may_be_alone(link) else None
        if not pointer and (edits := around.unlinked(link)):
            places.append(edits)
            continue
        pointer = (
            pointer
            or pointers.parenthesis(block, link)
            or pointers.clause(block, link, end)
            or pointers.sentence(block, link, end)
        )
        if not pointer:
            return None
        while places and places[-1][0].start >= pointer.start:
            places.pop()
        places.append((pointer,))
        end = pointer.end
    return places


def _is_in(cuts: list[Edit], place: int) -> bool:
    """Whether one of the cuts, which are in order, takes out a place."""
    before = bisect_right(cuts, place, key=attrgetter("start"))
    return before > 0 and place < cuts[before - 1].end


def _joined(text: str, places: list[tuple[Edit, ...]]) -> list[tuple[Edit, ...]]:
    """The same places in order; cuts with only spaces between them are one, and take blank lines with them."""
    joined: list[tuple[Edit, ...]] = []
    text_end = len(text.rstrip())
    for place in sorted(places):
        if joined and len(place) == len(joined[-1]) == 1 and not place[0].new:
            last = joined[-1][0]
            if not last.new and not text[last.end : place[0].start].strip():
                joined[-1] = (Edit(last.start, place[0].end),)
                continue
        joined.append(place)
    return [(_with_blank_lines(text, place[0], text_end),) if len(place) == 1 else place for place in joined]


def _with_blank_lines(text: str, cut: Edit, text_end: int) -> Edit:
    """A cut of whole lines with the blank lines after it, or before it at the end of the text."""
    start = cut.start
    end = start + len(text[start : cut.end].rstrip()) if text[cut.end - 1] == "\n" else cut.end
    if text[start - 1 : start] in {"", "\n"} and (blank := _BLANK_LINES.match(text, end)):
        end = blank.end()
    if end >= text_end:
        start, end = len(text[:start].rstrip()), len(text)
    return cut._replace(start=start, end=end)


def _rest_stands(parsed: MarkdownText, places: list[tuple[Edit, ...]], has_lists: bool) -> bool:
    """Whether what is left has no address, is most of it, and never speaks of what would go."""
    with_code = blanked(parsed.text, [Span(edit.start, edit.end) for place in places for edit in place])
    rest = blanked(with_code, parsed.protected).replace("\n", " ")
    if (MAY_HOLD_ADDRESS.search(rest) and ADDRESS.search(rest)) or _SPEAKS_OF_LINKS.search(rest):
        return False
    cuts = [place[0] for place in places if len(place) == 1]
    if has_lists and reference_lists.has_numbers(rest):
        return False
    gone = " ".join(_TARGET.sub("", parsed.text[cut.start : cut.end]) for cut in cuts)
    kept, lost = len(WORD.findall(with_code)), len(WORD.findall(gone))
    if lost >= FEWEST_WORDS and (kept < FEWEST_KEPT or lost > LARGEST_CUT * (kept + lost)):
        return False
    left = " ".join(parsed.text[place[0].end : place[1].start] for place in places if len(place) == 2)
    return not _speaks_of(_OF_A_SOURCE, gone, rest) and not _speaks_of(_OF_STEPS, left, rest)


def _speaks_of(nouns: re.Pattern[str], text: str, rest: str) -> bool:
    """Whether the rest speaks of one of these things that a text has, as "the tutorial"."""
    found = {noun.lower().rstrip("s") for noun in nouns.findall(text)}
    if "paper" in found or "article" in found:
        found.add("author")
    if "tutorial" in found:
        found |= {"outline", "step"}
    return bool(found) and bool(
        re.search(rf"\b(?:the|this|that|these|those|both|its) (?:\w+ )?(?:{'|'.join(sorted(found))})s?\b", rest, re.I)
    )
