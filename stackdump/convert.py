"""One site from its dump to lines of records: read the tables, join the posts, write Markdown."""

from __future__ import annotations

import errno
import shutil
import sqlite3
import threading
from collections import Counter
from collections.abc import Callable, Generator, Iterator
from concurrent.futures import Executor, Future, ThreadPoolExecutor
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass, field
from itertools import repeat
from pathlib import Path
from typing import Any

from records.errors import ChangedError, DamagedError, InputError, LostError, RowError
from records.workers import run_ahead
from stackdump.dumps import Dump, DumpTable
from stackdump.join import OWN_MARKDOWN, SAME_DOCUMENT, SUSPECT_ANSWERS, SUSPECT_QUESTIONS, Joined, SpooledRange
from stackdump.lookup import Lookup, names, own_markdown
from stackdump.posts import Batch, Placed, Style, suspect_from
from stackdump.sites import Site
from stackdump.spool import Placement, Spool
from stackdump.xml_rows import RowReader

# Where the Markdown comes from: ours, made of the posts' HTML, or the authors' own, from PostHistory.xml.
BODY_SOURCES = ("html", "history")

# A formula that the site has marked, which only sites with MathJax do, as the raw row has it; in code the & is &amp;
MATH_MARK = b"&lt;span class=&quot;math-container&quot;&gt;"

WORK_FOLDERS = SPOOL, DOWNLOAD = "spool", "download"  # below the folder for what is put aside

DISK_FULL = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}  # errors of writing, which tell no file

# What can become of an answer that is no pair; with the pairs they add up to the answers.
LEFT_OUT = ("orphans", "without text", "to a question without text", "repeated ids")


class MathFoundError(Exception):
    """The site uses MathJax after all, so that the Markdown made so far is wrong."""


@contextmanager
def _told_of_damage(tables: Generator[DumpTable, None, None]) -> Iterator[None]:
    """Have a dump learn that a table of it turned out damaged, and end its downloads."""
    with closing(tables):
        try:
            yield
        except (DamagedError, ChangedError) as error:
            tables.throw(error)


@contextmanager
def _disk_told(work: Path) -> Iterator[None]:
    """Give an error of writing below `work`, such as a full disk, its name, and make one of SQLite's an OSError."""
    try:
        yield
    except sqlite3.Error as error:
        raise OSError(f"{work}: cannot be written ({error})") from None
    except OSError as error:
        if error.filename is None and error.errno in DISK_FULL:
            error.filename = str(work)
        raise


