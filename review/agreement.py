"""Several reviewers of the same records: their joint decision, what they differ on, and how well they agree."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Mapping
from dataclasses import asdict, dataclass
from typing import Any, NamedTuple

from records.script import tell
from review.judgements import Judgement

ACCEPTED, REJECTED, LATER, NOT_JUDGED = "accepted", "rejected", "to be judged later", "not judged"
TWO_CORRECTIONS = "corrected in two ways"
SHOWN = 5  # of the judgements that match no record


class Review(NamedTuple):
    """One reviewer's judgement of a record."""

    file: str
    judgement: Judgement

    @property
    def place(self) -> str:
        return f"{self.file}:{self.judgement.line}"

    def __str__(self) -> str:
        correction = ["with a correction"] if self.judgement.correction else []
        return f"{' '.join([self.judgement.word, *correction, *map(str, self.judgement.criteria)])} ({self.place})"


def reviews_of(files: Mapping[str, Mapping[str, Judgement]]) -> dict[str, list[Review]]:
    """All reviews by record id, in order of first appearance; `files` has the judgements of each file by its name."""
    reviews: dict[str, list[Review]] = {}
    for file, judgements in files.items():
        for record_id, judgement in judgements.items():
            reviews.setdefault(record_id, []).append(Review(file, judgement))
    return reviews


def deciding(reviews: Collection[Review]) -> Collection[Review]:
    """The reviews that decide on a record: those by persons; if there are none, those by models."""
    return [review for review in reviews if not review.judgement.model] or reviews


def decide(reviews: Collection[Review]) -> str:
    """The joint decision on a record: a single reject rejects it, because a reviewer may see what others missed.

    A model overrules no person, even one who will judge later; among persons, who judges later leaves it to the others.
    One correction is enough, but nothing says which of two is the better one.
    """
    if not reviews:
        return NOT_JUDGED
    decisions = _decisions(deciding(reviews))
    if not decisions:
        return LATER
    if not all(decisions):
        return REJECTED
    return TWO_CORRECTIONS if len(_corrections(deciding(reviews))) > 1 else ACCEPTED


def differ(reviews: Iterable[Review]) -> bool:
    """Whether some accept and some reject."""
    return len(set(_decisions(reviews))) > 1


def disputes(reviews: Mapping[str, Collection[Review]]) -> dict[str, Collection[Review]]:
    """The records in dispute, with the reviews of persons: some accept and some reject, or their corrections differ.

    What a model says makes no dispute.
    """
    by_persons = {
        record_id: [review for review in of_record if not review.judgement.model]
        for record_id, of_record in reviews.items()
    }
    return {
        record_id: of_record
        for record_id, of_record in by_persons.items()
        if differ(of_record) or len(_corrections(of_record)) > 1
    }


def _decisions(reviews: Iterable[Review]) -> list[bool]:
    """Accept or reject of each review that is not to be judged later."""
    return [review.judgement.accepted for review in reviews if review.judgement.accepted is not None]


def _corrections(reviews: Iterable[Review]) -> set[str]:
    """The different corrected answers."""
    return {review.judgement.correction for review in reviews} - {""}


def show_unknown(unknown: Mapping[str, Collection[Review]], judgements: int) -> None:
    """Print how many of all judgements match no record, and the first of them."""
    lines = [
        f"{review.place}: {record_id} is not in the data" for record_id in unknown for review in unknown[record_id]
    ]
    if lines:
        tell(f"{len(lines):,} of {judgements:,} judgements match no record{', first' if len(lines) > SHOWN else ''}:")
    for line in lines[:SHOWN]:
        tell(line)


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


def decided(judgements: Mapping[str, Judgement]) -> dict[str, Judgement]:
    """The judgements without those to be made later."""
    return {record_id: judgement for record_id, judgement in judgements.items() if judgement.accepted is not None}


def agreement(first: Mapping[str, Judgement], second: Mapping[str, Judgement]) -> Agreement:
    """How well two reviewers agree on accept and reject; records that only one of them has judged do not count."""
    first, second = decided(first), decided(second)
    pairs = [
        (judgement.accepted, second[record_id].accepted)
        for record_id, judgement in first.items()
        if record_id in second
    ]
    return Agreement(*map(pairs.count, [(True, True), (True, False), (False, True), (False, False)]))


@dataclass(frozen=True)
class JointAgreement:
    """Numbers of records that several reviewers have judged, where each may have left out some.

    observed: the share of judgements that differ from another judgement of their record, a record with m judgements
    counting each by the m - 1 others. expected: that share if the same judgements were dealt to the records by chance.
    """

    judged_by_several: int
    all_accept: int
    all_reject: int
    in_dispute: int
    judged_by_one: int
    observed: float
    expected: float

    @property
    def alpha(self) -> float | None:
        """Krippendorff's alpha for nominal data, 1 - observed / expected: 1 is full agreement, 0 agreement by chance.

        Unlike Fleiss' kappa, it does not need equally many judgements of each record. K. Krippendorff, "Content
        Analysis: An Introduction to Its Methodology", 2nd ed., Sage, 2004, chapter 11; worked examples are in
        "Computing Krippendorff's Alpha-Reliability", 2011, https://repository.upenn.edu/asc_papers/43. None if it is
        0/0: no record is judged by several, or all of these judgements are the same.
        """
        return 1 - self.observed / self.expected if self.expected else None

    def as_dict(self) -> dict[str, Any]:
        """The numbers for a report."""
        return {**asdict(self), "alpha": self.alpha}


def joint_agreement(reviews: Iterable[Collection[Review]]) -> JointAgreement:
    """How well any number of reviewers agree on accept and reject; `reviews` has those of each record."""
    counts, accepted, rejected, differing = Counter[str](), 0, 0, 0.0
    for of_record in map(_decisions, reviews):
        if len(of_record) < 2:
            counts["one"] += len(of_record)
            continue
        accept = sum(of_record)
        reject = len(of_record) - accept
        counts["accept" if not reject else "reject" if not accept else "dispute"] += 1
        accepted, rejected = accepted + accept, rejected + reject
        differing += 2 * accept * reject / (len(of_record) - 1)
    judgements = accepted + rejected
    return JointAgreement(
        judged_by_several=counts["accept"] + counts["reject"] + counts["dispute"],
        all_accept=counts["accept"],
        all_reject=counts["reject"],
        in_dispute=counts["dispute"],
        judged_by_one=counts["one"],
        observed=differing / max(1, judgements),
        expected=2 * accepted * rejected / max(1, judgements * (judgements - 1)),
    )
