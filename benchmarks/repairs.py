"""How fast are the repairs, and how many answers do they lift over criterion 6?

    python -m benchmarks.repairs                               all answers of the real dumps with 3 votes or more
    python -m benchmarks.repairs --dumps ~/dumps --min_votes 5

The rate is that of one core, in CPU seconds, over all records; the floor beside it reads and writes the same JSONL
without looking at it, in turns with the repairs. Of an answer that fails, the findings of filter_for_criteria.py tell
whether the repair would let `--drop 4,6` keep it.
"""

from __future__ import annotations

import argparse
import time
from collections import Counter
from collections.abc import Callable
from typing import Any

import orjson

from benchmarks.dumps import add_dumps, distinct_records
from review.criteria import find_problems
from review.criteria.participants import names_of
from review.repairs import REPAIRS
from review.repairs.pairs import Pair, RepairedPair, repair_all

ROUNDS = 5  # of which the fastest counts
DROPPED = {4, 6}  # the criteria of the recipe


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    add_dumps(parser)
    parser.add_argument("--min_votes", type=int, default=3, metavar="N", help="of the answers (default: 3)")
    args = parser.parse_args()
    records = [
        record for record in distinct_records(args.dumps).values() if record["meta"]["answer_score"] >= args.min_votes
    ]
    pairs = [
        Pair(record["instruction"], record["response"], record["meta"]["title"], names_of(record)) for record in records
    ]
    repaired = repair_all(pairs, tuple(REPAIRS), "both")
    show_counts(repaired)
    show_kept(records, repaired)
    show_rates(records, pairs)


def show_counts(repaired: list[RepairedPair]) -> None:
    made = Counter(name for pair in repaired for name in pair.made)
    left = Counter(name for pair in repaired for name in pair.left)
    print(f"{'repair':<12}{'repaired':>10}{'left':>8}   records of {len(repaired):,}")
    for name in REPAIRS:
        print(f"{name:<12}{made[name]:>10,}{left[name]:>8,}")


def show_kept(records: list[dict[str, Any]], repaired: list[RepairedPair]) -> None:
    before = sum(is_kept(record) for record in records)
    after = sum(
        is_kept({**record, "instruction": pair.instruction, "response": pair.response})
        for record, pair in zip(records, repaired, strict=True)
    )
    print(f"\nkept by --drop 4,6: {before / len(records):.1%} before the repairs, {after / len(records):.1%} after")


def is_kept(record: dict[str, Any]) -> bool:
    return not any(finding.criterion in DROPPED for finding in find_problems(record))


def show_rates(records: list[dict[str, Any]], pairs: list[Pair]) -> None:
    lines = [orjson.dumps(record) for record in records]
    best = {"reading and writing": float("inf"), "repairs": float("inf")}
    for _ in range(ROUNDS):
        for name, work in (
            ("reading and writing", lambda: [orjson.dumps(orjson.loads(line)) for line in lines]),
            ("repairs", lambda: repair_all(pairs, tuple(REPAIRS), "both")),
        ):
            best[name] = min(best[name], cpu_seconds(work))
    print()
    for name, seconds in best.items():
        print(f"{name:22}{len(records) / seconds:>9,.0f} records a CPU second")


def cpu_seconds(work: Callable[[], object]) -> float:
    started = time.process_time()
    work()
    return time.process_time() - started


if __name__ == "__main__":
    main()
