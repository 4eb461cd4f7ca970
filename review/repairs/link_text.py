"""Links become their text where the text says all that the sentence needs.

`[the bowline](https://..)` can stand as "the bowline"; "here", "this article" or an address cannot: without the address
the reader misses something. What only points on goes as a whole (pointers.py): "(see [this](..))", "See also: [..](..)".
If a link remains that can do neither, or the rest speaks of what would go, all links are left for the reviewer.
"""

from __future__ import annotations

import re
from itertools import pairwise

from review.criteria.links import ADDRESS, HTML_ADDRESS, MAY_HOLD_ADDRESS
from review.criteria.parsed_response import Span, blanked
from review.criteria.references import POST_OR_QUESTION
from review.repairs import pointers
from review.repairs.linked_text import FEWEST_WORDS, MARK, NOUN, WORD, Block, Link, blocks
from review.repairs.verified_edits import NOTHING, Edit, Found, MarkdownText

ENOUGH_WORDS = 5  # whatever is in its links
LARGEST_SHARE = 0.75  # of a block's letters that may be in its links
LONGEST_NAME = 5  # words
LONGEST_LEAD = 100  # characters before a link in which words point to it
FEWEST_KEPT = 12  # words of an answer, without code
LARGEST_CUT = 0.5  # of an answer's words
QUOTING = ("*", "_", '"', "'", "“", "‘", "`", "«", "\\")

