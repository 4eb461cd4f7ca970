#!/usr/bin/env python3
"""Step 1: a Stack Exchange dump -> stack-exchange/<site>/unfiltered.jsonl, one question/answer pair a line.

Downloads what is needed of the sites' 7z archives at archive.org, or takes a dump that is here already, and writes
each answer with its question, bodies as Markdown, names and licences as attribution asks for. A site that is
complete is not done again; an interrupted one goes on from where its download stopped.

    python get_stackexchange.py --list
    python get_stackexchange.py --sites cstheory math.meta
    python get_stackexchange.py --dump_path ~/dumps/cstheory.stackexchange.com.7z
    python get_stackexchange.py --dump_path s3://dumps/2026-06 --destdir s3://pairs --scheduler tcp://10.0.0.5:8786

With --scheduler this machine reads the sites, --workers of them side by side, and the cluster's workers convert them.
Where --dump_path and --destdir are both URLs, workers reach them too: each small site is read, converted and written
by one of them.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import platform
import sys
import tempfile
import threading
from collections.abc import Callable, Iterable
from concurrent.futures import Executor, Future, ThreadPoolExecutor
from contextlib import suppress
from importlib import import_module
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

from download.http_client import Client
from records.errors import InputError
from records.file_io import open_output, write_report
from records.fsspec_paths import errors_told, location, try_writing, written_to
from records.output_checks import RECORDS, REPORT, Output, check_outputs
from records.script import Stages, positive, run, script_parser, table_lines
from records.workers import make_pool
from stackdump.archive_org import DEFAULT_URL, newest_item
from stackdump.cluster import Cluster, TaskCancelled, scratch_folder, this_worker
from stackdump.convert import BODY_SOURCES, WORK_FOLDERS, Conversion
from stackdump.dumps import Dump, ItemDump, item_dumps
from stackdump.local_dumps import local_dumps
from stackdump.sites import DEFAULT_SITES, Site, find_site, split_words

if TYPE_CHECKING:
    from upath import UPath

LIBRARIES = ("lxml", "py7zr", "rapidgzip", "selectolax")  # what the records depend on
CODE = ("get_stackexchange",)  # what workers need beside stackdump and the rooms that it uses


def arguments() -> argparse.Namespace:
    parser = script_parser(__doc__)
    add = parser.add_argument
    add("--sites", nargs="+", metavar="SITE", help="cstheory, math.meta, stackoverflow ... (default: the STEM sites, "
        "or all at --dump_path)")  # fmt: skip
    add("--list", action="store_true", help="print the sites of the dump with their sizes, and end")
    where = parser.add_mutually_exclusive_group()
    where.add_argument("--dump", metavar="ITEM", help="an item at archive.org (default: the newest whole one there)")
    where.add_argument("--dump_path", type=location, nargs="+", metavar="PATH", help="dumps that are here, or at a URL "
                       "that fsspec knows (s3://, gs://): 7z archives, XML files, or folders of them; docs/dumps.md "
                       "has a table")  # fmt: skip
    add("--base_url", default=os.environ.get("ARCHIVE_ORG_URL", DEFAULT_URL), metavar="URL",
        help=f"the server to fetch from (default: $ARCHIVE_ORG_URL, else {DEFAULT_URL})")  # fmt: skip
    add("--destdir", type=location, default=Path("stack-exchange"), metavar="DIR", help="a folder, or a URL that fsspec "
        "knows (default: stack-exchange)")  # fmt: skip
    add("--tmpdir", type=Path, metavar="DIR", help="for downloads and rows put aside, up to the size of Posts.xml "
        "unpacked, 1.3 times that where --destdir is a URL (default: in the site's folder; for a URL, the system's). A "
        "cluster's workers use their own: `dask worker --local-directory`")  # fmt: skip
    add("--workers", type=positive, default=os.cpu_count() or 1, metavar="N", help="processes that convert, and sites "
        "side by side (default: one a core)")  # fmt: skip
    add("--scheduler", metavar="ADDRESS", help="of a Dask cluster, such as tcp://10.0.0.5:8786, to convert on in place of "
        "processes here: in batches, or whole small sites where --dump_path and --destdir are URLs; it needs "
        "requirements/cluster.txt")  # fmt: skip
    add("--connections", type=positive, default=4, metavar="N", help="downloads at once (default: 4)")
    add("--body_source", choices=BODY_SOURCES, default="html", help="html: Markdown made of the posts as the site shows "
        "them (default); history: the authors' own Markdown, from PostHistory.xml")  # fmt: skip
    add("--no_authors", action="store_true", help="leave Users.xml alone; records name no authors but deleted ones")
    add("--keep_suspects", action="store_true", help="keep posts that look planted: of user -1, with ids far beyond all "
        "others'")  # fmt: skip
    add("--keep_archive", action="store_true", help="fetch archives whole and keep them in the site's folder, which may "
        "be no URL then")  # fmt: skip
    add("--force", action="store_true", help="do sites again that are complete")
    args = parser.parse_args()
    args.sites = split_words(args.sites or ())
    if not isinstance(args.destdir, Path):
        if args.keep_archive:
            parser.error("--keep_archive needs a --destdir that is no URL")
        args.tmpdir = args.tmpdir or Path(tempfile.gettempdir())
    return args


def main() -> int:
    args = arguments()
    client = Client(args.base_url, args.connections, tell)
    dumps = find_dumps(args, client)
    if args.list:
        for site in sorted(dumps, key=lambda site: site.host):
            print(f"{dumps[site].size:>16,}  {site.folder}")
        return 0
    return convert_all(choose_sites(args, dumps), args, client)


def find_dumps(args: argparse.Namespace, client: Client) -> dict[Site, Dump]:
    """The dumps that there are, by site."""
    if args.dump_path:
        with errors_told(next((place for place in args.dump_path if not isinstance(place, Path)), Path())):
            return local_dumps(*args.dump_path, named=args.sites, compare=not args.list, tell=tell)
    item = args.dump or newest_item(client, tell)
    tell(f"dump: {item} at {client.base_url}")
    return item_dumps(client, item, tell)


def choose_sites(args: argparse.Namespace, dumps: dict[Site, Dump]) -> dict[Site, Dump]:
    """Those that the user asks for."""
    if args.sites:
        return {site: dumps[site] for name in args.sites for site in [find_site(name, dumps)]}
    if args.dump_path:
        return dumps
    chosen = {site: dump for site, dump in dumps.items() if site.folder in DEFAULT_SITES}
    if not chosen:
        raise InputError("none of the default sites is in this dump; --list shows what is, --sites chooses")
    if lacking := [name for name in DEFAULT_SITES if name not in {site.folder for site in chosen}]:
        tell(f"default sites that the dump lacks: {', '.join(lacking)}")
    return chosen


def convert_all(chosen: dict[Site, Dump], args: argparse.Namespace, client: Client) -> int:
    """Convert the sites side by side, tell each one's fate, and return the exit status."""
    try_writing(args.destdir)
    pool = Cluster(args.scheduler, tell, CODE) if args.scheduler else make_pool(args.workers)
    threads = pool.workers if isinstance(pool, Cluster) else args.workers
    side_by_side = ThreadPoolExecutor(min(args.workers, len(chosen)))
    senders = ThreadPoolExecutor(threads)
    with pool, side_by_side, senders:
        try:
            whole, at_once = share_out(chosen, args, threads)
            turns = threading.Semaphore(at_once)
            here = {
                site: side_by_side.submit(convert, site, dump, args, pool, threads, client.stopped, tell)
                for site, dump in chosen.items()
                if site not in whole
            }
            away = {site: senders.submit(send, site, chosen[site], args, pool, turns) for site in whole}
            failures = failures_of(here)
            turns.release(threads)  # no batches are left to keep threads free for
            failures |= failures_of(away)
        except BaseException:  # Ctrl-C: end the others too, and leave the downloads to go on from
            client.stopped.set()
            for dump in chosen.values():
                dump.stop()
            for executor in (side_by_side, senders):
                executor.shutdown(wait=False, cancel_futures=True)
            pool.shutdown(cancel_futures=True)  # before those are waited for, which may wait for a worker
            raise
    if len(chosen) > 1:
        for site in chosen:
            tell(f"{site.folder}: {'failed' if site in failures else 'complete'}")
    if failures:
        raise InputError("; ".join(failures[site] for site in chosen if site in failures))
    return 0


