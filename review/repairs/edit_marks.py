"""The words "EDIT:" and "UPDATE 2:" before a text that stands without them.

The text behind such a mark is a part of the answer like any other, unless it speaks about the answer's history: to whom
it replies, what was wrong before.
"""

from __future__ import annotations

import re

from review.criteria.parsed_response import ParsedResponse
from review.criteria.references import edit_marks
from review.repairs.verified_edits import NOTHING, Edit, Found, MarkdownText

# Each begins with a literal, which is searched for fast, and does not match "condition" or "the editor".
_HINTS = (
    re.compile(r"dit(?<=[Ee]dit)(?<![a-z].dit)(?:ed)?(?![a-z])"),
    re.compile(r"pdate(?<=[Uu]pdate)d?(?![a-z])"),
    re.compile(r"ddendum(?<=[Aa]ddendum)"),
    re.compile(r"EDIT"),
    re.compile(r"UPDATE"),
    re.compile(r"ADDENDUM"),
    re.compile(r"ETA"),
)
_MARK = re.compile(
    r"(?:\*\*|__|[*_])?(?:edit(?:ed)?|updated?|addendum)(?: ?#?\d{1,2})?(?: ?\([\w ,./-]{1,20}\))?"
    r"(?:(?:\*\*|__|[*_]):|:(?:\*\*|__|[*_])?|(?:\*\*|__|[*_]) ?[-–—]?(?=\s))[ \t]*\n?[ \t]*",
    re.I,
)
_OF_THE_HISTORY = re.compile(
    r"@|\b(?:comments?|commenters?|commented|thanks?|thx|credits?|pointed out|points out|noted|noticed|reali[sz]ed|"
    r"remembered|OP|edit(?:s|ed|or|ing)?|updated?|updates|added|included|fixed|corrected|corrections?|removed|"
    r"changed|rewritten|reworded|clarif\w+|wrong|mistaken?|misread|misunderst\w+|misinterpret\w*|typo|error in|"
    r"original(?:ly)?|previous(?:ly)?|earlier|just|sorry|oops|apolog\w+|since (?:then|posting)|answer(?:s|ed)?|"
    r"question|post(?:ed)?|did here|downvot\w+|upvot\w+|votes?|accepted|suggest(?:s|ed|ions?)?|as (?:per|requested|"
    r"asked)|requested|asked|ask|your|reply|response|no longer|outdated|obsolete|deprecated|"
    r"after some|new|found|neglected|forgot|omitted|right,|okay|ok|yes|no,|well,)\b",
    re.I,
)
_SENTENCE = re.compile(
    r"[A-Z*`\[\"“$]|(?:an?|the|this|that|these|it|in|on|for|if|when|while|as of|here|there|you|one|we|i|with|to)\b"
)


def may_find(text: str) -> bool:
    return any(hint.search(text) for hint in _HINTS)


def find(parsed: MarkdownText) -> Found:
    """The marks of a text, if what is behind each can stand without it: one of several would be misread alone."""
    starts = [start for start, _ in edit_marks(ParsedResponse.of("", parsed.text))]
    if not starts:
        return NOTHING
    places = []
    for start in starts:
        paragraph = parsed.paragraph_at(start)
        mark = paragraph and _MARK.match(parsed.text, paragraph.start)
        if paragraph and mark and start < mark.end() and _stands(parsed.text[mark.end() : paragraph.end]):
            places.append(_without_mark(parsed.text, paragraph.start, mark.end()))
    return Found(tuple(places)) if len(places) == len(starts) else Found(left=True)


def _stands(text: str) -> bool:
    return bool(_SENTENCE.match(text)) and not text.rstrip().endswith(":") and not _OF_THE_HISTORY.search(text)


def _without_mark(text: str, start: int, end: int) -> tuple[Edit, ...]:
    """The edits that take the mark away and make what follows begin as a sentence does."""
    mark = Edit(start, end)
    return (mark, Edit(end, end + 1, text[end].upper())) if text[end].islower() else (mark,)
