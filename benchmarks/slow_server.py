"""Step 1 from a slow server, compared with the larger of the download alone and the processing alone.

Serves a grown dump with the demo's stand-in for archive.org (sample/archive_server.py) at a limited rate on each
connection, and measures in turn: a plain download of the same packed streams, the conversion of the local archive, and
step 1 from the server.

    python -m benchmarks.slow_server --rate 10
"""

from __future__ import annotations

import argparse
import shutil
import statistics
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import requests

from benchmarks.dumps import ROOT, add_dumps
from benchmarks.measure import measure
from benchmarks.step1 import CACHE, HOST, convert, grown_dump
from sample.archive_server import ArchiveServer, Fault
from stackdump.archive_files import LocalFile
from stackdump.sevenzip import Archive

ITEM = "stackexchange_grown"
CORES = 2


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    add = parser.add_argument
    add("--rate", type=float, default=5.0, help="MB/s of a connection (default: 5)")
    add("--megabytes", type=int, default=400, help="of the grown dump, all tables unpacked (default: 400)")
    add("--rounds", type=int, default=3, help="default: 3")
    add("--cache", type=Path, default=CACHE, help="where grown dumps are kept")
    add_dumps(parser)
    return parser.parse_args()


def main() -> None:
    args = arguments()
    archive = grown_dump(args.cache, args.dumps, args.megabytes)
    spans = wanted_spans(archive)
    megabytes = sum(end - start for start, end in spans) / 1e6
    print(f"{megabytes:.1f} MB of packed streams at {args.rate} MB/s")
    print(f"{'':8}{'download':>10}{'processing':>12}{'both':>8}{'ratio':>8}")
    ratios = []
    with served(archive, int(args.rate * 1e6)) as url:
        for number in range(1, args.rounds + 1):
            alone = download(f"{url}/download/{ITEM}/{archive.name}", spans)
            processing = convert(archive, CORES).wall
            both = from_server(url, CORES)
            ratios.append(both / max(alone, processing))
            print(f"round {number:<2}{alone:>10.2f}{processing:>12.2f}{both:>8.2f}{ratios[-1]:>8.2f}")
    print(f"median: {statistics.median(ratios):.2f} times the larger of the two")


def wanted_spans(archive: Path) -> list[tuple[int, int]]:
    """Where the packed streams of Posts.xml and Users.xml are in the archive, as (start, end)."""
    source = Archive(LocalFile(archive), 1)
    members = [member for name in ("Posts", "Users") if (member := source.find(name))]
    return sorted({(member.start, member.end) for member in members})


@contextmanager
def served(archive: Path, rate: int) -> Iterator[str]:
    """The address of a server with the archive in an item, which sends `rate` bytes a second on a connection."""
    with tempfile.TemporaryDirectory(prefix="bench-") as name:
        folder = Path(name, ITEM)
        folder.mkdir(parents=True)
        shutil.copy(archive, folder / f"{HOST}.7z")
        with ArchiveServer(Path(name), lambda request: Fault(rate=rate)) as server:
            yield server.url


def download(url: str, spans: list[tuple[int, int]]) -> float:
    """Seconds to download the spans, one after the other, without doing anything with them."""
    began = time.monotonic()
    for start, end in spans:
        with requests.get(url, headers={"Range": f"bytes={start}-{end - 1}"}, stream=True, timeout=60) as response:
            response.raise_for_status()
            for _ in response.iter_content(1 << 16):
                pass
    return time.monotonic() - began


def from_server(url: str, cores: int) -> float:
    """Seconds that step 1 takes."""
    with tempfile.TemporaryDirectory(prefix="bench-") as folder:
        command = [
            sys.executable,
            str(ROOT / "get_stackexchange.py"),
            "--base_url",
            url,
            "--dump",
            ITEM,
            "--destdir",
            folder,
        ]
        return measure([*command, "--sites", HOST, "--workers", str(cores)], cores).wall


if __name__ == "__main__":
    main()
