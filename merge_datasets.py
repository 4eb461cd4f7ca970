#!/usr/bin/env python3
"""Step 4: merge every source into the tuple files, JSON lists of [source, instruction_response_pair].

Shuffles the records of all inputs and writes instruction_tuning_dataset_alpha_part1.json, ..., as the readers of
the first data set load them. The same inputs and seed give the same bytes.

    python merge_datasets.py --inputpath filtered-stack-exchange/*.jsonl conala.jsonl --destpath dataset --parts 4
"""

from __future__ import annotations

import argparse
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import asdict
from itertools import chain
from pathlib import Path

from instructions.files import open_output_folder, write_report
from instructions.records import Row, read_with_progress
from instructions.script import Tally, positive, run, show_table
from instructions.shuffle import shuffled
from instructions.tuples import FILE_NAMES, PAIRS, entry, even_counts, why_no_pair, write_parts


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    add = parser.add_argument
    add("--inputpath", nargs="+", action="extend", required=True, metavar="PATH", help="record files of any source: "
        ".jsonl, .jsonl.gz, .jsonl.zst, or - for stdin")  # fmt: skip
    add(
        "--destpath", "--destdir", type=Path, default=Path("dataset"), metavar="DIR", help="a folder (default: dataset)"
    )
    add("--pair", choices=PAIRS, default="alpha", help="alpha: instruction, blank line, response, <|endoftext|> "
        "(default); labelled: User: .. Agent: ..; split: [instruction, response]")  # fmt: skip
    size = parser.add_mutually_exclusive_group()
    size.add_argument("--parts", type=positive, default=1, metavar="N", help="files of even length (default: 1)")
    size.add_argument("--max_part_bytes", type=positive, metavar="N", help="as many files as that takes")
    add("--max_per_source", type=positive, metavar="N", help="a random N records of each source (default: all)")
    add("--seed", type=int, default=0, metavar="N", help="of the shuffle and the choice of records (default: 0)")
    return parser.parse_args()


def main() -> None:
    args = arguments()
    tally, written = Tally(), Counter[str]()
    with open_output_folder(args.destpath, stale=FILE_NAMES) as folder:
        rows = shuffled(usable(args, tally), f"{args.seed}", folder)
        if args.max_per_source:  # chosen at random, so what remains needs an order of its own
            rows = shuffled(chosen(rows, args.max_per_source, tally), f"{args.seed} chosen", folder)
        rows = iter(rows)
        first = next(rows, None)  # by now all are read and counted
        counts = None if args.max_part_bytes else even_counts(tally.kept, args.parts)
        entries = made(chain([first] if first else [], rows), args.pair, written)
        parts = write_parts(entries, folder, counts, args.max_part_bytes)
        report = {
            "options": vars(args),
            "counts": tally.as_dict(),
            "sources": dict(sorted(written.items())),
            "parts": [asdict(part) for part in parts],
        }
        write_report(folder / "report.json", report)

    tally.show(f"{len(args.inputpath)} inputs -> {args.destpath}")
    show_table("records by source", sorted(written.items()))
    show_table("records by part", [(part.name, part.records) for part in parts])


def usable(args: argparse.Namespace, tally: Tally) -> Iterator[Row]:
    """The inputs' records that make pairs."""
    for row in read_with_progress(args.inputpath):
        if reason := why_no_pair(row.record, args.pair):
            tally.drop(reason)
        else:
            tally.keep()
            yield row


def chosen(rows: Iterable[Row], limit: int, tally: Tally) -> Iterator[Row]:
    """The first `limit` records of each source; the rest is counted as dropped."""
    seen = Counter[str]()
    for row in rows:
        source = row.record["source"]
        seen[source] += 1
        if seen[source] <= limit:
            yield row
        else:
            tally.kept -= 1
            tally.dropped[f"beyond {limit} of {source}"] += 1


def made(rows: Iterable[Row], pair: str, written: Counter[str]) -> Iterator[bytes]:
    """The records as JSON entries of a part, counted by source."""
    for row in rows:
        written[row.record["source"]] += 1
        yield entry(row.record, pair)


if __name__ == "__main__":
    run(main)
