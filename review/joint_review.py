"""The judgement files of several reviewers as one: what counts, what they differ on, and the decisions on that."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass

from records.script import tell
from review.agreement import ACCEPTED, SHOWN, TWO_CORRECTIONS, Review, decide, deciding, disputes, reviews_of
from review.judgements import Judgement


@dataclass(frozen=True)
class JointReview:
    """The reviews that count.

    reviews: by record id. resolved: the file with decisions on disputes, None without. found, left: the records in
    dispute before and after its decisions. uncorrected: records that it accepts without the correction of a reviewer.
    """

    reviews: Mapping[str, Collection[Review]]
    resolved: str | None
    found: Mapping[str, Collection[Review]]
    left: Mapping[str, Collection[Review]]
    uncorrected: Collection[str]

    def counts(self) -> dict[str, int]:
        """The numbers for a report."""
        return {"ids_in_dispute": len(self.found), "disputes_resolved": len(self.found) - len(self.left)}

    def show(self, rejected: str) -> None:
        """Print what is in dispute, and what is decided; `rejected` says what becomes of a record that one rejects."""
        for record_id, of_record in self.left.items():
            outcome = f"left out, {TWO_CORRECTIONS}" if decide(of_record) == TWO_CORRECTIONS else rejected
            tell(f"{record_id} is {outcome}: {', '.join(map(str, of_record))}")
        if self.uncorrected:
            answers = f"{len(self.uncorrected):,} answer{'s' if len(self.uncorrected) > 1 else ''}"
            first = ", ".join(list(self.uncorrected)[:SHOWN])
            tell(f"{self.resolved} accepts {answers} as it was, which others corrected: {first}")
        if decided := len(self.found) - len(self.left):
            tell(f"{self.resolved} decides {decided:,} of {len(self.found):,} records in dispute")
        if self.left:
            tell(f"{len(self.left):,} in dispute: Viewer(.., disputes=[..]) shows them, --resolved decides")


def joint_review(files: Mapping[str, Mapping[str, Judgement]], resolved: str | None) -> JointReview:
    """The joint review of files with judgements, by name; `resolved` is the name of the one that decides on disputes.

    Where a person accepts or rejects in it, this review counts alone; what else it has, to be judged later or by a
    model, counts only where there is no other review.
    """
    reviews = reviews_of({file: judgements for file, judgements in files.items() if file != resolved})
    decisions = reviews_of({resolved: files[resolved]} if resolved else {})
    decided = {
        record_id: of_record
        for record_id, of_record in decisions.items()
        if all(review.judgement.accepted is not None and not review.judgement.model for review in of_record)
    }
    counting = {**decisions, **reviews, **decided}
    uncorrected = [
        record_id
        for record_id, of_record in reviews.items()
        if record_id in decided
        and _has_correction(of_record)
        and decide(decided[record_id]) == ACCEPTED
        and not _has_correction(decided[record_id])
    ]
    return JointReview(counting, resolved, disputes(reviews), disputes(counting), uncorrected)


def _has_correction(reviews: Collection[Review]) -> bool:
    return any(review.judgement.correction for review in deciding(reviews))
