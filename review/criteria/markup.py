"""Criterion 3, valid Markdown: unclosed fences, math, tags and links, and TeX outside of math."""

from __future__ import annotations

import re
from collections.abc import Iterator

from review.criteria.parsed_response import Finding, ParsedResponse, environments
from review.criteria.word_lists import any_of, entries

CRITERION = 3
VOID_TAGS = frozenset(entries("void_tags"))
OPEN_ENDED_TAGS = frozenset(entries("open_ended_tags"))

_FENCE = re.compile(r"`{3,}|~{3,}")
_TAG = re.compile(r"<(/?)([A-Za-z][A-Za-z0-9]*)\b[^>]*?(/?)>")
_TEX = re.compile(rf"(?<![A-Za-z:\\/.])\\{any_of('tex_commands')}(?![A-Za-z])")
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
    """An unclosed fenced block runs to the end of the response, or of the quote or list that it is in."""
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
    """An unpaired $$ in a response with other TeX; without TeX it belongs to a shell or to PHP, or it is money."""
    if "$$" in parsed.prose and (parsed.math or _TEX.search(parsed.prose)):
        for match in re.finditer(r"\$\$", parsed.prose):
            yield "$$ without its other side", *match.span()


def _formulas(parsed: ParsedResponse) -> Iterator[Problem]:
    """Unpaired braces, or \\left and \\right: MathJax shows an error instead of the formula."""
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
