#!/usr/bin/env python3
"""Another source: CoNaLa, one-line Python examples from Stack Overflow, written anew by annotators.

A record is a task in a sentence (the rewritten intent, else the question's title) and the snippet that does it, as a fenced
Python block. Snippets that are no Python 3 are left out.

    python get_conala.py --destpath sources/conala.jsonl
    python get_conala.py --inputpath conala-corpus/conala-train.json --destpath sources/conala.jsonl
    python get_conala.py --destpath sources/conala.jsonl --mined 3000 --min_probability 0.6
"""

from __future__ import annotations

import argparse
import os
import platform
from functools import partial
from pathlib import Path
from typing import Any

from corpora.conala import ARCHIVE, MostProbable, conala_record, mined_record, part_of, question_id, record_id
from download.http_client import Client
from download.published_files import fetch, named_digest
from records.errors import InputError
from records.file_io import report_path, write_report
from records.json_rows import SkipRow, SourceFile, assign, find_files, read_rows
from records.record_output import RecordOutput, open_record_output
from records.script import Stages, positive, run, script_parser, show_table, tell

PUBLISHED = "http://www.phontron.com/download"  # as https://conala-corpus.github.io links to it
MORE_LIKELY_THAN_NOT = 0.5
MEND = "name it as published, conala-train.json; --include_test takes conala-test.json, --mined N conala-mined.jsonl"


def arguments() -> argparse.Namespace:
    parser = script_parser(__doc__)
    add = parser.add_argument
    add("--inputpath", nargs="+", metavar="PATH", help="the published files: .json, .jsonl, also .gz or .zst, a .zip, a "
        "folder of them, or - for conala-train on stdin (default: download the corpus)")  # fmt: skip
    add("--destpath", required=True, metavar="PATH", help=".jsonl, .jsonl.gz, .jsonl.zst, or - for stdout")
    add("--dropped_path", metavar="PATH", help="where the rows left out go, each with its reason (default: nowhere)")
    add(
        "--include_test", action="store_true", help="take conala-test too, which is a benchmark (default: leave it out)"
    )
    add("--mined", type=positive, metavar="N", help="take the N most probable rows of conala-mined too, but none of a "
        "question in conala-test; they are held in memory (default: none)")  # fmt: skip
    add("--min_probability", type=_probability, metavar="P", help="mined rows of at least this probability (default: "
        f"{MORE_LIKELY_THAN_NOT}, more likely right than not)")  # fmt: skip
    add("--plain", action="store_true", help="the bare snippet as the response (default: a fenced Python block)")
    add("--keep_unparsed", action="store_true", help="keep snippets that are no Python 3 (default: leave them out)")
    add("--base_url", default=os.environ.get("CONALA_URL", PUBLISHED), metavar="URL",
        help=f"where {ARCHIVE} is published (default: $CONALA_URL, else {PUBLISHED})")  # fmt: skip
    add("--cachedir", type=Path, metavar="DIR", help="keeps the download (default: downloads/conala beside --destpath)")
    add("--sha256", type=named_digest, metavar="NAME=HEX", help=f"the digest that the download must have, as in "
        f"{ARCHIVE}=e3b0.. (default: any, for the publisher tells none)")  # fmt: skip
    args = parser.parse_args()

    if args.min_probability is not None and not args.mined:
        parser.error("--min_probability does nothing without --mined")
    if args.sha256 and (args.inputpath or args.sha256[0] != ARCHIVE):
        parser.error(f"--sha256 {args.sha256[0]}: is no file that is downloaded")
    args.min_probability = MORE_LIKELY_THAN_NOT if args.min_probability is None else args.min_probability
    args.cachedir = args.cachedir or Path(args.destpath).parent / "downloads" / "conala"
    return args


def _probability(text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = -1.0
    if not 0 <= value <= 1:
        raise argparse.ArgumentTypeError(f"{text!r} is not a number from 0 to 1")
    return value


def main() -> None:
    args = arguments()
    files, inputs = find(args)
    with open_record_output([file.path for file in files.values()], args.destpath, args.dropped_path) as results:
        take(files, "train", args, results)
        if args.include_test:
            take(files, "test", args, results)
        if args.mined:
            take_mined(files, args, results)

    if report := report_path(args.destpath):
        write_report(report, {
            "options": vars(args),
            "inputs": inputs,
            "python": platform.python_version(),  # which parsed the snippets
            "counts": results.tally.as_dict(),
            "kept_by_file": results.kept_by_part,
        })  # fmt: skip
    results.tally.show(f"CoNaLa -> {args.destpath}", "rows")
    show_table("records by file", list(results.kept_by_part.items()))
    if args.mined and "test" not in files:
        tell("conala-test: is not among the files, so mined rows of its questions stay in")


def find(args: argparse.Namespace) -> tuple[dict[str, SourceFile], list[dict[str, Any]]]:
    """The files by part, downloaded where none are given, and what the report says of them."""
    if args.inputpath:
        given, inputs = args.inputpath, [{"file": path} for path in args.inputpath]
    else:
        with Stages("downloading") as stages:
            client, sha256 = Client(args.base_url, tell=tell), args.sha256[1] if args.sha256 else ""
            fetched = fetch(client, ARCHIVE, args.cachedir, sha256, partial(stages.show, ARCHIVE))
        given, inputs = [fetched.path], [vars(fetched)]
    wanted = ["train", *(["test"] if args.include_test or args.mined else []), *(["mined"] if args.mined else [])]
    files = assign(find_files(given), wanted, part_of, MEND)
    for part, asked in (("test", args.include_test), ("mined", args.mined)):
        if asked and part not in files:
            raise InputError(f"conala-{part}: is asked for and not among the files; give it with --inputpath too")
    return files, inputs


def take(files: dict[str, SourceFile], part: str, args: argparse.Namespace, results: RecordOutput) -> None:
    """Convert the rows of a curated file."""
    for row in read_rows(files[part]) if part in files else ():
        try:
            results.keep(part, row, conala_record(row, part, args.plain, args.keep_unparsed))
        except SkipRow as reason:
            results.drop(row, record_id(row, part), str(reason))


def take_mined(files: dict[str, SourceFile], args: argparse.Namespace, results: RecordOutput) -> None:
    """Convert the most probable rows of the mined file."""
    tested = {question_id(row) for row in read_rows(files["test"])} - {None} if "test" in files else set()
    best = MostProbable(args.mined)
    for row in read_rows(files["mined"]) if "mined" in files else ():
        try:
            record = mined_record(row, args.min_probability, tested, args.plain, args.keep_unparsed)
            if gone := best.put(row, record):
                results.drop(gone, record_id(gone, "mined"), f"beyond the {args.mined} most probable")
        except SkipRow as reason:
            results.drop(row, record_id(row, "mined"), str(reason))
    for row, record in best.in_order():
        results.keep("mined", row, record)


if __name__ == "__main__":
    run(main)
