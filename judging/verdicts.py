"""What a model is asked about a record, and its verdicts; those that are not in the form asked for are dropped."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from generation.backends.base import Generation, Request
from generation.prompt_template import Template, read_template
from quality.special_tokens import defuse
from records.errors import InputError
from review.criteria import CRITERIA
from review.judgements import Judgement

PROMPTS = Path(__file__).parent / "prompts"
PLACEHOLDERS = frozenset({"criteria", "number", "mark", "question", "answer"})
VERDICT = {"judgement": str, "problems": list}
PROBLEM = {"criterion": int, "quote": str, "why": str}
FENCED = re.compile(r"```(?:json)?\s*\n(.*?)\n?```", re.S)
SHORTEST_QUOTE = 3  # characters; shorter ones are found anywhere
LONGEST_NOTE = 200  # characters


class Problem(NamedTuple):
    """A criterion that an answer fails, and the place that shows it."""

    criterion: int
    quote: str
    why: str


class Dropped(NamedTuple):
    """A verdict that is not used, and why."""

    reason: str


Verdict = list[Problem] | Dropped  # without a problem the answer is accepted


def read_prompt(path: Path, chat: bool, needed: Collection[str]) -> Template:
    """The prompt in a file; raises InputError if it is malformed or lacks one of the placeholders `needed`."""
    prompt = read_template(path, PLACEHOLDERS, chat)
    for name in needed:
        if f"{{{name}}}" not in prompt.turns[-1]:
            raise InputError(f"{path}: has no {{{name}}}; write it where the {name} shall stand")
    return prompt


def request_for(record: dict[str, Any], criteria: Sequence[int], prompt: Template) -> Request:
    """What is asked about a record by these criteria."""
    question, answer = shown(record["instruction"]), shown(record["response"])
    return prompt.request(
        criteria="\n".join(f"{number}. {CRITERIA[number]}" for number in criteria),
        number=str(criteria[0]),
        mark=_mark(question, answer),
        question=question,
        answer=answer,
    )


def shown(text: str) -> str:
    """The text as the model sees it: with a special token of its template in it, an answer could end its own turn."""
    return defuse(text)


def read_verdict(generation: Generation, answer: str, criteria: Collection[int]) -> Verdict:
    """What a model wrote of an answer, asked about these criteria."""
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
    if not _has_form(verdict, VERDICT) or verdict["judgement"] not in ("accept", "reject"):
        return Dropped("not in the form asked for")
    if not all(_has_form(each, PROBLEM) and each["criterion"] in criteria for each in verdict["problems"]):
        return Dropped("not in the form asked for")
    problems = [Problem(**each) for each in verdict["problems"]]
    if (verdict["judgement"] == "accept") == bool(problems):
        return Dropped("judgement and problems contradict each other")
    if not all(_is_in(problem.quote, shown(answer)) for problem in problems):
        return Dropped("a quote is not in the answer")
    return problems


def put_together(verdicts: Sequence[Verdict], model: str) -> Judgement | Dropped:
    """The judgement that the verdicts on one answer make: a reject if any of them has a problem, an accept only if none
    was dropped."""
    dropped = [verdict for verdict in verdicts if isinstance(verdict, Dropped)]
    problems = [problem for verdict in verdicts if not isinstance(verdict, Dropped) for problem in verdict]
    if dropped and not problems:
        return dropped[0] if len(verdicts) == 1 else Dropped("no problem, but a verdict is missing")
    numbers = sorted({problem.criterion for problem in problems})
    return Judgement(not problems, tuple(numbers), _note(problems), model=model)


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


def _has_form(value: object, form: Mapping[str, type]) -> bool:
    """Whether a value is an object with these fields, of these types, and no other."""
    if not isinstance(value, dict) or value.keys() != form.keys():
        return False
    return all(type(value[name]) is kind for name, kind in form.items())


def _is_in(quote: str, answer: str) -> bool:
    """Whether an answer has these words; white space does not count."""
    words = " ".join(quote.split())
    return len(words) >= SHORTEST_QUOTE and words in " ".join(answer.split())


def _note(problems: list[Problem]) -> str:
    """The first problems in a line: `4 "as Jim said": names another answer`."""
    parts = [f'{each.criterion} "{each.quote}": {each.why}' for each in problems]
    note = " ".join("; ".join(parts).split()).encode("utf-8", "replace").decode()
    return note if len(note) <= LONGEST_NOTE else f"{note[: LONGEST_NOTE - 1]}…"
