#!/usr/bin/env python3
"""Step 4: merge every source into one data set, as readers of the first one load it and as trainers read it.

Checks the records of all inputs, leaves out duplicates, shuffles, and writes the formats asked for, a card (README.md),
ATTRIBUTION.jsonl and report.json. The same inputs and seed give the same bytes.

    python merge_datasets.py --inputpath filtered-stack-exchange/*.jsonl conala.jsonl --destpath dataset --parts 4
    python merge_datasets.py --mix mix.yaml --formats messages --split train:0.98 validation:0.02 --near_duplicates --plots
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator
from contextlib import ExitStack
from functools import partial
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING

from merging.formats import FORMATS, DataSet
from merging.inputs import Ledger, can_be_read_again, describe_input, read_checked
from merging.mix import MixSource, load_mix
from merging.publishing import Publication, told_options, unchanged_files
from merging.sampling import Groups
from merging.screening import PERSONAL_DATA, Screening
from merging.shuffle import Shuffle
from merging.splits import splits_of
from merging.tuples import MOST_PARTS, PAIRS, why_no_pair
from records.conditions import why_dropped
from records.errors import InputError
from records.file_io import open_output, open_output_folder
from records.licenses import Terms, licenses_of
from records.output_checks import check_outputs, folder_outputs
from records.record import RecordLine
from records.script import Progress, positive, run, script_parser, show_table

if TYPE_CHECKING:
    from quality.contamination import Benchmarks

NGRAMS = (13, 8)  # words; the first is the default
LOOK_AT = 100  # records of each file before the work, for licences that forbid each other


def arguments() -> argparse.Namespace:
    parser = script_parser(__doc__)
    add = parser.add_argument
    inputs = parser.add_mutually_exclusive_group(required=True)
    inputs.add_argument("--inputpath", nargs="+", action="extend", metavar="PATH", help="record files of any source: "
        ".jsonl, .jsonl.gz, .jsonl.zst, or - for stdin")  # fmt: skip
    inputs.add_argument("--mix", metavar="PATH", help="a YAML file: the sources, how much of each, and which records")
    add("--destpath", "--destdir", type=Path, default=Path("dataset"), metavar="DIR", help="a folder, replaced as a whole; "
        "files that no merge wrote stay in it (default: dataset)")  # fmt: skip
    add("--dropped_path", metavar="PATH", help="where the records left out go, each with its reason (default: nowhere)")
    add("--skip_bad", action="store_true", help="leave out what is no record, and go on; needs --dropped_path")
    add("--seed", type=int, default=0, metavar="N", help="of the shuffle and the choice of records (default: 0)")
    add("--max_per_source", type=positive, metavar="N", help="a random N records of each source (default: all)")

    add = parser.add_argument_group("what is written").add_argument
    add("--formats", nargs="+", choices=FORMATS, default=["alpha"], metavar="FORMAT", help=f"of {', '.join(FORMATS)} "
        "(default: alpha, the tuple files)")  # fmt: skip
    add("--split", nargs="+", default=["train:1"], metavar="NAME:SHARE", help="splits, and how many of the questions go "
        "into each, as in train:0.98 validation:0.02 (default: train:1)")  # fmt: skip
    add("--pair", choices=PAIRS, default="alpha", help="alpha: instruction, blank line, response, <|endoftext|> "
        "(default); labelled: User: .. Agent: ..; split: [instruction, response]")  # fmt: skip
    add("--parts", type=positive, metavar="N", help=f"tuple files of even length, up to {MOST_PARTS} (default: 1)")
    add("--max_part_bytes", type=positive, metavar="N", help="as many tuple files as that takes")
    add("--plots", action="store_true", help="draw lengths, scores and tags; needs requirements/plots.txt")
    add(
        "--title",
        default="Instruction tuning data",
        metavar="TEXT",
        help="of the card (default: Instruction tuning data)",
    )
    add("--languages", nargs="+", default=["en"], metavar="CODE", help="of the card (default: en)")
    add(
        "--allow_license_conflict",
        action="store_true",
        help="go on where licences forbid each other; not to be published",
    )

    add = parser.add_argument_group("quality, each off by default").add_argument
    add("--near_duplicates", type=similarity, nargs="?", const=0.8, metavar="SIMILARITY", help="leave out responses whose "
        "word 5-grams are so similar to a better one's (Jaccard; 0.8 where no number is given)")  # fmt: skip
    add("--decontaminate", nargs="+", metavar="PATH", help="leave out records that hold items of these benchmark files: "
        ".jsonl, .json, .txt")  # fmt: skip
    add("--decontaminate_field", nargs="+", metavar="NAME", help="the fields of .jsonl items that hold their text")
    add("--ngram", type=int, choices=NGRAMS, help="words that a record and an item share (default: 13)")
    add("--pii", choices=PERSONAL_DATA, default="off", help="e-mail addresses, phone numbers, IP addresses, keys and tokens in "
        "responses: off (default), report, mask, drop")  # fmt: skip
    args = parser.parse_args()

    args.formats = list(dict.fromkeys(args.formats))
    if args.parts and args.max_part_bytes:
        parser.error("give --parts or --max_part_bytes, not both")
    if "alpha" not in args.formats and (args.parts or args.max_part_bytes or args.pair != "alpha"):
        parser.error("--parts, --max_part_bytes and --pair do nothing without alpha among the --formats")
    if not args.decontaminate and (args.decontaminate_field or args.ngram):
        parser.error("--decontaminate_field and --ngram do nothing without --decontaminate")
    if (args.parts or 0) > MOST_PARTS:
        parser.error(f"--parts: at most {MOST_PARTS}; --max_part_bytes makes any number")
    if args.mix and args.max_per_source:
        parser.error("--max_per_source does nothing with --mix; give the sources a maximum there")
    if args.skip_bad and not args.dropped_path:
        parser.error("--skip_bad needs --dropped_path, where the bad records go")
    if args.dropped_path and Path(args.dropped_path).resolve().is_relative_to(args.destpath.resolve()):
        parser.error("--dropped_path lies in --destpath, which is replaced as a whole; give another")
    args.told = told_options(args, parser)
    try:
        args.splits = splits_of(args.split)
    except ValueError as error:
        parser.error(f"--split: {error}")
    return args


def similarity(text: str) -> float:
    """The type of a flag that takes a similarity above 0, up to 1."""
    try:
        value = float(text)
    except ValueError:
        value = 0.0
    if not 0 < value <= 1:
        raise argparse.ArgumentTypeError(f"{text!r} is not a number above 0, up to 1")
    return value


def main() -> None:
    args = arguments()
    sources = load_mix(args.mix) if args.mix else [MixSource(args.inputpath)]
    paths = [path for source in sources for path in source.paths]
    others = [*filter(None, [args.mix]), *(args.decontaminate or [])]
    check_outputs([*paths, *others], folder_outputs(args.destpath, args.dropped_path))
    find_ours = partial(unchanged_files, args.destpath, [*paths, *others])
    find_ours()  # now, and again when the folder is replaced
    terms = Terms(args.allow_license_conflict)
    for source in sources:
        for path in filter(can_be_read_again, source.paths):
            list(islice(usable(source, path, args, terms, Ledger(None, skip_bad=True)), LOOK_AT))
    told_of = [describe_input(path) for path in [*paths, *others]]
    screening = Screening(benchmarks(args), args.pii)

    with ExitStack() as stack:
        dropped = stack.enter_context(open_output(args.dropped_path)) if args.dropped_path else None
        folder = stack.enter_context(open_output_folder(args.destpath, find_ours))
        ledger, groups = Ledger(dropped, args.skip_bad), Groups([each.quota for each in sources], args.max_per_source)
        data_set = DataSet(folder, args.formats, args.splits, args.pair, args.parts or 1, args.max_part_bytes, stack)
        publication = Publication(folder, data_set, args.plots, stack)
        with Shuffle(folder, f"{args.seed}") as shuffle:
            for number, source in enumerate(sources):
                for path in source.paths:
                    for row in usable(source, path, args, terms, ledger):
                        if screened := screening.passed(row, ledger):
                            shuffle.add(screened, groups.of(number, row))
            shuffle.leave_out_repeated_ids(ledger.repeated_id)
            worse = near_duplicates(shuffle, args.near_duplicates, folder) if args.near_duplicates else {}
            groups.decide(drawn for drawn in shuffle.drawn() if not worse or drawn.row.record["id"] not in worse)
            for row in kept(shuffle, worse, groups, ledger):
                publication.write(row)
        files = publication.finish(args.title, args.languages, args.told, told_of, ledger, terms, screening.report())

    ledger.tally().show(f"{len(paths)} inputs -> {args.destpath}")
    show_table("records by source", sorted(ledger.kept.items()))
    show_table("records by file", [(file.path.as_posix(), file.records) for file in files])
    if screening.found:
        show_table("personal data found", sorted(screening.found.items()))
    for caution in terms.cautions():
        print(f"caution: {caution}", file=sys.stderr)


def benchmarks(args: argparse.Namespace) -> Benchmarks | None:
    if not args.decontaminate:
        return None
    from quality.contamination import read_benchmarks

    return read_benchmarks(args.decontaminate, args.decontaminate_field or (), args.ngram or NGRAMS[0])


def usable(
    source: MixSource, path: str, args: argparse.Namespace, terms: Terms, ledger: Ledger
) -> Iterator[RecordLine]:
    """The records of a file that are under a licence, meet the source's conditions and make pairs."""
    pair = args.pair if "alpha" in args.formats else "split"  # of which only blank texts make none
    for row in read_checked(path, ledger):
        try:
            licenses = licenses_of(row)
            reason = why_dropped(row, source.conditions) or why_no_pair(row.record, pair)
        except InputError as problem:
            ledger.bad(problem, row.raw)
            continue
        if reason:
            ledger.drop(row, reason)
        else:
            terms.add(licenses, row)
            yield row


