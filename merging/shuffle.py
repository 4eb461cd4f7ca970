"""Records in an order drawn by a seed, without exact duplicates, in bounded memory.

A record's place in the order is a hash of the seed and its content, so that exact duplicates fall together and the order
depends on nothing but the records and the seed. Records are put aside in files by the first bits of that hash, and read back
file after file, as often as one wants.
"""

from __future__ import annotations

import shutil
from array import array
from collections import defaultdict
from collections.abc import Callable, Iterator
from hashlib import blake2b
from pathlib import Path

import orjson

from quality.duplicates import content_key, rank
from records.file_io import READ_BUFFER
from records.record import RecordLine

BUCKET_DIGITS = 2  # hexadecimal: 256 buckets. One must fit into memory: 120 MB for 10 million records of 3 kB
BUFFER = 1 << 26  # bytes held back before they go to files

KEY_DIGITS, DRAW_DIGITS = 32, 16  # the last 16 of the 32


class Drawn:
    """A record as it was put aside; nothing of it is parsed that is not asked for."""

    __slots__ = ("line",)

    def __init__(self, line: bytes):
        self.line = line  # key, group, number, place and record, with tabs between

    @property
    def draw(self) -> int:
        """64 random bits that the order does not depend on."""
        return int(self.line[KEY_DIGITS - DRAW_DIGITS : KEY_DIGITS], 16)

    @property
    def group(self) -> int:
        return int(self.line.split(b"\t", 2)[1])

    @property
    def number(self) -> int:
        """How many were added before it."""
        return int(self.line.split(b"\t", 3)[2])

    @property
    def row(self) -> RecordLine:
        _, _, _, place, raw = self.line.split(b"\t", 4)
        return RecordLine(orjson.loads(raw), raw[:-1], place.decode("unicode_escape"))


OnDuplicate = Callable[[RecordLine, RecordLine], object]  # of what is left out, and what is kept for it


class Shuffle:
    """Takes records in, and then gives them in the order that `seed` draws.

        with Shuffle(folder, "0") as shuffle:
            for row in rows:
                shuffle.add(row)
            for drawn in shuffle.drawn(): ...

    Of exact duplicates the best by `duplicates.rank` is given. Memory: BUFFER, a bucket, and 8 bytes a record.
    """

    def __init__(self, folder: Path, seed: str):
        """folder: for the temporary files, made in it and removed at the end."""
        self._seed = f"{seed}\n".encode()
        self._folder = folder / ".shuffle"
        self._held: defaultdict[bytes, list[bytes]] = defaultdict(list)
        self._size = 0
        self._ids = [array("q") for _ in range(256)]  # hashes of the ids, by their last byte; of no other run
        self._left_out: set[int] = set()
        self.count = 0

    def __enter__(self) -> Shuffle:
        self._folder.mkdir()
        return self

    def __exit__(self, *_: object) -> None:
        shutil.rmtree(self._folder, ignore_errors=True)

    def add(self, row: RecordLine, group: int = 0) -> None:
        """Put a record aside. `group` comes back with it."""
        key = blake2b(self._seed + content_key(row.record), digest_size=16).hexdigest().encode()
        place = row.place.encode("unicode_escape")
        line = b"%b\t%d\t%d\t%b\t%b\n" % (key, group, self.count, place, row.raw)
        self._held[key[:BUCKET_DIGITS]].append(line)
        self._size += len(line)
        if self._size > BUFFER:
            self._put_aside()
        hashed = hash(row.record["id"])
        self._ids[hashed & 255].append(hashed)
        self.count += 1

    def drawn(self, on_duplicate: OnDuplicate | None = None) -> Iterator[Drawn]:
        """The records in order; `on_duplicate` is told of those that are left out for a better one of the same content."""
        self._put_aside()
        for bucket in sorted(self._folder.iterdir()):
            best, count = self._best(bucket)
            if on_duplicate and len(best) < count:
                for line in self._lines(bucket):
                    if (kept := best[line[:KEY_DIGITS]]) != line:
                        on_duplicate(Drawn(line).row, Drawn(kept).row)
            for key in sorted(best):
                yield Drawn(best[key])

    def leave_out_repeated_ids(self, on_repeated: Callable[[RecordLine, str], object]) -> None:
        """Of records with the same id leave out all but the first added; `on_repeated` is told each, and the first's place."""
        suspects = {hashed for hashes in self._ids for hashed in _repeated(hashes)}
        if not suspects:
            return
        self._put_aside()
        drawn = (Drawn(line) for bucket in sorted(self._folder.iterdir()) for line in self._lines(bucket))
        ids = ((each.row.record["id"], each) for each in drawn)
        same = sorted((each.number, id, each.line) for id, each in ids if hash(id) in suspects)
        first: dict[str, str] = {}
        for number, id, line in same:
            row = Drawn(line).row
            if id in first:
                on_repeated(row, first[id])
                self._left_out.add(number)
            first.setdefault(id, row.place)

    def _best(self, bucket: Path) -> tuple[dict[bytes, bytes], int]:
        """The best line of each key, and how many lines there are."""
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

    def _put_aside(self) -> None:
        for bucket, lines in self._held.items():
            # buffered: a bare write may take a part of the bytes and raise nothing
            with (self._folder / bucket.decode()).open("ab") as out:
                out.write(b"".join(lines))
        self._held.clear()
        self._size = 0


def _repeated(hashes: array[int]) -> set[int]:
    if len(set(hashes)) == len(hashes):
        return set()
    seen: set[int] = set()
    return {each for each in hashes if each in seen or seen.add(each)}  # type: ignore[func-returns-value]
