"""Criterion 1, directness: answers of a word or two, that only ask back, or that say that they are not an answer."""

from __future__ import annotations

import re
from collections.abc import Iterator

from review.criteria.parsed_response import OBJECT, Finding, ParsedResponse
from review.criteria.rules import Rules, find_by_rules, rule

CRITERION = 1
FEWEST_WORDS = 3  # of two letters or more, without code or math: "Added.", "+1, it's a good idea"
LONGEST_QUESTION = 400  # characters; a longer one has something to say

REALLY = "(?:(?:really|exactly|quite|directly|strictly|actually|technically|necessarily) )*"

RULES = Rules(
    rule(
        "says that it is not an answer",
        ["answer"],
        rf"(?<!it\s)\b(?:[Nn]ot|[Ii]sn['’]t) {REALLY}an (?:actual |exact )?answer\b"
        r"(?: (?:to (?:your|the) (?:\w+ )?question|per se|as such|but|though)\b| ?[,;:.)–—-])",
        r"\b(?:[Tt]his|[Ii]t|I) (?:\w+ )?"
        r"(?:does not|doesn['’]t|do not|don['’]t|will not|won['’]t|may not|might not|is not|isn['’]t|['’]m not|am not) "
        rf"{REALLY}answer(?:ing)? (?:your|the|the OP['’]?s?|OP['’]?s) (?:\w+ )?question\b"
        r"(?! (?:of|about|in the|as to)\b)",
    ),
)
_WORD = re.compile(r"[^\W\d_]{2,}")
_SENTENCE_END = re.compile(r"[.!?]+[)\"'”’*_]*(?:\s+|\Z)|\n\s*\n")
# A question that offers something is an answer: "How about a bowline?"
_OFFER = re.compile(
    r"\b(?:how|what) about\b|\bwhy (?:not|don)|\bhave you (?:tried|considered|looked|thought|seen)|\bif\b|\bhow do|"
    r"\b(?:maybe|perhaps|could|might|should|would|can) |\bwhat (?:do|role)",
    re.I,
)
_ASKED_OF_THE_ASKER = re.compile(r"\byour?\b", re.I)


def find(parsed: ParsedResponse) -> Iterator[Finding]:
    yield from find_by_rules(RULES.possible(parsed), CRITERION, parsed)
    if OBJECT in parsed.prose or parsed.html or any(link.is_image for link in parsed.links):
        return
    if len(parsed.prose) <= LONGEST_QUESTION and len(_WORD.findall(parsed.prose)) <= FEWEST_WORDS:
        yield Finding(CRITERION, "very short", *parsed.whole)
    elif _only_asks_back(parsed.own.strip()):
        yield Finding(CRITERION, "only asks back", *parsed.whole)


def _only_asks_back(text: str) -> bool:
    if len(text) > LONGEST_QUESTION or not text.endswith("?") or _OFFER.search(text):
        return False
    return bool(_ASKED_OF_THE_ASKER.search(text)) and all("?" in end[0] for end in _SENTENCE_END.finditer(text))
