"""Evaluations of questions and answers without a model, each with texts that pass and texts that fail."""

import pytest

from generation.qa.evaluations import (
    declines,
    is_english,
    mentions_the_text,
    points_outside,
    repetition,
    says_yes,
    share_found,
    token_f1,
    why_malformed,
    word_count_outside,
)
from generation.qa.recipe import tidy


# ---- words -----------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("text", "other", "f1"),
    [
        ("Who keeps the lamp?", "who keeps a lamp", 1.0),
        ("Who keeps the lamp?", "Where do boats go", 0.0),
        ("one two three", "one two", 0.8),
        ("lamp lamp", "lamp", 2 / 3),
        ("keeper’s lamp", "keeper's lamp", 1.0),
        ("", "", 0.0),
        ("the", "the", 0.0),
    ],
)
def test_token_f1_is_that_of_squad(text, other, f1):
    assert token_f1(text, other) == token_f1(other, text) == pytest.approx(f1)


@pytest.mark.parametrize(
    ("text", "where", "share"),
    [
        ("the red glass", "It shone through RED glass.", 1.0),
        ("because of the red glass", "red", 0.5),
        ("blue glass", "red paint", 0.0),
        ("in 1931", "closed in 1931", 1.0),
        ("by it", "found by it", 1.0),
        ("", "anything", 0.0),
    ],
)
def test_share_found_counts_content_words(text, where, share):
    assert share_found(text, where) == share


def test_repetition_is_the_share_of_repeated_word_sequences():
    assert repetition("one two three four five six") == 0
    assert repetition("one two three four one two three four") == pytest.approx(1 - 4 / 5)
    assert repetition("and so on " * 50) > 0.9
    assert repetition("too short") == repetition("") == 0


# ---- questions -------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("question", "kind"),
    [
        ("Who keeps the lamp?", "Who"),
        ("What is it made of?", "What"),
        ("What does the keeper have?", "What"),
        ("Where did the lamp stand?", "Where"),
        ("When were the tracks taken up?", "When"),
        ("Why doesn't a reef knot hold?", "Why"),
        ("How many ships sank in 1887?", "How"),
        ("How much oil burnt in one night?", "How"),
        ("How deep is the bay?", "How"),
        ("who keeps the lamp? ", "Who"),
    ],
)
def test_whole_questions_are_well_formed(question, kind):
    assert why_malformed(question, kind) is None


@pytest.mark.parametrize(
    ("question", "kind", "reason"),
    [
        ("When were the tracks taken up?", "Why", "does not begin with its word"),
        ("In which year were the tracks taken up?", "When", "does not begin with its word"),
        ("Whose lamp is red?", "Who", "does not begin with its word"),
        ("", "Who", "does not begin with its word"),
        ("Who keeps the lamp", "Who", "has not one question mark, at its end"),
        ("Who keeps the lamp? Who pays?", "Who", "has not one question mark, at its end"),
        ("Who keeps the lamp?? ", "Who", "has not one question mark, at its end"),
        ("Who keeps the lamp? The widow.", "Who", "has not one question mark, at its end"),
        ("Why the harbour at night?", "Why", "is a fragment"),
        ("Where boats and lamps?", "Where", "is a fragment"),
        ("How quickly and well?", "How", "is a fragment"),
        ("What is the?", "What", "is a fragment"),
        ("Who was who and?", "Who", "is a fragment"),
        ("What is what?", "What", "is a fragment"),
        ("Why not?", "Why", "is a fragment"),
    ],
)
def test_questions_that_are_incomplete_or_of_another_kind(question, kind, reason):
    assert why_malformed(question, kind) == reason


@pytest.mark.parametrize(
    "question",
    [
        "Why was the lamp of Orrin put out?",
        "What happens to a boat when it is overloaded?",
        "How did the keeper light his lamp?",
        "Why did the keeper give her daughter the lamp?",
        "Why is it important to dry ropes?",
        "How long does it take to cross the bay?",
        "Who is the author of Moby-Dick?",
        "What is the passage between the two islands called?",
        "Where is the Northwest Passage?",
        "What did those who came first find?",
        "How does a group of boats keep its distance?",
        "What is the text of a treaty called?",
    ],
)
def test_questions_that_can_stand_alone(question):
    assert points_outside(question) is None


@pytest.mark.parametrize(
    ("question", "word"),
    [
        ("Why did he leave the harbour?", "he"),
        ("What is it made of?", "it"),
        ("How do tides affect it?", "it"),
        ("Why did the captain sell them?", "them"),
        ("When did these events happen?", "these"),
        ("What is the main idea of this passage?", "this passage"),
        ("What is the main idea of the passage?", "the passage"),
        ("What does the author say of ropes?", "the author"),
        ("What is the author's view of ropes?", "the author"),
        ("According to the text, who paid?", "according to the text"),
        ("What are the benefits mentioned above?", "mentioned above"),
        ("Why was his lamp red?", "his"),
        ("Why do we sleep?", "we"),
        ("What is our duty?", "our"),
    ],
)
def test_questions_that_cannot_stand_alone(question, word):
    assert points_outside(question) == word


# ---- answers ---------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    "answer",
    [
        "unanswerable",
        "Unanswerable.",
        "It is not mentioned in the passage",
        "The passage does not say.",
        "I don't know",
        "I do not know",
        "Unknown",
    ],
)
def test_answers_that_decline(answer):
    assert declines(answer)


@pytest.mark.parametrize("answer", ["the widow", "because oil had grown dear", "a known pilot", "knotted rope"])
def test_answers_that_do_not_decline(answer):
    assert not declines(answer)


def test_yes_has_to_be_the_first_word():
    assert all(map(says_yes, ("yes", " Yes.", "YES, it does")))
    assert not any(map(says_yes, ("no", "", "not yes", "maybe", "yesterday")))


def test_answers_that_mention_the_text():
    assert mentions_the_text("The passage says that oil was dear.")
    assert mentions_the_text("As described above, oil was dear.")
    assert mentions_the_text("The author mentions that oil was dear.")
    assert not mentions_the_text("Save the document, and the text is there again.")
    assert not mentions_the_text("The passage of time made oil dear. The author of the book agrees.")


def test_bounds_are_inclusive():
    assert word_count_outside("one two", (2, 3)) is word_count_outside("one two three", (2, 3)) is None
    assert word_count_outside("one", (2, 3)) == "below 2 words"
    assert word_count_outside("one two three four", (2, 3)) == "above 3 words"


def test_english_is_distinguished_from_other_languages():
    assert is_english("The lamp stood on a rock outside the harbour and was kept by a widow for eleven winters.")
    assert not is_english(
        "La lampe se trouvait sur un rocher devant le port et la veuve la gardait depuis onze hivers."
    )


@pytest.mark.parametrize(
    ("written", "text"),
    [
        (" Who keeps the lamp? ", "Who keeps the lamp?"),
        ('"Who keeps the lamp?"', "Who keeps the lamp?"),
        ("Question: Who keeps the lamp?", "Who keeps the lamp?"),
        ("1. “Who keeps the lamp?”", "Who keeps the lamp?"),
        ("- the widow", "the widow"),
        ("1887.", "1887."),
        ("3.5 tons", "3.5 tons"),
        ("-5 degrees", "-5 degrees"),
        ('"a" and "b', '"a" and "b'),
        ("", ""),
        ('"', '"'),
    ],
)
def test_labels_and_quotation_marks_around_a_text_are_removed(written, text):
    assert tidy(written) == text
