"""Findings of records as lines of JSON, and how they are written: in a record's meta, and with a dropped record."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from records.record import Line, RecordLine, rewritten
from review.criteria import Finding, find_problems

FIELD = "findings"  # of meta


def find_in_lines(lines: Iterable[Line]) -> list[list[Finding]]:
    """The findings of each of several records, for a worker. Raises InputError if a line is not a record."""
    return [find_problems(line.parsed().record) for line in lines]


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