_WEB = re.compile(r"(?:https?:)?//|/", re.I)
# Elsewhere in the answer.
_SPEAKS_OF_LINKS = re.compile(
    r"\b(?=[abcfhlstw])(?:"  # where a word begins, with one of their letters: a third of the time
    r"links? (?:above|below|provided|i |here)|(?:i|you|['’]ve|have|has|the|this|that|one) linked\b(?! lists?\b)|wiki(?:pedia)?[- ]links?\b"
    r"|(?:the|this|that|these|those|above|following|both) (?:(?!to )\w+ ){0,2}(?:links?(?! (?:between|of|function|to))|"
    r"articles?|web ?pages?|blog posts?|videos?|tutorials?|essays?|slides|pdfs?)\b"
    r"|(?:(?:here are|a|some|few|couple of|several|two|three) (?:\w+ ){0,2}links|(?:this|that|above|linked) document)\b"
    r"|(?<!one of )(?:this|these|those|that(?! the| such)) (?:\w+ ){0,2}(?:books?|papers?|pages?|posts?|blogs?|websites?|"
    r"reports?|scripts?|courses?|notes|talks?)\b|(?:these|those|that|both) sites?\b"
    r"|(?:first|second|last|latter|former|same|above) (?:books?|papers?|pages?|posts?|blogs?|(?:web)?sites?|reports?|"
    r"scripts?|talks?)\b"
    r"|(?:this|these|those|above|linked|first|second|last|latter|former) references?\b"
    r"|(?:this|that|these|those|above|linked) threads?\b"
    r"|(?:the|as in the|general) (?:general )?outline\b|as in the example\b"
    r"|slides? \d|see (?:section|sec\.|chapter|page|p\.|figure|fig\.|table|line))|see the \S{0,2}\.?\w+\S? file\b",
    re.I,
)
# Files and programs, without which code that uses them does not run.
_FILE = re.compile(
    r"https?://(?:gist\.|pastebin\.|raw\.|(?:www\.)?(?:github|gitlab|bitbucket)\.\w+/.*/(?:blob|raw|tree|src)/)", re.I
)
_IN_REPOSITORY = re.compile(r"https?://(?:www\.)?(?:github|gitlab|bitbucket)\.", re.I)
_FILE_NAME = re.compile(r"[\w./-]+\.\w{1,5}|\w+_\w+(?:\(\))?")
_TAG = re.compile(r"/questions/tagged/")
_SITE = re.compile(r"https?://[\w.]+\.(?:com|net)/?$")
_BOOK = re.compile(r"amazon|rads\.stackoverflow|books\.google")
# A text that names something unknown, and words before it that promise to show it: "here is [an example]".
_INDEFINITE = re.compile(r"\W*(?:an?|some|another|one|two|three|several|many|other|more)\b", re.I)
_SHOWS = re.compile(
    r"\b(?:here|there|see|check|read|watch|visit|follow|look|found|refer|consult|view|try|use|using|via|download|"
    r"downloaded|get|install|available|wrote|written|made|created|published|posted|provides?|source|credits?|this|"
    r"following|link(?:ed|s)?)\b[^.!?\n]{0,40}$",
    re.I,
)
_LEADS_TO = re.compile(
    rf"(?:\b(?:visit|go to|link(?:ed)? to|this|here|click|following|watch|follow|this (?:\w+ )?{NOUN})"
    r"|\b(?:source|via|from|credits?|link|url|cf|ref|page|blog|site|homepage|project|docs|documentation)\.?:)\W*$"
    r"|(?:^|[.!?:]\s+|\b(?:and|also|then) )here(?:['’]?s| is| are| was)\b[^.,!?\n]*$",
    re.I,
)
_NAME = re.compile(r"[A-Z0-9_.]|\(\)")
_ENCYCLOPEDIA = re.compile(r"wiki|mathworld|ncatlab|britannica|plato\.stanford|dictionary|proofwiki", re.I)
_OF_SOMETHING = re.compile(r"\b(?:from|of|in|by|with)(?: the)?(?: \w+)? $", re.I)
_HAS_IT = re.compile(
    r"\b(?:available (?:at|from|on|in)|download(?:ed)? (?:from|at|it)|found (?:at|on|under))\W*$", re.I
)
# Before a text that is not a name: "a", "their", "have", so that it tells of one thing which only the address names.
_UNNAMED = re.compile(
    r"\b(?:some|another|several|many|few|two|three|my|our|his|her|their|its|see|read)(?: (?!the )[\w-]+)? $", re.I
)
_OWNED = re.compile(r"\b(?:have|has)(?: (?!the )[\w-]+)? $", re.I)
_DESCRIBED = re.compile(r" (?:for|to|that|which|of|in)\b")
# Before a text that is neither a name nor a term.
_UNNAMED_TERM = re.compile(r"\b(?:an?|with|via|from|using|use|by|at)(?: (?!the )[\w-]+)? $", re.I)
_GENERIC = re.compile(
    r"\b(?:tools?|library|libraries|packages?|scripts?|plug-?ins?|modules?|programs?|software|apps?|applications?|"
    r"services?|servers?|frameworks?|utility|utilities|extensions?|solutions?|algorithms?|methods?|approach(?:es)?|"
    r"functions?|databases?|data ?sets?|data|wrappers?|converters?|editors?|generators?|clients?|class(?:es)?|"
    r"projects?|systems?|implementations?|techniques?|models?|ways?|things?|options?|ports?|research|study|studies|"
    r"results?|work|experiments?|books?|files?|formats?|lists?|theorems?|lemmas?)$"
)
_READ = re.compile(r"\b(?:see|read|check out|consult|look at)(?: also| e\.g\.,?)?:? $", re.I)
_OF_A_WORK = re.compile(
    r"\b(?:book|paper|article|essay|novel|textbook|talk|report|post|titled|called|entitled):? $", re.I
)
_BY = re.compile(r",? by [A-Z]")
_LOOKED_AT = re.compile(
    r"\b(?:see|read|check|check out|consult|look at|refer to|visit)(?: also| e\.g\.,?)?:?(?: the| this| their| an?)? $",
    re.I,
)
_ENDS = re.compile(r"\s*(?:[.!?]?\s*$|[.!?]\s)")
_NO_SUBJECT = re.compile(r"\s*(?:[^\w\s(`$]|$)")
_VERB = re.compile(r"[a-z]+(?:ed|ing)")
# "Klein (2003)", which only a list of references explains.
_AUTHOR_AND_YEAR = re.compile(
    r"[A-Z][\w'’-]+(?:,? (?:and|&|et al\.?|[A-Z][\w'’.-]+)){0,5}"
    r"(?:,? ?[(\[]?(?:19|20)\d\d[a-z]?[)\]]?|(?<= et al)\.?|(?<= et al\.))"
)
_SURNAME = re.compile(r"[A-Z][\w'’-]+")
_NAME_AND_REMARK = re.compile(rf"{MARK}(?::| [-–—]| \() ?\S*\w")
_BY_SOMEONE = re.compile(r"\bby [A-Z]|\((?:[^()]{0,40}[ ,])?(?:19|20)\d\d\)")
# Of what was taken out, and what a page that is only named may be a guide to.
_OF_A_SOURCE = re.compile(
    r"\b(?:tutorials?|articles?|papers?|pages?|posts?|books?|examples?|guides?|videos?|talks?|lists?|scripts?|"
    r"documents?|threads?|sites?|websites?|chapters?|courses?|documentation|manuals?|projects?|repository|slides|"
    r"discussions?|questions?|surveys?|references?|libraries|library|packages?|tools?)\b",
    re.I,
)
_OF_STEPS = re.compile(r"\b(?:tutorials?|outlines?|examples?|guides?|instructions|walk-?throughs?)\b", re.I)
_MARKER = re.compile(r"[ \t]?\\?\[(?P<number>\d{1,2})\\?\]")
_BLANK_LINES = re.compile(r"[ \t]*\n(?:[ \t]*\n)*")
_TARGET = re.compile(r"\]\([^)\s]*\)|<?\w+://\S*")  # addresses
_OF_A_PAGE = re.compile(
    r" (?:wiki(?:pedia)? )?(?:entry|article|pages?|site|website|link|post|question|answer|paper|video)\b", re.I
)
# "Use [Robocopy]", before a name that is all that is recommended.
_RECOMMENDS = re.compile(
    r"(?:(?:i|you|we|they) (?:can |could |would |might |may |should |also )*|just |please )?"
    r"(?:why not )?(?:use|try|consider|recommend|like|prefer|install|love|suggest)d?\b[^:]*$",
    re.I,
)


