"""Links become their text where the text says all that the sentence needs.

`[the bowline](https://..)` can stand as "the bowline"; "here", "this article", an address, or a list of references
cannot: without the address the reader misses something. What only points on goes as a whole: "([source](..))", "For
more see [this page](..)." If a link remains that can do neither, all links of the answer are left for the reviewer.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cached_property

from review.criteria.links import ADDRESS, HTML_ADDRESS, MAY_HOLD_ADDRESS
from review.criteria.parsed_response import Span, blanked
from review.criteria.references import POST_OR_QUESTION, POST_OR_USER
from review.repairs.verified_edits import NOTHING, Edit, Found, MarkdownText

BLOCKS = {"Paragraph", "Heading", "Item", "TableCell", "BlockQuote"}
FEWEST_WORDS = 3  # outside of its links, for a block that is not a list of references
LARGEST_SHARE = 0.7  # of a block's letters that may be in its links
LONGEST_NAME = 3  # words
FEWEST_OF_TITLE = 5  # words, of which the first is capitalized
LONGEST_LEAD = 100  # characters before a link in which words point to it
LONGEST_POINTER = 250  # characters of a sentence that only points on, without its addresses
QUOTING = ("*", "_", '"', "'", "“", "‘", "`", "«", "\\")
MARK = "\x00"  # where a link is in the text of its block

_WORD = re.compile(r"[^\W\d_]{2,}")
_WEB = re.compile(r"(?:https?:)?//|/", re.I)
_NOUN = (
    "(?:links?|pages?|(?:web ?)?sites?|posts?|(?:blog|forum|news)(?: ?(?:posts?|entry|entries|articles?))?|articles?|"
    "papers?|threads?|videos?|talks?|tutorials?|examples?|demos?|samples?|snippets?|gists?|fiddles?|repl|plunke?rs?|"
    "codepens?|jsfiddles?|jsbins?|answers?|questions?|comments?|discussions?|documents?|docs?|pdfs?|guides?|manuals?|"
    "readme|references?|refs?|sources?|details?|info(?:rmation)?|more|list|image|picture|photo|screenshot|diagram|"
    "figure|chart|graph|plot|table|download|repo(?:sitory)?|project|code|source code|notebook|slides?|lecture notes|"
    "book|chapter|section|release notes|changelog|bug(?: report)?|issues?|tickets?|patch|commit|proof|script)"
)
# A text that only points: "here", "this paper by Ada", "another question", "live demo", "[1]", "more details".
_POINTS = re.compile(
    r"\W*(?:(?:\w+ ){0,2}(?:here|there|this|that|these|those|it|them|one|ones|above|below|following|other|others|"
    r"same|link(?:ed)?)"
    r"|(?:(?:see|read|look|check|click|go|try|via|from|in|at|for|by|to|e\.g\.|eg|and|or|also|over|out|my|your|his|"
    r"her|its|their|our|some|any|many|several|more|further|full|few|other|another|a|an|the|same|live|working|online|"
    r"related|similar|previous|linked|referenced|mentioned|cited|author|free|local|direct|original|official|nice|"
    r"good|great|excellent|useful|helpful|interesting|detailed|short|quick|simple|old|recent|new|first|second|one|"
    r"two|three|wiki|wikipedia|blog|so|stack ?overflow|github|youtube|"
    r"\d+) )*" + _NOUN + r"|(?:read|learn|see|find out|more)\b.{0,20}\bmore\b.*"
    r"|(?:freely |free |also )?(?:available|downloadable)(?: (?:free|freely|online|for|as|in|pdf|print))*"
    # "article that might help", "new paper on the subject"
    r"|(?:\w+ )?(?:article|paper|post|page|"
    r"video|talk|tutorial|thread|blog|essay|presentation)s? (?:on|in|at|from|by|about|which|that|explaining|"
    r"describing|showing)\b.*"
    r"|(?:\d+|[a-z]|[ivx]+)|[^\w]*)\W*",
    re.I,
)
_POINTS_SOMEWHERE = re.compile(
    r"\b(?:this|these|here|links?|click)\b|\W*(?:that|those|there|such|following|my|another|ones?)\b", re.I
)
# Elsewhere in the answer.
_SPEAKS_OF_LINKS = re.compile(
    r"\b(?=[abflst])(?:"  # where a word begins, with one of their letters: a third of the time
    r"links? (?:above|below|provided|i |here)|linked\b(?! lists?\b)"
    r"|(?:the|this|that|these|those|above|following|both) (?:\w+ ){0,2}(?:links?(?! (?:between|of|function|to))|"
    r"articles?|web ?pages?|blog posts?|videos?|tutorials?|threads?|talks?|essays?|slides|documents?|pdfs?)\b"
    r"|(?:this|that|these|those|(?:first|second|last|latter|former|same|above)) (?:\w+ ){0,2}(?:books?|papers?|"
    r"pages?|posts?|blogs?|(?:web)?sites?|reports?|scripts?|references?|courses?|notes)\b"
    r"|see (?:section|sec\.|chapter|page|p\.|figure|fig\.|table|line))|(?:see|in) the \S{0,2}\.?\w+\S? file\b",
    re.I,
)
# Files and programs, without which code that uses them does not run.
_FILE = re.compile(
    r"https?://(?:gist\.|pastebin\.|raw\.|(?:www\.)?(?:github|gitlab|bitbucket)\.\w+/.*/(?:blob|raw|tree|src)/)", re.I
)
_TAG = re.compile(r"/questions/tagged/")
_SITE = re.compile(r"https?://[\w.]+\.(?:com|net)/?$")
_BOOK = re.compile(r"amazon|rads\.stackoverflow|books\.google")
# Where papers, books and posts are, whose titles are not part of a sentence.
_OF_TITLES = re.compile(
    r"arxiv|doi\.org|jstor|springer|sciencedirect|projecteuclid|ncbi|nature\.com|acm\.org|ieee|ams\.org|numdam|"
    r"amazon|"
    r"books\.google|scholar|citeseer|\.pdf\b|blog|/questions/\d|/q/\d|youtube|medium\.com|news",
    re.I,
)
_ADDRESS = re.compile(
    r"\w+://|\bwww\.|(?:^|\s)[\w-]+(?:\.[\w-]+)*\.(?:com|org|net|edu|gov|io|uk|de|fr|ch|ca|eu|au|info|me|ly)(?:/|"
    r"\b)(?![(\w-])"
)
# A text that names something unknown, and words before it that promise to show it: "here is [an example]".
_INDEFINITE = re.compile(r"\W*(?:an?|some|another|one|two|three|several|many|other|more)\b", re.I)
_SHOWS = re.compile(
    r"\b(?:here|there|see|check|read|watch|visit|follow|look|found|refer|consult|view|try|use|using|via|download|"
    r"downloaded|get|install|available|wrote|written|made|created|published|posted|provides?|source|credits?|this|"
    r"following|link(?:ed|s)?)\b[^.!?\n]{0,40}$",
    re.I,
)
_LEADS_TO = re.compile(
    r"(?:\b(?:visit|go to|available (?:at|from|on|in)|download(?:ed)? (?:from|at|it)|found (?:at|on|under)|"
    rf"link(?:ed)? to|this|here|click|following|watch|follow|this (?:\w+ )?{_NOUN})"
    r"|\b(?:source|via|from|credits?|link|url|cf|ref|page|blog|site|homepage|project|docs|documentation)\.?:)\W*$"
    r"|\bhere(?:['’]?s| is| are| was)\b[^.!?\n]*$|\b(?:my|our)(?: \w+)? $",
    re.I,
)
_NAME = re.compile(r"[A-Z0-9_.]|\(\)")
_ENCYCLOPEDIA = re.compile(r"wiki|mathworld|ncatlab|britannica|plato\.stanford|dictionary|proofwiki", re.I)
# Before a text that is not a name: "a", "their", "have", so that it tells of one thing which only the address names.
_UNNAMED = re.compile(
    r"\b(?:an?|some|another|several|many|few|two|three|his|her|their|its|have|has|see|read|with|via|from|using|use|"
    r"by|at)"
    r"(?: [\w-]+)? $",
    re.I,
)
_OF_A_PAGE = re.compile(
    r" (?:wiki(?:pedia)? )?(?:entry|article|pages?|site|website|link|post|question|answer|paper|video)\b", re.I
)
# Around links that are all of a parenthesis, as in "(see [here] or [here] for details)".
_OPENS = re.compile(
    r":?(?:[ \t]*\n[ \t>]*)?[ \t]*\((?:(?:see|cf|e\.g|for example|for instance|also|here|from|via|source|docs?|link|"
    r"more)[.:,]*\s*)*$",
    re.I,
)
_BETWEEN = re.compile(
    r"(?:[\s,;/|]|\band\b|\bor\b|\balso\b|\bsee\b|\bfor (?:more |further )?(?:details?|info(?:rmation)?|"
    r"more)\b)*",
    re.I,
)
# A sentence that offers more than the answer needs.
_FURTHER = re.compile(
    r"(?:for (?:\w+ ){0,3}?(?:more|further|additional|full) (?:details?|info|information|reading|explanation|"
    r"discussion|examples?|on|about)\b|for (?:details|further)\b|(?:some |much |a lot )?more (?:details?|info|"
    r"information|examples?|reading|on|about)\b|(?:you|one) (?:can|could|may|might) (?:also )?(?:find|read|see|learn|"
    r"get) (?:\w+ ){0,3}?(?:more|further|details?|additional)\b|see also\b|also see\b|further (?:reading|details?|"
    r"info|information)\b|if you(?:['’]d| would|['’]re| are)? (?:want|wish|like|need|"
    r"interested)\b[^.]{0,40}?\b(?:more|details?|further)\b|"
    r"(?:read|learn|find out) more\b|see (?:\[\w+\]|here|this)\S* for (?:more|further|details)\b)",
    re.I,
)
# With the links blanked out: "See ____ and ____." "(Cf. ____ for some background.)"
_SEE = re.compile(
    r"\(?(?:see|cf\.?|take a look at|have a look at)(?: also)?,?(?: e\.g\.,?| for (?:example|"
    r"instance),?)? _+(?:(?:, | and |, and | or )_+)*(?: for (?:an? |some |more |further |"
    r"the )?(?:\w+ )?(?:background|overview|introduction|discussion|details?|examples?|"
    r"explanations?|info|information|references?)\b[^.]{0,40})?[.!]?\)?[.!]?",
    re.I,
)
_SPEAKS_OF_IT = re.compile(
    r"\s*(?:it|they|this|that|these|those|there|he|she|his|her|its|their|in particular|especially|then|also|so|but|"
    r"however|"
    r"now|finally|second(?:ly)?|instead|otherwise|again)\b",
    re.I,
)
# "Use [Robocopy]", before a name that is all that is recommended.
_RECOMMENDS = re.compile(
    r"(?:(?:i|you|we|they) (?:can |could |would |might |may |should |also )*|just |please )?"
    r"(?:use|try|consider|recommend|like|prefer|install|love|suggest)d?\b[^:]*$",
    re.I,
)
# The mark comes first, for which Python searches fast.
_SENTENCE_END = re.compile(
    r"[.!?](?<!\be\.g.)(?<!\bi\.e.)(?<!\bcf.)(?<!\bvs.)(?<!\bal.)(?<!\betc.)(?<!\b[A-Z].)[)\"”]?(?=\s|$)"
)


@dataclass
class _Block:
    """A paragraph or the like."""

    kind: str
    around: tuple[str, ...]  # the blocks that it is in
    source: str  # the text that it is a part of
    start: int
    end: int
    text: str = ""  # with MARK in the place of each link
    links: list[_Link] = field(default_factory=list)

    @cached_property
    def end_of_link(self) -> dict[int, int]:
        """The ends of the links, but for those to posts and users, by their starts."""
        return {link.start: link.end for link in self.links if not _names_post_or_user(link)}

    @cached_property
    def prose(self) -> str:
        """Its source with the links blanked out."""
        links = [Span(link.start - self.start, link.end - self.start) for link in self.links]
        return blanked(self.source[self.start : self.end], links, "_")

    @cached_property
    def sentence_ends(self) -> list[int]:
        """Where in the source its sentences end, and it itself."""
        return [*(self.start + match.end() for match in _SENTENCE_END.finditer(self.prose)), self.end]


@dataclass
class _Link:
    start: int
    end: int
    kind: str  # "Inline", "Autolink", "Reference" ..
    address: str
    text: str = ""
    text_end: int = 0  # where its last element ends
    has_image: bool = False

    @property
    def is_url(self) -> bool:
        """Whether it leads to another page."""
        return not self.address.startswith("#") and not self.address.lower().startswith("mailto:")

    @property
    def is_image(self) -> bool:
        """Whether it is an image that leads somewhere, which is none of this rule's business."""
        return self.has_image and not self.text.strip()


