"""Checks of questions and answers that need no model: scores between 0 and 1, and reasons for rejection.

Words are compared as in SQuAD's evaluation (Rajpurkar et al. 2016, https://arxiv.org/abs/1606.05250): in lower case,
without punctuation, and without a, an and the; and without their inflection, by the first step of Porter's stemmer
(1980, https://tartarus.org/martin/PorterStemmer/def.txt).
"""

from __future__ import annotations

import re
from collections import Counter
from functools import lru_cache

from review.criteria import language
from review.criteria.parsed_response import ParsedResponse

KINDS = ("Who", "What", "Where", "When", "Why", "How")

_WORD = re.compile(r"[^\W_]+(?:['’][^\W_]+)*")
_ARTICLES = {"a", "an", "the"}

# ---- function words --------------------------------------------------------------------------------------------------
_QUESTION_WORDS = set("who whom whose what which where when why how many much long often far old large big".split())
_AUXILIARIES = set(
    "is are was were be been am do does did has have had can could will would shall should may might must "
    "isn't aren't wasn't weren't don't doesn't didn't hasn't haven't hadn't can't couldn't won't wouldn't "
    "shouldn't".split()
)
_SMALL_WORDS = set(
    "of in on at to for from by with into about over under after before and or but because not no then also "
    "there".split()
)
_FUNCTION_WORDS = _ARTICLES | _QUESTION_WORDS | _AUXILIARIES | _SMALL_WORDS
_NEVER_LAST = _ARTICLES | {"and", "or", "but", "because", "that", "which", "whose", "if", "than", "as"}

# ---- references to something outside the question --------------------------------------------------------------------
_PERSONAL = {"he", "she", "it", "they", "him", "her", "them", "we", "us", "i", "me"}
_POSSESSIVE = {"his", "its", "their", "hers", "theirs", "himself", "herself", "itself", "themselves"}
_OURS = {"we", "us", "our", "ours", "i", "me", "my", "mine"}
_CLAUSE_OPENERS = set("when if while because after before as that until once and although since where so than".split())
_DEMONSTRATIVES = {"this", "these", "those"}
_EXPLETIVE = re.compile(
    r"\b(?:(?:is|was|would|be) it (?:\w+ ){1,2}(?:to|that|for)|(?:does|did|will|would) it take to)\b"
)
_THE_PASSAGE = (
    r"\b(?:the|this|that|given|above|following) (?:passage|excerpt|paragraph)\b"
    r"(?! (?:of|to|from|between|through|across)\b)"
    r"|\baccording to the (?:text|article|author|story|document)\b"
    r"|\b(?:above|below|previous|following|aforementioned) (?:text|article|sentence|example|section)\b"
    r"|\b(?:mentioned|described|discussed|stated|given|listed|shown) (?:above|below|here|in the (?:text|article))\b"
)
_ITS_AUTHOR = r"\b(?:the|this) (?:text|article|author|writer|narrator|speaker|document|sentence)\b"
_SAYS = r" (?:says?|states?|mentions?|describes?|explains?|argues?|notes?|tells?|does not|also)\b"
_OUTSIDE = re.compile(rf"{_THE_PASSAGE}|{_ITS_AUTHOR}(?! of\b)")
_OF_THE_PASSAGE = re.compile(rf"{_THE_PASSAGE}|{_ITS_AUTHOR}{_SAYS}")  # stricter: an answer may be about documents


def words_of(text: str) -> list[str]:
    """The words of a text in lower case; apostrophes are part of them."""
    return [word.replace("’", "'") for word in _WORD.findall(text.lower())]


def token_f1(text: str, other: str) -> float:
    """SQuAD's F1, of stems: the harmonic mean of precision and recall of the words that both texts share."""
    a, b = map(_stems, (_compared(text), _compared(other)))
    common = (Counter(a) & Counter(b)).total()
    return 2 * common / (len(a) + len(b)) if common else 0.0


def share_found(text: str, other: str) -> float:
    """The share of a text's words whose stem occurs in another; function words count only if the text has no others."""
    wanted = [word for word in _compared(text) if word not in _FUNCTION_WORDS] or _compared(text)
    present = set(_stems(_compared(other)))
    return sum(stem in present for stem in _stems(wanted)) / len(wanted) if wanted else 0.0


def repetition(text: str) -> float:
    """The share of four-word sequences that repeat earlier ones: seq-rep-4 of Welleck et al. 2020.

    Human texts have 0.006, degenerate ones above 0.4 (https://arxiv.org/abs/1908.04319).
    """
    words = words_of(text)
    ngrams = list(zip(*(words[start:] for start in range(4)), strict=False))
    return 1 - len(set(ngrams)) / len(ngrams) if ngrams else 0.0


def is_english(text: str) -> bool:
    """Whether a text may be English: False only if it is clearly in another language."""
    return not any(language.find(ParsedResponse.of("", text)))


def _compared(text: str) -> list[str]:
    """The words that comparisons count."""
    return [word for word in words_of(text) if word not in _ARTICLES]


# ---- stems -----------------------------------------------------------------------------------------------------------
_VOWEL = r"(?:[aeiou]|(?<=[^aeiou])y)"
_HAS_VOWEL = re.compile(_VOWEL)
_HAS_SYLLABLES = re.compile(rf"{_VOWEL}+[^aeiou]")  # a vowel, then a consonant: Porter's m > 0
_ENDS_SHORT = re.compile(rf"(?:^|[^aeiou]){_VOWEL}[^aeiouwxy]$")  # Porter's *o


def _stems(words: list[str]) -> list[str]:
    return [stem(word) for word in words]


