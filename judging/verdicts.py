"""What a model is asked about a record, and its verdict; one that is not in the form asked for is dropped."""

from __future__ import annotations

import hashlib
import json
import re
from pathlib import Path
from typing import Any, NamedTuple

from generation.backends.base import Generation, Request
from generation.prompt_template import Template, read_template
from review.criteria import CRITERIA
from review.judgements import Judgement

PROMPT = Path(__file__).parent / "prompts" / "all_criteria.txt"
PLACEHOLDERS = frozenset({"criteria", "mark", "question", "answer"})
FORM = {"criterion": int, "quote": str, "why": str}  # of a problem
FENCED = re.compile(r"```(?:json)?\s*\n(.*?)\n?```", re.S)
SHORTEST_QUOTE = 3  # characters; shorter ones are found anywhere
LONGEST_NOTE = 200  # characters


class Dropped(NamedTuple):
    """A verdict that is not used, and why."""

    reason: str


def read_prompt(path: Path, chat: bool) -> Template:
    """The prompt in a file; raises InputError if it is malformed."""
    return read_template(path, PLACEHOLDERS, chat)


def request_for(record: dict[str, Any], prompt: Template) -> Request:
    """What is asked about a record."""
    question, answer = record["instruction"], record["response"]
    return prompt.request(
        criteria="\n".join(f"{number}. {text}" for number, text in CRITERIA.items()),
        mark=_mark(question, answer),
        question=question,
        answer=answer,
    )


def read_verdict(generation: Generation, answer: str, model: str) -> Judgement | Dropped:
    """The judgement that a model wrote of an answer, or why it is dropped."""
    if generation.lost:
        return Dropped(generation.lost)
    if generation.finish_reason == "length":
        return Dropped("cut at max_tokens")
    text = generation.text.strip()
    fenced = FENCED.fullmatch(text)
    try:
        verdict = json.loads(fenced[1] if fenced else text, object_pairs_hook=_without_repeats)
    except (ValueError, RecursionError):
        return Dropped("not JSON")
    if not _is_verdict(verdict):
        return Dropped("not in the form asked for")
    accepted, problems = verdict["judgement"] == "accept", verdict["problems"]
    if accepted == bool(problems):
        return Dropped("judgement and problems contradict each other")
    if not all(_is_in(problem["quote"], answer) for problem in problems):
        return Dropped("a quote is not in the answer")
    numbers = sorted({problem["criterion"] for problem in problems})
    return Judgement(accepted, tuple(numbers), _note(problems), model=model)


def _mark(*texts: str) -> str:
    """A mark that is in none of the texts. It depends on all of them, so that nobody can write it into one."""
    joined, number = json.dumps(texts), 0
    while True:
        mark = f"=={hashlib.blake2b(f'{number}{joined}'.encode(), digest_size=8).hexdigest()}=="
        if not any(mark in text for text in texts):
            return mark
        number += 1


def _without_repeats(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """An object of JSON; with a name twice, it would say two things."""
    fields = dict(pairs)
    if len(fields) < len(pairs):
        raise ValueError("a name is given twice")
    return fields


def _is_verdict(value: object) -> bool:
    if not isinstance(value, dict) or value.keys() != {"judgement", "problems"}:
        return False
    problems = value["problems"]
    return value["judgement"] in ("accept", "reject") and isinstance(problems, list) and all(map(_is_problem, problems))


def _is_problem(value: object) -> bool:
    return (
        isinstance(value, dict)
        and value.keys() == FORM.keys()
        and all(type(value[name]) is kind for name, kind in FORM.items())
        and value["criterion"] in CRITERIA
    )


def _is_in(quote: str, answer: str) -> bool:
    """Whether an answer has these words; white space does not count."""
    words = " ".join(quote.split())
    return len(words) >= SHORTEST_QUOTE and words in " ".join(answer.split())


def _note(problems: list[dict[str, Any]]) -> str:
    """The first problems in a line: `4 "as Jim said": names another answer`."""
    parts = [f'{each["criterion"]} "{each["quote"]}": {each["why"]}' for each in problems]
    note = " ".join("; ".join(parts).split()).encode("utf-8", "replace").decode()
    return note if len(note) <= LONGEST_NOTE else f"{note[: LONGEST_NOTE - 1]}…"
