"""The words "EDIT:" and "UPDATE 2:" before a text that stands without them.

The text behind such a mark is a part of the answer like any other, unless it speaks about the answer's history: to whom
it replies, what was wrong before. A note that is nothing else ("Edit: fixed a typo") goes with its mark.
"""

from __future__ import annotations

import re

from review.criteria.references import edit_marks
from review.repairs.sentences import next_word, stripped_end
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
_MONTH = r"(?:jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec)[a-z]*\.?"
_DATE = (
    rf"(?:\([\w ,./-]{{1,20}}\)|{_MONTH} \d{{4}}|"
    rf"(?:{_MONTH} )?\d{{1,4}}(?:st|nd|rd|th)?(?:[ ,./-]{{1,2}}(?:{_MONTH}|\d{{1,4}})){{0,2}})"
)
_MARK = re.compile(
    r"\(?(?P<opened>\*\*|__|[*_])?(?:edit(?:ed)?|updated?|addendum)(?: to add)?"
    rf"(?: ?#?\d{{1,2}}(?!\d|[./-]\d))?(?:,? ?{_DATE})?"
    r"(?:(?P<closed>\*\*|__|[*_]):| ?:(?P<closed_behind>\*\*|__|[*_](?![*_]))?|"
    r"(?P<bold>\*\*|__|[*_]) ?[-–—]?(?=\s|\Z|\\))\\?[ \t]*\n?[ \t]*",
    re.I,
)
_HEADING = re.compile(
    r"(?P<level>#{1,6}[ \t]+)(?:edit|update|addendum)(?: ?\d{1,2})?(?P<behind>: ?|[ \t]*(?=\n))", re.I
)
_OF_THE_HISTORY = re.compile(
    r"@|\b(?:comments?|commenters?|commented|thanks?|thx|credits?|pointed out|points out|noted|noticed|reali[sz]ed|"
    r"remembered|OP|edit(?:s|ed|or|ing)?|updated?|updates|added|adding|included|fixed|corrected|corrections?|removed|"
    r"changed|rewritten|reworded|clarif\w+|wrong|mistaken?|misread|misunderst\w+|misinterpret\w*|typo|error in|"
    r"original(?:ly)?|previous(?:ly)?|earlier|just (?:saw|tried|tested|checked|learned|discovered|found|read)|sorry|"
    r"oops|apolog\w+|since (?:then|posting)|answer(?:s|ed)?|question|post(?:ed)?|did here|downvot\w+|upvot\w+|votes?|"
    r"accepted|suggest(?:ed|ions?)|as (?:per|requested|asked)|requested|asked|asks?|reply|response|"
    r"(?:other|the|your|some) (?:remarks?|feedback)|no longer|outdated|obsolete|deprecated|after some|"
    r"thinking about (?:this|it)|second thought|(?-i:new)|neglected|forgot|omitted|right,|okay|ok|yes|no,|well,)\b",
    re.I,
)
_SENTENCE = re.compile(
    r"[A-Z*`\[\"“$]|(?:an?|the|this|that|these|it|in|on|for|if|when|while|as of|here|there|you|one|we|i|with|to)\b"
)


def may_find(text: str) -> bool:
    return any(hint.search(text) for hint in _HINTS)


_BLANK_LINE = re.compile(r"\n[ \t]*\n")
# The whole of a note about the answer: what was done to a part of it. "Update: removed the driver" is about something
# else.
_DONE = (
    r"(?:fixed|corrected|added|included|removed|changed|updated|clarified|reworded|edited|rewrote|reformatted|improved)"
)
_PART = (
    r"(?:examples?|typos?|links?|code|snippets?|details?|explanations?|references?|images?|pictures?|formatting|spelling|"
    r"grammar|errors?|mistakes?|clarifications?|wording|title|sentences?|paragraphs?|sections?|answer|post)"
)
_NOTE = re.compile(
    rf"(?:I(?:['’]ve| have)? )?(?:just |also |now )?{_DONE} (?:[\w'’-]+ ){{0,5}}?{_PART}(?: (?:to|for|of|from|at|on) "
    r"[^.,:;!?\d]{1,80})?|"
    rf"(?:a |an |some |small |minor |the )*(?:\w+ )?{_PART} (?:{_DONE}|fix(?:es)?|corrections?)|"
    r"(?:fixed |minor )?(?:typos?|formatting|spelling|grammar)|"
    r"[\w .'’-]{1,40} beat me to (?:it|this|the punch)[^.:;!?]{0,30}",
    re.I,
)


