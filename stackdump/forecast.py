"""What a run will fetch and write, estimated before it begins, and whether the disks can hold that.

The ratios here and in `dumps` were measured with step 1 on dumps of ai, avp.meta, bioinformatics, datascience.meta,
matheducators and stackoverflow (April 2024), and of genai, mathoverflow and stackoverflow (December 2025), the large
ones cut to some megabytes. All of Stack Overflow agrees with them: 68.9 GB packed, 105.6 GB of Posts.xml.
"""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

from tqdm import tqdm

from records.errors import InputError
from stackdump.convert import tables_wanted
from stackdump.dumps import Dump
from stackdump.options import Options
from stackdump.sites import Site

# Bytes for each byte of Posts.xml.
TEMPORARY = 0.8  # posts and names: 0.7 to 0.8
OWN_MARKDOWN = 0.9  # more of it for --body_source history: 0.8 to 0.9
RECORDS = 1.2  # 0.9 to 1.4
COMPRESSED = 0.25  # of the records: 0.19 to 0.28

BLOCK = 512  # bytes, the unit of st_blocks, see stat(2)


@dataclass(frozen=True)
class Forecast:
    """Bytes of one site. `to_fetch` is an upper bound, the others are estimates.

    kept: what stays at the destination. work_beside: what is needed beyond that while the site is converted, with
    temporary files on the same disk. work_apart: what temporary files take on a disk of their own.
    """

    to_fetch: int
    kept: int
    work_beside: int
    work_apart: int


def forecast(site: Site, dump: Dump, options: Options) -> Forecast:
    """What converting the dump will take. Archives on disk, and URLs, are read where they are, and not fetched."""
    to_fetch = dump.to_fetch(tables_wanted(options.authors, options.body_source))
    history = OWN_MARKDOWN if options.body_source == "history" else 0.0
    temporary = int(dump.posts_size * (TEMPORARY + history))
    records = int(dump.posts_size * RECORDS * (COMPRESSED if options.compress else 1.0))
    work = options.work_folder(site.folder)
    there = _occupied(work)  # what a killed run left is used, or replaced
    # Temporary posts are removed as their records are written: the destination's disk never holds all of both.
    apart = to_fetch + (temporary if isinstance(options.destdir, Path) else max(temporary, records))
    beside = max(0, temporary - records) + (0 if options.keep_archive else to_fetch)
    return Forecast(
        to_fetch,
        kept=records + (to_fetch if options.keep_archive else 0),
        work_beside=max(0, beside - there),
        work_apart=max(0, apart - there),
    )


def _size(count: int) -> str:
    """As people read it: 68.9GB."""
    return str(tqdm.format_sizeof(count, "B"))


def describe(forecasts: Sequence[Forecast], options: Options) -> str:
    """A line that says what the run will do."""
    number = f"{len(forecasts)} site{'s' if len(forecasts) != 1 else ''} to convert"
    fetched = sum(each.to_fetch for each in forecasts)
    fetching = f"at most {_size(fetched)} to fetch, " if fetched else ""
    kept = f"about {_size(sum(each.kept for each in forecasts))} at {options.destdir}"
    work = f"{_size(_at_once([each.work_apart for each in forecasts], options))} of temporary files"
    return f"{number}: {fetching}{kept}, and at most {work} on the way"


def check_disk(forecasts: Sequence[Forecast], here: Sequence[Forecast], options: Options) -> None:
    """Raise InputError if a disk is too small. here: the sites whose temporary files are on this machine."""
    kept = sum(each.kept for each in forecasts)
    beside = _at_once([each.work_beside for each in here], options)
    apart = _at_once([each.work_apart for each in here], options)
    if not isinstance(options.destdir, Path):  # the room in a store is not known
        assert options.tmpdir
        _check(options.tmpdir, "--tmpdir", apart)
    elif options.tmpdir is None or _disk(options.tmpdir) == _disk(options.destdir):
        _check(options.destdir, "--destdir", kept + beside)
    else:
        _check(options.destdir, "--destdir", kept)
        _check(options.tmpdir, "--tmpdir", apart)


def _at_once(works: list[int], options: Options) -> int:
    """The most that sites converted side by side need: the temporary files of one that is complete are gone."""
    return sum(islice(sorted(works, reverse=True), options.workers))


def _check(folder: Path, flag: str, needed: int) -> None:
    free = shutil.disk_usage(_existing(folder)).free
    if needed > free:
        raise InputError(
            f"{folder}: this run needs about {_size(needed)} there, and {_size(free)} are free; give another {flag}, "
            f"or fewer --sites; --ignore_disk_space starts it anyway"
        )


def _disk(folder: Path) -> int:
    return _existing(folder).stat().st_dev


def _occupied(folder: Path) -> int:
    """Bytes of disk that the files in a folder take."""
    total = 0
    for path in folder.rglob("*"):
        with suppress(FileNotFoundError):  # another run is at work there, and removes it
            total += path.stat().st_blocks * BLOCK
    return total


def _existing(folder: Path) -> Path:
    """The folder, or the nearest one above it that exists."""
    return next(each for each in (folder.absolute(), *folder.absolute().parents) if each.exists())
