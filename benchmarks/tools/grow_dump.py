"""Grow a large archive of a Stack Exchange site out of small real ones.

The tables' shares of the whole follow math.stackexchange.com (March 2020: PostHistory 50 %, Posts 29 %, Comments 11 %,
Votes 7 %, Users 1.6 %, Badges 1.3 %). Rows are real rows, repeated with their ids shifted and some of their words
altered, so that the result compresses about as well as a real dump. It is packed by 7-Zip (`7zz`, Debian package 7zip).

    python -m benchmarks.tools.grow_dump --out site.7z                     BZip2, solid, as up to 2025
    python -m benchmarks.tools.grow_dump --out site.7z --method lzma2      one LZMA2 stream a table, as in 2026
    python -m benchmarks.tools.grow_dump --out site.7z --order random      answers may precede their question
"""

from __future__ import annotations

import argparse
import random
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from itertools import chain, count
from pathlib import Path

from benchmarks.dumps import add_dumps, find_archive

SEEDS = ("ai.stackexchange.com", "bioinformatics.stackexchange.com", "matheducators.stackexchange.com")
SHARES = {
    "Badges": 0.0134,
    "Comments": 0.109,
    "PostHistory": 0.496,
    "PostLinks": 0.003,
    "Posts": 0.29,
    "Tags": 0.0001,
    "Users": 0.0163,
    "Votes": 0.0724,
}
METHODS = {"bzip2": "-ms=on", "lzma2": "-ms=off"}  # and whether all tables share a packed stream
ORDERS = ("id", "random")
IDS = re.compile(r'\b(Id|ParentId|AcceptedAnswerId|PostId|RelatedPostId|UserId|OwnerUserId|LastEditorUserId)="(\d+)"')
ROW = re.compile(r"^\s*<row .*?/>\s*$", re.M)
COMMON = re.compile(
    r"\b(the|and|that|with|this|have|from|they|will|would|there|their|what|about|which|when|make|like|time|just|know)\b"
)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    add = parser.add_argument
    add("--out", type=Path, required=True, metavar="PATH", help="the archive to write")
    add("--megabytes", type=int, default=400, metavar="N", help="size of all tables, unpacked (default: 400)")
    add("--method", choices=METHODS, default="bzip2", help="default: bzip2")
    add("--order", choices=ORDERS, default="id", help="of the rows (default: id)")
    add_dumps(parser)
    args = parser.parse_args()
    grow_dump(args.out, args.dumps, args.megabytes, args.method, args.order)
    print(f"{args.out}: {args.out.stat().st_size:,} bytes", file=sys.stderr)


def grow_dump(out: Path, dumps: Path, megabytes: int, method: str = "bzip2", order: str = "id", seed: int = 1) -> None:
    """Write an archive with so many megabytes of tables, grown out of the sites' archives in `dumps`.

    The same arguments give the same tables. Raises SystemExit where 7-Zip or a site's archive is missing.
    """
    if not shutil.which("7zz"):
        sys.exit("7zz is not installed; on Debian: apt-get install 7zip")
    archives = [find_archive(dumps, host) for host in SEEDS]
    chance = random.Random(seed)
    with tempfile.TemporaryDirectory(dir=out.resolve().parent) as name:
        folder = Path(name)
        seeds = [unpack(archive, folder / archive.stem) for archive in archives]
        span = id_span(seeds)
        for table, share in SHARES.items():
            rows = grown_rows([rows_of(seed / f"{table}.xml") for seed in seeds], span, chance)
            write_table(folder / f"{table}.xml", up_to(rows, int(share * megabytes * 1e6)), order, chance)
        partial = folder / "grown.7z"
        command = ["7zz", "a", "-bso0", "-bsp0", f"-m0={method}", METHODS[method], partial.name]
        subprocess.run([*command, *(f"{table}.xml" for table in SHARES)], check=True, cwd=folder)
        partial.replace(out)


def unpack(archive: Path, folder: Path) -> Path:
    """Unpack an archive into a folder, and return the folder."""
    subprocess.run(["7zz", "x", "-bso0", "-bsp0", "-y", f"-o{folder}", archive], check=True)
    return folder


def rows_of(path: Path) -> list[str]:
    """The rows of a table, none where the dump does not have it."""
    return [row.strip() for row in ROW.findall(path.read_text("utf-8-sig"))] if path.exists() else []


def id_span(seeds: list[Path]) -> int:
    """By how much ids have to be shifted so that no two copies share an id of a post or a user."""
    rows = chain.from_iterable(rows_of(seed / f"{table}.xml") for seed in seeds for table in ("Posts", "Users"))
    largest = max(int(number) for row in rows for _, number in IDS.findall(row))
    return (largest // 10_000 + 1) * 10_000


def grown_rows(seeds: list[list[str]], span: int, chance: random.Random) -> Iterator[str]:
    """The rows of all seeds again and again, as they are and then altered; nothing where no seed has rows."""
    if not any(seeds):
        return
    for copy in count():
        for number, seed in enumerate(seeds):
            offset = (copy * len(seeds) + number) * span
            for row in seed:
                shifted = shift_ids(row, offset)
                yield alter_words(shifted, chance) if copy else shifted


def shift_ids(row: str, offset: int) -> str:
    return IDS.sub(lambda match: f'{match[1]}="{int(match[2]) + offset}"', row)


def alter_words(row: str, chance: random.Random) -> str:
    """Give some common words a letter more, so that a copy is not packed as a reference to its original."""
    return COMMON.sub(lambda match: match[1] + chance.choice("aeinorst") if chance.random() < 0.3 else match[1], row)


def up_to(rows: Iterator[str], size: int) -> Iterator[str]:
    """Rows until their lines have so many characters."""
    written = 0
    for row in rows:
        yield row
        written += len(row) + 4  # with two spaces and a line end
        if written >= size:
            return


def write_table(path: Path, rows: Iterator[str], order: str, chance: random.Random) -> None:
    """Write a table's XML as dumps have it: byte order mark, CRLF, one row a line."""
    if order == "random":
        shuffled = list(rows)
        chance.shuffle(shuffled)
        rows = iter(shuffled)
    table = path.stem.lower()
    with path.open("w", encoding="utf-8", newline="") as out:
        out.write(f'\ufeff<?xml version="1.0" encoding="utf-8"?>\r\n<{table}>\r\n')
        out.writelines(f"  {row}\r\n" for row in rows)
        out.write(f"</{table}>\r\n")


if __name__ == "__main__":
    main()