def find(parsed: MarkdownText) -> Found:
    """The marks of a text, if what is behind each can stand without it: one of several would be misread alone."""
    response = parsed.response
    starts = [start for start, _ in edit_marks(response)]
    if not starts:
        return NOTHING
    places = [place for start in starts if (place := _place(parsed, response.own, start))]
    return Found(tuple(places)) if len(places) == len(starts) else Found(left=True)


def _place(parsed: MarkdownText, own: str, start: int) -> tuple[Edit, ...] | None:
    """The edits that take away the mark that begins at `start`, and the note if there is only one."""
    text = parsed.text
    line = text.rfind("\n", 0, start) + 1
    if heading := _HEADING.match(text, line):
        return _without_heading(text, heading)
    paragraph = parsed.paragraph_at(start)
    mark = paragraph and _MARK.match(text, paragraph.start)
    if not (paragraph and mark and start < mark.end()):
        return None
    end = stripped_end(text, paragraph.end)
    if mark.end() >= end:
        return _without_block(text, paragraph.start, end)
    if _is_note(own[mark.end() : end]):
        return _without_note(text, paragraph.start, end)
    if _is_open(mark):
        return _without_title(text, mark.end("opened"), mark.end(), end)
    stands = text[paragraph.start] != "(" and _stands(text[mark.end() : end])
    return _without_mark(text, paragraph.start, mark.end()) if stands else None


def _is_open(mark: re.Match[str]) -> bool:
    """Whether the emphasis that begins before the mark goes on behind it."""
    return bool(mark["opened"]) and not (mark["closed"] or mark["closed_behind"] or mark["bold"])


def _is_note(own: str) -> bool:
    return _NOTE.fullmatch(own.strip(" \n.!)")) is not None


def _without_note(text: str, start: int, end: int) -> tuple[Edit, ...] | None:
    before = stripped_end(text, start)
    if before and text[before - 1] == ":":
        return None
    return (Edit(before, end),) if before else (Edit(0, next_word(text, end)),)


def _without_block(text: str, start: int, end: int) -> tuple[Edit, ...] | None:
    """The edit that takes away a mark that is alone in its paragraph, if the next one stands."""
    behind = next_word(text, end)
    return (Edit(start, behind),) if _stands(_paragraph(text, behind)) else None


def _without_title(text: str, start: int, end: int, title_end: int) -> tuple[Edit, ...] | None:
    """The edits that take away a mark within a title, if that stands, and what is below it."""
    title, below = text[end:title_end], _paragraph(text, title_end).strip()
    return _without_mark(text, start, end) if _stands(title) and not _OF_THE_HISTORY.search(below) else None


def _without_heading(text: str, heading: re.Match[str]) -> tuple[Edit, ...] | None:
    if heading["behind"].strip():
        end = text.find("\n", heading.end())
        end = end if end >= 0 else len(text)
        return _without_title(text, heading.end("level"), heading.end(), end)
    return _without_block(text, heading.start(), heading.end())


def _paragraph(text: str, start: int) -> str:
    """The text from here to the next blank line; blank lines first are passed over."""
    end = _BLANK_LINE.search(text, next_word(text, start))
    return text[start : end.start() if end else len(text)]


def _stands(text: str) -> bool:
    return bool(_SENTENCE.match(text)) and not _OF_THE_HISTORY.search(text)


def _without_mark(text: str, start: int, end: int) -> tuple[Edit, ...]:
    """The edits that take the mark away and make what follows begin as a sentence does."""
    mark = Edit(start, end)
    return (mark, Edit(end, end + 1, text[end].upper())) if text[end].islower() else (mark,)
