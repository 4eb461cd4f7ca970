#!/usr/bin/env python3
"""Step 3b: keep the records that a person has accepted.

The judgement file is YAML, written by the viewer or by hand: a line `<id>: accept`, `<id>: reject` or `<id>: later` per
record. With several files, one for each reviewer, records are kept that somebody accepts and nobody rejects. An answer
that was accepted with a correction is written as corrected. Where reviewers differ, --resolved decides.

    python filter_by_human.py --inputpath filtered-stack-exchange/cstheory.jsonl \\
        --destpath filtered-stack-exchange/cstheory.accepted.jsonl --judgement_file judgements/cstheory.yaml
"""

from __future__ import annotations

import argparse
from collections import Counter
from collections.abc import Collection, Mapping
from typing import NoReturn

from records.errors import InputError
from records.file_io import open_output, report_path, write_report
from records.output_checks import check_outputs, record_outputs
from records.record import read_with_progress
from records.script import Tally, add_paths, run, script_parser, show_table, tell
from review.agreement import (
    ACCEPTED,
    LATER,
    NOT_JUDGED,
    REJECTED,
    TWO_CORRECTIONS,
    Agreement,
    JointAgreement,
    Review,
    agreement,
    decide,
    decided,
    differ,
    joint_agreement,
    reviews_of,
    show_unknown,
)
from review.corrections import NotCorrectedError, corrected
from review.joint_review import joint_review
from review.judgements import Judgement, load_judgement_files, record_id_of


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
    add(
        "--resolved",
        metavar="PATH",
        help="YAML with the decisions on what the reviewers differ on, as Viewer(.., disputes=[..]) writes them: where "
        "it accepts or rejects a record, it decides alone (default: what they differ on is left out)",
    )
    add(
        "--keep_unjudged",
        action="store_true",
        help="keep records without a judgement (default: drop them); those to be judged later are dropped all the same",
    )
    add(
        "--agreement",
        nargs="*",
        action="extend",
        metavar="PATH",
        help="report how well the reviewers of all files agree (Cohen's kappa for two, Krippendorff's alpha for more) "
        "and where they differ; files given here do not affect which records are kept (default: no comparison)",
    )
    args = parser.parse_args()
    if args.agreement == [] and len(args.judgement_file) < 2:
        parser.error("--agreement compares two or more files: give those of the other reviewers")
    return args


def main() -> None:
    args = arguments()
    others, resolving = args.agreement or [], [args.resolved] if args.resolved else []
    check_outputs([*args.inputpath, *args.judgement_file, *others, *resolving], record_outputs(args.destpath))
    loaded = load_judgement_files([*args.judgement_file, *others, *resolving])
    compared = {path: loaded[path] for path in [*args.judgement_file, *others]}
    files = {path: loaded[path] for path in [*args.judgement_file, *resolving]}
    joint = joint_review(files, args.resolved)
    reviews, unknown, verdicts, tally = joint.reviews, reviews_of(files), Counter[str](), Tally()
    agreed = agreement_of(compared) if args.agreement is not None else None
    corrections, not_corrected = 0, list[str]()
    with open_output(args.destpath) as out:
        for row in read_with_progress(args.inputpath):
            record_id = record_id_of(row.record["id"])
            verdict = decide(reviews.get(record_id, []))
            verdicts[verdict] += 1
            unknown.pop(record_id, None)
            if verdict != ACCEPTED and not (verdict == NOT_JUDGED and args.keep_unjudged):
                tally.drop(verdict)
                continue
            try:
                written = corrected(row, reviews.get(record_id, []))
            except NotCorrectedError as error:
                tally.drop(error.reason)
                not_corrected.append(str(error))
                continue
            corrections += written is not row
            tally.keep()
            out.write(written.raw + b"\n")
        if reviews and len(unknown) == len(reviews):
            refuse(reviews, args.inputpath)
        if report := report_path(args.destpath):
            counts = {
                "judgements": sum(map(len, files.values())),
                "ids_not_in_the_data": len(unknown),
                **joint.counts(),
                "accepted": verdicts[ACCEPTED],
                "corrected": corrections,
                "corrected_in_two_ways": verdicts[TWO_CORRECTIONS],
                "rejected": verdicts[REJECTED],
                "to_be_judged_later": verdicts[LATER],
                "not_judged": verdicts[NOT_JUDGED],
                **tally.as_dict(),
            }
            agreement_counts = {"agreement": agreed.as_dict()} if agreed else {}
            write_report(report, {"options": vars(args), "counts": counts, **agreement_counts})

    show_unknown(unknown, sum(map(len, files.values())))
    joint.show("rejected")
    for message in not_corrected:
        tell(message)
    tally.show(f"{' '.join(args.inputpath)} -> {args.destpath}")
    if corrections:
        tell(f"{corrections:,} of the records kept have a corrected answer")
    if args.keep_unjudged:
        show_table("records kept by judgement", [(name, verdicts[name]) for name in (ACCEPTED, NOT_JUDGED)])
    if agreed:
        show_compared(agreed, compared, joint.left)


