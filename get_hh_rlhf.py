#!/usr/bin/env python3
"""Another source: HH-RLHF, helpful and harmless replies of Anthropic's assistants, each with its instruction.

--subset helpful takes the preferred ("chosen") dialogues of helpful-online and helpful-rejection-sampled, the outputs of
RL and of best-of-16; --subset harmless takes red-team attempts that were rated as failures, 0 to 2 of 4. A record is the
first human line and the first reply. Of the same instruction, whatever its case and white space, the first is kept.

    python get_hh_rlhf.py --subset helpful --destpath sources/anthrop_helpful.jsonl
    python get_hh_rlhf.py --subset harmless --destpath sources/anthrop_redteam.jsonl
    python get_hh_rlhf.py --subset helpful --inputpath ~/hh-rlhf --splits test --destpath helpful-test.jsonl

The publisher says that the preference data is not meant for supervised training of dialogue agents, that this is likely
to lead to harmful models, and that the red-team data is not meant for fine-tuning. Both hold upsetting text.
"""

from __future__ import annotations

import argparse
import os
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

from corpora.hh_rlhf import (
    HIGHEST_RATING,
    RED_TEAM,
    RL_AND_BEST_OF_16,
    SOURCES,
    SPLITS,
    TRANCHES,
    SeenInstructions,
    address,
    preference_part,
    preference_record,
    record_id,
    red_team_part,
    red_team_record,
)
from download.http_client import Client
from download.published_files import fetch, named_digest
from merging.origins import CAUTIONS
from records.file_io import report_path, write_report
from records.json_rows import SkipRow, SourceFile, SourceRow, assign, find_files, read_rows
from records.record_output import open_record_output
from records.script import Stages, positive, run, script_parser, show_table, tell

PUBLISHED = "https://huggingface.co/datasets/Anthropic/hh-rlhf/resolve/main"
MEND = {
    "helpful": "name it as published, <tranche>/<split>.jsonl.gz, and ask for it with --tranches and --splits",
    "harmless": "name it as published, red-team-attempts/red_team_attempts.jsonl.gz",
}


def arguments() -> argparse.Namespace:
    parser = script_parser(__doc__)
    add = parser.add_argument
    add("--subset", required=True, choices=SOURCES, help="which of the two")
    add("--inputpath", nargs="+", metavar="PATH", help="the published files: .jsonl, .json, also .gz or .zst, a .zip, a "
        "folder of them, or - for stdin (default: download them)")  # fmt: skip
    add("--destpath", required=True, metavar="PATH", help=".jsonl, .jsonl.gz, .jsonl.zst, or - for stdout")
    add("--dropped_path", metavar="PATH", help="where the rows left out go, each with its reason (default: nowhere)")
    add("--min_response_chars", type=positive, metavar="N", help="replies of at least N characters (default: 100 for helpful; "
        "1 for harmless, for a refusal may be short)")  # fmt: skip
    add("--tranches", nargs="+", choices=TRANCHES, metavar="TRANCHE", help="helpful: take these, of "
        f"{', '.join(TRANCHES)} (default: the first two)")  # fmt: skip
    add("--splits", nargs="+", choices=SPLITS, metavar="SPLIT", help="helpful: train, test, or both, train first "
        "(default: train)")  # fmt: skip
    add("--max_rating", type=int, choices=range(HIGHEST_RATING + 1), metavar="N", help="harmless: attempts rated at most "
        "N of 4, where 4 is the most successful attack (default: 2)")  # fmt: skip
    add("--base_url", default=os.environ.get("HH_RLHF_URL", PUBLISHED), metavar="URL",
        help=f"where the files are published (default: $HH_RLHF_URL, else {PUBLISHED})")  # fmt: skip
    add("--cachedir", type=Path, metavar="DIR", help="keeps downloads (default: downloads/hh-rlhf beside --destpath)")
    add("--sha256", action="append", type=named_digest, default=[], metavar="NAME=HEX", help="a digest that a download "
        f"must have, as in {address('helpful-online/train')}=e3b0..; repeatable (default: what the server tells)")  # fmt: skip
    args = parser.parse_args()

    helpful = args.subset == "helpful"
    for name in ("max_rating",) if helpful else ("tranches", "splits"):
        if getattr(args, name) is not None:
            parser.error(f"--{name} does nothing with --subset {args.subset}")
    if helpful:
        args.tranches, args.splits = args.tranches or list(RL_AND_BEST_OF_16), args.splits or ["train"]
    elif args.max_rating is None:
        args.max_rating = 2
    args.min_response_chars = args.min_response_chars or (100 if helpful else 1)
    args.cachedir = args.cachedir or Path(args.destpath).parent / "downloads" / "hh-rlhf"
    for name, _ in args.sha256:
        if args.inputpath or name not in map(address, wanted_parts(args)):
            parser.error(f"--sha256 {name}: is no file that is downloaded")
    return args


