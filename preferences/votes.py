"""Which of two answers people prefer, by their votes.

An answer's score is round(log2(1 + votes)), plus 1 if it was accepted, or -1 if the votes are negative: the rule of
Askell et al., "A General Language Assistant as a Laboratory for Alignment" (https://arxiv.org/abs/2112.00861, appendix
on Stack Exchange), which https://huggingface.co/datasets/HuggingFaceH4/stack-exchange-preferences follows. At most 10
pairs of a question are taken, at random, as https://huggingface.co/datasets/lvwerra/stack-exchange-paired does.

A random choice keeps the gaps of the scores as they are. The widest gaps first would take the best answer into every
pair, and only pairs that are easy to tell apart.
"""

from __future__ import annotations

import heapq
import math
from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import blake2b
from typing import NamedTuple

from records.record import RecordLine


@dataclass(frozen=True)
class Rule:
    """The numbers of the rule; the defaults are those of the sources above."""

    accepted_bonus: int = 1
    negative_score: int = -1
    min_gap: int = 1  # between the scores of a pair
    max_pairs: int = 10  # of a question

    def score(self, votes: int, accepted: bool) -> int:
        """An answer's score. Acceptance does not raise a negative answer, as the sources do not say that it does."""
        if votes < 0:
            return self.negative_score
        return round(math.log2(1 + votes)) + (self.accepted_bonus if accepted else 0)


class Answer(NamedTuple):
    """An answer with its score."""

    row: RecordLine
    score: int


class Comparison(NamedTuple):
    """Two answers to one question."""

    better: Answer
    worse: Answer


def comparisons(answers: Sequence[Answer], min_gap: int) -> list[Comparison]:
    """All pairs of answers whose scores differ by at least `min_gap`, above 0."""
    return [
        Comparison(better, worse) for better in answers for worse in answers if better.score - worse.score >= min_gap
    ]


def drawn(possible: list[Comparison], number: int, seed: int) -> list[Comparison]:
    """A random `number` of them, by a hash of the seed and the ids: the order and other questions do not matter."""

    def draw(pair: Comparison) -> bytes:
        ids = (pair.better.row.record["id"], pair.worse.row.record["id"])
        return blake2b("\n".join((f"{seed}", *ids)).encode(), digest_size=16).digest()

    return possible if len(possible) <= number else heapq.nsmallest(number, possible, draw)
