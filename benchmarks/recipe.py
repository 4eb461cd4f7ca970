"""How much of what the recipe keeps would a reader accept, stage by stage, with the repairs and without?

    python -m benchmarks.recipe                    the labelled answers of labels/ that were drawn at random
    python -m benchmarks.recipe --dumps ~/dumps    in other dumps

A stage keeps a part of the answers. Usable is what a reader accepts by all seven criteria; the share has its 95 %
interval (Wilson 1927). Repaired answers were read again (labels/repairs.jsonl); one whose repaired text is no longer
what was read is reported and left out. Below: what readers of repaired answers found better, the same and worse. After
the reading of `tuning` the rules were changed, after that of `measure` they were not (labels/repairs.md).
"""

from __future__ import annotations

import argparse
import hashlib
import json
import sys
from collections import Counter
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any, NamedTuple

from benchmarks.criteria import SPLITS, read_labels
from benchmarks.dumps import add_dumps, distinct_records
from judging.trust import wilson
from records.repair_names import DEFAULT_REPAIRS, FIELD
from review.criteria import find_problems
from review.criteria.participants import names_of
from review.repairs.pairs import Pair, repair_all

READ = Path(__file__).parent / "labels" / "repairs.jsonl"
VERDICTS = ("better", "same", "worse")


class Answer(NamedTuple):
    """A labelled answer, as it is or repaired."""

    record: dict[str, Any]
    findings: frozenset[int]  # the criteria that the machine finds it to fail
    fails: list[int]  # those that a reader found it to fail
    is_best: bool  # of those to its question

    @property
    def usable(self) -> bool:
        return not self.fails


STAGES: tuple[tuple[str, Callable[[Answer], bool]], ...] = (
    ("3 votes or more", lambda answer: True),
    ("--drop 4,6", lambda answer: not answer.findings & {4, 6}),
    ("--min_answer_votes 5", lambda answer: answer.record["meta"]["answer_score"] >= 5),
    ("--exclude_sites meta", lambda answer: ".meta." not in answer.record["meta"]["site"]),
    ("200 to 8000 characters", lambda answer: 200 <= len(answer.record["response"]) <= 8000),
    ("--max_answers_per_question 1", lambda answer: answer.is_best),
)


class Labelled(NamedTuple):
    """A labelled answer as it is, and as the repairs leave it."""

    split: str
    before: Answer
    after: Answer


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    add_dumps(parser)
    args = parser.parse_args()
    labelled, verdicts = read_labelled(distinct_records(args.dumps))
    for name, splits in (("all", SPLITS), ("test", ("test",))):
        chosen = [each for each in labelled if each.split in splits]
        show_stages(f"{name}: {len(chosen)} answers", [each.before for each in chosen], [each.after for each in chosen])
    for reading in ("tuning", "measure"):
        show_verdicts(reading, [row for row in verdicts if row["reading"] == reading])


def read_labelled(records: dict[str, dict[str, Any]]) -> tuple[list[Labelled], list[dict[str, Any]]]:
    """The answers that were labelled at random, and the verdicts on repaired ones; both without those that are to be
    read again, which are reported."""
    labels = [label for label in read_labels() if label.drawn == "random" and label.id in records]
    read = {row["id"]: row for row in map(json.loads, READ.read_text("utf-8").splitlines())}
    repaired = repairs_of(records, {label.id for label in labels} | (read.keys() & records.keys()))
    best = best_answers(records.values())
    stale = {name for name, row in read.items() if name in repaired and digest(repaired[name]) != row["sha256"]}
    unread = {label.id for label in labels if label.id in repaired and label.id not in read}
    if stale or unread:
        print(
            f"{len(stale | unread)} repaired answers are to be read again: {sorted(stale | unread)[:5]}",
            file=sys.stderr,
        )
    labelled = []
    for label in labels:
        if label.id not in stale | unread:
            before = answer(records[label.id], label.fails, best)
            is_repaired = label.id in repaired
            after = answer(repaired[label.id], read[label.id]["fails"], best) if is_repaired else before
            labelled.append(Labelled(label.split, before, after))
    return labelled, [row for name, row in read.items() if name not in stale]


def repairs_of(records: dict[str, dict[str, Any]], names: set[str]) -> dict[str, dict[str, Any]]:
    """The records of these ids that the repairs change, repaired."""
    ordered = sorted(names)
    pairs = [Pair("", records[name]["response"], "", names_of(records[name])) for name in ordered]
    return {
        name: {**records[name], "response": pair.response, "meta": {**records[name]["meta"], FIELD: pair.made}}
        for name, pair in zip(ordered, repair_all(pairs, DEFAULT_REPAIRS, "both"), strict=True)
        if pair.made
    }


def digest(record: dict[str, Any]) -> str:
    """Tells one repaired response from another, without its text."""
    return hashlib.sha256(record["response"].encode()).hexdigest()[:12]


def best_answers(records: Iterable[dict[str, Any]]) -> set[str]:
    """The ids of the answers with the most votes to their question."""
    best: dict[str, dict[str, Any]] = {}
    for record in records:
        question = record["meta"]["question_url"]
        if question not in best or record["meta"]["answer_score"] > best[question]["meta"]["answer_score"]:
            best[question] = record
    return {record["id"] for record in best.values()}


def answer(record: dict[str, Any], fails: list[int], best: set[str]) -> Answer:
    findings = frozenset(finding.criterion for finding in find_problems(record))
    return Answer(record, findings, fails, record["id"] in best)


def show_stages(title: str, before: list[Answer], after: list[Answer]) -> None:
    print(f"\n{title}")
    print(f"{'':<30}{'as they are':^39}{'repaired':^39}")
    print(f"{'':<30}" + 2 * f"{'kept':>6}{'usable':>8}{'rejected':>10}{'usable of kept':>15}")
    kept = [before, after]
    for name, keeps in STAGES:
        kept = [[one for one in answers if keeps(one)] for answers in kept]
        print(f"{name:<30}" + "".join(_columns(answers) for answers in kept))
        if name == "--drop 4,6":
            all_usable = [sum(one.usable for one in answers) for answers in kept]
    for text, usable in zip(("as they are", "repaired"), all_usable, strict=True):
        low, high = wilson(usable, len(before))
        share = f"{usable / len(before):.2f} ({low:.2f} to {high:.2f})"
        print(f"of all answers come out of --drop 4,6 and are usable, {text + ':':<13} {share}")


def _columns(answers: list[Answer]) -> str:
    usable = sum(one.usable for one in answers)
    low, high = wilson(usable, len(answers))
    share = f"{usable / len(answers):.2f} ({low:.2f}-{high:.2f})" if answers else "-"
    return f"{len(answers):>6}{usable:>8}{len(answers) - usable:>10}{share:>17}"


def show_verdicts(reading: str, rows: list[dict[str, Any]]) -> None:
    counts = Counter(row["verdict"] for row in rows)
    low, high = wilson(counts["worse"], len(rows))
    parts = ", ".join(f"{counts[verdict]} {verdict}" for verdict in VERDICTS)
    worse = f"{counts['worse'] / max(len(rows), 1):.3f} ({low:.3f} to {high:.3f})"
    print(f"{reading}: {len(rows)} repaired answers were read: {parts}; worse {worse}")


if __name__ == "__main__":
    main()
