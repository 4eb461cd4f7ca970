"""Speed and memory of making pairs of answers (Linux).

    python -m benchmarks.preferences                       100,000 answers
    python -m benchmarks.preferences --answers 1000000

Repeats real records (from real dumps, else the sample's) in the order of step 1 up to the number asked for, each time
as other questions. Prints pairs a CPU second, the CPU time against that of only reading and writing the same lines as
JSON, and the peak memory (PSS).
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import tempfile
from collections.abc import Iterator
from itertools import count, islice
from pathlib import Path
from typing import Any

import orjson

from benchmarks.dumps import ROOT, add_dumps
from benchmarks.measure import measure
from benchmarks.merge import real_records

APART = 10**9  # between the question ids of two copies
COPY = (
    "import sys, orjson\nfor line in open(sys.argv[1], 'rb'): sys.stdout.buffer.write(orjson.dumps(orjson.loads(line)))"
)


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--answers", type=int, default=100_000, metavar="N", help="in the input (default: 100,000)")
    add_dumps(parser)
    return parser.parse_args()


def main() -> None:
    args = arguments()
    with tempfile.TemporaryDirectory() as folder:
        source, destination = Path(folder, "in.jsonl"), Path(folder, "made")
        with source.open("wb") as out:
            out.writelines(
                orjson.dumps(record, option=orjson.OPT_APPEND_NEWLINE)
                for record in islice(copies(real_records(args.dumps)), args.answers)
            )
        os.chdir(ROOT)
        floor = measure([sys.executable, "-c", COPY, str(source)])
        command = [sys.executable, "make_preferences.py", "--inputpath", str(source), "--destpath", str(destination)]
        cost = measure(command, memory=True)
        pairs = json.loads((destination / "report.json").read_bytes())["counts"]["kept"]
        size, written = source.stat().st_size / 1e6, (destination / "pairs" / "train.jsonl").stat().st_size / 1e6
    print(f"{args.answers:,} answers, {size:.0f} MB -> {pairs:,} pairs, {written:.0f} MB of JSON lines, and Parquet")
    print(f"{pairs / cost.cpu:,.0f} pairs a CPU second ({cost.cpu:.1f} s); peak memory {cost.peak:.0f} MB")
    print(f"{cost.cpu / floor.cpu:.1f} times the CPU time of reading and writing the answers ({floor.cpu:.1f} s)")


def copies(records: list[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    """The records again and again, each time with other ids and texts."""
    for copy in count():
        for record in records:
            meta = {name: value for name, value in record["meta"].items() if name != "question_url"}
            yield {
                **record,
                "id": f"{record['id']}/{copy}",
                "response": f"{record['response']}\n\nNote {copy}.",
                "meta": {**meta, "question_id": meta["question_id"] + copy * APART},
            }


if __name__ == "__main__":
    main()
