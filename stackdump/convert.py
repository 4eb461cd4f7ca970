"""One site from its dump to lines of records: read the tables, join the posts, write Markdown."""

from __future__ import annotations

import multiprocessing
import shutil
import signal
import sys
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import Executor, ProcessPoolExecutor, ThreadPoolExecutor
from contextlib import closing, suppress
from dataclasses import dataclass, field
from multiprocessing.connection import wait
from os import _exit
from pathlib import Path
from typing import Any

from stackdump.dumps import Dump, Table
from stackdump.errors import ChangedError, DamagedError, DumpError
from stackdump.join import OWN_MARKDOWN, SAME_DOCUMENT, Spool, join_all
from stackdump.lookup import Lookup, names, own_markdown
from stackdump.records import Style
from stackdump.rows import RowReader
from stackdump.sites import Site

# Where the Markdown comes from: ours, made of the posts' HTML, or the authors' own, from PostHistory.xml.
BODY_SOURCES = ("html", "history")

# What can become of an answer that is no pair; with the pairs they add up to the answers.
LEFT_OUT = ("orphans", "without text", "to a question without text", "repeated ids")


@dataclass
class Conversion:
    """The conversion of one site's dump, to be used in a `with` block.

    work: a folder for what is put aside; what a killed run left there is removed, but for downloads, which go on.
    on_bytes: is told of each piece of work as (what, bytes done, bytes in all).
    """

    site: Site
    dump: Dump
    work: Path
    authors: bool = True
    body_source: str = "html"  # one of BODY_SOURCES
    workers: int = 1
    tell: Callable[[str], None] = print
    on_bytes: Callable[[str, int, int], None] = lambda what, done, total: None
    stopped: threading.Event = field(default_factory=threading.Event)  # set it to end the conversion with DumpError

    def __post_init__(self) -> None:
        self.members: list[dict[str, Any]] = []
        self.counts: Counter[str] = Counter()
        self.replaced = 0
        self.spool = self._new_spool()
        self.names = Lookup(self.work / "spool" / "names.sqlite")
        self.bodies = Lookup(self.work / "spool" / "bodies.sqlite")

    def __enter__(self) -> Conversion:
        return self

    def __exit__(self, *_: object) -> None:
        """Remove what was put aside; downloads stay for another run to go on from, unless `finish` was called."""
        shutil.rmtree(self.work / "spool", ignore_errors=True)
        with suppress(OSError):  # downloads are in it
            self.work.rmdir()

    def finish(self) -> None:
        """Remove the downloads too: the records are safe."""
        shutil.rmtree(self.work, ignore_errors=True)

    def _new_spool(self) -> Spool:
        shutil.rmtree(self.work / "spool", ignore_errors=True)
        (self.work / "spool").mkdir(parents=True)
        return Spool(self.work / "spool" / "ranges", "Posts.xml")

    def read(self) -> None:
        """Take the tables in. A damaged or changed download is fetched once more. Raises DumpError."""
        try:
            self._read_tables()
        except (DamagedError, ChangedError) as error:
            if not self.dump.describe().get("item"):
                raise
            self.tell(f"{error}; doing that now")
            self.spool = self._new_spool()
            self.members.clear()
            self.replaced = 0
            self._read_tables()

    def _read_tables(self) -> None:
        wanted = tuple(name for name, is_wanted in self._tables() if is_wanted)
        threads = max(1, self.workers - 1)  # to unpack; one core is left for the rows
        with closing(self.dump.tables(wanted, self.work / "download", threads)) as tables:
            for table in tables:
                self._read_table(table)
        if self.body_source == "history" and not self.bodies.exists():
            raise DumpError(f"{self.spool.path}: has no PostHistory.xml beside it; leave --body_source history out")

    def _read_table(self, table: Table) -> None:
        reader = RowReader(table.name.lower(), table.path)
        try:
            self._take(table, reader.rows(self._watched(table)))
        except DumpError:
            if not self.stopped.is_set():
                for _ in table.chunks:  # to the end, where the check sum is: damage explains what was read
                    pass
            raise
        crc = None if table.crc is None else f"{table.crc:08x}"
        name = table.path.rpartition(" ")[2]
        self.members.append({"name": name, "size": table.size, "crc32": crc, "rows": reader.count})
        self.replaced += reader.replaced

    def _take(self, table: Table, rows: Iterator[bytes]) -> None:
        if table.name == "Posts":
            self.spool.path = table.path
            self.spool.add(rows)
        elif table.name == "Users":
            self.names.write(names(rows, table.path))
        else:
            self.bodies.write(own_markdown(rows, table.path))

    def _tables(self) -> tuple[tuple[str, bool], ...]:
        return ("PostHistory", self.body_source == "history"), ("Users", self.authors), ("Posts", True)

    def _watched(self, table: Table) -> Iterator[bytes]:
        done = 0
        for chunk in table.chunks:
            if self.stopped.is_set():
                raise DumpError(f"{table.path}: stopped")
            done += len(chunk)
            self.on_bytes(f"reading {table.name}", done, table.size)
            yield chunk

    @property
    def math(self) -> bool:
        """Whether the site uses MathJax: by the table of sites, or by a formula that it has marked itself."""
        return self.site.uses_mathjax or self.spool.marked_math

    def lines(self, pool: Executor, at_once: int) -> Iterator[bytes]:
        """The records as JSON lines, many at a time, ordered by question id, then score from high to low, then
        answer id. To be asked for after `read`. at_once: how many ranges the pool converts side by side."""
        style = Style(self.site, self.math)
        total = sum(path.stat().st_size for path in self.spool.ranges())
        done = 0
        for size, joined in join_all(self.spool, style, self.names, self.bodies, pool, at_once):
            if self.stopped.is_set():
                raise DumpError(f"{self.spool.path}: stopped")
            self.counts += joined.counts
            done += size
            self.on_bytes("writing Markdown", done, total)
            yield joined.lines

    def authors_markdown(self) -> dict[str, Any]:
        """How many posts are in their authors' own Markdown, and the share of them that renders to the document that
        the site shows. Empty where that was not asked for."""
        posts, same = self.counts[OWN_MARKDOWN], self.counts[SAME_DOCUMENT]
        if self.body_source == "html":
            return {}
        return {"posts": posts, "rendering_to_the_same_document": same, "share": same / posts if posts else None}

    def table(self) -> list[tuple[str, int]]:
        """What was read, what was left out and why, and the pairs: (name, count) rows that add up."""
        posts, counts = self.spool.counts, self.counts
        assert posts["answers"] == counts["pairs"] + sum(counts[reason] for reason in LEFT_OUT), (posts, counts)
        rows = [("rows of Posts.xml", posts.total())]
        rows += [
            (f"  {kind}", posts[kind]) for kind in ("questions", "posts of other types", "planted posts", "answers")
        ]
        rows += [(f"    dropped: {reason}", counts[reason]) for reason in LEFT_OUT if counts[reason]]
        return [*rows, ("    pairs written", counts["pairs"])]


def make_pool(workers: int) -> Executor:
    """Where ranges are converted: processes, or for one worker a thread of this one. To be called before any thread
    is started."""
    if workers == 1:
        return ThreadPoolExecutor(1)
    # On Linux workers are forks, which share what is imported: half the memory, and no second start-up.
    context = multiprocessing.get_context("fork" if sys.platform == "linux" else "spawn")
    pool = ProcessPoolExecutor(workers, context, initializer=_begin_worker)
    pool.submit(int).result()  # forks now, while there are no threads
    return pool


def _begin_worker() -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C goes to all; the parent ends its workers
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    threading.Thread(target=_end_with_parent, daemon=True).start()


def _end_with_parent() -> None:
    """A killed parent cannot end its workers, so they watch it."""
    parent = multiprocessing.parent_process()
    if parent is not None:
        wait([parent.sentinel])
        _exit(1)
