"""Criterion 4, first half: references to other users, answers, comments and edits."""

from __future__ import annotations

import re
from bisect import bisect_left
from collections.abc import Iterator
from itertools import accumulate

from review.criteria import participants
from review.criteria.parsed_response import OBJECT, Finding, ParsedResponse, Span
from review.criteria.rules import find_by_rules, is_quoted, rule
from review.criteria.word_lists import any_of, entries

CRITERION = 4

# A person's name, as in "Ada's answer".
NAME = rf"\b(?=[A-Z])(?!{any_of('not_names')}\b)[A-Z][\w-]{{0,30}}(?: (?:van |de |von )?[A-Z][\w-]{{0,30}}\.?)?"
NOT_A_USER = any_of("not_users")
OTHERS = (
    "(?:others|other (?:people|posters|answerers|users|commenters)|(?:some|many|most|several|all) (?:of the )?others|"
    "everyone else)"
)
SAYS = any_of("says")
SAID = any_of("said")
GOOD = (
    "(?:(?:very |really )?(?:excellent|great|good|nice|fine|useful|own|detailed|long|first|second|original|helpful) )?"
)
POST = "(?:the|your|this|my) (?:question|answer|post|OP)"
IN_CODE = "(?! (?:of|in|inside|at) (?:the |your |this )?(?:code|source|script|program|file|function|header|class))"
HANDLE = r"(?<![\w@.\\/+*=&-])@[A-Za-z][\w-]{2,40}"

