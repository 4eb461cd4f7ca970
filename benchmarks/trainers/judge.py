"""The settings in docs/training.md, and what the rows that a trainer makes with them teach.

Imports nothing but Python's own library: it runs in each trainer's environment.
"""

from __future__ import annotations

import json
import re
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

PAGE = Path(__file__).parents[2] / "docs" / "training.md"
RESULTS = Path("results.jsonl")
IGNORED = -100  # the label of a token that is not learnt, in PyTorch's cross entropy

Row = tuple[Sequence[int], Sequence[int]]  # tokens and labels


def settings(title: str) -> str:
    """The block below a heading of docs/training.md. Raises LookupError if there is none."""
    block = re.search(rf"(?m)^### {re.escape(title)}\n\n```\w+\n((?s:.*?))^```", PAGE.read_text("utf-8"))
    if not block:
        raise LookupError(f"{PAGE}: no block below the heading {title!r}")
    return block[1]


class Learnt(NamedTuple):
    """What the rows of a trainer teach, counted."""

    rows: int  # that the data set has
    kept: int  # that the trainer kept
    answers: int  # in which an answer is learnt, all of it, and nothing else but what begins and ends it
    apart: int  # in which something stands between question and answer
    ends: int  # in which the token that ends an answer is learnt, right after it


def learnt(
    data_set: Path, rows: Iterable[Row], decode: Callable[[list[int]], str], end: str, header: str = ""
) -> Learnt:
    """Compare what is learnt with the answers of the data set.

    decode: tokens as text, special tokens included. end: the token at which the tuned model stops, as text.
    header: what the trainer learns before each answer.
    """
    questions = defaultdict(list)
    for question, answer in _pairs(data_set):
        questions[answer].append(question)
    kept = answers = apart = ends = 0
    for tokens, labels in rows:
        kept += 1
        first = next((place for place, label in enumerate(labels) if label != IGNORED), len(labels))
        before, text = decode(list(tokens[:first])), decode([label for label in labels if label != IGNORED])
        answer, mark, after = text.removeprefix(header).partition(end)
        answers += answer in questions and not after.strip()
        ends += bool(mark)
        apart += any(question in before and not before.endswith(question) for question in questions.get(answer, ()))
    return Learnt(sum(map(len, questions.values())), kept, answers, apart, ends)


def texts_of(data_set: Path) -> Iterator[str]:
    """The texts of a data set that merge wrote, from its format prompt_completion."""
    with (data_set / "prompt_completion" / "train.jsonl").open(encoding="utf-8") as lines:
        for row in map(json.loads, lines):
            yield row["prompt"] + row["completion"]


def _pairs(data_set: Path) -> Iterable[tuple[str, str]]:
    for row in json.loads((data_set / "alpaca" / "train.json").read_bytes()):
        yield row["instruction"], row["output"]


def report(model: str, format: str, found: Learnt | None, why: str = "") -> None:
    """Add a line to the table, in the folder that is the current one.

    found: None if the trainer did not start. why: its words. A trainer prints what it likes, so this goes to a file.
    """
    with RESULTS.open("a", encoding="utf-8") as out:
        out.write(json.dumps({"model": model, "format": format, "found": found and found._asdict(), "why": why}) + "\n")
