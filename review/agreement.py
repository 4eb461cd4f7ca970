"""Several reviewers of the same records: what they decide together, and how well two of them agree."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import asdict, dataclass
from typing import Any, NamedTuple

from review.judgements import Judgement

ACCEPTED, REJECTED, NOT_JUDGED = "accepted", "rejected", "not judged"


class Review(NamedTuple):
    """What one reviewer says of a record."""

    file: str
    judgement: Judgement

    @property
    def place(self) -> str:
        return f"{self.file}:{self.judgement.line}"

    def __str__(self) -> str:
        word = "accept" if self.judgement.accepted else "reject"
        return f"{' '.join([word, *map(str, self.judgement.criteria)])} ({self.place})"


def reviews_of(files: Mapping[str, Mapping[str, Judgement]]) -> dict[str, list[Review]]:
    """The reviews of each record id in judgement files, given by name; ids in the order in which they first come."""
    reviews: dict[str, list[Review]] = {}
    for file, judgements in files.items():
        for record_id, judgement in judgements.items():
            reviews.setdefault(record_id, []).append(Review(file, judgement))
    return reviews


def decide(reviews: Collection[Review]) -> str:
    """What all reviews of a record come to: one reject rejects it, for each reviewer may see what others missed."""
    if not reviews:
        return NOT_JUDGED
    return ACCEPTED if all(review.judgement.accepted for review in reviews) else REJECTED


def disputed(reviews: Mapping[str, Collection[Review]]) -> dict[str, str]:
    """The ids that some accept and some reject, each with what everybody says."""
    return {
        record_id: ", ".join(map(str, each))
        for record_id, each in reviews.items()
        if len({review.judgement.accepted for review in each}) > 1
    }


@dataclass(frozen=True)
class Agreement:
    """What two reviewers say of the records that both have judged, in numbers of records."""

    both_accept: int
    only_first_accepts: int
    only_second_accepts: int
    both_reject: int

    @property
    def judged_by_both(self) -> int:
        return self.both_accept + self.only_first_accepts + self.only_second_accepts + self.both_reject

    @property
    def observed(self) -> float:
        """The share of records on which they agree; 0 where there are none."""
        return (self.both_accept + self.both_reject) / max(1, self.judged_by_both)

    @property
    def expected(self) -> float:
        """The share on which they would agree by chance, each accepting as often as they do."""
        first = (self.both_accept + self.only_first_accepts) / max(1, self.judged_by_both)
        second = (self.both_accept + self.only_second_accepts) / max(1, self.judged_by_both)
        return first * second + (1 - first) * (1 - second)

    @property
    def kappa(self) -> float | None:
        """Cohen's kappa, (observed - expected) / (1 - expected): 1 is full agreement, 0 what chance would give.

        J. Cohen, "A Coefficient of Agreement for Nominal Scales", Educational and Psychological Measurement 20(1),
        1960, 37-46. None where it is 0/0: no record is judged by both, or both say one and the same word of all.
        """
        if self.judged_by_both in (0, self.both_accept, self.both_reject):
            return None
        return (self.observed - self.expected) / (1 - self.expected)

    def as_dict(self) -> dict[str, Any]:
        """The numbers for a report."""
        return {**asdict(self), "observed": self.observed, "expected": self.expected, "kappa": self.kappa}


def agreement(first: Mapping[str, Judgement], second: Mapping[str, Judgement]) -> Agreement:
    """How far two reviewers agree on accept and reject; what only one of them has judged does not count."""
    pairs = [(judgement.accepted, second[each].accepted) for each, judgement in first.items() if each in second]
    return Agreement(*map(pairs.count, [(True, True), (True, False), (False, True), (False, False)]))
