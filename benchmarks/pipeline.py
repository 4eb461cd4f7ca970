"""What the whole recipe costs, step by step, on a grown dump: from the archive to the data set (Linux).

    python -m benchmarks.pipeline                        a dump of 400 MB: two minutes of CPU time
    python -m benchmarks.pipeline --megabytes 4000       ten times as much; best on a machine that does nothing else

The commands are those of README's recipe, without a reviewer; below them, what each part of the merge costs alone: near
duplicates, benchmark items, personal data, and every format. Each runs three times: for CPU seconds and wall time, for
the peak memory (PSS of all its processes), because sampling it takes time, and on its first records, for what it takes
to start; what is left is divided by the other records. Of a part of the merge, the time a record is also given without
that of the merge that only writes the tuple files. The last table is reckoned from the first: the start as it is,
all other time times the ratio of the sizes of Posts.xml. Grown dumps repeat posts with some words changed, so many are
near duplicates of each other, more than in real ones.

Temporary files are in the folder that TMPDIR names (default: /tmp), and are removed at the end: about as much as the
dump unpacked, twice that with --min_votes 0 (8 GB for 4,000 MB). The dump is grown and stays in --cache: as much again
while it is grown, and packed a tenth of that.
"""

from __future__ import annotations

import argparse
import json
import random
import shutil
import sys
import tempfile
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import NamedTuple

from benchmarks.dumps import ROOT, add_dumps
from benchmarks.measure import measure
from benchmarks.step1 import CACHE, grown_dump, writer
from benchmarks.tools.grow_dump import SHARES
from merging.formats import FORMATS

MATH_POSTS = 3.7  # GB: Posts.xml of math.stackexchange.com in the dump of March 2020
SAMPLE = ROOT / "sample" / "harbour.stackexchange.com"
FIRST = 100  # records on which a step is measured that hardly does more than start


class Command(NamedTuple):
    """A step, or a part of the merge alone."""

    name: str
    source: Path  # what it reads
    destination: Path
    line: list[str]  # of the shell, with SOURCE and DESTINATION in their places
    of_recipe: bool = True


PLAIN_MERGE = "merge_datasets.py"
SOURCE, DESTINATION = "<source>", "<destination>"


class Step(NamedTuple):
    """A step as it was measured."""

    name: str
    of_recipe: bool
    read: int  # records, of step 1 answers
    written: int
    cpu: float  # seconds
    wall: float
    start: float  # CPU seconds that it takes with hardly any records,
    start_wall: float
    start_read: int  # and how many these were
    peak: float  # MB

    @property
    def microseconds(self) -> float:
        """CPU time of a record, without the start."""
        return (self.cpu - self.start) / max(self.read - self.start_read, 1) * 1e6

    def times(self, scale: float) -> Step:
        """The same for more records."""
        return self._replace(
            read=round(self.read * scale),
            written=round(self.written * scale),
            cpu=self.start + (self.cpu - self.start) * scale,
            wall=self.start_wall + (self.wall - self.start_wall) * scale,
        )


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    add = parser.add_argument
    add("--megabytes", type=int, default=400, metavar="N", help="of the dump, unpacked (default: 400)")
    add("--method", choices=("bzip2", "lzma2"), default="lzma2", help="of its archive (default: lzma2, as since 2026)")
    add("--min_votes", default="5", metavar="N", help="of the answers (default: 5); 0 keeps nearly all")
    add(
        "--decontaminate",
        type=Path,
        nargs="+",
        metavar="PATH",
        help="benchmark files, .txt with an item a line (default: invented items, as many and as long as those of "
        "MMLU, GSM8K and HumanEval)",
    )
    add(
        "--posts",
        type=float,
        default=MATH_POSTS,
        metavar="GB",
        help=f"of Posts.xml to reckon for (default: {MATH_POSTS}, math.stackexchange.com's of March 2020)",
    )
    add("--cache", type=Path, default=CACHE, metavar="DIR", help=f"where grown dumps are kept (default: {CACHE})")
    add_dumps(parser)
    return parser.parse_args()


def main() -> None:
    args = arguments()
    archive = grown_dump(args.cache, args.dumps, args.megabytes, args.method)
    print(f"{args.megabytes} MB, {args.method}; the Markdown writer is {writer()}")
    with tempfile.TemporaryDirectory(prefix="bench-") as name:
        work = Path(name)
        steps = [run_step(command, work) for command in recipe(archive, work, args.min_votes)]
        items = args.decontaminate or [invented_benchmark(work / "checked.jsonl", work / "items.txt")]
        steps += [run_step(command, work) for command in parts_of_merge(work, items)]
    show("as measured", steps)
    scale = args.posts * 1e3 / (args.megabytes * SHARES["Posts"])
    show(f"reckoned for {args.posts} GB of Posts.xml", [step.times(scale) for step in steps])


# ---- the commands ----------------------------------------------------------------------------------------------------
def recipe(archive: Path, work: Path, min_votes: str) -> Iterator[Command]:
    """The steps of README's recipe; of each output only what the next step reads is kept."""
    voted, repaired, checked = (work / f"{name}.jsonl" for name in ("voted", "repaired", "checked"))
    lengths = ("--min_response_chars", "200", "--max_response_chars", "8000")
    votes = ("--min_answer_votes", min_votes, "--max_answers_per_question", "1", *lengths)
    line = ["get_stackexchange.py", "--dump_path", SOURCE, "--destdir", DESTINATION]
    yield Command("get_stackexchange.py", archive, work / "pairs", line)
    pairs = work / "pairs" / "grown" / "unfiltered.jsonl"
    yield filtering("filter_for_score.py", pairs, voted, *votes)
    yield filtering("repair_answers.py", voted, repaired)
    yield filtering("filter_for_criteria.py", repaired, checked, "--drop", "4,6")
    formats = ("alpha", "chat_prompt_completion", "--split", "train:0.95", "validation:0.05")
    flags = ("--near_duplicates", "--pii", "mask")
    yield merging("merge_datasets.py, as in the recipe", checked, work, *formats, *flags)._replace(of_recipe=True)


