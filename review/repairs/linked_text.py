"""The links of a text by its paragraphs, list items and the like, and what a link's own text is.

`blocks` gives the blocks with their links. `Block.shape` is a block as the rules for sentences see it: links that name
something are [their text], those that only point are {their text}, and addresses are gone.
"""

from __future__ import annotations

import re
from bisect import bisect_left
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cached_property

from review.criteria.links import ADDRESS, MAY_HOLD_ADDRESS
from review.criteria.parsed_response import Span, blanked
from review.criteria.references import POST_OR_USER
from review.repairs.verified_edits import MarkdownText

BLOCKS = {"Paragraph", "Heading", "Item", "TableCell", "BlockQuote"}
LONGEST_END = 10  # characters that tell whether a sentence ends
FEWEST_WORDS = 3  # of a title
FEWEST_OF_TITLE = 5  # words, of which the first is capitalized
MARK = "\x00"  # where a link is in the text of its block; in its shape, what is left of the address

WORD = re.compile(r"[^\W\d_]{2,}")
NOUN = (
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
    r"two|three|wiki|wikipedia|blog|so|stack ?overflow|github|youtube|survey|review|share|wrote|written|published|"
    r"posted|gave|made|found|"
    r"\d+) )*" + NOUN + r"|(?:read|learn|see|find out|more)\b.{0,20}\bmore\b.*"
    r"|(?:freely |free |also )?(?:available|downloadable)(?: (?:free|freely|online|for|as|in|pdf|print))*"
    # "article that might help", "new paper on the subject"
    r"|(?:\w+ )?(?:article|paper|post|page|"
    r"video|talk|tutorial|thread|blog|essay|presentation)s? (?:on|in|at|from|by|about|which|that|explaining|"
    r"describing|showing)\b.*"
    r"|(?:\d+|[a-z]|[ivx]+)|[^\w]*)\W*",
    re.I,
)
_POINTS_SOMEWHERE = re.compile(
    r"^\W*(?:created|wrote|written|published|posted|shared|uploaded)(?=\s)|\b(?:this|these|here|links?|click)\b|^\W*(?:that|those|there|such|following|my|another|ones?)\b|\bones?$",
    re.I,
)
_ADDRESS = re.compile(
    r"\w+://|\bwww\.|(?:^|\s)[\w-]+(?:\.[\w-]+)*\.(?:com|org|net|edu|gov|io|uk|de|fr|ch|ca|eu|au|info|me|ly)(?:/|"
    r"\b)(?![(\w-])"
)
_OF_A_PAGE = re.compile(
    r"\b(?:pages?|articles?|articals?|posts?|threads?|blogs?|(?:web)?sites?|tutorials?|videos?|talks?|links?|slides)$"
    r"|^(?:wiki(?:pedia)?|github|msdn|mdn|youtube|google scholar|arxiv|pubmed|jstor)$",
    re.I,
)
# Where papers, books and posts are, whose titles are not part of a sentence.
_OF_TITLES = re.compile(
    r"arxiv|doi\.org|jstor|springer|sciencedirect|projecteuclid|ncbi|nature\.com|acm\.org|ieee|ams\.org|numdam|"
    r"amazon|"
    r"books\.google|scholar|citeseer|\.pdf\b|blog|/questions/\d|/q/\d|youtube|medium\.com|news",
    re.I,
)
# Texts of links to answers that speak of answers or who wrote them.
_AS_WHAT = re.compile(
    r"\b(?:comment(?:s|ed)?|answer(?:s|ed|er)?|mentioned|suggested|said|noted|explained|pointed out|this|here|my|"
    r"post|see)\b|['’]s\b",
    re.I,
)
_ABBREVIATIONS = "e.g i.e cf vs al etc Mr mr Mrs Dr Prof St Fig fig Eq eq Sec sec p pp vol ch Ch resp Ref approx"
_NOT_AFTER = "".join(rf"(?<!\b{re.escape(word)}\.)" for word in _ABBREVIATIONS.split())
# The mark comes first, for which Python searches fast.
_SENTENCE_END = re.compile(rf"[.!?]{_NOT_AFTER}(?<!\b[A-Z]\.)[)\"”]?(?=\s|$)")
_NEW_SENTENCE = re.compile(r"[)\"”]*(?:\s*\Z|\s+[A-Z0-9*_\"“\[`])")  # behind a link
_MARKER = re.compile(r"(?:[-*+]|\d+[.)])?\s*")  # of a list item
_NO_BRACKETS = str.maketrans("[]{}", "||||")  # which have a meaning in shapes
_AFTER_ADDRESS = ".,:;!?)]'\"*_"  # punctuation of the sentence