def may_find(text: str) -> bool:
    return "](" in text or "://" in text


def find(parsed: MarkdownText) -> Found:
    """The edits that take the addresses out of a text, if all of them can go."""
    every = list(_blocks(parsed))
    blocks = [block for block in every if any(link.is_url and not link.is_image for link in block.links)]
    if not blocks:
        return NOTHING
    places: list[tuple[Edit, ...]] = []
    for block in blocks:
        found = _repaired(block)
        if found is None:
            return Found(left=True)
        places += found
    # The slower looks at the whole text come last: most links that must stay were found by now.
    if any(_SPEAKS_OF_LINKS.search(block.text) for block in every) or (places and _has_bare_address(parsed)):
        return Found(left=True)
    return Found(tuple(places))


def _has_bare_address(parsed: MarkdownText) -> bool:
    """Whether there are addresses that are not links, or links in raw HTML: the repair of the others would not help."""
    if HTML_ADDRESS.search(parsed.text):
        return True
    links = [Span(one.start, one.end) for one in parsed.elements if one.kind == "Start" and one.value == "Link"]
    rest = blanked(parsed.text, links + parsed.protected)
    return bool(MAY_HOLD_ADDRESS.search(rest) and ADDRESS.search(rest))


def _blocks(parsed: MarkdownText) -> Iterator[_Block]:
    blocks = [_Block("", (), parsed.text, 0, len(parsed.text))]
    link: _Link | None = None
    for element in parsed.elements:
        block = blocks[-1]
        match element.kind, element.value:
            case "Text" | "Code" | "InlineMath" | "SoftBreak" | "HardBreak", value:
                if link:
                    link.text += value or " "
                else:
                    block.text += value or " "
            case "Start", tag if tag in BLOCKS:
                blocks.append(_Block(tag, (*block.around, block.kind), parsed.text, element.start, element.end))
            case "End", tag if tag in BLOCKS:
                yield blocks.pop()
            case "Start", "Link":
                attributes = element.attributes or {}
                link = _Link(element.start, element.end, attributes["link_type"], attributes["dest_url"])
                block.text += MARK
                block.links.append(link)
            case "End", "Link":
                link = None
            case "Start", "Image" if link:
                link.has_image, link.text_end = True, element.end
        if link and element.kind != "Start":
            link.text_end = max(link.text_end, element.end)
    yield from blocks


