"""Answers with a label, true if reviewers accepted them: a record with `label`, `criteria` and `note`."""

from __future__ import annotations

from collections.abc import Collection

import orjson

from records.record import FIELDS, RecordLine
from review.agreement import ACCEPTED, Review, decide
from review.corrections import corrected


def label_record(row: RecordLine, reviews: Collection[Review]) -> RecordLine:
    """A judged record with its label; a single reject makes it false, as in filter_by_human.py.

    criteria: those that any reviewer found not met. note: all notes, with "; " between them. An answer that was
    accepted with a correction is the corrected one. Raises like `corrected`.
    """
    accepted = decide(reviews) == ACCEPTED
    if accepted:
        row = corrected(row, reviews)
    judgements = [review.judgement for review in reviews]
    record = {
        **{name: row.record[name] for name in FIELDS},
        "label": accepted,
        "criteria": sorted({number for judgement in judgements for number in judgement.criteria}),
        "note": "; ".join(judgement.note for judgement in judgements if judgement.note),
    }
    return RecordLine(record, orjson.dumps(record), row.place)
