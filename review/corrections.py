"""Corrections of answers that reviewers accept: the record with the corrected answer."""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path
from typing import Any

from records.record import RecordLine, decode, rewritten
from records.repair_names import CORRECTED_BY
from review.agreement import Review, deciding
from review.judgements import digest_of

OTHER_ANSWER = "the correction is of another text"


class NotCorrectedError(Exception):
    """A record's correction cannot be used; `reason` is short, for a count, and str() has files, lines, what to do."""

    def __init__(self, reason: str, message: str):
        super().__init__(message)
        self.reason = reason


def corrected(row: RecordLine, reviews: Collection[Review]) -> RecordLine:
    """An accepted record with the correction of its reviewers; the same row if nobody has corrected it.

    meta.corrected_by has the reviewer: the name of the judgement file without its ending. Findings are removed, because
    they have places in the answer as it was. Raises NotCorrectedError if the answer is not the one that was corrected,
    and InputError if the line cannot be rewritten without loss. The reviews may not have different corrections.
    """
    corrections = [review for review in deciding(reviews) if review.judgement.correction]
    if not corrections:
        return row
    answer, digest = row.record["response"], digest_of(row.record["response"])
    for review in corrections:
        if review.judgement.corrects != digest and review.judgement.correction != answer:
            problem = "is of another text than the answer" if review.judgement.corrects else "does not say of what"
            advice = f"if it fits the answer in the data, write `corrects: {digest}`"
            raise NotCorrectedError(OTHER_ANSWER, f"{review.place}: the correction {problem}; {advice}")
    if corrections[0].judgement.correction == answer:
        return row
    raw = rewritten(row, lambda record: _correct(record, corrections[0]), "cannot be corrected", "take the row out")
    return row._replace(record=decode(raw), raw=raw)


def _correct(record: dict[str, Any], review: Review) -> None:
    from review.criteria.annotation import FIELD as FINDINGS  # loads all criteria

    record["response"] = review.judgement.correction
    record["meta"][CORRECTED_BY] = Path(review.file).stem
    record["meta"].pop(FINDINGS, None)
