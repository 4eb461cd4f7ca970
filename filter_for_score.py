#!/usr/bin/env python3
"""Step 2: keep the highly voted answers.

Reads records of get_stackexchange.py and writes those that meet every given condition, unchanged.

    python filter_for_score.py --inputpath stack-exchange/cstheory/unfiltered.jsonl \\
        --destpath filtered-stack-exchange/cstheory.jsonl --min_answer_votes 10
    python filter_for_score.py --inputpath stack-exchange/*/unfiltered.jsonl --exclude_sites meta \\
        --destpath filtered-stack-exchange/recent.jsonl --min_answer_votes 5 --created_after 2020
"""

from __future__ import annotations

import argparse
from types import NoneType

from records.conditions import ALL_METAS, conditions, why_dropped
from records.errors import InputError
from records.file_io import open_output, report_path, write_report
from records.output_checks import check_outputs, record_outputs
from records.record import RecordLine, read_with_progress
from records.script import Tally, add_paths, positive, run, script_parser, tell
from stackdump.sites import hosts_of_user

MUST_HAVE = {"site": str, "question_id": int, "question_score": int, "answer_score": int}  # in a record's meta
MAY_HAVE = {
    "accepted": bool,
    "tags": list,
    "question_license": str,
    "answer_license": str,
    "answer_created": str,
}
KINDS = {str: "a string", int: "a whole number", bool: "true or false", list: "a list"}


def arguments() -> argparse.Namespace:
    parser = script_parser(__doc__)
    add_paths(parser)
    add = parser.add_argument
    add("--min_answer_votes", type=int, required=True, metavar="N", help="keep answers with at least N votes")
    also = parser.add_argument_group("further conditions, each off by default").add_argument
    also("--accepted_only", action="store_true", help="the answer is the accepted one")
    also("--min_question_votes", type=int, metavar="N", help="the question has at least N votes")
    also("--max_answers_per_question", type=positive, metavar="N", help="only the N best answers that meet the rest")
    for name, which in (("--sites", "any of these sites"), ("--exclude_sites", "none of these sites")):
        also(
            name,
            nargs="+",
            action="extend",
            metavar="SITE",
            help=f"the answer is from {which}, named as for get_stackexchange.py; `meta` means all meta sites",
        )
    also("--created_after", metavar="DATE", help="the answer was written on this date or later: 2020, 2020-06-15, ..")
    also("--created_before", metavar="DATE", help="the answer was written before this date: 2021, 2021-06-15, ..")
    also("--min_response_chars", type=int, metavar="N", help="the answer has at least N characters of Markdown")
    also("--max_response_chars", type=int, metavar="N", help="the answer has at most N characters of Markdown")
    also("--tags", nargs="+", action="extend", metavar="TAG", help="the question has at least one of these tags")
    also("--exclude_tags", nargs="+", action="extend", metavar="TAG", help="the question has none of these tags")
    also(
        "--licenses",
        nargs="+",
        action="extend",
        metavar="LICENSE",
        help='question and answer are under one of these, such as "CC BY-SA 4.0"',
    )
    args = parser.parse_args()
    hosts = {name: hosts_of_user(vars(args)[name] or ()) or None for name in ("sites", "exclude_sites")}
    return argparse.Namespace(**(vars(args) | hosts))


def main() -> None:
    args = arguments()
    check_outputs(args.inputpath, record_outputs(args.destpath))
    tally, asked, best = Tally(), conditions(vars(args)), BestAnswers(args.max_answers_per_question)
    unseen = {*(args.sites or ()), *(args.exclude_sites or ())} - {ALL_METAS}
    with open_output(args.destpath) as out:
        for row in read_with_progress(args.inputpath):
            check_meta(row)
            unseen.discard(row.record["meta"]["site"])
            if reason := why_dropped(row, asked) or best.why_dropped(row):
                tally.drop(reason)
            else:
                tally.keep()
                out.write(row.raw + b"\n")
        if report := report_path(args.destpath):
            write_report(report, {"options": vars(args), "counts": tally.as_dict()})
    tally.show(f"{' '.join(args.inputpath)} -> {args.destpath}")
    for host in sorted(unseen):
        tell(f"{host}: no record is from this site")


def check_meta(row: RecordLine) -> None:
    """Raise InputError if a record's meta lacks what the conditions need; fields of MAY_HAVE may be absent or null."""
    meta = row.record["meta"]
    for name, kind in MUST_HAVE.items():
        if type(meta.get(name)) is not kind:  # a bool is an int too, but not a score
            raise InputError(
                f"{row.place}: meta.{name} is not {KINDS[kind]}; this step reads the files of get_stackexchange.py"
            )
    for name, kind in MAY_HAVE.items():
        if type(meta.get(name)) not in (kind, NoneType):
            raise InputError(f"{row.place}: meta.{name} is not {KINDS[kind]}; write it as get_stackexchange.py does")


class BestAnswers:
    """Passes the first `limit` answers to each question. These are the best, because step 1 writes the best first."""

    def __init__(self, limit: int | None):
        self.limit = limit
        self.last: dict[str, tuple[int, int, int]] = {}  # by site: question id, score, how many answers so far

    def why_dropped(self, row: RecordLine) -> str | None:
        """The reason to drop a record, if any. Raises InputError if records are not in order."""
        if self.limit is None:
            return None
        meta = row.record["meta"]
        site, question, score = meta["site"], meta["question_id"], meta["answer_score"]
        last_question, last_score, count = self.last.get(site, (question, score, 0))
        if question < last_question or (question == last_question and score > last_score):
            raise InputError(
                f"{row.place}: is not in the order of get_stackexchange.py, by question and then by score, which "
                "--max_answers_per_question needs; filter before you shuffle"
            )
        count = count + 1 if question == last_question else 1
        self.last[site] = question, score, count
        return f"beyond the {self.limit} best answers" if count > self.limit else None


if __name__ == "__main__":
    run(main)