RULES = (
    rule("names a user", ["@"], HANDLE + r"(?![\w-]{0,40}(?:[/(:=@{]|\.\w))", HANDLE + r"(?=:(?:\s|\Z))"),
    rule(
        "names a user",
        ["as "],
        rf"\b[Aa]s (?!{NOT_A_USER}\b)[a-z][a-z-]{{2,}}\d* (?:also |already |correctly |rightly |has |have )?"
        r"(?:pointed out|points out|mentioned|mentions|suggested|suggests|said|says|commented)\b",
    ),
    rule(
        "names a user",
        ["as ", "with ", "see "],
        rf"\b[Aa]s {NAME} {SAYS}\b(?=[^.\n]{{0,40}}\b(?:comment|answer)s?\b)",
        rf"\bI(?:['’]m| am) with {NAME}(?=[,.;]| on (?:this|that)\b)",
        rf"\b[Ss]ee {NAME}['’]s (?:example|solution|post|reply|suggestion)\b(?! (?:of|to|for)\b)",
        r"\b[Aa]s \W?[\w-]{3,30}\W? and others (?:have )?(?:already )?"
        r"(?:suggest|mention|note|point|said|say)(?:s|ed|d)?\b",
    ),
    rule("names a user", ["echo"], rf"\b(?:[Tt]o echo|[Ee]choing) (?:what )?{NAME}(?! (?:in|at) (?:his|her|the)\b)"),
    rule("refers to the asker", ["the op"], r"\b[Tt]he OP\b(?! (?:amp|code)s?\b)"),
    rule(
        "agrees with another user",
        ["agree"],
        rf"\A[^\w{OBJECT}]{{0,5}}(?:While |Although )?I(?: \w+)? (?:\w+ )?agree\b",
        rf"\bI (?:\w+ )?(?:dis)?agree with (?:the )?{NAME}(?=['’]s (?:answer|comment|statement|point|suggestion)|"
        r",| here\b|\.(?:\s|\Z))",
    ),
    rule(
        "refers to another answer",
        ["answer"],
        rf"{NAME}['’]s {GOOD}answers?\b(?! to (?:life|all|his|her|its)\b)",
        r"\b(?:the|these|those|all|most|many|some|of|in|from|than|by) (?:of )?(?:the )?"
        r"other (?:two |three |four )?(?:\w+ )?answers?\b(?! (?:choices?|options?|keys?|than)\b)",
        rf"\b(?:Other|Another|Previous|Existing) answers?(?= {SAYS}\b)",
        r"\b(?:to|in|by|from|see|with|of|what) another answer\b(?! (?:is|to)\b)",
        rf"\b[Aa]s (?:comments/)?other answers {SAYS}\b",
        r"\b(?:existing|previous|earlier|prior|every other|linked) (?:(?:good|great|excellent|nice) )?answers?\b"
        r"(?! (?:choices?|options?|keys?|of|from|to|is|are|in|by|times?)\b)",
        r"\banother answer (?:here|above|below|mentions|mentioned|suggests|says|said|explains)\b",
        r"\b(?:another|other|previous) answerers?\b",
        r"\b[Mm]y (?:other|earlier|previous) (?:\w+ )?answer\b",
        r"\b(?:the|previous|existing|excellent|good|great|useful|these|those|all|several|various|many|two|other) "
        r"(?:of )?(?:the )?(?:\w+ )?"
        r"answers (?:above|below|already|posted|given (?:above|here|by others)|so far|here)\b",
        r"\b(?:accepted|top[- ]voted|highest[- ]voted|most upvoted|higher[- ]voted) answer "
        r"(?:is|was|does|do|did|doesn|didn|here|above|below|by|from|will|works|uses|gives|misses|has|on this)\b",
        r"\banswers? (?:given |posted |provided |written )?by (?:@|user\d|others\b)",
        r"\b(?:[Tt]he|[Ss]ee|in) (?:\w+ )?answer (?:given |posted |provided |from )?by "
        rf"{NAME}(?! (?:in|at) (?:his|her|the)\b)",
        rf"(?:\+1|[Uu]pvoted?) (?:to|for) (?:the )?{NAME}",
    ),
    rule(
        "refers to others who answered",
        ["others", "other people", "other poster", "other user", "other answer", "other comment", "everyone else"],
        rf"\b(?:[Aa]s|[Ll]ike|[Ww]hat|[Ss]ince|[Tt]hat|[Ww]hich) (?:the )?{OTHERS} (?:have |has |had )?"
        rf"(?:already |also |here |rightly |correctly )?{SAID}\b",
        rf"\b[Oo]thers (?:have |had )?already {SAID}\b",
        r"\b[Oo]thers have (?:already )?answered\b",
        rf"\b{SAID} (?:above |already )?by (?:the )?"
        r"(?:others\b(?! in\b)|other (?:answers|posters|answerers|commenters|users here))",
    ),
    rule(
        "refers to a comment",
        ["comment"],
        rf"{NAME}['’]s {GOOD}comments?\b(?! (?:on|about) (?:the )?(?:book|paper|novel|play|film))",
        r"\b(?:[Tt]oo|[Bb]it|[Ll]ittle) (?:too )?long (?:for|to be|as) an? comment\b",
        r"\b(?:an? |sort of an? |more of an? )(?:extended|long) comment\b",
        r"\bmore (?:of|like) a comment (?:than|rather)\b",
        r"\bmore \w+ than an? comment\b",
        r"\b(?:previous|existing|earlier|other) (?:comments|commenters?)\b" + IN_CODE,
        r"\b(?:[Oo]ne|[Ss]ome|[Ss]everal|[Mm]any|[Ee]ach) of the comments\b" + IN_CODE,
        r"\b(?:say|says|said|writes?|wrote|asks?|asked|tells?|told|made|came up|sources) in the comments\b" + IN_CODE,
        r"\bshould (?:really |probably |perhaps )?be a comment\b",
        r"\b(?:can['’]t|cannot|can not|not (?:yet )?(?:able|allowed|enough \w+) to|(?:reputation|rep|karma|points) to) "
        r"(?:yet |leave a |post a |add a |make a )?comment\b(?! (?:on|about|beyond|further)\b)",
        rf"\b{SAID}(?: \w+)? in (?:the|an?|some|my|your|his|her|their|one of the|another|several) (?:\w+ )?comments?\b"
        + IN_CODE,
        r"\b(?:[Aa]s|[Ll]ike) (?:an?|the|some|several) comment(?:er|or|ator)?s? (?:above |below )?"
        rf"(?:have |has )?{SAID}\b",
        r"\b(?:the|a|your|my|his|her|their|this|that|some|other|previous|answers and|see|these|those) comments? "
        rf"(?:above|below|(?:to|on|under) {POST})\b",
        r"\b(?:[Bb]ased on|[Ii]n (?:response|reply|answer|regards?) to|[Rr]egarding|[Cc]oncerning|[Pp]er|[Aa]s per|"
        r"[Ff]rom|[Aa]fter|[Gg]iven|[Ss]ee|[Ss]aw|[Rr]ead(?:ing)?|expand(?:ing)? on|elaborat\w+ on|address(?:ed)?|seen)"
        r" (?:also )?(?:your|my|his|her|the OP['’]s|OP['’]s) (?:\w+ )?comments?\b"
        r"(?! (?:character|sign|line|block|style|tag|syntax|section)s?\b)",
        r"\bI(?:['’]ve| have| had)? (?:already |just )?(?:left|posted|wrote|made) (?:you )?a comment\b",
        r"\b[Aa]s your comments? (?:says?|states?|suggests?|notes?|mentions?|explains?|points?|shows?)\b",
        r"\b(?:discussions?|conversation|exchange|suggestions?|questions?|clarifications?|request|feedback|edits?|"
        r"[Uu]pdates?) (?:\w+ )?(?:in|from|after|based on) (?:the |my |your |his |some )?comments\b" + IN_CODE,
        r"\bcomments? (?:by|from|of) (?:@|user\d|the OP\b|OP\b|others\b)",
    ),
    rule(
        "refers to an edit",
        ["edit", "update"],
        r"\b(?:since|after|given|based on|in|saw|per|see|with|regarding|about|to) (?:your|the OP['’]s|OP['’]s) "
        r"(?:\w+ )?(?:edits?|edited (?:question|post|version)|updated? (?:question|post))\b"
        r"(?! (?:menu|mode|button|box|field|distance|page|script|view|form|window)s?\b)",
        r"\b(?:edit|revision) history of (?:this|the|my|your)\b",
        r"\bI(?:['’]ve| have)? (?:just )?(?:edited|updated) (?:my|this|the) (?:answer|post|response)\b",
    ),
)

