"""Records in an order drawn by a seed, without exact duplicates, in bounded memory.

A record's place in the order is a hash of the seed and its content, so exact duplicates come together, and the order
depends only on the records and the seed. Records go to temporary files (buckets) by the first bits of that hash, and
are read back bucket after bucket, any number of times.
"""

from __future__ import annotations

import shutil
from array import array
from collections import defaultdict
from collections.abc import Callable, Iterator
from hashlib import blake2b
from pathlib import Path
from typing import Any

from quality.duplicates import content_key, rank
from records.file_io import READ_BUFFER
from records.record import RecordLine, decode

BUCKET_DIGITS = 2  # hexadecimal: 256 buckets. One has to fit into memory: 120 MB for 10 million records of 3 kB
BUFFER = 1 << 26  # bytes kept in memory before they are written to the buckets

KEY_DIGITS, DRAW_DIGITS = 32, 16  # the last 16 of the 32


class Drawn:
    """A record as it is stored; each property parses only what it needs."""

    __slots__ = ("line",)

    def __init__(self, line: bytes):
        self.line = line  # key, group, number, place and record, with tabs between

    @property
    def draw(self) -> int:
        """64 random bits, independent of the order."""
        return int(self.line[KEY_DIGITS - DRAW_DIGITS : KEY_DIGITS], 16)

    @property
    def group(self) -> int:
        return int(self.line.split(b"\t", 2)[1])

    @property
    def number(self) -> int:
        """How many were added before it."""
        return int(self.line.split(b"\t", 3)[2])

    @property
    def raw(self) -> bytes:
        """The record's line."""
        return self.line.split(b"\t", 4)[4]

    @property
    def row(self) -> RecordLine:
        _, _, _, place, raw = self.line.split(b"\t", 4)
        return RecordLine(decode(raw), raw[:-1], place.decode("unicode_escape"))


OnDuplicate = Callable[[RecordLine, RecordLine], object]  # takes the record that is left out, and the one kept


class Shuffle:
    """Collects records, then yields them in the order that `seed` draws.

        with Shuffle(folder, "0") as shuffle:
            for row in rows:
                shuffle.add(row)
            for drawn in shuffle.drawn(): ...

    Of exact duplicates it yields the best by `duplicates.rank`. Memory: BUFFER, one bucket, and 8 bytes a record.
    """

    def __init__(self, folder: Path, seed: str, key: Callable[[dict[str, Any]], bytes] = content_key):
        """folder: where the temporary files are created, and removed at the end. key: equal for exact duplicates."""
        self._seed, self._key = f"{seed}\n".encode(), key
        self._folder = folder / ".shuffle"
        self._held: defaultdict[bytes, list[bytes]] = defaultdict(list)
        self._size = 0
        self._ids = [array("q") for _ in range(256)]  # hashes of the ids, by last byte; they differ from run to run
        self._left_out: set[int] = set()
        self.count = 0

    def __enter__(self) -> Shuffle:
        self._folder.mkdir()
        return self

    def __exit__(self, *_: object) -> None:
        shutil.rmtree(self._folder, ignore_errors=True)

    def add(self, row: RecordLine, group: int = 0) -> None:
        """Add a record. `group` is stored with it."""
        key = blake2b(self._seed + self._key(row.record), digest_size=16).hexdigest().encode()
        place = row.place.encode("unicode_escape")
        line = b"%b\t%d\t%d\t%b\t%b\n" % (key, group, self.count, place, row.raw)
        self._held[key[:BUCKET_DIGITS]].append(line)
        self._size += len(line)
        if self._size > BUFFER:
            self._flush()
        hashed = hash(row.record["id"])
        self._ids[hashed & 255].append(hashed)
        self.count += 1

    def drawn(self, on_duplicate: OnDuplicate | None = None) -> Iterator[Drawn]:
        """The records in order. `on_duplicate` is called for each that is left out because a duplicate is better."""
        self._flush()
        for bucket in sorted(self._folder.iterdir()):
            best, count = self._best(bucket)
            if on_duplicate and len(best) < count:
                for line in self._lines(bucket):
                    if (kept := best[line[:KEY_DIGITS]]) != line:
                        on_duplicate(Drawn(line).row, Drawn(kept).row)
            for key in sorted(best):
                yield Drawn(best[key])

    def leave_out_repeated_ids(self, on_repeated: Callable[[RecordLine, str], object]) -> None:
        """Leave out all but the first added of the records with the same id.

        `on_repeated` is called with each of them and the place of the first.
        """
        suspects = {hashed for hashes in self._ids for hashed in _repeated(hashes)}
        if not suspects:
            return
        self._flush()
        drawn = (Drawn(line) for bucket in sorted(self._folder.iterdir()) for line in self._lines(bucket))
        ids = ((record.row.record["id"], record) for record in drawn)
        same = sorted((record.number, id, record.line) for id, record in ids if hash(id) in suspects)
        first: dict[str, str] = {}  # place by id
        for number, id, line in same:
            row = Drawn(line).row
            if id in first:
                on_repeated(row, first[id])
                self._left_out.add(number)
            first.setdefault(id, row.place)

    def _best(self, bucket: Path) -> tuple[dict[bytes, bytes], int]:
        """The best line of each key, and the number of lines."""
        best: dict[bytes, bytes] = {}
        count = 0
        for line in self._lines(bucket):
            count += 1
            held = best.setdefault(line[:KEY_DIGITS], line)
            if held is not line and rank(Drawn(line).row.record) < rank(Drawn(held).row.record):
                best[line[:KEY_DIGITS]] = line
        return best, count

    def _lines(self, bucket: Path) -> Iterator[bytes]:
        with bucket.open("rb", buffering=READ_BUFFER) as file:
            if self._left_out:
                yield from (line for line in file if Drawn(line).number not in self._left_out)
            else:
                yield from file

    def _flush(self) -> None:
        for bucket, lines in self._held.items():
            # buffered: an unbuffered write may write only some of the bytes without an error
            with (self._folder / bucket.decode()).open("ab") as out:
                out.write(b"".join(lines))
        self._held.clear()
        self._size = 0


def _repeated(hashes: array[int]) -> set[int]:
    if len(set(hashes)) == len(hashes):
        return set()
    seen: set[int] = set()
    return {hashed for hashed in hashes if hashed in seen or seen.add(hashed)}  # type: ignore[func-returns-value]
