"""Findings as they are written to files: in a record's meta, and with a dropped record."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from records.errors import InputError
from records.record import RecordLine
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
    try:
        record = json.loads(row.raw)  # not orjson, which makes floats of integers beyond 64 bits
        record["meta"][FIELD] = as_json(findings)
        return json.dumps(record, ensure_ascii=False, allow_nan=False, separators=(",", ":")).encode()
    except (ValueError, RecursionError) as error:
        raise InputError(
            f"{row.place}: cannot be annotated ({error}); take the row out, or leave out --annotate"
        ) from None
