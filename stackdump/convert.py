"""One site from its dump to lines of records: read the tables, join the posts, write Markdown."""

from __future__ import annotations

import errno
import shutil
import sqlite3
import threading
from collections import Counter
from collections.abc import Callable, Generator, Iterator
from concurrent.futures import Executor, Future, ThreadPoolExecutor
from contextlib import ExitStack, closing, contextmanager, suppress
from dataclasses import dataclass, field
from itertools import repeat
from pathlib import Path
from typing import Any

from records.errors import ChangedError, DamagedError, InputError, LostError, RowError
from records.file_lock import AlreadyLockedError, locked
from records.workers import run_ahead
from stackdump.dumps import Dump, DumpTable
from stackdump.join import OWN_MARKDOWN, SAME_DOCUMENT, SUSPECT_ANSWERS, SUSPECT_QUESTIONS, Joined, SpooledRange
from stackdump.lookup import Lookup, names, own_markdown
from stackdump.posts import Batch, Placed, Style, suspect_from
from stackdump.sites import Site
from stackdump.spool import Placement, Spool
from stackdump.xml_rows import RowReader

# The site's mark of a formula, as in the raw row; in code the & is &amp;. Only sites with MathJax have it.
MATH_MARK = b"&lt;span class=&quot;math-container&quot;&gt;"

WORK_FOLDERS = SPOOL, DOWNLOAD = "spool", "download"  # below the folder for what is put aside
LOCK = ".lock"  # a file there

DISK_FULL = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}  # errors of writing, which name no file

# Why an answer is not in a pair; with the pairs these add up to the answers.
LEFT_OUT = ("orphans", "without text", "to a question without text", "repeated ids")


class MathFoundError(Exception):
    """The site uses MathJax after all, so the Markdown made so far is wrong."""


@contextmanager
def _closing(tables: Generator[DumpTable, None, None]) -> Iterator[None]:
    """End the dump's downloads with the block, and let the dump know if one of its tables is damaged."""
    with closing(tables):
        try:
            yield
        except (DamagedError, ChangedError) as error:
            tables.throw(error)


@contextmanager
def _naming_disk(work: Path) -> Iterator[None]:
    """Name `work` in errors of writing below it, such as a full disk, and turn SQLite's into OSError."""
    try:
        yield
    except sqlite3.Error as error:
        raise OSError(f"{work}: cannot be written ({error})") from None
    except OSError as error:
        if error.filename is None and error.errno in DISK_FULL:
            error.filename = str(work)
        raise


def tables_wanted(authors: bool, body_source: str) -> tuple[str, ...]:
    """The tables that a conversion reads, in the order in which they are needed."""
    tables = ("PostHistory", body_source == "history"), ("Users", authors), ("Posts", True)
    return tuple(name for name, is_wanted in tables if is_wanted)


