"""Criterion 4, the thread's other authors by name: "as Michael suggested", "the answer by phpguy".

Their names are in meta.participants, so a lone first name may count: "as Tim says" may be about the author of a book,
but hardly in a thread in which a Tim has answered. A name that is all in lower case may be any word, and counts only in
the plainest of these phrases.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import lru_cache
from typing import Any

from review.criteria.parsed_response import Finding, ParsedResponse
from review.criteria.rules import REACH, is_quoted
from review.criteria.word_lists import any_of, entries

CRITERION = 4
REASON = "names a user"
SHORTEST = 3  # characters of a name; shorter ones ("C", "R", "Al") are letters, languages and words

COMMON = frozenset(entries("common_names"))
SAYS = any_of("participant_says")
SAID = any_of("said")
POST = any_of("participant_posts")
ADVERB = r"(?:\w+ly |also |just |has |have |had )*"

# NAME stands for the names.
_PLAIN = (
    r"(?:^|[.,;:!?(]|\b(?:see|to|of|like|with|in|and|from|second|by|on|per|think|that|read)\b)[^\S\n]{0,99}"
    r"NAME['’]s? (?:\w+ )?(?:answers?|solutions?|comments?|suggestions?|posts?|reply)\b",
    rf"\b(?:[Aa]s|[Ll]ike|[Ww]hat) NAME {ADVERB}(?:already )?(?:{SAID}|points out|mentions|suggests|says|explains)\b",
    rf"\b(?:{SAID}|answers?|solutions?|comments?) (?:given |posted |provided )?by (?:user )?NAME\b",
    r"\bagree with NAME\b",
)
_OTHERS = (
    rf"NAME(?:['’]s?)? \W?(?:\w+ ){{0,2}}?{POST}\b",
    rf"NAME,? {ADVERB}{SAYS}\b",
    r"NAME(?: (?:is|was|has it)|['’]s) (?:also |exactly |quite |absolutely )?(?:right|correct|wrong)\b",
    rf"\b(?:[Aa]s|[Ll]ike|[Ww]hat) NAME {ADVERB}(?:says?|puts?|did|does|wrote|writes|described|describes|shows|showed|"
    r"noted|notes|states)\b",
    r"\b(?:provided|given|posted|described|written|linked|referenced|listed|offered|shown) "
    r"(?:\w+ ){0,2}?by (?:the )?(?:user )?NAME\b",
    r"\b(?:[Dd]isagree|I['’]m|I am) with NAME\b",
    r"\b(?:[Tt]hanks? (?:you )?(?:to |goes to )?|[Kk]udos to |[Cc]redits? to |[Pp]rops to |[Ee]cho(?:ing)? (?:what )?|"
    r"(?:[Ii]n )?[Aa]ddition to |[Aa]dd (?:on )?to |[Rr]espon(?:se|d(?:ing)?) to |[Rr]eply(?:ing)? to |\+1 (?:to|for) |"
    r"[Gg]ood (?:call|point|catch|answer|idea),? |[Ss]econd )NAME\b(?!['’])",
    r"\b(?:[Ss]ame|[Ss]imilar|[Dd]ifferent(?:ly)?|lines) (?:to|as|from|than) (?:what )?NAME\b",
    r"(?:^|[.!?])[^\S\n]{0,9}NAME, (?=(?:please|thanks|thank|you|your|I)\b)",
)
# In the middle of a sentence a Thomas Jordan is no Jordan of the thread, as a David Chalmers is no David.
_AFTER_FIRST_NAME = re.compile(r"[a-z,;]\s+[A-Z][a-z]+ \Z")
_NO_SURNAME = r"(?!\w|[-.]\w| (?!I\b)[A-Z][a-z])"


def names_of(record: dict[str, Any]) -> list[str]:
    """The names in a record's meta.participants; none if it has no list of them."""
    names = record.get("meta", {}).get("participants")
    return [name for name in names if isinstance(name, str)] if isinstance(names, list) else []


def find(parsed: ParsedResponse) -> Iterator[Finding]:
    """The findings; without participants there are none."""
    named = [name for each in parsed.participants for name in _forms(each) if _is_named(name, parsed)]
    for is_lower in (True, False):
        names = tuple(name for name in named if name.islower() == is_lower)
        for match in _pattern(names, is_lower).finditer(parsed.own) if names else ():
            if not is_quoted(parsed.own, match) and not _is_surname(parsed.own, match):
                yield Finding(CRITERION, REASON, *match.span())


def _forms(participant: str) -> Iterator[str]:
    """The whole name and the first name, without those that are likely to be something else."""
    words = participant.split()
    for name in dict.fromkeys((participant.strip(), *words[:1])):
        if len(name) >= SHORTEST and name[0].isalpha() and name.lower() not in COMMON:
            yield name


def _is_named(name: str, parsed: ParsedResponse) -> bool:
    """Whether the answer has the name; if the question has it too, it is a topic, such as Siri."""
    return name in parsed.own and not re.search(rf"\b{re.escape(name)}\b", parsed.instruction)


def _is_surname(text: str, match: re.Match[str]) -> bool:
    return _AFTER_FIRST_NAME.search(text, max(0, match.start() - REACH), match.start()) is not None


@lru_cache(maxsize=256)
def _pattern(names: tuple[str, ...], is_lower: bool) -> re.Pattern[str]:
    """Any of the names in any of the phrases; a space is any white space."""
    phrases = "|".join(_PLAIN if is_lower else _PLAIN + _OTHERS).replace(" ", r"\s+")
    either = "|".join(map(re.escape, sorted(names, key=len, reverse=True)))
    return re.compile(phrases.replace("NAME", rf"(?<![\w@])(?:{either}){_NO_SURNAME}"), re.M)
