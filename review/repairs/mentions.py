"""Words that only credit another author of the thread: "As @ben mentioned in a comment, the knot holds".

Which words are about others is criterion 4's to find; here is how they must stand so that the rest stands alone. What
an answer says with somebody or beside somebody, it also says alone. What it says against somebody, or of their answer,
stays.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import NamedTuple

from review.criteria import references
from review.criteria.parsed_response import OBJECT, Span, blanked
from review.repairs.sentences import LONGEST, NO_BEGINNING, Hints, OwnText, Sentence, has_between, pattern
from review.repairs.verified_edits import NOTHING, Edit, Found, MarkdownText

_SAID = (
    r"(?:mention(?:s|ed)?|not(?:ed|es)|sa(?:id|ys?)|point(?:s|ed)? (?:that |this |it )?out|suggest(?:s|ed)?|state[sd]?|"
    r"explain(?:s|ed)?|comment(?:s|ed)?|observe[sd]?|remark(?:s|ed)?|propose[sd]?|indicate[sd]?|answered|described|"
    r"discussed)"
)
_WHERE = (
    r"(?: (?:it|this|already|above|below|here|too))*"
    r"(?: (?:in|on|by|under|to) (?:[\w@'’.-]+ ){0,6}?[\w@'’.-]+){0,2}(?: (?:above|below|here|already))?"
)
# "as others have already pointed out", "as was noted in the comments by Ben"
_AS_SAID = rf"[Aa]s (?:[\w@'’./+-]+ ){{0,6}}?{_SAID}{_WHERE}|[Aa]s in (?:[\w@'’-]+ ){{0,5}}(?:answers?|comments?)"
_BESIDE = (
    r"(?:[Ii]n addition|[Ff]urther|[Aa]dding(?: on)?|[Tt]o add(?: on)?) to|"
    r"(?:[Tt]o expand|[Ee]xpanding|[Bb]uilding) (?:up)?on|[Tt]o echo|[Ee]choing|[Mm]otivated by|[Ii]nspired by|"
    r"[Bb]esides|[Aa]part from"
)
_THANKS = r"(?:[Tt]hanks?|[Tt]hank you|[Cc]redits?|[Kk]udos|[Hh]at tip)"
# It is not "besides @Transactional".
_SOMEBODY = r"(?=[^,:;.!?\n]*(?:['’]s|answer|comment|post|said|says|suggest|mention|others)|[A-Z])"
_OF_SOMEBODY = r"(?=[^()\n]*(?:['’]s\b|answer|comment))"
# The words of a mention, at the beginning of a sentence
_OPENER = pattern(
    rf"\s*(?P<words>(?:{_AS_SAID})|(?P<beside>{_BESIDE}) {_SOMEBODY}[^,:;.!?(){OBJECT}]{{1,300}}) ?[,:](?=\s)"
)
_BEHIND_CONJUNCTION = pattern(
    rf"\s*(?P<first>And|But|So|Yet|Because|N\.B\.:|Note:|{references.EDIT}:),?(?P<words> (?:{_AS_SAID})) ?,(?=\s)"
)
_AGREEING = pattern(
    r"(?P<words>(?:Yes, |Well, )?I(?: [a-z]+){0,2} agree(?: with (?:you|the idea|[^,.:;]{1,300}))? that)(?= )"
)
_SAID_THAT = pattern(
    rf"(?P<words>(?:It(?:['’]s| is| was| has been) (?:already |also )?{_SAID}{_WHERE}|"
    rf"(?:As )?[Oo]thers(?: here)? (?:have |had )?(?:already |also )?{_SAID}),? that)(?= )"
)
_ADDRESS = pattern(r"(?P<words>@[\w-]+(?: [A-Z][\w-]+)?) ?[:,](?=\s)")
# .. at the beginning of an answer, where it is other answers that it adds to
_ADDING = pattern(
    r"(?P<words>(?P<beside>(?:I(?:['’]d| would)|I) (?:just |also |only )?(?:like|want|wanted) to (?:just |also )?add|"
    r"(?:Just|Only) (?:wanted )?to add|Let me (?:just |also )?add)"
    r"(?: to (?:the|what|this) [^,.:;]{1,200})?(?: that(?= )|[,:](?=\s)))"
)
# .. and elsewhere in a sentence.
_IN_PARENTHESES = pattern(
    rf"\((?P<words>{_AS_SAID}|(?:{_THANKS}|h/t|(?:[Ss]ee|[Cc]f\.?|in addition to)\b{_OF_SOMEBODY})"
    rf"[^(){OBJECT}]{{1,300}})\.?\)"
    r"(?=[\s.,;:!?]|\Z)"
)
_BETWEEN_COMMAS = pattern(
    rf",(?P<words> (?:{_AS_SAID}|which others (?:have |had )?(?:already |also )?{_SAID})) ?"
    r"(?P<end>[,.])(?= |\Z)"
)
# Sentences that say no more than whom they thank or agree with, and what more they may say.
_WHOLE = pattern(
    rf"(?:Many |Big |Special )?{_THANKS}(?: goes)?(?: to|,) (?:@?\w[\w-]*(?: [A-Z][\w.-]*){{0,2}}|the comment\w*)"
    r"(?: for [^,;:]+)?[.!]|"
    r"(?:(?:Please )?(?:[Ss]ee|[Cc]heck(?: out)?)\b(?! (?:this|that|the|an?) )(?=.*(?:['’]s|answer|comment))|"
    r"\+1 (?:to|for)\b|(?:Yes, )?I(?: \w+){0,2} agree with (?!you\b)|I(?:['’]ll| would| will)? second\b|"
    r"There are (?:already )?(?:[a-z]+ ){0,4}answers\b)[^,;:]*[.!)]"
)
_SAYS_MORE = re.compile(
    r"\b(?:but|because|since|that|which|however|although|though|if|when|while|so|except|who|where|"
    r"and (?:I|it|you|we|the))\b|:\s"
)
_PRAISE = pattern(
    r"(?:@[\w-]+|[A-Z][\w-]*(?: [A-Z][\w-]*)?)['’]s answer (?:(?:above|here|below) )?(?:is|was) "
    r"(?:(?:excellent|great|good|nice|fine|correct|right|perfect|helpful|useful|very|really|a|the|best|answer) ?)+[.!]"
)

# What an answer adds leans on what it adds to.
_ADDS = re.compile(r"\W*(?:\w+\W+){0,7}?(?:another|other|further|additional(?:ly)?|more|too|as well|else)\b", re.I)
_ALSO = re.compile(r"[^.,;:!?]{0,40}?\b(?P<also>(?:also|just)\s+)")
# What is said to somebody about their post, or answers to it.
_TO_SOMEBODY = re.compile(
    r"\byou(?:r (?:answer|code|solution|example|post|comment|approach|method|version|suggestion|point|argument|claim|"
    r"statement)|['’]re (?:right|wrong|correct)| (?:are (?:right|wrong|correct)|said|say|wrote|mention\w*|missed|"
    r"forgot|claim\w*|asked|suggest\w*|posted))\b",
    re.I,
)
_REPLY = re.compile(
    r"\W*(?:that|this|it|its|yes|no|yeah|nope|sure|right|exactly|good|great|nice|thanks?|i|why|what|how|sorry|agreed|"
    r"true|not|maybe|perhaps|of course|ok|okay|well|actually|but|and|you)\b",
    re.I,
)
# A comma behind these parts of a sentence stays: "When it rains, as Ben said, it slips".
_WANTS_COMMA = re.compile(
    r"\W*(?:if|when|while|for|on|at|with|since|because|although|though|after|before|unless|besides|however|first|second|"
    r"third|finally|also|yes|no|well|sure|actually|again|similarly|moreover|furthermore|additionally|otoh|therefore|"
    r"thus|hence|of course|indeed|from|to|in)\b[^,]*\Z",
    re.I,
)
_NEXT_WANTS_COMMA = re.compile(
    r"\s*(?:so|but|and|or|because|which|who|since|while|where|although|though|not|yet|it|there|you|we|I)\b"
)
_HANDLE = re.compile(r"@[A-Za-z][\w-]+")
_NAME = re.compile(r"@[A-Za-z][\w-]+|(?<=\W)[A-Z][\w-]{2,}")
_PRONOUN = re.compile(r"\b(?:he|she|his|her|him|hers)\b", re.I)
SHORTEST_REST = 12  # characters of what an answer adds; "I'd like to add that button." adds something else
REACH = 300  # characters before a mention that are searched for such a part, and behind it for a pronoun

_POST = r"[^\n]{0,300}?(?:answer|comment|post|said|say|suggest|mention|@)"
# One of them is in each mention.
_HINTS = Hints(
    {
        "@": r"@(?<![\w.]@)[A-Za-z]",
        "+1 ": r"\+1 (?:to|for)\b",
        "agree": r"I(?: [a-z]+){0,2} \[?agree\b",
        "s ": rf"s(?<=\b[Aa]s)(?: [^\s,;]{{1,300}}){{0,7}}? \W?"
        rf"(?:{_SAID}\b|in \S+ (?:\S+ ){{0,4}}(?:answer|comment)|per\b)",
        "thers ": r"thers (?:here )?ha(?:ve|d)\b",
        "cho": r"cho(?:ing)? [^.\n]{1,60}[,:]",
        "n addition to": rf"n addition to {_POST}",
        "urther to": rf"urther to {_POST}",
        " add": r"(?:[Tt]o|me) (?:just |also )?add\b",
        "dding ": rf"dding (?:on )?to {_POST}",
        "xpand": rf"xpand(?:ing)? (?:up)?on {_POST}",
        "uilding ": rf"uilding (?:up)?on {_POST}",
        "otivated by": rf"otivated by {_POST}",
        "nspired by": rf"nspired by {_POST}",
        "esides ": rf"esides {_POST}",
        "part from": rf"part from {_POST}",
        "hank": r"hank(?:s,? @|(?:s| you) (?:to|goes)\b)",
        "redit": r"redits? (?:to|goes)\b",
        "udos to": r"udos to\b",
        "at tip to": r"at tip to\b",
        "ee ": r"ee(?<=[Ss]ee) [^.\n]{0,300}?(?:['’]s\b|answer|comment)",
        "here are": r"here are [^.\n]{0,60}answers",
        "s answer": r"s answer (?:(?:above|here|below) )?(?:is|was)\b",
        "It": r"It(?:['’]s| is| was| has been) (?:already |also )?(?:mentioned|stated|said|suggested|noted|pointed)\b",
        " second ": r"I(?:['’]ll| would| will)? second ",
    }
)


class _Mention(NamedTuple):
    """Words about others, own[start:end], and the edits that take them away; None if the rest needs them."""

    start: int
    end: int
    edits: tuple[Edit, ...] | None
    is_certain: bool = False  # without a finding of criterion 4


def may_find(text: str) -> bool:
    return _HINTS.are_in(text)


def find(parsed: MarkdownText) -> Found:
    """The mentions that can go."""
    own = OwnText(parsed, parsed.response.own)
    sentences = own.sentences_at(_HINTS.places(parsed.text))
    candidates = [mention for sentence in sentences for mention in _in_sentence(own, sentence)]
    if not candidates:
        return NOTHING
    findings = sorted(finding.start for finding in references.find(parsed.response))
    mentions = list(_distinct(m for m in candidates if m.is_certain or has_between(findings, m.start, m.end)))
    handles = {handle for code in parsed.protected_texts for handle in _HANDLE.findall(code)}
    if handles:  # which are then no users, but annotations
        mentions = [m for m in mentions if handles.isdisjoint(_HANDLE.findall(own.own, m.start, m.end))]
    taken = [Span(mention.start, mention.end) for mention in mentions if mention.edits]
    named = set(_NAME.findall(blanked(own.own, taken)))
    places = tuple(m.edits for m in mentions if m.edits and not _is_leant_on(own, m, named))
    return Found(places, left=len(places) < len(mentions))


def _distinct(mentions: Iterable[_Mention]) -> Iterator[_Mention]:
    """Those that do not overlap one before."""
    done = 0
    for mention in mentions:
        if mention.start >= done:
            yield mention
            done = mention.end


def _in_sentence(own: OwnText, sentence: Sentence) -> Iterator[_Mention]:
    """What may be mentions in a sentence: all of it, its first words, or those between commas and in parentheses."""
    start, end = sentence.start, sentence.end
    words = own.words(sentence)
    if len(words) <= LONGEST and _is_only_a_mention(words):
        yield _Mention(start, end, own.without(sentence))
        return
    for first_words, edits in (
        (_OPENER, _without_opener),
        (_BEHIND_CONJUNCTION, _without_clause),
        (_AGREEING, _without_agreement),
        (_SAID_THAT, _without_opener_that),
        (_ADDRESS, _without_address),
    ):
        if match := first_words.match(own.own, start, end):
            yield _Mention(*match.span("words"), edits(own, sentence, match))
    if start == 0 and (match := _ADDING.match(own.own)):
        yield _Mention(*match.span("words"), _without_opener(own, sentence, match), is_certain=True)
    for match in _IN_PARENTHESES.finditer(own.own, start, end):
        yield _Mention(*match.span("words"), own.without_parenthesis(*match.span()))
    for match in _BETWEEN_COMMAS.finditer(own.own, start, end):
        yield _Mention(*match.span("words"), _without_insertion(own, sentence, match))


def _is_only_a_mention(words: str) -> bool:
    return bool(_WHOLE.fullmatch(words) and not _SAYS_MORE.search(words)) or bool(_PRAISE.fullmatch(words))


def _without_opener(own: OwnText, sentence: Sentence, match: re.Match[str]) -> tuple[Edit, ...] | None:
    end = own.next_word(match.end())
    if end >= sentence.end or NO_BEGINNING.match(own.own, end) or own.text[end] in '"“':  # their words
        return None
    edits = own.without_opener(sentence.start, end)
    if not match["beside"]:
        return edits
    if _ADDS.match(own.own, end, sentence.end) or sentence.end - end < SHORTEST_REST:
        return None
    if also := _ALSO.match(own.own, end, sentence.end):
        edits = (*edits, Edit(*also.span("also")))
    return edits


def _without_clause(own: OwnText, sentence: Sentence, match: re.Match[str]) -> tuple[Edit, ...] | None:
    """Of "But, as Ben said, it slips" is left "But it slips"."""
    end = own.next_word(match.end())
    if end >= sentence.end or NO_BEGINNING.match(own.own, end):
        return None
    capital = own.capital(end) if match["first"].endswith(":") else ()
    return (Edit(match.end("first"), end, " "), *capital)


def _without_agreement(own: OwnText, sentence: Sentence, match: re.Match[str]) -> tuple[Edit, ...] | None:
    """At the beginning of an answer; elsewhere it may be the answer's own thread of thought."""
    if sentence.start != 0 or NO_BEGINNING.match(own.own, match.end()):
        return None
    return own.without_opener(0, own.next_word(match.end("words")))


