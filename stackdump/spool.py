"""Posts in files by ranges of the question id, so that answers can be joined to their questions in bounded memory.

A range is small, and the ranges one after another give the output in order of the question id, whatever the order of
rows in the dump. Each process writes files of its own, so that none waits for another.
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from itertools import groupby
from pathlib import Path

from stackdump.posts import Batch, Placed


@dataclass
class Spool:
    """The posts below `folder`, which must exist.

    path: of their table, for errors. counts: rows by what they are. largest: as in Placed.
    """

    folder: Path
    path: str
    counts: Counter[str] = field(default_factory=Counter)
    largest: int = 0

    def add(self, placed: Placed) -> None:
        """Count posts, and write those that are not in files yet."""
        write_posts(placed, self.folder)
        self.counts += placed.counts
        self.largest = max(self.largest, placed.largest)

    def ranges(self) -> Iterator[tuple[int, list[Path]]]:
        """Each range with its files, in order of the question id."""
        files = sorted(self.folder.glob("*.posts"), key=_range)
        for range_, of_range in groupby(files, key=_range):
            yield range_, list(of_range)


@dataclass(frozen=True)
class Placement:
    """A batch to be placed, and written to files, by one worker."""

    batch: Batch
    folder: Path

    def run(self) -> Placed:
        """Returns the counts, without posts. Raises InputError, and OSError for a full disk."""
        placed = self.batch.place()
        write_posts(placed, self.folder)
        return replace(placed, ranges={})


def write_posts(placed: Placed, folder: Path) -> None:
    """Add the posts to this process's files."""
    for range_, posts in placed.ranges.items():
        # buffered: a single write of the system may take only a part of the bytes, without an error
        with (folder / f"{range_}-{os.getpid()}.posts").open("ab") as out:
            out.write(posts)


def _range(path: Path) -> int:
    return int(path.name.rpartition("-")[0])
