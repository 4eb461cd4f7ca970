"""What a rule on words is, and where its patterns match."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from typing import NamedTuple

from review.criteria.parsed_response import Finding, ParsedResponse

LONGEST_QUOTATION = 1000  # characters before a match that are searched for the mark that opens it


class Rule(NamedTuple):
    """A reason for a finding, and the words that it is found by."""

    reason: str
    hints: tuple[str, ...]  # in lower case; only where a text has one of them the pattern, which is slower, is tried
    pattern: re.Pattern[str]


def rule(reason: str, hints: str, *patterns: str) -> Rule:
    """A rule by its hints, split at |, and patterns of which any will do.

    A space in a pattern is any white space, and " ?" also none.
    """
    pattern = "|".join(patterns).replace(" ?", r"\s*").replace(" ", r"\s+")
    return Rule(reason, tuple(hints.split("|")), re.compile(pattern))


def is_quoted(text: str, match: re.Match[str]) -> bool:
    """Whether a match begins inside quotation marks that its paragraph opens before it."""
    start = match.start()
    before = text[max(text.rfind("\n", 0, start) + 1, start - LONGEST_QUOTATION) : start]
    return before.count('"') % 2 == 1 or before.count("“") > before.count("”")


def find_by_rules(
    rules: Iterable[Rule],
    criterion: int,
    parsed: ParsedResponse,
    is_other: Callable[[str, re.Match[str]], bool] = is_quoted,
) -> Iterator[Finding]:
    """What the rules find in the answer's own prose.

    is_other: whether a match, with the text that it is in, means something other than what the rule is for.
    """
    for reason, hints, pattern in rules:
        if any(hint in parsed.own_lower for hint in hints):
            for match in pattern.finditer(parsed.own):
                if not is_other(parsed.own, match):
                    yield Finding(criterion, reason, *match.span())