def refuse(reviews: Mapping[str, Collection[Review]], inputpath: list[str]) -> NoReturn:
    """Raise InputError because no judgement matches a record."""
    judgements = sum(map(len, reviews.values()))
    record_id, (first, *_) = next(iter(reviews.items()))
    raise InputError(
        f"{first.place}: no judgement matches a record of {' '.join(inputpath)} ({judgements:,} in all, the first of "
        f"{record_id}); give the records that were judged"
    )


def agreement_of(files: dict[str, dict[str, Judgement]]) -> Agreement | JointAgreement:
    """How well the reviewers of two or more files agree."""
    return agreement(*files.values()) if len(files) == 2 else joint_agreement(reviews_of(files).values())


def show_compared(
    agreed: Agreement | JointAgreement,
    compared: dict[str, dict[str, Judgement]],
    told: Mapping[str, Collection[Review]],
) -> None:
    """Print how well reviewers agree, and what they differ on that is not told yet."""
    names = list(compared)
    title = f"agreement of {', '.join(names[:-1])} and {names[-1]}"
    if isinstance(agreed, Agreement):
        show_agreement(agreed, title, *(len(decided(each)) for each in compared.values()))
    else:
        show_joint_agreement(agreed, title)
    for record_id, of_record in reviews_of(compared).items():
        if differ(of_record) and of_record != told.get(record_id):
            tell(f"  {record_id}: {', '.join(map(str, of_record))}")


def show_agreement(both: Agreement, title: str, first: int, second: int) -> None:
    """Print how well two reviewers agree; `first` and `second` are their numbers of accepts and rejects."""
    show_table(
        title,
        [
            ("judged by both", both.judged_by_both),
            ("  both accept", both.both_accept),
            ("  both reject", both.both_reject),
            ("  only the first accepts", both.only_first_accepts),
            ("  only the second accepts", both.only_second_accepts),
            ("judged by the first alone", first - both.judged_by_both),
            ("judged by the second alone", second - both.judged_by_both),
        ],
    )
    if both.kappa is None:
        why = "both accept all, or both reject all" if both.judged_by_both else "no record is judged by both"
        tell(f"Cohen's kappa is not defined: {why}")
    else:
        tell(
            f"Cohen's kappa {both.kappa:.2f}: they agree on {both.observed:.0%}, and would on {both.expected:.0%} by "
            "chance"
        )


def show_joint_agreement(joint: JointAgreement, title: str) -> None:
    """Print how well three or more reviewers agree."""
    show_table(
        title,
        [
            ("judged by two or more", joint.judged_by_several),
            ("  all accept", joint.all_accept),
            ("  all reject", joint.all_reject),
            ("  in dispute", joint.in_dispute),
            ("judged by one alone", joint.judged_by_one),
        ],
    )
    if joint.alpha is None:
        why = "all accept, or all reject" if joint.judged_by_several else "no record is judged by two or more"
        tell(f"Krippendorff's alpha is not defined: {why}")
    else:
        tell(
            f"Krippendorff's alpha {joint.alpha:.2f}: two judgements of a record differ in {joint.observed:.0%}, and "
            f"would in {joint.expected:.0%} by chance"
        )


if __name__ == "__main__":
    run(main)
