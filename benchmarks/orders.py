"""How many of the first 100 answers that a reviewer is shown would be accepted, by the viewer's order?

    python -m benchmarks.orders                    the labelled answers of labels/ that were drawn at random
    python -m benchmarks.orders --dumps ~/dumps    in other dumps

The answers are split in half by question, again and again. The learnt orders learn from some of one half, and the other
half is put in order: so no answer is shown whose question was learnt from. A column gives the mean of all splits, and
the least and the most. "no findings first" is the filter by findings: first the answers in which the machine finds
nothing. Below, the same for the answers that `filter_for_criteria.py --drop 4,6` leaves.
"""

from __future__ import annotations

import argparse
import json
import random
import statistics
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path

from benchmarks.criteria import read_labels
from benchmarks.dumps import add_dumps, distinct_records
from review.criteria import find_problems
from review.learner import bits_of
from viewer.learnt_orders import least_certain_first, most_likely_good_first
from viewer.record_facts import RecordFacts
from viewer.record_file import RecordFile

SPLITS = 12
SHOWN = 100
LEARNT_FROM = (50, 100, 200, 300)  # judgements
LEARNT = {"most likely good": most_likely_good_first, "least certain": least_certain_first}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    add_dumps(parser)
    args = parser.parse_args()
    records = distinct_records(args.dumps)
    labels = {label.id: label for label in read_labels()}
    # in the order of the file that step 1 writes
    chosen = [name for name in records if name in labels and labels[name].drawn == "random"]
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "records.jsonl")
        path.write_text("".join(f"{json.dumps(records[name])}\n" for name in chosen))
        facts = RecordFacts(RecordFile(path), find_problems)
        good = [not labels[name].fails for name in chosen]
        questions = [records[name]["meta"]["question_url"] for name in chosen]
        dropped = bits_of([4, 6])
        numbers = list(range(len(chosen)))
        show("all answers", numbers, facts, good, questions)
        left = [number for number in numbers if not facts.findings(number) & dropped]
        show("without findings of 4 and 6", left, facts, good, questions)


def show(title: str, numbers: list[int], facts: RecordFacts, good: Sequence[bool], questions: Sequence[str]) -> None:
    """Print a table for some of the records, given by their numbers."""
    halves = [split_by_question(numbers, questions, seed) for seed in range(SPLITS)]
    smallest = min(len(half) for pair in halves for half in pair)
    shown = min(SHOWN, smallest)
    share = sum(good[number] for number in numbers) / len(numbers)
    print(f"\n{title}: {len(numbers)}, {share:.0%} of them acceptable; accepted of the first {shown} shown")

    def accepted(order: Sequence[int]) -> int:
        return sum(good[number] for number in order[:shown])

    def row(name: str, order_of: Callable[[list[int], list[int], random.Random], Sequence[int]]) -> str:
        counts = [accepted(order_of(*pair, random.Random(seed))) for seed, pair in enumerate(halves)]
        return f"{name:<40}{statistics.mean(counts):>6.1f}  ({min(counts)} to {max(counts)})"

    scores = facts.scores()
    print(row("file order", lambda learnt, other, draw: other))
    print(row("random", lambda learnt, other, draw: draw.sample(other, len(other))))
    print(row("by score", lambda learnt, other, draw: sorted(other, key=lambda number: -scores[number])))
    print(row("no findings first", lambda learnt, other, draw: sorted(other, key=lambda n: facts.findings(n) > 1)))
    for name, order in LEARNT.items():
        for judgements in LEARNT_FROM:
            if judgements > smallest:
                continue

            def learnt_order(learnt: list[int], other: list[int], draw: random.Random) -> Sequence[int]:
                judged = {number: good[number] for number in draw.sample(learnt, judgements)}  # noqa: B023 - used at once
                return order(facts, judged, other, 0)  # noqa: B023

            print(row(f"{name}, after {judgements} judgements", learnt_order), flush=True)


def split_by_question(numbers: list[int], questions: Sequence[str], seed: int) -> tuple[list[int], list[int]]:
    """Two lists of numbers in order, such that the answers to a question are in one of them."""
    asked = sorted({questions[number] for number in numbers})
    first = set(random.Random(seed).sample(asked, len(asked) // 2))
    parts: tuple[list[int], list[int]] = ([], [])
    for number in numbers:
        parts[questions[number] not in first].append(number)
    return parts


if __name__ == "__main__":
    main()
