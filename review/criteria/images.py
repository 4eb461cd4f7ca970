"""Criterion 7, information lost with the question: images and attachments that the answer depends on.

A data set holds only text, so an image is lost even if its address is still there.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from review.criteria.parsed_response import Finding, ParsedResponse, blanked
from review.criteria.rules import Rules, find_by_rules, rule

CRITERION = 7
FEWEST_WORDS = 4  # of two letters or more, in a question that is more than its images

PICTURE = "(?:pictures?|screen ?shots?|photos?|photographs?)"  # certainly images, while a diagram may be TeX
IMAGE = "(?:pictures?|screen ?shots?|figures?|diagrams?|photos?|photographs?|drawings?|sketch(?:es)?|images?)"
ANY_IMAGE = (
    "(?:pictures?|screen ?shots?|figures?|diagrams?|photos?|drawings?|images?|graphs?|plots?|charts?|illustrations?)"
)
FILE = "(?:file|image|picture|pdf|PDF|document|screenshot|code|spreadsheet)"
OF_THE_QUESTION = "(?:your|the OP['’]s|OP['’]s|the question['’]s)"
POSTED = r"(?:you (?:\w+ )?(?:posted|attached|uploaded|linked|included|provided|shared|showed|drew|gave|have shown))"
# Not "your image file", "your plots below", "that image format".
AS_SUCH = (
    r"\b(?! (?:file|format|size|viewer|frame|element|tag|class|process\w+|recogni\w+|generat\w+|below|following)s?\b)"
)

LEANS = rule(
    "leans on an image of the question",
    ["picture", "screenshot", "screen shot", "figure", "diagram", "photo", "drawing", "sketch", "image", "attach"],
    r"\b(?:[Ii]n|[Oo]n|[Ff]rom|[Ss]ee|[Aa]t|[Aa]s|[Oo]f|[Tt]o|[Bb]y|[Pp]er) "
    rf"{OF_THE_QUESTION} (?:\w+ )?{PICTURE}{AS_SUCH}",
    rf"\b[Tt]he {IMAGE} (?:that )?(?:{POSTED}|in (?:your|the) (?:question|post|OP))\b",
    rf"\b(?:[Tt]he|[Yy]our) (?:attached {FILE}|attachments?) (?:you|is|are|shows?|contains?|in your)\b",
    rf"\b[Yy]our attach(?:ed {FILE}|ments?)\b",
)
LEANS_IF_THERE_IS_ONE = rule(
    "leans on an image of the question",
    ["image", "graph", "plot", "chart", "illustration", "picture", "screenshot", "figure", "diagram", "photo"],
    rf"\b(?:[Ii]n|[Oo]n|[Ff]rom|[Ss]ee|[Aa]t|[Aa]s) (?:your|that|the question['’]s) {ANY_IMAGE}{AS_SUCH}",
    rf"\b(?:[Ii]n|[Oo]n|[Ff]rom|[Ss]ee|[Aa]t|[Aa]s) the (?:figure|screen ?shot|diagram|graph|plot|chart){AS_SUCH}",
    rf"\byou(?:['’]re| are)? (?:see|seeing|have|show|posted) in the {ANY_IMAGE}{AS_SUCH}",
)
LOST_OF_ITS_OWN = rule(
    "an image that is not there",
    ["picture", "screenshot", "figure", "diagram", "photo", "image"],
    rf"\b(?:[Ss]ee|[Ii]n|[Aa]s|[Ff]rom) (?:shown )?(?:in )?(?:the|this) {IMAGE} (?:above|below)\b",
)
RULES = Rules(LEANS, LEANS_IF_THERE_IS_ONE, LOST_OF_ITS_OWN)
_WORD = re.compile(r"[^\W\d_]{2,}")
_MARKDOWN_IMAGE = re.compile(r"\[?!\[[^\]]*\]\([^)\s]*(?:\s[^)]*)?\)(?:\]\([^)\s]*\))?")


def find(parsed: ParsedResponse) -> Iterator[Finding]:
    has_own = any(link.is_image for link in parsed.links) or "<img" in parsed.response
    in_question = "![" in parsed.instruction
    rules = [LEANS]
    if in_question and not has_own:
        rules.append(LEANS_IF_THERE_IS_ONE)
    elif not has_own and not parsed.code and not parsed.links:
        rules.append(LOST_OF_ITS_OWN)
    yield from find_by_rules([rule for rule in RULES.possible(parsed) if rule in rules], CRITERION, parsed)
    if in_question and _is_little_but_an_image(parsed.instruction.partition("\n")[2]):
        yield Finding(CRITERION, "the question is little but an image", *parsed.whole)
    if has_own and not blanked(parsed.prose, parsed.links).strip():
        yield Finding(CRITERION, "nothing but an image", *parsed.whole)


def _is_little_but_an_image(body: str) -> bool:
    return "![" in body and len(_WORD.findall(_MARKDOWN_IMAGE.sub("", body))) <= FEWEST_WORDS
