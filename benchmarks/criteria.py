"""How precise, how complete and how fast are the findings of review/criteria?

    python -m benchmarks.criteria                                  labels/criteria.jsonl against real dumps
    python -m benchmarks.criteria --dumps ~/dumps --differences    other dumps; list where machine and reader differ
    python -m benchmarks.criteria --splits tune --differences      while rules are changed: `test` stays unseen

Precision: among the labelled answers with a finding, the share that fails the criterion for a reader too, with its 95 %
interval (Wilson 1927). Recall: among the answers that fail it for a reader, the share with a finding, only over the
random draw. The rules were made on the split `dev`; labels/criteria.md says how answers were drawn and judged. No
differences of the split `test` are listed, so that no rule is made for its answers. The rate is that of one core, in
CPU seconds, over all answers of the dumps.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Iterable
from pathlib import Path
from typing import Any, NamedTuple

from benchmarks.dumps import ROOT, add_dumps, distinct_records
from judging.trust import wilson
from review.criteria import CRITERIA, RULES, Finding, find_problems, language, parse

LABELS = Path(__file__).parent / "labels" / "criteria.jsonl"
SPLITS = ("dev", "held_out", "tune", "test")


class Label(NamedTuple):
    """A reader's judgement of one answer."""

    id: str
    split: str
    drawn: str  # "random": judged by all criteria; "found:4": drawn from the answers with a finding of 4, judged by 4
    fails: list[int]
    why: str = ""  # in a few words, what fails criterion 4; only in the rows of `tune` and `test`

    def covers(self, criterion: int) -> bool:
        """Whether the reader judged the answer by this criterion."""
        return self.drawn in ("random", f"found:{criterion}")


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    add = parser.add_argument
    add_dumps(parser)
    add("--labels", type=Path, default=LABELS, metavar="PATH", help=f"default: {LABELS.relative_to(ROOT)}")
    add("--splits", nargs="+", choices=SPLITS, default=SPLITS, help="default: all")
    add(
        "--differences",
        action="store_true",
        help="list the labelled answers where machine and reader differ, except those of `test`",
    )
    return parser.parse_args()


def main() -> None:
    args = arguments()
    labels = read_labels(args.labels)
    records = distinct_records(args.dumps)
    missing = {label.id for label in labels} - records.keys()
    if missing:
        print(
            f"{len(missing)} labelled answers, such as {min(missing)}, are not in {args.dumps} and are left out",
            file=sys.stderr,
        )
    labels = [label for label in labels if label.id in records and label.split in args.splits]
    found = {record_id: find_problems(records[record_id]) for record_id in {label.id for label in labels}}
    for split in args.splits:
        show_split(split, [label for label in labels if label.split == split], found)
    if args.differences:
        show_differences([label for label in labels if label.split != "test"], found)
    show_rate(list(records.values()))


def read_labels(path: Path = LABELS) -> list[Label]:
    return [Label(**json.loads(line)) for line in path.read_text("utf-8").splitlines()]


def show_split(split: str, labels: list[Label], found: dict[str, list[Finding]]) -> None:
    randomly = [label for label in labels if label.drawn == "random"]
    print(f"\n{split}: {len(labels)} labels, {len(randomly)} of them drawn at random")
    print(f"{'criterion':<11}{'found':>6}{'right':>6}{'precision':>11}{'95 % interval':>16}{'failing':>9}{'recall':>8}")
    for criterion in CRITERIA:
        flagged = [label for label in labels if label.covers(criterion) and finds(found[label.id], criterion)]
        right = sum(criterion in label.fails for label in flagged)
        failing = [label for label in randomly if criterion in label.fails]
        recalled = sum(finds(found[label.id], criterion) for label in failing)
        low, high = wilson(right, len(flagged))
        print(
            f"{criterion:<11}{len(flagged):>6}{right:>6}{share(right, len(flagged)):>11}"
            f"{f'{low:.2f} to {high:.2f}':>16}{len(failing):>9}{share(recalled, len(failing)):>8}"
        )


def show_differences(labels: Iterable[Label], found: dict[str, list[Finding]]) -> None:
    print()
    for label in labels:
        for criterion in filter(label.covers, CRITERIA):
            fails = criterion in label.fails
            if finds(found[label.id], criterion) != fails:
                print(f"{label.split:9} {criterion} {'missed' if fails else 'wrong '} {label.id}")


def show_rate(records: list[dict[str, Any]]) -> None:
    find_problems(records[0])  # loads the model of the languages
    characters = sum(len(record["response"]) for record in records)
    print(f"\n{len(records):,} answers of {characters // len(records):,} characters")
    for name, rules in (
        ("all rules", RULES),
        ("without the language", tuple(rule for rule in RULES if rule is not language.find)),
    ):
        started = time.process_time()
        for record in records:
            parsed = parse(record)
            for rule in rules:
                list(rule(parsed))
        print(f"{name:22}{len(records) / (time.process_time() - started):>8,.0f} records a CPU second")


def finds(findings: Iterable[Finding], criterion: int) -> bool:
    return any(finding.criterion == criterion for finding in findings)


def share(part: int, total: int) -> str:
    return f"{part / total:.2f}" if total else "-"


if __name__ == "__main__":
    main()
