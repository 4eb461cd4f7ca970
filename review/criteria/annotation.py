"""Findings as they are written to files: in a record's meta, and with a dropped record."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from records.record import RecordLine, rewritten
from review.criteria.parsed_response import Finding

FIELD = "findings"  # of meta


def as_json(findings: Sequence[Finding]) -> list[dict[str, Any]]:
    """One object per finding; `start` and `end` count characters (code points) of the response."""
    return [finding._asdict() for finding in findings]


def annotated(row: RecordLine, findings: Sequence[Finding]) -> bytes:
    """The record's line with the findings as meta.findings, which replace those of an earlier run.

    A record without findings, both now and before, keeps its line. Raises InputError if the line cannot be rewritten
    without loss.
    """
    if not findings and FIELD not in row.record["meta"]:
        return row.raw
    return rewritten(
        row,
        lambda record: record["meta"].update({FIELD: as_json(findings)}),
        "cannot be annotated",
        "take the row out, or leave out --annotate",
    )
