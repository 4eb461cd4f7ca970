"""Criterion 4, second half: personal details about the author."""

from __future__ import annotations

import re
from collections.abc import Iterator

from review.criteria.parsed_response import OBJECT, Finding, ParsedResponse
from review.criteria.rules import Rules, find_by_rules, is_quoted, rule
from review.criteria.word_lists import any_of

CRITERION = 4
LONGEST_SENTENCE = 500  # characters after a match that are searched for its end

I_HINTS, MY_HINTS = ("i ", "i\n", "i'", "i’"), ("my ", "my\n")
WORK = any_of("works")
MADE = any_of("made")
PROGRAM = any_of("programs")
I_HAVE = r"\bI(?:['’]ve| have| had)?(?: (?:also|recently|just|once|actually|currently|previously|personally))?"
NEW = r"(?:own |recent |new |joint |old |first |latest |earlier |previous |forthcoming |\d{4} )*"
JOB = any_of("jobs")
LIFE = any_of("life")
OFTEN = "(?:also |currently |always |often |usually |typically |sometimes |once |first |recently |have |used to |had )*"
SCHOOL = "(?:high|middle|elementary|grad\\w*|college|school|university|primary|secondary)"
NOT_ABOUT_ME = r"(?! (?:am |have |do )?(?:strictly|only|personally|really|think|not|don|haven|assume|know|can)\b)"

