"""How long a reviewer waits for the next example, a filter or an order: the kernel's part of the widget.

    python -m benchmarks.viewer                                            the sample site, repeated to 100,000 records
    python -m benchmarks.viewer --inputpath stack-exchange/math/unfiltered.jsonl

Prints milliseconds of wall time (the median, the 99th percentile and the longest) and of CPU time (the mean), and how
many formulas are shown as source because they cannot be converted. The browser's time is not included. A filter that
nothing matches is the longest search. While the findings are being computed, it is measured how soon another choice
ends it; then the findings of all records are waited for, which takes minutes.
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
from functools import partial
from pathlib import Path
from typing import Any

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
        print(f"{'':<34}{'median':>8}{'99 %':>8}{'longest':>9}{'CPU':>8}  ms")
        timed("open", lambda: opening.append(Viewer(data, Path(folder, "judgements.yaml"))), 1)
        [viewer] = opening
        time.sleep(3)  # the reviewer reads, and the criteria load their language model
        draw, html = random.Random(0), []
        go_to = control(viewer, "goto")

        def show() -> None:
            go_to.value = str(draw.randrange(records) + 1)
            viewer.wait()
            html.append(control(viewer, "answer").children[-1].value)

        with open(data, "rb") as lines:
            records = sum(1 for _ in lines)
        timed("show an example", show, args.examples)
        timed("accept, and show the next", control(viewer, "accept").click, args.examples // 5)
        measure_filters(viewer)
    formulas, sources = (sum(answer.count(mark) for answer in html) for mark in ("<math", 'class="unrendered"'))
    print(f"formulas in the answers: {formulas + sources:,}, of them shown as their source: {sources:,}")


def measure_filters(viewer: Viewer) -> None:
    """Print how long filters and orders take while the findings are being computed, and when all are known."""
    findings, show, order = (control(viewer, name) for name in ("findings-filter", "show", "order"))
    criteria = dict(findings.options)

    def choose(field: Any, value: object, *, wait: bool = True) -> None:
        field.value = value
        if wait:
            viewer.wait()

    timed("filter 6, cold, first hit", lambda: choose(findings, criteria["criterion 6"]), 1)
    timed("filter 2, cold, until it lets go", lambda: choose(findings, criteria["criterion 2"], wait=False), 1)
    timed("another filter ends it", lambda: choose(findings, criteria["findings: all"]), 1)
    started = time.perf_counter()
    viewer.wait(for_background=True)
    print(f"all findings are known after {time.perf_counter() - started:,.0f} more seconds")
    for name in ("criterion 6", "criterion 2", "findings: all"):
        timed(f"filter {name}, first hit", partial(choose, findings, criteria[name]), 1)
    timed("filter rejected, in vain", lambda: choose(show, "rejected"), 1)
    choose(show, "all")
    for name in ("by score", "random", "file order"):
        timed(f"order {name}", partial(choose, order, name), 1)


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
    print(f"{name:<34}{median:>8.1f}{percentile_99:>8.1f}{longest:>9.1f}{cpu:>8.1f}")


if __name__ == "__main__":
    main()
