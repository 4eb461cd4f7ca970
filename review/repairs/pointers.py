"""What of a paragraph only leads to a page elsewhere, and goes as a whole where a link cannot become its text.

Parentheses, "(see [here](..))"; clauses, ", as described [here](..),"; sentences, "[Here](..) is a good tutorial."
Each function gives the edit that takes out what is around one link, or None.
"""

from __future__ import annotations

import re
from bisect import bisect_right

from review.repairs import pointing_words as words
from review.repairs.linked_text import MARK, Block, Link
from review.repairs.verified_edits import Edit

LONGEST_LEAD = 100  # characters before a link in which words point to it
FEWEST_BEFORE = 2  # words of a sentence before a clause that goes
LONGEST_ASIDE = 4  # words of a link that is a sentence amid others
LONGEST_SENTENCE = 4000  # characters, with its addresses
LONGEST_POINTER = 250  # characters of a sentence that only points on, without its addresses

_LETTER_OR_DIGIT = re.compile(r"\w")
_SPACES = re.compile(r"\s*")


def parenthesis(block: Block, link: Link) -> Edit | None:
    """The parenthesis that has nothing in it but this link, and perhaps others after it."""
    text = block.source
    begin = max(block.start, link.start - LONGEST_LEAD)
    opening = words.OPENS.search(text[begin : link.start])
    if not opening:
        return None
    end = link.start
    while end in block.end_of_link:
        between = words.BETWEEN.match(text, block.end_of_link[end])
        assert between  # it matches nothing, too
        end = between.end()
    if end == link.start or not text.startswith(")", end):
        return None
    start, after = begin + opening.start(), text[end + 1 : end + 2]
    start += text[start] == ":" and after not in {".", ",", ";"}  # a colon that something else follows stays
    return Edit(start, end + 1, " " if after.isalnum() else "")


def clause(block: Block, link: Link, begin: int) -> Edit | None:
    """The clause without which its sentence stands. begin: where the search for the sentence starts."""
    start, end = _sentence(block, link, begin)
    shape = _shape(block, start, end)
    for pattern in words.CLAUSES:
        match = next((one for one in pattern.finditer(shape) if one.start() <= link.start - start < one.end()), None)
        if not match or not _can_go(block, start + match.start(), start + match.end()):
            continue
        before = shape[: match.start()].strip()
        if words.CONTENT.search(match[0]) or not _stands_before(pattern, before, block):
            continue
        stop = match.end()
        if pattern is words.AS_CLAUSE and shape[stop : stop + 1] == ",":
            needs_comma = words.NEEDS_COMMA.match(before) or words.GOES_ON.match(shape, stop + 1)
            stop += not needs_comma or bool(words.CONJUNCTION.search(before))
        ends_paragraph = block.kind == "Paragraph" and start + stop >= block.text_end
        return Edit(start + match.start(), start + stop, "." if ends_paragraph else "")
    return None


def aside_sentence(block: Block, link: Link, begin: int) -> Edit | None:
    """The sentence that is nothing else than links, or names them as its source."""
    start, end = _sentence(block, link, begin)
    shape = _bare(_shape(block, start, end))
    if words.LABELLED.fullmatch(shape):
        return _cut(block, start, end)
    if start <= block.text_start or not words.LINKS_ONLY.fullmatch(shape) or _is_reference(block, start):
        return None
    if _is_statement(link):
        return None
    before = block.source[max(block.start, start - 2 * LONGEST_LEAD) : start].rstrip()
    can_go = link.only_points or link.is_page or (link.is_title and end >= block.text_end)
    return _cut(block, start, end) if can_go and not words.ANNOUNCES.search(before) else None


def is_links_only(block: Block, link: Link) -> bool:
    """Whether the sentence is nothing else than links, and no subject of others after it."""
    start, end = _sentence(block, link, block.start)
    starts_block = start == block.text_start and end < block.text_end
    if block.kind == "Heading" or starts_block or _is_statement(link) or _is_reference(block, start):
        return False
    return bool(words.LINKS_ONLY.fullmatch(_bare(_shape(block, start, end))))


