"""How long a reviewer waits for the next example: the kernel's part of the widget, with its findings and its HTML.

    python -m benchmarks.viewer                                            the sample site, repeated to 100,000 records
    python -m benchmarks.viewer --inputpath stack-exchange/math/unfiltered.jsonl

Prints milliseconds of wall time (the median, the 99th percentile and the longest) and of CPU time (the mean), and how
many formulas are shown as source because they cannot be converted. The browser's time is not included.
"""

from __future__ import annotations

import argparse
import itertools
import json
import random
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from viewer import Viewer

ROOT = Path(__file__).resolve().parent.parent


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    add = parser.add_argument
    add("--inputpath", metavar="PATH", help=".jsonl of records (default: the sample site's, again and again)")
    add("--records", type=int, default=100_000, metavar="N", help="records of the sample site (default: 100000)")
    add("--examples", type=int, default=500, metavar="N", help="examples to show, drawn at random (default: 500)")
    return parser.parse_args()


def main() -> None:
    args = arguments()
    with tempfile.TemporaryDirectory() as folder:
        data = Path(args.inputpath) if args.inputpath else repeated_sample(Path(folder), args.records)
        opening: list[Viewer] = []
        print(f"{'':<28}{'median':>8}{'99 %':>8}{'longest':>9}{'CPU':>8}  ms")
        timed("open", lambda: opening.append(Viewer(data, Path(folder, "judgements.yaml"))), 1)
        [viewer] = opening
        time.sleep(3)  # the reviewer reads, and the criteria load their language model
        draw, html = random.Random(0), []
        go_to = control(viewer, "goto")

        def show() -> None:
            go_to.value = str(draw.randrange(records) + 1)
            html.append(control(viewer, "answer").children[-1].value)

        with open(data, "rb") as lines:
            records = sum(1 for _ in lines)
        timed("show an example", show, args.examples)
        timed("accept, and show the next", control(viewer, "accept").click, args.examples // 5)
    formulas, sources = (sum(answer.count(mark) for answer in html) for mark in ("<math", 'class="unrendered"'))
    print(f"formulas in the answers: {formulas + sources:,}, of them shown as their source: {sources:,}")


def repeated_sample(folder: Path, records: int) -> Path:
    """A file with this many records of the sample site, with different ids."""
    convert = [
        sys.executable,
        "get_stackexchange.py",
        "--dump_path",
        "sample/harbour.stackexchange.com",
        "--destdir",
        folder,
    ]
    subprocess.run(convert, cwd=ROOT, check=True, stderr=subprocess.DEVNULL)
    sample = [json.loads(line) for line in (folder / "harbour" / "unfiltered.jsonl").read_bytes().splitlines()]
    path = folder / "records.jsonl"
    with open(path, "w") as out:
        for number, record in enumerate(itertools.islice(itertools.cycle(sample), records)):
            out.write(json.dumps({**record, "id": f"{record['id']}/{number}"}) + "\n")
    return path


def control(viewer: Viewer, name: str):
    """The first control with this class."""
    left = [viewer.widget]
    while f"review-{name}" not in getattr(left[0], "_dom_classes", ()):
        left += getattr(left.pop(0), "children", ())
    return left[0]


def timed(name: str, do: Callable[[], object], times: int) -> None:
    durations, started = [], time.process_time()
    for _ in range(times):
        begin = time.perf_counter()
        do()
        durations.append(1000 * (time.perf_counter() - begin))
    cpu = 1000 * (time.process_time() - started) / times
    percentile_99 = sorted(durations)[int(0.99 * (times - 1))]
    median, longest = statistics.median(durations), max(durations)
    print(f"{name:<28}{median:>8.1f}{percentile_99:>8.1f}{longest:>9.1f}{cpu:>8.1f}")


if __name__ == "__main__":
    main()