def _without_opener_that(own: OwnText, sentence: Sentence, match: re.Match[str]) -> tuple[Edit, ...] | None:
    """What the next sentence may be against stays."""
    return None if own.leans_back(sentence.end) else own.without_opener(sentence.start, own.next_word(match.end()))


def _without_address(own: OwnText, sentence: Sentence, match: re.Match[str]) -> tuple[Edit, ...] | None:
    end = own.next_word(match.end())
    if not sentence.is_first or end >= sentence.end or _REPLY.match(own.own, end):
        return None
    if _TO_SOMEBODY.search(own.own, end, sentence.block_end):
        return None
    return own.without_opener(sentence.start, end)


def _without_insertion(own: OwnText, sentence: Sentence, match: re.Match[str]) -> tuple[Edit, ...] | None:
    """What stands between two commas, and one of them or both."""
    if match["end"] == ".":
        return (Edit(match.start(), match.end() - 1),)
    is_near = match.start() - sentence.start <= REACH
    stays = (is_near and _WANTS_COMMA.match(own.own, sentence.start, match.start())) or _NEXT_WANTS_COMMA.match(
        own.own, match.end()
    )
    return (Edit(match.start(), match.end() - bool(stays)),)


def _is_leant_on(own: OwnText, mention: _Mention, named: set[str]) -> bool:
    """Whether a "he" may be the one whom the mention names, or the answer has the name again."""
    names = _NAME.findall(own.own, mention.start, mention.end)
    if not names:
        return False
    paragraph = own.own.find("\n\n", mention.end, mention.end + REACH)
    end = paragraph if paragraph >= 0 else mention.end + REACH
    return not named.isdisjoint(names) or _PRONOUN.search(own.own, mention.end, end) is not None