def may_find(text: str) -> bool:
    return "](" in text or "://" in text or "www." in text


def find(parsed: MarkdownText) -> Found:
    """The edits that take the addresses out of a text, if all of them can go."""
    every = blocks(parsed)
    if not any(not link.is_image for block in every for link in block.urls):
        return NOTHING
    if HTML_ADDRESS.search(parsed.text) or _has_images(parsed):
        return Found(left=True)
    cuts = pointers.reference_blocks(parsed, every)
    cuts += _markers(parsed, every, cuts) if cuts else []
    places: list[tuple[Edit, ...]] = []
    for block in every:
        found = _repaired(block, cuts)
        if found is None:
            return Found(left=True)
        places += found
    places = _joined(parsed.text, [*places, *((cut,) for cut in cuts)])
    return Found(tuple(places)) if _rest_stands(parsed, places) else Found(left=True)


def _markers(parsed: MarkdownText, every: list[Block], cuts: list[Edit]) -> list[Edit]:
    """The edits that take out "[1]" and the like, which lead to a list of references that would go."""
    gone = [Span(cut.start, cut.end) for cut in cuts]
    count = sum(any(span.start <= link.start < span.end for span in gone) for block in every for link in block.urls)
    rest = blanked(
        parsed.text, gone + parsed.protected + [Span(link.start, link.end) for block in every for link in block.links]
    )
    return [
        Edit(
            match.start(),
            match.end() + (rest[match.start() - 1 : match.start()] == "." == rest[match.end() : match.end() + 1]),
        )
        for match in _MARKER.finditer(rest)
        if 0 < int(match["number"]) <= count
    ]


def _joined(text: str, places: list[tuple[Edit, ...]]) -> list[tuple[Edit, ...]]:
    """The same places in order, those cuts as one that have only spaces between them, with the blank lines after them."""
    joined: list[tuple[Edit, ...]] = []
    for place in sorted(places):
        if joined and len(place) == len(joined[-1]) == 1 and not place[0].new:
            last = joined[-1][0]
            if not last.new and not text[last.end : place[0].start].strip():
                joined[-1] = (Edit(last.start, place[0].end),)
                continue
        joined.append(place)
    return [(_with_blank_lines(text, place[0]),) if len(place) == 1 else place for place in joined]


def _with_blank_lines(text: str, cut: Edit) -> Edit:
    """A cut of whole lines with the blank lines after it, or before it at the end of the text."""
    start = cut.start
    end = start + len(text[start : cut.end].rstrip()) if text[cut.end - 1] == "\n" else cut.end
    if text[start - 1 : start] in {"", "\n"} and (blank := _BLANK_LINES.match(text, end)):
        end = blank.end()
    if not text[end:].strip():
        start, end = len(text[:start].rstrip()), len(text)
    return cut._replace(start=start, end=end)


def _has_images(parsed: MarkdownText) -> bool:
    return any(one.kind == "Start" and one.value == "Image" for one in parsed.elements)


