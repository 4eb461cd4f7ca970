#!/usr/bin/env python3
"""Step 3b: keep the records that a person has accepted.

The judgement file is YAML, written by the viewer or by hand: a line `<id>: accept` or `<id>: reject` per record.
With several files, one for each reviewer, records are kept that somebody accepts and nobody rejects.

    python filter_by_human.py --inputpath filtered-stack-exchange/cstheory.jsonl \\
        --destpath filtered-stack-exchange/cstheory.accepted.jsonl --judgement_file judgements/cstheory.yaml
"""

from __future__ import annotations

import argparse
import sys
from collections import Counter

from records.file_io import open_output, report_path, write_report
from records.output_checks import check_outputs, record_outputs
from records.record import read_with_progress
from records.script import Tally, add_paths, run, script_parser, show_some, show_table
from review.agreement import ACCEPTED, NOT_JUDGED, REJECTED, agreement, decide, disputed, reviews_of
from review.judgements import Judgement, load_judgements


def arguments() -> argparse.Namespace:
    parser = script_parser(__doc__)
    add_paths(parser)
    add = parser.add_argument
    add(
        "--judgement_file",
        nargs="+",
        action="extend",
        required=True,
        metavar="PATH",
        help="YAML with the accepted and the rejected ids; with several files, a single reject leaves a record out",
    )
    add("--keep_unjudged", action="store_true", help="keep records without a judgement (default: drop them)")
    add(
        "--agreement",
        metavar="FILE2",
        help="report how well another reviewer's file agrees with the judgement file (Cohen's kappa), and where they "
        "differ; it does not affect which records are kept (default: no comparison)",
    )
    args = parser.parse_args()
    if args.agreement and len(args.judgement_file) > 1:
        parser.error("--agreement compares two files: give only one --judgement_file")
    if args.agreement in args.judgement_file:
        parser.error("--agreement compares two files: give a different file than --judgement_file")
    return args


def main() -> None:
    args = arguments()
    others = [args.agreement] if args.agreement else []
    check_outputs([*args.inputpath, *args.judgement_file, *others], record_outputs(args.destpath))
    files = {path: load_judgements(path) for path in args.judgement_file}
    compared = files | {path: load_judgements(path) for path in others}
    reviews, verdicts, tally = reviews_of(files), Counter[str](), Tally()
    unknown, disputes = dict(reviews), disputed(reviews)
    with open_output(args.destpath) as out:
        for row in read_with_progress(args.inputpath):
            record_id = row.record["id"]
            verdict = decide(reviews.get(record_id, []))
            verdicts[verdict] += 1
            unknown.pop(record_id, None)
            if verdict == ACCEPTED or (verdict == NOT_JUDGED and args.keep_unjudged):
                tally.keep()
                out.write(row.raw + b"\n")
            else:
                tally.drop(verdict)
        if report := report_path(args.destpath):
            counts = {
                "judgements": sum(map(len, files.values())),
                "ids_not_in_the_data": len(unknown),
                "ids_in_dispute": len(disputes),
                "accepted": verdicts[ACCEPTED],
                "rejected": verdicts[REJECTED],
                "not_judged": verdicts[NOT_JUDGED],
                **tally.as_dict(),
            }
            agreed = {"agreement": agreement(*compared.values()).as_dict()} if others else {}
            write_report(report, {"options": vars(args), "counts": counts, **agreed})

    show_some(
        [f"{review.place}: {record_id} is not in the data" for record_id in unknown for review in unknown[record_id]],
        "judgements are of ids that are not in the data",
    )
    show_some(
        [f"{record_id} is rejected: {reviews}" for record_id, reviews in disputes.items()],
        "ids in dispute are rejected",
    )
    tally.show(f"{' '.join(args.inputpath)} -> {args.destpath}")
    if args.keep_unjudged:
        show_table("records kept by judgement", [(name, verdicts[name]) for name in (ACCEPTED, NOT_JUDGED)])
    if args.agreement:
        show_agreement(compared)


def show_agreement(files: dict[str, dict[str, Judgement]]) -> None:
    """Print how well two reviewers agree, and each id on which they differ."""
    first, second = files.values()
    both = agreement(first, second)
    show_table(
        f"agreement of {' and '.join(files)}",
        [
            ("judged by both", both.judged_by_both),
            ("  both accept", both.both_accept),
            ("  both reject", both.both_reject),
            ("  only the first accepts", both.only_first_accepts),
            ("  only the second accepts", both.only_second_accepts),
            ("judged by the first alone", len(first) - both.judged_by_both),
            ("judged by the second alone", len(second) - both.judged_by_both),
        ],
    )
    if both.kappa is None:
        why = "both accept all, or both reject all" if both.judged_by_both else "no record is judged by both"
        print(f"Cohen's kappa is not defined: {why}", file=sys.stderr)
    else:
        print(
            f"Cohen's kappa {both.kappa:.2f}: they agree on {both.observed:.0%}, and would on {both.expected:.0%} by "
            "chance",
            file=sys.stderr,
        )
    for record_id, judgements in disputed(reviews_of(files)).items():
        print(f"  {record_id}: {judgements}", file=sys.stderr)


if __name__ == "__main__":
    run(main)
