"""Evaluations of questions and answers without a model, each with texts that pass and texts that fail."""

import pytest

from generation.backends.reasoning import answer_span
from generation.qa.evaluations import (
    declines,
    is_english,
    mentions_the_text,
    only_repeats,
    points_outside,
    repetition,
    says_yes,
    share_found,
    stem,
    token_f1,
    why_malformed,
    word_count_outside,
)
from generation.qa.final_answer import final_answer, last_question, listed, short_answer


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


@pytest.mark.parametrize(
    ("answer", "question", "repeats"),
    [
        ("the keeper", "Who is the keeper?", True),
        ("A lamp is a lamp, and it is a lamp.", "What is the lamp?", True),
        ("when the lamps are lit", "When is a lamp lit?", True),
        ("when a lamp is lit at dusk", "When is a lamp lit?", False),
        ("oil", "What does the lamp burn, oil or gas?", False),
        ("there, under it", "Where is the lamp?", False),
        ("", "Where is the lamp?", False),
    ],
)
def test_an_answer_that_only_repeats_its_question(answer, question, repeats):
    assert only_repeats(answer, question) is repeats


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
        ("What's the height of the lamp?", "What"),
        ("Where’s the lamp of Orrin?", "Where"),
    ],
)
def test_whole_questions_are_well_formed(question, kind):
    assert why_malformed(question, kind) is None


