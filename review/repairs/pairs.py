"""The repairs of a question and its answer."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Sequence
from typing import NamedTuple

from review.repairs import REPAIRS, repair_text

# Titles that are questions, also without the mark: "How to tie a bowline".
_QUESTION = re.compile(
    r"(?:how|what|why|when|where|which|who|whom|whose|is|are|was|were|can|could|do|does|did|should|would|will|has|"
    r"have|may|must|am|(?:in|on|at|to|for|from|by|of|with) (?:what|which|whom?))\b|.*\?\W*\Z",
    re.I | re.S,
)


class Pair(NamedTuple):
    """What of a record is repaired."""

    instruction: str
    response: str
    title: str  # of the question, with which the instruction may begin; "" if there is none
    participants: Sequence[str] = ()  # names of the thread's other authors


class RepairedPair(NamedTuple):
    """A pair after the repairs."""

    instruction: str
    response: str
    made: dict[str, int]  # places repaired, by rule
    left: set[str]  # the rules that left something


def repair_all(pairs: Iterable[Pair], names: Collection[str], prompt: str) -> list[RepairedPair]:
    """The repairs of each of several pairs, for a worker."""
    of_answers = [name for name, rule in REPAIRS.items() if name in names and rule.of_answers]
    of_questions = [name for name, rule in REPAIRS.items() if name in names and rule.of_questions]
    return [_repair(pair, of_answers, of_questions, prompt) for pair in pairs]


def _repair(pair: Pair, of_answers: list[str], of_questions: list[str], prompt: str) -> RepairedPair:
    answer = repair_text(pair.response, of_answers, pair.participants)
    title, body = _title_and_body(pair)
    question = repair_text(body, of_questions)
    made, left = answer.made + question.made, answer.left | question.left
    instruction = f"{title}\n\n{question.text}" if title else pair.instruction
    if prompt != "both" and title:
        if prompt == "title" and not _QUESTION.match(title):
            left.add("prompt_title")
        elif alone := {"title": title, "body": question.text.strip()}[prompt]:
            instruction = alone
            made[f"prompt_{prompt}"] += 1
    return RepairedPair(instruction, answer.text, dict(made), left)


def _title_and_body(pair: Pair) -> tuple[str, str]:
    """The parts of an instruction; two empty texts if it does not begin with the question's title."""
    title, separator, body = pair.instruction.partition("\n\n")
    letters = _letters(title)
    is_title = title == pair.title or (bool(letters) and letters == _letters(pair.title))
    return (title, body) if separator and pair.title and is_title else ("", "")


def _letters(text: str) -> list[str]:
    """What remains the same when a text is escaped for Markdown."""
    return [character for character in text if character.isalnum()]
