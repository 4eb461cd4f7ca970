"""Whether the text of a link says all that its sentence needs, so that it can stand without the address.

`[the bowline](https://..)` can stand as "the bowline"; "here", "this article" or an address cannot: without the address
the reader misses something. A title becomes text between quotation marks.
"""

from __future__ import annotations

import re
from itertools import pairwise

from review.criteria.references import POST_OR_QUESTION
from review.repairs import pointers
from review.repairs.linked_text import FEWEST_WORDS, MARK, NOUN, WORD, Block, Link
from review.repairs.verified_edits import Edit

ENOUGH_WORDS = 5  # outside of its links, for a block that is not a list of references, whatever is in its links
LARGEST_SHARE = 0.75  # of a block's letters that may be in its links, if it has fewer words
LONGEST_NAME = 5  # words
LONGEST_LEAD = 100  # characters before a link in which words point to it
QUOTING = ("*", "_", '"', "'", "“", "‘", "`", "«", "\\")

SET_OFF = set('"“”«»*')  # a part of a title, that is not put between quotation marks again

_WEB = re.compile(r"(?:https?:)?//|/", re.I)
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
    r"|\bmore (?:\w+ ){0,4}(?:at|on|in|from) $|\b(?:help|helpful|useful|interesting|relevant):\s*$"
    r"|\b(?:wrote|written|made|created|published|posted) (?:an?|some)(?: [\w-]+)? $"
    r"|(?:^|[(.!?:,]\s*|\b(?:and|also|then|but|so) )here(?:['’]?s| is| are| was)\b[^.,!?\n]*$",
    re.I,
)
_NAME = re.compile(r"[A-Z0-9_.]|\(\)")
_ENCYCLOPEDIA = re.compile(r"wiki|mathworld|ncatlab|britannica|plato\.stanford|dictionary|proofwiki", re.I)
_OF_SOMETHING = re.compile(r"\b(?:from|of|in|by|with)(?: the)?(?: (?!this |these |following )\w+)? $", re.I)
_HAS_IT = re.compile(
    r"\b(?:available (?:at|from|on|in)|download(?:ed)? (?:from|at|it)|"
    r"(?:found|listed) (?:at|on|in|under)(?: the| my)?)\W*$",
    re.I,
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
_SAYS_MORE = re.compile(r"\s*(?!and\b|or\b)[\w`$\"'“‘–—-]")
_NO_SUBJECT = re.compile(r"\s*(?:[^\w\s(`$]|$)")
_VERB = re.compile(r"[a-z]+(?:ed|ing)")
# "Klein (2003)", which only a list of references explains.
_AUTHOR_AND_YEAR = re.compile(
    r"[A-Z][\w'’-]+(?:,? (?:and|&|et al\.?|[A-Z][\w'’.-]+)){0,5}"
    r"(?:,? ?[(\[]?(?:19|20)\d\d[a-z]?[)\]]?|(?<= et al)\.?|(?<= et al\.))"
)
_NUMBERED = re.compile(r"\([A-Z]{2,}[ -]?\d+\)")  # "(SE 1)", the mark of a reference
_PROMISES = re.compile(r"\((?:[^()]*\b)?(?:download|pdf|video|free|link)\b", re.I)  # "(free download)"
_ONLY_LINKS = re.compile(r"(?:,? and |,? or |, |[ .])*")  # after a colon: "Example notes: [..] and [..]"
_SURNAME = re.compile(r"[A-Z][\w'’-]+")
_NAME_AND_REMARK = re.compile(rf"{MARK}(?::| [-–—]| \() ?\S*\w")
_BY_SOMEONE = re.compile(r"\bby [A-Z]|\((?:[^()]{0,40}[ ,])?(?:19|20)\d\d\)")
_OF_A_PAGE = re.compile(
    r" (?:wiki(?:pedia)? )?(?:entry|article|pages?|site|website|link|post|question|answer|paper|video|examples?|"
    r"section|chapter|documentation|docs)\b",
    re.I,
)
# "Use [Robocopy]", before a name that is all that is recommended.
_RECOMMENDS = re.compile(
    r"(?:(?:i|you|we|they) (?:can |could |would |might |may |should |also )*|just |please )?"
    r"(?:why not )?(?:use|try|consider|recommend|like|prefer|install|love|suggest)d?\b[^:]*$",
    re.I,
)


class TextAround:
    """The text around the links of a block, which tells whether their own can stand."""

    def __init__(self, block: Block):
        self.block = block
        self.stands = _stands(block)
        self._around: dict[int, tuple[str, str]] = {}
        before = ""
        for link, (piece, after) in zip(block.links, pairwise(block.text.split(MARK)), strict=False):
            before = (before + piece)[-2 * LONGEST_LEAD :]
            self._around[link.start] = (before, after)
            before += link.text

    def may_be_alone(self, link: Link) -> bool:
        """Whether its sentence may be nothing else than links; whether it is, takes longer to find out."""
        if link.start not in self._around or link.text.endswith((".", "!", "?")):
            return True
        return not _SAYS_MORE.match(self._around[link.start][1])

    def unlinked(self, link: Link) -> tuple[Edit, Edit] | None:
        """The edits that leave the text of a link; None if it cannot stand without the address."""
        before, after = self._around.get(link.start, ("", ""))
        if (
            self.stands
            and _is_plain(self.block.source, link)
            and _says_enough(self.block.source, link, before, after)
            and not _is_aside(self.block, link)
            and not (self.may_be_alone(link) and pointers.is_links_only(self.block, link))
        ):
            return _unlinked(self.block.source, link, before, after)
        return None


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


def _unlinked(text: str, link: Link, before: str, after: str) -> tuple[Edit, Edit]:
    """The edits that leave the text of a link, in quotation marks where it is a title or a tag amid a sentence."""
    plain = text[link.start + 1 : link.text_end]
    quoted = (
        (_is_tag(link) or link.is_title or _is_read(link, before, after))
        and not plain.startswith(QUOTING)
        and not set(plain) & SET_OFF
        and not before.rstrip("([").endswith(QUOTING)
    )
    mark = '"' if quoted else ""
    return Edit(link.start, link.start + 1, mark), Edit(link.text_end, link.end, mark)


def _is_tag(link: Link) -> bool:
    return bool(_TAG.search(link.address)) and len(link.text.split()) < FEWEST_WORDS


def _is_read(link: Link, before: str, after: str) -> bool:
    """Whether it is the title of what one is to read: "See [Evolving robots learn to lie]", "[On Knots] by Ada"."""
    words = link.text.split()
    if len(words) < 2 or not words[0][0].isupper():
        return False
    if _BY.match(after) and _in_title_case(words):
        return True
    if len(words) < FEWEST_WORDS or _ENCYCLOPEDIA.search(link.address):
        return False
    known = _BOOK.search(link.address) or _OF_A_WORK.search(before) or _BY.match(after)
    return bool(known or (len(words) > FEWEST_WORDS and _READ.search(before)))


def _in_title_case(words: list[str]) -> bool:
    return all(word[0].isupper() or len(word) < 4 for word in words)


def _is_aside(block: Block, link: Link) -> bool:
    """Whether it is a remark in parentheses that only leads on, and no term: "([how to measure distance](..))"."""
    if any(map(str.isupper, link.text)) or "`" in block.source[link.start : link.text_end]:
        return False
    around = pointers.parenthesis(block, link)
    return around is not None and (len(link.text.split()) >= FEWEST_WORDS or bool(block.urls_in(link.end, around.end)))


def _is_alone(text: str, link: Link) -> bool:
    """Whether nothing else is on its line."""
    before = text[max(0, link.start - LONGEST_LEAD) : link.start].rpartition("\n")[2]
    after = text[link.end : link.end + LONGEST_LEAD].partition("\n")[0]
    return not WORD.search(before) and not WORD.search(after)


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
        or (len(words) >= FEWEST_WORDS and _in_title_case(words))
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
        or _NUMBERED.fullmatch(words)
        or _PROMISES.search(words)
        or (before.rstrip().endswith(":") and _ONLY_LINKS.fullmatch(after) and not _RECOMMENDS.match(before))
        or (_AUTHOR_AND_YEAR.fullmatch(words) and not _is_named_twice(text, _SURNAME.findall(words)[0]))
        or (link.is_page and _LOOKED_AT.search(before))
        or (_VERB.fullmatch(words) and _ENCYCLOPEDIA.search(link.address) and words not in link.address.lower())
        or (not before.strip() and len(words.split()) > FEWEST_WORDS and not link.is_title and _NO_SUBJECT.match(after))
        or (_OF_A_PAGE.match(after) and not _TAG.search(link.address))
    )


def _is_named_twice(text: str, name: str) -> bool:
    return text.find(name, text.find(name) + 1) >= 0


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