@pytest.mark.parametrize(
    ("question", "kind", "reason"),
    [
        ("When were the tracks taken up?", "Why", "does not begin with its word"),
        ("In which year were the tracks taken up?", "When", "does not begin with its word"),
        ("Who’s the?", "Who", "is a fragment"),
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


def test_yes_is_the_first_word_or_the_only_verdict():
    assert all(
        map(says_yes, ("yes", " Yes.", "YES, it does not lack anything", "The passage does answer it: yes", "True"))
    )
    assert not any(map(says_yes, ("no", "", "not yes", "maybe", "yesterday", "No, not yes", "It may be yes or no")))


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


# ---- stems -----------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    "words",
    [
        "light lights lighted lighting light's",
        "hope hopes hoped hoping",
        "hop hops hopped hopping",
        "carry carries carried",
        "fall falls falling",
        "create creates created creating",
        "pass passes passed passing",
        "file files filed filing",
        "agree agrees agreed",
        "play plays played playing",
        "box boxed boxing",
    ],
)
def test_inflections_of_a_word_have_one_stem(words):
    assert len({stem(word) for word in words.split()}) == 1


@pytest.mark.parametrize("word", ["red", "bed", "ring", "bring", "glass", "sky", "is", "feed", "1931"])
def test_words_that_only_look_inflected_stay(word):
    assert stem(word) == word


def test_words_are_compared_by_stems():
    assert token_f1("Why do boats anchor?", "Why did the boat anchored") == pytest.approx(2 * 3 / 8)
    assert share_found("the lamp was lighted", "They light lamps.") == 1.0


# ---- what a model really writes --------------------------------------------------------------------------------------
Q = "Who keeps the lamp?"


@pytest.mark.parametrize(
    "written",
    [
        Q,
        f"  {Q} ",
        f'"{Q}"',
        f"1. “{Q}”",
        f"Question: {Q}",
        f"**Question:** {Q}",
        f"**{Q}**",
        f"## Question\n\n{Q}",
        f"Sure! Here is a question:\n\n{Q}\n\nLet me know if you need another.",
        f'Sure, here is the question: "{Q}"',
        f"```\n{Q}\n```",
        f"Question: {Q}\nAnswer: the widow",
        f"Who does it?\n{Q}",
        f"Who is the?\n\nWait, that is no sentence. Corrected:\n\n{Q}",
        f"Draft: Who lit it in 1887?\nFinal question: {Q}",
    ],
)
def test_the_last_complete_question_is_taken(written):
    assert last_question(written, "Who", lambda question: why_malformed(question, "Who") is None) == Q


def test_a_question_that_is_taken_back_is_not_taken():
    def taken(written):
        return last_question(written, "Who", lambda question: why_malformed(question, "Who") is None)

    assert taken(f"{Q}\n\nWait, that is wrong.") == ""
    assert taken(f"{Q} Hmm, the widow died. Let me rephrase: Where is the lamp?") == "Where is the lamp?"
    assert taken("Is it? Was it?") == "Is it? Was it?", "nothing is complete: the last line, to be rejected"


@pytest.mark.parametrize(
    ("written", "answer"),
    [
        (" the widow ", "the widow"),
        ('"the widow"', "the widow"),
        ("- the widow", "the widow"),
        ("\n\nthe widow", "the widow"),
        ("**Answer:** the widow", "the widow"),
        ("Answer: the widow\nExplanation: she kept it for years.", "the widow"),
        ("Sure! Here it is:\n\nthe widow\n\nI hope this helps!", "the widow"),
        ("the pilot\n\nCorrection: the widow", "the widow"),
        ("The pilot. Wait, that was his father. The widow.", "The widow."),
        ("the pilot\n\nthe widow", "the widow"),
        ("Answer 1: the pilot\nAnswer 2: the widow", "the widow"),
        ("the widow. That is wrong.", ""),
        ("1887.", "1887."),
        ("3.5 tons", "3.5 tons"),
        ("-5 degrees", "-5 degrees"),
        ('"a" and "b', '"a" and "b'),
        ("2 * 3 * 4 of __init__ and a_b_c", "2 * 3 * 4 of __init__ and a_b_c"),
        ("", ""),
        ('"', '"'),
    ],
)
def test_the_last_short_answer_is_taken(written, answer):
    assert short_answer(written) == answer


LONG = "The widow keeps it.\n\nShe lights it at dusk."


@pytest.mark.parametrize(
    "written",
    [
        LONG,
        f"Long answer: {LONG}",
        f"Certainly! Here is a paragraph:\n\n{LONG}\n\nLet me know if you need more.",
        f"The pilot keeps it.\n\nWait, that is wrong. Corrected version:\n\n{LONG}",
        f"**Draft:** The pilot keeps it.\n\n**Final answer:**\n{LONG}",
        f"Short answer: the widow\nLong answer: {LONG}",
    ],
)
def test_the_last_long_answer_is_taken_whole(written):
    assert final_answer(written) == LONG


@pytest.mark.parametrize(
    "written",
    [
        "the lamp; its keeper",
        "Topics: the lamp; its keeper",
        "Sure! Topics:\n\n- the lamp\n- its keeper",
        "1. the lamp\n2. its keeper\n\nI hope this helps.",
        "**Topics:** the lamp; its keeper",
        "the lamp; its keeper; its keeper; its kee",
    ],
)
def test_topics_are_a_line_or_a_list(written):
    assert listed(written, 2) == "the lamp; its keeper"


# ---- reasoning -------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("written", "answer"),
    [
        ("yes", "yes"),
        ("  yes ", "  yes "),
        ("<think>\nno?\n</think>\n\nyes", "yes"),
        ("no?</think>yes", "yes"),
        ("<thinking>no</thinking> yes", "yes"),
        ("<seed:think>no</seed:think>yes", "yes"),
        ("[THINK]no[/THINK]yes", "yes"),
        ("<|START_THINKING|>no<|END_THINKING|><|START_RESPONSE|>yes<|END_RESPONSE|>", "yes"),
        ("<|channel|>analysis<|message|>no<|end|><|start|>assistant<|channel|>final<|message|>yes<|return|>", "yes"),
        ("analysisNo.assistantfinalyes", "yes"),
        ("<think>no</think><answer>yes</answer>", "yes"),
        ("<response>yes</response>", "yes"),
        ("<think>no and no", ""),
        ("analysis of the tides", "analysis of the tides"),
        ("a < b, <b>bold</b>", "a < b, <b>bold</b>"),
    ],
)
def test_the_answer_after_the_reasoning(written, answer):
    start, end = answer_span(written)
    assert written[start:end] == answer
