"""One site from its dump to its files: unfiltered.jsonl and report.json, complete or not there at all."""

from __future__ import annotations

import hashlib
import json
import platform
import threading
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Executor
from contextlib import suppress
from importlib.metadata import version
from pathlib import Path
from typing import Any, BinaryIO

from records.file_io import open_output, write_report
from records.fsspec_paths import named_errors, written_to
from records.output_checks import RECORDS, REPORT, Output, check_outputs
from records.script import Stages, table_lines
from stackdump.cluster import Cluster
from stackdump.convert import WORK_FOLDERS, Conversion
from stackdump.dumps import Dump
from stackdump.options import Options
from stackdump.sites import Site

SCRIPT = "get_stackexchange.py"  # for reports: on a cluster, a worker writes them, which is another program
LIBRARIES = ("lxml", "py7zr", "rapidgzip", "selectolax")  # what the records depend on


def is_complete(site: Site, dump: Dump, options: Options) -> bool:
    """Whether an earlier run has converted this dump with these options. Raises InputError for a URL's errors."""
    records, report = options.records_file(site.folder), options.report_file(site.folder)
    with named_errors(report):
        try:
            found = json.loads(report.read_text("utf-8"))
            output = found["output"]
            size = output.get("bytes_compressed", output["bytes"])
            done = found["dump"], found["options"], output["file"], size
            wanted = dump.describe(), options.reported(), records.name, records.stat().st_size
            return done == wanted and dump.is_kept()
        except (OSError, ValueError, KeyError, TypeError, AttributeError):
            return False


def convert_site(
    site: Site,
    dump: Dump,
    options: Options,
    pool: Executor,
    pool_workers: int,
    stopped: threading.Event,
    tell: Callable[[str], None],
) -> None:
    """Convert one site on the `pool_workers` of the pool; `tell` takes the lines about it.

    Raises InputError, and OSError for a full disk; then the files of an earlier run are as they were.
    """
    records, report = options.records_file(site.folder), options.report_file(site.folder)
    work = options.work_folder(site.folder)
    _check_outputs(site, options)
    try:
        with written_to(records, work) as local:
            with (
                open_output(local) as out,
                Stages(site.folder) as stages,
                Conversion(
                    site,
                    dump,
                    work,
                    pool,
                    pool_workers,
                    here=not isinstance(pool, Cluster),
                    threads=max(1, options.workers - 1),  # to unpack; one core is left for the rows
                    authors=options.authors,
                    body_source=options.body_source,
                    keep_nbsp=options.keep_nbsp,
                    keep_suspects=options.keep_suspects,
                    tell=tell,
                    on_bytes=stages.show,
                    stopped=stopped,
                ) as conversion,
            ):
                conversion.read()
                output = _write(conversion.lines(), out)
                with named_errors(report):
                    report.unlink(missing_ok=True)  # it describes the records that are replaced now
            if options.compress:
                output["bytes_compressed"] = local.stat().st_size
    finally:
        for folder in (work, options.destdir / site.folder):
            with suppress(OSError):  # it has files, except after a failure at the first try
                if isinstance(folder, Path):
                    folder.rmdir()
    for other in options.other_records_files(site.folder):
        with named_errors(other):
            other.unlink(missing_ok=True)
    with written_to(report, work) as local:
        write_report(local, {"script": SCRIPT, **_report(site, dump, options, conversion, output)})
    conversion.finish()
    for line in _summary(f"{site.host} -> {records}", conversion):
        tell(line)


def _check_outputs(site: Site, options: Options) -> None:
    """Raise InputError if a file that would be written is an input, or was not written by a run."""
    report, work = options.report_file(site.folder), options.work_folder(site.folder)
    all_records = [options.records_file(site.folder), *options.other_records_files(site.folder)]
    with named_errors(report):
        check_outputs(
            options.dump_path,
            [
                *(Output(records, "--destdir", RECORDS) for records in all_records),
                Output(report, "--destdir", REPORT),
                *(Output(work / name, "--tmpdir") for name in WORK_FOLDERS),
            ],
        )


def _write(pieces: Iterable[bytes], out: BinaryIO) -> dict[str, Any]:
    """Write the records, and return their size and digest, before any compression."""
    digest, size = hashlib.sha256(), 0
    for piece in pieces:
        out.write(piece)
        digest.update(piece)
        size += len(piece)
    return {"bytes": size, "sha256": digest.hexdigest()}


def _report(site: Site, dump: Dump, options: Options, conversion: Conversion, output: dict[str, Any]) -> dict[str, Any]:
    return {
        "site": site.host,
        "dump": dump.describe(),
        "members": conversion.members(),
        "options": options.reported(),
        "mathjax": conversion.math,
        "counts": {name.strip(): count for name, count in conversion.table()},
        "authors_markdown": conversion.authors_markdown(),
        "forbidden_characters_replaced": conversion.replaced(),
        "output": {"file": options.records_file(site.folder).name, **output},
        "versions": {"python": platform.python_version(), **{name: version(name) for name in LIBRARIES}},
    }


def _summary(title: str, conversion: Conversion) -> Iterator[str]:
    """The lines about a site that is complete."""
    yield from table_lines(title, conversion.table())
    if own := conversion.authors_markdown():
        same, posts = own["rendering_to_the_same_document"], own["posts"]
        yield f"  {posts:,} posts are in their authors' Markdown; {same:,} of them render to what the site shows"
    if replaced := conversion.replaced():
        yield f"  {replaced:,} characters that XML forbids became U+FFFD"
