"""The cluster against this machine's own processes: the same ranges of one dump, converted by both in turn.

Starts a scheduler and workers on this machine (distributed.LocalCluster), as many as --workers, so that what differs is the way
that ranges take: through a scheduler, pickled twice, or through a pipe. Reads the dump before each turn, and prints how
fast that is too: reading is the one part of a site that no cluster makes faster.

    python -m benchmarks.cluster --megabytes 400
    python -m benchmarks.cluster --dump_path ~/dumps/math.stackexchange.com.7z --workers 8
"""

from __future__ import annotations

import argparse
import resource
import statistics
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import Executor
from dataclasses import dataclass
from pathlib import Path

from distributed import LocalCluster

from benchmarks.step1 import ROOT, grown_dump
from stackdump.cluster import Cluster
from stackdump.convert import BODY_SOURCES, Conversion, make_pool
from stackdump.dumps import local_dumps


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    add = parser.add_argument
    add("--dump_path", type=Path, help="a dump of one site (default: one grown out of ../shared)")
    add("--megabytes", type=int, default=400, help="of the grown dump, all tables unpacked (default: 400)")
    add("--workers", type=int, default=2, help="of each side (default: 2)")
    add("--rounds", type=int, default=3, help="turns of each side (default: 3)")
    add("--body_source", choices=BODY_SOURCES, default="html", help="as of get_stackexchange.py (default: html)")
    args = parser.parse_args()
    args.shared, args.cache = ROOT.parent / "shared", Path(tempfile.gettempdir()) / "grown-dumps"
    args.method, args.order = "bzip2", "id"
    return args


@dataclass(frozen=True)
class Turn:
    """What one conversion of the dump took."""

    ranges: int
    rows: float  # MB
    posts: float  # MB of Posts.xml
    reading: float  # seconds of wall time
    reading_cpu: float  # seconds of this process and of its decoder
    converting: float  # seconds of wall time


def main() -> None:
    args = arguments()
    dump_path = args.dump_path or grown_dump(args)
    sides: dict[str, list[Turn]] = {"processes": [], "cluster": []}
    with LocalCluster(
        n_workers=args.workers, threads_per_worker=1, host="127.0.0.1", dashboard_address="127.0.0.1:0"
    ) as cluster:
        for _ in range(args.rounds):
            sides["processes"].append(turn(dump_path, args, lambda: make_pool(args.workers)))
            sides["cluster"].append(turn(dump_path, args, lambda: Cluster(cluster.scheduler_address)))
    best = min((one for turns in sides.values() for one in turns), key=lambda one: one.reading)
    print(
        f"{best.posts:.0f} MB of Posts.xml, {best.ranges} ranges, {args.workers} workers a side, {args.rounds} rounds"
    )
    print(f"reading: {best.posts / best.reading:.0f} MB/s, {best.posts / best.reading_cpu:.0f} MB a CPU second")
    for name, turns in sides.items():
        times = sorted(one.converting for one in turns)
        median = statistics.median(times)
        print(
            f"converting, {name:<9} {best.ranges / median:6.2f} ranges/s, {best.rows / median:6.2f} MB/s"
            f" (s: {', '.join(f'{seconds:.2f}' for seconds in times)})"
        )
    ratios = [
        ours.converting / theirs.converting for ours, theirs in zip(sides["cluster"], sides["processes"], strict=True)
    ]
    print(f"cluster / processes, median of the pairs: {statistics.median(ratios):.2f} times as long")


def turn(dump_path: Path, args: argparse.Namespace, make: Callable[[], Executor]) -> Turn:
    """Read the dump and convert it once."""
    [(site, dump)] = local_dumps(dump_path).items()
    with (
        make() as pool,
        tempfile.TemporaryDirectory(prefix="bench-") as folder,
        Conversion(site, dump, Path(folder) / "work", workers=args.workers, body_source=args.body_source) as conversion,
    ):
        began, cpu = time.monotonic(), cpu_seconds()
        conversion.read()
        reading, reading_cpu = time.monotonic() - began, cpu_seconds() - cpu
        ranges = conversion.spool.ranges()
        rows = sum(path.stat().st_size for path in ranges) / 1e6
        posts = next(member["size"] for member in conversion.members if "posts" in member["name"].lower()) / 1e6
        began = time.monotonic()
        for _ in conversion.lines(pool, args.workers):
            pass
        return Turn(len(ranges), rows, posts, reading, reading_cpu, time.monotonic() - began)


def cpu_seconds() -> float:
    """Of this process and of those of its children that have ended."""
    return sum(
        usage.ru_utime + usage.ru_stime
        for usage in map(resource.getrusage, (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    )


if __name__ == "__main__":
    main()