def parts_of_merge(work: Path, items: list[Path]) -> Iterator[Command]:
    """A merge that only writes the tuple files, the same with each search, and each other format alone."""
    checked = work / "checked.jsonl"
    yield merging(PLAIN_MERGE, checked, work, "alpha")
    yield merging("  --near_duplicates", checked, work, "alpha", "--near_duplicates")
    yield merging("  --decontaminate", checked, work, "alpha", "--decontaminate", *map(str, items))
    yield merging("  --pii mask", checked, work, "alpha", "--pii", "mask")
    for name in FORMATS[1:]:
        yield merging(f"  --formats {name}", checked, work, name)


def filtering(script: str, source: Path, destination: Path, *flags: str) -> Command:
    return Command(script, source, destination, [script, "--inputpath", SOURCE, "--destpath", DESTINATION, *flags])


def merging(name: str, source: Path, work: Path, *formats_and_flags: str) -> Command:
    line = ["merge_datasets.py", "--inputpath", SOURCE, "--destpath", DESTINATION, "--formats", *formats_and_flags]
    return Command(name, source, work / "dataset", line, of_recipe=False)


def invented_benchmark(records: Path, path: Path) -> Path:
    """Write a file of invented items, an item a line; returns its path."""
    from benchmarks.invented_items import invented_items

    with records.open("rb") as lines:
        some = [json.loads(line) for line in islice(lines, 500)]
    path.write_text("".join(f"{item.text}\n" for item in invented_items(some, random.Random(3))), "utf-8")
    return path


# ---- running them ----------------------------------------------------------------------------------------------------
def run_step(command: Command, work: Path) -> Step:
    """Measure a step. Its destination stays if later steps need it; of a merge only the numbers do."""
    source, few = command.source, work / "few"
    start = measure(filled(command, few_of(command, work), few))
    start_read, _ = counts(report_of(few, command))
    remove(few)
    cost = measure(filled(command, source, command.destination))
    again = ["--force"] if command.line[0] == "get_stackexchange.py" else []
    peak = measure([*filled(command, source, command.destination), *again], memory=True).peak
    read, written = counts(report_of(command.destination, command))
    if command.line[0] == "merge_datasets.py":
        remove(command.destination)
    return Step(
        command.name,
        command.of_recipe,
        read,
        written,
        cost.cpu,
        cost.wall,
        min(start.cpu, cost.cpu),
        min(start.wall, cost.wall),  # on a busy machine the longer run may be the faster one
        start_read,
        peak,
    )


def few_of(command: Command, work: Path) -> Path:
    """An input of hardly any records: the sample site, or the first records of the input."""
    if command.line[0] == "get_stackexchange.py":
        return SAMPLE
    few = work / "first.jsonl"
    with command.source.open("rb") as lines:
        few.write_bytes(b"".join(islice(lines, FIRST)))
    return few


def filled(command: Command, source: Path, destination: Path) -> list[str]:
    places = {SOURCE: str(source), DESTINATION: str(destination)}
    script, *args = (places.get(word, word) for word in command.line)
    return [sys.executable, str(ROOT / script), *args]


def report_of(destination: Path, command: Command) -> Path:
    """A folder's report is in it, a site's in the folder of the site, a file's beside it."""
    if command.line[0] == "get_stackexchange.py":
        [report] = destination.glob("*/report.json")
        return report
    return destination / "report.json" if destination.is_dir() else Path(f"{destination}.report.json")


def remove(path: Path) -> None:
    if path.is_dir():
        shutil.rmtree(path)
    else:
        path.unlink()
        Path(f"{path}.report.json").unlink()


def counts(report: Path) -> tuple[int, int]:
    """The records that a step read and wrote, by its report."""
    found = json.loads(report.read_bytes())["counts"]
    if "pairs written" in found:
        return found["answers"], found["pairs written"]
    return found["read"], found.get("kept", found["read"])


def show(title: str, steps: list[Step]) -> None:
    whole = sum(step.cpu for step in steps if step.of_recipe)
    print(f"\n{title}")
    print(
        f"{'step':<36}{'read':>11}{'written':>11}{'CPU s':>10}{'wall s':>10}{'to start':>10}{'us a record':>13}"
        f"{'more':>7}{'share':>7}{'MB':>6}"
    )
    plain = next(step.microseconds for step in steps if step.name == PLAIN_MERGE)
    for one in steps:
        share = f"{one.cpu / whole:.0%}" if one.of_recipe else ""
        more = f"{one.microseconds - plain:+,.0f}" if one.name.startswith("  ") else ""
        print(
            f"{one.name:<36}{one.read:>11,}{one.written:>11,}{one.cpu:>10,.1f}{one.wall:>10,.1f}{one.start:>10.2f}"
            f"{one.microseconds:>13,.0f}{more:>7}{share:>7}{one.peak:>6.0f}"
        )
    recipe = [step for step in steps if step.of_recipe]
    print(f"{'the recipe':<58}{whole:>10,.1f}{sum(step.wall for step in recipe):>10,.1f}")


if __name__ == "__main__":
    main()
