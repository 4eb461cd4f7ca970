#!/usr/bin/env python3
"""Step 2: keep the highly voted answers.

Reads what get_stackexchange.py has written and passes on, line by line and unchanged, the records that meet every
condition given.

    python filter_for_score.py --inputpath stack-exchange/cstheory/unfiltered.jsonl \\
        --destpath filtered-stack-exchange/cstheory.jsonl --min_answer_votes 10
"""

from __future__ import annotations

import argparse
from typing import Any

from instructions.files import open_output, refuse_same_file, report_path, write_report
from instructions.records import Row, read_with_progress
from instructions.script import InputError, Tally, run

Key = tuple[str, int]  # a question: its site and its id


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    add = parser.add_argument
    add("--inputpath", nargs="+", required=True, metavar="PATH", help=".jsonl, .jsonl.gz, .jsonl.zst, or - for stdin")
    add("--destpath", required=True, metavar="PATH", help="the same endings, or - for stdout")
    add("--min_answer_votes", type=int, required=True, metavar="N", help="keep answers with at least N votes")
    also = parser.add_argument_group("further conditions, each off by default").add_argument
    also("--accepted_only", action="store_true", help="the answer is the accepted one")
    also("--min_question_votes", type=int, metavar="N", help="the question has at least N votes")
    also("--max_answers_per_question", type=int, metavar="N", help="only the N best answers that meet the rest")
    also("--min_response_chars", type=int, metavar="N", help="the answer has at least N characters of Markdown")
    also("--max_response_chars", type=int, metavar="N", help="the answer has at most N characters of Markdown")
    also("--tags", nargs="+", metavar="TAG", help="the question has at least one of these tags")
    also("--exclude_tags", nargs="+", metavar="TAG", help="the question has none of these tags")
    also(
        "--licenses",
        nargs="+",
        metavar="LICENSE",
        help='question and answer are under one of these, as in "CC BY-SA 4.0"',
    )
    return parser.parse_args()


def main() -> None:
    args = arguments()
    refuse_same_file(args.inputpath, args.destpath)
    tally, best = Tally(), BestAnswers(args.max_answers_per_question)
    with open_output(args.destpath) as out:
        for row in read_with_progress(args.inputpath):
            reason = why_dropped(meta_of(row), row.record["response"], args) or best.why_dropped(row)
            if reason:
                tally.drop(reason)
            else:
                tally.keep()
                out.write(row.raw + b"\n")
    if report := report_path(args.destpath):
        write_report(report, {"options": vars(args), "counts": tally.as_dict()})
    tally.show(f"{' '.join(args.inputpath)} -> {args.destpath}")


def meta_of(row: Row) -> dict[str, Any]:
    """The record's meta, checked to have what the conditions look at."""
    meta: dict[str, Any] = row.record["meta"]
    for name, kind in (("answer_score", int), ("question_score", int), ("question_id", int), ("site", str)):
        if not isinstance(meta.get(name), kind):
            raise InputError(f"{row.place}: meta has no {name}; this step reads the files of get_stackexchange.py")
    return meta


def why_dropped(meta: dict[str, Any], response: str, args: argparse.Namespace) -> str | None:
    """The first condition that a record does not meet, None where it meets all."""
    tags, licenses = set(meta.get("tags", ())), {meta.get("question_license"), meta.get("answer_license")}
    conditions = (
        (meta["answer_score"] < args.min_answer_votes, f"answer below {args.min_answer_votes} votes"),
        (args.accepted_only and not meta.get("accepted"), "not accepted"),
        (_below(meta["question_score"], args.min_question_votes), f"question below {args.min_question_votes} votes"),
        (_below(len(response), args.min_response_chars), f"response below {args.min_response_chars} characters"),
        (_below(args.max_response_chars, len(response)), f"response above {args.max_response_chars} characters"),
        (args.tags and tags.isdisjoint(args.tags), "none of the tags"),
        (args.exclude_tags and not tags.isdisjoint(args.exclude_tags), "an excluded tag"),
        (args.licenses and not licenses <= set(args.licenses), "another license"),
    )
    return next((reason for unmet, reason in conditions if unmet), None)


def _below(value: int | None, limit: int | None) -> bool:
    return value is not None and limit is not None and value < limit


class BestAnswers:
    """Passes the first `limit` answers to each question: the best, for step 1 writes the best first."""

    def __init__(self, limit: int | None):
        self.limit = limit
        self.question: Key | None = None
        self.last_score = self.passed = 0

    def why_dropped(self, row: Row) -> str | None:
        if self.limit is None:
            return None
        meta = row.record["meta"]
        question: Key = (meta["site"], meta["question_id"])
        if question != self.question:
            if self.question and question[0] == self.question[0] and question[1] < self.question[1]:
                raise self._not_in_order(row)
            self.question, self.passed = question, 0
        elif meta["answer_score"] > self.last_score:
            raise self._not_in_order(row)
        self.last_score = meta["answer_score"]
        self.passed += 1
        return f"beyond the {self.limit} best answers" if self.passed > self.limit else None

    @staticmethod
    def _not_in_order(row: Row) -> InputError:
        return InputError(
            f"{row.place}: is not in the order of get_stackexchange.py, by question and then by score, which "
            "--max_answers_per_question needs; filter before you shuffle"
        )


if __name__ == "__main__":
    run(main)
