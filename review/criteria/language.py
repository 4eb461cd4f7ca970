"""Criterion 2, as far as a machine can tell: language that is not English.

Poor English is left to the reviewer. The detector is py3langid (https://github.com/adbar/py3langid, after Lui and
Baldwin, "langid.py: An Off-the-shelf Language Identification Tool", ACL 2012): offline, with its model in the wheel.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import cache
from typing import Any

from review.criteria.parsed_response import OBJECT, Finding, ParsedResponse

CRITERION = 2
FEWEST_LETTERS = 40  # below, names and terms outweigh the words that tell a language
MOST_CHARACTERS = 1000  # for the detector, whose time is linear; enough to tell a language by
ENGLISH_WORDS = 0.08  # share of words that no other language has: as many are English without asking the detector
UNLIKELY = 0.01  # probability of English below which a text is none

_LETTER = re.compile(r"[^\W\d_]")
_ENGLISH = frozenset("the and of this that with you which are for have your if but from".split())
_ADDRESS = re.compile(r"(?:https?://|www\.)\S+")
_LIKE_ENGLISH = ("en", "pcm", "jam", "sco")  # the last three: Nigerian Pidgin, Jamaican Creole, Scots


def find(parsed: ParsedResponse) -> Iterator[Finding]:
    words = parsed.own_lower.split()
    if not words or sum(word in _ENGLISH for word in words) >= ENGLISH_WORDS * len(words):
        return
    text = " ".join(_ADDRESS.sub(" ", parsed.own).replace(OBJECT, " ").split())[:MOST_CHARACTERS]
    if len(_LETTER.findall(text)) >= FEWEST_LETTERS and _probability_of_english(text) < UNLIKELY:
        yield Finding(CRITERION, "not English", *parsed.whole)


def _probability_of_english(text: str) -> float:
    return sum(float(score) for language, score in _identifier().rank(text) if language in _LIKE_ENGLISH)


@cache
def _identifier() -> Any:
    # here, for it takes half a second and numpy
    from py3langid.langid import MODEL_FILE, LanguageIdentifier  # type: ignore[import-untyped]

    return LanguageIdentifier.from_model_file(MODEL_FILE, norm_probs=True)
