"""The final answer in what a model wrote: without preamble, label, markup and remarks, and never a draft.

What is taken back ("Wait, that is wrong. Corrected: ..") is left out with all that comes before it, so that nothing
may be left. Of several answers the last complete one counts.
"""

from __future__ import annotations

import re
from collections.abc import Callable

# ---- labels ----------------------------------------------------------------------------------------------------------
_LATER = r"(?:final|corrected|revised|improved|rewritten|reworded)"
_NOUN = r"(?:question|answer|answered|topics?|response|output|result|version|paragraph|q|a)"
_MARKER = r"^[ \t]*(?:[-*+•] +|\d{1,2}[.)] +)?"
_LABEL = re.compile(rf"{_MARKER}(?:{_LATER} |the |short |long |new )*{_NOUN}(?: ?#?\d+)?[ \t]*:[ \t]*", re.I | re.M)
_AFTER_DRAFT = re.compile(rf"{_MARKER}(?:the )?(?:{_LATER}(?: \w+){{0,2}}|correction)[ \t]*:[ \t]*", re.I | re.M)
_NEXT_LABEL = re.compile(r"\n(?=[^\n:]{1,30}:)")
_ITEM = re.compile(r"^[ \t]*(?:[-*+•] +|\d{1,2}[.)] +)(?=\S)", re.M)

# ---- markup ----------------------------------------------------------------------------------------------------------
_FENCE = re.compile(r"^[ \t]*(?:```|~~~)(?:text|plaintext|markdown|md)?[ \t]*$", re.M)
_RULE = re.compile(r"^[ \t]*(?:-{3,}|\*{3,})[ \t]*$|^[ \t]*> ?", re.M)
_HEADING = re.compile(r"^[ \t]*#{1,6} +(.*?)[ \t#:]*$", re.M)
_BOLD = re.compile(r"(?<![\w*])(\*{1,3})(?=[^\s*])([^*\n]+?)(?<=[^\s*])\1(?![\w*])|(?<!\w)__([^_\n]+[\s:?.!][^_\n]*)__")
_QUOTES = ('""', "“”", "''", "‘’", "``")

# ---- what is said besides the answer ---------------------------------------------------------------------------------
_TAKEN_BACK = re.compile(
    r"(?:^|(?<=[.!?)]\s)|\()[ \t]*(?:no, )?(?:"
    r"(?:wait|hmm+|oops|sorry|scratch that|on second thought)\b[,.!:;—–-]"
    r"|let me (?:correct|fix|rephrase|reword|revise|redo|rewrite|reconsider|try again)"
    r"|(?:that|this)(?: \w+)? (?:is|was) (?:wrong|incorrect|a mistake|not (?:quite )?(?:right|correct))(?=[.,:;!]|$)"
    r"|i (?:made a mistake|need to (?:correct|fix|rephrase|revise)|should (?:correct|rephrase|revise))"
    r"|my mistake)[^.!?:\n]*(?:[.!?:]+|$)\)?",
    re.I | re.M,
)
_PREAMBLE = re.compile(
    r"(?:sure|certainly|of course|absolutely|okay|ok|alright|great|here(?:'s| is| are)|based on|below is|the following"
    r"|i(?:'ll| will| would|'d))\b",
    re.I,
)
_MOST_WORDS = 15  # of a preamble
_REMARK = re.compile(
    r"\(?(?:i hope|hope (?:this|that)|let me know|feel free|please (?:let|note)|would you like|do you want|is there any"
    r"|if you (?:have|need|want|would|'d)|note:|explanation:|this (?:question|answer|paragraph|response)\b)",
    re.I,
)


def final_answer(text: str) -> str:
    """The last answer, of one or more paragraphs."""
    paragraphs, _ = _last_paragraphs(text)
    preambles = [at for at, each in enumerate(paragraphs[:-1]) if _is_preamble(each)]
    return _bare("\n\n".join(paragraphs[preambles[-1] + 1 if preambles else 0 :]))


def short_answer(text: str) -> str:
    """The last answer of one paragraph, as one line: the one after the last label, or else the last paragraph."""
    paragraphs, labelled = _last_paragraphs(text)
    if not paragraphs:
        return ""
    answer = _NEXT_LABEL.split(paragraphs[0])[0] if labelled else paragraphs[-1]
    return _bare(" ".join(_ITEM.sub("", answer).split()))


def listed(text: str, most: int) -> str:
    """The first different items of the last list, as one line with semicolons. Small models repeat theirs for ever."""
    lines = [line for paragraph in _last_paragraphs(text)[0] for line in paragraph.split("\n")]
    lines = [line for line in lines if ";" in line][-1:] or [line for line in lines if _ITEM.match(line)] or lines[-1:]
    items = (_bare(_ITEM.sub("", item)) for line in lines for item in _bare(line).split(";"))
    return "; ".join(list(dict.fromkeys(filter(None, items)))[:most])


def last_question(text: str, first_word: str, is_complete: Callable[[str], bool]) -> str:
    """The last complete question that begins with a word, or else the last line."""
    lines = [_bare(_ITEM.sub("", _LABEL.sub("", line))) for line in _plain(text).split("\n")]
    lines = [line for line in lines if line]
    begins = re.compile(rf"(?:^|(?<=[:.!?—–-] )|(?<=[\"“‘'(])){first_word}\b")
    for line in reversed(lines):
        found = (_bare(line[match.start() :].rstrip("\"”’')")) for match in begins.finditer(line))
        if complete := next(filter(is_complete, found), None):
            return complete
    return lines[-1] if lines else ""


def _last_paragraphs(text: str) -> tuple[list[str], bool]:
    """The paragraphs after the last label, or all if there is none, without remarks at their end; whether there is."""
    text = _plain(text)
    labels = list(_LABEL.finditer(text))
    text = text[labels[-1].end() :] if labels else text
    paragraphs = [paragraph.strip() for paragraph in re.split(r"\n[ \t]*\n", text) if paragraph.strip()]
    while len(paragraphs) > 1 and _REMARK.match(paragraphs[-1]):
        paragraphs.pop()
    return paragraphs, bool(labels)


def _plain(text: str) -> str:
    """A text without markup, and without what it takes back or corrects."""
    text = _RULE.sub("", _FENCE.sub("", text.replace("\r\n", "\n")))
    text = _BOLD.sub(lambda bold: bold[2] or bold[3], _HEADING.sub(r"\n\1:\n", text))
    ends = [match.end() for pattern in (_TAKEN_BACK, _AFTER_DRAFT) for match in pattern.finditer(text)]
    return text[max(ends, default=0) :]


def _is_preamble(paragraph: str) -> bool:
    few = len(paragraph.split()) <= _MOST_WORDS
    return few and (paragraph.endswith(":") or bool(_PREAMBLE.match(paragraph)))


def _bare(text: str) -> str:
    """A text without quotation marks around it."""
    text = text.strip()
    return text[1:-1].strip() if len(text) > 1 and text[0] + text[-1] in _QUOTES else text