def _repaired(block: _Block) -> list[tuple[Edit, ...]] | None:
    """The edits of a block; None if one of its links must stay."""
    stands = _stands(block)
    places: list[tuple[Edit, ...]] = []
    before, end = "", block.start
    pieces = block.text.split(MARK)
    for link, piece, after in zip(block.links, pieces, pieces[1:], strict=False):
        before += piece
        if link.is_url and link.start >= end:
            if (
                stands
                and _is_plain(block.source, link)
                and _says_enough(link, before, after)
                and not _is_aside(block, link)
            ):
                places.append(_unlinked(block.source, link, before))
            elif pointer := _parenthesis(block, link) or _pointing_sentence(block, link, end):
                while places and places[-1][0].start >= pointer.start:
                    places.pop()
                places.append((pointer,))
                end = pointer.end
            else:
                return None
        before += link.text
    return places


def _stands(block: _Block) -> bool:
    """Whether there is a text around the links, or names alone, as in a list of programs, and no list of references."""
    links = [link for link in block.links if link.is_url]
    outside, inside = _WORD.findall(block.text), sum(len(link.text) for link in links)
    if any(_is_alone(block.source, link) for link in links) and block.kind != "Heading":
        return False
    if len(outside) >= FEWEST_WORDS and inside <= LARGEST_SHARE * (inside + sum(map(len, outside))):
        return True
    names = all(len(link.text.split()) <= LONGEST_NAME and not POST_OR_QUESTION.match(link.address) for link in links)
    return block.kind == "Heading" or (names and bool(_RECOMMENDS.match(block.text)))