def wanted_parts(args: argparse.Namespace) -> list[str]:
    """The published files asked for, by their names without endings, in the order in which they are read."""
    if args.subset == "harmless":
        return [RED_TEAM]
    return [
        f"{tranche}/{split}" for split in SPLITS if split in args.splits for tranche in dict.fromkeys(args.tranches)
    ]


def main() -> None:
    args = arguments()
    files, inputs = local_files(args) if args.inputpath else downloads(args)
    seen = SeenInstructions()
    with open_record_output([file.path for file in files.values()], args.destpath, args.dropped_path) as results:
        for part, file in files.items():
            for row in read_rows(file):
                try:
                    record = make_record(row, part, args)
                    seen.check(record["instruction"])
                    results.keep(part, row, record)
                except SkipRow as reason:
                    results.drop(row, record_id(row, part), str(reason))

    if report := report_path(args.destpath):
        write_report(report, {
            "options": vars(args),
            "inputs": inputs,
            "caution": CAUTIONS[SOURCES[args.subset]],
            "counts": results.tally.as_dict(),
            "kept_by_file": results.kept_by_part,
        })  # fmt: skip
    results.tally.show(f"HH-RLHF, {args.subset} -> {args.destpath}", "rows")
    show_table("records by file", list(results.kept_by_part.items()))
    for part in wanted_parts(args):
        if part not in files:
            tell(f"{part}: is not among the files given, and left out")
    tell(f"caution: {CAUTIONS[SOURCES[args.subset]]}")


def local_files(args: argparse.Namespace) -> tuple[dict[str, SourceFile], list[dict[str, Any]]]:
    """The files by part, and what the report says of them."""
    if args.subset == "harmless":
        told_by: Callable[[SourceFile], str | None] = red_team_part
    else:
        told_by = partial(preference_part, tranches=args.tranches, splits=args.splits)
    files = assign(find_files(args.inputpath), wanted_parts(args), told_by, MEND[args.subset])
    return files, [{"file": file.name} for file in files.values()]


def downloads(args: argparse.Namespace) -> tuple[dict[str, SourceFile], list[dict[str, Any]]]:
    """The same from the cache, fetched where they are not there."""
    client, digests, files, inputs = Client(args.base_url, tell=tell), dict(args.sha256), {}, []
    with Stages("downloading") as stages:
        for part in wanted_parts(args):
            name = address(part)
            fetched = fetch(client, name, args.cachedir, digests.get(name, ""), partial(stages.show, name))
            files[part] = SourceFile(str(fetched.path))
            inputs.append(vars(fetched))
    return files, inputs


def make_record(row: SourceRow, part: str, args: argparse.Namespace) -> dict[str, Any]:
    if part == RED_TEAM:
        return red_team_record(row, args.min_response_chars, args.max_rating)
    return preference_record(row, part, args.min_response_chars)


if __name__ == "__main__":
    run(main)