@dataclass
class Link:
    start: int
    end: int
    kind: str  # "Inline", "Autolink", "Reference" .., or "Bare" for an address without markup
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

    @property
    def can_be_cut(self) -> bool:
        return self.kind in {"Inline", "Autolink", "Bare"} and not self.has_image and not self.names_user_or_post

    @cached_property
    def names_user_or_post(self) -> bool:
        """Whether it is for criterion 4, which would not find it without the address."""
        post = POST_OR_USER.match(self.address)
        if not post or not (post["user"] or post["comment"] or post["answer"]):
            return False
        words = self.text.split()
        is_name = not words or (words[0][0].isupper() and len(words) < FEWEST_OF_TITLE)
        return bool(post["user"] or post["comment"] or is_name or _AS_WHAT.search(self.text))

    @cached_property
    def only_points(self) -> bool:
        """Whether its text says nothing without the address: "here", "this paper", "[1]", an address."""
        words = " ".join(self.text.split())
        return self.kind != "Inline" or bool(
            not WORD.search(words)
            or _POINTS.fullmatch(words)
            or _POINTS_SOMEWHERE.search(words)
            or _ADDRESS.search(words)
        )

    @cached_property
    def is_page(self) -> bool:
        """Whether it only says what is read there: "getting started page", "Wikipedia"."""
        return bool(_OF_A_PAGE.search(self.text))

    @cached_property
    def is_title(self) -> bool:
        """Whether the text is the title of a paper, an article or a question, which is not part of the sentence."""
        words = self.text.split()
        if len(words) < FEWEST_WORDS or not words[0][0].isupper():
            return False
        if "?" in self.text or ": " in self.text:
            return True
        big = sum(word[0].isupper() or len(word) < 4 for word in words)
        known, unknown = _OF_TITLES.search(self.address), "wikipedia" not in self.address and 2 * big > len(words)
        unknown = unknown and not words[-1][0].islower()
        return len(words) >= FEWEST_OF_TITLE and bool(known or unknown)


