"""What authors say of themselves and of their post, if it is a sentence or clause of its own: "I am no expert, but".

Such a sentence goes only if nothing beside it leans on it. Experience that the answer argues from stays.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import NamedTuple

from review.criteria import author, references
from review.criteria.parsed_response import OBJECT
from review.repairs.sentences import LONGEST, NO_BEGINNING, Hints, OwnText, Sentence, has_between, pattern
from review.repairs.verified_edits import NOTHING, Edit, Found, MarkdownText

_EXPERT = r"(?:\w+ ){0,2}(?:expert|guru|lawyer|specialist)"
_OLD_QUESTION = r"[Tt]his is (?:an? )?(?:very |really |pretty |quite )?old (?:question|thread|post)"
_I_CANNOT = r"I (?:would|wouldn|['’]d|don|do not|can|could|am not|['’]m not|lack)\b"
# The rest of a sentence, as far as it says nothing else: "but it came out too long", not "but the knot holds".
_REST = (
    r"(?:(?! (?:and|because|since|but (?!it (?:came|got|is|was)\b|it['’]s\b|I (?:could|can|don|do not|lack)))\b)[^:;])"
)
# Sentences in which criterion 4 finds the author, or a comment that the answer might be.
_FOUND = pattern(
    r"(?:Full )?[Dd]iscl(?:aimer|osure) ?[:,–—-](?!.*(?:[(]e\.g|, it |, but )).+|"
    r"(?:Note: )?(?:This|It) (?:answer )?(?:is|was|should|would|started|might|may)\b"
    rf"{_REST}{{0,60}}\bcomment\b{_REST}{{0,120}}[.!]|"
    rf"{_I_CANNOT}{_REST}{{0,90}}\bcomment\b{_REST}{{0,40}}"
    rf"(?:,? (?:so|hence|therefore|thus) (?:I|here|this|posting){_REST}{{0,60}})?[.!]|"
    rf"(?:[Ss]ince|[Aa]s|[Bb]ecause) {_I_CANNOT}{_REST}{{0,60}}\bcomment\b{_REST}{{0,30}}, "
    rf"(?:I|this|here|so)\b{_REST}{{0,60}}\.|"
    rf"(?:Converted|Moved|Copied|Expanded|Promoted|Posted|Posting|Making)\b{_REST}{{0,40}}\b(?:comments?|OP)\b"
    rf"{_REST}{{0,40}}[.!]"
)
# Others that are plain enough.
_CERTAIN = pattern(
    rf"(?:(?:I['’]m |I am )?(?:so |very )?[Ss]orry (?:for|about)|[Ee]xcuse) my (?:\w+ ){{0,2}}English"
    rf"{_REST}{{0,60}}[.!]|"
    rf"(?:Sorry, )?English is(?: not|n['’]t) my (?:native|first|mother) (?:language|tongue){_REST}{{0,60}}[.!]|"
    rf"(?:I know )?(?:that )?{_OLD_QUESTION}(?:(?!,| but ){_REST}){{0,60}}\.|"
    rf"(?:Sorry, )?[Tt]his is my (?:very )?first (?:answer|post)\b{_REST}{{0,80}}[.!]|"
    rf"(?:But )?I(?:['’]m| am) (?:not an?|no) {_EXPERT}(?: (?:in|on|of|at|with) (?:(?!,){_REST}){{1,50}})?"
    r"(?:,? (?:though|however))?\."
)
_JOB = pattern(
    r"I(?:['’]m| am)(?: also| currently| just)? an? (?:(?! and I\b)[^,;:!?]){1,90}\."
    r"|I (?:currently |also )?(?:teach|tutor|work (?:at|for|in|as)) (?:(?! and I\b)[^,;:!?]){1,90}\."
)
# What an answer may tell because of a job.
_OWN_LIFE = re.compile(
    r"\bI (?:\w+ly )?(?:was|had|have|did|used|saw|found|teach|taught|work|worked|use|give|tell|ask|see|often|always|"
    r"also)\b|\bI['’](?:ve|d)\b|\b(?:my|me|our|we)\b"
)
REACH = 500  # characters behind a job that are searched for it
# Who made something; what it is must then be named elsewhere too.
_MADE = re.compile(
    r"\b(?:author|developer|maintainer|creator|founder|wrote|written|built|created|made|co-?\w+ed|develop\w*|maintain\w*)\b"
)
_NAMED = re.compile(r"(?<!\. )(?<!^)\b[A-Z][\w-]+|\w+\.\w+")
# "I'm no expert, but"
_OPENER = pattern(
    r"(?:I(?:['’]m| am) (?:not an?|no|by no means an?|far from an?|not really an?) "
    rf"{_EXPERT}(?: (?:in|on|of|at|with|here) ?[^,.:;]{{0,50}})?|"
    rf"(?:(?:I know|I realize|I realise) (?:that )?)?{_OLD_QUESTION}[^,.:;]{{0,40}}|"
    r"(?:I know )?(?:I(?:['’]m| am) )?(?:[Aa] )?(?:bit |little )?[Ll]ate to (?:the |this )?"
    r"(?:party|game|thread|question)|"
    r"I (?:can['’]t|cannot|can not) (?:yet )?comment(?: yet)?),? but(?=[ ,])|"
    r"(?:Posted|Posting|Reposted)(?: this)? as an answer [^,.:;]{0,50}\brequest(?:ed)?[^,.:;]{0,20} ?:(?= )"
)
_PLUG = r"(?:[Ss]orry for the )?(?:[Ss]hameless plug|(?:[Ss]hameless )?[Ss]elf[- ](?:plug|promotion|advert))"
# .. "people who are say"
_WHO_ARE = re.compile(r"\bwho (?:is|are|do)\b")
_IN_PARENTHESES = pattern(
    rf"[(](?:(?:full )?[Dd]iscl(?:aimer|osure) ?[:,–—-]|{_PLUG}|"
    r"I(?:['’]m| am) (?:also )?(?:one of )?the (?:\w+ )?(?:authors?|maintainers?|developers?|creators?)\b)"
    rf"[^(){OBJECT}]{{0,300}}[)](?=[\s.,;:!?]|\Z)"
)
# "Maybe there is a better way, I'm new to OpenGL."
_AT_THE_END = pattern(
    r"I(?:['’]m| am) (?:(?:still|very|also|only|fairly|pretty|relatively|quite|rather|kind of) )?"
    rf"(?:new to [^,.;:]{{1,60}}|(?:not an?|no) {_EXPERT})(?=[.])"
)
_JOINED_BY = pattern(r"(?:,(?: (?:but|as|since|though|and))?|[-–—]+| (?:but|as|since|though)) \Z")
LONGEST_JOINT = 20  # characters

# One of them is in each aside.
_HINTS = Hints(
    {
        "iscl": r"iscl(?:aimer|osure)",
        "elf": r"elf[- ](?:plug|promo|adv)",
        "hameless": r"hameless",
        "comment": r"(?:a|ed|ng|o|t|y) comments?\b",  # extended, long, to, can't, my
        "old ": r"old (?:question|thread|post)\b",
        "ate to ": r"ate to (?:the |this )?(?:party|game|thread|question)",
        "first ": r"first (?:answer|post)\b",
        "nglish": r"(?:my (?:[a-z]+ ){0,2}English|English is)\b",
        "I": r"I(?:['’]m| am) "
        r"(?:(?:also|currently|just|still|very|only|fairly|pretty|relatively|quite|rather|kind of) )?"
        r"(?:an? |new to\b|(?:one of )?the |(?:not|no|by no means|far from)\b[^.\n]{0,40}"
        r"(?:expert|guru|lawyer|specialist)\b)",
        "I ": r"I (?:currently |also )?(?:teach|tutor|work (?:at|for|in|as)) ",
        "an answer": r"ost(?:ed|ing)(?: this)? as an answer",
    }
)


class _Aside(NamedTuple):
    """Words about the author or the post, own[start:end], and the edits that take them away; None if they must stay."""

    start: int
    end: int
    edits: tuple[Edit, ...] | None
    is_certain: bool = False  # without a finding of criterion 4


def may_find(text: str) -> bool:
    return _HINTS.are_in(text)


def find(parsed: MarkdownText) -> Found:
    """The sentences and clauses about the author or the post."""
    response = parsed.response
    own = OwnText(parsed, response.own)
    sentences = own.sentences_at(_HINTS.places(parsed.text))
    candidates = [aside for sentence in sentences for aside in _in_sentence(own, sentence)]
    if not candidates:
        return NOTHING
    findings = sorted(finding.start for rule in (author, references) for finding in rule.find(response))
    asides = [aside for aside in candidates if aside.is_certain or has_between(findings, aside.start, aside.end)]
    places = tuple(aside.edits for aside in asides if aside.edits)
    return Found(places, left=len(places) < len(asides))


def _in_sentence(own: OwnText, sentence: Sentence) -> Iterator[_Aside]:
    start, end = sentence.start, sentence.end
    words = own.words(sentence)
    if len(words) <= LONGEST:
        is_certain = _CERTAIN.fullmatch(words) is not None
        if is_certain or _FOUND.fullmatch(words):
            yield _Aside(start, end, None if _names_more(own, start, end) else own.without(sentence), is_certain)
            return
        if _JOB.fullmatch(words):
            is_needed = _OWN_LIFE.search(own.own, end, end + REACH)
            yield _Aside(start, end, None if is_needed else own.without(sentence))
            return
    if match := _OPENER.match(own.own, start, end):
        place = own.next_word(match.end() + (own.own[match.end()] == ","))
        stands = place < end and not NO_BEGINNING.match(own.own, place) and not _WHO_ARE.search(own.own, place, end)
        yield _Aside(start, place, own.without_opener(start, place) if stands else None, is_certain=True)
    for match in _IN_PARENTHESES.finditer(own.own, start, end):
        names_more = _names_more(own, *match.span())
        yield _Aside(*match.span(), None if names_more else own.without_parenthesis(*match.span()))
    if (match := _AT_THE_END.search(own.own, start, end)) and match.end() == end - 1:
        joint = _JOINED_BY.search(own.own, max(start, match.start() - LONGEST_JOINT), match.start())
        if joint:
            yield _Aside(start, end, own.without_parenthesis(joint.start(), match.end()), is_certain=True)


def _names_more(own: OwnText, start: int, end: int) -> bool:
    """Whether the words say what the author has made, and nothing else in the text does."""
    words = own.own[start:end]
    if not _MADE.search(words):
        return False
    rest = own.own[:start] + own.own[end:]
    return any(name not in rest for name in _NAMED.findall(words[1:]) if name not in ("I", "Disclaimer", "Disclosure"))
