"""The cluster compared with local processes: one dump, converted by both in turn.

Starts a scheduler and --workers workers on this machine (distributed.LocalCluster), so that only the way of the posts
differs: through a scheduler, pickled twice, or through a pipe. Also prints the CPU seconds of the process that sends
them, which no cluster reduces.

    python -m benchmarks.cluster --megabytes 400
    python -m benchmarks.cluster --dump_path ~/dumps/math.stackexchange.com.7z --workers 8
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import Executor
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from distributed import LocalCluster

from benchmarks.dumps import add_dumps
from benchmarks.step1 import CACHE, grown_dump
from records.workers import make_pool
from stackdump.cluster import Cluster
from stackdump.convert import Conversion
from stackdump.local_dumps import local_dumps
from stackdump.options import BODY_SOURCES
from stackdump.run_sites import WORKER_NICENESS


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    add = parser.add_argument
    add("--dump_path", type=Path, help="a dump of one site (default: one grown from --dumps)")
    add("--megabytes", type=int, default=400, help="of the grown dump, all tables unpacked (default: 400)")
    add("--workers", type=int, default=2, help="of each side (default: 2)")
    add("--rounds", type=int, default=3, help="runs of each side (default: 3)")
    add("--body_source", choices=BODY_SOURCES, default="html", help="as of get_stackexchange.py (default: html)")
    add_dumps(parser)
    return parser.parse_args()


@dataclass(frozen=True)
class Turn:
    """What one conversion of the dump took, in seconds."""

    placing: float  # wall time: unpacking, and posts on the workers
    joining: float  # wall time
    own_cpu: float  # of this process, which splits the dump, sends it, and receives the results


def main() -> None:
    args = arguments()
    dump_path = args.dump_path or grown_dump(CACHE, args.dumps, args.megabytes)
    sides: dict[str, list[Turn]] = {"processes": [], "cluster": []}
    with LocalCluster(
        n_workers=args.workers, threads_per_worker=1, host="127.0.0.1", dashboard_address="127.0.0.1:0"
    ) as cluster:
        for _ in range(args.rounds):
            sides["processes"].append(
                turn(lambda: make_pool(args.workers, WORKER_NICENESS), dump_path, args.workers, args.body_source)
            )
            sides["cluster"].append(
                turn(lambda: Cluster(cluster.scheduler_address), dump_path, args.workers, args.body_source)
            )
    megabytes = posts_size(dump_path) / 1e6
    print(f"{megabytes:.0f} MB of Posts.xml, {args.workers} workers a side, median of {args.rounds} rounds")
    print(f"{'':11}{'placing s':>10}{'joining s':>10}{'MB/s':>8}{'own CPU s':>11}{'MB/CPU s':>10}")
    for name, turns in sides.items():
        placing, joining, own = (
            statistics.median(getattr(one, field) for one in turns) for field in ("placing", "joining", "own_cpu")
        )
        rate = megabytes / (placing + joining)
        print(f"{name:<11}{placing:>10.2f}{joining:>10.2f}{rate:>8.1f}{own:>11.2f}{megabytes / own:>10.0f}")
    ratios = [
        (ours.placing + ours.joining) / (theirs.placing + theirs.joining)
        for ours, theirs in zip(sides["cluster"], sides["processes"], strict=True)
    ]
    print(f"cluster / processes, median of the pairs: {statistics.median(ratios):.2f} times as long")


def turn(make: Callable[[], Executor], dump_path: Path, workers: int, body_source: str) -> Turn:
    """Convert the dump once, on what `make` makes."""
    [(site, dump)] = local_dumps(dump_path).items()
    with (
        make() as pool,
        tempfile.TemporaryDirectory(prefix="bench-") as folder,
        Conversion(
            site,
            dump,
            Path(folder) / "work",
            pool,
            workers,
            here=not isinstance(pool, Cluster),
            body_source=body_source,
        ) as conversion,
    ):
        began, cpu = time.monotonic(), time.process_time()
        conversion.read()
        placed = time.monotonic()
        for _ in conversion.lines():
            pass
        return Turn(placed - began, time.monotonic() - placed, time.process_time() - cpu)


def posts_size(dump_path: Path) -> int:
    """Bytes of Posts.xml."""
    [dump] = local_dumps(dump_path).values()
    with (
        tempfile.TemporaryDirectory(prefix="bench-") as folder,
        closing(dump.tables(("Posts",), Path(folder), 1)) as tables,
    ):
        return next(tables).size


if __name__ == "__main__":
    main()