def _rest_stands(parsed: MarkdownText, places: list[tuple[Edit, ...]]) -> bool:
    """Whether what is left has no address, is most of it, and never speaks of what would go."""
    gone = [Span(edit.start, edit.end) for place in places for edit in place]
    with_code = blanked(parsed.text, gone)
    rest = blanked(with_code, parsed.protected).replace("\n", " ")
    if any(place[0].end - place[0].start > LONGEST_LEAD for place in places if len(place) == 1) and _MARKER.search(
        rest
    ):
        return False
    if (MAY_HOLD_ADDRESS.search(rest) and ADDRESS.search(rest)) or _SPEAKS_OF_LINKS.search(rest):
        return False
    cut = " ".join(_TARGET.sub("", parsed.text[place[0].start : place[0].end]) for place in places if len(place) == 1)
    kept, lost = len(WORD.findall(with_code)), len(WORD.findall(cut))
    if lost >= FEWEST_WORDS and (kept < FEWEST_KEPT or lost > LARGEST_CUT * (kept + lost)):
        return False
    left = " ".join(parsed.text[one.end : other.start] for one, other in filter(_is_pair, places))
    return not _speaks_of(_OF_A_SOURCE, cut, rest) and not _speaks_of(_OF_STEPS, left, rest)


def _is_pair(place: tuple[Edit, ...]) -> bool:
    """Whether it leaves the text of a link."""
    return len(place) == 2


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


