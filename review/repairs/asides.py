"""What authors say of themselves and of their post, if it is a sentence or clause of its own: "I am no expert, but".

Such a sentence goes only if nothing beside it leans on it. Experience that the answer argues from stays.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from review.criteria import author, references
from review.criteria.parsed_response import OBJECT, ParsedResponse
from review.repairs.sentences import LONGEST, NO_BEGINNING, OwnText, Sentence, has_between, pattern
from review.repairs.verified_edits import NOTHING, Edit, Found, MarkdownText

_HINT = re.compile(
    r"iscl(?:aimer|osure)|\bcomment|\brep(?:utation)?\b|\bexpert|\bguru|\bspecialist|\blawyer|\bold (?:question|thread|post)|"
    r"\blate to|\b[Ee]nglish|\bfirst (?:answer|post)|\bI(?:['’]m| am|['’]m also| work| teach| tutor)\b|\bOP\b",
)
# Sentences in which criterion 4 finds the author or a comment.
_FOUND = pattern(
    r"(?:Full )?[Dd]iscl(?:aimer|osure) ?[:,–—-](?!.*(?:[(]e\.g|, it |, but )).+"
    r"|(?:Note: )?(?:This|It) (?:answer )?(?:is|was|should|would|started|might|may)\b[^:;]{0,60}\bcomment\b[^:]{0,120}[.!]"
    r"|I (?:would|wouldn|['’]d|don|do not|can|could|am not|['’]m not|lack)\b[^:;]{0,90}\bcomment\b"
    r"(?:[^:;,]{0,40}|,? (?:so|hence|therefore|thus) (?:I|here|this|posting)[^:;]{0,60})[.!]"
    r"|(?:Converted|Moved|Copied|Expanded|Promoted|Posted|Posting|Making)\b[^:;]{0,40}\b(?:comments?|OP)\b[^:;]{0,40}[.!]"
)
_CERTAIN = pattern(
    r"(?:(?:I['’]m |I am )?(?:so |very )?[Ss]orry (?:for|about) my (?:\w+ ){0,2}English|[Ee]xcuse my (?:\w+ ){0,2}English)[^:;]{0,60}[.!]"
    r"|(?:Sorry, )?English is(?: not|n['’]t) my (?:native|first|mother) (?:language|tongue)[^:;]{0,60}[.!]"
    r"|(?:I know )?(?:that )?[Tt]his is (?:an? )?(?:very |really |pretty |quite )?old (?:question|thread|post)[^:;,]{0,60}\."
    r"|(?:Sorry, )?[Tt]his is my (?:very )?first (?:answer|post)\b[^:;]{0,80}[.!]"
    r"|(?:But )?I(?:['’]m| am) (?:not an?|no) (?:\w+ ){0,2}(?:expert|guru|lawyer|specialist)(?: (?:in|on|of|at|with) [^,:;]{1,50})?"
    r"(?:,? (?:though|however))?\."
)
_OPENER = pattern(
    r"(?:I(?:['’]m| am) (?:not an?|no|by no means an?|far from an?|not really an?) (?:[\w-]+ ){0,2}(?:expert|guru|lawyer|specialist)"
    r"(?: (?:in|on|of|at|with|here) ?[^,.:;]{0,50})?"
    r"|(?:(?:I know|I realize|I realise) (?:that )?)?[Tt]his is (?:an? )?(?:very |really |pretty |quite )?old (?:question|thread|post)"
    r"[^,.:;]{0,40}"
    r"|(?:I know )?(?:I(?:['’]m| am) )?(?:[Aa] )?(?:bit |little )?[Ll]ate to (?:the |this )?(?:party|game|thread|question)"
    r"|I (?:can['’]t|cannot|can not) (?:yet )?comment(?: yet)?"
    r"),? but(?=[ ,])|(?:Posted|Posting|Reposted)(?: this)? as an answer [^,.:;]{0,50}\brequest(?:ed)?[^,.:;]{0,20} ?:(?= )"
)
_JOB = pattern(
    r"I(?:['’]m| am)(?: also| currently| just)? an? [^,;:!?]{1,90}\."
    r"|I (?:currently |also )?(?:teach|tutor|work (?:at|for|in|as)) [^,;:!?]{1,90}\."
)
# What an answer may tell because of it.
_OWN_LIFE = re.compile(
    r"\bI (?:\w+ly )?(?:was|had|have|did|used|saw|found|teach|taught|work|worked|use|give|tell|ask|see|often|always|also)\b"
    r"|\bI['’](?:ve|d)\b|\b(?:my|me|our|we)\b"
)
REACH = 500  # characters behind a job that are searched for it
_IN_PARENTHESES = pattern(rf"[(](?:full )?[Dd]iscl(?:aimer|osure) ?[:,–—-][^(){OBJECT}]{{1,120}}[)](?=[\s.,;:!?]|\Z)")


def may_find(text: str) -> bool:
    return _HINT.search(text) is not None


def find(parsed: MarkdownText) -> Found:
    """The sentences and clauses about the author or the post."""
    response = ParsedResponse.of("", parsed.text)
    own = OwnText.of(parsed, response)
    findings = sorted(finding.start for rule in (author, references) for finding in rule.find(response))
    asides = [aside for sentence in own.sentences for aside in _in_sentence(own, sentence, findings)]
    places = tuple(aside for aside in asides if aside)
    return Found(places, left=len(places) < len(asides)) if asides else NOTHING


def _in_sentence(own: OwnText, sentence: Sentence, findings: list[int]) -> Iterator[tuple[Edit, ...] | None]:
    start, end = sentence.start, sentence.end
    words = own.words(sentence)
    is_found = has_between(findings, start, end)
    if len(words) <= LONGEST and (_CERTAIN.fullmatch(words) or (is_found and _FOUND.fullmatch(words))):
        yield own.without(sentence)
    elif is_found and _JOB.fullmatch(words):
        yield None if _OWN_LIFE.search(own.own, end, end + REACH) else own.without(sentence)
    elif match := _OPENER.match(own.own, start, end):
        place = own.next_word(match.end() + (own.own[match.end()] == ","))
        stands = place < end and not NO_BEGINNING.match(own.own, place)
        yield own.without_opener(start, place) if stands else None
    else:
        for match in _IN_PARENTHESES.finditer(own.own, start, end):
            if has_between(findings, *match.span()):
                yield own.without_parenthesis(*match.span())