def _unlinked(text: str, link: _Link, before: str) -> tuple[Edit, Edit]:
    """The edits that leave the text of a link, in quotation marks where it is a title or a tag amid a sentence."""
    plain = text[link.start + 1 : link.text_end]
    quoted = (
        (_TAG.search(link.address) or _is_title(link))
        and not any(mark in plain for mark in QUOTING)
        and not before.rstrip("([").endswith(QUOTING)
    )
    mark = '"' if quoted else ""
    return Edit(link.start, link.start + 1, mark), Edit(link.text_end, link.end, mark)


def _is_title(link: _Link) -> bool:
    """Whether the text is the title of a paper, an article or a question, which is not part of the sentence."""
    words = link.text.split()
    if len(words) < FEWEST_WORDS or not words[0][0].isupper():
        return False
    if "?" in link.text or ": " in link.text:
        return True
    big = sum(word[0].isupper() or len(word) < 4 for word in words)
    known, unknown = _OF_TITLES.search(link.address), "wikipedia" not in link.address and 2 * big > len(words)
    return len(words) >= FEWEST_OF_TITLE and bool(known or unknown)


def _is_aside(block: _Block, link: _Link) -> bool:
    """Whether it is a remark in parentheses that only leads on: "([how to measure distance](..))"."""
    return (
        not any(map(str.isupper, link.text))
        and "`" not in block.source[link.start : link.text_end]
        and bool(_parenthesis(block, link))
    )


