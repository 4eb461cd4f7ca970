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

from records.file_io import open_output, report_path, write_report
from records.output_checks import check_outputs, record_outputs
from records.record import lines_with_progress
from records.repair_names import CHANGES, DEFAULT_REPAIRS, PROMPTS, REPAIRS
from records.script import add_paths, positive, run, script_parser, show_table
from records.workers import make_pool, map_batches

BATCH = 500  # records that a worker gets at a time: about 0.2 s of work


def arguments() -> argparse.Namespace:
    parser = script_parser(__doc__)
    add_paths(parser)
    add = parser.add_argument
    names = "; ".join(f"{name}: {CHANGES[name]}" for name in REPAIRS)
    add(
        "--repairs",
        type=repairs,
        default=DEFAULT_REPAIRS,
        metavar="NAMES",
        help="the repairs to make, with commas between them, or all, or none (default: "
        f"{','.join(DEFAULT_REPAIRS)}). {names}",
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
    from review.repairs.repaired_lines import in_order, repair_lines  # takes longer to import than --help to show

    check_outputs(args.inputpath, record_outputs(args.destpath))
    read = changed = 0
    made, left = Counter[str](), Counter[str]()
    with make_pool(args.workers) as pool, open_output(args.destpath) as out:
        repair = partial(repair_lines, names=args.repairs, prompt=args.prompt)
        lines = lines_with_progress(args.inputpath)
        for line, repaired in map_batches(lines, lambda line: line, repair, pool, args.workers, BATCH):
            read += 1
            changed += bool(repaired.made)
            made.update(repaired.made)
            left.update(repaired.left)
            out.write((repaired.raw or line.raw) + b"\n")
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


if __name__ == "__main__":
    run(main)