@lru_cache(maxsize=1 << 16)
def stem(word: str) -> str:
    """A word without its inflection: plural, -ed, -ing; -y becomes -i. Step 1 of Porter's stemmer."""
    word = word.removesuffix("'s")
    if len(word) < 3:
        return word
    if word.endswith(("sses", "ies")):
        word = word[:-2]
    elif word.endswith("s") and not word.endswith("ss"):
        word = word[:-1]
    if word.endswith("eed"):
        word = word[:-1] if _HAS_SYLLABLES.search(word[:-3]) else word
    else:
        for ending in ("ed", "ing"):
            if word.endswith(ending) and _HAS_VOWEL.search(before := word[: -len(ending)]):
                word = _repaired(before)
                break
    return f"{word[:-1]}i" if word.endswith("y") and _HAS_VOWEL.search(word[:-1]) else word


def _repaired(stem: str) -> str:
    """What is left of a word without -ed or -ing: with its -e, and without a doubled consonant."""
    if stem.endswith(("at", "bl", "iz")):
        return f"{stem}e"
    if len(stem) > 1 and stem[-1] == stem[-2] and stem[-1] not in "aeioulsz":
        return stem[:-1]
    only_syllable = len(re.findall(rf"{_VOWEL}+[^aeiou]+", stem)) == 1  # Porter's m = 1
    return f"{stem}e" if only_syllable and _ENDS_SHORT.search(stem) else stem


# ---- questions -------------------------------------------------------------------------------------------------------
def why_malformed(question: str, kind: str) -> str | None:
    """Why this is not a complete question of its kind, or None if it is."""
    words = words_of(re.sub(r"^(\w+)['’]s\b", r"\1 is", question))  # What's = What is
    if not words or words[0] != kind.lower():
        return "does not begin with its word"
    if question.count("?") != 1 or not question.rstrip().endswith("?"):
        return "has not one question mark, at its end"
    if _is_fragment(words, kind):
        return "is a fragment"
    return None


def _is_fragment(words: list[str], kind: str) -> bool:
    """Whether a question lacks a verb or stops in the middle of a phrase, as far as that can be found without a parser.

    Questions with where, when, why and how need an auxiliary, except "how many" and "how much", which may be the
    subject.
    """
    if len(words) < 3 or words[-1] in _NEVER_LAST:
        return True
    if kind in ("Who", "What") or words[1] in ("many", "much"):
        return all(word in _FUNCTION_WORDS for word in words)
    return not _AUXILIARIES.intersection(words)


def points_outside(question: str) -> str | None:
    """The first word or phrase that cannot be understood without the passage, or None.

    A pronoun may refer to something in the question itself: a possessive to any content word before it, other
    pronouns only if they begin a later clause ("What happens to a boat when it is overloaded?"). This is strict, and
    rejects some good questions, such as "How does a pilot know where the tide will carry him?".
    """
    text = " ".join(words_of(question))
    if found := _OUTSIDE.search(text):
        return found[0]
    words = _EXPLETIVE.sub("", text).split()
    for at, word in enumerate(words):
        named = any(before not in _FUNCTION_WORDS for before in words[:at])
        if word in _OURS or (word in _DEMONSTRATIVES and words[at + 1 : at + 2] != ["who"]):
            return word
        if word in _POSSESSIVE and not named:
            return word
        if word in _PERSONAL and not (named and words[at - 1] in _CLAUSE_OPENERS) and not _owns(words, at, named):
            return word
    return None


def _owns(words: list[str], at: int, named: bool) -> bool:
    """Whether the word is "her" as a possessive: a content word follows it."""
    return named and words[at] == "her" and any(word not in _FUNCTION_WORDS for word in words[at + 1 : at + 2])


# ---- answers ---------------------------------------------------------------------------------------------------------
_DECLINED = re.compile(
    r"\b(?:unanswerable|cannot be (?:answered|determined)|can't be (?:answered|determined)|unknown"
    r"|not (?:mentioned|stated|specified|given|known|told|provided)"
    r"|(?:do|does|did) not (?:know|say|tell|mention|state|specify|provide)|don't know|no answer)\b"
)


_VERDICTS = {"yes": True, "true": True, "no": False, "false": False, "not": False}


def declines(answer: str) -> bool:
    """Whether a short answer says that the question cannot be answered."""
    return bool(_DECLINED.search(" ".join(words_of(answer))))


def only_repeats(answer: str, question: str) -> bool:
    """Whether all content words of a short answer are in its question, which gives nothing to choose from."""
    words = [word for word in _compared(answer) if word not in _FUNCTION_WORDS | _PERSONAL]
    asked = _compared(question)
    return bool(words) and "or" not in asked and set(_stems(words)) <= set(_stems(asked))


def says_yes(answer: str) -> bool:
    """Whether an answer begins with yes, or says yes later and never no."""
    verdicts = [_VERDICTS[word] for word in words_of(answer) if word in _VERDICTS]
    begins = _VERDICTS.get(next(iter(words_of(answer)), ""))
    return begins if begins is not None else bool(verdicts) and all(verdicts)


def mentions_the_text(answer: str) -> bool:
    """Whether an answer refers to the passage, which its readers do not see."""
    return bool(_OF_THE_PASSAGE.search(" ".join(words_of(answer))))


def word_count_outside(text: str, bounds: tuple[int, int]) -> str | None:
    """What is wrong with a text's length, such as "below 4 words", or None if it is within the bounds."""
    low, high = bounds
    count = len(text.split())
    return f"below {low} words" if count < low else f"above {high} words" if count > high else None
