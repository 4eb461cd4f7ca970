#!/usr/bin/env python3
"""Step 2b: find, and on request drop, records that fail the review criteria as far as a machine can check them.

Counts the records with findings, by criterion and reason. --drop leaves out records with findings of some criteria;
--annotate writes the findings into the others as meta.findings. --learn_from trains a model on your judgements, and
says how often it is right about those that it has not seen. It finds more against criterion 4 if it is precise enough,
and gives hints on 1, 2, 4 and 5; --keep_likely drops what you are unlikely to accept.

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
from collections.abc import Iterator
from contextlib import nullcontext, suppress
from itertools import islice
from typing import Any

import orjson

from records.errors import InputError
from records.file_io import STANDARD_STREAM, open_output, report_path, write_report
from records.output_checks import check_outputs, record_outputs
from records.record import RecordLine, read_with_progress
from records.script import Tally, add_paths, positive, run, script_parser, show_table, tell
from records.workers import make_pool, map_batches
from review.criteria import CRITERIA, Finding, find_in_all
from review.criteria.annotation import annotated, as_json
from review.judgements import Judgement, load_persons_judgements, record_id_of
from review.learnt_criteria import FEWEST_QUESTIONS, HINT, Judged, LearntCriteria, Prediction, learn

BATCH = 100  # records that a worker gets at a time: about 0.05 s of work
UNLIKELY = "unlikely to be accepted"


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
    add(
        "--learn_from",
        metavar="JUDGEMENTS",
        help="train a model on these judgements of yours, for more findings and for hints (default: rules alone)",
    )
    add(
        "--learn_records",
        nargs="+",
        action="extend",
        metavar="PATH",
        help="where the judged records are (default: in --inputpath)",
    )
    add(
        "--keep_likely",
        type=probability,
        metavar="P",
        help="drop records that the model gives a lower probability of being accepted (default: none); "
        "--learn_from shows how much each P keeps, and how good that is",
    )
    add("--workers", type=positive, default=os.cpu_count() or 1, metavar="N", help="processes (default: one a core)")
    args = parser.parse_args()
    if not args.drop and not args.annotate and args.keep_likely is None:
        parser.error(
            "give --drop with the criteria to drop records for, as in --drop 4,6, --annotate, or --keep_likely"
        )
    if args.dropped_path and not args.drop and args.keep_likely is None:
        parser.error("--dropped_path does nothing without --drop or --keep_likely")
    if not args.learn_from and (args.keep_likely is not None or args.learn_records):
        parser.error("--keep_likely and --learn_records need --learn_from with your judgements")
    if args.learn_from and STANDARD_STREAM in (args.learn_records or args.inputpath):
        parser.error("--learn_from reads the records twice: give the name of a file in place of -")
    return args


def probability(text: str) -> float:
    """The type of --keep_likely."""
    with suppress(ValueError):
        if 0 <= float(text) <= 1:
            return float(text)
    raise argparse.ArgumentTypeError(f"{text!r} is not a number from 0 to 1")


def criteria(text: str) -> tuple[int, ...]:
    """The type of --drop: numbers of criteria, with commas between them."""
    numbers = [part.strip() for part in text.split(",")]
    if not all(number in map(str, CRITERIA) for number in numbers):
        raise argparse.ArgumentTypeError(f"{text!r} is not numbers from 1 to {max(CRITERIA)} with commas, as in 4,6")
    return tuple(sorted({int(number) for number in numbers}))


def main() -> None:
    args = arguments()
    judgements = load_persons_judgements(args.learn_from) if args.learn_from else {}
    learnt_files = [args.learn_from, *(args.learn_records or [])] if args.learn_from else []
    check_outputs([*args.inputpath, *learnt_files], record_outputs(args.destpath, args.dropped_path))
    tally, found = Tally(), Counter[str]()
    with (
        make_pool(args.workers) as pool,
        open_output(args.destpath) as out,
        open_output(args.dropped_path) if args.dropped_path else nullcontext() as dropped,
    ):
        learnt = learn_from(args, judgements) if args.learn_from else None
        rows = map_batches(read_with_progress(args.inputpath), texts_of, find_in_all, pool, args.workers, BATCH)
        for row, findings, accepted in predicted(rows, learnt, judgements):
            found.update({label(finding) for finding in findings})
            drops = [each for each in findings if each.criterion in args.drop and each.reason != HINT]
            reason = label(drops[0]) if drops else UNLIKELY if accepted < (args.keep_likely or 0) else None
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
            write_report(
                report, {"options": options, "counts": counts, **({"learnt": learnt.as_dict()} if learnt else {})}
            )
    tally.show(f"{' '.join(args.inputpath)} -> {args.destpath}")
    if found:
        show_table("records with findings, by criterion and reason", sorted(found.items()))


def learn_from(args: argparse.Namespace, judgements: dict[str, Judgement]) -> LearntCriteria:
    """A model of the judgements; says how often it is right."""
    paths = args.learn_records or args.inputpath
    records = (row.record for row in read_with_progress(paths))
    judged = {
        name: Judged(each, judgements[name]) for each in records if (name := record_id_of(each["id"])) in judgements
    }
    if judgements and not judged:
        raise InputError(
            f"{args.learn_from}: none of its {len(judgements):,} judgements is of a record of {' '.join(paths)}; give "
            "the judged records with --learn_records"
        )
    try:
        learnt = learn(judged.values(), args.drop)
    except InputError as error:
        raise InputError(f"{args.learn_from} with {' '.join(paths)}: {error}") from None
    if args.keep_likely is not None and not learnt.curve:
        raise InputError(
            f"{args.learn_from}: --keep_likely needs {FEWEST_QUESTIONS} questions with an accepted answer and "
            f"{FEWEST_QUESTIONS} with a rejected one, and an answer that --drop leaves; judge more, or leave it out"
        )
    tell(f"learnt from {learnt.judged:,} judgements of {args.learn_from}; each was predicted by a model without it:")
    for line in learnt.describe():
        tell(f"  {line}")
    return learnt


def predicted(
    rows: Iterator[tuple[RecordLine, list[Finding]]], learnt: LearntCriteria | None, judgements: dict[str, Judgement]
) -> Iterator[tuple[RecordLine, list[Finding], float]]:
    """The rows, with the model's findings beside those of the rules, and the probability that each is accepted.

    That is 1 without a model, and for what is judged already: there a person has the word.
    """
    while batch := list(islice(rows, BATCH)):
        said = [Prediction(None, [])] * len(batch)
        if learnt:
            said = learnt.predict([row.record for row, _ in batch], [findings for _, findings in batch])
        for (row, findings), (accepted, by_model) in zip(batch, said, strict=True):
            if record_id_of(row.record["id"]) in judgements:
                yield row, findings, 1.0
            else:
                yield row, findings + by_model, 1.0 if accepted is None else accepted


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
