"""Step 1 compared with its lower bound: what 7-Zip needs only to unpack Posts.xml, without writing it.

Grows a dump from real ones (tools/grow_dump.py; needs 7zz, Debian package 7zip), and runs `7zz e -so` and
get_stackexchange.py in turn, so that a noisy machine is noisy for both. Prints CPU seconds and wall time of both with
their ratios, pair by pair, the gain over one core, and peak memory (PSS) of all processes.

    python -m benchmarks.step1 --megabytes 400
    python -m benchmarks.step1 --megabytes 4000 --order random --rounds 1
"""

from __future__ import annotations

import argparse
import statistics
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from benchmarks.dumps import ROOT, add_dumps
from benchmarks.measure import Cost, measure
from benchmarks.tools.grow_dump import METHODS, ORDERS, grow_dump
from stackdump import native

HOST = "grown.stackexchange.com"
CACHE = Path(tempfile.gettempdir()) / "grown-dumps"


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    add = parser.add_argument
    add("--megabytes", type=int, default=400, help="all tables unpacked; Posts.xml is 29 %% of it (default: 400)")
    add("--method", choices=METHODS, default="bzip2", help="default: bzip2, as dumps up to 2025")
    add("--order", choices=ORDERS, default="id", help="of the rows (default: id)")
    add("--cores", type=int, default=2, help="default: 2")
    add("--no_authors", action="store_true", help="do not read Users.xml, as the floor does not")
    add("--rounds", type=int, default=3, help="pairs of runs (default: 3)")
    add("--cache", type=Path, default=CACHE, help="where grown dumps are kept")
    add_dumps(parser)
    return parser.parse_args()


def main() -> None:
    args = arguments()
    archive = grown_dump(args.cache, args.dumps, args.megabytes, args.method, args.order)
    extra = ["--no_authors"] if args.no_authors else []
    floor_command = ["7zz", "e", "-so", f"-mmt={args.cores}", str(archive), "Posts.xml"]
    print(
        f"{args.megabytes} MB, {args.method}, rows by {args.order}: {archive.stat().st_size / 1e6:.0f} MB packed;"
        f" the Markdown writer is {writer()}"
    )
    print(f"{'':8}{'floor cpu':>10}{'wall':>8}{'step 1 cpu':>12}{'wall':>8}{'cpu ratio':>11}{'wall ratio':>12}")
    cpu_ratios, wall_ratios, gains, above = [], [], [], []
    for number in range(1, args.rounds + 1):
        floor, ours = measure(floor_command, args.cores), convert(archive, args.cores, extra)
        cpu_ratios.append(ours.cpu / floor.cpu)
        wall_ratios.append(ours.wall / floor.wall)
        above.append(ours.cpu - floor.cpu)
        print(
            f"pair {number:<3}{floor.cpu:>10.2f}{floor.wall:>8.2f}{ours.cpu:>12.2f}{ours.wall:>8.2f}"
            f"{cpu_ratios[-1]:>11.2f}{wall_ratios[-1]:>12.2f}"
        )
        gains.append(convert(archive, 1, extra).wall / ours.wall)
    print(f"cpu: {spread(cpu_ratios)} times the floor, {spread(above)} s above it; wall: {spread(wall_ratios)} times")
    print(f"on {args.cores} cores {statistics.median(gains):.2f} times as fast as on one")
    print(f"peak memory of all processes: {convert(archive, args.cores, extra, memory=True).peak:.0f} MB")


def spread(values: list[float]) -> str:
    """The median, with the least and the most."""
    return f"{statistics.median(values):.2f} ({min(values):.2f} to {max(values):.2f})"


def writer() -> str:
    return "compiled" if native.is_compiled() else "in Python"


def convert(archive: Path, cores: int, extra: Sequence[str] = (), memory: bool = False) -> Cost:
    """One run of step 1 on so many cores, with a worker on each; its output is deleted."""
    with tempfile.TemporaryDirectory(prefix="bench-") as folder:
        command = [sys.executable, str(ROOT / "get_stackexchange.py"), "--dump_path", str(archive)]
        return measure([*command, "--destdir", folder, "--workers", str(cores), *extra], cores, memory)


def grown_dump(cache: Path, dumps: Path, megabytes: int, method: str = "bzip2", order: str = "id") -> Path:
    """The dump to measure with, grown unless it is in the cache."""
    archive = cache / f"{megabytes}-{method}-{order}" / f"{HOST}.7z"
    if not archive.exists():
        archive.parent.mkdir(parents=True, exist_ok=True)
        grow_dump(archive, dumps, megabytes, method, order)
    return archive


if __name__ == "__main__":
    main()
