#!/usr/bin/env python3
"""Step 2b: find, and on request drop, records that fail the review criteria as far as a machine can check them.

Counts the records with findings, by criterion and reason. --drop leaves out records with findings of some criteria;
--annotate writes the findings into the others as meta.findings.

    python filter_for_criteria.py --inputpath filtered-stack-exchange/cstheory.jsonl \\
        --destpath filtered-stack-exchange/cstheory.checked.jsonl --drop 4,6 --annotate

1  it directly addresses the question        5  it is complete
2  it is good English                        6  it contains no URLs
3  it is valid Markdown                      7  nothing that it needs was lost with the question
4  it names no other answers, comments or users, and says nothing about its author
"""

from __future__ import annotations

import argparse
import os
from collections import Counter
from contextlib import nullcontext
from typing import Any

import orjson

from records.file_io import open_output, report_path, write_report
from records.output_checks import check_outputs, record_outputs
from records.record import RecordLine, read_with_progress
from records.script import Tally, add_paths, positive, run, script_parser, show_table
from records.workers import make_pool, map_batches
from review.criteria import CRITERIA, Finding, find_in_all
from review.criteria.annotation import annotated, as_json

BATCH = 100  # records that a worker gets at a time: about 0.05 s of work


def arguments() -> argparse.Namespace:
    parser = script_parser(__doc__)
    add_paths(parser)
    add = parser.add_argument
    add(
        "--drop",
        type=criteria,
        default=(),
        metavar="CRITERIA",
        help="drop records with findings of these criteria, as in 4,6",
    )
    add("--annotate", action="store_true", help="write findings into the records that are kept, as meta.findings")
    add(
        "--dropped_path",
        metavar="PATH",
        help="where to write dropped records, each with its findings (default: nowhere)",
    )
    add("--workers", type=positive, default=os.cpu_count() or 1, metavar="N", help="processes (default: one a core)")
    args = parser.parse_args()
    if not args.drop and not args.annotate:
        parser.error("give --drop with the criteria to drop records for, as in --drop 4,6, or --annotate, or both")
    if args.dropped_path and not args.drop:
        parser.error("--dropped_path does nothing without --drop")
    return args


def criteria(text: str) -> tuple[int, ...]:
    """The type of --drop: numbers of criteria, with commas between them."""
    numbers = [part.strip() for part in text.split(",")]
    if not all(number in map(str, CRITERIA) for number in numbers):
        raise argparse.ArgumentTypeError(f"{text!r} is not numbers from 1 to {max(CRITERIA)} with commas, as in 4,6")
    return tuple(sorted({int(number) for number in numbers}))


def main() -> None:
    args = arguments()
    check_outputs(args.inputpath, record_outputs(args.destpath, args.dropped_path))
    tally, found = Tally(), Counter[str]()
    with (
        make_pool(args.workers) as pool,
        open_output(args.destpath) as out,
        open_output(args.dropped_path) if args.dropped_path else nullcontext() as dropped,
    ):
        rows = read_with_progress(args.inputpath)
        for row, findings in map_batches(rows, texts_of, find_in_all, pool, args.workers, BATCH):
            found.update({label(finding) for finding in findings})
            reason = next((label(finding) for finding in findings if finding.criterion in args.drop), None)
            if reason is None:
                tally.keep()
                out.write((annotated(row, findings) if args.annotate else row.raw) + b"\n")
            else:
                tally.drop(reason)
                if dropped:
                    dropped.write(dropped_line(row, reason, findings))
        if report := report_path(args.destpath):
            counts = {**tally.as_dict(), "records_with": dict(sorted(found.items()))}
            options = {
                name: value for name, value in vars(args).items() if name != "workers"
            }  # they do not change the output
            write_report(report, {"options": options, "counts": counts})
    tally.show(f"{' '.join(args.inputpath)} -> {args.destpath}")
    if found:
        show_table("records with findings, by criterion and reason", sorted(found.items()))


def texts_of(row: RecordLine) -> dict[str, Any]:
    """What the rules need of a record."""
    meta = {"participants": row.record["meta"].get("participants")}
    return {"instruction": row.record["instruction"], "response": row.record["response"], "meta": meta}


def label(finding: Finding) -> str:
    return f"{finding.criterion}, {finding.reason}"


def dropped_line(row: RecordLine, reason: str, findings: list[Finding]) -> bytes:
    fields = {"reason": reason, "findings": as_json(findings), "record": orjson.Fragment(row.raw)}
    return orjson.dumps(fields, option=orjson.OPT_APPEND_NEWLINE)


if __name__ == "__main__":
    run(main)
