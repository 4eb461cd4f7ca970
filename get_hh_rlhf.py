#!/usr/bin/env python3
"""Another source: HH-RLHF, helpful and harmless replies of Anthropic's assistants, each with its instruction.

--subset helpful takes the preferred ("chosen") dialogues of helpful-online and helpful-rejection-sampled, the outputs
of RL and of best-of-16; --subset harmless takes red-team attempts that were rated as failures, 0 to 2 of 4. A record is
the first human line and the first reply. Of several with the same instruction, apart from case and white space, the
first is kept.

    python get_hh_rlhf.py --subset helpful --destpath sources/anthrop_helpful.jsonl
    python get_hh_rlhf.py --subset harmless --destpath sources/anthrop_redteam.jsonl
    python get_hh_rlhf.py --subset helpful --inputpath ~/hh-rlhf --splits test --destpath helpful-test.jsonl

The publisher says that the preference data is not meant for supervised training of dialogue agents, that this is likely
to lead to harmful models, and that the red-team data is not meant for fine-tuning. Both contain upsetting text.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import Any

from corpora.hh_rlhf import (
    HIGHEST_RATING,
    RED_TEAM,
    RL_AND_BEST_OF_16,
    SPLITS,
    SUBSETS,
    TRANCHES,
    SeenInstructions,
    address,
    preference_part,
    preference_record,
    record_id,
    red_team_part,
    red_team_record,
    source_of,
)
from download.http_client import Client
from download.published_files import fetch, named_digest
from merging.origins import origin_of
from records.file_io import report_path, write_report
from records.json_rows import SkipRow, SourceFile, SourceRow, assign, find_files, read_rows
from records.record_output import open_record_output
from records.script import Stages, positive, run, script_parser, show_table, tell

PUBLISHED = "https://huggingface.co/datasets/Anthropic/hh-rlhf/resolve/main"
HINTS = {
    "helpful": "name it as published, <tranche>/<split>.jsonl.gz, and ask for it with --tranches and --splits",
    "harmless": "name it as published, red-team-attempts/red_team_attempts.jsonl.gz",
}


@dataclass(frozen=True)
class Options:
    """The flags, with the defaults of the subset; the report lists them."""

    subset: str
    inputpath: list[str] | None
    destpath: str
    dropped_path: str | None
    min_response_chars: int
    tranches: list[str] | None  # None for harmless, as are splits
    splits: list[str] | None
    max_rating: int | None  # None for helpful
    base_url: str
    cachedir: Path
    sha256: list[tuple[str, str]]

    @property
    def parts(self) -> list[str]:
        """The published files asked for, by name without ending, in the order in which they are read."""
        if self.tranches is None or self.splits is None:
            return [RED_TEAM]
        tranches = list(dict.fromkeys(self.tranches))
        return [f"{tranche}/{split}" for split in SPLITS if split in self.splits for tranche in tranches]


def arguments() -> Options:
    parser = script_parser(__doc__)
    add = parser.add_argument
    add("--subset", required=True, choices=SUBSETS, help="which of the two")
    add(
        "--inputpath",
        nargs="+",
        metavar="PATH",
        help="the published files: .jsonl, .json, also .gz or .zst, a .zip, a folder of them, or - for stdin (default: "
        "download them)",
    )
    add("--destpath", required=True, metavar="PATH", help=".jsonl, .jsonl.gz, .jsonl.zst, or - for stdout")
    add(
        "--dropped_path",
        metavar="PATH",
        help="where to write the rows left out, each with its reason (default: nowhere)",
    )
    add(
        "--min_response_chars",
        type=positive,
        metavar="N",
        help="replies of at least N characters (default: 100 for helpful; 1 for harmless, as a refusal may be short)",
    )
    add(
        "--tranches",
        nargs="+",
        choices=TRANCHES,
        metavar="TRANCHE",
        help=f"helpful: any of {', '.join(TRANCHES)} (default: the first two); records of harmless-base are labelled "
        "anthrop_harmless",
    )
    add(
        "--splits",
        nargs="+",
        choices=SPLITS,
        metavar="SPLIT",
        help="helpful: train, test, or both, train first (default: train)",
    )
    add(
        "--max_rating",
        type=int,
        choices=range(HIGHEST_RATING + 1),
        metavar="N",
        help="harmless: attempts rated at most N of 4, where 4 is the most successful attack (default: 2)",
    )
    add(
        "--base_url",
        default=os.environ.get("HH_RLHF_URL", PUBLISHED),
        metavar="URL",
        help=f"where the files are published (default: $HH_RLHF_URL, else {PUBLISHED})",
    )
    add(
        "--cachedir",
        type=Path,
        metavar="DIR",
        help="where downloads are kept (default: downloads/hh-rlhf beside --destpath)",
    )
    add(
        "--sha256",
        action="append",
        type=named_digest,
        default=[],
        metavar="NAME=HEX",
        help=f"a digest that a download must have, such as {address('helpful-online/train')}=e3b0..; repeatable "
        "(default: the one that the server gives)",
    )
    args = parser.parse_args()

    for name in ("max_rating",) if args.subset == "helpful" else ("tranches", "splits"):
        if getattr(args, name) is not None:
            parser.error(f"--{name} does nothing with --subset {args.subset}")
    options = with_defaults(vars(args))
    for name, _ in options.sha256:
        if options.inputpath or name not in map(address, options.parts):
            parser.error(f"--sha256 {name}: is not a file that is downloaded")
    return options


def with_defaults(flags: dict[str, Any]) -> Options:
    """The options, with the defaults that depend on other flags."""
    defaults: dict[str, Any] = {"cachedir": Path(flags["destpath"]).parent / "downloads" / "hh-rlhf"}
    if flags["subset"] == "helpful":
        defaults |= {"tranches": list(RL_AND_BEST_OF_16), "splits": ["train"], "min_response_chars": 100}
    else:
        defaults |= {"max_rating": 2, "min_response_chars": 1}
    given = {name: value for name, value in flags.items() if value is not None}
    return Options(**(flags | defaults | given))


def main() -> None:
    options = arguments()
    files, inputs = local_files(options) if options.inputpath else downloads(options)
    cautions = list(dict.fromkeys(origin_of(source_of(part)).caution for part in files))
    seen = SeenInstructions()
    with open_record_output([file.path for file in files.values()], options.destpath, options.dropped_path) as results:
        for part, file in files.items():
            for row in read_rows(file):
                try:
                    record = make_record(row, part, options)
                    seen.check(record["instruction"])
                    results.keep(part, row, record)
                except SkipRow as reason:
                    results.drop(row, record_id(row, part), str(reason))

    if path := report_path(options.destpath):
        report = {
            "options": asdict(options),
            "inputs": inputs,
            "caution": " ".join(cautions),
            "counts": results.tally.as_dict(),
            "kept_by_file": results.kept_by_part,
        }
        write_report(path, report)
    results.tally.show(f"HH-RLHF, {options.subset} -> {options.destpath}", "rows")
    show_table("records by file", list(results.kept_by_part.items()))
    for part in options.parts:
        if part not in files:
            tell(f"{part}: is not among the given files and is left out")
    for caution in cautions:
        tell(f"caution: {caution}")


def local_files(options: Options) -> tuple[dict[str, SourceFile], list[dict[str, Any]]]:
    """The given files by part, and their entries in the report."""
    part_of: Callable[[SourceFile], str | None] = red_team_part
    if options.tranches is not None and options.splits is not None:
        part_of = partial(preference_part, tranches=options.tranches, splits=options.splits)
    files = assign(find_files(options.inputpath or ()), options.parts, part_of, HINTS[options.subset])
    return files, [{"file": file.name} for file in files.values()]


def downloads(options: Options) -> tuple[dict[str, SourceFile], list[dict[str, Any]]]:
    """The same for files from the cache, downloaded if they are not in it."""
    client, digests, files, inputs = Client(options.base_url, tell=tell), dict(options.sha256), {}, []
    with Stages("downloading") as stages:
        for part in options.parts:
            name = address(part)
            fetched = fetch(client, name, options.cachedir, digests.get(name, ""), partial(stages.show, name))
            files[part] = SourceFile(str(fetched.path))
            inputs.append(vars(fetched))
    return files, inputs


def make_record(row: SourceRow, part: str, options: Options) -> dict[str, Any]:
    if options.max_rating is not None:
        return red_team_record(row, options.min_response_chars, options.max_rating)
    return preference_record(row, part, options.min_response_chars)


if __name__ == "__main__":
    run(main)