@dataclass
class Conversion:
    """The conversion of one site's dump, to be used in a `with` block.

    work: a folder for temporary files; what a killed run left there is removed, except downloads, which are continued.
    pool: what converts, with `workers` of it. here: the workers have this machine's files. threads: to unpack.
    on_bytes: called for each piece of work with (what, bytes done, bytes in all if known).
    """

    site: Site
    dump: Dump
    work: Path
    pool: Executor
    workers: int
    here: bool = True
    threads: int = 1
    authors: bool = True
    body_source: str = "html"  # one of options.BODY_SOURCES
    keep_nbsp: bool = False  # keep no-break and other invisible spaces
    keep_suspects: bool = False  # keep posts that look planted
    tell: Callable[[str], None] = print
    on_bytes: Callable[[str, int, int | None], None] = lambda what, done, total: None
    stopped: threading.Event = field(default_factory=threading.Event)  # set it to end the conversion with InputError

    def __post_init__(self) -> None:
        self.counts: Counter[str] = Counter()
        self._read: list[tuple[DumpTable, RowReader]] = []
        self._failure: BaseException | None = None  # the first, of tables read at the same time
        self.math = self.site.uses_mathjax  # or a marked formula is found
        self.names = Lookup(self.work / SPOOL / "names.sqlite")
        self.bodies = Lookup(self.work / SPOOL / "bodies.sqlite")

    def __enter__(self) -> Conversion:
        self.work.mkdir(parents=True, exist_ok=True)
        self._lock = ExitStack()
        try:  # a run with another --compress writes another file, and would work here all the same
            self._lock.enter_context(locked(self.work / LOCK))
        except AlreadyLockedError:
            raise InputError(f"{self.work}: another run is using it; wait until it ends") from None
        self.spool = self._new_spool()
        return self

    def __exit__(self, *_: object) -> None:
        """Remove what was put aside; downloads stay for another run to continue, unless `finish` is called."""
        shutil.rmtree(self.work / SPOOL, ignore_errors=True)
        (self.work / LOCK).unlink(missing_ok=True)
        self._lock.close()
        with suppress(OSError):  # downloads are in it
            self.work.rmdir()

    def finish(self) -> None:
        """Remove the downloads too, when the records are complete."""
        shutil.rmtree(self.work / DOWNLOAD, ignore_errors=True)
        with suppress(OSError):  # files of others are in it
            self.work.rmdir()

    def _new_spool(self) -> Spool:
        shutil.rmtree(self.work / SPOOL, ignore_errors=True)
        folder = self.work / SPOOL / "ranges"
        folder.mkdir(parents=True)
        return Spool(folder, "Posts.xml")

    def read(self) -> None:
        """Read the tables. A file that changed, and each damaged part, is fetched once more. Raises InputError."""
        fetched, refetched = "item" in self.dump.describe(), set()
        while True:
            try:
                return self._read_tables()
            except MathFoundError:
                self.math = True
            except (DamagedError, ChangedError) as error:
                what = error.span if isinstance(error, DamagedError) else ChangedError
                if not fetched or what in refetched:
                    raise
                refetched.add(what)
                self.math = self.site.uses_mathjax
                self.tell(f"{error}; doing that now")
            self.spool = self._new_spool()
            self._read.clear()

    def _read_tables(self) -> None:
        wanted = tables_wanted(self.authors, self.body_source)
        self._failure = None
        tables = self.dump.tables(wanted, self.work / DOWNLOAD, self.threads)
        with _naming_disk(self.work), _closing(tables), ThreadPoolExecutor(1) as thread:
            users: list[Future[None]] = []
            for table in tables:
                if table.apart and table.name == "Users":  # work for one thread: other cores go on with the next table
                    users.append(thread.submit(self._read_table, table))
                    continue
                self._read_table(table)
                for reading in users:
                    reading.result()
        if self._from_history and not self.bodies.exists():
            raise InputError(f"{self.spool.path}: has no PostHistory.xml beside it; leave out --body_source history")
        if self.authors and not self.names.exists():
            self.tell(f"{self.site.folder}: the dump has no Users.xml, so records name no authors except deleted ones")

    def _read_table(self, table: DumpTable) -> None:
        reader = RowReader(table.name.lower(), self._path(table))
        try:
            with closing(table.chunks):
                self._take(table, reader)
        except BaseException as error:  # noqa: BLE001 - raised again
            self._failure = self._failure or error  # ends the other table that is being read
            raise self._failure from None
        self._read.append((table, reader))

    def _take(self, table: DumpTable, reader: RowReader) -> None:
        try:
            self._take_rows(table, reader)
        except LostError:
            raise
        except InputError:
            if not self._is_over():
                for _ in table.chunks:  # to the end, where the checksum is: damage explains the error
                    pass
            raise

    def _take_rows(self, table: DumpTable, reader: RowReader) -> None:
        try:
            if table.name == "Posts":
                self._take_posts(table, reader)
            elif table.name == "Users":
                self.names.write(names(reader.rows(self._watched(table))))
            else:
                self.bodies.write(own_markdown(reader.rows(self._watched(table))))
        except RowError as error:
            raise InputError(f"{reader.path}: {error}") from None

    def _take_posts(self, table: DumpTable, reader: RowReader) -> None:
        self.spool.path = reader.path
        batches = map(self._batch, reader.batches(self._watched(table)), repeat(reader.path))
        for placed in run_ahead(map(self._placing, batches), self.pool, self.workers, reader.path):
            self.spool.add(placed)
            reader.replaced += placed.replaced

    def _path(self, table: DumpTable) -> str:
        """The table's path for errors, after the site if the path does not name it."""
        return table.path if self.site.host in table.path else f"{self.site.host}: {table.path}"

    def _batch(self, rows: bytes, table: str) -> Batch:
        if not self.math and MATH_MARK in rows:
            raise MathFoundError
        return Batch(rows, table, self._style(), self._from_history)

    def _style(self) -> Style:
        return Style(self.site, self.math, self.keep_nbsp)

    def _placing(self, batch: Batch) -> Callable[[], Placed]:
        return Placement(batch, self.spool.folder).run if self.here else batch.place

    @property
    def _from_history(self) -> bool:
        return self.body_source == "history"

    def _watched(self, table: DumpTable) -> Iterator[bytes]:
        done = 0
        for chunk in table.chunks:
            if self._is_over():
                raise InputError(f"{table.path}: stopped")
            done += len(chunk)
            if not table.apart:  # only one bar is shown
                self.on_bytes(f"reading {table.name}", done, table.size)
            yield chunk

    def _is_over(self) -> bool:
        return self.stopped.is_set() or self._failure is not None

    def lines(self) -> Iterator[bytes]:
        """The records as JSON lines, many at a time, ordered by question id, then score from high to low, then
        answer id. Call `read` first."""
        style = self._style()
        above = None if self.keep_suspects else suspect_from(self.spool.largest)
        ranges = [SpooledRange(*found, style, self.names, self.bodies, above) for found in self.spool.ranges()]
        total = sum(file.stat().st_size for range_ in ranges for file in range_.files)
        done = 0
        with _naming_disk(self.work):
            for joined in self._joined(ranges):
                if self.stopped.is_set():
                    raise InputError(f"{self.spool.path}: stopped")
                self.counts += joined.counts
                done += joined.size
                self.on_bytes("joining", done, total)
                yield joined.take()
        if suspects := self.counts[SUSPECT_QUESTIONS] + self.counts[SUSPECT_ANSWERS]:
            self.tell(
                f"{self.site.folder}: {suspects:,} posts of user -1 are left out, because they look planted: their ids "
                f"are {above:,} or more, and no other post's is above {self.spool.largest:,}; --keep_suspects keeps "
                f"them"
            )

    def _joined(self, ranges: list[SpooledRange]) -> Iterator[Joined]:
        if self.here:
            joins = (range_.join_into_file for range_ in ranges)
        elif self._from_history:
            joins = (range_.load().join for range_ in ranges)
        else:  # without texts to convert, a join takes less time than sending it to another machine
            return (range_.join() for range_ in ranges)
        return run_ahead(joins, self.pool, self.workers, self.spool.path)

    def members(self) -> list[dict[str, Any]]:
        """The tables as they were read: names, sizes, CRC-32, rows."""
        return [
            {
                "name": table.path.rpartition(" ")[2],
                "size": table.size,
                "crc32": None if table.crc is None else f"{table.crc:08x}",
                "rows": reader.count,
            }
            for table, reader in sorted(self._read, key=lambda read: read[0].name)
        ]

    def replaced(self) -> int:
        """How many characters that XML forbids became U+FFFD."""
        return sum(reader.replaced for _, reader in self._read)

    def authors_markdown(self) -> dict[str, Any]:
        """How many posts are in their authors' own Markdown, and the share of them that renders to what the site shows.
        Empty if that is not wanted."""
        posts, same = self.counts[OWN_MARKDOWN], self.counts[SAME_DOCUMENT]
        if self.body_source == "html":
            return {}
        return {"posts": posts, "rendering_to_the_same_document": same, "share": same / posts if posts else None}

    def table(self) -> list[tuple[str, int]]:
        """What was read, what was left out and why, and the pairs, as (name, count) rows that add up."""
        posts, counts = self.spool.counts, self.counts
        answers = posts["answers"] - counts[SUSPECT_ANSWERS]
        assert answers == counts["pairs"] + sum(counts[reason] for reason in LEFT_OUT), (posts, counts)
        rows = [("rows of Posts.xml", posts.total())]
        rows += [("  questions", posts["questions"] - counts[SUSPECT_QUESTIONS])]
        rows += [(f"  {kind}", posts[kind]) for kind in ("posts of other types", "planted posts")]
        machines = ("posts of the Answer Bot", posts["posts of the Answer Bot"])
        suspects = ("posts that look planted", counts[SUSPECT_QUESTIONS] + counts[SUSPECT_ANSWERS])
        rows += [(f"  {kind}", count) for kind, count in (machines, suspects) if count]
        rows += [("  answers", answers)]
        rows += [(f"    dropped: {reason}", counts[reason]) for reason in LEFT_OUT if counts[reason]]
        return [*rows, ("    pairs written", counts["pairs"])]