@dataclass
class Block:
    """A paragraph or the like."""

    kind: str
    around: tuple[str, ...]  # the blocks that it is in
    source: str  # the text that it is a part of
    start: int
    end: int
    text: str = ""  # with MARK in the place of each link
    links: list[Link] = field(default_factory=list)
    bare: list[Link] = field(default_factory=list)  # addresses without markup
    has_blocks: bool = False  # inside

    @cached_property
    def urls(self) -> list[Link]:
        """All that leads to other pages, in order."""
        return sorted([link for link in self.links if link.is_url] + self.bare, key=lambda link: link.start)

    @cached_property
    def _starts(self) -> list[int]:
        return [link.start for link in self.urls]

    def urls_in(self, start: int, end: int) -> list[Link]:
        """Those of the urls that begin in source[start:end]."""
        return self.urls[bisect_left(self._starts, start) : bisect_left(self._starts, end)]

    @cached_property
    def text_start(self) -> int:
        """Where its text starts, behind the marker of a list item."""
        marker = _MARKER.match(self.source, self.start, self.end) if self.kind == "Item" else None
        return marker.end() if marker else self.start

    @cached_property
    def text_end(self) -> int:
        """Where its text ends, before spaces and newlines."""
        return self.start + len(self.source[self.start : self.end].rstrip())

    @property
    def size_of_rest(self) -> int:
        """How many characters of its text are not in its links."""
        return len(self.text) - sum(link.end - link.start for link in self.bare)

    @cached_property
    def end_of_link(self) -> dict[int, int]:
        """The ends of the links that can be cut, by their starts."""
        return {link.start: link.end for link in self.urls if link.can_be_cut}

    @cached_property
    def shape(self) -> str:
        """Its source on one line, character by character, with [text] or {text} for links, then MARK to their ends."""
        pieces, done = [], self.start
        for link in self.urls:
            text = self.source[link.start + 1 : link.text_end] if link.kind == "Inline" else ""
            text = text.translate(_NO_BRACKETS)
            mark = f"{{{text}}}" if link.only_points or link.is_title or link.is_page else f"[{text}]"
            rest = self.source[done : link.start].translate(_NO_BRACKETS)
            pieces += [rest, mark.ljust(link.end - link.start, MARK)]
            done = link.end
        return "".join([*pieces, self.source[done : self.end].translate(_NO_BRACKETS)]).replace("\n", " ")

    @cached_property
    def sentence_ends(self) -> list[int]:
        """Where in the source its sentences end, and it itself."""
        spans = [Span(link.start - self.start, link.end - self.start) for link in [*self.links, *self.bare]]
        ends = [Span(link.end - self.start - 1, link.end - self.start) for link in self.links]
        closed = [
            span
            for span, link in zip(ends, self.links, strict=True)
            if _SENTENCE_END.search(link.text[-LONGEST_END:]) and _NEW_SENTENCE.match(self.source, link.end, self.end)
        ]
        prose = blanked(blanked(self.source[self.start : self.end], spans, "_"), closed, ".")
        return [*(self.start + match.end() for match in _SENTENCE_END.finditer(prose)), self.end]


def blocks(parsed: MarkdownText) -> list[Block]:
    """The blocks of a text, the inner before the outer."""
    every = list(_blocks(parsed))
    bare = list(_bare_addresses(parsed)) if any(MAY_HOLD_ADDRESS.search(block.text) for block in every) else []
    starts = [link.start for link in bare]
    taken: set[int] = set()
    for block in every if bare else ():
        inside = range(bisect_left(starts, block.start), bisect_left(starts, block.end))
        block.bare = [bare[n] for n in inside if n not in taken]
        taken.update(inside)
    return every


def _bare_addresses(parsed: MarkdownText) -> Iterator[Link]:
    tags = [one for one in parsed.elements if one.kind == "Start" and one.value in {"Link", "Image"}]
    rest = blanked(parsed.text, [Span(tag.start, tag.end) for tag in tags] + parsed.protected)
    for match in ADDRESS.finditer(rest):
        address = match[0].rstrip(_AFTER_ADDRESS)
        yield Link(match.start(), match.start() + len(address), "Bare", address)


def _blocks(parsed: MarkdownText) -> Iterator[Block]:
    blocks = [Block("", (), parsed.text, 0, len(parsed.text))]
    link: Link | None = None
    for element in parsed.elements:
        block = blocks[-1]
        match element.kind, element.value:
            case "Text" | "Code" | "InlineMath" | "SoftBreak" | "HardBreak", value:
                if link:
                    link.text += value or " "
                else:
                    block.text += value or " "
            case "Start", tag if tag in BLOCKS:
                block.has_blocks = True
                blocks.append(Block(tag, (*block.around, block.kind), parsed.text, element.start, element.end))
            case "Start", "CodeBlock" | "List":
                block.has_blocks = True
            case "End", tag if tag in BLOCKS:
                yield blocks.pop()
            case "Start", "Link":
                attributes = element.attributes or {}
                link = Link(element.start, element.end, attributes["link_type"], attributes["dest_url"])
                block.text += MARK
                block.links.append(link)
            case "End", "Link":
                link = None
            case "Start", "Image" if link:
                link.has_image, link.text_end = True, element.end
        if link and element.kind != "Start":
            link.text_end = max(link.text_end, element.end)
    yield from blocks