@dataclass
class Conversion:
    """The conversion of one site's dump, to be used in a `with` block.

    work: a folder for what is put aside; what a killed run left there is removed, but for downloads, which go on.
    pool: what converts, with so many `workers`. here: they have this machine's files. threads: to unpack.
    on_bytes: is told of each piece of work as (what, bytes done, bytes in all if that is known).
    """

    site: Site
    dump: Dump
    work: Path
    pool: Executor
    workers: int
    here: bool = True
    threads: int = 1
    authors: bool = True
    body_source: str = "html"  # one of BODY_SOURCES
    keep_suspects: bool = False  # posts that look planted
    tell: Callable[[str], None] = print
    on_bytes: Callable[[str, int, int | None], None] = lambda what, done, total: None
    stopped: threading.Event = field(default_factory=threading.Event)  # set it to end the conversion with InputError

    def __post_init__(self) -> None:
        self.counts: Counter[str] = Counter()
        self._read: list[tuple[DumpTable, RowReader]] = []
        self._failure: BaseException | None = None  # the first, of the tables that are being read
        self.math = self.site.uses_mathjax  # or a formula is found that the site has marked
        self.spool = self._new_spool()
        self.names = Lookup(self.work / SPOOL / "names.sqlite")
        self.bodies = Lookup(self.work / SPOOL / "bodies.sqlite")

    def __enter__(self) -> Conversion:
        return self

    def __exit__(self, *_: object) -> None:
        """Remove what was put aside; downloads stay for another run to go on from, unless `finish` was called."""
        shutil.rmtree(self.work / SPOOL, ignore_errors=True)
        with suppress(OSError):  # downloads are in it
            self.work.rmdir()

    def finish(self) -> None:
        """Remove the downloads too: the records are safe."""
        shutil.rmtree(self.work / DOWNLOAD, ignore_errors=True)
        with suppress(OSError):  # somebody else's files are in it
            self.work.rmdir()

    def _new_spool(self) -> Spool:
        shutil.rmtree(self.work / SPOOL, ignore_errors=True)
        folder = self.work / SPOOL / "ranges"
        folder.mkdir(parents=True)
        return Spool(folder, "Posts.xml")

    def read(self) -> None:
        """Take the tables in. A changed file, and each damaged piece of one, is fetched once more. Raises InputError."""
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
        wanted = tuple(name for name, is_wanted in self._tables() if is_wanted)
        self._failure = None
        tables = self.dump.tables(wanted, self.work / DOWNLOAD, self.threads)
        with _disk_told(self.work), _told_of_damage(tables), ThreadPoolExecutor(1) as thread:
            users: list[Future[None]] = []
            for table in tables:
                if table.apart and table.name == "Users":  # a single thread's work: other cores go on with the next
                    users.append(thread.submit(self._read_table, table))
                    continue
                self._read_table(table)
                for reading in users:
                    reading.result()
        if self._from_history and not self.bodies.exists():
            raise InputError(f"{self.spool.path}: has no PostHistory.xml beside it; leave --body_source history out")
        if self.authors and not self.names.exists():
            self.tell(
                f"{self.site.folder}: the dump has no Users.xml, so that records name no authors but deleted ones"
            )

    def _read_table(self, table: DumpTable) -> None:
        reader = RowReader(table.name.lower(), self._path(table))
        try:
            with closing(table.chunks):
                self._take(table, reader)
        except BaseException as error:  # noqa: BLE001 - raised again
            self._failure = self._failure or error  # which ends the other table that is being read
            raise self._failure from None
        self._read.append((table, reader))

    def _take(self, table: DumpTable, reader: RowReader) -> None:
        try:
            self._take_rows(table, reader)
        except LostError:
            raise
        except InputError:
            if not self._is_over():
                for _ in table.chunks:  # to the end, where the check sum is: damage explains what was read
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
        """The table's path for errors, behind the site where that does not tell it."""
        return table.path if self.site.host in table.path else f"{self.site.host}: {table.path}"

    def _batch(self, rows: bytes, table: str) -> Batch:
        if not self.math and MATH_MARK in rows:
            raise MathFoundError
        return Batch(rows, table, Style(self.site, self.math), self._from_history)

    def _placing(self, batch: Batch) -> Callable[[], Placed]:
        return Placement(batch, self.spool.folder).run if self.here else batch.place

    @property
    def _from_history(self) -> bool:
        return self.body_source == "history"

    def _tables(self) -> tuple[tuple[str, bool], ...]:
        return ("PostHistory", self._from_history), ("Users", self.authors), ("Posts", True)

    def _watched(self, table: DumpTable) -> Iterator[bytes]:
        done = 0
        for chunk in table.chunks:
            if self._is_over():
                raise InputError(f"{table.path}: stopped")
            done += len(chunk)
            if not table.apart:  # one bar is shown
                self.on_bytes(f"reading {table.name}", done, table.size)
            yield chunk

    def _is_over(self) -> bool:
        return self.stopped.is_set() or self._failure is not None

    def lines(self) -> Iterator[bytes]:
        """The records as JSON lines, many at a time, ordered by question id, then score from high to low, then
        answer id. To be asked for after `read`."""
        style = Style(self.site, self.math)
        above = None if self.keep_suspects else suspect_from(self.spool.largest)
        ranges = [SpooledRange(*found, style, self.names, self.bodies, above) for found in self.spool.ranges()]
        total = sum(file.stat().st_size for range_ in ranges for file in range_.files)
        done = 0
        with _disk_told(self.work):
            for joined in self._joined(ranges):
                if self.stopped.is_set():
                    raise InputError(f"{self.spool.path}: stopped")
                self.counts += joined.counts
                done += joined.size
                self.on_bytes("joining", done, total)
                yield joined.take()
        if suspects := self.counts[SUSPECT_QUESTIONS] + self.counts[SUSPECT_ANSWERS]:
            self.tell(f"{self.site.folder}: {suspects:,} posts of user -1 are left out, for they look planted: their "
                      f"ids are {above:,} or more, and no other post's is above {self.spool.largest:,}; "
                      f"--keep_suspects keeps them")  # fmt: skip

    def _joined(self, ranges: list[SpooledRange]) -> Iterator[Joined]:
        if self.here:
            joins = (range_.join_into_file for range_ in ranges)
        elif self._from_history:
            joins = (range_.load().join for range_ in ranges)
        else:  # with no texts to convert a join takes less time than the way to another machine
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
        """How many posts are in their authors' own Markdown, and the share of them that renders to the document that
        the site shows. Empty where that was not asked for."""
        posts, same = self.counts[OWN_MARKDOWN], self.counts[SAME_DOCUMENT]
        if self.body_source == "html":
            return {}
        return {"posts": posts, "rendering_to_the_same_document": same, "share": same / posts if posts else None}

    def table(self) -> list[tuple[str, int]]:
        """What was read, what was left out and why, and the pairs: (name, count) rows that add up."""
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
