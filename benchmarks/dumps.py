"""The real dumps that benchmarks work on: where they are, and their records."""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
FETCHED = ROOT / "benchmarks" / "dumps"  # by benchmarks.get_dumps; git ignores it
SHARED = ROOT.parent / "shared" / "archive.org"


def add_dumps(parser: argparse.ArgumentParser) -> None:
    """Add the flag that says where the dumps are."""
    default = SHARED if SHARED.is_dir() and not FETCHED.is_dir() else FETCHED
    parser.add_argument(
        "--dumps",
        type=Path,
        default=default,
        metavar="DIR",
        help="7z archives of sites, also in folders below (default: benchmarks/dumps, which benchmarks.get_dumps "
        "fills; without it ../shared/archive.org)",
    )


def find_archive(dumps: Path, host: str) -> Path:
    """A site's archive; of several the last by path. Raises SystemExit if there is none."""
    archives = sorted(dumps.rglob(f"{host}.7z"))
    if not archives:
        sys.exit(f"{dumps}: no {host}.7z in it; get it with: python -m benchmarks.get_dumps --dumps {dumps}")
    return archives[-1]


def read_dumps(dumps: Path, *flags: str) -> Iterator[dict[str, Any]]:
    """The records of all archives, as step 1 makes them with these flags, in a fixed order.

    A site that has several dumps comes several times. Raises SystemExit where there are no archives.
    """
    folders = sorted({archive.parent for archive in dumps.rglob("*.7z")})
    if not folders:
        sys.exit(f"{dumps}: no 7z archives in it; get some with: python -m benchmarks.get_dumps --dumps {dumps}")
    for folder in folders:
        yield from read_dump(folder, *flags)


def distinct_records(dumps: Path, *flags: str) -> dict[str, dict[str, Any]]:
    """The same records by id, those of the last one of several dumps of a site."""
    return {record["id"]: record for record in read_dumps(dumps, *flags)}


def write_distinct_records(path: Path, dumps: Path) -> None:
    """Write them to a file of records."""
    path.write_text("".join(f"{json.dumps(record)}\n" for record in distinct_records(dumps).values()))


def read_dump(path: Path, *flags: str) -> Iterator[dict[str, Any]]:
    """The records of what --dump_path takes."""
    with tempfile.TemporaryDirectory() as name:
        command = [sys.executable, ROOT / "get_stackexchange.py", "--dump_path", path, "--destdir", name, *flags]
        subprocess.run(command, check=True, stderr=subprocess.DEVNULL)
        for unfiltered in sorted(Path(name).glob("*/unfiltered.jsonl")):
            with unfiltered.open("rb") as lines:
                yield from map(json.loads, lines)