def _is_alone(text: str, link: _Link) -> bool:
    """Whether nothing else is on its line."""
    begin, end = text.rfind("\n", 0, link.start) + 1, text.find("\n", link.end)
    around = text[begin : link.start] + text[link.end : end if end >= 0 else None]
    return not _WORD.search(around)


def _is_plain(text: str, link: _Link) -> bool:
    """Whether it is [text](address), to a page of the web that is not an answer, comment or user of these sites."""
    return (
        link.kind == "Inline"
        and bool(_WEB.match(link.address))
        and not link.has_image
        and text.startswith("](", link.text_end)
        and not _FILE.match(link.address)
        and not (_SITE.match(link.address) and link.text.isupper())
        and not (_BOOK.search(link.address) and not _is_title(link) and not text.startswith(QUOTING, link.start + 1))
        and "[" not in link.text
        and not _names_post_or_user(link)
    )


def _names_post_or_user(link: _Link) -> bool:
    """Whether it is for criterion 4, which would not find it without the address."""
    return bool((post := POST_OR_USER.match(link.address)) and (post["user"] or post["comment"] or post["answer"]))


def _says_enough(link: _Link, before: str, after: str) -> bool:
    """Whether a reader without the address misses nothing: the text is a name, a term, or a part of the sentence."""
    words, before = " ".join(link.text.split()), before[-LONGEST_LEAD:]
    is_name = bool(_NAME.search(words)) or bool(_ENCYCLOPEDIA.search(link.address))
    return not (
        not _WORD.search(words)
        or _POINTS.fullmatch(words)
        or _POINTS_SOMEWHERE.search(words)
        or _ADDRESS.search(words)
        or _LEADS_TO.search(before)
        or (_INDEFINITE.match(words) and _SHOWS.search(before))
        or (not is_name and _UNNAMED.search(before))
        or _OF_A_PAGE.match(after)
    )


def _parenthesis(block: _Block, link: _Link) -> Edit | None:
    """The parenthesis that has nothing in it but this link, and perhaps others after it."""
    text = block.source
    begin = max(block.start, link.start - LONGEST_LEAD)
    opening = _OPENS.search(text[begin : link.start])
    if not opening:
        return None
    end = link.start
    while end in block.end_of_link:
        between = _BETWEEN.match(text, block.end_of_link[end])
        assert between  # it matches nothing, too
        end = between.end()
    if not text.startswith(")", end):
        return None
    start, after = begin + opening.start(), text[end + 1 : end + 2]
    start += text[start] == ":" and after not in {".", ",", ";"}  # a colon that something else follows stays
    return Edit(start, end + 1, " " if after.isalnum() else "")


def _pointing_sentence(block: _Block, link: _Link, begin: int) -> Edit | None:
    """The sentence around the link, if it only offers more to read, and none after it speaks of that.

    begin: where the search for its beginning starts.
    """
    if block.kind != "Paragraph" or any(block.around):
        return None
    at = bisect_right(block.sentence_ends, link.start)
    start = max(begin, block.sentence_ends[at - 1]) if at else begin
    end = block.sentence_ends[at]
    addresses = sum(one.end - one.text_end for one in block.links if start <= one.start < end)
    sentence = block.source[start:end].strip()
    blank, rest = block.prose[start - block.start : end - block.start].strip(), block.prose[end - block.start :]
    if (
        not (_FURTHER.match(sentence.lstrip("( ")) or _SEE.fullmatch(blank))
        or len(sentence) - addresses > LONGEST_POINTER
    ):
        return None
    if sentence.endswith(":") or _SPEAKS_OF_IT.match(block.source, end):
        return None
    return Edit(start, end if rest.strip() else block.end)
