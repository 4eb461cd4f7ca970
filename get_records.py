#!/usr/bin/env python3
"""Another source: other people's data sets, whose rows are conversations (messages, ShareGPT) or pairs (Alpaca).

A record is the first exchange of a row. Licence and address are yours to look up, for the files do not name them; they
are in the card and the attribution of a data set that has these records.

    python get_records.py --inputpath dolly.jsonl --source dolly --license "CC BY-SA 3.0" --author Databricks \\
        --address https://huggingface.co/datasets/databricks/databricks-dolly-15k --destpath sources/dolly.jsonl
"""

from __future__ import annotations

import argparse
from pathlib import Path

from corpora.chat_rows import SYSTEM, chat_record, first_exchange, record_id
from merging.origins import ORIGINS
from records.errors import InputError
from records.file_io import STANDARD_STREAM, report_path, write_report
from records.json_rows import SkipRow, SourceFile, find_files, read_rows
from records.licenses import license_named
from records.record_output import open_record_output
from records.script import run, script_parser, show_table, tell


def arguments() -> argparse.Namespace:
    parser = script_parser(__doc__)
    add = parser.add_argument
    add(
        "--inputpath",
        nargs="+",
        required=True,
        metavar="PATH",
        help=".json, .jsonl, the same as .gz or .zst, .parquet, a .zip, a folder of them, or - for stdin",
    )
    add("--destpath", required=True, metavar="PATH", help=".jsonl, .jsonl.gz, .jsonl.zst, or - for stdout")
    add("--source", required=True, metavar="LABEL", help="the label of these records in the data set, such as dolly")
    add("--license", required=True, metavar="LICENSE", help='of the rows, such as "CC BY 4.0", MIT or apache-2.0')
    add("--address", required=True, metavar="URL", help="where the rows were published")
    add("--author", metavar="NAME", help="whom the licence asks to name; needed for CC BY and CC BY-SA")
    add(
        "--multi_turn",
        choices=("first", "drop"),
        default="first",
        help="rows with more than one exchange: take the first one (default), or leave the row out",
    )
    add(
        "--system",
        choices=SYSTEM,
        default="join",
        help="a system turn: join it to the instruction, as its first paragraph (default), drop the row, or ignore the "
        "turn",
    )
    add(
        "--dropped_path",
        metavar="PATH",
        help="where to write the rows left out, each with its reason (default: nowhere)",
    )
    args = parser.parse_args()
    if args.source in ORIGINS:
        parser.error(f"--source {args.source}: is the label of another script's records; give another")
    if license_named(args.license).attribution and not args.author:
        parser.error(f"--license {args.license}: asks to name the author; give --author")
    return args


def main() -> None:
    args = arguments()
    files = files_by_name(find_files(args.inputpath))
    meta = {"license": args.license, "dataset_url": args.address, "dataset_author": args.author}
    cut = 0
    paths = [file.path for file in files.values()]
    with open_record_output(paths, args.destpath, args.dropped_path) as results:
        for name, file in files.items():
            for row in read_rows(file):
                try:
                    exchange = first_exchange(row)
                    if exchange.goes_on and args.multi_turn == "drop":
                        raise SkipRow("more than one exchange")
                    results.keep(name, row, chat_record(row, exchange, name, args.source, args.system, meta))
                    cut += exchange.goes_on
                except SkipRow as reason:
                    results.drop(row, record_id(row, name, args.source), str(reason))

    if path := report_path(args.destpath):
        report = {
            "options": vars(args),
            "counts": results.tally.as_dict(),
            "first_exchange_only": cut,
            "kept_by_file": results.kept_by_part,
        }
        write_report(path, report)
    results.tally.show(f"{' '.join(args.inputpath)} -> {args.destpath}", "rows")
    show_table("records by file", list(results.kept_by_part.items()))
    if cut:
        tell(f"rows with more than one exchange, of which the first was taken: {cut:,}")


def files_by_name(files: list[SourceFile]) -> dict[str, SourceFile]:
    """The files by their own names, which are part of the ids. Raises InputError for two of one name, or for none."""
    named: dict[str, SourceFile] = {}
    for file in files:
        name = "stdin" if file.path == STANDARD_STREAM else Path(file.member or file.path).name
        if name in named:
            raise InputError(f"{file.name}: has the name of {named[name].name}, and ids would repeat; rename one")
        named[name] = file
    if not named:
        raise InputError("found no file of rows; check --inputpath")
    return named


if __name__ == "__main__":
    run(main)
