#!/usr/bin/env python3
"""Another source: CoNaLa, one-line Python examples from Stack Overflow, reworded by annotators.

A record is a task in one sentence (the rewritten intent, else the question's title) and the snippet for it, as a fenced
Python block. Snippets that are not Python 3 are left out.

    python get_conala.py --destpath sources/conala.jsonl
    python get_conala.py --inputpath conala-corpus/conala-train.json --destpath sources/conala.jsonl
    python get_conala.py --destpath sources/conala.jsonl --mined 3000 --min_probability 0.6
"""

from __future__ import annotations

import argparse
import os
import platform
from dataclasses import asdict, dataclass
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
HINT = "name it as published, conala-train.json; --include_test takes conala-test.json, --mined N conala-mined.jsonl"


@dataclass(frozen=True)
class Options:
    """The flags; the report lists them."""

    inputpath: list[str] | None
    destpath: str
    dropped_path: str | None
    include_test: bool
    mined: int | None
    min_probability: float
    plain: bool
    keep_unparsed: bool
    base_url: str
    cachedir: Path
    sha256: tuple[str, str] | None


def arguments() -> Options:
    parser = script_parser(__doc__)
    add = parser.add_argument
    add(
        "--inputpath",
        nargs="+",
        metavar="PATH",
        help="the published files: .json, .jsonl, also .gz or .zst, a .zip, a folder of them, or - for conala-train on "
        "stdin (default: download the corpus)",
    )
    add("--destpath", required=True, metavar="PATH", help=".jsonl, .jsonl.gz, .jsonl.zst, or - for stdout")
    add(
        "--dropped_path",
        metavar="PATH",
        help="where to write the rows left out, each with its reason (default: nowhere)",
    )
    add(
        "--include_test",
        action="store_true",
        help="take conala-test too, which is a benchmark (default: leave it out)",
    )
    add(
        "--mined",
        type=positive,
        metavar="N",
        help="take the N most probable rows of conala-mined too, except those of questions in conala-test; they are "
        "kept in memory (default: none)",
    )
    add(
        "--min_probability",
        type=probability,
        metavar="P",
        help=f"mined rows of at least this probability (default: {MORE_LIKELY_THAN_NOT}, more likely right than not)",
    )
    add("--plain", action="store_true", help="the bare snippet as the response (default: a fenced Python block)")
    add("--keep_unparsed", action="store_true", help="keep snippets that are not Python 3 (default: leave them out)")
    add(
        "--base_url",
        default=os.environ.get("CONALA_URL", PUBLISHED),
        metavar="URL",
        help=f"where {ARCHIVE} is published (default: $CONALA_URL, else {PUBLISHED})",
    )
    add(
        "--cachedir",
        type=Path,
        metavar="DIR",
        help="where the download is kept (default: downloads/conala beside --destpath)",
    )
    add(
        "--sha256",
        type=named_digest,
        metavar="NAME=HEX",
        help=f"the digest that the download must have, such as {ARCHIVE}=e3b0.. (default: any, because the publisher "
        "gives none)",
    )
    args = parser.parse_args()

    if args.min_probability is not None and not args.mined:
        parser.error("--min_probability does nothing without --mined")
    if args.sha256 and (args.inputpath or args.sha256[0] != ARCHIVE):
        parser.error(f"--sha256 {args.sha256[0]}: is not a file that is downloaded")
    defaults: dict[str, Any] = {
        "min_probability": MORE_LIKELY_THAN_NOT,
        "cachedir": Path(args.destpath).parent / "downloads" / "conala",
    }
    given = {name: value for name, value in vars(args).items() if value is not None}
    return Options(**(vars(args) | defaults | given))


def probability(text: str) -> float:
    """The type of a flag that takes a number from 0 to 1."""
    try:
        value = float(text)
    except ValueError:
        value = -1.0
    if not 0 <= value <= 1:
        raise argparse.ArgumentTypeError(f"{text!r} is not a number from 0 to 1")
    return value


def main() -> None:
    options = arguments()
    files, inputs = find(options)
    with open_record_output([file.path for file in files.values()], options.destpath, options.dropped_path) as results:
        if "train" in files:
            convert(files["train"], "train", options, results)
        if options.include_test:
            convert(files["test"], "test", options, results)
        if options.mined:
            convert_mined(files, options.mined, options, results)

    if path := report_path(options.destpath):
        report = {
            "options": asdict(options),
            "inputs": inputs,
            "python": platform.python_version(),  # which parsed the snippets
            "counts": results.tally.as_dict(),
            "kept_by_file": results.kept_by_part,
        }
        write_report(path, report)
    results.tally.show(f"CoNaLa -> {options.destpath}", "rows")
    show_table("records by file", list(results.kept_by_part.items()))
    if options.mined and "test" not in files:
        tell("conala-test: is not among the files, so mined rows of its questions are not left out")


def find(options: Options) -> tuple[dict[str, SourceFile], list[dict[str, Any]]]:
    """The files by part, downloaded if none are given, and their entries in the report."""
    if options.inputpath:
        paths: list[str | Path] = [*options.inputpath]
        inputs: list[dict[str, Any]] = [{"file": path} for path in paths]
    else:
        with Stages("downloading") as stages:
            client, sha256 = Client(options.base_url, tell=tell), options.sha256[1] if options.sha256 else ""
            fetched = fetch(client, ARCHIVE, options.cachedir, sha256, partial(stages.show, ARCHIVE))
        paths, inputs = [fetched.path], [vars(fetched)]
    with_test = options.include_test or options.mined
    wanted = ["train", *(["test"] if with_test else []), *(["mined"] if options.mined else [])]
    files = assign(find_files(paths), wanted, part_of, HINT)
    for part, required in (("test", options.include_test), ("mined", options.mined)):
        if required and part not in files:
            raise InputError(f"conala-{part}: is asked for but not among the files; give it with --inputpath too")
    return files, inputs


def convert(file: SourceFile, part: str, options: Options, results: RecordOutput) -> None:
    """Convert the rows of a curated file."""
    for row in read_rows(file):
        try:
            results.keep(part, row, conala_record(row, part, options.plain, options.keep_unparsed))
        except SkipRow as reason:
            results.drop(row, record_id(row, part), str(reason))


def convert_mined(files: dict[str, SourceFile], limit: int, options: Options, results: RecordOutput) -> None:
    """Convert the `limit` most probable rows of the mined file."""
    tested = {question_id(row) for row in read_rows(files["test"])} - {None} if "test" in files else set()
    best = MostProbable(limit)
    for row in read_rows(files["mined"]):
        try:
            record = mined_record(row, options.min_probability, tested, options.plain, options.keep_unparsed)
            if displaced := best.put(row, record):
                results.drop(displaced, record_id(displaced, "mined"), f"beyond the {limit} most probable")
        except SkipRow as reason:
            results.drop(row, record_id(row, "mined"), str(reason))
    for row, record in best.in_order():
        results.keep("mined", row, record)


if __name__ == "__main__":
    run(main)
