"""One pass says which patterns may match: perhaps too many, and all that Python finds."""

import itertools
import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from review.criteria import author, automaton, completeness, directness, find_problems, images, participants, references
from review.criteria.automaton import Automaton, loosened
from review.criteria.parsed_response import parsable

RULES = [rule for module in (author, completeness, directness, images, references) for rule in module.RULES.rules]
CONSTRUCTS = [
    r"\bcafé\b",
    r"\w\s\d",
    r"\W\S\D",
    r"[^\W\d_]{2,3}[^\s.!?]",
    r"[^a\ufffc]b|(?<!a)[\w.-]c",
    r"(?<=a )b(?= c)(?! d)",
    r"^a+?$|\Ab{2}\Z",
    r"(?i:a)b|(a)\1|a.b",
    r"(?>ab?)c",
    r"\x00|\$|\\|\]|\^",
]


def may_match(patterns: list[re.Pattern[str]], text: str) -> set[int]:
    return set(Automaton(patterns).possible(parsable(text).encode()))


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.reason)
@settings(max_examples=15)
@given(data=st.data())
def test_a_text_with_a_match_of_a_rule_is_searched_for_it(rule, data):
    text = data.draw(st.from_regex(rule.pattern))
    if rule.pattern.search(text):
        assert may_match([rule.pattern], text) == {0}


@settings(max_examples=300)
@given(text=st.text(alphabet=st.sampled_from("abc é٣_.-!? \n\t\xa0\x1c\u2028\ufffc\ud800\x00$\\]^İK"), max_size=12))
def test_every_construct_is_loosened(text):
    for pattern in map(re.compile, CONSTRUCTS):
        if pattern.search(text):
            assert may_match([pattern], text) == {0}, pattern


def test_most_rules_are_not_searched_for():
    pytest.importorskip("re2")
    text = "I think that the answer is a comment, as the rest of my code shows: edit the picture."
    assert references.RULES.automaton.possible(text.encode()) == []


def test_without_re2_the_findings_are_the_same(monkeypatch):
    responses = [
        "As Tim said, I wrote a paper.",
        "I leave the rest as an exercise.",
        "See the other answer.",
        "A plain text.",
    ]
    before = [find_problems({"instruction": "", "response": response}) for response in responses]
    monkeypatch.setattr(automaton, "re2", None)
    assert [find_problems({"instruction": "", "response": response}) for response in responses] == before
    assert list(Automaton([re.compile("a"), re.compile("b")]).possible(b"")) == [0, 1]


def test_a_pattern_that_ignores_case_is_refused():
    with pytest.raises(ValueError, match="ignores case"):
        loosened(re.compile("k", re.IGNORECASE))


PIECES = [
    "Ada",
    "Ada's",
    "Ada Byron",
    "Bob7",
    "bo.",
    "as",
    "As",
    "said",
    "answer",
    "answered",
    "by",
    "the",
    "+1 to",
    "I'm with",
]


@settings(max_examples=400)
@given(words=st.lists(st.sampled_from([*PIECES, ".", ",", "\n", "\ua66e"]), max_size=12), names=st.sampled_from(
    [("Ada",), ("Ada Byron", "Ada"), ("Bob7",), ("bo.",), ("Bob7", "Ada")]
), is_lower=st.booleans())  # fmt: skip
def test_a_letter_stands_in_for_names_with_the_same_matches(words, names, is_lower):
    text = " ".join(words)
    spans = [(match.start(), end) for match, end in participants._matches(names, is_lower, text)]
    assert spans == [match.span() for match in participants._pattern(names, is_lower).finditer(text)]


def test_every_phrase_with_a_name_is_found_through_the_letter():
    befores = ("", "as ", "agree with ", "thanks to ", "given by ")
    for before, after in itertools.product(befores, (" said", "'s answer", ", please", "")):
        text = f"Well, {before}Ada{after}. It holds."
        spans = [(match.start(), end) for match, end in participants._matches(("Ada",), False, text)]
        assert spans == [match.span() for match in participants._pattern(("Ada",), False).finditer(text)]
