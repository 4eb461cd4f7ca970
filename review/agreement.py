"""Several reviewers of the same records: their joint decision, and how well two of them agree."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import asdict, dataclass
from typing import Any, NamedTuple

from review.judgements import Judgement

ACCEPTED, REJECTED, NOT_JUDGED = "accepted", "rejected", "not judged"


class Review(NamedTuple):
    """One reviewer's judgement of a record."""

    file: str
    judgement: Judgement

    @property
    def place(self) -> str:
        return f"{self.file}:{self.judgement.line}"

    def __str__(self) -> str:
        word = "accept" if self.judgement.accepted else "reject"
        return f"{' '.join([word, *map(str, self.judgement.criteria)])} ({self.place})"


def reviews_of(files: Mapping[str, Mapping[str, Judgement]]) -> dict[str, list[Review]]:
    """All reviews by record id, in order of first appearance; `files` has the judgements of each file by its name."""
    reviews: dict[str, list[Review]] = {}
    for file, judgements in files.items():
        for record_id, judgement in judgements.items():
            reviews.setdefault(record_id, []).append(Review(file, judgement))
    return reviews


def decide(reviews: Collection[Review]) -> str:
    """The joint decision on a record: a single reject rejects it, because a reviewer may see what others missed."""
    if not reviews:
        return NOT_JUDGED
    return ACCEPTED if all(review.judgement.accepted for review in reviews) else REJECTED


def disputed(reviews: Mapping[str, Collection[Review]]) -> dict[str, str]:
    """The ids that some reviewers accept and some reject, each with all its reviews as text."""
    return {
        record_id: ", ".join(map(str, of_record))
        for record_id, of_record in reviews.items()
        if len({review.judgement.accepted for review in of_record}) > 1
    }


@dataclass(frozen=True)
class Agreement:
    """Numbers of records that two reviewers have both judged, by their judgements."""

    both_accept: int
    only_first_accepts: int
    only_second_accepts: int
    both_reject: int

    @property
    def judged_by_both(self) -> int:
        return self.both_accept + self.only_first_accepts + self.only_second_accepts + self.both_reject

    @property
    def observed(self) -> float:
        """The share of records on which they agree; 0 if there are no records."""
        return (self.both_accept + self.both_reject) / max(1, self.judged_by_both)

    @property
    def expected(self) -> float:
        """The share on which they would agree by chance, if each accepted as often as now."""
        first = (self.both_accept + self.only_first_accepts) / max(1, self.judged_by_both)
        second = (self.both_accept + self.only_second_accepts) / max(1, self.judged_by_both)
        return first * second + (1 - first) * (1 - second)

    @property
    def kappa(self) -> float | None:
        """Cohen's kappa, (observed - expected) / (1 - expected): 1 is full agreement, 0 is agreement by chance.

        J. Cohen, "A Coefficient of Agreement for Nominal Scales", Educational and Psychological Measurement 20(1),
        1960, 37-46. None if it is 0/0: no record is judged by both, or both accept all, or both reject all.
        """
        if self.judged_by_both in (0, self.both_accept, self.both_reject):
            return None
        return (self.observed - self.expected) / (1 - self.expected)

    def as_dict(self) -> dict[str, Any]:
        """The numbers for a report."""
        return {**asdict(self), "observed": self.observed, "expected": self.expected, "kappa": self.kappa}


def agreement(first: Mapping[str, Judgement], second: Mapping[str, Judgement]) -> Agreement:
    """How well two reviewers agree on accept and reject; records that only one of them has judged do not count."""
    pairs = [
        (judgement.accepted, second[record_id].accepted)
        for record_id, judgement in first.items()
        if record_id in second
    ]
    return Agreement(*map(pairs.count, [(True, True), (True, False), (False, True), (False, False)]))
