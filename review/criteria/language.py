"""Criterion 2, as far as a machine can check it: text that is not English.

Poor English is left to the reviewer. The detector is py3langid (https://github.com/adbar/py3langid, after Lui and
Baldwin, "langid.py: An Off-the-shelf Language Identification Tool", ACL 2012): offline, with its model in the wheel.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from functools import cache
from typing import Any

from review.criteria.parsed_response import OBJECT, Finding, ParsedResponse
from review.criteria.word_lists import entries

CRITERION = 2
FEWEST_LETTERS = 40  # in shorter texts, names and terms outweigh the words that identify a language
MOST_CHARACTERS = 1000  # for the detector, whose time is linear; enough to identify a language
ENGLISH_WORDS = 0.08  # share of words that no other language has, from which on a text is English without the detector
UNLIKELY = 0.01  # probability below which a text is not English

_LETTER = re.compile(r"[^\W\d_]")
_ENGLISH = frozenset(entries("english"))
_ADDRESS = re.compile(r"(?:https?://|www\.)\S+")
_LIKE_ENGLISH = ("en", "pcm", "jam", "sco")  # Nigerian Pidgin, Jamaican Creole and Scots


def find(parsed: ParsedResponse) -> Iterator[Finding]:
    words = parsed.own_lower.split()
    if not words or sum(map(_ENGLISH.__contains__, words)) >= ENGLISH_WORDS * len(words):
        return
    text = " ".join(_ADDRESS.sub(" ", parsed.own).replace(OBJECT, " ").split())[:MOST_CHARACTERS]
    if len(_LETTER.findall(text)) >= FEWEST_LETTERS and _probability_of_english(text) < UNLIKELY:
        yield Finding(CRITERION, "not English", *parsed.whole)


def load_before_fork() -> None:
    """Load the model now, so that workers that are forked share it: the time and the memory of all but one of them."""
    # A thread of OpenBLAS, which numpy loads, would keep records.workers from forking.
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    _identifier()


def _probability_of_english(text: str) -> float:
    return sum(float(score) for language, score in _identifier().rank(text) if language in _LIKE_ENGLISH)


@cache
def _identifier() -> Any:
    # imported late, because it loads numpy and takes half a second
    from py3langid.langid import MODEL_FILE, LanguageIdentifier  # type: ignore[import-untyped]

    return LanguageIdentifier.from_model_file(MODEL_FILE, norm_probs=True)
