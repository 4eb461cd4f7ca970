"""What the whole recipe costs, step by step, on a grown dump: from the archive to the data set (Linux).

    python -m benchmarks.pipeline                        a dump of 400 MB
    python -m benchmarks.pipeline --megabytes 4000       the size for which benchmarks/README.md has a table

The commands are those of README's recipe, without a reviewer. CPU seconds and wall time come from one run of each step,
peak memory (PSS of all its processes) from another, because sampling it takes time. The last table is reckoned from
the first: all numbers but the memory, times the ratio of the sizes of Posts.xml. Grown dumps repeat posts with some
words changed, so many are near duplicates of each other, more than in real ones.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from pathlib import Path
from typing import NamedTuple

from benchmarks.dumps import ROOT, add_dumps
from benchmarks.measure import measure
from benchmarks.step1 import CACHE, grown_dump, writer
from benchmarks.tools.grow_dump import SHARES

MATH_POSTS = 3.7  # GB: Posts.xml of math.stackexchange.com in the dump of March 2020


class Step(NamedTuple):
    """A step of the recipe, as it was measured."""

    name: str
    read: int  # records, of step 1 answers
    written: int
    cpu: float  # seconds
    wall: float
    peak: float  # MB


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    add = parser.add_argument
    add("--megabytes", type=int, default=400, metavar="N", help="of the dump, unpacked (default: 400)")
    add("--method", choices=("bzip2", "lzma2"), default="lzma2", help="of its archive (default: lzma2, as since 2026)")
    add("--min_votes", default="5", metavar="N", help="of the answers (default: 5); 0 keeps nearly all")
    add(
        "--posts",
        type=float,
        default=MATH_POSTS,
        metavar="GB",
        help=f"of Posts.xml to reckon for (default: {MATH_POSTS}, math.stackexchange.com's of March 2020)",
    )
    add("--cache", type=Path, default=CACHE, metavar="DIR", help="where grown dumps are kept")
    add_dumps(parser)
    return parser.parse_args()


def main() -> None:
    args = arguments()
    archive = grown_dump(args.cache, args.dumps, args.megabytes, args.method)
    print(f"{args.megabytes} MB, {args.method}; the Markdown writer is {writer()}")
    with tempfile.TemporaryDirectory(prefix="bench-") as name:
        steps = [run_step(*command) for command in commands(archive, Path(name), args.min_votes)]
    show("as measured", steps)
    scale = args.posts * 1e3 / (args.megabytes * SHARES["Posts"])
    reckoned = [
        step._replace(
            read=round(step.read * scale),
            written=round(step.written * scale),
            cpu=step.cpu * scale,
            wall=step.wall * scale,
        )
        for step in steps
    ]
    show(f"reckoned for {args.posts} GB of Posts.xml", reckoned)


def commands(archive: Path, work: Path, min_votes: str) -> list[tuple[str, list[str], Path]]:
    """Each step's name, its command, and the report with its counts."""
    pairs = work / "pairs" / "grown" / "unfiltered.jsonl"
    voted, repaired, checked = (work / f"{name}.jsonl" for name in ("voted", "repaired", "checked"))
    lengths = ("--min_response_chars", "200", "--max_response_chars", "8000")
    votes = ("--min_answer_votes", min_votes, "--max_answers_per_question", "1", *lengths)
    formats = ("--formats", "alpha", "chat_prompt_completion", "--split", "train:0.95", "validation:0.05")
    return [
        step("get_stackexchange.py", "--dump_path", archive, "--destdir", work / "pairs", report=pairs.parent),
        step("filter_for_score.py", "--inputpath", pairs, "--destpath", voted, *votes, report=voted),
        step("repair_answers.py", "--inputpath", voted, "--destpath", repaired, report=repaired),
        step("filter_for_criteria.py", "--inputpath", repaired, "--destpath", checked, "--drop", "4,6", report=checked),
        step(
            "merge_datasets.py", "--inputpath", checked, "--destpath", work / "plain", *formats, report=work / "plain"
        ),
        step(
            *("merge_datasets.py", "--inputpath", checked, "--destpath", work / "made", *formats),
            *("--near_duplicates", "--pii", "mask"),
            report=work / "made",
        ),
    ]


def step(script: str, *args: object, report: Path) -> tuple[str, list[str], Path]:
    """A folder's report is in it, a file's beside it."""
    name = f"{script} --near_duplicates --pii" if "--near_duplicates" in args else script
    path = report.with_name(f"{report.name}.report.json") if report.suffix else report / "report.json"
    return name, [sys.executable, str(ROOT / script), *map(str, args)], path


def run_step(name: str, command: list[str], report: Path) -> Step:
    cost = measure(command)
    again = [*command, "--force"] if name == "get_stackexchange.py" else command
    peak = measure(again, memory=True).peak
    read, written = counts(json.loads(report.read_bytes()))
    return Step(name, read, written, cost.cpu, cost.wall, peak)


def counts(report: dict) -> tuple[int, int]:
    """The records that a step read and wrote, by its report."""
    found = report["counts"]
    if "pairs written" in found:
        return found["answers"], found["pairs written"]
    return found["read"], found.get("kept", found["read"])


def show(title: str, steps: list[Step]) -> None:
    whole = sum(step.cpu for step in steps[:4]) + steps[-1].cpu
    print(f"\n{title}")
    print(f"{'step':<44}{'read':>11}{'written':>11}{'CPU s':>10}{'wall s':>10}{'us a record':>13}{'share':>7}{'MB':>6}")
    for one in steps:
        share = f"{one.cpu / whole:.0%}" if one is not steps[-2] else ""
        print(
            f"{one.name:<44}{one.read:>11,}{one.written:>11,}{one.cpu:>10,.1f}{one.wall:>10,.1f}"
            f"{one.cpu / max(one.read, 1) * 1e6:>13,.0f}{share:>7}{one.peak:>6.0f}"
        )


if __name__ == "__main__":
    main()
