"""What of a text only leads to a page elsewhere, and goes as a whole where a link cannot become its text.

Parentheses, "(see [here](..))"; clauses, ", as described [here](..),"; sentences, "[Here](..) is a good tutorial."; and
blocks of references, "See also:" before a list of links. The patterns look at the shape of a block (linked_text.py).
"""

from __future__ import annotations

import re
from bisect import bisect_left, bisect_right
from collections.abc import Iterator
from operator import attrgetter

from review.repairs.linked_text import MARK, Block, Link
from review.repairs.verified_edits import Edit, Element, MarkdownText

LONGEST_LEAD = 100  # characters before a link in which words point to it
FEWEST_BEFORE = 2  # words of a sentence before a clause that goes
LONGEST_REST = 60  # characters for each link, of a line that has nothing else
LONGEST_POINTER = 250  # characters of a sentence that only points on, without its addresses

# In shapes: any link, and one that only points or is a title.
_ANY = rf"(?:[{{\[][^\]}}]*[\]}}]{MARK}*)"
_POINTER = rf"(?:\{{[^\]}}]*\}}{MARK}*)"
_NEXT = r"(?:,? and |,? or |, |; | \| )"
_KIND = (
    r"(?:articles?|papers?|pages?|posts?|blogs?|blog posts?|tutorials?|videos?|talks?|discussions?|guides?|introductions?"
    r"|intro|overview|summary|links?|references?|resources?|questions?|threads?|documentation|docs|demo|review|"
    r"surveys?|account|treatment|read|start|starting point|place to start|write-?up|exposition|examples?|explanations?|"
    r"descriptions?|details?|info|information|background|reading|sites?|websites?|sources?|slides|lecture notes)"
)
_DETERMINERS = (
    r"(?:(?:the|this|that|these|those|my|his|her|their|our|its|a|an|some|another|also|e\.g\.,?|for example,?|"
    r"wikipedia(?:['’]s)?|following|very|really|excellent|good|great|nice|more|recent|related|similar|classic|short|"
    r"official|useful|helpful|interesting|original) ){0,4}"
)
_LINKS = rf"{_DETERMINERS}{_POINTER}(?: {_KIND})?(?:{_NEXT}{_DETERMINERS}{_POINTER})*"
_ABOUT = (  # what the page is about, or good for
    r"(?: (?:\((?:pdf|video|html)\) ?)?(?:for|on|about|of|if|which|that|with|from|by|in|to|as|at|where|explaining|describing|"
    r"showing|discussing)\b[^:;{}\[\]]{0,160})?"
)
_FOR_MORE = (
    r"(?: for (?:an?|the|some|more|further|additional|full|details?|info|information|examples?|reasons?|reference|"
    r"background|explanations?|discussion)\b[^.:;{}\[\]]{0,60})?"
)
_SAID = (
    r"(?:described|explained|shown|discussed|noted|mentioned|stated|outlined|seen|suggested|documented|detailed|"
    r"illustrated|demonstrated|indicated|introduced|listed|covered|proved|proven|derived)"
)
_SOFTENED = (
    r"(?:(?:also|and|but|then|please|so|you (?:can|may|might|could|should)(?: also)?(?: want to)?|"
    r"i(?:['’]d| would) (?:also )?(?:suggest|recommend)(?: you)?(?: to)?|e\.g\.,?|for example,?|for instance,?|"
    r"(?:for|if) [^,:;{}\[\]]{3,60},?|in addition,|additionally,) )*"
)
_LOOK = (
    r"(?:see|read|check|check out|look (?:at|here|into)|(?:have|take) a (?:quick |closer )?look (?:at|here)|refer to|"
    r"consult|watch|browse|cf\.?|compare)"
)
_WHOLE_SENTENCES = re.compile(
    "|".join(
        (
            # "Please see [this page] for more info"
            rf"{_SOFTENED}{_LOOK}(?: also)?,? {_LINKS.replace(_POINTER, _ANY)}{_ABOUT}",
            # "See this paper for a proof: https://..", "Read an introduction here: https://.."
            rf"{_SOFTENED}{_LOOK} (?:this|the|these|an?|some|various) [\w-]+{_ABOUT}(?: here)?: ?{_POINTER}",
            # "This post might help you imagine it: https://.."
            rf"(?:this|the following) {_KIND}\b[^:;{{}}\[\]]{{0,80}} (?:might|may|could|can|should|will) (?:help|"
            rf"be (?:useful|helpful|of interest))\b[^:;{{}}\[\]]{{0,80}}: ?{_POINTER}",
            # "Here is a good [tutorial] on that", "There is also [a paper] about it"
            rf"(?:also,? )?(?:here|there)(?:['’]s| is| are| was)(?: also)? {_LINKS}{_ABOUT}",
            # "Here is a good tutorial on knots: https://.."
            rf"(?:also,? )?(?:here|there)(?:['’]s| is| are| was)(?: also)? (?:an?|another|some|one)"
            rf"(?: [\w-]+){{0,3}} {_KIND}{_ABOUT}(?::|,| -| at| here:?)? ?{_POINTER}",
            # "[Here] is an example of its use, and [here] is another one"
            rf"\{{(?:here|this)\}}{MARK}* (?:is|are|was) (?:probably |also )*(?:an?|another|one|some|the|more)"
            rf"(?: [\w-]+){{0,3}} {_KIND}{_ABOUT}"
            rf"(?:,? and \{{(?:here|this)\}}{MARK}* (?:is|are) (?:an?|another|one|some)\b[^:;{{}}\[\]]{{0,100}})?",
            # "You can read about it [here]"
            rf"{_SOFTENED}(?:read|learn|find|find out)(?: [\w'’-]+){{0,8}}?(?: (?:in|at|on|from|over))? {_LINKS}{_ABOUT}",
            # "More on this [here]", "More details can be found in [this post]", "A good overview is [this paper]"
            rf"(?:some |much |a lot )?(?:more|further|additional)\b[^:;{{}}\[\]]{{0,80}}:? ?{_LINKS}{_ABOUT}",
            rf"(?:an?|another|one) (?:very |really )?(?:good|great|nice|excellent|useful|helpful|interesting) "
            rf"(?:[\w-]+ ){{0,2}}{_KIND}{_ABOUT} is {_LINKS}{_ABOUT}",
            # "The syntax is described [here]"
            rf"[^:;,{{}}\[\]]{{3,80}} (?:is|are|was|were|can be) (?:[\w]+ly |also |well )?{_SAID}"
            rf"(?: in (?:more |greater |great |full |some )?detail)?(?: (?:in|on|at|by)(?: the [\w .]{{0,30}})?)? {_LINKS}{_FOR_MORE}",
            # "A review of the book can be found on their website [here]"
            rf"[^:;,{{}}\[\]]{{0,40}}\b{_KIND}\b[^:;,{{}}\[\]]{{0,60}} can (?:also )?be found"
            rf"(?: (?:in|on|at|by)(?: the [\w .]{{0,30}})?)? {_LINKS}{_FOR_MORE}",
            # "You may find this post helpful: https://.."
            rf"you (?:may|might|could) (?:also )?find {_DETERMINERS}(?:{_KIND}: ?{_POINTER}|{_KIND} (?:helpful|useful|"
            rf"interesting|of interest): ?{_POINTER}|{_POINTER}(?: {_KIND})? (?:helpful|useful|interesting|of interest))",
            # "I also found [this page]"
            rf"i(?:['’]ve| have)? (?:also |just |recently )?(?:(?:found|came across|stumbled (?:up)?on) {_LINKS}|"
            rf"\{{found (?:this|these|an?) [^\]}}]*\}}{MARK}*){_ABOUT}",
        )
    ),
    re.I,
)
# What these sentences would lead to is a part of the answer: "Here is [the code]".
_PARTS = (
    r"(?:code|scripts?|proofs?|lists?|tables?|images?|pictures?|screenshots?|diagrams?|figures?|graphs?|plots?|"
    r"patch|implementations?|solutions?|downloads?|gists?|fiddles?|jsfiddles?|demos?|samples?|snippets?)"
)
_CONTENT = re.compile(
    rf"\{{[^\]}}]*\b{_PARTS}\b|\b{_PARTS} (?:(?:is|are|can be found) )?(?:(?:at|in|on|from) )?\{{", re.I
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
_LABEL = (
    r"(?:(?:project |home ?|product |blog |wikipedia |msdn |original |official |some |a few |other |more |useful |helpful |"
    r"related |relevant |additional |external |quoted |taken )*"
    r"(?:references?|refs?|sources?|see also|also see|further reading|reading|more info(?:rmation)?|more details|"
    r"details|links?|credits?|related|documentation|docs|learn more|read more|also of interest|via|citations?|"
    r"page|site|website|homepage|blog|repository|repo|github|wikipedia|msdn|mdn|article|paper|"
    r"related (?:questions?|posts?)|bibliography))"
)
# "Source: [The Book of Knots]", and a sentence that is nothing else than links.
_LABELLED = re.compile(
    rf"[*_]*(?:{_LABEL}[*_]*\.?(?: ?:[*_]*| -|(?<=see also)|(?<=also see)|(?<=of interest)|(?<=via)) ?)"
    rf"{_ANY}(?:(?:{_NEXT}|,? ){_ANY})*[*_]*",
    re.I,
)
_LINKS_ONLY = re.compile(rf"[*_]*{_ANY}(?:(?:{_NEXT}|,? ){_ANY})*[*_]*", re.I)
# A line of a list of links: "1. [The Book of Knots]", "Blog: [..]".
_LINE_OF_LINKS = re.compile(
    rf"(?:[-*+]|\d+[.)])?\s*(?:\\?\[\d+\\?\]:?\s*)?[*_]*(?:{_LABEL}[*_]*:?[*_]*\s*)?{_ANY}(?:(?:{_NEXT}|[,;|]?\s+){_ANY})*"
    r"[\s.*_\\]*",
    re.I,
)
_HEADING_OF_LINKS = re.compile(rf"[\s#*_]*{_LABEL}[\s*_]*:?[\s*_]*", re.I)
# "See the following articles for details:", before a list of links.
_LEADS_TO_LIST = re.compile(
    rf"{_SOFTENED}(?:(?:{_LOOK}|{_LABEL})\b[^:;{{}}\[\]]{{0,100}}|(?:here|there) are (?:some|a few|several) (?:more )?"
    r"(?:useful |helpful |good |related )*(?:links|references|articles|posts|further)\b[^:;{}\[\]]{0,60}):[*_]*",
    re.I,
)
# The last sentence before links, which they are a part of.
_ANNOUNCES = re.compile(r"\b(?:following|below|these|here (?:is|are)|try this)\b[^.!?\n]{0,120}[.!?]?[)*_]*\Z", re.I)
# After what would go: what begins so speaks of it, in the next block or the next sentence.
_LEANS_ON_BLOCK = re.compile(
    r"\s*(?:it(?!['’]s\b| is\b| was\b| seems\b| may\b| might\b)|they|this|that|these|those|he|she|his|her|its|their|"
    r"both|in particular|especially)\b",
    re.I,
)
_LEANS_ON_SENTENCE = re.compile(
    r"\s*(?:it|they|this|that|these|those|there|he|she|his|her|its|their|both|in particular|especially|then|also|so|but|"
    r"however|now|finally|second(?:ly)?|instead|otherwise|again|another|other|note)\b",
    re.I,
)
_WORDS = re.compile(r"[^\W\d_]")

# Around links that are all of a parenthesis, as in "(see [here] or [here] for details)".
_OPENS = re.compile(
    r":?(?:[ \t]*\n[ \t>]*)?[ \t]*\((?:(?:see|cf|e\.g|for example|for instance|also|here|from|via|source|docs?|link|"
    r"more|read|the|their|this|paper|article|described|explained|discussed|as|is|in|at|got it|taken|found|adapted|copied)"
    r"[.:,]*\s*)*$",
    re.I,
)
_BETWEEN = re.compile(
    r"(?:[\s,;/|]|\band\b|\bor\b|\balso\b|\bsee\b|\b(?:article|page|post|paper)\b|\bfor (?:more |further )?"
    r"(?:details?|info(?:rmation)?|more|example)\b|\bfor (?:[\w'’-]+ ){1,5}[\w'’-]+(?=\)))*",
    re.I,
)
# Clauses, and what ends them.
_SEE_CLAUSE = re.compile(
    r"(?:[,;:]| [-–—]+) (?:(?:and|but|also|please|e\.g\.,?|for example,?|for instance,?|or) )*(?:see|cf\.?)"
    rf"(?: also)?(?: e\.g\.,?)? {_LINKS}{_FOR_MORE}(?=[.!)]|\s*\Z)",
    re.I,
)
_AS_CLAUSE = re.compile(
    rf"(?:, (?:as )?(?:also )?(?:is )?{_SAID}(?: (?:in|by|at|on|from|over))? {_LINKS}|, as per {_LINKS}"
    rf"|, (?:as )?(?:you can|can be) seen? (?:in |on |at )?{_LINKS}"
    rf"|, \{{(?:as|for example|e\.g\.|see|like)\b[^\]}}]*\}}{MARK}*)(?=[,.;)]|\s*\Z)",
    re.I,
)
_AS_OPENING = re.compile(rf"As (?:also )?{_SAID}(?: (?:in|by|at|on))? {_LINKS}, (?P<next>[a-z])")
_FROM_HERE = re.compile(
    rf"(?: right)?(?: (?:from|at|via|over))? \{{(?:from |over )?here\}}{MARK}*(?=[.,;)!]|\s*\Z)", re.I
)
# "can be downloaded here: https://..", "PHPPass <https://..>", "holds [1](..).", "- Barnacle: https://.."
_FROM_ADDRESS = re.compile(rf" here: ?\{{\}}{MARK}+(?=[.,;)!]|\s*\Z)", re.I)
_AFTER_NAME = re.compile(rf" (?:\{{\}}{MARK}+|\(\{{\}}{MARK}+\))(?=[\s.,;)!?]|\Z)")
_CITATION = re.compile(
    rf"[ ,]*\{{[\s\\]*\d{{1,2}}[\s\\]*\}}{MARK}*(?:,? ?\{{[\s\\]*\d{{1,2}}[\s\\]*\}}{MARK}*)*(?=[.,;:)]|\s*\Z)"
)
_ITEM_ADDRESS = re.compile(rf"(?::| -| –)? ?\{{\}}{MARK}+(?=\s*\Z)")
_CLAUSES = (_SEE_CLAUSE, _AS_CLAUSE, _AS_OPENING, _FROM_HERE, _FROM_ADDRESS, _AFTER_NAME, _CITATION, _ITEM_ADDRESS)
# What stands before such a clause.
_ENDS_IN_NAME = re.compile(r"(?<=\s)(?:\w*[A-Z][\w.+#-]*\w|[A-Z]|`[^`]+`)[*_\"”’]*$")
_NEEDS_NUMBER = re.compile(
    r"\b(?:see|in|ref|refs|reference|references|from|and|by|step|section|chapter|of|to)\.?$", re.I
)
_ONLY_NAME = re.compile(
    r"[*_`]*(?!(?:See|Here|Source|Link|From|Via|Try|Use|Or|And|At|In)\b)[A-Z][\w.+#-]*(?: [\w.+#'’-]+){0,3}[*_`]*"
)
_CAN_BE_HAD = re.compile(
    r"\b(?:download(?:ed|able)?|install(?:ed)?|get|got|obtain(?:ed)?|available|grab)(?: \w+){0,6}$", re.I
)
# Whether a comma stays where a clause between two commas was.
_NEEDS_COMMA = re.compile(r"(?:when|if|as|since|while|for|in|after|before|because|although|though|unless|once)\b", re.I)
_GOES_ON = re.compile(r" (?:and|but|or|so|which|who|where)\b")
_CONJUNCTION = re.compile(r"\b(?:because|that|and|but|or|so|if|when|which|where|while)$", re.I)


def parenthesis(block: Block, link: Link) -> Edit | None:
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
    if end == link.start or not text.startswith(")", end):
        return None
    start, after = begin + opening.start(), text[end + 1 : end + 2]
    start += text[start] == ":" and after not in {".", ",", ";"}  # a colon that something else follows stays
    return Edit(start, end + 1, " " if after.isalnum() else "")


def clause(block: Block, link: Link, begin: int) -> Edit | None:
    """The clause around the link, without which its sentence stands."""
    start, end = _sentence(block, link, begin)
    shape = block.shape[start - block.start : end - block.start]
    for pattern in _CLAUSES:
        match = next((one for one in pattern.finditer(shape) if one.start() <= link.start - start < one.end()), None)
        if not match or not _can_go(block, start, match):
            continue
        before = shape[: match.start()].strip()
        if pattern is _AS_OPENING:
            return None if before else Edit(start, start + match.end(), match["next"].upper())
        if not _stands_before(pattern, before, block):
            continue
        stop = match.end()
        if pattern is _AS_CLAUSE and shape[stop : stop + 1] == ",":
            needs_comma = _NEEDS_COMMA.match(before) or _GOES_ON.match(shape, stop + 1)
            stop += not needs_comma or bool(_CONJUNCTION.search(before))
        ends_block = not shape[stop:].strip() and block.kind == "Paragraph" and start + len(shape) == block.end
        return Edit(start + match.start(), start + stop, "." if ends_block else "")
    return None


def _stands_before(pattern: re.Pattern[str], before: str, block: Block) -> bool:
    """Whether the beginning of a sentence stands without the clause of this pattern."""
    if pattern is _ITEM_ADDRESS:
        return "Item" in (block.kind, *block.around) and bool(_ONLY_NAME.fullmatch(before))
    if pattern in (_FROM_HERE, _FROM_ADDRESS):
        return bool(_CAN_BE_HAD.search(before))
    if pattern is _AFTER_NAME:
        return bool(_ENDS_IN_NAME.search(before))
    if pattern is _CITATION and _NEEDS_NUMBER.search(before):
        return False
    return len(before.split()) >= FEWEST_BEFORE


def _can_go(block: Block, start: int, match: re.Match[str]) -> bool:
    links = [link for link in block.urls if start + match.start() <= link.start < start + match.end()]
    return all(link.can_be_cut for link in links) and not _CONTENT.search(match[0])


def aside_sentence(block: Block, link: Link, begin: int) -> Edit | None:
    """The sentence around the link that is nothing else than links, or names them as its source."""
    start, end = _sentence(block, link, begin)
    shape = _words(block.shape[start - block.start : end - block.start])
    if _LABELLED.fullmatch(shape):
        return _cut(block, start, end)
    is_last = not block.source[end : block.end].strip()
    alone = start > block.start and (is_last or not link.is_title) and _LINKS_ONLY.fullmatch(shape)
    return _cut(block, start, end) if alone else None


def is_links_only(block: Block, link: Link) -> bool:
    """Whether the sentence around the link is nothing else than links, and no subject of a sentence after it."""
    start, end = _sentence(block, link, block.start)
    if block.kind == "Heading" or (start == block.start and block.source[end : block.end].strip()):
        return False
    return bool(_LINKS_ONLY.fullmatch(_words(block.shape[start - block.start : end - block.start])))


def sentence(block: Block, link: Link, begin: int) -> Edit | None:
    """The sentence around the link, if it only offers more to read, and none after it speaks of that."""
    if "BlockQuote" in block.around:
        return None
    start, end = _sentence(block, link, begin)
    shape = _words(block.shape[start - block.start : end - block.start])
    visible = shape.replace(MARK, "")
    if len(visible) > LONGEST_POINTER or visible.endswith(":"):
        return None
    if not _FURTHER.match(visible) and (not _WHOLE_SENTENCES.fullmatch(shape) or _CONTENT.search(shape)):
        return None
    return _cut(block, start, end)


def _sentence(block: Block, link: Link, begin: int) -> tuple[int, int]:
    """Where the sentence around a link starts and ends; begin: where the search for its beginning starts."""
    at = bisect_right(block.sentence_ends, link.start)
    start = max(begin, block.sentence_ends[at - 1]) if at else begin
    if block.kind == "Item" and start == block.start:
        start += len(re.match(r"(?:[-*+]|\d+[.)])?\s*", block.source[start : block.end])[0])  # type: ignore[index]
    return start, block.sentence_ends[at]


def _words(shape: str) -> str:
    """A sentence without the punctuation around it."""
    shape = shape.strip()
    if shape.startswith("("):
        shape = shape[1:]
    return shape.rstrip(".!?)").strip()


def _cut(block: Block, start: int, end: int) -> Edit | None:
    """The edit that takes a sentence out; None if another one leans on it, or it is all of its list item."""
    source, whole = block.source, block.source[start:end]
    is_first = not _WORDS.search(source[block.start : start])
    is_last = not source[end : block.end].strip()
    in_list = block.kind == "Item" or "Item" in block.around
    if (
        block.kind not in {"Paragraph", "Item"}
        or (block.kind == "Item" and block.has_blocks)
        or (is_first and is_last and in_list)
        or not all(link.can_be_cut for link in block.urls if start <= link.start < end)
        or (_LEANS_ON_BLOCK if is_last else _LEANS_ON_SENTENCE).match(source, end)
        or source[block.start : start].rstrip().endswith((":", ","))
    ):
        return None
    surplus = whole.count(")") - whole.count("(")
    if surplus < 0:
        return None
    if surplus:  # it is the last sentence of a parenthesis, which stays open without its end
        return Edit(start, start + whole.rindex(")"))
    if is_first and is_last:
        return Edit(start, block.end)
    if is_last:
        return Edit(start, block.start + len(source[block.start : block.end].rstrip()))
    if is_first:
        end += len(source[end : block.end]) - len(source[end : block.end].lstrip())
    return Edit(start, end)


# ---- blocks of references -------------------------------------------------------------------------------------------


def reference_blocks(parsed: MarkdownText, blocks: list[Block]) -> list[Edit]:
    """The edits that take out lists and paragraphs of nothing but links, with the words that lead to them.

    Without such words only at the end of the text.
    """
    tops = list(_outermost(parsed))
    inside = {block.start: block for block in blocks if not any(block.around)}
    ordered = sorted((block for block in blocks if block.kind), key=attrgetter("start"))
    only = [_has_only_links(top, ordered) for top in tops]
    edits: list[Edit] = []
    at = 0
    while at < len(tops):
        if not only[at]:
            at += 1
            continue
        last = at
        while last + 1 < len(tops) and only[last + 1]:
            last += 1
        is_last, before = last + 1 == len(tops), tops[at - 1] if at else None
        start = _start_of_lead(parsed, before, inside) if before else None
        if before and start is None and is_last and not parsed.text[: tops[at].start].rstrip().endswith((":", ",")):
            start = (
                tops[at].start
                if before.value != "Heading" and not _ANNOUNCES.search(parsed.text[: tops[at].start].rstrip())
                else None
            )
        if start is not None and (is_last or not _LEANS_ON_BLOCK.match(parsed.text, tops[last].end)):
            rules = [top for top in tops[:at] if top.value == "Rule" and top.end <= start]
            if is_last and rules and not parsed.text[rules[-1].end : start].strip():
                start = rules[-1].start
            edits.append(Edit(start, tops[last].end))
        at = last + 1
    return edits


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
    """Whether each line of a paragraph or item of a list is nothing but links that can go."""
    if top.value not in {"Paragraph", "List"}:
        return False
    first = bisect_left(ordered, top.start, key=attrgetter("start"))
    inside = ordered[first : bisect_left(ordered, top.end, key=attrgetter("start"))]
    return bool(inside) and all(
        block.kind in {"Paragraph", "Item"}
        and (
            (block.kind == "Item" and block.has_blocks and not block.urls)
            or (
                bool(block.urls)
                and block.size_of_rest <= LONGEST_REST * len(block.urls)
                and all(link.can_be_cut for link in block.urls)
                and all(_LINE_OF_LINKS.fullmatch(line) or _HEADING_OF_LINKS.fullmatch(line) for line in _lines(block))
            )
        )
        for block in inside
    )


def _lines(block: Block) -> list[str]:
    shape, source = block.shape, block.source[block.start : block.end]
    lines, begin = [], 0
    for match in re.finditer(r"\n|\Z", source):
        if line := shape[begin : match.start()].strip():
            lines.append(line)
        begin = match.end()
    return lines


def _start_of_lead(parsed: MarkdownText, before: Element, inside: dict[int, Block]) -> int | None:
    """Where the words before links begin that only lead to them: a heading, a paragraph or its last sentence."""
    block = inside.get(before.start)
    if block is None or block.urls and block.kind == "Heading":
        return None
    if _HEADING_OF_LINKS.fullmatch(parsed.text[before.start : before.end]):
        return before.start
    if block.kind != "Paragraph":
        return None
    ends = [end for end in block.sentence_ends if block.source[end : block.end].strip()]
    start = ends[-1] if ends else block.start
    text = block.source[start : block.end].strip()
    if _LEADS_TO_LIST.fullmatch(text.replace("\n", " ")):
        return start
    return None
