"""What the sites add to posts: "Possible Duplicate" in a question, and notices at the end of a post."""

from __future__ import annotations

import re

from review.repairs.verified_edits import Edit, Found, MarkdownText

_DUPLICATE = re.compile(r"\A>[ \t]*(?:\*\*|__)Possible Duplicates?:?(?:\*\*|__):?.*\n(?:>.*(?:\n|\Z))*\n*", re.I)
_NOTICES = re.compile(
    r"(?<=\n\n)(?:\[simulate this circuit\]\([^()\s]*\)[^\n]*Schematic created using \[?CircuitLab\]?[^\n]*"
    r"|[^\n]*\bcomments are not for extended discussion\b[^\n]*\bmoved to chat\b[^\n]*"
    r"|[^\n]*\bthis (?:conversation|discussion) has been (?:\[?moved|continued)\b[^\n]*\bchat\b[^\n]*)(?=\n\n|\s*\Z)",
    re.I,
)


def may_have_duplicates(text: str) -> bool:
    return text.startswith(">") and "ossible " in text


def may_have_notices(text: str) -> bool:
    return "CircuitLab" in text or "chat" in text


def find_duplicates(parsed: MarkdownText) -> Found:
    """The block at the beginning of a closed question's text that names the question that it repeats."""
    return _found(_DUPLICATE, parsed)


def find_notices(parsed: MarkdownText) -> Found:
    """Paragraphs that the sites' software and moderators add."""
    return _found(_NOTICES, parsed)


def _found(pattern: re.Pattern[str], parsed: MarkdownText) -> Found:
    return Found(tuple((Edit(*match.span()),) for match in pattern.finditer(parsed.text)))