def near_duplicates(shuffle: Shuffle, similarity: float, folder: Path) -> dict[str, str]:
    """The ids of the records that are near duplicates of better ones, and the ids of those."""
    from quality.duplicates import NearDuplicates, near_duplicate_text, rank

    with NearDuplicates(folder, similarity) as near, Progress("near duplicates", shuffle.count, " records") as progress:
        for drawn in shuffle.drawn():
            record = drawn.row.record
            if (text := near_duplicate_text(record)) is not None:
                near.add(record["id"], text, rank(record))
            progress.update(1)
        return {loser.id: loser.kept for loser in near.losers()}


def kept(shuffle: Shuffle, worse: dict[str, str], groups: Groups, ledger: Ledger) -> Iterator[RecordLine]:
    """The records that are in the data set, in its order; the others go to the ledger."""
    with Progress("writing", shuffle.count, " records") as progress:
        for drawn in shuffle.drawn(lambda row, better: ledger.drop(row, "exact duplicate", kept=better.record["id"])):
            row = drawn.row
            if better := worse.get(row.record["id"]):
                ledger.drop(row, "near duplicate", kept=better)
            elif reason := groups.why_dropped(drawn):
                ledger.drop(row, reason)
            else:
                ledger.keep(row)
                yield row
            progress.update(1)


if __name__ == "__main__":
    run(main)