def _is_statement(link: Link) -> bool:
    """Whether its text is a sentence that says something."""
    return len(link.text.split()) > LONGEST_ASIDE and bool(words.STATEMENT.fullmatch(link.text))


def _is_reference(block: Block, start: int) -> bool:
    """Whether what begins here is a title after its author and year."""
    return bool(words.YEAR.search(block.source, max(block.start, start - len(" (2011a).")), start))


def sentence(block: Block, link: Link, begin: int) -> Edit | None:
    """The sentence, if it only offers more to read, and none after it speaks of that."""
    if "BlockQuote" in block.around:
        return None
    start, end = _sentence(block, link, begin)
    shape = _bare(_shape(block, start, end))
    visible = shape.replace(MARK, "")
    if len(visible) > LONGEST_POINTER or visible.endswith(":"):
        return None
    if not words.FURTHER.match(visible) and (not words.SENTENCES.fullmatch(shape) or words.CONTENT.search(shape)):
        return None
    if words.SAYS_MORE.search(words.ANY_LINKS.sub("", shape)):
        return None
    return _cut(block, start, end)


def _sentence(block: Block, link: Link, begin: int) -> tuple[int, int]:
    """Where the sentence around a link starts and ends."""
    at = bisect_right(block.sentence_ends, link.start)
    start = block.sentence_ends[at - 1] if at else block.text_start
    return max(begin, start), block.sentence_ends[at]


def _shape(block: Block, start: int, end: int) -> str:
    """The shape of a sentence; of one that is too long to be a pointer, nothing."""
    return block.shape[start - block.start : end - block.start] if end - start <= LONGEST_SENTENCE else ""


def _bare(shape: str) -> str:
    """A sentence without the punctuation around it."""
    return shape.strip().removeprefix("(").rstrip(".!?)").strip()


def _stands_before(pattern: re.Pattern[str], before: str, block: Block) -> bool:
    """Whether the beginning of a sentence stands without the clause of this pattern."""
    if words.DANGLES.search(before) and pattern is not words.AS_CLAUSE:
        return False
    if pattern is words.ITEM_ADDRESS:
        return "Item" in (block.kind, *block.around) and bool(words.ONLY_NAME.fullmatch(before))
    if pattern in (words.FROM_HERE, words.FROM_ADDRESS):
        return bool(words.CAN_BE_HAD.search(before))
    if pattern is words.AFTER_NAME:
        return bool(words.ENDS_IN_NAME.search(before))
    if pattern is words.CITATION and words.NEEDS_NUMBER.search(before):
        return False
    if pattern is words.SEE_CLAUSE and words.NEEDS_MAIN.match(before):
        return False
    return len(before.split()) >= FEWEST_BEFORE


def _can_go(block: Block, start: int, end: int) -> bool:
    return all(link.can_be_cut for link in block.urls_in(start, end))


def _cut(block: Block, start: int, end: int) -> Edit | None:
    """The edit that takes a sentence out; None if another one leans on it, or it is all of its list item."""
    source = block.source
    is_first = not _LETTER_OR_DIGIT.search(source, block.text_start, start)
    is_last = end >= block.text_end
    leaning = words.LEANS_ON_BLOCK if is_last else words.LEANS_ON_SENTENCE
    if (
        block.kind not in {"Paragraph", "Item"}
        or (block.kind == "Item" and block.has_blocks)
        or (is_first and is_last and "Item" in (block.kind, *block.around))
        or not _can_go(block, start, end)
        or leaning.match(source, end)
        or source[max(block.start, start - LONGEST_LEAD) : start].rstrip().endswith((":", ","))
    ):
        return None
    whole = source[start:end]
    surplus = whole.count(")") - whole.count("(")
    if surplus < 0:
        return None
    if surplus:  # it is the last sentence of a parenthesis, which stays open without its end
        return Edit(start, start + whole.rindex(")"))
    if is_first and is_last:
        return Edit(start, block.end)
    if is_first and (spaces := _SPACES.match(source, end)):
        return Edit(start, spaces.end())
    return Edit(start, min(end, block.text_end))