# "EDIT:", "Update 2 (May 3):", "[Edited to add ..", "**Edit**", "## Update August 2019", at the start of a line or a
# sentence; not "- UPDATE: changes rows" in a list, nor "## Update the index".
EDIT = "(?:EDIT(?:ED)?|UPDATED?|ADDENDUM|ETA|[Ee]dit(?:ed)?|[Uu]pdated?|[Aa]ddendum)"
_EDIT_MARK = re.compile(
    rf"(?:^|(?<=[.!?)\]*_/(\[{OBJECT}] )|(?<=[(\[*_/]))[ \t>(\[/*_#]{{0,8}}"
    rf"(?P<mark>{EDIT}\b(?:[ #]*\d{{1,4}}(?:[-/.]\d+)*)?(?:[ ,]*\([^()\n]{{1,40}}\))?[ ]*"
    r"(?::(?![:=/])|(?=to add\b)|"
    r"(?=(?:after|from|following|in response to|based on) (?:the |your |some )?comments?\b)))",
    re.M,
)
_EDIT_HEADING = re.compile(
    rf"^[ \t>]*(?:#{{1,6}}[ \t]*|\*{{1,3}}|_{{1,3}})(?P<mark>{EDIT})\b"
    r"(?:(?![ \t]+(?:to|the|your|an?|all|and|or|of|on|it|with|from|using|in)\b)[^*_\n]{0,20}\d[^*_\n]{0,20}"
    r"|[ \t]+for [^*_\n]{0,15}\d[^*_\n]{0,9}|[ \t:]*)(?:[*_]{1,3}|$)|\((?P<aside>edit|Edit|EDIT)\)",
    re.M,
)
_SQL = re.compile(r"\b(?:SELECT|INSERT|DELETE)\b")
_LIST_ITEM = re.compile(r"[ \t>]*(?:[-+*]|\d+[.)])[ \t]")

