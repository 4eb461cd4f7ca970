#!/usr/bin/env python3
"""Step 1: a Stack Exchange dump -> stack-exchange/<site>/unfiltered.jsonl, one question/answer pair a line.

Downloads what is needed of the sites' 7z archives at archive.org, or takes a local dump, and writes each answer with
its question, bodies as Markdown, names and licences as attribution requires. A complete site is not converted again;
an interrupted download continues where it stopped.

    python get_stackexchange.py --list
    python get_stackexchange.py --sites cstheory math.meta
    python get_stackexchange.py --dump_path ~/dumps/cstheory.stackexchange.com.7z
    python get_stackexchange.py --dump_path s3://dumps/2026-06 --destdir s3://pairs --scheduler tcp://10.0.0.5:8786

With --scheduler this machine reads the sites, --workers of them side by side, and the cluster's workers convert them.
If --dump_path and --destdir are both URLs, each small site is read, converted and written by one worker.
"""

from __future__ import annotations

import argparse
import os
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from records.errors import InputError
from records.fsspec_paths import location, named_errors
from records.script import positive, run, script_parser, tell
from stackdump.options import BODY_SOURCES, COMPRESSIONS, DEFAULT_URL, Options
from stackdump.sites import DEFAULT_SITES, Site, find_site, split_words

# What reads dumps is imported in the functions that do, for --help and a mistyped argument need none of it.
if TYPE_CHECKING:
    from download.http_client import Client
    from stackdump.dumps import Dump


def arguments() -> argparse.Namespace:
    parser = script_parser(__doc__)
    add = parser.add_argument
    add(
        "--sites",
        nargs="+",
        default=(),
        metavar="SITE",
        help="cstheory, math.meta, stackoverflow ... (default: the STEM sites, or all at --dump_path)",
    )
    add("--list", action="store_true", help="print the sites of the dump with their sizes, and end")
    where = parser.add_mutually_exclusive_group()
    where.add_argument(
        "--dump", metavar="ITEM", help="an item at archive.org (default: the newest complete dump there)"
    )
    where.add_argument(
        "--dump_path",
        type=location,
        nargs="+",
        default=(),
        metavar="PATH",
        help="local dumps, or dumps at a URL that fsspec knows (s3://, gs://): 7z archives, XML files, or folders of "
        "them; docs/dumps.md has a table",
    )
    add(
        "--base_url",
        default=os.environ.get("ARCHIVE_ORG_URL", DEFAULT_URL),
        metavar="URL",
        help=f"the server to fetch from (default: $ARCHIVE_ORG_URL, else {DEFAULT_URL})",
    )
    add(
        "--destdir",
        type=location,
        default=Path("stack-exchange"),
        metavar="DIR",
        help="a folder, or a URL that fsspec knows (default: stack-exchange)",
    )
    add(
        "--tmpdir",
        type=Path,
        metavar="DIR",
        help="for downloads and temporary files, up to the size of Posts.xml unpacked, 1.3 times that if --destdir is "
        "a URL (default: in the site's folder; for a URL, the system's). A cluster's workers use their own: `dask "
        "worker --local-directory`",
    )
    add(
        "--compress",
        choices=COMPRESSIONS,
        help="write unfiltered.jsonl.zst, a quarter of the size; later steps read it",
    )
    add(
        "--workers",
        type=positive,
        default=os.cpu_count() or 1,
        metavar="N",
        help="processes that convert, and sites side by side (default: one a core)",
    )
    add(
        "--scheduler",
        metavar="ADDRESS",
        help="convert on the workers of the Dask cluster at this address, such as tcp://10.0.0.5:8786, instead of "
        "local processes: in batches, or whole small sites if --dump_path and --destdir are URLs; needs "
        "requirements/cluster.txt",
    )
    add("--connections", type=positive, default=4, metavar="N", help="downloads at once (default: 4)")
    add(
        "--body_source",
        choices=BODY_SOURCES,
        default="html",
        help="html: Markdown made from the posts as the site shows them (default); history: the authors' own Markdown, "
        "from PostHistory.xml",
    )
    add(
        "--keep_nbsp",
        action="store_true",
        help="keep no-break spaces and other invisible characters in text, instead of plain spaces; code always gets "
        "plain ones",
    )
    add("--no_authors", action="store_true", help="do not read Users.xml; records then name deleted users only")
    add(
        "--keep_suspects",
        action="store_true",
        help="keep posts that look planted: of user -1, with ids far beyond all others'",
    )
    add(
        "--keep_archive",
        action="store_true",
        help="fetch complete archives and keep them in the site's folder; needs a local --destdir",
    )
    add("--force", action="store_true", help="convert sites again that are complete")
    add(
        "--ignore_disk_space",
        action="store_true",
        help="begin although the disk seems too small: what a run needs is an estimate",
    )
    args = parser.parse_args()
    if args.keep_archive and not isinstance(args.destdir, Path):
        parser.error("--keep_archive needs a --destdir that is not a URL")
    return args


def main() -> None:
    args = arguments()
    from download.http_client import Client
    from stackdump.run_sites import run_sites

    client = Client(args.base_url, args.connections, tell)
    named = split_words(args.sites)
    dumps = find_dumps(args, named, client)
    if args.list:
        for site in sorted(dumps, key=lambda site: site.host):
            print(f"{dumps[site].size:>16,}  {site.folder}")
        return
    chosen = choose_sites(named, dumps, default=dumps if args.dump_path else None)
    run_sites(chosen, options(args), client.stopped, tell)


def find_dumps(args: argparse.Namespace, named: Sequence[str], client: Client) -> dict[Site, Dump]:
    """All dumps at --dump_path or in the item, by site."""
    from stackdump.archive_org import newest_item
    from stackdump.dumps import item_dumps
    from stackdump.local_dumps import local_dumps

    if args.dump_path:
        with named_errors(next((place for place in args.dump_path if not isinstance(place, Path)), Path())):
            return local_dumps(*args.dump_path, named=named, compare=not args.list, tell=tell)
    item = args.dump or newest_item(client, tell)
    tell(f"dump: {item} at {client.base_url}")
    return item_dumps(client, item, tell)


def choose_sites(named: Sequence[str], dumps: dict[Site, Dump], default: dict[Site, Dump] | None) -> dict[Site, Dump]:
    """The dumps of the named sites; where none is named, those in `default`, or of DEFAULT_SITES."""
    if named:
        return {site: dumps[site] for name in named for site in [find_site(name, dumps)]}
    if default is not None:
        return default
    chosen = {site: dump for site, dump in dumps.items() if site.folder in DEFAULT_SITES}
    if not chosen:
        raise InputError("none of the default sites is in this dump; --list shows what is, --sites chooses")
    if missing := [name for name in DEFAULT_SITES if name not in {site.folder for site in chosen}]:
        tell(f"default sites that the dump lacks: {', '.join(missing)}")
    return chosen


def options(args: argparse.Namespace) -> Options:
    is_local = isinstance(args.destdir, Path)
    return Options(
        destdir=args.destdir,
        dump_path=tuple(args.dump_path),
        tmpdir=args.tmpdir if is_local else args.tmpdir or Path(tempfile.gettempdir()),
        workers=args.workers,
        scheduler=args.scheduler,
        authors=not args.no_authors,
        body_source=args.body_source,
        keep_nbsp=args.keep_nbsp,
        keep_suspects=args.keep_suspects,
        keep_archive=args.keep_archive,
        compress=args.compress,
        force=args.force,
        ignore_disk_space=args.ignore_disk_space,
    )


if __name__ == "__main__":
    run(main)
