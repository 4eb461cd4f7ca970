"""Criterion 3, valid Markdown: fences, math, tags and links that are not closed, and TeX outside of math."""

from __future__ import annotations

import re
from collections.abc import Iterator

from review.criteria.parsed_response import Finding, ParsedResponse, environments

CRITERION = 3
VOID_TAGS = frozenset("area base br col embed hr img input link meta source track wbr".split())
# Elements whose end tag HTML lets one leave out.
OPEN_ENDED_TAGS = frozenset("p li dt dd tr td th thead tbody tfoot colgroup option".split())

_FENCE = re.compile(r"`{3,}|~{3,}")
_TAG = re.compile(r"<(/?)([A-Za-z][A-Za-z0-9]*)\b[^>]*?(/?)>")
_TEX = re.compile(
    r"(?<![A-Za-z:\\/.])\\(?:frac|sqrt|sum|int|prod|alpha|beta|gamma|delta|epsilon|theta|lambda|sigma|mathbb|mathcal|"
    r"mathrm|mathbf|mathfrak|"
    r"operatorname|leq|geq|neq|infty|partial|cdot|times|subset|forall|exists|rightarrow|Rightarrow|overline|"
    r"binom)(?![A-Za-z])"
)
_BROKEN_LINK = re.compile(
    r"\]\s?\((?:https?://|www\.)|(?<![\w\])])\[(?=[^\[\]\n]{0,200}?[A-Za-z]{3})[^\[\]\n]{1,300}\]\[\d+\](?![\[\w])"
)
_SIDE = re.compile(r"\\(left|right)(?![A-Za-z])")


def find(parsed: ParsedResponse) -> Iterator[Finding]:
    for problems in (_fences, _environments, _dollars, _formulas, _bare_tex, _tags, _links):
        for reason, start, end in problems(parsed):
            yield Finding(CRITERION, reason, start, end)


Problem = tuple[str, int, int]  # reason, start, end


def _fences(parsed: ParsedResponse) -> Iterator[Problem]:
    """A fenced block that no fence closes runs to the end of the response, or of the quote or list that it is in."""
    for start, end in parsed.code:
        block = parsed.response[start:end]
        if (fence := _FENCE.match(block)) and "\n" in block:
            last = block.rstrip().rpartition("\n")[2].strip(" \t>")
            if not (last.startswith(fence[0]) and not last.strip(fence[0][0])):
                yield "unclosed code fence", start, start + len(fence[0])


def _environments(parsed: ParsedResponse) -> Iterator[Problem]:
    texts = [(0, parsed.prose)] if "\\" in parsed.prose else []
    for place, text in texts + [(start, parsed.response[start:end]) for start, end in parsed.math]:
        if "\\begin" in text or "\\end" in text:
            for start, end in environments(text)[1]:
                yield "TeX environment without its other side", place + start, place + end


def _dollars(parsed: ParsedResponse) -> Iterator[Problem]:
    """$$ that has no other $$, in a response that has other TeX: elsewhere it is a shell's or PHP's, or money."""
    if "$$" in parsed.prose and (parsed.math or _TEX.search(parsed.prose)):
        for match in re.finditer(r"\$\$", parsed.prose):
            yield "$$ without its other side", *match.span()


def _formulas(parsed: ParsedResponse) -> Iterator[Problem]:
    """Braces, and \\left and \\right, that do not pair: MathJax shows an error in the place of the formula."""
    for start, end in parsed.math:
        formula = parsed.response[start:end]
        if "{" in formula or "}" in formula or "\\left" in formula or "\\right" in formula:
            bare = re.sub(r"\\[\\{}%]", "", formula)
            sides = [match[1] for match in _SIDE.finditer(bare)]
            if "%" not in bare and (bare.count("{") != bare.count("}") or sides.count("left") != sides.count("right")):
                yield "formula with an unpaired brace", start, end


def _bare_tex(parsed: ParsedResponse) -> Iterator[Problem]:
    if "\\" in parsed.prose:
        for match in _TEX.finditer(parsed.prose):
            yield "TeX outside of math", *match.span()


def _tags(parsed: ParsedResponse) -> Iterator[Problem]:
    opened: dict[str, list[tuple[int, int]]] = {}
    for place, stop in parsed.html:
        for match in _TAG.finditer(parsed.response, place, stop):
            name = match[2].lower()
            if name in VOID_TAGS or name in OPEN_ENDED_TAGS or match[3]:
                continue
            if not match[1]:
                opened.setdefault(name, []).append(match.span())
            elif opened.get(name):
                opened[name].pop()
            else:
                yield "HTML tag without its other side", *match.span()
    for spans in opened.values():
        for start, end in spans:
            yield "HTML tag without its other side", start, end


def _links(parsed: ParsedResponse) -> Iterator[Problem]:
    if "](" in parsed.prose or "] (" in parsed.prose or "][" in parsed.prose:
        for match in _BROKEN_LINK.finditer(parsed.prose):
            yield "broken link", *match.span()
