"""Speed and memory of merging sources (Linux).

    python -m benchmarks.merge                             100,000 records
    python -m benchmarks.merge --records 1000000           the size for which README.md gives aims
    python -m benchmarks.merge --flags --formats messages --near_duplicates

Repeats real records (from real dumps, else the sample's) up to the number asked for, each with a line of its own, and
writes every tenth twice, the second time with other white space. Prints megabytes of input a CPU second, the peak
memory (PSS), and the number of duplicates found.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import tempfile
from collections.abc import Iterator
from itertools import cycle
from pathlib import Path
from typing import Any

from benchmarks.dumps import ROOT, add_dumps, read_dump
from benchmarks.measure import measure

SITES = ("ai", "bioinformatics", "matheducators")
SAMPLE = ROOT / "sample" / "harbour.stackexchange.com"


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    add = parser.add_argument
    add("--records", type=int, default=100_000, metavar="N", help="different records (default: 100,000)")
    add_dumps(parser)
    add(
        "--flags",
        nargs=argparse.REMAINDER,
        default=[],
        metavar="FLAG",
        help="flags of merge_datasets.py; must come last",
    )
    return parser.parse_args()


def main() -> None:
    args = arguments()
    with tempfile.TemporaryDirectory() as folder:
        source, destination = Path(folder, "in.jsonl"), Path(folder, "dataset")
        written = write(source, real_records(args.dumps), args.records)
        size = source.stat().st_size / 1e6
        command = ["merge_datasets.py", "--inputpath", str(source), "--destpath", str(destination), *args.flags]
        os.chdir(ROOT)
        cost = measure([sys.executable, *command], memory=True)
        counts = json.loads((destination / "report.json").read_bytes())["counts"]
    found, planted = counts["dropped"].get("exact duplicate", 0), written - args.records
    print(f"{written:,} records, {size:.0f} MB: {size / cost.cpu:.0f} MB a CPU second ({cost.cpu:.1f} s)")
    print(f"{written / cost.cpu:,.0f} records a CPU second; peak memory {cost.peak:.0f} MB")
    print(f"exact duplicates: {found:,} of {planted:,} planted")


def real_records(dumps: Path) -> list[dict[str, Any]]:
    archives = [archive for site in SITES for archive in sorted(dumps.rglob(f"{site}.stackexchange.com.7z"))]
    return [record for dump in archives or [SAMPLE] for record in read_dump(dump)]


def write(path: Path, records: list[dict[str, Any]], number: int) -> int:
    """Write that many different records, and duplicates; returns how many in all."""
    written = 0
    with path.open("w", encoding="utf-8") as out:
        for record in grown(records, number):
            out.write(json.dumps(record, ensure_ascii=False) + "\n")
            written += 1
    return written


def grown(records: list[dict[str, Any]], number: int) -> Iterator[dict[str, Any]]:
    for copy, record in zip(range(number), cycle(records), strict=False):
        one = {**record, "id": f"{record['id']}/{copy}", "response": f"{record['response']}\n\nNote {copy}."}
        yield one
        if copy % 10 == 0:
            yield {**one, "id": f"{one['id']}/again", "response": one["response"].replace("\n\n", "\n \n")}


if __name__ == "__main__":
    main()