def failures_of(futures: dict[Site, Future[None]]) -> dict[Site, str]:
    """What is wrong with the sites that fail; all sites have ended then."""
    failures: dict[Site, str] = {}
    for site, future in futures.items():
        try:
            future.result()
        except (InputError, OSError) as error:
            failures[site] = str(error)
    return failures


def share_out(chosen: dict[Site, Dump], args: argparse.Namespace, threads: int) -> tuple[list[Site], int]:
    """The sites that workers of a cluster convert whole, large ones first, and how many of them at once.

    They are those that one thread ends no later than all `threads` together could end the run; both ends must be URLs,
    which every machine reaches. Their part of the threads is that of their bytes: the others are for batches.
    """
    places = [*(args.dump_path or ()), args.destdir]
    if not (args.scheduler and args.dump_path) or any(isinstance(place, Path) for place in places):
        return [], threads
    with errors_told(places[0]):
        sizes = {site: dump.size for site, dump in chosen.items()}
    total = sum(sizes.values())
    whole = [site for site, size in sizes.items() if size * threads <= total]
    part = sum(sizes[site] for site in whole)
    return sorted(whole, key=lambda site: -sizes[site]), max(1, threads * part // max(1, total))


def send(site: Site, dump: Dump, args: argparse.Namespace, pool: Executor, turns: threading.Semaphore) -> None:
    """Have a worker of the cluster convert one site, and tell what it tells."""
    assert isinstance(pool, Cluster)
    with turns:
        tell(f"{site.folder}: sent whole to a worker")
        convert_there = import_module(CODE[0]).convert_there  # by a name that workers know, which __main__ is not
        try:
            lines = pool.submit_site(convert_there, site, dump, args).result()
        except InputError as error:
            raise InputError(f"{site.folder}: {error}") from None
        tell("\n".join(lines))


def convert_there(site: Site, dump: Dump, args: argparse.Namespace) -> list[str]:
    """Convert one site on the worker that this runs on, and return what there is to tell."""
    lines: list[str] = []
    args.workers = 1
    try:
        with scratch_folder() as folder, ThreadPoolExecutor(1) as pool:
            args.tmpdir = Path(folder)
            convert(site, dump, args, pool, 1, TaskCancelled(), lines.append)
    except (InputError, OSError) as error:
        raise InputError(f"{this_worker().address}: {error}") from None
    return lines


def convert(
    site: Site,
    dump: Dump,
    args: argparse.Namespace,
    pool: Executor,
    workers: int,
    stopped: threading.Event,
    tell: Callable[[str], None],
) -> None:
    """Convert one site, unless it is complete."""
    folder: Path | UPath = args.destdir / site.folder
    destination, report = folder / "unfiltered.jsonl", folder / "report.json"
    work = args.tmpdir / f"get_stackexchange-{site.folder}" if args.tmpdir else args.destdir / site.folder / ".work"
    options = {"authors": not args.no_authors, "body_source": args.body_source}
    if args.keep_suspects:  # a report from before it had this option says the same without it
        options["keep_suspects"] = True
    if args.keep_archive and isinstance(dump, ItemDump) and isinstance(folder, Path):
        dump.keep_in = folder
    with errors_told(report):
        if not args.force and is_complete(destination, report, dump, options):
            return tell(f"{site.folder}: {destination} is complete; --force does it again")
        check_outputs(
            [args.dump_path] if args.dump_path else [],
            [
                Output(destination, "--destdir", RECORDS),
                Output(report, "--destdir", REPORT),
                *(Output(work / name, "--tmpdir") for name in WORK_FOLDERS),
            ],
        )
    threads = max(1, args.workers - 1)  # to unpack; one core is left for the rows
    try:
        with (
            written_to(destination, work) as local,
            open_output(local) as out,
            Stages(site.folder) as stages,
            Conversion(
                site,
                dump,
                work,
                pool,
                workers,
                here=not isinstance(pool, Cluster),
                threads=threads,
                tell=tell,
                on_bytes=stages.show,
                stopped=stopped,
                **options,
            ) as conversion,
        ):
            conversion.read()
            output = write(conversion.lines(), out)
            with errors_told(report):
                report.unlink(missing_ok=True)  # of the records that are replaced now
    finally:
        for emptied in (work, folder):
            with suppress(OSError):  # nothing is in it after a failure at the first try
                if isinstance(emptied, Path):
                    emptied.rmdir()
    with written_to(report, work) as local:
        write_report(local, {
            "site": site.host,
            "dump": dump.describe(),
            "members": conversion.members(),
            "options": options,
            "mathjax": conversion.math,
            "counts": {name.strip(): count for name, count in conversion.table()},
            "authors_markdown": conversion.authors_markdown(),
            "forbidden_characters_replaced": conversion.replaced(),
            "output": {"file": destination.name, **output},
            "versions": {"python": platform.python_version(), **{name: version(name) for name in LIBRARIES}},
        })  # fmt: skip
    conversion.finish()
    for line in table_lines(f"{site.host} -> {destination}", conversion.table()):
        tell(line)
    if own := conversion.authors_markdown():
        same, posts = own["rendering_to_the_same_document"], own["posts"]
        tell(f"  {posts:,} posts are in their authors' Markdown; {same:,} of them render to what the site shows")
    if replaced := conversion.replaced():
        tell(f"  {replaced:,} characters that XML forbids became U+FFFD")


def is_complete(destination: Path | UPath, report: Path | UPath, dump: Dump, options: dict[str, Any]) -> bool:
    """Whether an earlier run has done this dump with these options."""
    try:
        told = json.loads(report.read_text("utf-8"))
        done = told["dump"], told["options"], told["output"]["bytes"]
        return done == (dump.describe(), options, destination.stat().st_size) and dump.is_kept()
    except (OSError, ValueError, KeyError, TypeError):
        return False


def write(pieces: Iterable[bytes], out: BinaryIO) -> dict[str, Any]:
    """Write the records, and tell their size and digest."""
    digest, size = hashlib.sha256(), 0
    for piece in pieces:
        out.write(piece)
        digest.update(piece)
        size += len(piece)
    return {"bytes": size, "sha256": digest.hexdigest()}


def tell(message: str) -> None:
    print(message, file=sys.stderr)


if __name__ == "__main__":
    run(main)
