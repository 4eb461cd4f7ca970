"""A judgement, and the words that it is written with."""

from __future__ import annotations

from dataclasses import dataclass, field

WORDS = ("accept", "reject")
FIELDS = ("judgement", "criteria", "note", "model")
CRITERIA = tuple("1234567")  # the seven review criteria, by number
EXAMPLE = "write one `<id>: accept` or `<id>: reject` a line"


@dataclass(frozen=True)
class Judgement:
    """A judgement of one record, by a person or by a model."""

    accepted: bool
    criteria: tuple[int, ...] = ()  # the numbers of the criteria that it fails
    note: str = ""
    line: int = field(default=0, compare=False)  # in the file, counted from 1; 0 if it is not in a file
    model: str = ""  # that judged; empty for a person
