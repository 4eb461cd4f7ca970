"""Speed and memory of reading other sources: get_hh_rlhf.py on an invented file of a given size.

    python -m benchmarks.sources                         400 MB of red-team attempts, one JSON array in a .jsonl.gz
    python -m benchmarks.sources --form lines --megabytes 100

Prints the size, megabytes of JSON a second, and the peak memory of the script's process.
"""

from __future__ import annotations

import argparse
import gzip
import json
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
WORDS = "The harbour master watches boats come in under sail and asks whether they need a berth for the night."


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    add = parser.add_argument
    add("--megabytes", type=int, default=400, metavar="N", help="of JSON, before compression (default: 400)")
    add("--form", choices=("array", "lines"), default="array", help="a JSON array (default), or JSON lines")
    add("--row_chars", type=int, default=4000, metavar="N", help="the length of a row's transcript (default: 4000)")
    return parser.parse_args()


def main() -> None:
    args = arguments()
    with tempfile.TemporaryDirectory() as folder:
        source = Path(folder, "red_team_attempts.jsonl.gz")
        rows = write(source, args.megabytes * 1_000_000, args.form, args.row_chars)
        began = time.perf_counter()
        command = ["get_hh_rlhf.py", "--subset", "harmless", "--inputpath", source, "--destpath", f"{folder}/out.jsonl"]
        subprocess.run([sys.executable, *map(str, command)], cwd=ROOT, check=True, capture_output=True)
        seconds = time.perf_counter() - began
    peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024
    print(
        f"{args.megabytes} MB, {args.form}, {rows:,} rows: "
        f"{args.megabytes / seconds:.0f} MB/s ({seconds:.1f} s), peak memory {peak:.0f} MiB"
    )


def write(path: Path, size: int, form: str, row_chars: int) -> int:
    """Write about `size` bytes of rows, and return how many."""
    written = rows = 0
    start, between, end = ("[", ", ", "]") if form == "array" else ("", "\n", "\n")
    with gzip.open(path, "wt", compresslevel=1) as out:
        out.write(start)
        for row in invented(row_chars):
            text = json.dumps(row)
            out.write((between if written else "") + text)
            written += len(text) + len(between)
            rows += 1
            if written >= size:
                break
        out.write(end)
    return rows


def invented(row_chars: int) -> Iterator[dict[str, object]]:
    """An endless stream of rows, no two with the same instruction."""
    turns = WORDS * (row_chars // len(WORDS) // 2 + 1)
    number = 0
    while True:
        number += 1
        transcript = f"\n\nHuman: Boat {number}: may I come in?\n\nAssistant: {turns}\n\nHuman: {turns}"
        yield {"transcript": transcript, "rating": float(number % 5), "model_type": "rlhf", "tags": None}


if __name__ == "__main__":
    main()