def _repaired(block: Block, cuts: list[Edit]) -> list[tuple[Edit, ...]] | None:
    """The edits of a block, but for what the cuts take out; None if one of its links must stay."""
    if not block.urls:
        return []
    stands = _stands(block)
    places: list[tuple[Edit, ...]] = []
    around = _around(block)
    end = block.start
    for link in block.urls:
        if link.is_image or link.start < end or any(cut.start <= link.start < cut.end for cut in cuts):
            continue
        before, after = around.get(link.start, ("", ""))
        pointer = pointers.aside_sentence(block, link, end)
        if not pointer:
            if stands and _can_be_text(block, link, before, after):
                places.append(_unlinked(block.source, link, before, after))
                continue
            pointer = (
                pointers.parenthesis(block, link)
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


def _around(block: Block) -> dict[int, tuple[str, str]]:
    """The text before and after each link, by its start."""
    around, before = {}, ""
    for link, (piece, after) in zip(block.links, pairwise(block.text.split(MARK)), strict=False):
        before += piece
        around[link.start] = (before[-2 * LONGEST_LEAD :], after)
        before += link.text
    return around


def _stands(block: Block) -> bool:
    """Whether there is a text around the links, or names alone, as in a list of programs, and no list of references."""
    links = [link for link in block.links if link.is_url]
    outside, inside = WORD.findall(block.text), sum(len(link.text) for link in links)
    if any(_is_alone(block.source, link) for link in links) and block.kind != "Heading":
        return False
    share = inside / max(inside + sum(map(len, outside)), 1)
    if len(outside) >= FEWEST_WORDS and (share <= LARGEST_SHARE or len(outside) >= ENOUGH_WORDS):
        return True
    if (len(outside) > 1 and _BY_SOMEONE.search(block.text)) or _NAME_AND_REMARK.match(block.text):
        return (
            all(_NAME.search(link.text) and len(link.text.split()) <= LONGEST_NAME for link in links)
            or len(outside) > 1
        )
    names = all(len(link.text.split()) <= LONGEST_NAME and not POST_OR_QUESTION.match(link.address) for link in links)
    return block.kind == "Heading" or (names and bool(_RECOMMENDS.match(block.text)))


def _can_be_text(block: Block, link: Link, before: str, after: str) -> bool:
    return (
        _is_plain(block.source, link)
        and _says_enough(block.source, link, before, after)
        and not _is_aside(block, link)
        and not pointers.is_links_only(block, link)
    )


def _unlinked(text: str, link: Link, before: str, after: str) -> tuple[Edit, Edit]:
    """The edits that leave the text of a link, in quotation marks where it is a title or a tag amid a sentence."""
    plain = text[link.start + 1 : link.text_end]
    quoted = (
        (_TAG.search(link.address) or link.is_title or _is_read(link, before, after))
        and not any(mark in plain for mark in QUOTING)
        and not before.rstrip("([").endswith(QUOTING)
    )
    mark = '"' if quoted else ""
    return Edit(link.start, link.start + 1, mark), Edit(link.text_end, link.end, mark)


def _is_read(link: Link, before: str, after: str) -> bool:
    """Whether it is the title of what one is to read: "See [Evolving robots learn to lie]", "[Knots] by Ada"."""
    words = link.text.split()
    if not words or not words[0][0].isupper() or _ENCYCLOPEDIA.search(link.address):
        return False
    if len(words) > FEWEST_WORDS and _READ.search(before):
        return True
    return len(words) >= FEWEST_WORDS and bool(
        _BOOK.search(link.address) or _OF_A_WORK.search(before) or _BY.match(after)
    )


def _is_aside(block: Block, link: Link) -> bool:
    """Whether it is a remark in parentheses that only leads on, and no term: "([how to measure distance](..))"."""
    if any(map(str.isupper, link.text)) or "`" in block.source[link.start : link.text_end]:
        return False
    around = pointers.parenthesis(block, link)
    return bool(around) and (
        len(link.text.split()) >= FEWEST_WORDS or any(link.end <= one.start < around.end for one in block.urls)
    )


def _is_alone(text: str, link: Link) -> bool:
    """Whether nothing else is on its line."""
    begin, end = text.rfind("\n", 0, link.start) + 1, text.find("\n", link.end)
    around = text[begin : link.start] + text[link.end : end if end >= 0 else None]
    return not WORD.search(around)


def _is_plain(text: str, link: Link) -> bool:
    """Whether it is [text](address), to a page of the web that is not an answer, comment or user of these sites."""
    return (
        link.kind == "Inline"
        and bool(_WEB.match(link.address))
        and not link.has_image
        and text.startswith("](", link.text_end)
        and not (
            _FILE.match(link.address) and not (_IN_REPOSITORY.match(link.address) and _FILE_NAME.fullmatch(link.text))
        )
        and not (_SITE.match(link.address) and link.text.isupper())
        and not (_BOOK.search(link.address) and not _names_book(text, link))
        and "[" not in link.text
        and not link.names_user_or_post
    )


def _names_book(text: str, link: Link) -> bool:
    words = link.text.split()
    return (
        link.is_title
        or text.startswith(QUOTING, link.start + 1)
        or (len(words) >= FEWEST_WORDS and all(word[0].isupper() or len(word) < 4 for word in words))
    )


def _says_enough(text: str, link: Link, before: str, after: str) -> bool:
    """Whether a reader without the address misses nothing: the text is a name, a term, or a part of the sentence."""
    words, before = " ".join(link.text.split()), before[-LONGEST_LEAD:]
    is_name = _is_name(link, words)
    return not (
        link.only_points
        or (
            _LEADS_TO.search(before)
            and not (is_name and _OF_SOMETHING.search(before))
            and not _is_this_term(link, before)
        )
        or (_HAS_IT.search(before) and not words[:1].isupper())
        or (_INDEFINITE.match(words) and _SHOWS.search(before) and not link.is_title)
        or (not is_name and _UNNAMED.search(before))
        or (not is_name and _OWNED.search(before) and not _DESCRIBED.match(after))
        or (not is_name and not _is_term(words) and _UNNAMED_TERM.search(before))
        or (not is_name and before.rstrip().endswith(":") and _ENDS.match(after))
        or (_AUTHOR_AND_YEAR.fullmatch(words) and text.count(_SURNAME.findall(words)[0]) == 1)
        or (link.is_page and _LOOKED_AT.search(before))
        or (_VERB.fullmatch(words) and _ENCYCLOPEDIA.search(link.address) and words not in link.address.lower())
        or (not before.strip() and len(words.split()) > FEWEST_WORDS and not link.is_title and _NO_SUBJECT.match(after))
        or _OF_A_PAGE.match(after)
    )


def _is_this_term(link: Link, before: str) -> bool:
    """Whether it is a term that was spoken of: "this [filter bubble] effect"."""
    return before.endswith("this ") and bool(_ENCYCLOPEDIA.search(link.address))


def _is_name(link: Link, words: str) -> bool:
    """Whether it has the form of a name, or its address has it: "[pandoc](https://pandoc.org)"."""
    if _NAME.search(words) or _ENCYCLOPEDIA.search(link.address):
        return True
    return " " not in words and not _GENERIC.search(words) and words in link.address.lower()


def _is_term(words: str) -> bool:
    """Whether it is a term of some words, as "list comprehension", and no kind of program, as "file converter"."""
    return " " in words and not _GENERIC.search(words)
