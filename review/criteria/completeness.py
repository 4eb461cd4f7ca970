"""Criterion 5, completeness: parts left to the reader, to another page, or for later."""

from __future__ import annotations

from collections.abc import Iterator

from review.criteria.parsed_response import Finding, ParsedResponse
from review.criteria.rules import Rules, find_by_rules, rule

CRITERION = 5

REST = "(?:the )?(?:rest|remainder|full|complete|whole|entire|remaining)"
OF_THE_ANSWER = (
    "(?:of (?:it|this|the (?:answer|argument|solution|proof|story|code|derivation|explanation|details))|"
    "answer|solution|proof|argument|derivation|explanation|code)"
)
PART = (
    r"(?:it|this|that|"
    r"the (?:rest|proof|details|remaining \w+|verification|computation|calculation|implementation|other \w+|remainder))"
)
PROMISED = "(?:add|post|edit|update|expand|elaborate|write|finish|complete|provide|come back|get back)"
WHEN = "(?:later|soon|tomorrow|tonight|when I (?:have|get|find|am)|once I (?:have|get|find)|as soon as I)"

RULES = Rules(
    rule(
        "left to the reader",
        ["exercise", "leave", "left"],
        r"\b(?:I(?:['’]ll| will)? leave|(?:is|are|be|been|being) left|\A\s*[Ll]eft) "
        r"(?:\S+ ){0,6}as an? (?:\w+ )?exercise\b",
        r"\bexercise (?:left )?(?:for|to) the (?:interested )?(?:reader|student|OP)\b",
        rf"\bI(?:['’]ll| will)? leave {PART} (?:up )?to (?:you|the (?:interested )?reader)\b"
        r"(?! to (?:decide|judge|choose)\b)",
        rf"\b{PART} (?:is|are) left to (?:you|the (?:interested )?reader)\b",
    ),
    rule(
        "the rest is elsewhere",
        ["the rest", "remainder", "remaining ", "full ", "complete ", "whole ", "entire "],
        r"\b(?:[Ss]ee|[Rr]ead|[Ff]ollow|[Cc]heck|[Cc]onsult|[Rr]efer to|[Ll]ook at|[Vv]isit|[Cc]lick)\b"
        rf"[^.!?\n]{{0,80}}\bfor {REST} (?:\w+ )?(?:{OF_THE_ANSWER}|story|details)\b",
        rf"\b[Ff]or {REST} {OF_THE_ANSWER}\b,? (?:please )?(?:see|read|follow|check|consult|visit|click)\b",
        rf"\b[Tt]he (?:rest|remainder) (?:{OF_THE_ANSWER} )?(?:is|are|can be found) (?:in|at|on|behind) "
        r"(?:the|this|that|my) (?:article|link|page|blog|paper|book|website|site|post|chapter)\b",
    ),
    rule(
        "left for later",
        [
            " later",
            " soon",
            "tomorrow",
            "tonight",
            "when i ",
            "once i ",
            "have time",
            "the time",
            "much time",
            "enough time",
            "any time",
            "continued",
        ],
        rf"\bI(?:['’]ll| will| may| might| can)(?: try to)? {PROMISED}\b[^.!?\n]{{0,60}}\b{WHEN}\b",
        r"\bI (?:just |really |currently )?(?:do not|don['’]t|did not|didn['’]t) (?:currently |really )?have "
        r"(?:the |much |enough |any )?time (?:\(|right now|now\b|at the moment|today|"
        r"to (?:write|explain|elaborate|check|work|test|do|finish|expand|type|look|search|go|think|try|give|provide))",
        r"\b[Tt]o be continued\b",
    ),
    rule("notes to do", ["todo"], r"\(TODO\b|\bTODO ?:"),
    rule("only a hint", ["hint"], r"\A\s*H(?:int|INT)s?\b ?[0-9]* ?[.:]"),
    rule(
        "says that it is partial",
        ["answer"],
        r"\b(?:[Tt]his is|[Jj]ust|[Oo]nly|[Hh]ere(?:['’]s| is)|[Ii]t is|[Ii]t['’]s|[Oo]ffer) "
        r"(?:just |only |merely |but |at best |a very |very )*an? (?:very )?(?:partial|incomplete) answer\b",
        r"\b(?:[Nn]ot|[Ii]sn['’]t) (?:really )?a (?:full|complete) answer\b",
        r"\A\s*[Pp]artial answer\b",
    ),
)


def find(parsed: ParsedResponse) -> Iterator[Finding]:
    return find_by_rules(RULES.possible(parsed), CRITERION, parsed)
