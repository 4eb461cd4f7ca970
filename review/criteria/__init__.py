"""What a machine can check of the seven review criteria: findings, each with its place in the response.

    >>> find_problems({"instruction": "Which knot?", "response": "See [this](https://e.org) for the full answer.", ..})
    [Finding(criterion=5, reason="the rest is elsewhere", ..), Finding(criterion=6, reason="link", start=4, end=25)]

Findings drop records, so precision comes before recall: what is doubtful is left to the reviewer. Each group of rules
has its own module, and all of them read one ParsedResponse.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from review.criteria import author, completeness, directness, images, language, links, markup, participants, references
from review.criteria.parsed_response import Finding, ParsedResponse

__all__ = ["CRITERIA", "Finding", "ParsedResponse", "find_in_all", "find_problems", "parse"]

CRITERIA = {
    1: "It directly addresses the question, with minimal tangents and digressions.",
    2: "It is written in high quality English prose.",
    3: "It is valid Markdown.",
    4: "It does not reference other answers or comments, and has no personal details about the author.",
    5: "It is complete: nothing is left to the reader.",
    6: "It contains no URLs. References to well-known papers and textbooks are fine.",
    7: "Nothing that is needed to deduce it was lost with the question (a missing image, say).",
}

RULES = (
    directness.find,
    language.find,
    markup.find,
    references.find,
    author.find,
    completeness.find,
    links.find,
    images.find,
)


def find_problems(record: dict[str, Any]) -> list[Finding]:
    """The findings of a record, sorted by start, then by criterion; never raises on odd text."""
    parsed = parse(record)
    findings = [finding for rule in RULES for finding in rule(parsed)]
    return sorted(findings, key=lambda finding: (finding.start, finding.criterion, finding.end))


def parse(record: dict[str, Any]) -> ParsedResponse:
    """The response of a record, parsed for the rules."""
    return ParsedResponse.of(record["instruction"], record["response"], participants.names_of(record))


def find_in_all(records: Iterable[dict[str, Any]]) -> list[list[Finding]]:
    """The findings of each of several records, for a worker."""
    return [find_problems(record) for record in records]