RULES = Rules(
    rule(
        "the author's own work",
        [*I_HINTS, *MY_HINTS, "our ", "our\n", "shameless", "self-", "self "],
        rf"{I_HAVE} (?:published|co-?authored|authored)\b(?! by\b)",
        rf"{I_HAVE} (?:wrote|written|created|developed|built|made|released|maintain|co-?wrote|put together|run) "
        rf"(?:up )?(?:an?|the|this|some|my own|about|several) (?:[\w+-]+ ){{0,3}}{WORK}\b"
        r"(?! (?:of|for) (?:my|the) (?:students?|class))",
        r"\bI(?:['’]ve| have)? (?:(?:once|recently|just|also) )?(?:wrote|written) "
        rf"(?:an?|some|my own) (?:[\w-]+ ){{0,3}}{PROGRAM}\b",
        rf"\b{PROGRAM} (?:that |which )?I(?:['’]ve| have)? (?:also )?"
        r"(?:wrote|written|made|created|use|developed|built)\b"
        r"(?! (?:above|below|here|for you|in the (?:answer|example))\b)",
        r"\bI have my own\b(?= ?[,.;)])",
        rf"\b{WORK} (?:that |which )?{I_HAVE} {MADE}\b",
        rf"\b[Mm]y {NEW}"
        r"(?:papers? (?:with|on|about|where|in which|titled|entitled)|preprint|monograph|blog(?: ?posts?)?|"
        r"(?:lecture |course |class )?notes|github|GitHub|gist)\b",
        rf"\b(?:in|see|of|from|by) (?:also )?(?:my|our) {NEW}(?:papers?|articles?|preprints?|thesis|dissertation)\b",
        r"\b[Ss]hameless (?:self[- ])?(?:plug|promotion|advertis\w+)\b",
        r"\b[Ss]elf[- ](?:plug|promotion|advertis\w+)\b(?= ?[:),(])",
        r"\bI(?:['’]m| am)(?: also)?(?: (?:one|part) of)? the (?:\w+ ){0,2}"
        r"(?:authors?|developers?|maintainers?|creators?|founders?|owners?|co-?authors?|inventors?)\b"
        r"(?! of (?:my|this|the) (?:code|question|post|answer))",
        r"\bI(?:['’]m| am) (?:also )?an? "
        r"(?:co-?)?(?:author|developer|maintainer|creator|founder|contributor|member) (?:of|on|for|at) (?!my\b)",
    ),
    rule(
        "about the author",
        [*I_HINTS, *MY_HINTS, " me", "\nme", "disclaimer", "disclosure"],
        rf"\b[Dd]iscl(?:aimer|osure) ?[:,–—-]+(?! ?[Ii]f\b) ?[^.\n{OBJECT}]{{0,60}}?\b(?:we|my|I{NOT_ABOUT_ME})\b",
        rf"\bI(?:['’]m| am) (?:also |just |only |currently )?(?:an?|the) (?:[\w-]+ ){{0,3}}{JOB}\b(?! of\b)",
        r"\bI(?:['’]ve)?(?: have)? (?:also |currently |previously |now )*(?:work|worked|working|been working) "
        r"(?:at|for) (?:an? |the |my |[A-Z])",
        rf"\bI {OFTEN}(?:teach|taught|tutor|tutored|lecture|majored|graduated)\b(?! (?:it|myself|them) to\b)",
        r"\bI(?:['’]ve| have) been "
        r"(?:teaching|tutoring|programming|coding|working (?:as|at|for)|studying|doing research)\b",
        rf"\b(?:[Ww]hen|[Ww]hile|[Ss]ince|[Bb]ack when) I was "
        rf"(?:an?|in {SCHOOL}|at (?:school|university|college)|teaching|studying|growing|young|little|\d+)\b"
        r"(?! (?:bit|position)\b)",
        rf"\b[Aa]s an? (?:\w+ ){{0,2}}(?:{JOB}|parent|composer)(?: myself)?,? I(?:['’](?:m|ve|d))?\b",
        r"\bI(?:['’]ve| have) (?:about |over |more than |almost |nearly )?(?:\w+ ){1,2}years['’]? (?:of )?"
        r"(?:\w+ )?experience\b",
        r"\bI(?:['’]ve)? (?:use|used|have used|am using)\b[^.!?\n]{0,40}\bat work\b",
        r"\bI(?:['’]m| am) (?:not |no |by no means |far from )(?:an? |really an? )?(?:\w+ )?"
        r"(?:guru|expert|lawyer|specialist|wizard)\b",
        r"\bI(?:(?: don['’]t| do not) have (?:the |enough )?|(?:['’]m| am)? lack(?:ing)? (?:of )?)time\b",
        r"\bI (?:attended|dropped out|e-?mailed|surveyed|interviewed|was taught|grew up|took a (?:class|course))\b",
        r"\bI(?:['’]m| am) (?:\w+ )?(?:new to|a (?:newbie|beginner|novice)\b)",
        rf"\b[Mm]y (?:\w+ )?{LIFE}\b(?! (?:class|object|table|method|function|variable|folder|directory|file)\b)",
        r"\bIn my (?:own )?(?:\w+ )?(?:research|teaching|lab|line of work|profession|classes)\b",
        r"\b(?:e-?mail|contact|message) me\b(?! (?:with|when) (?:a|the) (?:prompt|notification))",
    ),
)
# Before an "I" that is not the author: one supposed, quoted, or played by a model.
_SUPPOSED = re.compile(
    r"(?:\b(?:if|imagine|suppose|assum\w+|pretend|says?|saying|said|think|claim\w*|whether|that)|[:“\"‘]) *\Z", re.I
)
_SENTENCE_END = re.compile(r"[?!]|\.(?=\s)|\n\s*\n")


def find(parsed: ParsedResponse) -> Iterator[Finding]:
    return find_by_rules(RULES.possible(parsed), CRITERION, parsed, _is_not_the_author)


def _is_not_the_author(text: str, match: re.Match[str]) -> bool:
    before = text[max(0, match.start() - 20) : match.start()]
    return bool(_SUPPOSED.search(before)) or _is_asked(text, match) or is_quoted(text, match)


def _is_asked(text: str, match: re.Match[str]) -> bool:
    """Whether the sentence is a question, such as one of the asker's that an answer repeats."""
    end = _SENTENCE_END.search(text, match.end(), match.end() + LONGEST_SENTENCE)
    return end is not None and end[0] == "?"