_SITES = r"https?://(?:[\w-]+\.)*(?:stackexchange|stackoverflow|mathoverflow|superuser|serverfault|askubuntu|stackapps)\.(?:com|net)/"
# Addresses of Stack Exchange sites that name a comment, an answer or a user.
POST_OR_USER = re.compile(
    rf"{_SITES}(?:.*(?P<comment>#comment\d+)|(?P<answer>a/\d+|questions/\d+/[^/]*/\d+)|(?P<user>users/\d+))"
)
POST_OR_QUESTION = re.compile(rf"{_SITES}(?:a|q|questions)/\d+")
_AS_WHAT = re.compile(
    r"\b(?:comment(?:s|ed)?|answer(?:s|ed|er)?|mentioned|suggested|said|noted|explained|pointed out)\b|['’]s\b", re.I
)
AT_WORDS = frozenset(entries("at_words"))
_AT_NOUN = re.compile(
    r"\s*(?:annotations?|decorators?|directives?|rules?|tags?|attributes?|keywords?|symbols?|packages?|scopes?)\b"
)


def find(parsed: ParsedResponse) -> Iterator[Finding]:
    found = list(find_by_rules(RULES, CRITERION, parsed, _is_not_a_reference))
    yield from found
    spans = sorted((finding.start, finding.end) for finding in found)
    ends = list(accumulate((end for _, end in spans), max))  # of all that begin no later
    for finding in participants.find(parsed):
        before = bisect_left(spans, (finding.end,))
        if not before or ends[before - 1] <= finding.start:
            yield finding
    yield from _links(parsed)
    for start, end in edit_marks(parsed):
        yield Finding(CRITERION, "tells of an edit", start, end)


def _is_not_a_reference(text: str, match: re.Match[str]) -> bool:
    if match[0].startswith("@"):
        return match[0][1:].lower() in AT_WORDS or bool(_AT_NOUN.match(text, match.end()))
    return is_quoted(text, match)


def _links(parsed: ParsedResponse) -> Iterator[Finding]:
    for link in parsed.links:
        if "/" in link.address and (match := POST_OR_USER.match(link.address)):
            if match["user"]:
                yield Finding(CRITERION, "names a user", link.start, link.end)
            elif _AS_WHAT.search(parsed.prose, link.start, link.end):  # otherwise it is a link like any other
                reason = "refers to a comment" if match["comment"] else "refers to another answer"
                yield Finding(CRITERION, reason, link.start, link.end)


def edit_marks(parsed: ParsedResponse) -> Iterator[Span]:
    """The marks of edits, such as "EDIT:", outside of code and quotations."""
    if not any(hint in parsed.own_lower for hint in ("edit", "update", "addendum", "eta")):
        return
    marks = {}
    for match in _EDIT_HEADING.finditer(parsed.response):
        start = match.start(match.lastgroup or 0)
        marks[start] = start + len(parsed.response[start : match.end()].rstrip("*_) \t"))
    marks |= {match.start("mark"): match.end("mark") for match in _EDIT_MARK.finditer(parsed.own)}
    last = -1
    for start, end in sorted(marks.items()):
        word, line = parsed.response[start:end], parsed.response.rfind("\n", 0, start) + 1
        if (
            start > last
            and parsed.own.startswith(word[:4], start)  # neither in code nor in a quotation
            and not _LIST_ITEM.match(parsed.response, line)
            and not (word.startswith("UPDATE") and _SQL.search(parsed.own))
        ):
            last = end
            yield Span(start, end)
