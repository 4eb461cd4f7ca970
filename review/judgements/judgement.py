"""A judgement, and the words that it is written with."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field

WORDS = {"accept": True, "reject": False, "later": None}
FIELDS = ("judgement", "criteria", "note", "model", "correction", "corrects")
CRITERIA = tuple("1234567")  # the seven review criteria, by number
EXAMPLE = "write one `<id>: accept` or `<id>: reject` a line"


@dataclass(frozen=True)
class Judgement:
    """A judgement of one record, by a person or by a model."""

    accepted: bool | None  # None: to be judged later
    criteria: tuple[int, ...] = ()  # the numbers of the criteria that it fails
    note: str = ""
    line: int = field(default=0, compare=False)  # in the file, counted from 1; 0 if it is not in a file
    model: str = ""  # that judged; empty for a person
    correction: str = ""  # the answer as it is accepted; empty if it is accepted as it is
    corrects: str = ""  # digest_of the answer that was corrected

    @property
    def word(self) -> str:
        return next(word for word, accepted in WORDS.items() if accepted is self.accepted)


def digest_of(answer: str) -> str:
    """What tells whether an answer is still the one that a correction was made of: 12 hexadecimal digits."""
    return hashlib.blake2b(answer.encode("utf-8", "surrogatepass"), digest_size=6).hexdigest()
