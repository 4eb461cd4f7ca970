"""Rules that find words by patterns."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property
from itertools import groupby

from review.criteria.automaton import Automaton
from review.criteria.parsed_response import Finding, ParsedResponse, Span

REACH = 200  # characters before and after a hint in which a match with it lies; the longest seen has 169
SHORTEST_LOCAL_HINT = 2  # characters; shorter ones are everywhere
LONGEST_QUOTATION = 1000  # characters before a match that are searched for the mark that opens it


@dataclass(frozen=True)
class Rule:
    """A reason for a finding, and how its words are found."""

    reason: str
    hints: tuple[str, ...]  # in lower case: the slower pattern is tried only near one of them
    source: str  # of the pattern

    @cached_property
    def pattern(self) -> re.Pattern[str]:
        """Compiled when it is first needed: all rules together take some 50 ms."""
        return re.compile(self.source)


class Rules:
    """Rules that are looked for together."""

    def __init__(self, *rules: Rule):
        self.rules = rules

    @cached_property
    def automaton(self) -> Automaton:
        return Automaton([rule.pattern for rule in self.rules])

    def possible(self, parsed: ParsedResponse) -> list[Rule]:
        """Those that may find something in the answer's own prose; most answers have none."""
        return [self.rules[index] for index in self.automaton.possible(parsed.own_utf8)]


def rule(reason: str, hints: Iterable[str], *patterns: str) -> Rule:
    """A rule that matches any of the patterns.

    A space in a pattern is any white space, and " ?" any or none. A pattern that begins with `\\b` has all its
    alternatives in groups.
    """
    pattern = "|".join(_words_together(patterns)).replace(" ?", r"\s*").replace(" ", r"\s+")
    return Rule(reason, tuple(hints), pattern)


def _words_together(patterns: Iterable[str]) -> Iterator[str]:
    r"""The same alternatives, with one `\b` before all that follow each other and begin with one.

    So a search tries them only where a word begins or ends: a quarter of the time, for a rule with others too."""
    for at_word, group in groupby(patterns, key=lambda pattern: pattern.startswith(r"\b")):
        joined = "|".join(pattern.removeprefix(r"\b") for pattern in group)
        yield rf"\b(?:{joined})" if at_word else joined


def is_quoted(text: str, match: re.Match[str]) -> bool:
    """Whether a match begins inside quotation marks that its paragraph opens before it."""
    start = match.start()
    before = text[max(text.rfind("\n", 0, start) + 1, start - LONGEST_QUOTATION) : start]
    return before.count('"') % 2 == 1 or before.count("“") > before.count("”")


def find_by_rules(
    rules: Iterable[Rule],
    criterion: int,
    parsed: ParsedResponse,
    is_exception: Callable[[str, re.Match[str]], bool] = is_quoted,
) -> Iterator[Finding]:
    """The findings of the rules in the answer's own prose.

    is_exception(text, match) says whether a match is something else than the rule looks for.
    """
    for rule in rules:
        end = 0
        for window in _windows(parsed, rule.hints):
            for match in rule.pattern.finditer(parsed.own, max(window.start, end), window.end):
                end = match.end()
                if not is_exception(parsed.own, match):
                    yield Finding(criterion, rule.reason, *match.span())


def _windows(parsed: ParsedResponse, hints: tuple[str, ...]) -> Iterator[Span]:
    """The parts of the answer's own prose that are close to a hint, in order and apart from each other."""
    text = parsed.own_lower
    near = sorted([place for hint in hints for place in places(text, hint)])
    if not near:
        return
    whole = Span(0, len(parsed.own))
    if min(map(len, hints)) < SHORTEST_LOCAL_HINT or len(text) != whole.end:
        yield whole
        return
    start = end = max(0, near[0] - REACH)
    for place in near:
        if place - REACH > end:
            yield Span(start, end)
            start = place - REACH
        end = min(place + REACH, whole.end)
    yield Span(start, end)


def places(text: str, word: str) -> list[int]:
    """Where a text has a word."""
    found = []
    place = text.find(word)
    while place >= 0:
        found.append(place)
        place = text.find(word, place + 1)
    return found
