#!/usr/bin/env python3
"""Step 2a: repair in questions and answers what needs no reader, and leave what is doubtful.

Links become their text; "EDIT:", "as @ben said", greetings, thanks and the like go. All records are passed on, and
meta.repairs tells what was changed. Code and math are never touched, and a second run changes nothing.

    python repair_answers.py --inputpath filtered-stack-exchange/cstheory.jsonl \\
        --destpath filtered-stack-exchange/cstheory.repaired.jsonl
"""

from __future__ import annotations

import argparse
import os
from collections import Counter
from functools import partial
from typing import Any

from records.file_io import open_output, report_path, write_report
from records.output_checks import check_outputs, record_outputs
from records.record import RecordLine, read_with_progress, rewritten
from records.repair_names import CHANGES, FIELD
from records.script import add_paths, positive, run, script_parser, show_table
from records.workers import make_pool, map_batches
from review.criteria import participants
from review.repairs import DEFAULT, REPAIRS
from review.repairs.pairs import PROMPTS, Pair, RepairedPair, repair_all

BATCH = 500  # records that a worker gets at a time: about 0.2 s of work


def arguments() -> argparse.Namespace:
    parser = script_parser(__doc__)
    add_paths(parser)
    add = parser.add_argument
    names = "; ".join(f"{name}: {CHANGES[name]}" for name in REPAIRS)
    add(
        "--repairs",
        type=repairs,
        default=DEFAULT,
        metavar="NAMES",
        help=f"the repairs to make, with commas between them, or all, or none (default: {','.join(DEFAULT)}). {names}",
    )
    add("--skip", type=repairs, default=(), metavar="NAMES", help="of these repairs, the ones not to make")
    add(
        "--prompt",
        choices=PROMPTS,
        default="both",
        help="what the instruction is: the question's title where that asks something, its body, or both (default)",
    )
    add("--workers", type=positive, default=os.cpu_count() or 1, metavar="N", help="processes (default: one a core)")
    args = parser.parse_args()
    chosen = tuple(name for name in args.repairs if name not in args.skip)
    if not chosen and args.prompt == "both":
        parser.error("no repair is left, and without --prompt there is nothing to do")
    return argparse.Namespace(**(vars(args) | {"repairs": chosen}))


def repairs(text: str) -> tuple[str, ...]:
    """The type of --repairs: names of repairs, with commas between them, or "all" or "none"."""
    if text == "all":
        return tuple(REPAIRS)
    names = {part.strip() for part in text.split(",")} - {"none"}
    if unknown := sorted(names - set(REPAIRS)):
        raise argparse.ArgumentTypeError(f"{unknown[0]!r} is not a repair; the repairs are {', '.join(REPAIRS)}")
    return tuple(name for name in REPAIRS if name in names)


def main() -> None:
    args = arguments()
    check_outputs(args.inputpath, record_outputs(args.destpath))
    read = changed = 0
    made, left = Counter[str](), Counter[str]()
    with make_pool(args.workers) as pool, open_output(args.destpath) as out:
        repair = partial(repair_all, names=args.repairs, prompt=args.prompt)
        rows = read_with_progress(args.inputpath)
        for row, repaired in map_batches(rows, pair_of, repair, pool, args.workers, BATCH):
            read += 1
            changed += bool(repaired.made)
            made.update(repaired.made.keys())
            left.update(repaired.left)
            out.write((repaired_line(row, repaired) if repaired.made else row.raw) + b"\n")
        if report := report_path(args.destpath):
            counts = {"read": read, "repaired": changed, "repaired_by": in_order(made), "left_by": in_order(left)}
            options = {name: value for name, value in vars(args).items() if name != "workers"}  # the bytes are the same
            write_report(report, {"options": options, "counts": counts})
    totals = [("records read", read), ("records repaired", changed)]
    show_table(f"{' '.join(args.inputpath)} -> {args.destpath}", totals)
    if made:
        show_table("records repaired, by repair", list(in_order(made).items()))
    if left:
        show_table("records in which a repair left something that is doubtful", list(in_order(left).items()))


def pair_of(row: RecordLine) -> Pair:
    record = row.record
    title = record["meta"].get("title")
    title = title if isinstance(title, str) else ""
    return Pair(record["instruction"], record["response"], title, participants.names_of(record))


def repaired_line(row: RecordLine, repaired: RepairedPair) -> bytes:
    """The record's line with the repaired texts, and what was repaired added to meta.repairs."""

    def change(record: dict[str, Any]) -> None:
        record["instruction"], record["response"] = repaired.instruction, repaired.response
        before = record["meta"].get(FIELD)
        earlier = before.items() if isinstance(before, dict) else ()
        counts = Counter({name: count for name, count in earlier if isinstance(count, int)})
        record["meta"][FIELD] = in_order(counts + Counter(repaired.made))

    return rewritten(row, change, "cannot be repaired", "take the row out")


def in_order(counts: Counter[str]) -> dict[str, int]:
    """Counts by repair, in the order in which the repairs are made."""
    order = list(CHANGES)
    return {name: counts[name] for name in sorted(counts, key=lambda name: order.index(name) if name in order else -1)}


if __name__ == "__main__":
    run(main)
